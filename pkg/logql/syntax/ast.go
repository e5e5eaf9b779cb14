package syntax

import (
	"time"

	"github.com/prometheus/prometheus/model/labels"
)

// A Node is any part of a query's tree: an [Expr], a [Stage], a [LogRange] or
// an [Unwrap].
type Node interface {
	// Pos is where the node begins in the text it was parsed from.
	Pos() Pos
	// String is the canonical text of the node, in one line.
	String() string
}

// An Expr is a whole query or an operand: a [*LogSelector], a [MetricExpr] or a
// [*Variants].
type Expr interface {
	Node
	expr()
}

// A MetricExpr is an expression whose value is a vector or a number.
type MetricExpr interface {
	Expr
	metric()
}

// node is what all nodes share.
type node struct{ pos Pos }

func (n node) Pos() Pos { return n.pos }

// A LogSelector selects streams, and runs their entries through stages.
type LogSelector struct {
	node
	// Matchers must all hold, in the order written. Parse makes sure that at
	// least one of them refuses the empty string.
	Matchers []*labels.Matcher
	// Stages are in the order written, which is the order they take effect in.
	Stages []Stage
}

// A LogRange is the entries of a selector in a window of time.
type LogRange struct {
	node
	Selector *LogSelector
	Unwrap   *Unwrap // nil when entries, not values, are aggregated
	Range    time.Duration
	Offset   time.Duration // positive is into the past
}

// An Unwrap takes the value of a label as the sample.
type Unwrap struct {
	node
	Label      string
	Conversion Conversion
	// Filters are the label filters written after the unwrap; all must hold, and
	// they see the error that a failed conversion leaves.
	Filters []LabelFilter
}

// A Conversion says how a label's text becomes a number.
type Conversion string

// The conversions.
const (
	ConvertNumber          Conversion = ""                 // a number
	ConvertDuration        Conversion = "duration"         // a duration, in seconds
	ConvertDurationSeconds Conversion = "duration_seconds" // the same
	ConvertBytes           Conversion = "bytes"            // a size, in bytes
)

// A RangeAggregation makes one sample of each series of a range.
type RangeAggregation struct {
	node
	Op RangeOp
	// Param is φ of quantile_over_time; no other operator has one.
	Param    float64
	Range    *LogRange
	Grouping *Grouping // nil keeps all labels; an empty by keeps none
}

// A VectorAggregation makes one sample, or the k best, of each group of a vector.
type VectorAggregation struct {
	node
	Op       VectorOp
	Param    int // k of topk, bottomk, approx_topk; otherwise 0
	Expr     MetricExpr
	Grouping *Grouping // nil makes one group of all
}

// A Grouping says which labels tell groups apart.
type Grouping struct {
	Labels  []string
	Without bool // by all labels but these
}

// A BinaryOp applies an operator to two operands, of which at least one is not
// a [Literal].
type BinaryOp struct {
	node
	Op          Operator
	Left, Right MetricExpr
	// Bool asks comparisons for 0 or 1, instead of dropping what does not hold.
	Bool bool
	// Matching is nil where samples match on all their labels, one to one (many
	// to many for and, or, unless).
	Matching *Matching
}

// A Matching says which samples of two vectors belong together.
type Matching struct {
	On     bool // match on Labels alone; otherwise on all but Labels
	Labels []string
	Group  Group
	// Include are labels that the many take over from the one.
	Include []string
}

// A Group says on which side of a [BinaryOp] many samples may match one.
type Group string

// The groups.
const (
	OneToOne   Group = ""
	GroupLeft  Group = "group_left"
	GroupRight Group = "group_right"
)

// A LabelReplace sets a label from a match of a regular expression on another.
type LabelReplace struct {
	node
	Expr                          MetricExpr
	Dst, Replacement, Src, Regexp string // Regexp is valid, and matches a whole value
}

// A Literal is a number.
type Literal struct {
	node
	Value float64
}

// A Vector is vector(n): one sample without labels.
type Vector struct {
	node
	Value float64 // never negative
}

// Variants are several metrics over one pass through a range. The ranges of the
// metrics give way to Of.
type Variants struct {
	node
	Metrics []MetricExpr
	Of      *LogRange
}

func (*LogSelector) expr()       {}
func (*Variants) expr()          {}
func (*RangeAggregation) expr()  {}
func (*VectorAggregation) expr() {}
func (*BinaryOp) expr()          {}
func (*LabelReplace) expr()      {}
func (*Literal) expr()           {}
func (*Vector) expr()            {}

func (*RangeAggregation) metric()  {}
func (*VectorAggregation) metric() {}
func (*BinaryOp) metric()          {}
func (*LabelReplace) metric()      {}
func (*Literal) metric()           {}
func (*Vector) metric()            {}
