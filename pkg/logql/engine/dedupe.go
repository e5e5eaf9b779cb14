package engine

import (
	"slices"

	"github.com/skaldlogs/skald/pkg/model"
	"github.com/skaldlogs/skald/pkg/scan"
)

// dedupe takes the copies of rows out of pieces of one stream: of equal rows,
// the one that arrived first stays. It returns how many it took out.
func dedupe(pieces []piece) int {
	slices.SortFunc(pieces, func(a, b piece) int {
		switch {
		case a.order.Before(b.order):
			return -1
		case b.order.Before(a.order):
			return 1
		}
		return 0
	})
	d := deduper{pieces: pieces, next: make([]int, len(pieces))}
	for i := range pieces {
		d.next[i] = d.seek(i, pieces[i].start)
	}
	return d.run()
}

// A deduper walks through its pieces side by side, one instant at a time.
type deduper struct {
	pieces  []piece
	next    []int // by piece: the first row not yet looked at
	same    []rowRef
	byLine  map[string][]rowRef
	dropped int
}

// A rowRef is a row of one of the pieces.
type rowRef struct{ piece, row int }

// seek returns the first selected row of piece i that is not before row.
func (d *deduper) seek(i, row int) int {
	p := &d.pieces[i]
	for row < p.end && !p.selected(row) {
		row++
	}
	return row
}

func (d *deduper) run() int {
	for {
		now, found := int64(0), false
		for i, row := range d.next {
			if p := &d.pieces[i]; row < p.end {
				if ts := p.batch.Timestamps[row]; !found || ts < now {
					now, found = ts, true
				}
			}
		}
		if !found {
			return d.dropped
		}
		d.same = d.same[:0]
		for i := range d.pieces {
			p := &d.pieces[i]
			for d.next[i] < p.end && p.batch.Timestamps[d.next[i]] == now {
				d.same = append(d.same, rowRef{i, d.next[i]})
				d.next[i] = d.seek(i, d.next[i]+1)
			}
		}
		if len(d.same) > 1 {
			d.instant()
		}
	}
}

// manyRows is from how many rows on a map is faster than comparing all of them.
const manyRows = 16

// instant drops the copies among the rows of one instant.
func (d *deduper) instant() {
	if len(d.same) <= manyRows {
		kept := d.same[:0]
		for _, r := range d.same {
			if slices.ContainsFunc(kept, func(k rowRef) bool { return d.line(k) == d.line(r) && d.sameMetadata(k, r) }) {
				d.drop(r)
			} else {
				kept = append(kept, r)
			}
		}
		return
	}
	if d.byLine == nil {
		d.byLine = make(map[string][]rowRef, len(d.same))
	}
	clear(d.byLine)
	for _, r := range d.same {
		line := d.line(r)
		if slices.ContainsFunc(d.byLine[line], func(k rowRef) bool { return d.sameMetadata(k, r) }) {
			d.drop(r)
		} else {
			d.byLine[line] = append(d.byLine[line], r)
		}
	}
}

func (d *deduper) line(r rowRef) string { return d.pieces[r.piece].batch.Lines[r.row] }

func (d *deduper) sameMetadata(a, b rowRef) bool {
	return model.SameMetadata(rowMetadata(d.pieces[a.piece].batch, a.row), rowMetadata(d.pieces[b.piece].batch, b.row))
}

// rowMetadata is the metadata of a row, if the batch has any.
func rowMetadata(b *scan.Batch, row int) model.Metadata {
	if b.Metadata == nil {
		return nil
	}
	return b.Metadata[row]
}

func (d *deduper) drop(r rowRef) {
	d.dropped++
	p := &d.pieces[r.piece]
	if p.keep == nil {
		p.keep = scan.NewBitset(p.end-p.start, p.batch.Selected == nil)
		if p.batch.Selected != nil {
			for row := p.start; row < p.end; row++ {
				if p.batch.Selected.Get(row) {
					p.keep.Set(row - p.start)
				}
			}
		}
	}
	p.keep.Clear(r.row - p.start)
}
