package block

import (
	"fmt"
	"slices"
	"sort"
	"sync"

	"github.com/skaldlogs/skald/pkg/model"
	"github.com/skaldlogs/skald/pkg/scan"
)

// A Range is N bytes of a data part from Off.
type Range struct {
	Off int64
	N   int
}

// A Piece is bytes of a data part from Off. It may begin before the data part and
// end behind it.
type Piece struct {
	Off  int64
	Data []byte
	// Checks, unless nil, remembers which streams in Data have been found to have
	// the checksum that they should have, by their offsets in Data.
	Checks Checks
}

// Checks is told what has a good checksum, and asked before it is looked at again.
// It is used by several goroutines at once.
type Checks interface {
	Checked(off int) bool
	Check(off int)
}

// A ReadFunc returns pieces of a data part that hold the ranges, which ascend and
// do not overlap. A range may lie in several pieces that follow each other. The
// block only looks at them until it has decoded them.
type ReadFunc func(ranges []Range) ([]Piece, error)

// Bytes reads from a data part that is in memory.
func Bytes(data []byte) ReadFunc {
	return func(ranges []Range) ([]Piece, error) {
		for _, r := range ranges {
			if r.Off < 0 || r.N < 0 || r.Off > int64(len(data)) || r.N > len(data)-int(r.Off) {
				return nil, damagedf("bytes %d to %d of a data part of %d", r.Off, r.Off+int64(r.N), len(data))
			}
		}
		return []Piece{{Data: data}}, nil
	}
}

// A Pick asks for the rows of one run.
type Pick struct {
	Run    int // index in the runs of the block
	Stream int // what the batch calls its stream
}

// A Question says what of a block is wanted.
type Question struct {
	Picks    []Pick // in ascending order of Run
	Interval model.Interval
	Columns  scan.Columns
	Filters  *Filters     // nil for none
	Fields   *scan.Fields // nil when nothing is asked of them
	Shapes   *scan.Shapes // nil when they are not wanted
	List     *scan.FieldList
	Limit    int // see scan.Want
	Oldest   bool
	Seek     bool // see scan.Want
}

// scratch holds the buffers of one Decode that do not end up in the batch.
type scratch struct {
	ints   intsReader
	lens   intsReader
	small  []byte
	lines  []byte
	ends   []uint32
	shapes []uint16

	slab        slab
	readers     []*intsReader
	usedReaders int
}

var scratches = sync.Pool{New: func() any { return new(scratch) }}

// maxReaders is how many readers of ints may wait for the next block.
const maxReaders = 1 << 10

// maxScratch is how large a buffer may be and still be kept for the next block.
const maxScratch = 8 << 20

func (s *scratch) release() {
	s.ints.d.Reset(nil)
	s.lens.d.Reset(nil)
	s.lens.data, s.ints.data = nil, nil
	for _, r := range s.readers[:s.usedReaders] {
		r.d.Reset(nil)
		r.data = nil
	}
	s.slab.reset()
	s.usedReaders = 0
	if len(s.readers) > maxReaders {
		s.readers = nil
	}
	if cap(s.lines) <= maxScratch && cap(s.small) <= maxScratch && 4*cap(s.ends) <= maxScratch {
		scratches.Put(s)
	}
}

// Decode answers q. Runs are all the runs of the block, as [Encoder.Encode]
// returned them. Of the data part, only the bytes of the wanted columns are
// read. Of what the batch holds nothing may be changed: timestamps and texts may
// be shared with other batches.
//
// Line filters are answered here; with filters, lines are looked at even when
// they are not wanted back. The lines
// of rows that are not selected are left empty. Where it is known early that
// no row passes, the batch has no rows.
//
// Damage is an error that wraps [scan.ErrDamaged].
func (b *Block) Decode(read ReadFunc, runs []Run, q *Question) (*scan.Batch, error) {
	s := scratches.Get().(*scratch)
	defer s.release()
	d := decoder{Block: b, s: s, batch: &scan.Batch{}, runs: runs}
	d.mostBytes = b.rawBytes
	if err := d.decode(read, runs, q); err != nil {
		return nil, err
	}
	return d.batch, nil
}

// A decoder is one Decode under way.
type decoder struct {
	*Block
	s     *scratch
	f     fetched
	spans []span
	batch *scan.Batch
	runs  []Run

	columns scan.Columns // that are wanted back

	// Of layout 1.
	opened    map[*column]*values
	picked    []span       // rows of the runs that are asked for
	found     *scan.Bitset // rows of the block that pass the filters, nil when all do
	look      []*lineTest  // those that found does not know of
	allTimes  []int64      // of all rows of the block, once they were listed
	mostBytes int          // that a line can have
	asked     *asked       // nil when fields are not answered
}

// A span is rows [start, end) of the block that go to the batch together.
type span struct{ start, end int }

func (d *decoder) decode(read ReadFunc, runs []Run, q *Question) error {
	if err := d.checkRuns(runs); err != nil {
		return err
	}
	filter := newLineFilter(q.Filters, &d.lines)
	answers := !slices.Contains(filter.answered, false)
	d.columns = q.Columns.Settled(answers)
	asks := q.Fields != nil && answers && d.layout == layoutTemplates
	if q.Fields != nil && !asks {
		d.columns |= scan.Lines | scan.Metadata
	}
	need := d.columns
	if filter.reads() {
		need |= scan.Lines
	}
	d.f = fetched{block: d.Block, from: read, buf: d.s.small[:0]}
	defer func() {
		d.s.small = d.f.buf
		d.batch.ReadBytes = d.f.read
	}()
	if !filter.never && (d.layout == layoutRows || !filter.reads() && !asks) {
		if err := d.f.fetch(d.wants(need)); err != nil {
			return err
		}
	}

	d.batch.Answered = filter.answered
	if filter.answered != nil && !filter.reads() {
		d.batch.How = scan.BySchema
	}
	if filter.reads() && !filter.never && d.layout == layoutTemplates {
		d.picked = pickedRows(runs, q)
		if err := d.findRows(filter); err != nil {
			return fmt.Errorf("lines: %w", err)
		}
	}
	if filter.never {
		return nil
	}
	if asks {
		if err := d.ask(q); err != nil {
			return fmt.Errorf("fields: %w", err)
		}
		if need |= d.columns; d.asked != nil && d.asked.never {
			return nil
		}
	}
	if err := d.decodeTimestamps(runs, q); err != nil {
		return fmt.Errorf("timestamps: %w", err)
	}
	if d.batch.Rows() == 0 {
		return nil
	}
	limit := func() {
		if q.Limit > 0 && (q.Fields == nil || d.asked != nil) && answers {
			d.limit(q.Limit, q.Oldest)
		}
	}
	unsure := d.answer()
	apart := unsure
	if q.Shapes != nil && d.tellsShapes(q) {
		var err error
		if apart, err = d.shapes(q.Shapes, unsure); err != nil {
			return fmt.Errorf("shapes: %w", err)
		}
		d.columns &^= scan.Lines
	}
	if q.List != nil && d.tellsShapes(q) {
		unread, told, err := d.listFields(q)
		if err != nil {
			return fmt.Errorf("fields: %w", err)
		}
		if told {
			apart, unsure = unread, unread
			d.columns &^= scan.Lines | scan.Metadata
			need &^= scan.Lines | scan.Metadata
		}
	}
	switch {
	case d.layout == layoutTemplates:
		if err := d.assembleLines(d.columns&(scan.Lines|scan.Sizes), apart, limit); err != nil {
			return fmt.Errorf("lines: %w", err)
		}
	case need.Has(scan.Lines) || need.Has(scan.Sizes):
		if err := d.decodeLines(need, d.columns, filter, limit); err != nil {
			return fmt.Errorf("lines: %w", err)
		}
	default:
		limit()
	}
	of := d.batch.Selected
	if unsure != nil && of != nil {
		unsure.And(of)
	}
	if !need.Has(scan.Metadata) {
		of = unsure
	}
	if (need.Has(scan.Metadata) || unsure != nil) && d.meta != nil {
		if err := d.decodeMetadata(of); err != nil {
			return fmt.Errorf("metadata: %w", err)
		}
	}
	return nil
}

// checkRuns makes sure that the runs are those of this block, as far as they
// can be told apart.
func (d *decoder) checkRuns(runs []Run) error {
	rows := 0
	for i := range runs {
		if n := runs[i].Rows; n <= 0 || n > d.rows-rows {
			return damagedf("run %d of %d rows, beyond the %d of its block", i, n, d.rows)
		}
		rows += runs[i].Rows
	}
	if rows != d.rows {
		return damagedf("runs of %d rows in a block of %d", rows, d.rows)
	}
	return nil
}

// pickedRows are the rows of the runs that are asked for.
func pickedRows(runs []Run, q *Question) []span {
	var picked []span
	run, row := 0, 0
	for _, p := range q.Picks {
		for ; run < p.Run && run < len(runs); run++ {
			row += runs[run].Rows
		}
		if run == p.Run && run < len(runs) && runs[run].Interval.Overlaps(q.Interval) {
			picked = append(picked, span{row, row + runs[run].Rows})
		}
	}
	return picked
}

// decodeTimestamps finds the rows of the picked runs that are in the interval.
func (d *decoder) decodeTimestamps(runs []Run, q *Question) error {
	for _, p := range q.Picks {
		if p.Run < 0 || p.Run >= len(runs) {
			return fmt.Errorf("run %d of a block of %d", p.Run, len(runs))
		}
	}
	switch packed, err := d.keptTimes(); {
	case err != nil:
		return err
	case packed != nil:
		d.cutTimes(packed, runs, q)
		return nil
	}
	data, err := d.f.bytes(&d.timestamps, nil)
	if err != nil {
		return err
	}
	d.batch.DecodedBytes += int64(d.timestamps.raw())
	r := &d.s.ints
	if err := r.open(data, d.rows-len(runs)); err != nil {
		return err
	}
	total := 0
	for _, p := range q.Picks {
		if runs[p.Run].Interval.Overlaps(q.Interval) {
			total += runs[p.Run].Rows
		}
	}
	out := make([]int64, 0, total)
	run, row := 0, 0
	for _, p := range q.Picks {
		for ; run < p.Run; run++ {
			row += runs[run].Rows
		}
		if !runs[run].Interval.Overlaps(q.Interval) {
			continue
		}
		start := len(out)
		// Each run before this one has a row without a distance.
		if out, err = appendTimes(out, r, &runs[run], row-run); err != nil {
			return fmt.Errorf("run %d: %w", run, err)
		}
		times := out[start:]
		lo := sort.Search(len(times), func(i int) bool { return times[i] >= q.Interval.Mint })
		hi := lo + sort.Search(len(times)-lo, func(i int) bool { return times[lo+i] > q.Interval.Maxt })
		if lo > 0 {
			copy(times, times[lo:hi])
		}
		out = out[:start+hi-lo]
		if hi > lo {
			d.batch.Runs = append(d.batch.Runs, scan.BatchRun{Stream: p.Stream, Start: start, End: len(out)})
			d.spans = append(d.spans, span{row + lo, row + hi})
		}
	}
	d.batch.Timestamps = out
	return nil
}

// cutTimes finds the rows of the picked runs that are in the interval, where the
// timestamps are kept. A batch that may seek in them shares them.
func (d *decoder) cutTimes(packed *packedTimes, runs []Run, q *Question) {
	times := &batchTimes{packedTimes: packed, runs: make([]batchRun, 0, len(q.Picks))}
	row, next := 0, 0
	for _, p := range q.Picks {
		for ; next < p.Run; next++ {
			row += runs[next].Rows
		}
		run := &runs[p.Run]
		if !run.Interval.Overlaps(q.Interval) {
			continue
		}
		start, end := row, row+run.Rows
		if q.Interval.Maxt < run.Interval.Maxt {
			end = packed.behind(p.Run, start, end, q.Interval.Maxt)
		}
		if q.Interval.Mint > run.Interval.Mint {
			start = packed.behind(p.Run, start, end, q.Interval.Mint-1)
		}
		if start < end {
			d.batch.Runs = append(d.batch.Runs, scan.BatchRun{Stream: p.Stream, Start: times.rows, End: times.rows + end - start})
			d.spans = append(d.spans, span{start, end})
			times.runs = append(times.runs, batchRun{start: times.rows, row: start, run: p.Run})
			times.rows += end - start
		}
	}
	switch {
	case times.rows == 0:
	case q.Seek:
		d.batch.Times = times
	default:
		d.batch.Timestamps = times.Append(make([]int64, 0, times.rows), 0, times.rows)
	}
}

// appendTimes appends the timestamps of a run, whose distances begin at number first.
func appendTimes(dst []int64, r *intsReader, run *Run, first int) ([]int64, error) {
	ts := run.Interval.Mint
	dst = append(dst, ts)
	for left := run.Rows - 1; left > 0; {
		deltas, err := r.at(first)
		if err != nil {
			return dst, err
		}
		deltas = deltas[:min(len(deltas), left)]
		for _, delta := range deltas {
			next := ts + int64(delta)
			if next < ts {
				return dst, damagedf("time runs backwards after %d", ts)
			}
			ts = next
			dst = append(dst, ts)
		}
		first += len(deltas)
		left -= len(deltas)
	}
	if ts != run.Interval.Maxt {
		return dst, damagedf("the last timestamp is %d, want %d", ts, run.Interval.Maxt)
	}
	return dst, nil
}

// decodeLines fills in sizes, lines and the selection.
func (d *decoder) decodeLines(need, want scan.Columns, filter *lineFilter, limit func()) error {
	if err := d.decodeEnds(); err != nil {
		return err
	}
	ends := d.s.ends
	if want.Has(scan.Sizes) {
		d.batch.Sizes = make([]uint32, 0, d.batch.Rows())
		for _, s := range d.spans {
			for row := s.start; row < s.end; row++ {
				d.batch.Sizes = append(d.batch.Sizes, ends[row+1]-ends[row])
			}
		}
	}
	if !need.Has(scan.Lines) {
		limit()
		return nil
	}
	wanted := 0 // bytes
	for _, s := range d.spans {
		wanted += int(ends[s.end] - ends[s.start])
	}
	// The batch keeps the decoded buffer alive, so it gets one of its own only
	// when it will use a good part of it. Else lines are copied.
	keep := want.Has(scan.Lines) && !filter.reads() && wanted >= d.lines.bytes.raw()/2
	own := keep && d.lines.bytes.place == placeFrame
	var buf []byte
	if !own {
		buf = d.s.lines[:0]
	}
	text, err := d.f.fresh(&d.lines.bytes, buf)
	if err != nil {
		return err
	}
	if !own && d.lines.bytes.place == placeFrame {
		d.s.lines = text[:0]
	}
	d.batch.DecodedBytes += int64(d.lines.bytes.raw())
	if filter.reads() {
		d.batch.Selected = scan.NewBitset(d.batch.Rows(), true)
		filter.run(text, ends, d.spans, d.batch.Selected)
	}
	limit()
	if want.Has(scan.Lines) {
		d.appendLines(text, own)
	}
	return nil
}

// appendLines cuts text, which belongs to the batch or is copied from, into lines.
func (d *decoder) appendLines(text []byte, own bool) {
	ends, selected := d.s.ends, d.batch.Selected
	d.batch.Lines = make([]string, d.batch.Rows())
	each := func(fn func(i int, line []byte)) {
		i := 0
		for _, s := range d.spans {
			for row := s.start; row < s.end; row++ {
				if selected == nil || selected.Get(i) {
					fn(i, text[ends[row]:ends[row+1]])
				}
				i++
			}
		}
	}
	if own {
		each(func(i int, line []byte) { d.batch.Lines[i] = model.Borrow(line) })
		return
	}
	size := 0
	each(func(_ int, line []byte) { size += len(line) })
	arena := make([]byte, 0, size)
	each(func(i int, line []byte) {
		start := len(arena)
		arena = append(arena, line...)
		d.batch.Lines[i] = model.Borrow(arena[start:])
	})
}

// decodeEnds reads where each line begins and ends in the joined bytes:
// line i is from ends[i] to ends[i+1].
func (d *decoder) decodeEnds() error {
	var err error
	d.s.ends, err = d.valueEnds(&d.s.lens, &d.lines, d.lines.n, d.s.ends[:0])
	return err
}

// valueEnds appends the bounds of n values of a column to ends.
func (d *decoder) valueEnds(r *intsReader, c *column, n int, ends []uint32) ([]uint32, error) {
	data, err := d.f.bytes(&c.lengths, nil)
	if err != nil {
		return nil, err
	}
	d.batch.DecodedBytes += int64(c.lengths.raw())
	if err := r.open(data, n); err != nil {
		return nil, err
	}
	end := uint64(0)
	ends = append(ends, 0)
	for i := 0; i < n; {
		lengths, err := r.at(i)
		if err != nil {
			return nil, err
		}
		for _, l := range lengths {
			end += l
			// Compared one by one: a sum of several could wrap around.
			if l > uint64(c.max) || end > uint64(c.bytes.raw()) {
				return nil, damagedf("values are longer than their column of %d bytes", c.bytes.raw())
			}
			ends = append(ends, uint32(end))
		}
		i += len(lengths)
	}
	if end != uint64(c.bytes.raw()) {
		return nil, damagedf("values of %d bytes in a column of %d", end, c.bytes.raw())
	}
	return ends, nil
}
