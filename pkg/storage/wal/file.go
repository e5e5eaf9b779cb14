package wal

import (
	"errors"
	"fmt"
	"path/filepath"
	"time"

	"github.com/skaldlogs/skald/pkg/vfs"
)

// A file of the log that is or was written to. All but the first fields are
// guarded by the mutex of its writer.
type file struct {
	vfs.File
	name   string // within the folder
	number uint32
	framed framer // belongs to whoever may write

	// Invariant: synced <= written. Both count bytes from the start.
	written int64
	synced  int64
	// promised is the end of the last record that was acknowledged without a sync.
	promised int64
	syncing  bool  // someone is in File.Sync
	err      error // of the first write or sync that failed; the file is dead
}

// create makes the next file of a generation, with its header, and makes its
// name durable. What fails leaves nothing behind that counts.
func (w *Writer) create() (*file, error) {
	fsys, dir := w.log.opts.FS, w.log.dir
	name := fileName(w.generation, w.next)
	path := filepath.Join(dir, name)
	h, err := fsys.Create(path)
	if err != nil {
		return nil, err
	}
	f := &file{File: h, name: name, number: w.next}
	f.framed = framer{w: h, seed: frameSeed(w.generation, w.next), buf: appendFileHeader(w.buffer[:0], w.generation, w.next), off: fileHeader}
	err = f.framed.flush()
	if err == nil {
		err = fsys.SyncDir(dir)
	}
	if err != nil {
		err = errors.Join(err, h.Close())
		w.discard(f)
		return nil, err
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	w.wroteLocked(f)
	w.next++
	return f, nil
}

// discard removes a closed file in which nothing was acknowledged, so that a
// disk that stays full is not littered. Its number is free again, unless the file
// cannot be removed: it is dead, and must not be opened for writing again.
func (w *Writer) discard(f *file) {
	if err := w.log.opts.FS.Remove(filepath.Join(w.log.dir, f.name)); err != nil {
		w.next = f.number + 1
		return
	}
	w.next = f.number
	w.mu.Lock()
	defer w.mu.Unlock()
	w.size -= f.written
}

// failLocked marks f dead.
func (w *Writer) failLocked(f *file, operation string, err error) {
	w.log.metrics.failed(operation, err)
	if f.err == nil {
		f.err = err
	}
	w.changed.Broadcast()
}

// syncLocked returns when the first end bytes of f are durable. One sync serves
// all who wait: whoever finds nobody syncing does it, for all that was written.
func (w *Writer) syncLocked(f *file, end int64) error {
	for f.synced < end {
		if f.err != nil {
			return f.err
		}
		if f.syncing {
			w.changed.Wait()
			continue
		}
		f.syncing = true
		covered := f.written
		w.mu.Unlock()
		began := time.Now()
		err := f.Sync()
		w.log.metrics.syncSeconds.Observe(time.Since(began).Seconds())
		w.mu.Lock()
		f.syncing = false
		if err != nil {
			w.failLocked(f, "sync", err)
			return err
		}
		f.synced = max(f.synced, covered)
		w.changed.Broadcast()
	}
	return nil
}

// leave takes a file out of use: in order if it is healthy, else as it is. An
// orderly file stays open without a sync if none is wanted. The error says what was
// acknowledged and may now be lost. The caller may write, and does not hold the mutex.
func (w *Writer) leave(f *file, sync bool) error {
	w.buffer = f.framed.buf[:0]
	if w.alive(f) && w.end(f, sync) == nil {
		if !sync {
			return nil
		}
		// Nobody is in Sync: every byte is synced, so nobody has a reason to be.
		return f.Close()
	}

	w.mu.Lock()
	err := w.closeDeadLocked(f)
	empty := f.synced == 0 && f.promised == 0
	w.mu.Unlock()
	if empty {
		w.discard(f)
	}
	return err
}

func (w *Writer) alive(f *file) bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	return f.err == nil
}

// end writes the mark of an orderly end, and syncs or notes that a sync is missing.
func (w *Writer) end(f *file, sync bool) error {
	f.framed.end()
	err := f.framed.flush()
	w.mu.Lock()
	defer w.mu.Unlock()
	if err != nil {
		w.failLocked(f, "write", err)
		return err
	}
	w.wroteLocked(f)
	if !sync {
		w.unsynced = append(w.unsynced, f)
		return nil
	}
	return w.syncLocked(f, f.written)
}

// wroteLocked notes that all that was framed has been written.
func (w *Writer) wroteLocked(f *file) {
	n := f.framed.off - f.written
	f.written = f.framed.off
	w.size += n
	w.log.metrics.bytes.Add(float64(n))
}

// closeDeadLocked closes a dead file. The error says what was acknowledged in
// it without a sync, and may be lost with the power.
func (w *Writer) closeDeadLocked(f *file) error {
	for f.syncing {
		w.changed.Wait()
	}
	_ = f.Close() // it can tell us nothing worse
	err := f.lossLocked()
	w.lost = errors.Join(w.lost, err)
	return err
}

// lossLocked tells what a dead file was trusted with and may lose.
func (f *file) lossLocked() error {
	if f.err == nil || f.promised <= f.synced {
		return nil
	}
	return fmt.Errorf("%s: acknowledged up to byte %d, synced up to %d: %w", f.name, f.promised, f.synced, f.err)
}
