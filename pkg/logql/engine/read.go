package engine

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"

	"github.com/skaldlogs/skald/pkg/explain"
	"github.com/skaldlogs/skald/pkg/guard"
	"github.com/skaldlogs/skald/pkg/model"
	"github.com/skaldlogs/skald/pkg/scan"
)

// A sink takes the rows of a scan. Each worker has one of its own.
type sink interface {
	// add takes a piece whose rows have no copies elsewhere. ctx is looked at
	// every so often, since a piece may be long.
	add(ctx context.Context, p piece) error
	// counts returns what the sink counted.
	counts() *Stats
}

// A reading is one pass over the blocks of a snapshot.
type reading struct {
	query  *query
	snap   scan.Snapshot
	dir    *scan.Directory
	layout *layout
	// need says what to read of a block, once it is about to be read.
	need func(block int) need
	// order are the blocks to read, in the order to read them.
	order []int
	// enough reports whether the blocks of order from next on are not needed; nil
	// when all are.
	enough func(next int) bool
	trace  *explain.Scan // nil where nobody wants to know

	// drained is closed once no block is left to take.
	drained chan struct{}

	mu       sync.Mutex // guards the fields below
	next     int        // in order
	stats    Stats
	warnings []string
}

// run reads the blocks, by one worker for each sink. The first error ends it.
func (r *reading) run(ctx context.Context, sinks []sink) error {
	r.refused()
	if r.trace.Dry() {
		r.plan()
		return nil
	}
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	r.drained = make(chan struct{})
	if len(r.order) == 0 {
		close(r.drained)
	}
	var wg sync.WaitGroup
	for _, s := range sinks {
		wg.Go(func() {
			if err := guard.Do(func() error { return r.work(ctx, s) }); err != nil {
				cancel(err)
			}
		})
	}
	wg.Wait()
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	q := r.query
	for _, s := range sinks {
		r.stats.Add(s.counts())
	}
	r.stats.BlocksSkipped += int64(len(r.order) - r.next)
	for _, b := range r.order[r.next:] {
		if r.dir.Blocks[b].Memory {
			r.stats.Memory.Blocks++
		}
	}
	r.trace.Skip(explain.Skip{Why: explain.Enough, Blocks: int64(len(r.order) - r.next)})
	q.engine.count(&r.stats)
	q.stats.Add(&r.stats)
	q.warnings = append(q.warnings, r.warnings...)
	return nil
}

// refused counts the blocks that their source refused, as if they had been read and
// answered by what is known of them as a whole: when they are asked is its affair.
func (r *reading) refused() {
	n := int64(len(r.layout.refused))
	if n == 0 {
		return
	}
	r.stats.BlocksRead += n
	r.stats.BlocksSchema += n
	for _, b := range r.layout.refused {
		if r.dir.Blocks[b].Memory {
			r.stats.Memory.Blocks++
			r.stats.Memory.BlocksRead++
		}
	}
	r.trace.Skip(explain.Skip{Why: explain.RuledOut, Blocks: n})
}

// work reads blocks until there are none left. A block is chosen only when
// there is a slot to work on it: by then it may not be needed any more.
func (r *reading) work(ctx context.Context, s sink) error {
	for {
		select {
		case <-r.drained:
			return nil
		default:
		}
		select {
		case r.query.engine.slots <- struct{}{}:
		case <-r.drained:
			return nil
		case <-ctx.Done():
			return ctx.Err()
		}
		if err := r.step(ctx, s); err != nil {
			return err
		}
	}
}

// step works on the next block, if there is one, and gives the slot for it back.
func (r *reading) step(ctx context.Context, s sink) error {
	defer func() { <-r.query.engine.slots }()
	block, ok := r.take()
	if !ok {
		return nil
	}
	if err := ctx.Err(); err != nil {
		return err
	}
	return r.block(ctx, s, block)
}

// take returns the next block that is needed.
func (r *reading) take() (block int, ok bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	select {
	case <-r.drained:
		return 0, false
	default:
	}
	if r.enough == nil || !r.enough(r.next) {
		block, ok = r.order[r.next], true
		r.next++
	}
	if !ok || r.next == len(r.order) {
		close(r.drained)
	}
	return block, ok
}

// block reads a block and gives its rows to the sink, but those that wait for
// another block.
func (r *reading) block(ctx context.Context, s sink, block int) error {
	n := r.need(block)
	first, err := r.read(ctx, block, n.first, true)
	if err != nil {
		return err
	}
	b := &r.layout.blocks[block]
	for i := range b.runs {
		run := &b.runs[i]
		if run.interval.Empty() {
			continue
		}
		p := first.piece(i)
		if run.spans == nil {
			err = give(ctx, s, p)
		} else {
			err = r.spans(ctx, s, run.spans, held{p, block, i, n.compare})
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// A part is what was read of a block. Of a damaged one it is nothing.
type part struct {
	block   *scan.Block
	batch   *scan.Batch
	places  []int // by run of the block: that of the batch, or -1
	damaged bool
}

// read reads a part of a block. The rows of a block count once, however many
// parts of it are read.
func (r *reading) read(ctx context.Context, block int, want scan.Want, first bool) (*part, error) {
	p := &part{block: &r.dir.Blocks[block]}
	var err error
	began := time.Now()
	if p.batch, err = r.snap.Read(ctx, block, want); err == nil {
		err = checkBatch(p.batch, r.dir, want)
	}
	switch {
	case errors.Is(err, scan.ErrDamaged):
		r.damaged(err, p.block.Memory)
		p.batch, p.damaged = &scan.Batch{}, true
	case err != nil:
		return nil, err
	}
	p.places = findRuns(p.block, p.batch)
	if !p.damaged {
		took := time.Since(began)
		r.count(p, want.Interval, first, took)
		explainRead(r.trace, p.batch, &want, first, took)
	}
	return p, nil
}

// piece returns the rows of run i of the block.
func (p *part) piece(i int) piece {
	out := piece{batch: p.batch, order: p.block.Order, stream: p.block.Runs[i].Stream, memory: p.block.Memory}
	if n := p.places[i]; n >= 0 {
		out.start, out.end = p.batch.Runs[n].Start, p.batch.Runs[n].End
	}
	return out
}

// spans gives the rows of a run to the sink or to the zones that collect them.
func (r *reading) spans(ctx context.Context, s sink, spans []span, run held) error {
	for _, sp := range spans {
		part := run
		part.piece = run.within(sp.interval)
		if sp.zone != nil {
			part.list()
		}
		if sp.zone == nil {
			if err := give(ctx, s, part.piece); err != nil {
				return err
			}
		} else if err := r.settle(ctx, s, sp.zone.deliver(part)); err != nil {
			return err
		}
	}
	return nil
}

// settle gives the rows of a zone to the sink, without the copies among them.
// Rows have copies only where several pieces have rows of one time, and only there
// are lines and metadata read to compare them.
func (r *reading) settle(ctx context.Context, s sink, zone []held) error {
	pieces := make([]piece, len(zone))
	for i := range zone {
		pieces[i] = zone[i].piece
	}
	met := meetings(pieces)
	if met.Empty() {
		return addAll(ctx, s, pieces)
	}
	same, others := make([]piece, 0, len(zone)), make([]piece, 0, 2*len(zone))
	for i := range zone {
		h := &zone[i]
		at := h.within(met)
		before, after := h.piece, h.piece
		before.end, after.start = at.start, at.end
		others = append(others, before, after)
		if h.compare != 0 && at.start < at.end {
			again, err := r.read(ctx, h.block, scan.Want{Columns: h.compare, Interval: met}, false)
			if err != nil {
				return err
			}
			at = again.piece(h.run)
		}
		same = append(same, at)
	}
	s.counts().Duplicates += int64(dedupe(same))
	if err := addAll(ctx, s, same); err != nil {
		return err
	}
	return addAll(ctx, s, others)
}

// give gives rows to a sink.
func give(ctx context.Context, s sink, p piece) error {
	if !p.memory {
		return s.add(ctx, p)
	}
	stats := s.counts()
	before := stats.PostFilter
	err := s.add(ctx, p)
	stats.Memory.PostFilter += stats.PostFilter - before
	return err
}

func addAll(ctx context.Context, s sink, pieces []piece) error {
	for _, p := range pieces {
		if p.start == p.end {
			continue
		}
		if err := give(ctx, s, p); err != nil {
			return err
		}
	}
	return nil
}

// findRuns returns for each run of a block the place of its rows in a batch, or
// -1. Batches mostly have their runs in the order of the directory.
func findRuns(block *scan.Block, b *scan.Batch) []int {
	places := make([]int, len(block.Runs))
	var byStream map[int]int
	next := 0
	for i := range block.Runs {
		stream := block.Runs[i].Stream
		if next < len(b.Runs) && b.Runs[next].Stream == stream {
			places[i] = next
			next++
			continue
		}
		if byStream == nil {
			byStream = make(map[int]int, len(b.Runs))
			for n := range b.Runs {
				byStream[b.Runs[n].Stream] = n
			}
		}
		places[i] = -1
		if n, ok := byStream[stream]; ok {
			places[i], next = n, n+1
		}
	}
	return places
}

// checkBatch makes sure that a batch is one, so that a faulty source is an
// error and not a panic.
func checkBatch(b *scan.Batch, dir *scan.Directory, want scan.Want) error {
	columns := want.Columns
	rows := b.Rows()
	columns = columns.Settled(b.Answered != nil && !slices.Contains(b.Answered, false))
	if b.Shapes != nil {
		columns &^= scan.Lines
	}
	if f := b.Found; f != nil {
		if want.List == nil || f.Unread != nil && (f.Unread.Len() != rows || b.Lines == nil) {
			return fmt.Errorf("read block: a list of fields that does not fit %d rows", rows)
		}
		columns &^= scan.Lines
	}
	bad := b.Shapes != nil && (want.Shapes == nil || !fitting(b.Shapes, b)) || rows > 0 && (columns.Has(scan.Lines) && b.Lines == nil || columns.Has(scan.Sizes) && b.Sizes == nil) ||
		b.Lines != nil && len(b.Lines) != rows || b.Metadata != nil && len(b.Metadata) != rows ||
		b.Sizes != nil && len(b.Sizes) != rows || b.Selected != nil && b.Selected.Len() != rows
	for _, r := range b.Runs {
		bad = bad || r.Start < 0 || r.End < r.Start || r.End > rows || r.Stream < 0 || r.Stream >= len(dir.Streams)
	}
	if a := b.Answer; a != nil && rows > 0 {
		bad = bad || want.Fields == nil || len(a.Vectors) != len(want.Fields.Vectors) || a.Unsure != nil && (a.Unsure.Len() != rows || b.Lines == nil && a.Unsure.Count() > 0)
		for i := range a.Vectors {
			bad = bad || want.Fields == nil || !fits(&a.Vectors[i], want.Fields.Vectors[i], rows)
		}
	} else if want.Fields != nil && rows > 0 {
		bad = bad || b.Lines == nil
	}
	if bad {
		return fmt.Errorf("read block: columns of %d rows do not fit each other", rows)
	}
	return nil
}

// fitting reports whether shapes are those of a batch.
func fitting(l *scan.ShapeList, b *scan.Batch) bool {
	if len(l.Of) != b.Rows() || len(l.Nth) != b.Rows() {
		return false
	}
	counts := make([]uint32, len(l.Shapes)+1)
	for row, of := range l.Of {
		if int(of) >= len(counts) || of == 0 && b.Lines == nil || of > 0 && l.Nth[row] != counts[of] {
			return false
		}
		counts[of]++
	}
	for i := range l.Shapes {
		for n := range l.Shapes[i].Slots {
			s := &l.Shapes[i].Slots[n]
			if s.Codes == nil {
				continue
			}
			if len(s.Codes) != int(counts[i+1]) || len(s.Codes) > 0 && int(slices.Max(s.Codes)) >= len(s.Words) {
				return false
			}
		}
	}
	return true
}

// fits reports whether a vector is one of so many rows.
func fits(v *scan.Vector, want scan.VectorWant, rows int) bool {
	switch {
	case want.Field == scan.NoField:
		return true
	case want.As == scan.Text:
		return len(v.Codes) == rows && len(v.Values) > 0
	}
	return len(v.Numbers) == rows && (v.Absent == nil || v.Absent.Len() == rows)
}

func (r *reading) damaged(err error, memory bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if memory {
		r.stats.Memory.Blocks++
	}
	r.stats.BlocksDamaged++
	r.trace.Skip(explain.Skip{Why: explain.Damaged, Blocks: 1})
	r.warnings = append(r.warnings, "incomplete: "+err.Error())
}

// count adds what reading a part of a block cost.
func (r *reading) count(p *part, read model.Interval, first bool, took time.Duration) {
	var metadata int64
	for _, m := range p.batch.Metadata {
		metadata += int64(m.Bytes())
	}
	lines := p.lineBytes(read)
	r.mu.Lock()
	defer r.mu.Unlock()
	if first {
		r.stats.BlocksRead++
		switch b := p.batch; {
		case b.How == scan.BySchema:
			r.stats.BlocksSchema++
		case b.How == scan.ByColumns, b.Lines == nil && b.Answered == nil:
			r.stats.BlocksColumns++
		default:
			r.stats.BlocksRows++
		}
		r.stats.Lines += int64(p.batch.Rows())
		r.stats.LineBytes += lines
	}
	r.stats.MetadataBytes += metadata
	r.stats.ReadBytes += p.batch.ReadBytes
	r.stats.DecodedBytes += p.batch.DecodedBytes
	if !p.block.Memory {
		return
	}
	m := &r.stats.Memory
	if first {
		m.Blocks++
		m.BlocksRead++
		m.Lines += int64(p.batch.Rows())
		m.LineBytes += lines
	}
	m.Batches++
	m.MetadataBytes += metadata
	m.ReadBytes += p.batch.ReadBytes
	m.Wait += took
}

// lineBytes is the length of the lines of a part that was read of an interval. A
// source need not return them, nor those that its filters refused, but the
// directory has their length for each run that is read whole.
func (p *part) lineBytes(read model.Interval) int64 {
	var total int64
	b := p.batch
	for i, n := range p.places {
		if n < 0 {
			continue
		}
		run := &p.block.Runs[i]
		if read.Covers(run.Interval) {
			total += run.Bytes
			continue
		}
		for row := b.Runs[n].Start; row < b.Runs[n].End; row++ {
			switch {
			case b.Sizes != nil:
				total += int64(b.Sizes[row])
			case b.Lines != nil:
				total += int64(len(b.Lines[row]))
			}
		}
	}
	return total
}

// open opens a snapshot.
func (q *query) open(ctx context.Context, req *scan.Request, trace *explain.Scan) (scan.Snapshot, error) {
	began := time.Now()
	snap, err := q.source.Open(explain.WithScan(ctx, trace), req)
	if err != nil {
		return nil, err
	}
	explainOpened(trace, snap, time.Since(began))
	q.warnings = append(q.warnings, snap.Directory().Warnings...)
	q.stats.Scans++
	ingesters := map[string]bool{}
	for _, g := range snap.Directory().Generations {
		ingesters[g.Ingester] = true
	}
	q.stats.Memory.Ingesters = max(q.stats.Memory.Ingesters, int64(len(ingesters)))
	return snap, nil
}
