package block

import (
	"cmp"
	"math"
	"slices"

	"github.com/cespare/xxhash/v2"
)

// A distinctFinder numbers the distinct values of a column.
type distinctFinder struct {
	table  []uint32 // open addressing: number of a value + 1
	hash   []uint64
	values []piece // the distinct, in the order of their first occurrence
	counts []uint32
	ids    []uint32 // the number of each value
	rank   []uint32 // by frequency
	order  []uint32
}

// find numbers values, and reports whether no more than limit are distinct.
func (f *distinctFinder) find(text []byte, values []piece, limit int) bool {
	f.hash, f.values, f.counts, f.ids = f.hash[:0], f.values[:0], f.counts[:0], f.ids[:0]
	f.ids = slices.Grow(f.ids, min(len(values), 8*limit)) // most are left early
	size := 16
	for size < 2*limit+2 {
		size *= 2
	}
	if cap(f.table) < size {
		f.table = make([]uint32, size)
	}
	table := f.table[:size]
	clear(table)
	mask := uint64(size - 1)
	for _, v := range values {
		s := text[v.start:v.end]
		h := xxhash.Sum64(s)
		at := h & mask
		id := -1
		for ; table[at] != 0; at = (at + 1) & mask {
			n := table[at] - 1
			if w := f.values[n]; f.hash[n] == h && w.end-w.start == v.end-v.start && string(text[w.start:w.end]) == string(s) {
				id = int(n)
				break
			}
		}
		if id < 0 {
			if len(f.values) == limit {
				return false
			}
			id = len(f.values)
			table[at] = uint32(id + 1)
			f.hash, f.values, f.counts = append(f.hash, h), append(f.values, v), append(f.counts, 0)
		}
		f.counts[id]++
		f.ids = append(f.ids, uint32(id))
	}
	return true
}

// size estimates the bytes of a dictionary of the values found.
func (f *distinctFinder) size() int {
	text, bits, n := 0, 0.0, float64(len(f.ids))
	for i, v := range f.values {
		text += int(v.end - v.start)
		c := float64(f.counts[i])
		bits += c * math.Log2(n/c)
	}
	return text + len(f.values) + int(bits/8)
}

// sort orders the distinct values, the most frequent first.
func (f *distinctFinder) sort() {
	f.order = f.order[:0]
	for i := range f.values {
		f.order = append(f.order, uint32(i))
	}
	slices.SortFunc(f.order, func(a, b uint32) int {
		if c := cmp.Compare(f.counts[b], f.counts[a]); c != 0 {
			return c
		}
		return cmp.Compare(a, b)
	})
	f.rank = slices.Grow(f.rank[:0], len(f.order))[:len(f.order)]
	for rank, id := range f.order {
		f.rank[id] = uint32(rank)
	}
}

func (f *distinctFinder) trim() {
	if cap(f.ids) > TargetRows {
		*f = distinctFinder{}
	}
}
