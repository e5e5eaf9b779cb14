package engine

import (
	"fmt"
	"slices"

	"github.com/prometheus/prometheus/model/labels"

	"github.com/skaldlogs/skald/pkg/logql/syntax"
)

// signature returns the labels by which a series finds its match.
func signature(m *syntax.Matching, ls labels.Labels) labels.Labels {
	if m == nil {
		return ls
	}
	return groupLabels(ls, &syntax.Grouping{Labels: m.Labels, Without: !m.On})
}

// A pairing is the series of both sides that have the same signature.
type pairing struct {
	signature   labels.Labels
	left, right []int
}

func pair(m *syntax.Matching, l, r []series) []pairing {
	n := newNumbering()
	var out []pairing
	find := func(s *series) *pairing {
		sig := signature(m, s.labels)
		number := n.get(sig)
		if number == len(out) {
			out = append(out, pairing{signature: sig})
		}
		return &out[number]
	}
	for i := range l {
		p := find(&l[i])
		p.left = append(p.left, i)
	}
	for i := range r {
		p := find(&r[i])
		p.right = append(p.right, i)
	}
	return out
}

// match evaluates arithmetic and comparisons between two vectors.
func (ev *evaluator) match(e *syntax.BinaryOp, l, r []series) ([]series, error) {
	j := joiner{ev: ev, op: e, many: l, one: r, out: newCollector(ev.query.budget)}
	swapped := e.Matching != nil && e.Matching.Group == syntax.GroupRight
	j.manyIsRight = swapped
	if swapped {
		j.many, j.one = r, l
	}
	for _, p := range pair(e.Matching, l, r) {
		many, one := p.left, p.right
		if swapped {
			many, one = one, many
		}
		if err := j.join(p.signature, many, one); err != nil {
			return nil, err
		}
	}
	return j.out.series(), nil
}

// A joiner matches the series of the side that may have many with those of the
// side that may have one, at each step.
type joiner struct {
	ev          *evaluator
	op          *syntax.BinaryOp
	many, one   []series
	manyIsRight bool
	out         *collector

	at    []oneAt // by step, for the signature at work
	taken []bool  // by step: a result has used up the signature
}

// A oneAt is the value of the one side at a step.
type oneAt struct {
	series int // plus one; 0 is none
	value  float64
}

func (j *joiner) join(sig labels.Labels, many, one []int) error {
	if len(many) == 0 && len(one) < 2 || len(one) == 0 {
		return nil
	}
	if j.at == nil {
		j.at, j.taken = make([]oneAt, j.ev.steps), make([]bool, j.ev.steps)
	}
	defer func() {
		for _, i := range one {
			for _, p := range j.one[i].points {
				j.at[p.step], j.taken[p.step] = oneAt{}, false
			}
		}
	}()
	for _, i := range one {
		for _, p := range j.one[i].points {
			if j.at[p.step].series != 0 {
				side := "right"
				if j.manyIsRight {
					side = "left"
				}
				return &MatchError{fmt.Sprintf("multiple matches for labels %s on the %s side, where at most one may match: %s and %s; match on more labels",
					sig, side, j.one[j.at[p.step].series-1].labels, j.one[i].labels)}
			}
			j.at[p.step] = oneAt{i + 1, p.value}
		}
	}
	for _, i := range many {
		if err := j.joinSeries(sig, i); err != nil {
			return err
		}
	}
	return nil
}

// joinSeries matches one series of the many side.
func (j *joiner) joinSeries(sig labels.Labels, i int) error {
	grouped := j.op.Matching != nil && j.op.Matching.Group != syntax.OneToOne
	with := 0 // the series of the one side that target is for
	var target int
	for _, p := range j.many[i].points {
		one := j.at[p.step]
		if one.series == 0 {
			continue
		}
		l, r := p.value, one.value
		if j.manyIsRight {
			l, r = r, l
		}
		v, ok := operate(j.op, l, r, l)
		if !ok {
			continue
		}
		if !grouped && j.taken[p.step] {
			return &MatchError{fmt.Sprintf("multiple matches for labels %s: many-to-one matching must be explicit (group_left/group_right)", sig)}
		}
		j.taken[p.step] = true
		if with != one.series {
			with = one.series
			target = j.out.number(j.labels(sig, j.many[i].labels, j.one[one.series-1].labels))
		}
		if !j.out.add(target, point{p.step, v}) {
			return &MatchError{fmt.Sprintf("multiple matches for labels %s: several results have these labels; take over or match on other labels", j.out.labels(target))}
		}
	}
	return j.out.settle()
}

// labels are those of the result.
func (j *joiner) labels(sig, many, one labels.Labels) labels.Labels {
	m := j.op.Matching
	if m == nil {
		return many
	}
	if m.Group == syntax.OneToOne {
		return sig
	}
	b := labels.NewBuilder(many)
	for _, name := range m.Include {
		b.Set(name, one.Get(name)) // an empty value removes the label
	}
	return b.Labels()
}

// set evaluates and, or, unless.
func (ev *evaluator) set(e *syntax.BinaryOp, l, r []series) ([]series, error) {
	out := newCollector(ev.query.budget)
	there := make([]bool, ev.steps) // by step: the other side has the signature
	for _, p := range pair(e.Matching, l, r) {
		from, side, want := l, p.left, e.Op == syntax.And
		other, others := r, p.right
		if e.Op == syntax.Or {
			// Or takes all of the left side, and of the right what that has not.
			for _, i := range p.left {
				if err := out.put(l[i].labels, l[i].points); err != nil {
					return nil, err
				}
			}
			from, side, other, others = r, p.right, l, p.left
		}
		if len(side) == 0 {
			continue
		}
		mark := func(present bool) {
			for _, i := range others {
				for _, pt := range other[i].points {
					there[pt.step] = present
				}
			}
		}
		mark(true)
		for _, i := range side {
			var points []point
			for _, pt := range from[i].points {
				if there[pt.step] == want {
					points = append(points, pt)
				}
			}
			if err := out.put(from[i].labels, points); err != nil {
				return nil, err
			}
		}
		mark(false)
	}
	return out.series(), nil
}

// A collector gathers points into series whose labels may come up several times.
type collector struct {
	budget *budget
	names  *numbering
	points [][]point
	apart  []series // that cannot be merged with those of the same labels
	added  int      // points not yet counted against the budget
}

func newCollector(b *budget) *collector { return &collector{budget: b, names: newNumbering()} }

func (c *collector) number(ls labels.Labels) int {
	n := c.names.get(ls)
	if n == len(c.points) {
		c.points = append(c.points, nil)
		c.added += seriesBytes / pointBytes
	}
	return n
}

func (c *collector) labels(number int) labels.Labels { return c.names.labels[number] }

// add adds a point, and reports whether it is the first of its series and step.
func (c *collector) add(number int, p point) bool {
	i, taken := c.find(number, p.step)
	if !taken {
		c.points[number] = slices.Insert(c.points[number], i, p)
		c.added++
	}
	return !taken
}

// has reports whether a series has a value at a step.
func (c *collector) has(number int, step int32) bool {
	_, taken := c.find(number, step)
	return taken
}

// find returns the place of a step among the points of a series, and whether
// there is one.
func (c *collector) find(number int, step int32) (int, bool) {
	points := c.points[number]
	if n := len(points); n == 0 || points[n-1].step < step {
		return n, false
	}
	return slices.BinarySearchFunc(points, step, func(p point, step int32) int { return int(p.step - step) })
}

// settle counts what was added against the budget.
func (c *collector) settle() error {
	n := c.added
	c.added = 0
	return c.budget.use(n * pointBytes)
}

// put adds a whole series. If it has a step in common with others of the same
// labels, which label_replace can bring about, it stays a series of its own.
func (c *collector) put(ls labels.Labels, points []point) error {
	n := c.number(ls)
	if slices.ContainsFunc(points, func(p point) bool { return c.has(n, p.step) }) {
		c.apart = append(c.apart, series{ls, points})
		return nil
	}
	for _, p := range points {
		c.add(n, p)
	}
	return c.settle()
}

// series returns what was gathered.
func (c *collector) series() []series {
	out := make([]series, 0, len(c.points))
	for i, points := range c.points {
		if len(points) > 0 {
			out = append(out, series{c.names.labels[i], points})
		}
	}
	out = append(out, c.apart...)
	sortSeries(out)
	return out
}
