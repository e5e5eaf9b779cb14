package engine

import (
	"cmp"
	"context"
	"slices"
	"time"

	"github.com/skaldlogs/skald/pkg/explain"
	"github.com/skaldlogs/skald/pkg/logql/pipeline"
	"github.com/skaldlogs/skald/pkg/logql/plan"
	"github.com/skaldlogs/skald/pkg/logql/syntax"
	"github.com/skaldlogs/skald/pkg/scan"
)

// rangeAggregation runs a range: one pass over the rows of all its windows.
func (q *query) rangeAggregation(ctx context.Context, r *plan.Range) ([]series, error) {
	run := &rangeRun{query: q, plan: r, windows: newWindows(&q.params, r.Range, r.Offset)}
	var err error
	if run.full, run.rest, err = compile(r.Written, r.Stages, r.Rest, pipeline.Options{Grouping: r.Grouping, Unwrap: r.Unwrap}); err != nil {
		return nil, err
	}
	if run.windows.buckets() == 0 {
		return nil, nil
	}
	run.pushed = pushRange(r)
	req := &scan.Request{Tenant: q.tenant, Matchers: r.Matchers, Interval: run.windows.interval(), Filters: r.Filters}
	if t := explain.From(ctx); t != nil {
		run.trace = t.Scan(rangePlan(r, req, run.pushed))
	}
	snap, err := q.open(ctx, req, run.trace)
	if err != nil {
		return nil, err
	}
	began := time.Now()
	out, err := run.scan(ctx, snap)
	run.trace.Ran(time.Since(began))
	if closeErr := snap.Close(); err == nil {
		err = closeErr
	}
	return out, err
}

// compile compiles the stages to run, with and without those that the scan may
// answer. The stages as written are compiled too when they are others: a bad
// stage is an error even where it is not needed.
func compile(written, stages, rest []syntax.Stage, opts pipeline.Options) (full, left *pipeline.Pipeline, err error) {
	if len(stages) != len(written) {
		if _, err := pipeline.Compile(written, opts); err != nil {
			return nil, nil, err
		}
	}
	if full, err = pipeline.Compile(stages, opts); err != nil {
		return nil, nil, err
	}
	if len(rest) == len(stages) {
		return full, full, nil
	}
	left, err = pipeline.Compile(rest, opts)
	return full, left, err
}

// A rangeRun is one run of a range aggregation.
type rangeRun struct {
	query      *query
	plan       *plan.Range
	windows    *windows
	full, rest *pipeline.Pipeline // all stages, and those that the scan does not answer
	pushed     *pushed            // nil when nothing is asked of fields
	dir        *scan.Directory
	layout     *layout
	trace      *explain.Scan // nil where nobody wants to know
}

// measuresBytes reports whether a sample is the length of its line.
func (run *rangeRun) measuresBytes() bool {
	return run.plan.Op == syntax.BytesOverTime || run.plan.Op == syntax.BytesRate
}

// always are the columns that the range needs of every row that is read.
func (run *rangeRun) always() scan.Columns {
	r := run.plan
	if plan.ReadsLine(r.Rest) {
		return scan.Lines
	}
	columns := scan.Columns(0)
	if len(r.Filters) > 0 {
		columns |= scan.LinesToFilter
	}
	if run.measuresBytes() {
		columns |= scan.Sizes
	}
	return columns
}

// need says what to read of a block.
func (run *rangeRun) need(b int) need {
	fields := run.pushed.of(run.dir, b, &run.layout.blocks[b])
	if fields != nil && run.pushed.whole && (!run.pushed.metadata || run.hasMetadata(b) || len(run.plan.Rest) > 0) {
		columns := scan.Columns(0)
		if run.measuresBytes() {
			columns = scan.Sizes
		}
		n := run.layout.need(b, columns)
		n.ask(fields, run.layout.shares(b))
		if n.first.Fields != nil {
			return n
		}
	}
	columns := run.always()
	if run.hasMetadata(b) {
		columns |= scan.Metadata
	}
	n := run.layout.need(b, columns)
	if fields != nil && !run.pushed.whole {
		n.ask(fields, run.layout.shares(b))
	}
	return n
}

// hasMetadata reports whether rows of a block that are wanted have metadata on which
// their series depend.
func (run *rangeRun) hasMetadata(b int) bool {
	runs := run.dir.Blocks[b].Runs
	for i := range runs {
		if runs[i].MetadataBytes > 0 && !run.layout.blocks[b].runs[i].interval.Empty() && !run.fixed(runs[i].Stream) {
			return true
		}
	}
	return false
}

// fixed reports whether all entries of a stream are in one series, which does
// not depend on their metadata or line.
func (run *rangeRun) fixed(stream int) bool {
	return run.plan.FromStream(run.dir.Streams[stream].Labels.Has)
}

// scan counts what the directory tells and reads the rest.
func (run *rangeRun) scan(ctx context.Context, snap scan.Snapshot) ([]series, error) {
	run.dir = snap.Directory()
	run.layout = newLayout(run.dir, run.windows.interval(), run.windows.touches)
	known := run.newSink()
	var order []int
	untouched := int64(0)
	for b := range run.layout.blocks {
		at := &run.layout.blocks[b]
		if at.interval.Empty() {
			if !run.dir.Blocks[b].Refused {
				untouched++
			}
			continue
		}
		if run.fromDirectory(b, known) {
			known.stats.BlocksDirectory++
			if run.dir.Blocks[b].Memory {
				known.stats.Memory.Blocks++
			}
		} else {
			order = append(order, b)
		}
	}
	run.trace.Skip(explain.Skip{Why: explain.NoWindow, Blocks: untouched})
	run.trace.Skip(explain.Skip{Why: explain.FromDirectory, Blocks: known.stats.BlocksDirectory, Rows: known.stats.DirectoryLines})
	// By time, so that rows that wait for another block do not wait long.
	slices.SortStableFunc(order, func(a, b int) int {
		return cmp.Compare(run.layout.blocks[a].interval.Mint, run.layout.blocks[b].interval.Mint)
	})

	workers := max(1, min(run.query.parallelism(), len(order)))
	sinks := make([]sink, workers)
	partials := make([]*rangeSink, workers)
	for i := range sinks {
		partials[i] = run.newSink()
		sinks[i] = partials[i]
	}
	partials[0] = known
	sinks[0] = known
	rd := &reading{query: run.query, snap: snap, dir: run.dir, layout: run.layout, need: run.need, order: order, trace: run.trace}
	if err := rd.run(ctx, sinks); err != nil {
		return nil, err
	}
	for _, p := range partials[1:] {
		if err := known.partial.merge(p.partial); err != nil {
			return nil, err
		}
	}
	return known.partial.result(run.windows)
}

// fromDirectory counts the rows of those runs of a block of which the directory
// says all that matters, and reports whether these are all. The others are read.
func (run *rangeRun) fromDirectory(b int, s *rangeSink) bool {
	switch run.plan.Op {
	case syntax.CountOverTime, syntax.Rate, syntax.BytesOverTime, syntax.BytesRate, syntax.AbsentOverTime:
	default:
		return false
	}
	if len(run.plan.Stages) > 0 || run.plan.Unwrap != nil {
		return false
	}
	whole := true
	for i := range run.layout.blocks[b].runs {
		at := &run.layout.blocks[b].runs[i]
		if at.interval.Empty() {
			continue
		}
		r := &run.dir.Blocks[b].Runs[i]
		if r.Unsorted || at.spans != nil || at.interval != r.Interval || r.MetadataBytes > 0 && !run.fixed(r.Stream) {
			whole = false
			continue
		}
		c := run.windows.cursor()
		bucket := c.at(r.Interval.Mint)
		if bucket < 0 || r.Interval.Maxt > c.hi {
			whole = false
			continue
		}
		v := float64(r.Rows)
		if run.measuresBytes() {
			v = float64(r.Bytes)
		}
		s.partial.table.add(s.stream(r.Stream).fixed(), bucket, v, arrival{})
		s.stats.DirectoryLines += int64(r.Rows)
		at.interval.Mint, at.interval.Maxt = 1, 0 // read no more
	}
	return whole
}
