package engine

import (
	"cmp"
	"math"
	"slices"

	"github.com/prometheus/prometheus/model/labels"
	"github.com/prometheus/prometheus/promql"

	"github.com/skaldlogs/skald/pkg/logql/syntax"
)

// aggregate evaluates an operator over the series of a vector.
func (ev *evaluator) aggregate(e *syntax.VectorAggregation, in []series) ([]series, error) {
	switch e.Op {
	case syntax.Sort, syntax.SortDesc:
		return in, nil // the order of the result is chosen when all is known
	case syntax.TopK, syntax.ApproxTopK:
		return ev.topK(e, in, func(a, b float64) bool { return a > b || math.IsNaN(b) && !math.IsNaN(a) })
	case syntax.BottomK:
		return ev.topK(e, in, func(a, b float64) bool { return a < b || math.IsNaN(b) && !math.IsNaN(a) })
	case syntax.Sum:
		return fold(ev, e, in, (*sum).total)
	case syntax.Avg:
		return fold(ev, e, in, (*mean).value)
	case syntax.Count:
		return fold(ev, e, in, func(m *mean) float64 { return m.n })
	case syntax.Min:
		return fold(ev, e, in, func(l *low) float64 { return l.v })
	case syntax.Max:
		return fold(ev, e, in, func(h *high) float64 { return h.v })
	case syntax.Stddev:
		return fold(ev, e, in, func(d *deviation) float64 { return math.Sqrt(d.variance()) })
	default: // stdvar
		return fold(ev, e, in, (*deviation).variance)
	}
}

// groups sorts series into groups, and returns their labels and members.
func groups(g *syntax.Grouping, in []series) ([]labels.Labels, [][]int) {
	if g == nil {
		g = &syntax.Grouping{}
	}
	n := newNumbering()
	var members [][]int
	for i := range in {
		number := n.get(groupLabels(in[i].labels, g))
		if number == len(members) {
			members = append(members, nil)
		}
		members[number] = append(members[number], i)
	}
	return n.labels, members
}

// fold makes one series of each group. What a group costs depends on its points,
// not on the number of steps.
func fold[T any, P accumulator[T]](ev *evaluator, e *syntax.VectorAggregation, in []series, result func(*T) float64) ([]series, error) {
	names, members := groups(e.Grouping, in)
	out := make([]series, 0, len(names))
	acc := make([]T, ev.steps)
	at := newStepSet(ev.steps)
	for g, ls := range names {
		for _, i := range members[g] {
			for _, p := range in[i].points {
				at.add(p.step)
				P(&acc[p.step]).add(p.value, arrival{})
			}
		}
		touched := at.take()
		if err := ev.query.budget.use(seriesBytes + len(touched)*pointBytes); err != nil {
			return nil, err
		}
		points := make([]point, len(touched))
		for i, step := range touched {
			points[i] = point{step, result(&acc[step])}
			acc[step] = *new(T)
		}
		out = append(out, series{ls, points})
	}
	sortSeries(out)
	return out, nil
}

// A stepSet is the steps at which something is.
type stepSet struct {
	has  []bool
	list []int32
}

func newStepSet(steps int) *stepSet { return &stepSet{has: make([]bool, steps)} }

func (s *stepSet) add(step int32) {
	if !s.has[step] {
		s.has[step] = true
		s.list = append(s.list, step)
	}
}

// take returns the steps in order and empties the set. They are valid until the
// next add.
func (s *stepSet) take() []int32 {
	taken := s.list
	slices.Sort(taken)
	for _, step := range taken {
		s.has[step] = false
	}
	s.list = s.list[:0]
	return taken
}

// topK keeps, of each group and at each step, the k points that are best. Of
// equal ones those whose labels come first are better.
func (ev *evaluator) topK(e *syntax.VectorAggregation, in []series, better func(a, b float64) bool) ([]series, error) {
	_, members := groups(e.Grouping, in)
	kept := make([][]point, len(in))
	best := make([][]ranked, ev.steps)
	at := newStepSet(ev.steps)
	for _, group := range members {
		k := min(e.Param, len(group))
		for _, i := range group {
			for _, p := range in[i].points {
				at.add(p.step)
				best[p.step] = keepBest(best[p.step], ranked{p.value, i}, k, better)
			}
		}
		for _, step := range at.take() {
			for _, r := range best[step] {
				kept[r.series] = append(kept[r.series], point{step, r.value})
			}
			best[step] = best[step][:0]
		}
	}
	var out []series
	for i, points := range kept {
		if len(points) == 0 {
			continue
		}
		if err := ev.query.budget.use(seriesBytes + len(points)*pointBytes); err != nil {
			return nil, err
		}
		out = append(out, series{in[i].labels, points})
	}
	return out, nil
}

// A ranked is the value of a series among those it is compared with.
type ranked struct {
	value  float64
	series int
}

// keepBest adds r to the best k, which are a heap with the worst on top.
func keepBest(heap []ranked, r ranked, k int, better func(a, b float64) bool) []ranked {
	worse := func(a, b ranked) bool {
		if better(a.value, b.value) || better(b.value, a.value) {
			return better(b.value, a.value)
		}
		return a.series > b.series
	}
	if len(heap) < k {
		heap = append(heap, r)
		for i := len(heap) - 1; i > 0; {
			up := (i - 1) / 2
			if !worse(heap[i], heap[up]) {
				break
			}
			heap[i], heap[up] = heap[up], heap[i]
			i = up
		}
		return heap
	}
	if k == 0 || !worse(heap[0], r) {
		return heap
	}
	heap[0] = r
	for i := 0; ; {
		worst := i
		for _, down := range []int{2*i + 1, 2*i + 2} {
			if down < len(heap) && worse(heap[down], heap[worst]) {
				worst = down
			}
		}
		if worst == i {
			return heap
		}
		heap[i], heap[worst] = heap[worst], heap[i]
		i = worst
	}
}

// sortByValue orders a vector by value, NaN last; equal values keep their order.
func sortByValue(v promql.Vector, descending bool) {
	slices.SortStableFunc(v, func(a, b promql.Sample) int {
		switch {
		case math.IsNaN(a.F) || math.IsNaN(b.F):
			return cmp.Compare(boolInt(math.IsNaN(a.F)), boolInt(math.IsNaN(b.F)))
		case descending:
			return cmp.Compare(b.F, a.F)
		default:
			return cmp.Compare(a.F, b.F)
		}
	})
}

func boolInt(b bool) int {
	if b {
		return 1
	}
	return 0
}
