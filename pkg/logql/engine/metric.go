package engine

import (
	"context"
	"fmt"
	"slices"

	"github.com/prometheus/prometheus/model/labels"
	"github.com/prometheus/prometheus/promql"
	"github.com/prometheus/prometheus/promql/parser"

	"github.com/skaldlogs/skald/pkg/logql/plan"
	"github.com/skaldlogs/skald/pkg/logql/syntax"
)

// metric answers a metric query.
func (q *query) metric(ctx context.Context, e syntax.MetricExpr) (*Result, error) {
	ev := newEvaluator(q)
	v, err := ev.eval(ctx, e)
	if err != nil {
		return nil, err
	}
	return q.metricResult(v, e)
}

// metricResult turns a value into the form that users get.
func (q *query) metricResult(v value, e syntax.MetricExpr) (*Result, error) {
	if v.isScalar {
		if q.params.Instant() {
			return &Result{Data: promql.Scalar{T: milliseconds(stepTime(&q.params, 0)), V: v.scalar}}, nil
		}
		v = value{series: []series{constant(v.scalar, steps(&q.params))}}
	}
	if limit := q.limits.MaxSeries; limit > 0 && len(v.series) > limit {
		err := TooManySeries(limit)
		if !q.params.PartialSeries {
			return nil, err
		}
		v.series = v.series[:limit]
		q.warnings = append(q.warnings, err.Error()+"; the result is partial")
	}
	if q.params.Instant() {
		return &Result{Data: q.vector(v.series, e)}, nil
	}
	all, err := q.distinct(v.series)
	if err != nil {
		return nil, err
	}
	return &Result{Data: q.matrix(all)}, nil
}

// distinct makes one series of those that label_replace has given the same
// labels. They may not have a step in common.
func (q *query) distinct(in []series) ([]series, error) {
	same := func(a, b series) bool { return labels.Equal(a.labels, b.labels) }
	if len(slices.CompactFunc(slices.Clone(in), same)) == len(in) {
		return in, nil
	}
	out := newCollector(q.budget)
	for _, s := range in {
		if err := out.put(s.labels, s.points); err != nil {
			return nil, err
		}
	}
	if len(out.apart) > 0 {
		return nil, &MatchError{fmt.Sprintf("several series of the result have the labels %s", out.apart[0].labels)}
	}
	return out.series(), nil
}

func (q *query) vector(in []series, e syntax.MetricExpr) promql.Vector {
	t := milliseconds(stepTime(&q.params, 0))
	out := make(promql.Vector, 0, len(in))
	for _, s := range in {
		for _, p := range s.points {
			out = append(out, promql.Sample{T: t, F: p.value, Metric: s.labels})
		}
	}
	if a, ok := e.(*syntax.VectorAggregation); ok && (a.Op == syntax.Sort || a.Op == syntax.SortDesc) {
		sortByValue(out, a.Op == syntax.SortDesc)
	}
	return out
}

func (q *query) matrix(in []series) promql.Matrix {
	out := make(promql.Matrix, 0, len(in))
	for _, s := range in {
		points := make([]promql.FPoint, len(s.points))
		for i, p := range s.points {
			points[i] = promql.FPoint{T: milliseconds(stepTime(&q.params, int(p.step))), F: p.value}
		}
		out = append(out, promql.Series{Metric: s.labels, Floats: points})
	}
	return out
}

// milliseconds is the time that a promql value has for ts.
func milliseconds(ts int64) int64 { return ts / 1e6 }

// countEntries is how many entries or points a result has.
func countEntries(v parser.Value) int64 {
	n := 0
	switch v := v.(type) {
	case Streams:
		for _, s := range v {
			n += len(s.Entries)
		}
	case promql.Vector:
		n = len(v)
	case promql.Matrix:
		for _, s := range v {
			n += len(s.Floats)
		}
	default:
		n = 1
	}
	return int64(n)
}

// A value is what a metric expression is at all steps.
type value struct {
	isScalar bool
	scalar   float64
	// series are by labels, each with at least one point. No two have the same
	// labels and a point at the same step, unless label_replace made them so. They
	// are shared and must not be changed.
	series []series
}

// An evaluator evaluates the nodes of one query. Equal ranges are read once.
type evaluator struct {
	query  *query
	steps  int
	ranges map[string][]series // by the key of the plan
}

func newEvaluator(q *query) *evaluator {
	return &evaluator{query: q, steps: steps(&q.params), ranges: map[string][]series{}}
}

func (ev *evaluator) eval(ctx context.Context, e syntax.MetricExpr) (value, error) {
	if err := ctx.Err(); err != nil {
		return value{}, err
	}
	if r, ok := plan.AsRange(e); ok {
		s, err := ev.rangeSeries(ctx, r)
		return value{series: s}, err
	}
	switch e := e.(type) {
	case *syntax.Literal:
		return value{isScalar: true, scalar: e.Value}, nil
	case *syntax.Vector:
		return value{series: []series{constant(e.Value, ev.steps)}}, nil
	case *syntax.VectorAggregation:
		in, err := ev.eval(ctx, e.Expr)
		if err != nil {
			return value{}, err
		}
		out, err := ev.aggregate(e, in.series)
		return value{series: out}, err
	case *syntax.LabelReplace:
		in, err := ev.eval(ctx, e.Expr)
		if err != nil {
			return value{}, err
		}
		if in.isScalar {
			in = value{series: []series{constant(in.scalar, ev.steps)}}
		}
		out, err := ev.labelReplace(e, in.series)
		return value{series: out}, err
	case *syntax.BinaryOp:
		return ev.binary(ctx, e)
	}
	return value{}, fmt.Errorf("evaluate %s: unknown expression %T", e, e)
}

// rangeSeries runs a range, or returns what it was before.
func (ev *evaluator) rangeSeries(ctx context.Context, r *plan.Range) ([]series, error) {
	if s, ok := ev.ranges[r.Key]; ok {
		return s, nil
	}
	s, err := ev.query.rangeAggregation(ctx, r)
	if err != nil {
		return nil, err
	}
	if r.Op == syntax.AbsentOverTime {
		s = absent(r.Matchers, s, ev.steps)
	}
	ev.ranges[r.Key] = s
	return s, nil
}

// constant is the series without labels that has a value at all steps.
func constant(v float64, steps int) series {
	points := make([]point, steps)
	for i := range points {
		points[i] = point{int32(i), v}
	}
	return series{points: points}
}

// absent is 1 at the steps where no series has a value. Its labels are those
// that the matchers fix.
func absent(matchers []*labels.Matcher, in []series, steps int) []series {
	seen := make([]bool, steps)
	for _, s := range in {
		for _, p := range s.points {
			seen[p.step] = true
		}
	}
	var points []point
	for i, there := range seen {
		if !there {
			points = append(points, point{int32(i), 1})
		}
	}
	if points == nil {
		return nil
	}
	times := map[string]int{}
	for _, m := range matchers {
		times[m.Name]++
	}
	b := labels.NewBuilder(labels.EmptyLabels())
	for _, m := range matchers {
		if m.Type == labels.MatchEqual && times[m.Name] == 1 {
			b.Set(m.Name, m.Value)
		}
	}
	return []series{{b.Labels(), points}}
}

// variants answers several metrics over one range: each is evaluated with that
// range in place of its own.
func (q *query) variants(ctx context.Context, e *syntax.Variants) (*Result, error) {
	if !q.limits.Variants {
		return nil, limitErrorf("enable_multi_variant_queries", "multi variant queries are disabled for this tenant (enable_multi_variant_queries)")
	}
	ev := newEvaluator(q)
	var out []series
	for i, m := range e.Metrics {
		v, err := ev.eval(ctx, plan.WithRange(m, e.Of))
		if err != nil {
			return nil, err
		}
		if v.isScalar {
			v.series = []series{constant(v.scalar, ev.steps)}
		}
		for _, s := range v.series {
			b := labels.NewBuilder(s.labels)
			b.Set("__variant__", fmt.Sprint(i))
			out = append(out, series{b.Labels(), s.points})
		}
	}
	sortSeries(out)
	return q.metricResult(value{series: out}, e.Metrics[0])
}
