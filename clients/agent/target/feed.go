package target

import (
	"context"
	"sync"
	"sync/atomic"
	"time"

	"github.com/go-kit/log/level"

	"github.com/skaldlogs/skald/clients/agent/entry"
	"github.com/skaldlogs/skald/clients/agent/position"
)

// stopTime is how long what stages hold back may take to be passed on when a
// source stops.
const stopTime = 5 * time.Second

// A Feed puts the entries of a source into its chain: one batch at a time,
// however many goroutines there are, and it flushes what the chain holds back
// when that is due.
type Feed struct {
	opts Options
	next atomic.Int64 // offset of the next line

	mu    sync.Mutex // guards the fields below, and the chain
	ctx   context.Context
	timer *time.Timer
	due   time.Time // when timer fires; zero when it is not set
}

// NewFeed returns a feed whose flushes end with ctx. Offsets go on from where
// the track resumes.
func NewFeed(ctx context.Context, opts Options) *Feed {
	f := &Feed{opts: opts, ctx: ctx}
	first, _ := opts.Track.Resume()
	f.next.Store(first)
	return f
}

// StartAt says which offset the next line has. It is called before the first.
func (f *Feed) StartAt(offset int64) { f.next.Store(offset) }

// Next counts a line that was read, and returns its mark. Whoever asks for it
// puts an entry with it, or drops it.
func (f *Feed) Next() entry.Mark {
	end := f.next.Add(1)
	f.opts.Track.Read(1)
	return entry.Mark{Track: f.opts.Track, Range: position.Range{Start: end - 1, End: end}, Lines: 1}
}

// Drop counts a line that goes no further than here.
func (f *Feed) Drop(reason string) {
	m := f.Next()
	m.Drop(reason)
}

// Offset is that of the next line.
func (f *Feed) Offset() int64 { return f.next.Load() }

// Put passes entries on, whose marks are set. It blocks while there is no room,
// and keeps nothing of entries but their labels and marks. After an error some
// of them may have been passed on.
func (f *Feed) Put(ctx context.Context, entries []entry.Entry) error {
	if len(entries) == 0 {
		return nil
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	err := f.opts.Chain.Put(ctx, entries)
	f.arm()
	return err
}

// Begin is called before what is to be committed is put. It returns what Commit
// asks for.
func (f *Feed) Begin() (begun int64) {
	if f.opts.Safe == nil {
		return 0
	}
	return f.opts.Safe.Begin()
}

// Commit returns when what was put since begun is as safe as it gets.
func (f *Feed) Commit(begun int64) error {
	if f.opts.Safe == nil {
		return nil
	}
	return f.opts.Safe.Commit(begun)
}

// arm sets the timer to when the chain has something to flush.
func (f *Feed) arm() {
	due := f.opts.Chain.Due()
	if due.IsZero() || due.Equal(f.due) {
		return
	}
	if f.timer == nil {
		f.timer = time.AfterFunc(time.Until(due), f.flush)
	} else {
		f.timer.Reset(time.Until(due))
	}
	f.due = due
}

// flush passes on what is due.
func (f *Feed) flush() {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.due = time.Time{}
	if f.ctx.Err() != nil {
		return
	}
	if err := f.opts.Chain.Flush(f.ctx, time.Now()); err != nil && f.ctx.Err() == nil {
		level.Error(f.opts.Logger).Log("msg", "entries that were held back are lost", "err", err, "job", f.opts.Job)
	}
	f.arm()
}

// Stop ends the flushes. What stages hold back is forgotten: it is not settled,
// and read again after the next start.
func (f *Feed) Stop() {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.timer != nil {
		f.timer.Stop()
	}
}

// Close passes on all that stages hold back, as a source does that will not
// come again. Nobody may put entries any more.
func (f *Feed) Close() error {
	f.Stop()
	f.mu.Lock()
	defer f.mu.Unlock()
	ctx, cancel := context.WithTimeout(context.WithoutCancel(f.ctx), stopTime)
	defer cancel()
	return f.opts.Chain.Flush(ctx, time.Time{})
}
