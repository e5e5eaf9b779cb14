package querier

import (
	"context"
	"errors"
	"math"
	"strings"
	"time"

	"github.com/go-kit/log/level"
	"github.com/prometheus/prometheus/promql"

	"github.com/skaldlogs/skald/pkg/limits"
	"github.com/skaldlogs/skald/pkg/logql/engine"
	"github.com/skaldlogs/skald/pkg/logql/syntax"
)

// Query runs a query in the name of one tenant, or of several, within their
// limits.
func (q *Querier) Query(ctx context.Context, tenants []string, expr syntax.Expr, p engine.Params) (*engine.Result, error) {
	p, l, err := q.Prepare(tenants, expr, p)
	if err != nil {
		return nil, err
	}
	return q.Run(ctx, tenants, expr, p, l)
}

// Prepare applies the limits of the tenants to a query: it returns the params as
// they are evaluated and the limits of the evaluation, or the error of a query
// that asks for too much. Nothing is left of a query over times that are too
// old: its end lies before its start.
func (q *Querier) Prepare(tenants []string, expr syntax.Expr, p engine.Params) (engine.Params, engine.Limits, error) {
	l := q.queryLimits(tenants)
	_, isLogs := expr.(*syntax.LogSelector)
	if oldest := q.oldest(tenants); p.Start < oldest {
		p.Start = oldest
		if p.End <= oldest {
			p.End = oldest - 1
			return p, l, nil
		}
	}
	if !isLogs && !p.Instant() && q.splits(tenants) {
		p.Start, p.End = align(p.Start, p.End, p.Step)
	}
	return p, l, engine.Check(expr, &p, &l)
}

// maxRuns is how often a query is run whose ingesters go away.
const maxRuns = 3

// Run runs what [Querier.Prepare] returned, or a part of it.
func (q *Querier) Run(ctx context.Context, tenants []string, expr syntax.Expr, p engine.Params, l engine.Limits) (*engine.Result, error) {
	if p.End < p.Start {
		return empty(expr, &p), nil
	}
	owner := strings.Join(tenants, "|")
	var res *engine.Result
	var err error
	for range maxRuns {
		res, err = q.engine.Exec(ctx, forTenants(boundedSource{q, q.limits}, tenants), owner, expr, p, l)
		if err == nil || q.gone == nil || !errors.Is(err, q.gone) || ctx.Err() != nil {
			break
		}
		// An ingester went while its snapshot was read. Others may have all of its
		// streams: opened again, the query does without it, or says that it cannot.
		level.Warn(q.logger).Log("msg", "an ingester went away during a query, which is run again", "err", err, "tenant", owner)
	}
	if err == nil && res.Stats.BlocksDamaged > 0 {
		// Who asked is told with the answer; who can mend it reads this.
		level.Error(q.logger).Log("msg", "blocks cannot be read; answers are incomplete", "err", strings.Join(res.Warnings, "; "), "tenant", owner, "blocks", res.Stats.BlocksDamaged)
	}
	return res, err
}

// oldest is the oldest time that all of the tenants may look back to.
func (q *Querier) oldest(tenants []string) int64 {
	var lookback time.Duration
	for _, t := range tenants {
		lookback = stricter(lookback, time.Duration(q.limits.For(t).MaxQueryLookback))
	}
	if lookback == 0 {
		return math.MinInt64
	}
	return q.now().Add(-lookback).UnixNano()
}

// empty is the answer to a query that may look at nothing.
func empty(expr syntax.Expr, p *engine.Params) *engine.Result {
	switch _, isLogs := expr.(*syntax.LogSelector); {
	case isLogs:
		return &engine.Result{Data: engine.Streams{}}
	case p.Instant():
		return &engine.Result{Data: promql.Vector{}}
	default:
		return &engine.Result{Data: promql.Matrix{}}
	}
}

// splits reports whether queries of these tenants are cut up by time, and
// therefore evaluated at multiples of their step: so each part has the points
// that it would have alone, and dashboards the same ones at each refresh.
func (q *Querier) splits(tenants []string) bool {
	for _, t := range tenants {
		if q.limits.For(t).SplitQueriesByInterval > 0 {
			return true
		}
	}
	return false
}

// align rounds the start down and the end up to multiples of the step.
func align(start, end int64, step time.Duration) (int64, int64) {
	n := int64(step)
	start -= mod(start, n)
	if r := mod(end, n); r > 0 {
		end += n - r
	}
	return start, end
}

func mod(a, n int64) int64 { return ((a % n) + n) % n }

// queryLimits are the limits of a query: for several tenants the strictest of each.
func (q *Querier) queryLimits(tenants []string) engine.Limits {
	out := ofLimits(q.limits.For(tenants[0]))
	for _, t := range tenants[1:] {
		l := ofLimits(q.limits.For(t))
		out.MaxEntries = stricter(out.MaxEntries, l.MaxEntries)
		out.MaxSeries = stricter(out.MaxSeries, l.MaxSeries)
		out.MaxLength = stricter(out.MaxLength, l.MaxLength)
		out.MaxRange = stricter(out.MaxRange, l.MaxRange)
		out.Timeout = stricter(out.Timeout, l.Timeout)
		out.Variants = out.Variants && l.Variants
	}
	return out
}

func ofLimits(l *limits.Limits) engine.Limits {
	return engine.Limits{
		MaxEntries: l.MaxEntriesLimitPerQuery,
		MaxSeries:  l.MaxQuerySeries,
		MaxLength:  time.Duration(l.MaxQueryLength),
		MaxRange:   time.Duration(l.MaxQueryRange),
		Timeout:    time.Duration(l.QueryTimeout),
		Variants:   l.EnableMultiVariantQueries,
	}
}

// stricter returns the smaller of two limits, of which 0 is none.
func stricter[T int | time.Duration](a, b T) T {
	if a == 0 || b != 0 && b < a {
		return b
	}
	return a
}
