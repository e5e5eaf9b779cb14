package engine

import "sort"

// slide returns the value of each window that has samples, from the states of
// their buckets. Windows only move forward, so it keeps two parts of the current
// one: states before mid are merged from each of them up to mid, those from mid
// on are merged as they come. That is a merge or two for each state and window.
//
//	states     a  b  c  d | e  f  g
//	merged     abcd bcd cd d | efg       the window from b to g is bcd + efg
//	                         mid
func slide[T any, P merger[T]](states []state[T], w *windows, value func(*T) float64) []point {
	if len(states) == 0 {
		return nil
	}
	var (
		points      []point
		front       = make([]T, len(states)) // merged from each state up to mid
		back        T
		lo, mid, hi int
	)
	for step := firstWindow(w, states[0].bucket); step < w.n; {
		for hi < len(states) && states[hi].bucket < w.last[step] {
			P(&back).merge(&states[hi].acc)
			hi++
		}
		for lo < len(states) && states[lo].bucket < w.first[step] {
			lo++
		}
		if lo >= mid && lo < hi {
			// What was merged as it came is now merged from its end.
			var acc T
			for i := hi - 1; i >= lo; i-- {
				next := states[i].acc
				P(&next).merge(&acc)
				acc = next
				front[i] = acc
			}
			mid = hi
			back = *new(T)
		}
		if lo < hi {
			acc := front[lo]
			P(&acc).merge(&back)
			points = append(points, point{int32(step), value(&acc)})
			step++
			continue
		}
		if lo == len(states) {
			break
		}
		// The window is empty, and so are all before the one of the next state.
		mid, back, hi = lo, *new(T), lo
		step = max(step+1, firstWindow(w, states[lo].bucket))
	}
	return points
}

// firstWindow is the first step whose window ends behind bucket.
func firstWindow(w *windows, bucket int32) int {
	return sort.Search(w.n, func(step int) bool { return w.last[step] > bucket })
}
