package engine

import (
	"cmp"
	"math"
	"slices"
	"sync"

	"github.com/skaldlogs/skald/pkg/model"
	"github.com/skaldlogs/skald/pkg/scan"
)

// A layout says for each run of a directory which of its rows may have copies
// elsewhere. Copies have the same time, so time is cut, for each stream, at the
// ends of all its runs: within a span, rows of the runs that cover it wait for
// each other, and other runs do not matter. However runs chain, a span is no
// longer than the shortest of its runs. A batch holds no copies within a run.
//
//	run in block 1   [-----------]
//	run in block 2          [----------------]
//	spans            [ alone ][2 ][  alone    ]
type layout struct {
	want    model.Interval
	blocks  []blockLayout
	refused []int // blocks of which the filters pass no row, as their source says
}

// A blockLayout is one block of the directory.
type blockLayout struct {
	interval model.Interval // of its runs, as far as they are wanted
	runs     []runLayout    // nil where no row passes
}

// A runLayout is one run of a block.
type runLayout struct {
	interval model.Interval // as far as it is wanted; empty leaves the run out
	spans    []span         // nil when the whole run has no copies
}

// A span is a part of a run, of those rows that the zone collects; nil when the
// rows have no copies.
type span struct {
	interval model.Interval
	zone     *zone
}

// newLayout lays out the runs of dir within want. keep, if not nil, leaves out
// runs that cannot matter.
func newLayout(dir *scan.Directory, want model.Interval, keep func(model.Interval) bool) *layout {
	l := &layout{want: want, blocks: make([]blockLayout, len(dir.Blocks))}
	byStream := make([][]runRef, len(dir.Streams))
	all := 0
	for b := range dir.Blocks {
		if !dir.Blocks[b].Refused {
			all += len(dir.Blocks[b].Runs)
		}
	}
	room := make([]runLayout, all)
	for b := range dir.Blocks {
		block := &l.blocks[b]
		block.interval = model.Nothing
		if dir.Blocks[b].Refused {
			l.refused = append(l.refused, b)
			continue
		}
		n := len(dir.Blocks[b].Runs)
		block.runs, room = room[:n:n], room[n:]
		for r := range dir.Blocks[b].Runs {
			run := &dir.Blocks[b].Runs[r]
			at := run.Interval.Intersect(want)
			if at.Empty() || keep != nil && !keep(at) {
				block.runs[r].interval = model.Nothing
				continue
			}
			block.runs[r].interval = at
			block.interval = block.interval.Union(at)
			byStream[run.Stream] = append(byStream[run.Stream], runRef{at, b, r})
		}
	}
	for _, runs := range byStream {
		l.cut(runs)
	}
	return l
}

// A runRef is a run and its place in the directory.
type runRef struct {
	model.Interval
	block, run int
}

// cut finds the spans of the runs of one stream.
func (l *layout) cut(runs []runRef) {
	slices.SortFunc(runs, func(a, b runRef) int {
		return cmp.Or(cmp.Compare(a.Mint, b.Mint), cmp.Compare(a.block, b.block))
	})
	for start := 0; start < len(runs); {
		end, maxt := start+1, runs[start].Maxt
		for end < len(runs) && runs[end].Mint <= maxt {
			maxt = max(maxt, runs[end].Maxt)
			end++
		}
		if end > start+1 {
			l.cutGroup(runs[start:end], maxt)
		}
		start = end
	}
}

// cutGroup finds the spans of runs that overlap in a chain, up to maxt.
func (l *layout) cutGroup(runs []runRef, maxt int64) {
	starts := make([]int64, 0, 2*len(runs))
	for _, r := range runs {
		starts = append(starts, r.Mint)
		if r.Maxt < math.MaxInt64 && r.Maxt < maxt {
			starts = append(starts, r.Maxt+1)
		}
	}
	slices.Sort(starts)
	starts = slices.Compact(starts)

	var active []runRef
	next := 0
	for i, s := range starts {
		at := model.Interval{Mint: s, Maxt: maxt}
		if i+1 < len(starts) {
			at.Maxt = starts[i+1] - 1
		}
		active = slices.DeleteFunc(active, func(r runRef) bool { return r.Maxt < s })
		for next < len(runs) && runs[next].Mint == s {
			active = append(active, runs[next])
			next++
		}
		var z *zone
		if len(active) > 1 {
			z = &zone{waiting: len(active)}
		}
		for _, r := range active {
			run := &l.blocks[r.block].runs[r.run]
			run.spans = append(run.spans, span{at, z})
		}
	}
}

// share forgets that rows may have copies.
func (l *layout) share() {
	for b := range l.blocks {
		for r := range l.blocks[b].runs {
			l.blocks[b].runs[r].spans = nil
		}
	}
}

// A piece is consecutive rows of one stream in one batch.
type piece struct {
	batch      *scan.Batch
	order      scan.Order
	stream     int
	memory     bool // they are an ingester's
	start, end int
	// keep has the rows that count, row start being its bit 0; nil is all that
	// the batch has selected.
	keep *scan.Bitset
	// times, if not nil, are those of the rows from first on.
	times []int64
	first int
}

// time returns the time of a row.
func (p *piece) time(row int) int64 {
	if p.times != nil {
		return p.times[row-p.first]
	}
	return p.batch.Time(row)
}

// behind returns the first row from row on whose time is after ts, or the end.
func (p *piece) behind(row int, ts int64) int {
	if p.times != nil {
		return p.first + scan.Behind(p.times[:p.end-p.first], row-p.first, ts)
	}
	return p.batch.Behind(row, p.end, ts)
}

// list makes the times of all rows be at hand, for who looks at one by one.
func (p *piece) list() {
	if p.times != nil || p.start == p.end {
		return
	}
	p.first = p.start
	if p.batch.Times == nil {
		p.times = p.batch.Timestamps[p.start:p.end]
		return
	}
	p.times = p.batch.Times.Append(make([]int64, 0, p.end-p.start), p.start, p.end)
}

// within returns the rows of p, of which none is taken out yet, that lie in an
// interval.
func (p *piece) within(in model.Interval) piece {
	out := *p
	out.end = p.behind(p.start, in.Maxt)
	if in.Mint > math.MinInt64 {
		out.start = out.behind(p.start, in.Mint-1)
	}
	return out
}

func (p *piece) selected(row int) bool {
	if p.keep != nil {
		return p.keep.Get(row - p.start)
	}
	return p.batch.Selected == nil || p.batch.Selected.Get(row)
}

// A zone collects the rows of a stream in a span of time until all runs that
// cover it are read.
type zone struct {
	mu      sync.Mutex // guards the fields below
	waiting int        // runs not yet read
	pieces  []held
}

// A held is a piece of a zone, and where it is from.
type held struct {
	piece
	block, run int          // in the layout
	compare    scan.Columns // what its block must be read for again to compare it; 0 when it is all there
}

// deliver adds the rows of one run, which may be none. It returns all pieces
// once the last run is there.
func (z *zone) deliver(p held) []held {
	z.mu.Lock()
	defer z.mu.Unlock()
	if p.start < p.end {
		z.pieces = append(z.pieces, p)
	}
	z.waiting--
	if z.waiting > 0 {
		return nil
	}
	pieces := z.pieces
	z.pieces = nil
	return pieces
}
