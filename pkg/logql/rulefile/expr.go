package rulefile

import (
	"errors"

	"github.com/prometheus/prometheus/promql/parser"
	"github.com/prometheus/prometheus/promql/parser/posrange"

	"github.com/skaldlogs/skald/pkg/logql/pipeline"
	"github.com/skaldlogs/skald/pkg/logql/syntax"
)

// errLogs is the reason to refuse a rule that selects lines. The reference
// takes it, and fails each time it evaluates it.
var errLogs = errors.New("the expression selects log lines, and a rule needs numbers: count them, as in count_over_time(… [5m])")

// An Expr is a LogQL expression where Prometheus' rules want one of PromQL. They
// print it and hand it back to be evaluated, and ask no more of it.
type Expr struct {
	Metric syntax.MetricExpr
	text   string // as it was written
}

// ParseExpr reads the expression of a rule: LogQL that gives samples, and whose
// stages compile.
func ParseExpr(text string) (*Expr, error) {
	e, err := syntax.Parse(text)
	if err != nil {
		return nil, err
	}
	metric, ok := e.(syntax.MetricExpr)
	if !ok {
		return nil, errLogs
	}
	syntax.Walk(metric, func(n syntax.Node) bool {
		if s, ok := n.(*syntax.LogSelector); ok && err == nil {
			_, err = pipeline.Compile(s.Stages, pipeline.Options{})
		}
		return err == nil
	})
	if err != nil {
		return nil, err
	}
	return &Expr{metric, text}, nil
}

// String returns the expression as it was written: a ruler evaluates and
// reports that text.
func (e *Expr) String() string { return e.text }

// Canonical is the expression as format_query prints it on one line.
func (e *Expr) Canonical() string { return e.Metric.String() }

// Pretty returns the expression in lines, for whatever level.
func (e *Expr) Pretty(int) string { return syntax.Pretty(e.Metric) }

// PositionRange is all of the text.
func (e *Expr) PositionRange() posrange.PositionRange {
	return posrange.PositionRange{End: posrange.Pos(len(e.text))}
}

// Type is that of an instant query's answer. A scalar becomes a vector of one
// sample without labels.
func (e *Expr) Type() parser.ValueType { return parser.ValueTypeVector }

// PromQLExpr lets an Expr stand for one of PromQL.
func (e *Expr) PromQLExpr() {}

var _ parser.Expr = (*Expr)(nil)
