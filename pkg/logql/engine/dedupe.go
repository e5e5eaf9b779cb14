package engine

import (
	"hash/maphash"
	"slices"

	"github.com/skaldlogs/skald/pkg/model"
	"github.com/skaldlogs/skald/pkg/scan"
)

// dedupe takes the copies of rows out of pieces of one stream: of equal rows,
// the one that arrived first stays. It returns how many it took out. Each piece
// is distinct in itself, and none has been here before.
func dedupe(pieces []piece) int { return dedupeOr(pieces, nil) }

func dedupeOr(pieces []piece, met *model.Interval) int {
	slices.SortFunc(pieces, func(a, b piece) int {
		switch {
		case a.order.Before(b.order):
			return -1
		case b.order.Before(a.order):
			return 1
		}
		return 0
	})
	d := deduper{met: met, pieces: pieces, fronts: make([]front, 0, len(pieces))}
	for i := range pieces {
		if f, ok := d.front(i, pieces[i].start); ok {
			d.fronts = append(d.fronts, f)
		}
	}
	for i := len(d.fronts)/2 - 1; i >= 0; i-- {
		d.sink(i)
	}
	return d.run()
}

// A deduper walks through its pieces side by side, one instant at a time.
type deduper struct {
	pieces []piece
	// fronts is a heap: on top is the earliest, and of equal times the piece that
	// arrived first. Pieces that are through have none.
	fronts  []front
	same    []rowRef // the rows of one instant, in the order of arrival
	kept    chains
	dropped int
	met     *model.Interval // if not nil, rows are not compared: it gets their times
}

// meetings is the time from the first to the last instant at which several of
// the pieces of a stream have rows: no row outside of it has a copy.
func meetings(pieces []piece) model.Interval {
	met := model.Nothing
	dedupeOr(pieces, &met)
	return met
}

// A front is the first row of a piece that was not looked at yet.
type front struct {
	ts int64
	rowRef
}

// A rowRef is a row of one of the pieces.
type rowRef struct{ piece, row int }

func (f *front) before(o *front) bool {
	return f.ts < o.ts || f.ts == o.ts && f.piece < o.piece
}

// front returns the first selected row of piece i that is not before row, if
// there is one.
func (d *deduper) front(i, row int) (front, bool) {
	p := &d.pieces[i]
	if all := p.batch.Selected; all != nil {
		for row < p.end && !all.Get(row) {
			row++
		}
	}
	if row == p.end {
		return front{}, false
	}
	return front{p.time(row), rowRef{i, row}}, true
}

// sink moves a front to its place, down the heap.
func (d *deduper) sink(i int) {
	fronts := d.fronts
	for {
		down := 2*i + 1
		if down >= len(fronts) {
			return
		}
		if down+1 < len(fronts) && fronts[down+1].before(&fronts[down]) {
			down++
		}
		if !fronts[down].before(&fronts[i]) {
			return
		}
		fronts[i], fronts[down] = fronts[down], fronts[i]
		i = down
	}
}

// advance moves the top of the heap on to row, or to what is selected behind it.
func (d *deduper) advance(row int) {
	last := len(d.fronts) - 1
	if f, ok := d.front(d.fronts[0].piece, row); ok {
		d.fronts[0] = f
	} else {
		d.fronts[0] = d.fronts[last]
		d.fronts = d.fronts[:last]
	}
	d.sink(0)
}

func (d *deduper) run() int {
	for len(d.fronts) > 1 {
		next := d.fronts[1].ts
		if len(d.fronts) > 2 {
			next = min(next, d.fronts[2].ts)
		}
		now := d.fronts[0].ts
		if now < next { // rows of times that no other piece has
			top := d.fronts[0].rowRef
			d.advance(d.pieces[top.piece].behind(top.row, next-1))
			continue
		}
		d.same = d.same[:0]
		for len(d.fronts) > 0 && d.fronts[0].ts == now {
			d.same = append(d.same, d.fronts[0].rowRef)
			d.advance(d.fronts[0].row + 1)
		}
		d.instant()
	}
	return d.dropped
}

// manyRows is from how many rows on a hash is faster than comparing all of them.
const manyRows = 16

// instant drops the copies among the rows of one instant.
func (d *deduper) instant() {
	if d.met != nil {
		p := &d.pieces[d.same[0].piece]
		*d.met = d.met.Extend(p.time(d.same[0].row))
		return
	}
	if len(d.same) <= manyRows {
		kept := d.same[:0]
		for _, r := range d.same {
			if slices.ContainsFunc(kept, func(k rowRef) bool { return d.equal(k, r) }) {
				d.drop(r)
			} else {
				kept = append(kept, r)
			}
		}
		return
	}
	// All that is compared is hashed, or a sender of many rows that differ in
	// little could make each be compared with each.
	d.kept.reset(len(d.same))
	for _, r := range d.same {
		sum := d.kept.sum(d.line(r), d.metadata(r))
		if d.kept.any(sum, func(k rowRef) bool { return d.equal(k, r) }) {
			d.drop(r)
		} else {
			d.kept.add(sum, r)
		}
	}
}

// A chains is rows by their hash.
type chains struct {
	hash  maphash.Hash
	last  map[uint64]int32 // by hash: the row added last, counted from 1
	rows  []rowRef
	older []int32 // by row: the one of the same hash that was added before, counted from 1
}

func (c *chains) reset(rows int) {
	if c.last == nil {
		c.last = make(map[uint64]int32, rows)
	}
	clear(c.last)
	c.rows, c.older = c.rows[:0], c.older[:0]
}

// sum is the hash of what makes rows of one stream and time equal.
func (c *chains) sum(line string, metadata model.Metadata) uint64 {
	c.hash.Reset()
	_, _ = c.hash.WriteString(line)
	metadata.HashTo(&c.hash)
	return c.hash.Sum64()
}

func (c *chains) any(sum uint64, is func(rowRef) bool) bool {
	for at := c.last[sum]; at > 0; at = c.older[at-1] {
		if is(c.rows[at-1]) {
			return true
		}
	}
	return false
}

func (c *chains) add(sum uint64, r rowRef) {
	c.older = append(c.older, c.last[sum])
	c.rows = append(c.rows, r)
	c.last[sum] = int32(len(c.rows))
}

func (d *deduper) equal(a, b rowRef) bool {
	return d.line(a) == d.line(b) && model.SameMetadata(d.metadata(a), d.metadata(b))
}

func (d *deduper) line(r rowRef) string { return d.pieces[r.piece].batch.Lines[r.row] }

func (d *deduper) metadata(r rowRef) model.Metadata {
	return rowMetadata(d.pieces[r.piece].batch, r.row)
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
