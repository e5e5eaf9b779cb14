package compactor

import (
	"cmp"
	"slices"

	"github.com/prometheus/prometheus/model/labels"

	"github.com/skaldlogs/skald/pkg/model"
	"github.com/skaldlogs/skald/pkg/scan"
	"github.com/skaldlogs/skald/pkg/storage/block"
)

const (
	// chunkBytes is how much text the rows of a slice get at once.
	chunkBytes = 1 << 20
	// rowBytes is what a row takes besides its text.
	rowBytes = 64
)

// A rows is the rows of one slice, in the order of their arrival. It keeps copies
// of all text: what it takes does not depend on the blocks that they came from.
type rows struct {
	rows  []block.Row
	text  []byte         // what is left of the newest chunk begins at its end
	pairs []labels.Label // the same
	bytes int64          // that all rows take
}

// add copies a row of a batch.
func (r *rows) add(stream uint32, b *scan.Batch, n int) {
	row := block.Row{Stream: stream, Timestamp: b.Timestamps[n], Line: r.copy(b.Lines[n])}
	size := rowBytes + len(row.Line)
	if b.Metadata != nil && len(b.Metadata[n]) > 0 {
		row.Metadata = r.copyMetadata(b.Metadata[n])
		size += row.Metadata.Bytes() + len(row.Metadata)*rowBytes/2
	}
	r.rows = append(r.rows, row)
	r.bytes += int64(size)
}

func (r *rows) copy(s string) string {
	if len(s) > cap(r.text)-len(r.text) {
		r.text = make([]byte, 0, max(chunkBytes, len(s)))
	}
	start := len(r.text)
	r.text = append(r.text, s...)
	return model.Borrow(r.text[start:])
}

func (r *rows) copyMetadata(m model.Metadata) model.Metadata {
	if len(m) > cap(r.pairs)-len(r.pairs) {
		r.pairs = make([]labels.Label, 0, max(chunkBytes/rowBytes, len(m)))
	}
	start := len(r.pairs)
	for _, p := range m {
		r.pairs = append(r.pairs, labels.Label{Name: r.copy(p.Name), Value: r.copy(p.Value)})
	}
	return model.Metadata(r.pairs[start:len(r.pairs):len(r.pairs)])
}

// cut drops the rows of the later half of the times and returns the last time
// that is left. It returns false when all rows are of one instant.
func (r *rows) cut() (last int64, ok bool) {
	times := make([]int64, len(r.rows))
	for i := range r.rows {
		times[i] = r.rows[i].Timestamp
	}
	slices.Sort(times)
	if len(times) == 0 || times[0] == times[len(times)-1] {
		return 0, false
	}
	last = times[len(times)/2]
	if last == times[len(times)-1] {
		// The last instant has half of the rows or more: all others come first.
		n, _ := slices.BinarySearch(times, last)
		last = times[n-1]
	}
	var kept rows
	for i := range r.rows {
		if row := &r.rows[i]; row.Timestamp <= last {
			b := scan.Batch{Timestamps: []int64{row.Timestamp}, Lines: []string{row.Line}, Metadata: []model.Metadata{row.Metadata}}
			kept.add(row.Stream, &b, 0)
		}
	}
	*r = kept
	return last, true
}

// byTime cuts rows, sorted by stream and time, into pieces of time that make about
// a block each, and leaves the order in them as it is. What alike streams write at
// the same time is more alike, and fewer blocks have rows of a given time, than if
// each block had one stream for long: blocks of single streams took 1.4 % more.
func byTime(sorted []block.Row) [][]block.Row {
	total := 0
	for n := range sorted {
		total += sizeOf(&sorted[n])
	}
	pieces := (total + block.TargetBytes*7/8 - 1) / block.TargetBytes
	if pieces < 2 {
		return [][]block.Row{sorted}
	}
	order := make([]int32, len(sorted))
	for n := range order {
		order[n] = int32(n)
	}
	slices.SortFunc(order, func(a, b int32) int {
		return cmp.Or(cmp.Compare(sorted[a].Timestamp, sorted[b].Timestamp), cmp.Compare(a, b))
	})
	// By piece: the last time that is in it. Rows of one instant stay together.
	var ends []int64
	size := 0
	for _, n := range order {
		if size >= total/pieces*(len(ends)+1) && len(ends) < pieces-1 {
			ends = append(ends, sorted[n].Timestamp-1)
		}
		size += sizeOf(&sorted[n])
	}
	out := make([][]block.Row, len(ends)+1)
	for n := range sorted {
		piece, _ := slices.BinarySearch(ends, sorted[n].Timestamp)
		out[piece] = append(out[piece], sorted[n])
	}
	return out
}

// A block of rows ends where the next row would make it larger than
// block.TargetBytes, or before a stream that has no room in it and leaves it at
// least three quarters full. What would be a quarter of a block at the end belongs
// to the last one: each block has a dictionary of its own, and small ones made
// merged segments larger than their inputs.
//
// nextBlock returns how many of the rows, sorted by stream, are in the first block.
func nextBlock(rows []block.Row) int {
	size, streamEnd := 0, 0
	for n := range rows {
		need := sizeOf(&rows[n])
		if n > 0 && (size+need > block.TargetBytes || n == block.TargetRows) {
			if n < block.TargetRows && isShort(rows[n:]) {
				return len(rows)
			}
			return n
		}
		if n >= streamEnd {
			whole := 0
			for streamEnd = n; streamEnd < len(rows) && rows[streamEnd].Stream == rows[n].Stream; streamEnd++ {
				if whole <= block.TargetBytes {
					whole += sizeOf(&rows[streamEnd])
				}
			}
			if n > 0 && size >= block.TargetBytes/4*3 && size+whole > block.TargetBytes && !isShort(rows[n:]) {
				return n
			}
		}
		size += need
	}
	return len(rows)
}

// isShort reports whether rows are not worth a block of their own.
func isShort(rows []block.Row) bool {
	if len(rows) > block.TargetRows/4 {
		return false
	}
	size := 0
	for n := range rows {
		if size += sizeOf(&rows[n]); size > block.TargetBytes/4 {
			return false
		}
	}
	return true
}

// sizeOf is what a row counts for in a block. A pair counts for at least a byte,
// so that no block has more of them than it may.
func sizeOf(r *block.Row) int {
	n := len(r.Line)
	if len(r.Metadata) > 0 {
		n += r.Metadata.Bytes() + len(r.Metadata)
	}
	return n
}
