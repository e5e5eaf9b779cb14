package stage

import (
	"context"
	"time"

	"github.com/skaldlogs/skald/clients/agent/entry"
)

// A Chain is a pipeline as one source sees it; it implements [entry.Chain]. It
// belongs to one goroutine.
type Chain struct {
	p    *Pipeline
	next entry.Sink
	// memory is what stages remember of earlier rows of this source, by their
	// place; nil until one remembers something.
	memory []any
	// holds are the stages that hold rows back, by their place.
	holds []int

	// What follows is of the call that runs.

	work *work
	ctx  context.Context
	err  error
}

// work is what a call needs for its time.
type work struct {
	row row
	out []entry.Entry
}

// Chain returns the pipeline for one source, whose entries go on to next. A
// chain costs little until it holds something back.
func (p *Pipeline) Chain(next entry.Sink) *Chain { return &Chain{p: p, next: next} }

func newWork(p *Pipeline) *work {
	w := &work{}
	w.row.slots = &p.slots
	w.row.values = make([]value, len(p.slots.names))
	return w
}

// Put runs the stages over entries and passes on what comes out. It blocks
// while the sink does, and while a limit says so.
func (c *Chain) Put(ctx context.Context, entries []entry.Entry) error {
	if len(c.p.program) == 0 {
		return c.next.Put(ctx, entries)
	}
	c.begin(ctx)
	for i := range entries {
		c.work.row.begin(&entries[i])
		c.run(0)
		if c.err != nil {
			break
		}
	}
	return c.end()
}

func (c *Chain) begin(ctx context.Context) {
	c.work = c.p.work.Get().(*work)
	c.ctx, c.err = ctx, nil
}

// end passes on what came out of the stages and gives back what the call used.
func (c *Chain) end() error {
	c.deliver()
	c.work.row.release()
	c.p.work.Put(c.work)
	err := c.err
	c.work, c.ctx, c.err = nil, nil, nil
	return err
}

// deliver passes on what came out of the stages so far.
func (c *Chain) deliver() {
	if len(c.work.out) > 0 && c.err == nil {
		c.err = c.next.Put(c.ctx, c.work.out)
	}
	clear(c.work.out)
	c.work.out = c.work.out[:0]
}

// run takes the row of the call through the stages from a place on.
func (c *Chain) run(at int) {
	r := &c.work.row
	if c.p.opts.Observe != nil {
		c.runObserved(at)
		return
	}
	for program := c.p.program; at < len(program); {
		switch s := &program[at]; s.process(c, at, r) {
		case pass:
			at++
		case over:
			at = s.over
		case gone:
			return
		}
	}
	c.work.out = append(c.work.out, r.entry())
}

// drop ends the way of a row.
func (c *Chain) drop(r *row, reason string) verdict {
	c.p.opts.Metrics.dropped.WithLabelValues(reason).Add(float64(max(r.mark.Count(), 1)))
	r.mark.Drop(reason)
	return gone
}

// A holder is a stage that holds rows back.
type holder interface {
	// due is when something that memory holds has been held back long enough; the
	// zero time when nothing waits for a time to come.
	due(memory any) time.Time
	// flush emits what has been held back long enough at now, all when now is zero.
	flush(c *Chain, at int, memory any, now time.Time)
}

// recall returns what a stage remembers, made by fresh if it is nothing yet.
func recall[M any](c *Chain, at int, fresh func() M) M {
	if c.memory == nil {
		c.memory = make([]any, len(c.p.program))
	}
	m, ok := c.memory[at].(M)
	if !ok {
		m = fresh()
		c.memory[at] = m
		if _, ok := c.p.program[at].stage.(holder); ok {
			c.holds = append(c.holds, at)
		}
	}
	return m
}

// remembers reports whether a stage remembers anything.
func (c *Chain) remembers(at int) bool { return c.memory != nil && c.memory[at] != nil }

// Due is when Flush will have something to do.
func (c *Chain) Due() time.Time {
	var first time.Time
	for _, at := range c.holds {
		due := c.p.program[at].stage.(holder).due(c.memory[at])
		if !due.IsZero() && (first.IsZero() || due.Before(first)) {
			first = due
		}
	}
	return first
}

// Flush passes on what was held back until now, or all of it when now is the
// zero time.
func (c *Chain) Flush(ctx context.Context, now time.Time) error {
	if len(c.holds) == 0 {
		return nil
	}
	c.begin(ctx)
	// What an earlier stage lets go, a later one may hold back.
	for at := range c.p.program {
		if h, ok := c.p.program[at].stage.(holder); ok && c.memory[at] != nil {
			h.flush(c, at, c.memory[at], now)
		}
	}
	return c.end()
}
