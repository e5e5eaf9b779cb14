package engine

import (
	"math"

	"github.com/skaldlogs/skald/pkg/scan"
)

// An accumulator is the state of a range aggregation for the samples of one
// series in one bucket. Its zero value has seen no sample. Samples come in any
// order, and states are merged in any order.
type accumulator[T any] interface {
	merger[T]
	add(v float64, at arrival)
}

// A merger is a state that adds what another state has seen. It may keep what
// the other refers to.
type merger[T any] interface {
	*T
	merge(o *T)
}

// An arrival is the place of a sample in time, and in the order of arrival.
type arrival struct {
	ts    int64
	order scan.Order
	row   int
}

// before reports whether a is the earlier of two.
func (a arrival) before(b arrival) bool {
	switch {
	case a.ts != b.ts:
		return a.ts < b.ts
	case a.order != b.order:
		return a.order.Before(b.order)
	default:
		return a.row < b.row
	}
}

// A sum is compensated: what rounding loses of each addition is added up apart.
type sum struct{ sum, lost float64 }

func (s *sum) add(v float64, _ arrival) { s.plus(v) }

func (s *sum) plus(v float64) {
	t := s.sum + v
	switch {
	case math.IsInf(t, 0):
		s.lost = 0
	case math.Abs(s.sum) >= math.Abs(v):
		s.lost += (s.sum - t) + v
	default:
		s.lost += (v - t) + s.sum
	}
	s.sum = t
}

func (s *sum) merge(o *sum) {
	s.plus(o.sum)
	s.plus(o.lost)
}

func (s *sum) total() float64 { return s.sum + s.lost }

// A mean is a sum and how many samples are in it.
type mean struct {
	sum
	n float64
}

func (m *mean) add(v float64, _ arrival) {
	m.plus(v)
	m.n++
}

func (m *mean) merge(o *mean) {
	m.sum.merge(&o.sum)
	m.n += o.n
}

func (m *mean) value() float64 { return m.total() / m.n }

// A low is the least sample. NaN gives way to any number.
type low struct {
	v   float64
	any bool
}

func (l *low) add(v float64, _ arrival) {
	if !l.any || v < l.v || math.IsNaN(l.v) {
		l.v, l.any = v, true
	}
}

func (l *low) merge(o *low) {
	if o.any {
		l.add(o.v, arrival{})
	}
}

// A high is the greatest sample. NaN gives way to any number.
type high struct {
	v   float64
	any bool
}

func (h *high) add(v float64, _ arrival) {
	if !h.any || v > h.v || math.IsNaN(h.v) {
		h.v, h.any = v, true
	}
}

func (h *high) merge(o *high) {
	if o.any {
		h.add(o.v, arrival{})
	}
}

// A deviation is how far samples are from their mean: m2 is the sum of the
// squares of the distances. Merging follows Chan, Golub and LeVeque.
type deviation struct{ n, mean, m2 float64 }

func (d *deviation) add(v float64, _ arrival) {
	d.n++
	delta := v - d.mean
	d.mean += delta / d.n
	d.m2 += delta * (v - d.mean)
}

func (d *deviation) merge(o *deviation) {
	if o.n == 0 {
		return
	}
	if d.n == 0 {
		*d = *o
		return
	}
	n := d.n + o.n
	delta := o.mean - d.mean
	d.mean += delta * o.n / n
	d.m2 += o.m2 + delta*delta*d.n*o.n/n
	d.n = n
}

func (d *deviation) variance() float64 { return d.m2 / d.n }

// An earliest is the sample that came first.
type earliest struct {
	v   float64
	at  arrival
	any bool
}

func (e *earliest) add(v float64, at arrival) {
	if !e.any || at.before(e.at) {
		e.v, e.at, e.any = v, at, true
	}
}

func (e *earliest) merge(o *earliest) {
	if o.any {
		e.add(o.v, o.at)
	}
}

// A latest is the sample that came last.
type latest struct {
	v   float64
	at  arrival
	any bool
}

func (l *latest) add(v float64, at arrival) {
	if !l.any || l.at.before(at) {
		l.v, l.at, l.any = v, at, true
	}
}

func (l *latest) merge(o *latest) {
	if o.any {
		l.add(o.v, o.at)
	}
}

// An all keeps every sample, for what only all of them can tell.
type all struct{ values []float64 }

func (a *all) add(v float64, _ arrival) { a.values = append(a.values, v) }

func (a *all) merge(o *all) { a.values = append(a.values, o.values...) }

// A history keeps every sample and its place.
type history struct{ samples []sample }

type sample struct {
	v  float64
	at arrival
}

func (h *history) add(v float64, at arrival) { h.samples = append(h.samples, sample{v, at}) }

func (h *history) merge(o *history) { h.samples = append(h.samples, o.samples...) }
