package block

import (
	"cmp"
	"hash/maphash"
	"slices"

	"github.com/skaldlogs/skald/pkg/model"
)

// An order sorts rows by stream and time, and drops the duplicates.
type order struct {
	at      []uint32 // row numbers, sorted
	streams map[uint32]int
}

// sort fills at. Rows of equal stream and time stay as they were.
func (o *order) sort(rows []Row) {
	o.at = slices.Grow(o.at[:0], len(rows))[:len(rows)]
	for i := range o.at {
		o.at[i] = uint32(i)
	}
	sorted := true
	for i := 1; i < len(rows); i++ {
		a, b := &rows[i-1], &rows[i]
		if a.Stream > b.Stream || a.Stream == b.Stream && a.Timestamp > b.Timestamp {
			sorted = false
			break
		}
	}
	if sorted {
		return
	}
	o.byStream(rows)
	for start := 0; start < len(o.at); {
		end := start + 1
		inOrder := true
		for ; end < len(o.at) && rows[o.at[end]].Stream == rows[o.at[start]].Stream; end++ {
			inOrder = inOrder && rows[o.at[end-1]].Timestamp <= rows[o.at[end]].Timestamp
		}
		if !inOrder {
			// Row numbers break ties, which makes any sort a stable one.
			slices.SortFunc(o.at[start:end], func(a, b uint32) int {
				if c := cmp.Compare(rows[a].Timestamp, rows[b].Timestamp); c != 0 {
					return c
				}
				return cmp.Compare(a, b)
			})
		}
		start = end
	}
}

// byStream distributes the rows: there are few streams beside rows, and the
// rows of each mostly came in order.
func (o *order) byStream(rows []Row) {
	if o.streams == nil {
		o.streams = make(map[uint32]int)
	}
	clear(o.streams)
	for i := 0; i < len(rows); {
		s, start := rows[i].Stream, i
		for i < len(rows) && rows[i].Stream == s {
			i++
		}
		o.streams[s] += i - start
	}
	numbers := make([]uint32, 0, len(o.streams))
	for s := range o.streams {
		numbers = append(numbers, s)
	}
	slices.Sort(numbers)
	next := 0
	for _, s := range numbers {
		n := o.streams[s]
		o.streams[s] = next
		next += n
	}
	for i := 0; i < len(rows); {
		s, start := rows[i].Stream, i
		for i < len(rows) && rows[i].Stream == s {
			i++
		}
		at := o.streams[s]
		o.streams[s] = at + i - start
		for j := start; j < i; j++ {
			o.at[at+j-start] = uint32(j)
		}
	}
}

// dedupe drops the rows that equal an earlier one, and returns how many.
func (o *order) dedupe(rows []Row) int {
	same := func(a, b uint32) bool {
		return rows[a].Stream == rows[b].Stream && rows[a].Timestamp == rows[b].Timestamp
	}
	kept := o.at[:0]
	for start := 0; start < len(o.at); {
		end := start + 1
		for end < len(o.at) && same(o.at[start], o.at[end]) {
			end++
		}
		if end == start+1 {
			kept = append(kept, o.at[start])
		} else {
			kept = appendDistinct(kept, o.at[start:end], rows)
		}
		start = end
	}
	dropped := len(o.at) - len(kept)
	o.at = kept
	return dropped
}

// appendDistinct appends the row numbers of at whose rows, all of one stream
// and time, are not equal to an earlier one. It may write over at from the front.
func appendDistinct(kept, at []uint32, rows []Row) []uint32 {
	equal := func(a, b uint32) bool {
		return rows[a].Line == rows[b].Line && model.SameMetadata(rows[a].Metadata, rows[b].Metadata)
	}
	first := len(kept)
	if len(at) <= 16 {
		for _, r := range at {
			if !slices.ContainsFunc(kept[first:], func(k uint32) bool { return equal(k, r) }) {
				kept = append(kept, r)
			}
		}
		return kept
	}
	// Many rows at one instant (a coarse clock, a bulk import) are compared by
	// a hash first: comparing each with each would take a minute of a sender's ill will.
	var h maphash.Hash
	seen := make(map[uint64][]uint32, len(at))
	for _, r := range at {
		h.Reset()
		_, _ = h.WriteString(rows[r].Line)
		rows[r].Metadata.HashTo(&h)
		sum := h.Sum64()
		if !slices.ContainsFunc(seen[sum], func(k uint32) bool { return equal(k, r) }) {
			seen[sum] = append(seen[sum], r)
			kept = append(kept, r)
		}
	}
	return kept
}

// Sort sorts rows in place as a block does, by stream and time with equal times
// in the order of their arrival, and drops those that equal an earlier one. It
// returns the rows that are left and how many are not.
func Sort(rows []Row) (sorted []Row, duplicates int) {
	var o order
	o.sort(rows)
	duplicates = o.dedupe(rows)
	out := make([]Row, len(o.at))
	for i, r := range o.at {
		out[i] = rows[r]
	}
	clear(rows[copy(rows, out):])
	return rows[:len(out)], duplicates
}
