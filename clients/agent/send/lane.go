package send

import (
	"context"
	"slices"
	"time"

	"github.com/go-kit/log/level"

	"github.com/skaldlogs/skald/clients/agent/position"
)

// A lane carries the entries of some sources, one batch after the other: what one
// source reads goes through one lane, and so arrives in order, although the
// batches of several lanes are on their way at once.
type lane struct {
	*Client
	number int
	wake   chan struct{} // receives when there may be something to send

	// Guarded by the client's mutex.
	open  map[string]*batch // by tenant
	queue []*batch          // closed, the oldest first

	raw []byte // belongs to the goroutine that encodes
}

// prepared is a batch in the form in which it is sent.
type prepared struct {
	flight *position.Flight
	batch  *batch // nil when it was on disk
	cost   int
}

// run sends until ctx is done, and then what there is. What it does not send, as
// when ok is false, is in the journal for the next process.
func (l *lane) run(ctx, stopping context.Context, ok bool) {
	flights := make(chan *prepared)
	done := make(chan struct{})
	go func() {
		defer close(done)
		for p := range flights {
			if ok = ok && l.deliver(ctx, stopping, p.flight, false); ok {
				l.settled(p.cost, p.batch)
				l.signal()
			}
		}
	}()
	for p := l.next(ctx); p != nil; p = l.next(ctx) {
		flights <- p
	}
	close(flights)
	<-done
}

// next waits for a batch to send. After the end of ctx it returns what is in
// memory, whatever its age, and nil when there is no more. What is on disk then
// stays there, and what is behind it goes there.
func (l *lane) next(ctx context.Context) *prepared {
	for {
		l.mu.Lock()
		stopped := ctx.Err() != nil
		wait := time.Duration(-1)
		if stopped {
			l.cutLocked(time.Time{})
		} else if len(l.open) > 0 {
			l.cutLocked(time.Now().Add(-l.cfg.BatchWait))
			wait = max(l.cfg.BatchWait/10, 10*time.Millisecond)
		}
		onDisk := l.disk != nil && l.disk.Left(l.number)+l.disk.Left(position.EarlierLane) > 0
		if stopped && onDisk {
			for len(l.queue) > 0 && l.spillLocked() {
			}
			l.mu.Unlock()
			return nil
		}
		var b *batch
		if len(l.queue) > 0 && !onDisk {
			b, l.queue = l.queue[0], l.queue[1:]
		}
		l.mu.Unlock()
		switch {
		case b != nil:
			p := &prepared{batch: b, cost: b.cost, flight: l.flight(b, &l.raw)}
			if !l.begin(ctx, p.flight) {
				return nil
			}
			return p
		case onDisk:
			if f := l.take(l.number); f != nil {
				return &prepared{flight: f}
			}
			l.await(ctx, wait) // until the last of them is done with
		case stopped:
			return nil
		default:
			l.await(ctx, wait)
		}
	}
}

// longestWait is how long a batch waits at most until its journal is tried again.
const longestWait = 10 * time.Second

// begin has the journal know a batch, and waits until it can. When it cannot at
// the end of ctx it returns false: the lines were never sent, nor may those behind
// them be now, and the next process reads them again.
func (l *lane) begin(ctx context.Context, f *position.Flight) bool {
	for try := 1; !l.book.Begin(f); try++ {
		if ctx.Err() != nil {
			level.Warn(l.logger).Log("msg", "batch not sent before the end, since its journal cannot be written; the next start reads its lines again", "err", l.book.JournalError(), "entries", f.Entries)
			return false
		}
		if try == 1 {
			level.Warn(l.logger).Log("msg", "a batch waits until the journal of positions can be written", "err", l.book.JournalError())
		}
		l.pause(ctx, min(l.backoff(try), longestWait))
	}
	return true
}

// await returns at a signal, after a time, or at the end of ctx.
func (l *lane) await(ctx context.Context, wait time.Duration) {
	if wait < 0 {
		select {
		case <-l.wake:
		case <-ctx.Done():
		}
		return
	}
	t := time.NewTimer(wait)
	defer t.Stop()
	select {
	case <-l.wake:
	case <-t.C:
	case <-ctx.Done():
	}
}

func (l *lane) signal() {
	select {
	case l.wake <- struct{}{}:
	default:
	}
}

func (l *lane) closeLocked(b *batch) {
	delete(l.open, b.tenant)
	l.queue = append(l.queue, b)
	l.signal()
}

// cutLocked closes the batches that began before a time, or all for the zero time.
func (l *lane) cutLocked(before time.Time) {
	var old []*batch
	for _, b := range l.open {
		if before.IsZero() || !b.began.After(before) {
			old = append(old, b)
		}
	}
	slices.SortFunc(old, func(a, b *batch) int { return a.began.Compare(b.began) })
	for _, b := range old {
		l.closeLocked(b)
	}
}

// spillLocked moves the oldest batch to disk, and reports whether that worked.
func (l *lane) spillLocked() bool {
	b := l.queue[0]
	if err := l.disk.Append(l.flight(b, &l.Client.raw), l.number); err != nil {
		if text := err.Error(); l.trouble != text {
			l.Client.trouble = text
			level.Error(l.logger).Log("msg", "a batch that is to wait cannot be written to disk", "err", err)
		}
		return false
	}
	l.Client.trouble = ""
	l.queue = l.queue[1:]
	l.heldLocked(-b.cost)
	b.reset()
	if len(l.free) < len(l.lanes)+spare {
		l.free = append(l.free, b)
	}
	l.signal()
	return true
}
