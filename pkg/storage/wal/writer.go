package wal

import (
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/go-kit/log/level"

	"github.com/skaldlogs/skald/pkg/model"
)

// A Writer appends to one generation. Its methods may be called by any number of
// goroutines; after Close they answer [ErrClosed].
type Writer struct {
	log        *Log
	generation uint64
	stop, done chan struct{} // of the goroutine that syncs each interval; nil without one

	mu      sync.Mutex // guards the fields below, and those of files; not held during I/O
	changed sync.Cond  // a write or a sync ended
	queue   []*request // to be written, in order
	writing bool       // someone may write: next and buffer are theirs, and changing cur
	size    int64      // bytes written to files
	closed  bool
	// unsynced are files that were left without a sync.
	unsynced []*file
	// lost is not nil once a file died with records that were acknowledged without a sync.
	lost error

	spare []*request // for the queue, emptied
	cur   *file      // takes the next record; nil before the first, may be dead

	next   uint32 // number of the next file
	buffer []byte // for framing
}

// A request is a record on its way to a file. Who sent it reads the results once
// it is done.
type request struct {
	record []byte
	want   Level

	done bool
	err  error
	file *file
	end  int64 // of the record, in file
}

func newWriter(l *Log, generation uint64) *Writer {
	w := &Writer{log: l, generation: generation, next: 1}
	w.changed.L = &w.mu
	if l.opts.Sync == Interval {
		w.stop, w.done = make(chan struct{}), make(chan struct{})
		go w.syncEach(l.opts.Interval)
	}
	return w
}

// Generation is the number of the generation.
func (w *Writer) Generation() uint64 { return w.generation }

// Size is how many bytes the generation has in files.
func (w *Writer) Size() int64 {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.size
}

// Append writes a batch as one record, and returns the level that was reached:
// what the [Sync] of the log gives, or want if that is more. It blocks until
// then. After an error nothing was acknowledged, though the record may be there
// at the next start. A batch over the limit wraps [ErrTooLarge]; any other error
// is the disk's, and a later append tries a new file. b is not kept.
func (w *Writer) Append(b *model.Batch, want Level) (Level, error) {
	e := encoders.Get().(*encoder)
	defer e.release()
	record, err := e.batch(b, w.log.opts.MaxRecord)
	want = max(want, w.log.opts.Sync.Level())
	if err == nil {
		err = w.append(record, want)
	}
	if err != nil {
		return Memory, fmt.Errorf("append to generation %d: %w", w.generation, err)
	}
	return want, nil
}

// AppendStreams writes what is to be remembered of streams, as one record. It is
// durable when AppendStreams returns nil, in every mode: the generation that knew
// it before may then be removed.
func (w *Writer) AppendStreams(tenant string, states []StreamState) error {
	e := encoders.Get().(*encoder)
	defer e.release()
	record, err := e.streams(tenant, states, w.log.opts.MaxRecord)
	if err == nil {
		err = w.append(record, Disk)
	}
	if err != nil {
		return fmt.Errorf("append streams to generation %d: %w", w.generation, err)
	}
	return nil
}

func (w *Writer) append(record []byte, want Level) error {
	r := request{record: record, want: want}
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.closed {
		return ErrClosed
	}
	w.queue = append(w.queue, &r)
	for !r.done {
		if w.writing {
			w.changed.Wait()
			continue
		}
		w.writeQueueLocked()
	}
	if r.err != nil || want == Memory {
		return r.err
	}
	return w.syncLocked(r.file, r.end)
}

// writeQueueLocked writes all that is queued.
func (w *Writer) writeQueueLocked() {
	batch := w.queue
	w.queue, w.spare = w.spare, nil
	w.writing = true
	w.mu.Unlock()
	for rest := batch; len(rest) > 0; {
		n, err := w.write(rest)
		if err != nil {
			// The rest would meet the same disk.
			for _, r := range rest {
				r.err = err
			}
			break
		}
		rest = rest[n:]
	}
	w.mu.Lock()
	w.writing = false
	for _, r := range batch {
		r.done = true
	}
	clear(batch)
	w.spare = batch[:0]
	w.changed.Broadcast()
}

// write writes as many records as go into the current file, and says how many.
// The caller may write, and does not hold the mutex.
func (w *Writer) write(batch []*request) (int, error) {
	f, err := w.fileForWriting()
	if err != nil {
		w.log.metrics.failed("create", err)
		return 0, fmt.Errorf("begin file: %w", err)
	}
	n := 0
	promised := int64(0)
	for n < len(batch) && (n == 0 || f.framed.off < w.log.opts.FileSize) {
		r := batch[n]
		f.framed.record(r.record)
		r.file, r.end = f, f.framed.off
		if r.want == Memory {
			promised = r.end
		}
		n++
	}
	err = f.framed.flush()

	w.mu.Lock()
	defer w.mu.Unlock()
	if err != nil {
		w.failLocked(f, "write", err)
		return 0, err
	}
	w.wroteLocked(f)
	f.promised = max(f.promised, promised)
	w.log.metrics.records.Add(float64(n))
	return n, nil
}

// fileForWriting returns the current file, or the next one when it is full or dead.
func (w *Writer) fileForWriting() (*file, error) {
	if f := w.cur; f != nil {
		if w.alive(f) && f.framed.off < w.log.opts.FileSize {
			return f, nil
		}
		if err := w.leave(f, w.log.opts.Sync != Off); err != nil {
			level.Error(w.log.opts.Logger).Log("msg", "acknowledged records may be lost with the power", "err", err, "generation", w.generation)
		}
		w.setCurrent(nil)
	}
	f, err := w.create()
	if err != nil {
		return nil, err
	}
	w.setCurrent(f)
	return f, nil
}

func (w *Writer) setCurrent(f *file) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.cur = f
}

// Sync makes all records durable whose append returned before the call. Once a
// file died with records that were acknowledged without a sync, every Sync of the
// generation says so.
func (w *Writer) Sync() error {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.closed {
		return ErrClosed
	}
	err := w.syncAllLocked()
	if w.lost != nil {
		err = w.lost
	} else if f := w.cur; f != nil && err == nil {
		err = f.lossLocked()
	}
	if err != nil {
		return fmt.Errorf("sync generation %d: %w", w.generation, err)
	}
	return nil
}

// syncAllLocked syncs what is written and not yet synced, and closes the files that
// were left without a sync. Dead files are not touched: the error of a sync is told
// once, and their loss when they are left.
func (w *Writer) syncAllLocked() error {
	var errs []error
	for len(w.unsynced) > 0 {
		f := w.unsynced[0]
		failed := w.syncLocked(f, f.written) != nil
		if len(w.unsynced) == 0 || w.unsynced[0] != f {
			continue // someone else who synced was faster
		}
		w.unsynced = w.unsynced[1:]
		if failed {
			errs = append(errs, w.closeDeadLocked(f))
		} else {
			errs = append(errs, f.Close())
		}
	}
	if f := w.cur; f != nil && f.err == nil {
		errs = append(errs, w.syncLocked(f, f.written))
	}
	return errors.Join(errs...)
}

// syncEach syncs each interval until it is stopped.
func (w *Writer) syncEach(interval time.Duration) {
	defer close(w.done)
	ticker := time.NewTicker(interval)
	defer ticker.Stop()
	for {
		select {
		case <-w.stop:
			return
		case <-ticker.C:
		}
		w.mu.Lock()
		err := w.syncAllLocked()
		w.mu.Unlock()
		if err != nil {
			level.Error(w.log.opts.Logger).Log("msg", "sync of the write-ahead log failed, a new file is begun", "err", err, "generation", w.generation)
		}
	}
}

// Close waits for appends under way, syncs, and ends the generation's file in
// order. The error says what was acknowledged and may be lost with the power.
func (w *Writer) Close() error {
	w.mu.Lock()
	if w.closed {
		w.mu.Unlock()
		return ErrClosed
	}
	w.closed = true
	for w.writing || len(w.queue) > 0 {
		w.changed.Wait()
	}
	w.writing = true // for good
	w.mu.Unlock()

	if w.stop != nil {
		close(w.stop)
		<-w.done
	}
	var left error
	if f := w.cur; f != nil {
		left = w.leave(f, true)
		w.setCurrent(nil)
	}
	w.mu.Lock()
	err := errors.Join(w.syncAllLocked(), left)
	if w.lost != nil {
		err = w.lost
	}
	w.mu.Unlock()
	w.log.forget(w)
	if err != nil {
		return fmt.Errorf("close generation %d: %w", w.generation, err)
	}
	return nil
}
