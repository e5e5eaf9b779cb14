package position

import (
	"errors"
	"fmt"
	"io"
	"slices"
	"sync"
	"sync/atomic"

	"github.com/skaldlogs/skald/pkg/vfs"
)

// Options tune a [Book]. The zero value works.
type Options struct {
	// Clients are the names of those that the tracks' lines go to.
	Clients []string
	// IgnoreInvalid begins anew when the file cannot be read as YAML.
	IgnoreInvalid bool
	// ReadOnly keeps the book from writing anything.
	ReadOnly bool
	// NoSync leaves it to the system when the journal reaches the disk: a crash
	// of the process still repeats nothing, one of the machine may.
	NoSync bool
	// Unjournaled has batches be sent although the journal cannot be written: a
	// crash then repeats them. Without it they wait, see [Book.Begin].
	Unjournaled bool
	// JournalBytes is how long the journal grows before the positions are saved
	// to shorten it. The default is 8 MiB.
	JournalBytes int64
	// QueueBytes bounds the queue that each of several clients has on disk, see
	// [Queue]; 0 is for none.
	QueueBytes int64
}

const defaultJournalBytes = 8 << 20

// A Book holds the tracks of one agent and saves them.
type Book struct {
	fs     vfs.FS
	file   string
	opts   Options
	ledger *Ledger
	lock   io.Closer
	full   chan struct{}
	dirty  atomic.Bool
	queues []*Queue // by client; nil for none
	stray  []string

	saving sync.Mutex // held by whoever saves

	mu sync.Mutex // guards the fields below
	writing
	lastTrack  uint64
	lastFlight uint64
	tracks     map[uint64]*Track
	byKey      map[string]*Track
	byPath     map[string][]*Track // of files, older ones first
	byFile     map[fileKey]*Track
	foreign    map[string]string // what the file holds and no track stands for
	flights    map[uint64]*Flight
	left       []*Flight // those that an earlier process left
	old        []uint64  // generations of journal files that a save may remove
	buf        []byte
}

// writing is the journal file that is written to.
type writing struct {
	generation uint64
	journal    vfs.File // nil when none could be made
	journaled  int64    // bytes in it
	synced     int64    // those that are on the disk for sure
	enough     int64    // bytes above which the positions should be saved
	broken     error    // why the journal is not written to
}

type fileKey struct {
	job string
	File
}

func (n *Name) key() fileKey { return fileKey{n.Job, n.File} }

// Open reads the positions in file, which need not exist, and the journal
// beside it. The caller closes the book.
func Open(fsys vfs.FS, file string, ledger *Ledger, opts Options) (*Book, error) {
	if opts.JournalBytes <= 0 {
		opts.JournalBytes = defaultJournalBytes
	}
	b := &Book{
		fs: fsys, file: file, opts: opts, ledger: ledger,
		full:    make(chan struct{}, 1),
		tracks:  map[uint64]*Track{},
		byKey:   map[string]*Track{},
		byPath:  map[string][]*Track{},
		byFile:  map[fileKey]*Track{},
		foreign: map[string]string{},
		flights: map[uint64]*Flight{},
	}
	if err := b.open(); err != nil {
		return nil, errors.Join(fmt.Errorf("open positions: %w", err), b.unlock())
	}
	return b, nil
}

func (b *Book) open() error {
	if !b.opts.ReadOnly {
		if err := vfs.MkdirAllSync(b.fs, dirOf(b.file)); err != nil {
			return err
		}
		lock, err := b.fs.Lock(b.file + ".lock")
		if err != nil {
			return err
		}
		b.lock = lock
	}
	if err := b.load(); err != nil {
		return err
	}
	b.queues = make([]*Queue, len(b.opts.Clients))
	if !b.opts.ReadOnly {
		if err := b.openQueues(); err != nil {
			return err
		}
	}
	for _, t := range b.tracks {
		t.setKnown()
	}
	if b.opts.ReadOnly {
		return nil
	}
	// A disk that is full now may not be later: the journal is tried again.
	if b.dirty.Load() {
		_ = b.Save()
		return nil
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	_ = b.beginJournal()
	return nil
}

func (b *Book) unlock() error {
	if b.lock == nil {
		return nil
	}
	return b.lock.Close()
}

// Ledger is where the lines of all tracks are counted.
func (b *Book) Ledger() *Ledger { return b.ledger }

// Full receives when the positions should be saved although it is not yet time,
// so that the journal stays short.
func (b *Book) Full() <-chan struct{} { return b.full }

// JournalError says why no batch can be begun, or why batches are not in the journal;
// nil when they are. The next save tries again.
func (b *Book) JournalError() error {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.broken
}

// Close saves the positions and releases the files.
func (b *Book) Close() error {
	err := b.Save()
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.journal != nil {
		err = errors.Join(err, b.journal.Close())
		b.journal = nil
	}
	for _, q := range b.queues {
		if q != nil {
			err = errors.Join(err, q.close())
		}
	}
	return errors.Join(err, b.unlock())
}

// Keyed returns the track of a source that is not a file, and makes it if it is
// new. Its text is what [Track.Resume] returns.
func (b *Book) Keyed(key string) *Track {
	b.mu.Lock()
	defer b.mu.Unlock()
	if t := b.byKey[key]; t != nil {
		return t
	}
	t := b.newTrack(Name{Key: key})
	if text, ok := b.foreign[key]; ok {
		t.notes = []note{{0, text}}
		delete(b.foreign, key)
	}
	b.byKey[key] = t
	return t
}

// NewFile begins the track of a file whose bytes below offset are settled.
func (b *Book) NewFile(name Name, offset int64) *Track {
	b.mu.Lock()
	defer b.mu.Unlock()
	t := b.newTrack(name)
	for i := range t.settled {
		t.settled[i].Add(Range{0, offset})
	}
	t.setKnown()
	// Even before its first batch, a crash must not make the file one of which
	// nothing is known: it may be rotated away meanwhile.
	b.describe(t)
	b.byPath[name.Path] = append(b.byPath[name.Path], t)
	b.byFile[name.key()] = t
	return t
}

func (b *Book) newTrack(name Name) *Track {
	b.lastTrack++
	t := NewTrack(b.ledger)
	t.id, t.name = b.lastTrack, name
	b.tracks[t.id] = t
	b.dirty.Store(true)
	return t
}

// Copy begins a track of the same source under another name: of what has settled
// of the first, is in flight or was handed on, nothing is to be read for it.
func (b *Book) Copy(of *Track, change func(n *Name)) *Track {
	name := of.Name()
	change(&name)
	b.mu.Lock()
	defer b.mu.Unlock()
	t := b.newTrack(name)
	of.mu.Lock()
	for i := range t.settled {
		t.settled[i] = of.settled[i].Clone()
		t.settled[i].Add(of.inFlight[i].all()...)
		t.settled[i].Add(Range{0, of.passed.Load()})
	}
	of.mu.Unlock()
	t.setKnown()
	b.describe(t)
	b.byPath[name.Path] = append(b.byPath[name.Path], t)
	b.byFile[name.key()] = t
	return t
}

// Files returns the tracks of files first seen under a path, older ones first.
func (b *Book) Files(path string) []*Track {
	b.mu.Lock()
	defer b.mu.Unlock()
	return append([]*Track(nil), b.byPath[path]...)
}

// Paths returns the paths that files were first seen under.
func (b *Book) Paths() []string {
	b.mu.Lock()
	defer b.mu.Unlock()
	out := make([]string, 0, len(b.byPath))
	for p := range b.byPath {
		out = append(out, p)
	}
	return out
}

// OfFile returns the latest track that a job has of a file, or nil.
func (b *Book) OfFile(job string, f File) *Track {
	b.mu.Lock()
	defer b.mu.Unlock()
	if t := b.byFile[fileKey{job, f}]; t != nil {
		return t
	}
	f.Born = 0 // it was not known when the track was saved
	return b.byFile[fileKey{job, f}]
}

// Move changes which file a track is of.
func (b *Book) Move(t *Track, change func(n *Name)) {
	b.mu.Lock()
	defer b.mu.Unlock()
	before := t.Name()
	t.Rename(change)
	b.renamed(t, &before)
	t.described = 0
	b.describe(t)
	b.dirty.Store(true)
}

// renamed brings the indexes up to date with a track's name. Call with b.mu held.
func (b *Book) renamed(t *Track, before *Name) {
	after := t.Name()
	if before.Key != "" || after.Key != "" {
		return
	}
	if b.byFile[before.key()] == t {
		delete(b.byFile, before.key())
	}
	// A later file may have the inode by now.
	if b.byFile[after.key()] == nil || before.key() != after.key() {
		b.byFile[after.key()] = t
	}
	if before.Path != after.Path {
		b.leave(before.Path, t)
		b.byPath[after.Path] = append(b.byPath[after.Path], t)
	}
}

// Described is told that what is known of a track's source changed, by
// [Track.Rename].
func (b *Book) Described(t *Track) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if t.id != 0 {
		t.described = 0
		b.describe(t)
		b.dirty.Store(true)
	}
}

// Foreign returns the offset that another program saved for a path.
func (b *Book) Foreign(path string) (offset int64, ok bool) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return parseOffset(b.foreign[path])
}

// Taken forgets what another program saved for a path: a track stands for it now.
func (b *Book) Taken(path string) {
	b.mu.Lock()
	defer b.mu.Unlock()
	delete(b.foreign, path)
}

// Forget ends a track: nothing of it is saved any more. Batches in flight may
// still settle it.
func (b *Book) Forget(t *Track) {
	name := t.Name()
	b.mu.Lock()
	defer b.mu.Unlock()
	delete(b.tracks, t.id)
	b.dirty.Store(true)
	if name.Key != "" {
		delete(b.byKey, name.Key)
		return
	}
	if id := name.key(); b.byFile[id] == t {
		delete(b.byFile, id)
	}
	b.leave(name.Path, t)
}

// leave takes a track out of those of a path. Call with b.mu held.
func (b *Book) leave(path string, t *Track) {
	kept := slices.DeleteFunc(slices.Clone(b.byPath[path]), func(o *Track) bool { return o == t })
	if len(kept) == 0 {
		delete(b.byPath, path)
		return
	}
	b.byPath[path] = kept
}
