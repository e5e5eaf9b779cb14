package syntax

import "math"

// RangeOp is the operator of a [RangeAggregation].
type RangeOp string

// The operators over ranges.
const (
	CountOverTime    RangeOp = "count_over_time"
	Rate             RangeOp = "rate"
	BytesOverTime    RangeOp = "bytes_over_time"
	BytesRate        RangeOp = "bytes_rate"
	AbsentOverTime   RangeOp = "absent_over_time"
	SumOverTime      RangeOp = "sum_over_time"
	AvgOverTime      RangeOp = "avg_over_time"
	MinOverTime      RangeOp = "min_over_time"
	MaxOverTime      RangeOp = "max_over_time"
	StddevOverTime   RangeOp = "stddev_over_time"
	StdvarOverTime   RangeOp = "stdvar_over_time"
	QuantileOverTime RangeOp = "quantile_over_time"
	FirstOverTime    RangeOp = "first_over_time"
	LastOverTime     RangeOp = "last_over_time"
	RateCounter      RangeOp = "rate_counter"
)

// presence says whether a part of an expression must, may or must not be there.
type presence uint8

const (
	forbidden presence = iota
	optional
	required
)

// rangeOps says for each operator what it goes with.
var rangeOps = map[RangeOp]struct {
	unwrap   presence
	grouping bool
	param    bool
}{
	CountOverTime:    {unwrap: forbidden},
	Rate:             {unwrap: optional},
	BytesOverTime:    {unwrap: forbidden},
	BytesRate:        {unwrap: forbidden},
	AbsentOverTime:   {unwrap: optional},
	SumOverTime:      {unwrap: required},
	AvgOverTime:      {unwrap: required, grouping: true},
	MinOverTime:      {unwrap: required, grouping: true},
	MaxOverTime:      {unwrap: required, grouping: true},
	StddevOverTime:   {unwrap: required, grouping: true},
	StdvarOverTime:   {unwrap: required, grouping: true},
	QuantileOverTime: {unwrap: required, grouping: true, param: true},
	FirstOverTime:    {unwrap: required, grouping: true},
	LastOverTime:     {unwrap: required, grouping: true},
	RateCounter:      {unwrap: required},
}

// VectorOp is the operator of a [VectorAggregation].
type VectorOp string

// The operators over vectors.
const (
	Sum        VectorOp = "sum"
	Avg        VectorOp = "avg"
	Min        VectorOp = "min"
	Max        VectorOp = "max"
	Count      VectorOp = "count"
	Stddev     VectorOp = "stddev"
	Stdvar     VectorOp = "stdvar"
	TopK       VectorOp = "topk"
	BottomK    VectorOp = "bottomk"
	ApproxTopK VectorOp = "approx_topk"
	Sort       VectorOp = "sort"
	SortDesc   VectorOp = "sort_desc"
)

// vectorOps says for each operator what it goes with.
var vectorOps = map[VectorOp]struct {
	grouping bool
	param    bool
}{
	Sum:        {grouping: true},
	Avg:        {grouping: true},
	Min:        {grouping: true},
	Max:        {grouping: true},
	Count:      {grouping: true},
	Stddev:     {grouping: true},
	Stdvar:     {grouping: true},
	TopK:       {grouping: true, param: true},
	BottomK:    {grouping: true, param: true},
	ApproxTopK: {param: true},
	Sort:       {},
	SortDesc:   {},
}

// Operator is the operator of a [BinaryOp] or of a comparing [LabelFilter].
type Operator string

// The operators between two operands.
const (
	Or     Operator = "or"
	And    Operator = "and"
	Unless Operator = "unless"
	Eq     Operator = "=="
	Ne     Operator = "!="
	Lt     Operator = "<"
	Le     Operator = "<="
	Gt     Operator = ">"
	Ge     Operator = ">="
	Add    Operator = "+"
	Sub    Operator = "-"
	Mul    Operator = "*"
	Div    Operator = "/"
	Mod    Operator = "%"
	Pow    Operator = "^"
)

// precedence tells which of two operators binds tighter.
var precedence = map[Operator]int{
	Or:  1,
	And: 2, Unless: 2,
	Eq: 3, Ne: 3, Lt: 3, Le: 3, Gt: 3, Ge: 3,
	Add: 4, Sub: 4,
	Mul: 5, Div: 5, Mod: 5,
	Pow: 6,
}

// IsSet reports whether op works on sets of labels, not on values.
func (op Operator) IsSet() bool { return op == And || op == Or || op == Unless }

// IsComparison reports whether op yields true or false.
func (op Operator) IsComparison() bool { return precedence[op] == precedence[Eq] }

// Compare reports whether l op r holds. It is for comparisons.
func (op Operator) Compare(l, r float64) bool {
	switch op {
	case Eq:
		return l == r
	case Ne:
		return l != r
	case Lt:
		return l < r
	case Le:
		return l <= r
	case Gt:
		return l > r
	default:
		return l >= r
	}
}

// Calculate is l op r for arithmetic, and 1 or 0 for comparisons. Dividing by
// zero is NaN, whatever is divided, as it is in Loki. It is not for and, or, unless.
func (op Operator) Calculate(l, r float64) float64 {
	switch op {
	case Add:
		return l + r
	case Sub:
		return l - r
	case Mul:
		return l * r
	case Div:
		if r == 0 {
			return math.NaN()
		}
		return l / r
	case Mod:
		return math.Mod(l, r)
	case Pow:
		return math.Pow(l, r)
	}
	if op.Compare(l, r) {
		return 1
	}
	return 0
}
