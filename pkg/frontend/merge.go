package frontend

import (
	"slices"

	"github.com/prometheus/prometheus/model/labels"
	"github.com/prometheus/prometheus/promql"
)

// merge makes one matrix of those of extents, which are in the order of time
// and have no step in common. The points may be shared with the parts.
func merge(parts []promql.Matrix) promql.Matrix {
	if len(parts) == 1 {
		return parts[0]
	}
	out := promql.Matrix{}
	byHash := map[uint64][]int{} // numbers in out
	for _, part := range parts {
		for _, s := range part {
			hash := labels.StableHash(s.Metric)
			n := slices.IndexFunc(byHash[hash], func(i int) bool { return labels.Equal(out[i].Metric, s.Metric) })
			if n < 0 {
				byHash[hash] = append(byHash[hash], len(out))
				// Points behind these are appended to a copy of theirs.
				s.Floats = slices.Clip(s.Floats)
				out = append(out, s)
				continue
			}
			i := byHash[hash][n]
			out[i].Floats = append(out[i].Floats, s.Floats...)
		}
	}
	slices.SortStableFunc(out, func(a, b promql.Series) int { return labels.Compare(a.Metric, b.Metric) })
	return out
}

// cut returns the points of m from one time to another, both in ms and included.
// It shares them.
func cut(m promql.Matrix, from, to int64) promql.Matrix {
	out := make(promql.Matrix, 0, len(m))
	for _, s := range m {
		lo, _ := slices.BinarySearchFunc(s.Floats, from, func(p promql.FPoint, t int64) int { return compare(p.T, t) })
		hi, _ := slices.BinarySearchFunc(s.Floats, to+1, func(p promql.FPoint, t int64) int { return compare(p.T, t) })
		if lo < hi {
			s.Floats = s.Floats[lo:hi]
			out = append(out, s)
		}
	}
	return out
}

func compare(a, b int64) int {
	switch {
	case a < b:
		return -1
	case a > b:
		return 1
	}
	return 0
}
