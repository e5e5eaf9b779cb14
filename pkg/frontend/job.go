package frontend

import (
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/prometheus/prometheus/promql"
	"golang.org/x/sync/errgroup"

	"github.com/skaldlogs/skald/pkg/explain"
	"github.com/skaldlogs/skald/pkg/guard"
	"github.com/skaldlogs/skald/pkg/logql/engine"
	"github.com/skaldlogs/skald/pkg/logql/syntax"
	"github.com/skaldlogs/skald/pkg/scan"
)

// A job is one query on its way.
type job struct {
	frontend *Frontend
	tenants  []string
	owner    string // the tenants, as one
	expr     syntax.Expr
	params   engine.Params
	limits   engine.Limits
}

// answer evaluates the query; begin is called before any row is looked at.
func (j *job) answer(ctx context.Context, begin func()) (*engine.Result, error) {
	c := j.cutting()
	if c == nil {
		return j.run(ctx, j.params, begin)
	}
	begin()
	return j.cut(ctx, c)
}

// cutting returns the extents of the query, nil if it is evaluated as a whole.
func (j *job) cutting() *cutting {
	split := j.frontend.splitBy(j.tenants)
	if _, logs := j.expr.(*syntax.LogSelector); logs || split == 0 || !j.divisible() {
		return nil
	}
	reach := reachOf(j.expr)
	length := extentLength(split, j.params.Step, reach)
	parts := extents(&j.params, length)
	if len(parts) == 1 && !j.keeps(&parts[0]) {
		return nil
	}
	return &cutting{
		job: j, reach: reach, length: length, extents: parts,
		names: make([]string, len(parts)), found: make([]promql.Matrix, len(parts)),
	}
}

// divisible reports whether the query is the sum of its steps, and these can be
// told apart in milliseconds, which results have.
func (j *job) divisible() bool {
	p := &j.params
	return !p.Instant() && p.End > p.Start && p.Step >= time.Millisecond && p.Step%time.Millisecond == 0 &&
		p.Start%int64(p.Step) == 0 && !p.PartialSeries && reachOf(j.expr).any
}

// keeps reports whether the answer of an extent may be kept: it is not so new
// that it changes with each push.
func (j *job) keeps(e *extent) bool {
	if j.frontend.keeper == nil || j.params.NoCache {
		return false
	}
	fresh := time.Duration(0)
	for _, t := range j.tenants {
		fresh = max(fresh, time.Duration(j.frontend.limits.For(t).MaxCacheFreshnessPerQuery))
	}
	return e.last <= j.frontend.now().Add(-fresh).UnixNano()
}

// run evaluates steps of the query when it is their turn.
func (j *job) run(ctx context.Context, p engine.Params, begin func()) (*engine.Result, error) {
	f := j.frontend
	waited := f.now()
	if err := f.queue.acquire(ctx, j.owner); err != nil {
		return nil, context.Cause(ctx)
	}
	defer f.queue.release()
	queued := f.now().Sub(waited)
	f.metrics.parts.Inc()
	f.metrics.waiting.Observe(queued.Seconds())
	begin()
	res, err := f.querier.Run(ctx, j.tenants, j.expr, p, j.limits)
	if err != nil {
		return nil, err
	}
	res.Stats.Parts = 1
	res.Stats.Queued = queued
	return res, nil
}

// A cutting is a query and its extents.
type cutting struct {
	job     *job
	reach   reach
	length  time.Duration
	extents []extent

	names []string        // by extent: under which its answer is kept; empty if it is not
	found []promql.Matrix // by extent: its points, nil if they are to be computed
	stats engine.Stats
	warn  []string
}

// cut answers a query extent by extent.
func (j *job) cut(ctx context.Context, c *cutting) (*engine.Result, error) {
	if err := c.look(ctx); err != nil {
		return nil, err
	}
	own, others := c.claim()
	// What this query computes others may wait for: first its own, then theirs.
	if err := c.computeClaimed(ctx, own); err != nil {
		return nil, err
	}
	for _, o := range others {
		select {
		case <-o.busy:
		case <-ctx.Done():
			return nil, context.Cause(ctx)
		}
	}
	if err := c.collect(ctx, others); err != nil {
		return nil, err
	}
	return c.result()
}

// look names the extents that can be kept, and finds those that are.
func (c *cutting) look(ctx context.Context) error {
	if !slices.ContainsFunc(c.extents, func(e extent) bool { return c.job.keeps(&e) }) {
		c.explain(ctx, 0)
		return nil
	}
	held, err := c.holdings(ctx)
	if err != nil {
		return err
	}
	var names []string
	for i := range c.extents {
		if !c.job.keeps(&c.extents[i]) {
			continue
		}
		if c.names[i] = c.name(i, &held); c.names[i] != "" {
			names = append(names, c.names[i])
		}
	}
	if len(names) > 0 {
		c.use(ctx, names)
	}
	c.explain(ctx, len(names))
	return nil
}

// explain notes how the query is cut.
func (c *cutting) explain(ctx context.Context, keepable int) {
	explain.From(ctx).SetSplit(explain.Split{
		ExtentSeconds: explain.Seconds(c.length), Extents: len(c.extents), Kept: int(c.stats.CacheFound), Keepable: keepable,
	})
}

// holdings names what the extents read, steps that were not asked for included:
// an extent has the same name whichever of its steps are asked for.
func (c *cutting) holdings(ctx context.Context) (scan.Holdings, error) {
	first, last := c.extents[0].begin, c.extents[len(c.extents)-1].begin
	return c.job.frontend.querier.Holdings(ctx, c.job.tenants, c.job.expr, c.reach.over(first, last+int64(c.length)-1))
}

// name is what an extent's answer is kept under, empty if it reads what has no
// name.
func (c *cutting) name(i int, held *scan.Holdings) string {
	e := &c.extents[i]
	if !held.Settled(c.reach.over(e.first, e.last)) {
		return ""
	}
	query := fmt.Sprintf("%q %d %s", c.job.tenants, c.job.params.Step, c.job.expr)
	return name(query, e, c.length, c.reach, held)
}

// use takes the kept answers with these names that have all the steps.
func (c *cutting) use(ctx context.Context, names []string) {
	answers, bytes := c.job.frontend.keeper.get(ctx, names)
	c.stats.CacheRequested += int64(len(names))
	c.stats.CacheBytes += int64(bytes)
	for i := range c.extents {
		e := &c.extents[i]
		if a := answers[c.names[i]]; c.found[i] == nil && a != nil && a.covers(e) {
			c.found[i] = cut(a.series, milliseconds(e.first), milliseconds(e.last))
			c.stats.CacheFound++
		}
	}
}

// A claimed is an extent that another query computes.
type claimed struct {
	extent int
	busy   <-chan struct{}
}

// claim sorts what was not found: extents that this query computes, and those
// that others do already.
func (c *cutting) claim() (own []int, others []claimed) {
	for i := range c.extents {
		if c.found[i] != nil {
			continue
		}
		if c.names[i] == "" {
			own = append(own, i)
		} else if busy := c.job.frontend.keeper.claim(c.names[i]); busy != nil {
			others = append(others, claimed{i, busy})
		} else {
			own = append(own, i)
		}
	}
	return own, others
}

// computeClaimed evaluates the extents that others may wait for, and lets them
// go on.
func (c *cutting) computeClaimed(ctx context.Context, own []int) error {
	defer func() {
		for _, i := range own {
			if c.names[i] != "" {
				c.job.frontend.keeper.done(c.names[i])
			}
		}
	}()
	return c.compute(ctx, own)
}

// partExtents bounds how many extents are evaluated in one go: reading them
// together is cheaper, and a part must not hold up others for long.
const partExtents = 8

// compute evaluates extents, neighbours together, and keeps what can be kept.
func (c *cutting) compute(ctx context.Context, extents []int) error {
	var parts [][]int
	for _, i := range extents {
		if n := len(parts) - 1; n >= 0 && len(parts[n]) < partExtents && parts[n][len(parts[n])-1] == i-1 {
			parts[n] = append(parts[n], i)
		} else {
			parts = append(parts, []int{i})
		}
	}
	results := make([]*engine.Result, len(parts))
	g, gctx := errgroup.WithContext(ctx)
	g.SetLimit(c.job.frontend.slots)
	for n, part := range parts {
		g.Go(func() (err error) {
			p := c.job.params
			p.Start, p.End = c.extents[part[0]].first, c.extents[part[len(part)-1]].last
			return guard.Do(func() error {
				results[n], err = c.job.run(gctx, p, func() {})
				return err
			})
		})
	}
	if err := g.Wait(); err != nil {
		if ctx.Err() != nil {
			return context.Cause(ctx)
		}
		return err
	}
	var keep []int
	for n, part := range parts {
		res := results[n]
		c.stats.Add(&res.Stats)
		c.warn = append(c.warn, res.Warnings...)
		matrix, ok := res.Data.(promql.Matrix)
		if !ok {
			return fmt.Errorf("evaluate %s over time: the result is a %T", c.job.expr, res.Data)
		}
		for _, i := range part {
			e := &c.extents[i]
			c.found[i] = cut(matrix, milliseconds(e.first), milliseconds(e.last))
			// An answer that comes with a warning is not what another time would give.
			if c.names[i] != "" && len(res.Warnings) == 0 {
				keep = append(keep, i)
			}
		}
	}
	return c.keep(ctx, keep)
}

// keep keeps the answers of extents that read now what they would have read
// before: what came to the store or to memory meanwhile may or may not be in them.
func (c *cutting) keep(ctx context.Context, extents []int) error {
	if len(extents) == 0 {
		return nil
	}
	now, err := c.holdings(ctx)
	if err != nil {
		return err
	}
	answers := map[string]*answer{}
	for _, i := range extents {
		if c.name(i, &now) == c.names[i] {
			answers[c.names[i]] = &answer{first: c.extents[i].first, last: c.extents[i].last, series: c.found[i]}
		}
	}
	c.job.frontend.keeper.put(ctx, answers)
	c.job.frontend.metrics.stored.Add(float64(len(answers)))
	c.stats.CacheStored += int64(len(answers))
	return nil
}

// collect takes what others have computed, and computes what they could not.
func (c *cutting) collect(ctx context.Context, others []claimed) error {
	if len(others) == 0 {
		return nil
	}
	names := make([]string, len(others))
	for n, o := range others {
		names[n] = c.names[o.extent]
	}
	c.use(ctx, names)
	var left []int
	for _, o := range others {
		if c.found[o.extent] == nil {
			c.names[o.extent] = "" // it is not kept by this query, which has no claim
			left = append(left, o.extent)
		}
	}
	return c.compute(ctx, left)
}

// result is the query's, from those of its extents.
func (c *cutting) result() (*engine.Result, error) {
	matrix := merge(c.found)
	slices.Sort(c.warn)
	if limit := c.job.limits.MaxSeries; limit > 0 && len(matrix) > limit {
		return nil, engine.TooManySeries(limit)
	}
	res := &engine.Result{Data: matrix, Stats: c.stats, Warnings: slices.Compact(c.warn)}
	res.Stats.Entries = 0
	for _, s := range matrix {
		res.Stats.Entries += int64(len(s.Floats))
	}
	return res, nil
}

// milliseconds is the time that a result has for ts.
func milliseconds(ts int64) int64 { return ts / 1e6 }
