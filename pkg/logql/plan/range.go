package plan

import (
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/prometheus/prometheus/model/labels"

	"github.com/skaldlogs/skald/pkg/logql/syntax"
	"github.com/skaldlogs/skald/pkg/scan"
)

// A Range is a range aggregation as the engine runs it.
type Range struct {
	Op       syntax.RangeOp
	Param    float64
	Range    time.Duration
	Offset   time.Duration
	Matchers []*labels.Matcher
	Unwrap   *syntax.Unwrap
	// Grouping tells which labels make a series; nil takes all of them.
	Grouping *syntax.Grouping
	// Stages are all that must be run for the answer to be right; Rest is what is
	// left of them where storage has answered Filters.
	Stages, Rest []syntax.Stage
	Filters      []scan.LineFilter
	// Written are the stages of the query itself, run or not: they must compile.
	Written []syntax.Stage
	// Key is the same for two ranges that have the same samples.
	Key string
}

// AsRange returns the range that gives the samples of e, which is a range
// aggregation or one that a vector aggregation can be merged into; ok is false
// for anything else.
func AsRange(e syntax.MetricExpr) (r *Range, ok bool) {
	switch e := e.(type) {
	case *syntax.RangeAggregation:
		return newRange(e, e.Grouping), true
	case *syntax.VectorAggregation:
		inner, ok := e.Expr.(*syntax.RangeAggregation)
		if !ok || inner.Grouping != nil || !merges(e.Op, inner) {
			return nil, false
		}
		grouping := e.Grouping
		if grouping == nil {
			grouping = &syntax.Grouping{}
		}
		if e.Op != syntax.Sum {
			grouping = withoutUnwrapped(grouping, inner.Range.Unwrap)
		}
		return newRange(inner, grouping), true
	}
	return nil, false
}

// withoutUnwrapped is a grouping by what is left of a sample's labels: a range that is
// not grouped has taken away the label that it unwraps. A sum reaches into the range
// and finds it.
func withoutUnwrapped(g *syntax.Grouping, u *syntax.Unwrap) *syntax.Grouping {
	if u == nil || g.Without || !slices.Contains(g.Labels, u.Label) {
		return g
	}
	left := *g
	left.Labels = slices.DeleteFunc(slices.Clone(g.Labels), func(l string) bool { return l == u.Label })
	return &left
}

// merges reports whether op over the series of a range is the range's own
// operator over the entries of all of them.
func merges(op syntax.VectorOp, a *syntax.RangeAggregation) bool {
	switch a.Op {
	case syntax.CountOverTime, syntax.Rate, syntax.BytesOverTime, syntax.BytesRate, syntax.SumOverTime:
		return op == syntax.Sum
	case syntax.MinOverTime:
		return op == syntax.Min
	case syntax.MaxOverTime:
		return op == syntax.Max
	}
	return false
}

func newRange(a *syntax.RangeAggregation, grouping *syntax.Grouping) *Range {
	r := &Range{
		Op: a.Op, Param: a.Param,
		Range: a.Range.Range, Offset: a.Range.Offset,
		Matchers: a.Range.Selector.Matchers,
		Unwrap:   a.Range.Unwrap,
		Grouping: grouping,
		Written:  a.Range.Selector.Stages,
	}
	if a.Op == syntax.AbsentOverTime {
		r.Grouping = &syntax.Grouping{} // only whether there is an entry counts
	}
	bytes := a.Op == syntax.BytesOverTime || a.Op == syntax.BytesRate
	r.Stages = Prune(r.Written, r.Grouping, StreamLabels(r.Matchers), r.Unwrap != nil, bytes)
	r.Key = a.String()
	if r.Grouping != a.Grouping {
		r.Key += groupingKey(r.Grouping)
	}
	r.groupAsKept(bytes)
	r.Filters, r.Rest = PushFilters(r.Stages)
	return r
}

// groupAsKept leaves out a last stage that keeps some labels: grouping by those of them
// that the grouping has comes to the same. bytes says that lengths of lines count.
func (r *Range) groupAsKept(bytes bool) {
	last := len(r.Stages) - 1
	if last < 0 || r.Unwrap != nil || r.Grouping == nil || r.Grouping.Without {
		return
	}
	keep, ok := r.Stages[last].(*syntax.Keep)
	if !ok {
		return
	}
	for _, l := range r.Grouping.Labels {
		if strings.HasPrefix(l, "__") {
			return // it may tell of an error, which is kept in any case
		}
	}
	for _, c := range keep.Labels {
		if c.Matcher != nil {
			return
		}
	}
	by := *r.Grouping
	by.Labels = slices.DeleteFunc(slices.Clone(by.Labels), func(l string) bool {
		return !slices.ContainsFunc(keep.Labels, func(c syntax.LabelChoice) bool { return c.Name == l })
	})
	r.Grouping, r.Stages = &by, Prune(r.Stages[:last], &by, StreamLabels(r.Matchers), false, bytes)
}

// String is the range as a query writes it, with the grouping that was merged into
// it.
func (r *Range) String() string {
	text, _, merged := strings.Cut(r.Key, "\x00")
	if merged {
		text += " " + r.Grouping.String()
	}
	return text
}

func groupingKey(g *syntax.Grouping) string {
	key := "\x00by"
	if g.Without {
		key = "\x00without"
	}
	for _, l := range g.Labels {
		key += strconv.Quote(l)
	}
	return key
}

// StreamLabels returns the names that every stream has that matchers select.
func StreamLabels(matchers []*labels.Matcher) []string {
	var names []string
	for _, m := range matchers {
		if !m.Matches("") {
			names = append(names, m.Name)
		}
	}
	return names
}

// ReadsLine reports whether stages look at the line, or at what is in it.
func ReadsLine(stages []syntax.Stage) bool {
	for _, s := range stages {
		switch s.(type) {
		case *syntax.Drop, *syntax.Keep, syntax.LabelFilter:
		default:
			return true
		}
	}
	return false
}

// ReadsLabels reports whether some stage's outcome depends on the labels of an
// entry.
func ReadsLabels(stages []syntax.Stage) bool {
	for _, s := range stages {
		switch s.(type) {
		case *syntax.LineFilter, *syntax.Decolorize:
		default:
			return true
		}
	}
	return false
}

// FromStream reports whether the labels that make a series of r are those of
// the stream alone, for a stream that has the labels named has.
func (r *Range) FromStream(has func(name string) bool) bool {
	if r.Unwrap != nil || ReadsLabels(r.Stages) || r.Grouping == nil || r.Grouping.Without {
		return false
	}
	for _, l := range r.Grouping.Labels {
		if !has(l) {
			return false
		}
	}
	return true
}
