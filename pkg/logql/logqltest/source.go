package logqltest

import (
	"cmp"
	"context"
	"fmt"
	"math/rand/v2"
	"regexp"
	"slices"
	"strings"

	"github.com/prometheus/prometheus/model/labels"

	"github.com/skaldlogs/skald/pkg/model"
	"github.com/skaldlogs/skald/pkg/scan"
)

// A Stream is entries under one set of labels, in the order of their arrival.
type Stream struct {
	Labels  labels.Labels
	Entries []model.Entry
}

// A Layout says how a [Source] lays entries out in blocks.
type Layout struct {
	Seed uint64
	// Generations is into how many generations the entries are cut, by arrival.
	Generations int
	// BlockRows is how many rows a block has at most; 0 puts all of a generation
	// into one block.
	BlockRows int
	// Copies is the part of entries that is in another block or run once more.
	Copies float64
	// Tail makes the last generation unsorted runs, whose counts include copies of
	// their own rows.
	Tail bool
	// Answer evaluates the filters of requests in the source, and Refuse refuses most of
	// the blocks of which they pass no row.
	Answer, Refuse bool
	// Damage makes reading this many blocks fail.
	Damage int
}

// Plain is the simplest layout: one block, nothing twice.
func Plain() Layout { return Layout{Generations: 1} }

// RandomLayout is a layout that depends on nothing but seed.
func RandomLayout(seed uint64) Layout {
	rng := rand.New(rand.NewPCG(seed, 1))
	return Layout{
		Seed:        seed,
		Generations: 1 + rng.IntN(4),
		BlockRows:   []int{0, 1, 2, 5, 20}[rng.IntN(5)],
		Copies:      []float64{0, 0.1, 0.6, 1}[rng.IntN(4)],
		Tail:        rng.IntN(2) == 0,
		Answer:      rng.IntN(2) == 0,
		Refuse:      rng.IntN(2) == 0,
	}
}

// A Source holds entries in memory, laid out in blocks. It has one tenant, and
// answers any.
type Source struct {
	layout  Layout
	streams []labels.Labels
	blocks  []block
	damaged map[int]bool
}

// A block is rows sorted by stream and time.
type block struct {
	order    scan.Order
	rows     []row
	unsorted bool
}

type row struct {
	stream int
	model.Entry
	arrival int
}

// NewSource lays streams out.
func NewSource(streams []Stream, l Layout) *Source {
	rng := rand.New(rand.NewPCG(l.Seed, 2))
	s := &Source{layout: l, damaged: map[int]bool{}}
	generations := make([][]row, max(1, l.Generations))
	for i, st := range streams {
		s.streams = append(s.streams, st.Labels)
		// Each stream is cut at arrivals of its own.
		cuts := make([]int, len(generations)-1)
		for c := range cuts {
			cuts[c] = rng.IntN(len(st.Entries) + 1)
		}
		slices.Sort(cuts)
		for n, e := range st.Entries {
			g := 0
			for g < len(cuts) && cuts[g] <= n {
				g++
			}
			generations[g] = append(generations[g], row{i, e, n})
		}
	}
	for g, rows := range generations {
		tail := l.Tail && g == len(generations)-1
		s.generation(rng, uint64(g), rows, tail)
	}
	s.copies(rng, uint64(len(generations)))
	for range l.Damage {
		s.damaged[rng.IntN(max(1, len(s.blocks)))] = true
	}
	// The directory may list blocks in any order.
	rng.Shuffle(len(s.blocks), func(i, j int) { s.blocks[i], s.blocks[j] = s.blocks[j], s.blocks[i] })
	return s
}

// generation cuts rows into blocks, as sealing a head does.
func (s *Source) generation(rng *rand.Rand, g uint64, rows []row, tail bool) {
	if tail {
		for range int(s.layout.Copies * float64(len(rows))) {
			rows = append(rows, rows[rng.IntN(len(rows))])
		}
	}
	slices.SortStableFunc(rows, func(a, b row) int {
		return cmp.Or(cmp.Compare(a.stream, b.stream), cmp.Compare(a.Timestamp, b.Timestamp), cmp.Compare(a.arrival, b.arrival))
	})
	size := s.layout.BlockRows
	if size <= 0 {
		size = max(1, len(rows))
	}
	for place := 0; len(rows) > 0; place++ {
		n := min(size, len(rows))
		sealed := slices.Clone(rows[:n])
		if !tail {
			sealed = distinct(sealed)
		}
		s.blocks = append(s.blocks, block{scan.Order{Generation: g, Place: uint32(place)}, sealed, tail})
		rows = rows[n:]
	}
}

// distinct drops the rows that equal an earlier one.
func distinct(rows []row) []row {
	var out []row
	for _, r := range rows {
		if !slices.ContainsFunc(out, func(o row) bool {
			return o.stream == r.stream && o.Timestamp == r.Timestamp && o.Line == r.Line && model.SameMetadata(o.Metadata, r.Metadata)
		}) {
			out = append(out, r)
		}
	}
	return out
}

// copies puts copies of entries into blocks of a later generation: another
// replica's, say, whose level was derived by another version.
func (s *Source) copies(rng *rand.Rand, g uint64) {
	var rows []row
	for _, b := range s.blocks {
		for _, r := range b.rows {
			if rng.Float64() < s.layout.Copies {
				if rng.IntN(4) == 0 {
					r.Metadata = append(slices.Clone(r.Metadata), labels.Label{Name: "detected_level", Value: "copy"})
				}
				rows = append(rows, r)
			}
		}
	}
	s.generation(rng, g, rows, false)
}

// Open fixes nothing: a Source does not change.
func (s *Source) Open(ctx context.Context, req *scan.Request) (scan.Snapshot, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	snap := &snapshot{source: s, req: req}
	number := make([]int, len(s.streams))
	for i, ls := range s.streams {
		number[i] = -1
		if matches(req.Matchers, ls) {
			number[i] = len(snap.dir.Streams)
			snap.dir.Streams = append(snap.dir.Streams, scan.Stream{Labels: ls, Hash: labels.StableHash(ls)})
		}
	}
	for _, f := range req.Filters {
		filter, err := compileFilter(f)
		if err != nil {
			return nil, err
		}
		snap.filters = append(snap.filters, filter)
	}
	for i, b := range s.blocks {
		runs := b.runs(number)
		if slices.ContainsFunc(runs, func(r scan.Run) bool { return r.Interval.Overlaps(req.Interval) }) {
			snap.dir.Blocks = append(snap.dir.Blocks, scan.Block{Order: b.order, Runs: runs, Refused: s.layout.Refuse && i%4 > 0 && snap.refuses(&b)})
			snap.blocks = append(snap.blocks, i)
		}
	}
	snap.numbers = number
	return snap, nil
}

// keeps reports whether all filters pass a line.
func (s *snapshot) keeps(line string) bool {
	return !slices.ContainsFunc(s.filters, func(f func(string) bool) bool { return !f(line) })
}

// refuses reports whether the filters pass no row of a block.
func (s *snapshot) refuses(b *block) bool {
	return len(s.filters) > 0 && !slices.ContainsFunc(b.rows, func(r row) bool { return s.keeps(r.Line) })
}

func matches(ms []*labels.Matcher, ls labels.Labels) bool {
	for _, m := range ms {
		if !m.Matches(ls.Get(m.Name)) {
			return false
		}
	}
	return true
}

// runs are the runs of the block, of the streams that have a number.
func (b *block) runs(number []int) []scan.Run {
	var runs []scan.Run
	for _, r := range b.rows {
		n := number[r.stream]
		if n < 0 {
			continue
		}
		if len(runs) == 0 || runs[len(runs)-1].Stream != n {
			runs = append(runs, scan.Run{Stream: n, Interval: model.Nothing, Unsorted: b.unsorted})
		}
		run := &runs[len(runs)-1]
		run.Interval = run.Interval.Extend(r.Timestamp)
		run.Rows++
		run.Bytes += int64(len(r.Line))
		run.MetadataBytes += int64(r.Metadata.Bytes())
	}
	return runs
}

func compileFilter(f scan.LineFilter) (func(string) bool, error) {
	switch f.Op {
	case scan.Contains:
		return func(l string) bool { return strings.Contains(l, f.Text) }, nil
	case scan.Excludes:
		return func(l string) bool { return !strings.Contains(l, f.Text) }, nil
	}
	re, err := regexp.Compile(f.Text)
	if err != nil {
		return nil, err
	}
	return func(l string) bool { return re.MatchString(l) == (f.Op == scan.Matches) }, nil
}

// A snapshot answers one request.
type snapshot struct {
	source  *Source
	req     *scan.Request
	dir     scan.Directory
	blocks  []int // by block of dir: the block of the source
	numbers []int // by stream of the source: its number in dir, or -1
	filters []func(string) bool
}

func (s *snapshot) Directory() *scan.Directory { return &s.dir }

func (s *snapshot) Close() error { return nil }

func (s *snapshot) Read(ctx context.Context, i int, want scan.Want) (*scan.Batch, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	at := s.blocks[i]
	if s.source.damaged[at] {
		return nil, fmt.Errorf("read block %d: checksum: %w", at, scan.ErrDamaged)
	}
	in := s.req.Interval.Intersect(want.Interval)
	if want.Fields != nil {
		want.Columns |= scan.Lines | scan.Metadata
	}
	b := &scan.Batch{}
	var kept []bool
	anyMetadata := false
	want.Columns = want.Columns.Settled(s.source.layout.Answer || len(s.filters) == 0)
	for _, r := range distinct(s.source.blocks[at].rows) {
		n := s.numbers[r.stream]
		if n < 0 || !in.Contains(r.Timestamp) {
			continue
		}
		if len(b.Runs) == 0 || b.Runs[len(b.Runs)-1].Stream != n {
			b.Runs = append(b.Runs, scan.BatchRun{Stream: n, Start: b.Rows()})
		}
		b.Timestamps = append(b.Timestamps, r.Timestamp)
		b.Runs[len(b.Runs)-1].End = b.Rows()
		b.DecodedBytes += 8
		if want.Columns.Has(scan.Lines) {
			b.Lines = append(b.Lines, r.Line)
			b.DecodedBytes += int64(len(r.Line))
		}
		if want.Columns.Has(scan.Metadata) {
			b.Metadata = append(b.Metadata, r.Metadata)
			b.DecodedBytes += int64(r.Metadata.Bytes())
			anyMetadata = anyMetadata || len(r.Metadata) > 0
		}
		if want.Columns.Has(scan.Sizes) {
			b.Sizes = append(b.Sizes, uint32(len(r.Line)))
			b.DecodedBytes += 4
		}
		kept = append(kept, s.keeps(r.Line))
	}
	if !anyMetadata {
		b.Metadata = nil
	}
	if s.source.layout.Answer && len(s.filters) > 0 {
		b.Answered = slices.Repeat([]bool{true}, len(s.filters))
		b.Selected = scan.NewBitset(b.Rows(), false)
		for i, k := range kept {
			if k {
				b.Selected.Set(i)
			}
		}
	}
	b.ReadBytes = b.DecodedBytes
	if want.Seek && at%2 == 0 && len(b.Timestamps) > 0 {
		b.Times, b.Timestamps = listed(b.Timestamps), nil
	}
	return b, nil
}

// listed are times to seek in, as a store has them.
type listed []int64

// Rows implements [scan.Times].
func (l listed) Rows() int { return len(l) }

// At implements [scan.Times].
func (l listed) At(row int) int64 { return l[row] }

// Behind implements [scan.Times].
func (l listed) Behind(row, end int, ts int64) int {
	for row < end && l[row] <= ts {
		row++
	}
	return row
}

// Append implements [scan.Times].
func (l listed) Append(dst []int64, start, end int) []int64 { return append(dst, l[start:end]...) }
