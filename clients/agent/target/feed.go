package target

import (
	"context"
	"sync"
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

	mu    sync.Mutex // guards the fields below, and the chain
	ctx   context.Context
	next  int64 // offset of the next line
	timer *time.Timer
	due   time.Time // when timer fires; zero when it is not set
}

// NewFeed returns a feed whose flushes end with ctx.
func NewFeed(ctx context.Context, opts Options) *Feed {
	return &Feed{opts: opts, ctx: ctx, next: opts.Track.Low()}
}

// Put marks entries as lines of the source, counts them, and passes them on. It
// blocks while there is no room. It keeps nothing of entries but their labels.
//
// After an error some of them may have been passed on.
func (f *Feed) Put(ctx context.Context, entries []entry.Entry) error {
	if len(entries) == 0 {
		return nil
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	for i := range entries {
		entries[i].Mark = entry.Mark{
			Track: f.opts.Track,
			Range: position.Range{Start: f.next, End: f.next + 1},
			Lines: 1,
		}
		f.next++
	}
	f.opts.Track.Read(int64(len(entries)))
	err := f.opts.Chain.Put(ctx, entries)
	f.arm()
	return err
}

// Drop counts lines that go no further than here.
func (f *Feed) Drop(reason string, lines int64) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.opts.Track.Read(lines)
	f.opts.Track.Drop(reason, lines, position.Range{Start: f.next, End: f.next + lines})
	f.next += lines
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

// Close passes on all that stages hold back, as a source does that will not
// come again. Nobody may put entries any more.
func (f *Feed) Close() error {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.timer != nil {
		f.timer.Stop()
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(f.ctx), stopTime)
	defer cancel()
	return f.opts.Chain.Flush(ctx, time.Time{})
}
