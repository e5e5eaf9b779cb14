package position

import (
	"slices"
	"sort"
)

// A Range is the offsets from Start to End, without End.
type Range struct{ Start, End int64 }

// A Set is a set of offsets: all below low, and some ranges above it. The zero
// value is empty.
type Set struct {
	low int64
	// Invariant: sorted, neither empty nor touching each other or low.
	over []Range
}

// Low is the first offset that is not in the set.
func (s *Set) Low() int64 { return s.low }

// High is the end of the last range of the set.
func (s *Set) High() int64 {
	if n := len(s.over); n > 0 {
		return s.over[n-1].End
	}
	return s.low
}

// Over returns the ranges above Low. They belong to the set.
func (s *Set) Over() []Range { return s.over }

// Has reports whether all offsets of r are in the set.
func (s *Set) Has(r Range) bool {
	if r.End <= s.low {
		return true
	}
	r.Start = max(r.Start, s.low)
	i := sort.Search(len(s.over), func(i int) bool { return s.over[i].End > r.Start })
	return i < len(s.over) && s.over[i].Start <= r.Start && r.End <= s.over[i].End
}

// After returns the first offset from one on that is not in the set.
func (s *Set) After(offset int64) int64 {
	if offset < s.low {
		return s.low
	}
	i := sort.Search(len(s.over), func(i int) bool { return s.over[i].End > offset })
	if i < len(s.over) && s.over[i].Start <= offset {
		return s.over[i].End
	}
	return offset
}

// Add puts sorted ranges into the set. Ranges may touch and overlap; those
// without offsets are left out.
func (s *Set) Add(rs ...Range) {
	switch {
	case len(rs) == 1 && s.addLast(rs[0]):
		return
	case len(s.over) == 0 && len(rs) > 0 && rs[0].Start > s.High():
		s.over = make([]Range, 0, len(rs))
	}
	merged := s.over[:0]
	if len(s.over) > 0 {
		merged = make([]Range, 0, len(s.over)+len(rs))
	}
	old := s.over
	for len(old) > 0 || len(rs) > 0 {
		var r Range
		if len(rs) == 0 || len(old) > 0 && old[0].Start <= rs[0].Start {
			r, old = old[0], old[1:]
		} else {
			r, rs = rs[0], rs[1:]
		}
		switch n := len(merged); {
		case r.End <= r.Start:
		case r.Start <= s.low:
			s.low = max(s.low, r.End)
		case n > 0 && r.Start <= merged[n-1].End:
			merged[n-1].End = max(merged[n-1].End, r.End)
		default:
			merged = append(merged, r)
		}
	}
	s.over = merged
	if len(merged) == 0 {
		s.over = nil
	}
}

// addLast adds a range that lies at or after the end of the set, as nearly all
// do, and reports whether it does.
func (s *Set) addLast(r Range) bool {
	n := len(s.over)
	switch {
	case r.End <= r.Start:
	case r.Start < s.High():
		return false
	case n == 0 && r.Start == s.low:
		s.low = r.End
	case n > 0 && r.Start == s.over[n-1].End:
		s.over[n-1].End = r.End
	default:
		s.over = append(s.over, r)
	}
	return true
}

// all returns the set as sorted ranges.
func (s *Set) all() []Range { return append([]Range{{0, s.low}}, s.over...) }

// Clone returns a set of its own with the same offsets.
func (s *Set) Clone() Set { return Set{low: s.low, over: slices.Clone(s.over)} }

// SortRanges sorts ranges by their start and joins those that touch, in place.
func SortRanges(rs []Range) []Range {
	slices.SortFunc(rs, func(a, b Range) int {
		switch {
		case a.Start < b.Start:
			return -1
		case a.Start > b.Start:
			return 1
		}
		return 0
	})
	out := rs[:0]
	for _, r := range rs {
		if n := len(out); n > 0 && r.Start <= out[n-1].End {
			out[n-1].End = max(out[n-1].End, r.End)
			continue
		}
		out = append(out, r)
	}
	return out
}
