package engine

import (
	"cmp"
	"context"
	"slices"

	"github.com/skaldlogs/skald/pkg/scan"
)

// A Survey is what a request selects, to be read as a whole and as often as it
// takes: what a question is told that is no query. It belongs to one goroutine.
type Survey struct {
	query  *query
	snap   scan.Snapshot
	layout *layout
	order  []int
	req    *scan.Request
}

// A Visitor sees rows of a survey. It is used by one goroutine at a time.
type Visitor interface {
	// Visit sees rows. It may keep nothing of them.
	Visit(ctx context.Context, rows Rows) error
}

// Rows are consecutive rows of one stream in a batch.
type Rows struct{ piece }

// Batch is what was read.
func (r *Rows) Batch() *scan.Batch { return r.batch }

// Bounds are the rows from start on and before end.
func (r *Rows) Bounds() (start, end int) { return r.start, r.end }

// Stream is the number of their stream in the directory.
func (r *Rows) Stream() int { return r.stream }

// Counts reports whether a row of them is none that is left out.
func (r *Rows) Counts(row int) bool { return r.selected(row) }

// Survey calls fn with what a request selects, which is open until it returns. The
// request has no filters. Of the limits the timeout and the parallelism hold.
func (e *Engine) Survey(ctx context.Context, source scan.Source, req *scan.Request, l Limits, fn func(ctx context.Context, s *Survey) error) (*Result, error) {
	ctx, cancel := WithTimeout(ctx, l.Timeout)
	defer cancel()
	q := &query{engine: e, source: source, tenant: req.Tenant, limits: l, budget: &budget{max: e.opts.MaxMemoryBytes}}
	snap, err := q.open(ctx, req, nil)
	if err != nil {
		return nil, cause(ctx, err)
	}
	s := &Survey{query: q, snap: snap, req: req}
	err = fn(ctx, s)
	if closeErr := snap.Close(); err == nil {
		err = closeErr
	}
	if err != nil {
		return nil, cause(ctx, err)
	}
	slices.Sort(q.warnings)
	return &Result{Stats: q.stats, Warnings: slices.Compact(q.warnings)}, nil
}

// Damaged reports whether a block could not be read so far: what another reading found
// in it may be there or not.
func (s *Survey) Damaged() bool { return s.query.stats.BlocksDamaged > 0 }

// Directory lists the streams and blocks. It must not be changed.
func (s *Survey) Directory() *scan.Directory { return s.snap.Directory() }

// Read reads all blocks, by a few visitors at once, which it returns. What is wanted
// of a block is asked when its turn comes, by any goroutine. Where copies do not
// matter, visitors see them as well.
func Read[V Visitor](ctx context.Context, s *Survey, copies bool, want func(block int) scan.Want, visitor func() V) ([]V, error) {
	dir := s.snap.Directory()
	// What waits for other blocks has been given away by the reading before.
	s.layout = newLayout(dir, s.req.Interval, nil)
	if copies {
		s.layout.share()
	}
	s.order = s.order[:0]
	for b := range s.layout.blocks {
		if !s.layout.blocks[b].interval.Empty() {
			s.order = append(s.order, b)
		}
	}
	slices.SortStableFunc(s.order, func(a, b int) int {
		return cmp.Compare(s.layout.blocks[a].interval.Mint, s.layout.blocks[b].interval.Mint)
	})
	workers := max(1, min(s.query.parallelism(), len(s.order)))
	visitors, sinks := make([]V, workers), make([]sink, workers)
	for i := range sinks {
		visitors[i] = visitor()
		sinks[i] = &visiting{visitor: visitors[i]}
	}
	rd := &reading{query: s.query, snap: s.snap, dir: dir, layout: s.layout, order: s.order, need: func(b int) need {
		w := want(b)
		n := s.layout.need(b, 0)
		shares := n.compare != 0
		w.Interval = n.first.Interval
		n.first = w
		if shares {
			n.compare = compared
		}
		return n
	}}
	if err := rd.run(ctx, sinks); err != nil {
		return nil, err
	}
	return visitors, nil
}

// A visiting gives rows to a visitor.
type visiting struct {
	visitor Visitor
	stats   Stats
}

func (v *visiting) counts() *Stats { return &v.stats }

func (v *visiting) add(ctx context.Context, p piece) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	return v.visitor.Visit(ctx, Rows{p})
}
