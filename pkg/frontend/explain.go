package frontend

import (
	"context"
	"time"

	"github.com/skaldlogs/skald/pkg/explain"
	"github.com/skaldlogs/skald/pkg/logql/engine"
	"github.com/skaldlogs/skald/pkg/logql/syntax"
)

// Explain tells how a query would be answered, or with analyze how it was: then it
// is run, and its answer forgotten, but for extents that are kept as ever. Its
// errors are those of [Frontend.Query].
func (f *Frontend) Explain(ctx context.Context, tenants []string, expr syntax.Expr, p engine.Params, analyze bool) (*explain.Query, error) {
	p, l, err := f.querier.Prepare(tenants, expr, p)
	if err != nil {
		return nil, err
	}
	began := f.now()
	j := f.job(tenants, expr, p, l)
	if err := f.queue.enter(j.owner); err != nil {
		f.metrics.refused.Inc()
		return nil, err
	}
	defer f.queue.leave(j.owner)
	ctx, cancel := engine.WithTimeout(ctx, l.Timeout)
	defer cancel()

	trace := explain.New(!analyze)
	ctx = explain.With(ctx, trace)
	var res *engine.Result
	if analyze {
		res, err = j.answer(ctx, func() {})
	} else {
		res, err = j.plan(ctx)
	}
	if err != nil {
		return nil, err
	}
	out := trace.Query()
	out.Query, out.Tenants = expr.String(), tenants
	out.Start, out.End, out.Warnings = time.Unix(0, p.Start).UTC(), time.Unix(0, p.End).UTC(), res.Warnings
	if _, logs := expr.(*syntax.LogSelector); !logs && !p.Instant() {
		out.Step = explain.Seconds(p.Step)
	}
	if analyze {
		s := &res.Stats
		out.Total = &explain.Total{
			Seconds: explain.Seconds(f.now().Sub(began)), QueueSeconds: explain.Seconds(s.Queued), Parts: s.Parts,
			Rows: s.Lines + s.DirectoryLines, RowsKept: s.PostFilter + s.DirectoryLines, Duplicates: s.Duplicates,
			ReadBytes: s.ReadBytes, DecodedBytes: s.DecodedBytes, Results: s.Entries,
		}
	}
	return out, nil
}

// plan does what answer does, in a context whose trace is dry. Its result is of no
// meaning, but for the warnings.
func (j *job) plan(ctx context.Context) (*engine.Result, error) {
	c := j.cutting()
	if c == nil {
		return j.run(ctx, j.params, func() {})
	}
	if err := c.look(ctx); err != nil {
		return nil, err
	}
	var missing []int
	for i := range c.extents {
		if c.found[i] == nil {
			missing = append(missing, i)
		}
		c.names[i] = "" // so that nothing is kept
	}
	if err := c.compute(ctx, missing); err != nil {
		return nil, err
	}
	return &engine.Result{Warnings: c.warn}, nil
}
