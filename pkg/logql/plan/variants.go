package plan

import (
	"slices"

	"github.com/skaldlogs/skald/pkg/logql/syntax"
)

// WithRange returns a metric whose ranges are over the entries and the time of
// another range: stages of its own follow those, and so does its unwrap.
func WithRange(e syntax.MetricExpr, of *syntax.LogRange) syntax.MetricExpr {
	switch e := e.(type) {
	case *syntax.RangeAggregation:
		c := *e
		r := *of
		selector := *of.Selector
		selector.Stages = slices.Concat(selector.Stages, e.Range.Selector.Stages)
		r.Selector = &selector
		if e.Range.Unwrap != nil {
			r.Unwrap = e.Range.Unwrap
		}
		c.Range = &r
		return &c
	case *syntax.VectorAggregation:
		c := *e
		c.Expr = WithRange(e.Expr, of)
		return &c
	case *syntax.LabelReplace:
		c := *e
		c.Expr = WithRange(e.Expr, of)
		return &c
	case *syntax.BinaryOp:
		c := *e
		c.Left, c.Right = WithRange(e.Left, of), WithRange(e.Right, of)
		return &c
	}
	return e
}
