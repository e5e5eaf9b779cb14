package engine

import "slices"

// A rise is what a counter did in a span of time. Merging takes the later span.
type rise struct {
	n           int
	first, last float64
	increase    float64
}

func (r *rise) merge(o *rise) {
	switch {
	case o.n == 0:
		return
	case r.n == 0:
		*r = *o
		return
	}
	r.increase += increase(r.last, o.first) + o.increase
	r.last = o.last
	r.n += o.n
}

// increase is how much a counter grew from one sample to the next. A smaller
// value means that it began again from 0.
func increase(from, to float64) float64 {
	if to < from {
		return to
	}
	return to - from
}

// rises returns how much each window's counter rose for each second.
func rises(states []state[history], w *windows, seconds float64) []point {
	spans := make([]state[rise], len(states))
	for i := range states {
		samples := states[i].acc.samples
		slices.SortFunc(samples, func(a, b sample) int {
			switch {
			case a.at.before(b.at):
				return -1
			case b.at.before(a.at):
				return 1
			}
			return 0
		})
		spans[i].bucket = states[i].bucket
		for _, s := range samples {
			spans[i].acc.merge(&rise{n: 1, first: s.v, last: s.v})
		}
	}
	return slide(spans, w, func(r *rise) float64 { return r.increase / seconds })
}
