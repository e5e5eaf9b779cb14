package ingester

import (
	"cmp"
	"maps"
	"slices"

	"github.com/prometheus/prometheus/model/labels"

	"github.com/skaldlogs/skald/pkg/model"
	"github.com/skaldlogs/skald/pkg/scan"
	"github.com/skaldlogs/skald/pkg/storage/block"
)

// readRows sorts the rows that are wanted and drops exact duplicates, as sealing
// would. It works on the numbers of rows: lines and metadata are looked at where
// filters or the question ask for them, and where times are equal.
func (p *part) readRows(want scan.Want, filters *block.Filters) *scan.Batch {
	v := &p.rows
	byStream := v.byStream(p.streams, want)
	refs := slices.SortedFunc(maps.Keys(byStream), func(a, b uint32) int { return cmp.Compare(a, b) })
	total := 0
	for _, ref := range refs {
		byStream[ref] = v.distinct(byStream[ref])
		total += len(byStream[ref])
	}
	b := &scan.Batch{Answered: filters.Answered()}
	want.Columns = want.Columns.Settled(!slices.Contains(b.Answered, false))
	if want.Fields != nil {
		want.Columns |= scan.Lines | scan.Metadata
	}
	if total == 0 {
		return b
	}
	b.Timestamps = make([]int64, 0, total)
	rows := make([]uint32, 0, total)
	for _, ref := range refs {
		start := len(rows)
		rows = append(rows, byStream[ref]...)
		b.Runs = append(b.Runs, scan.BatchRun{Stream: p.streams[ref], Start: start, End: len(rows)})
	}
	for _, n := range rows {
		b.Timestamps = append(b.Timestamps, v.rows[n].ts)
		b.ReadBytes += int64(v.rows[n].length)
	}
	b.DecodedBytes = b.ReadBytes
	if b.Answered != nil {
		b.Selected = scan.NewBitset(total, false)
		for i, n := range rows {
			if filters.Keep(v.line(&v.rows[n])) {
				b.Selected.Set(i)
			}
		}
	}
	v.columns(b, rows, want.Columns)
	return b
}

// byStream are the numbers of the rows that are wanted, of each stream in the order
// of their times, equal ones as they arrived.
func (v *view) byStream(streams map[uint32]int, want scan.Want) map[uint32][]uint32 {
	out := map[uint32][]uint32{}
	for i := 0; i < len(v.rows); {
		ref := v.rows[i].stream
		_, wanted := streams[ref]
		of := out[ref]
		for ; i < len(v.rows) && v.rows[i].stream == ref; i++ {
			if wanted && want.Interval.Contains(v.rows[i].ts) {
				of = append(of, uint32(i))
			}
		}
		if len(of) > 0 {
			out[ref] = of
		}
	}
	for _, of := range out {
		before := func(a, b uint32) int {
			// Numbers break ties, which makes any sort a stable one.
			return cmp.Or(cmp.Compare(v.rows[a].ts, v.rows[b].ts), cmp.Compare(a, b))
		}
		if !slices.IsSortedFunc(of, before) {
			slices.SortFunc(of, before)
		}
	}
	return out
}

// manyAtOnce is from how many rows of one time on they are compared as blocks do,
// which does not compare each with each.
const manyAtOnce = 16

// distinct drops from the rows of a stream those that equal an earlier one.
func (v *view) distinct(rows []uint32) []uint32 {
	kept := rows[:0]
	for start := 0; start < len(rows); {
		end := start + 1
		for end < len(rows) && v.rows[rows[end]].ts == v.rows[rows[start]].ts {
			end++
		}
		switch {
		case end == start+1:
			kept = append(kept, rows[start])
		case end-start > manyAtOnce:
			kept = append(kept, v.distinctOfMany(rows[start:end])...)
		default:
			first := len(kept)
			for _, n := range rows[start:end] {
				if !slices.ContainsFunc(kept[first:], func(k uint32) bool { return v.equal(k, n) }) {
					kept = append(kept, n)
				}
			}
		}
		start = end
	}
	return kept
}

// equal reports whether two rows of one stream and time are copies.
func (v *view) equal(a, b uint32) bool {
	x, y := &v.rows[a], &v.rows[b]
	return v.line(x) == v.line(y) && (x.meta == y.meta || model.SameMetadata(v.appendMetadata(nil, x), v.appendMetadata(nil, y)))
}

// distinctOfMany is distinct for rows of one time.
func (v *view) distinctOfMany(numbers []uint32) []uint32 {
	part := view{rows: make([]row, len(numbers)), chunks: v.chunks, names: v.names}
	for i, n := range numbers {
		part.rows[i] = v.rows[n]
	}
	rows := part.appendRows(nil, nil)
	left, _ := block.Sort(slices.Clone(rows))
	// What is left are the first of equal ones, in the order in which they came.
	out := make([]uint32, 0, len(left))
	for i := range rows {
		if len(out) < len(left) && rows[i].Line == left[len(out)].Line && model.SameMetadata(rows[i].Metadata, left[len(out)].Metadata) {
			out = append(out, numbers[i])
		}
	}
	return out
}

// columns fills in the columns of the rows. Lines and metadata are those of selected
// rows alone.
func (v *view) columns(b *scan.Batch, rows []uint32, want scan.Columns) {
	if want.Has(scan.Sizes) {
		b.Sizes = make([]uint32, len(rows))
		for i, n := range rows {
			b.Sizes[i] = v.rows[n].length
		}
	}
	if want.Has(scan.Lines) {
		b.Lines = make([]string, len(rows))
		for i, n := range rows {
			if b.Selected == nil || b.Selected.Get(i) {
				b.Lines[i] = v.line(&v.rows[n])
			}
		}
	}
	if !want.Has(scan.Metadata) {
		return
	}
	b.Metadata = make([]model.Metadata, len(rows))
	var pairs []labels.Label
	var last model.Metadata
	lastAt := uint32(0)
	for i, n := range rows {
		r := &v.rows[n]
		if r.meta == 0 || b.Selected != nil && !b.Selected.Get(i) {
			continue
		}
		if r.meta != lastAt { // equal metadata in a row lies in one place
			if cap(pairs)-len(pairs) < 16 {
				pairs = make([]labels.Label, 0, 1024)
			}
			from := len(pairs)
			pairs = v.appendMetadata(pairs, r)
			last, lastAt = pairs[from:len(pairs):len(pairs)], r.meta
		}
		b.Metadata[i] = last
	}
}
