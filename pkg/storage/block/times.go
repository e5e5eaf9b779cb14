package block

import (
	"encoding/binary"
	"sort"
	"unsafe"

	"github.com/skaldlogs/skald/pkg/encbuf"
)

// packedTimes are the timestamps of all rows of a block as they are stored: packed
// distances between the rows of each run, in groups. What is known of each group makes
// any of its rows be found without the groups before it, in less than half of the
// memory that a list of timestamps takes. They never change, and have been found to be
// sound.
type packedTimes struct {
	data         []byte // of all groups, and timesPadding
	base, factor uint64 // a distance is base + factor × what is in its group
	groups       []timesGroup
	runs         []timesRun // and one behind the last
}

// A timesGroup is groupLen distances.
type timesGroup struct {
	before int64  // time of the row that the first distance is from
	least  uint64 // what is in the group is this and packed numbers
	off    uint32 // of those in data
	width  uint8  // in bits
}

// A timesRun is where a run begins, and its marks.
type timesRun struct {
	row        int
	mint, maxt int64
	marks
}

// timesPadding is behind the groups, so that each number can be loaded at once with
// what is around it.
const timesPadding = 16

// maxTimesWidth is the width up to which a number is in 8 bytes from where it begins.
// Distances of 4 years are wider.
const maxTimesWidth = 57

func (t *packedTimes) bytes() int64 {
	n := int64(cap(t.data) + timesGroupBytes*cap(t.groups) + timesRunBytes*cap(t.runs))
	for i := range t.runs {
		n += 4 * int64(cap(t.runs[i].rows))
	}
	return n
}

// packedTimesBytes is what those of a block take, or a little more.
func (b *Block) packedTimesBytes(runs int) int {
	return b.timestamps.raw() + timesPadding + timesGroupBytes*(b.rows/groupLen+1) + (timesRunBytes+8)*(runs+1) + 4*b.rows/rowsPerMark
}

const (
	timesGroupBytes = int(unsafe.Sizeof(timesGroup{}))
	timesRunBytes   = int(unsafe.Sizeof(timesRun{}))
)

// newPackedTimes takes data, which is the stream of timestamps of a block with these
// runs and has room for timesPadding more bytes. They are nil where the stream has a
// form that they do not know, or is not sound: who reads it number by number will say
// what is wrong with it.
func newPackedTimes(data []byte, rows int, runs []Run) *packedTimes {
	n := rows - len(runs)
	t := &packedTimes{
		data: append(data, make([]byte, timesPadding)...), factor: 1,
		groups: make([]timesGroup, (n+groupLen-1)/groupLen), runs: make([]timesRun, 0, len(runs)+1),
	}
	if n < 0 || !t.readGroups(data, n) {
		return nil
	}
	row := 0
	for i := range runs {
		run := &runs[i]
		t.runs = append(t.runs, timesRun{row: row, mint: run.Interval.Mint, maxt: run.Interval.Maxt, marks: newMarks(run)})
		if !t.readRun(i, run.Rows-1) {
			return nil
		}
		row += run.Rows
	}
	t.runs = append(t.runs, timesRun{row: row})
	return t
}

// readGroups finds the groups of n distances.
func (t *packedTimes) readGroups(data []byte, n int) bool {
	d := encbuf.NewDecoder(data)
	if n == 0 {
		return len(data) == 0
	}
	switch d.U8() {
	case intsConst:
		least := uint64(d.Varint())
		for i := range t.groups {
			t.groups[i].least = least
		}
		return d.End() == nil
	case intsFOR:
	case intsFOR | intsScaled:
		t.base, t.factor = uint64(d.Varint()), d.Uvarint()
	default:
		return false
	}
	least := uint64(0)
	for i := range t.groups {
		g := &t.groups[i]
		least += uint64(d.Varint())
		g.least, g.width = least, d.U8()
		g.off = uint32(d.Offset())
		if g.width > maxTimesWidth {
			return false
		}
		d.Skip((min(groupLen, n-i*groupLen)*int(g.width) + 7) / 8)
	}
	return d.End() == nil
}

// readRun notes the times before the groups that begin among the n distances of run k,
// and sets its marks. It reports whether its times ascend to the last.
func (t *packedTimes) readRun(k, n int) bool {
	run := &t.runs[k]
	ts, first := run.mint, run.row-k
	run.pass(ts, run.row)
	for end := first + n; first < end; {
		g := &t.groups[first/groupLen]
		if first%groupLen == 0 {
			g.before = ts
		}
		d := t.distances(g, first%groupLen)
		for stop := min(end, first-first%groupLen+groupLen); first < stop; first++ {
			next := ts + d.next()
			if next < ts || next > run.maxt {
				return false
			}
			ts = next
			run.pass(ts, first+k+1)
		}
	}
	return ts == run.maxt
}

// distances reads those of a group from some number on.
type distances struct {
	data         []byte
	bit, width   int
	mask         uint64
	base, factor uint64
}

func (t *packedTimes) distances(g *timesGroup, from int) distances {
	return distances{
		data: t.data[g.off:], bit: from * int(g.width), width: int(g.width), mask: 1<<g.width - 1,
		base: t.base + t.factor*g.least, factor: t.factor,
	}
}

func (d *distances) next() int64 {
	v := binary.LittleEndian.Uint64(d.data[d.bit>>3:]) >> (d.bit & 7) & d.mask
	d.bit += d.width
	return int64(d.base + d.factor*v)
}

// runOf returns the run of a row.
func (t *packedTimes) runOf(row int) int {
	return sort.Search(len(t.runs)-1, func(i int) bool { return t.runs[i+1].row > row })
}

// from returns where to begin to find the time of a row of run k: the time before
// distance number i, and that number. The row is behind the first of its run.
func (t *packedTimes) from(k, row int) (ts int64, i int) {
	i = (row - k - 1) / groupLen * groupLen
	if first := t.runs[k].row - k; i <= first {
		return t.runs[k].mint, first
	}
	return t.groups[i/groupLen].before, i
}

// at returns the time of a row of run k.
func (t *packedTimes) at(k, row int) int64 {
	if row == t.runs[k].row {
		return t.runs[k].mint
	}
	ts, i := t.from(k, row)
	d := t.distances(&t.groups[i/groupLen], i%groupLen)
	for ; i < row-k; i++ {
		ts += d.next()
	}
	return ts
}

// behind returns the first of the rows [row, end) of run k whose time is after ts, or
// end.
func (t *packedTimes) behind(k, row, end int, ts int64) int {
	run := &t.runs[k]
	switch {
	case row >= end || run.maxt <= ts:
		return end
	case run.mint > ts:
		return row
	case run.unit > 0:
		from, to, exact := run.around(ts)
		if exact {
			return max(row, min(from, end))
		}
		if row = max(row, from); row >= end {
			return end
		}
		if to >= 0 {
			end = max(row, min(end, to))
		}
	}
	if row == end || end == run.row+1 {
		return end
	}
	// Of the groups that begin in the run, the last whose first distance is from a time
	// that is not after ts is the one to look into. The near ones are tried first.
	first := run.row - k
	g, last := max(first, row-k-1)/groupLen, (end-k-2)/groupLen
	step := 1
	for g+step <= last && t.groups[g+step].before <= ts {
		g += step
		step *= 2
	}
	g += sort.Search(min(step, last-g+1)-1, func(i int) bool { return t.groups[g+1+i].before > ts })
	now, i := run.mint, first
	if g*groupLen > first {
		now, i = t.groups[g].before, g*groupLen
	}
	d := t.distances(&t.groups[g], i%groupLen)
	for stop := min(end-k-1, (g+1)*groupLen); i < stop; i++ {
		if now += d.next(); now > ts {
			return max(row, i+k+1)
		}
	}
	return max(row, i+k+1)
}

// append appends the times of the rows [start, end) of run k.
func (t *packedTimes) append(dst []int64, k, start, end int) []int64 {
	if start >= end {
		return dst
	}
	ts := t.at(k, start)
	dst = append(dst, ts)
	for i, stop := start-k, end-1-k; i < stop; {
		d := t.distances(&t.groups[i/groupLen], i%groupLen)
		for end := min(stop, i-i%groupLen+groupLen); i < end; i++ {
			ts += d.next()
			dst = append(dst, ts)
		}
	}
	return dst
}

// appendRows appends the times of the rows [start, end) of the block.
func (t *packedTimes) appendRows(dst []int64, start, end int) []int64 {
	for k := t.runOf(start); start < end; k++ {
		stop := min(end, t.runs[k+1].row)
		dst = t.append(dst, k, start, stop)
		start = stop
	}
	return dst
}

// batchTimes are the times of rows of a block that are in a batch. They implement
// [scan.Times].
type batchTimes struct {
	*packedTimes
	runs []batchRun
	rows int
}

// A batchRun is rows of one run that follow each other in the batch and in the block.
type batchRun struct {
	start int // in the batch
	row   int // in the block
	run   int // of the block
}

// of returns what a row of the batch is in.
func (t *batchTimes) of(row int) *batchRun {
	return &t.runs[sort.Search(len(t.runs)-1, func(i int) bool { return t.runs[i+1].start > row })]
}

// Rows implements [scan.Times].
func (t *batchTimes) Rows() int { return t.rows }

// At implements [scan.Times].
func (t *batchTimes) At(row int) int64 {
	r := t.of(row)
	return t.at(r.run, r.row+row-r.start)
}

// Behind implements [scan.Times].
func (t *batchTimes) Behind(row, end int, ts int64) int {
	if row >= end {
		return end
	}
	r := t.of(row)
	by := r.row - r.start
	return t.behind(r.run, row+by, end+by, ts) - by
}

// Append implements [scan.Times].
func (t *batchTimes) Append(dst []int64, start, end int) []int64 {
	for start < end {
		r := t.of(start)
		stop := end
		if r != &t.runs[len(t.runs)-1] {
			stop = min(end, t.runs[sort.Search(len(t.runs), func(i int) bool { return t.runs[i].start > start })].start)
		}
		dst = t.append(dst, r.run, r.row+start-r.start, r.row+stop-r.start)
		start = stop
	}
	return dst
}
