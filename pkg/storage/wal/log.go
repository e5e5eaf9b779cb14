package wal

import (
	"errors"
	"fmt"
	"io"
	"maps"
	"path/filepath"
	"slices"
	"sync"

	"github.com/go-kit/log/level"

	"github.com/skaldlogs/skald/pkg/vfs"
)

// A Log is a folder with the generations of one ingester. It belongs to one
// process at a time. Its methods may be called by any number of goroutines.
type Log struct {
	dir     string
	opts    Options
	metrics *metrics
	lock    io.Closer

	mu      sync.Mutex          // guards the fields below; held while a counter or a removal is made durable
	found   map[uint64][]uint32 // files of the generations met at Open and not removed since, ascending
	last    uint64              // highest number given out
	counter string              // name of the counter file, "" before the first
	writers map[uint64]*Writer  // open ones
	closed  bool
}

// Open opens the log in a folder, which is made if it is missing, and takes its
// lock: the error wraps vfs.ErrLocked while another process has it. It finishes
// removals that a crash cut short, and reads no record.
func Open(dir string, o Options) (*Log, error) {
	l := &Log{
		dir:     dir,
		opts:    o.withDefaults(),
		found:   map[uint64][]uint32{},
		writers: map[uint64]*Writer{},
	}
	if err := l.open(); err != nil {
		return nil, fmt.Errorf("open write-ahead log %s: %w", dir, err)
	}
	l.metrics = newMetrics(l.opts.Registerer)
	return l, nil
}

func (l *Log) open() error {
	fsys := l.opts.FS
	if err := vfs.MkdirAllSync(fsys, l.dir); err != nil {
		return err
	}
	lock, err := fsys.Lock(filepath.Join(l.dir, lockName))
	if err != nil {
		return err
	}
	l.lock = lock
	if err := l.scan(); err != nil {
		return errors.Join(err, lock.Close())
	}
	return nil
}

// scan finds out what the folder holds.
func (l *Log) scan() error {
	infos, err := l.opts.FS.ReadDir(l.dir)
	if err != nil {
		return err
	}
	var seen, counter uint64
	var removed []uint64
	for _, info := range infos {
		if g, ok := parseNumberName(info.Name, counterSuffix); ok {
			counter, l.counter = g, info.Name // the highest comes last
		}
		if g, ok := parseNumberName(info.Name, removedSuffix); ok {
			removed = append(removed, g)
			seen = max(seen, g)
		}
		if g, file, ok := parseFileName(info.Name); ok {
			l.found[g] = append(l.found[g], file)
			seen = max(seen, g)
		}
	}
	for _, g := range removed {
		if err := l.finishRemoval(g); err != nil {
			return err
		}
		delete(l.found, g)
	}
	for _, files := range l.found {
		slices.Sort(files)
	}

	l.last = max(counter, seen, l.opts.After)
	if l.counter == "" && seen > 0 {
		l.last += counterLeap
		level.Warn(l.opts.Logger).Log("msg", "the counter of generations is gone, numbers leap ahead", "dir", l.dir, "last", l.last)
	}
	return nil
}

// Generations returns the numbers of the generations that were on disk when the
// log was opened and have not been removed since, oldest first.
func (l *Log) Generations() []uint64 {
	l.mu.Lock()
	defer l.mu.Unlock()
	return slices.Sorted(maps.Keys(l.found))
}

// Begin starts the next generation. Its number is durable when Begin returns,
// and its first file begins with its first record.
func (l *Log) Begin() (*Writer, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.closed {
		return nil, fmt.Errorf("begin generation: %w", ErrClosed)
	}
	next := l.last + 1
	if err := l.count(next); err != nil {
		// The counter may or may not have reached the disk: the number was not
		// given out, and may be tried again.
		l.metrics.failed("counter", err)
		return nil, fmt.Errorf("begin generation %d: %w", next, err)
	}
	l.last = next
	w := newWriter(l, next)
	l.writers[next] = w
	return w, nil
}

// count makes the counter say that a number is given out. The number is the name
// of a file, so that a generation can begin, and the one before be frozen and
// removed, on a disk without room for a single byte.
func (l *Log) count(generation uint64) error {
	fsys, name := l.opts.FS, numberName(generation, counterSuffix)
	path := filepath.Join(l.dir, name)
	switch l.counter {
	case name: // renamed before, but perhaps not durably
	case "":
		f, err := fsys.Create(path)
		if err != nil {
			return err
		}
		if err := f.Close(); err != nil {
			return err
		}
	default:
		if err := fsys.Rename(filepath.Join(l.dir, l.counter), path); err != nil {
			return err
		}
	}
	l.counter = name
	return fsys.SyncDir(l.dir)
}

// Remove removes a generation, durably: once it returned nil, no crash brings
// back any of it, and before that all of it or nothing. A generation that is being
// written has to be closed first. One that is not there is no error.
func (l *Log) Remove(generation uint64) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.closed {
		return fmt.Errorf("remove generation %d: %w", generation, ErrClosed)
	}
	if l.writers[generation] != nil {
		return fmt.Errorf("remove generation %d: it is being written", generation)
	}
	if err := l.remove(generation); err != nil {
		return fmt.Errorf("remove generation %d: %w", generation, err)
	}
	delete(l.found, generation)
	return nil
}

func (l *Log) remove(generation uint64) error {
	infos, err := l.opts.FS.ReadDir(l.dir)
	if err != nil {
		return err
	}
	// A removal that failed half way has left the mark, and is taken up again.
	first := ""
	for _, info := range infos {
		if g, ok := parseNumberName(info.Name, removedSuffix); ok && g == generation {
			return l.finishRemoval(generation)
		}
		if g, _, ok := parseFileName(info.Name); ok && g == generation && first == "" {
			first = info.Name
		}
	}
	if first == "" {
		return nil
	}
	if err := l.opts.FS.Rename(filepath.Join(l.dir, first), filepath.Join(l.dir, numberName(generation, removedSuffix))); err != nil {
		return err
	}
	return l.finishRemoval(generation)
}

// finishRemoval removes the files of a generation that is marked as removed, then
// the mark. A mark that outlives a crash alone does no harm.
func (l *Log) finishRemoval(generation uint64) error {
	if err := l.opts.FS.SyncDir(l.dir); err != nil {
		return err
	}
	infos, err := l.opts.FS.ReadDir(l.dir)
	if err != nil {
		return err
	}
	for _, info := range infos {
		if g, _, ok := parseFileName(info.Name); ok && g == generation {
			if err := l.opts.FS.Remove(filepath.Join(l.dir, info.Name)); err != nil {
				return err
			}
		}
	}
	if err := l.opts.FS.SyncDir(l.dir); err != nil {
		return err
	}
	return l.opts.FS.Remove(filepath.Join(l.dir, numberName(generation, removedSuffix)))
}

// forget takes a writer off the list of open ones.
func (l *Log) forget(w *Writer) {
	l.mu.Lock()
	defer l.mu.Unlock()
	delete(l.writers, w.generation)
}

// Close closes the writers that are still open, as [Writer.Close] does, and
// releases the lock.
func (l *Log) Close() error {
	l.mu.Lock()
	if l.closed {
		l.mu.Unlock()
		return ErrClosed
	}
	l.closed = true
	writers := slices.Collect(maps.Values(l.writers))
	l.mu.Unlock()

	var errs []error
	for _, w := range writers {
		if err := w.Close(); err != nil && !errors.Is(err, ErrClosed) {
			errs = append(errs, err)
		}
	}
	return errors.Join(append(errs, l.lock.Close())...)
}
