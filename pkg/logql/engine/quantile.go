package engine

import (
	"cmp"
	"math"
	"slices"
)

// quantiles returns the q-quantile of each window that has samples. All samples
// are sorted once; a window is a set of places in that order, kept in a tree
// that finds the k-th of them, so a sample costs two steps through the tree
// however many windows it is in.
func quantiles(states []state[all], w *windows, q float64) []point {
	if len(states) == 0 {
		return nil
	}
	if w.apart() {
		return quantilesApart(states, w, q)
	}
	var values []float64
	ends := make([]int, len(states)) // by state: where its values end
	for i := range states {
		values = append(values, states[i].acc.values...)
		ends[i] = len(values)
	}
	order := make([]placedSample, len(values)) // samples by value
	for i, v := range values {
		order[i] = placedSample{v, int32(i)}
	}
	slices.SortFunc(order, func(a, b placedSample) int {
		switch {
		case a.v < b.v:
			return -1
		case a.v > b.v:
			return 1
		}
		return cmp.Compare(a.v, b.v) // equal, or not numbers
	})
	place := make([]int32, len(values)) // the reverse
	for i := range order {
		place[order[i].sample] = int32(i)
	}

	var points []point
	in := newPlaces(len(values))
	lo, hi := 0, 0 // samples [lo, hi) are in
	first, last := 0, 0
	for step := firstWindow(w, states[0].bucket); step < w.n; step++ {
		for last < len(states) && states[last].bucket < w.last[step] {
			last++
		}
		for first < last && states[first].bucket < w.first[step] {
			first++
		}
		for ; last > 0 && hi < ends[last-1]; hi++ {
			in.change(place[hi], 1)
		}
		for ; first > 0 && lo < ends[first-1]; lo++ {
			in.change(place[lo], -1)
		}
		if lo < hi {
			at := func(k int) float64 { return order[in.nth(k)].v }
			points = append(points, point{int32(step), quantile(q, hi-lo, at)})
		} else if first == len(states) {
			break
		}
	}
	return points
}

// A placedSample is a value and the number of its sample.
type placedSample struct {
	v      float64
	sample int32
}

// quantilesApart is quantiles for windows that have no bucket in common: each sorts
// its own values.
func quantilesApart(states []state[all], w *windows, q float64) []point {
	var points []point
	var values []float64
	i := 0
	for step := firstWindow(w, states[0].bucket); step < w.n && i < len(states); step++ {
		for i < len(states) && states[i].bucket < w.first[step] {
			i++
		}
		values = values[:0]
		for ; i < len(states) && states[i].bucket < w.last[step]; i++ {
			values = append(values, states[i].acc.values...)
		}
		if len(values) > 0 {
			slices.Sort(values)
			points = append(points, point{int32(step), quantile(q, len(values), func(k int) float64 { return values[k] })})
		}
	}
	return points
}

// quantile interpolates between the two of n sorted values that are around q.
func quantile(q float64, n int, at func(int) float64) float64 {
	switch {
	case math.IsNaN(q):
		return math.NaN()
	case q < 0:
		return math.Inf(-1)
	case q > 1:
		return math.Inf(1)
	}
	rank := q * float64(n-1)
	below := int(math.Floor(rank))
	weight := rank - float64(below)
	if weight == 0 {
		return at(below)
	}
	return at(below)*(1-weight) + at(min(below+1, n-1))*weight
}

// places is a set of numbers below a bound that finds its k-th member (a
// Fenwick tree).
type places struct {
	tree []int32
	top  int // the greatest power of two that is not above the bound
}

func newPlaces(n int) *places {
	p := &places{tree: make([]int32, n+1), top: 1}
	for p.top*2 <= n {
		p.top *= 2
	}
	return p
}

// change adds place i, or takes it out when by is -1.
func (p *places) change(i, by int32) {
	for i++; int(i) < len(p.tree); i += i & -i {
		p.tree[i] += by
	}
}

// nth returns the k-th place of the set, from 0.
func (p *places) nth(k int) int {
	at, left := 0, int32(k)
	for step := p.top; step > 0; step /= 2 {
		if next := at + step; next < len(p.tree) && p.tree[next] <= left {
			at = next
			left -= p.tree[next]
		}
	}
	return at
}
