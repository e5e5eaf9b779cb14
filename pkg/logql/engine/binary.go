package engine

import (
	"context"

	"github.com/skaldlogs/skald/pkg/logql/syntax"
)

// binary evaluates an operator between two operands.
func (ev *evaluator) binary(ctx context.Context, e *syntax.BinaryOp) (value, error) {
	l, err := ev.eval(ctx, e.Left)
	if err != nil {
		return value{}, err
	}
	r, err := ev.eval(ctx, e.Right)
	if err != nil {
		return value{}, err
	}
	switch {
	case l.isScalar && r.isScalar:
		return value{isScalar: true, scalar: e.Op.Calculate(l.scalar, r.scalar)}, nil
	case r.isScalar:
		out, err := ev.withScalar(l.series, func(v float64) (float64, bool) { return operate(e, v, r.scalar, v) })
		return value{series: out}, err
	case l.isScalar:
		out, err := ev.withScalar(r.series, func(v float64) (float64, bool) { return operate(e, l.scalar, v, v) })
		return value{series: out}, err
	}
	var out []series
	if e.Op.IsSet() {
		out, err = ev.set(e, l.series, r.series)
	} else {
		out, err = ev.match(e, l.series, r.series)
	}
	return value{series: out}, err
}

// operate returns l op r, and whether there is a result. Comparisons that filter
// return keep where they hold.
func operate(e *syntax.BinaryOp, l, r, keep float64) (float64, bool) {
	if e.Op.IsComparison() && !e.Bool {
		return keep, e.Op.Compare(l, r)
	}
	return e.Op.Calculate(l, r), true
}

// withScalar applies fn to all points; it says which of them stay.
func (ev *evaluator) withScalar(in []series, fn func(float64) (float64, bool)) ([]series, error) {
	out := make([]series, 0, len(in))
	for _, s := range in {
		if err := ev.query.budget.use(seriesBytes + len(s.points)*pointBytes); err != nil {
			return nil, err
		}
		points := make([]point, 0, len(s.points))
		for _, p := range s.points {
			if v, ok := fn(p.value); ok {
				points = append(points, point{p.step, v})
			}
		}
		if len(points) > 0 {
			out = append(out, series{s.labels, points})
		}
	}
	return out, nil
}
