package engine

import (
	"context"
	"errors"
	"fmt"
	"runtime/debug"
	"sort"
	"sync"

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
	// columns are those of the request.
	columns scan.Columns
	// order are the blocks to read, in the order to read them.
	order []int
	// enough reports whether the blocks of order from next on are not needed; nil
	// when all are.
	enough func(next int) bool

	// drained is closed once no block is left to take.
	drained chan struct{}

	mu       sync.Mutex // guards the fields below
	next     int        // in order
	stats    Stats
	warnings []string
}

// run reads the blocks, by one worker for each sink. The first error ends it.
func (r *reading) run(ctx context.Context, sinks []sink) error {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	r.drained = make(chan struct{})
	if len(r.order) == 0 {
		close(r.drained)
	}
	var wg sync.WaitGroup
	for _, s := range sinks {
		wg.Go(func() {
			if err := r.guard(func() error { return r.work(ctx, s) }); err != nil {
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
		q.stats.add(s.counts())
	}
	q.stats.add(&r.stats)
	q.stats.BlocksSkipped += int64(len(r.order) - r.next)
	q.warnings = append(q.warnings, r.warnings...)
	return nil
}

// guard calls fn and makes an error of a panic: a mistake that one query brings
// to light must not end a process that holds the entries of all tenants.
func (r *reading) guard(fn func() error) (err error) {
	defer func() {
		if p := recover(); p != nil {
			err = fmt.Errorf("run the query: panic: %v\n%s", p, debug.Stack())
		}
	}()
	return fn()
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
	batch, err := r.snap.Read(ctx, block)
	if err == nil {
		err = checkBatch(batch, r.dir, r.columns)
	}
	in := &r.dir.Blocks[block]
	var places []int
	switch {
	case errors.Is(err, scan.ErrDamaged):
		r.damaged(err)
		batch = &scan.Batch{}
		places = findRuns(in, batch)
	case err != nil:
		return err
	default:
		places = findRuns(in, batch)
		r.count(in, batch, places)
	}

	b := &r.layout.blocks[block]
	for i := range b.runs {
		run := &b.runs[i]
		if run.interval.Empty() {
			continue
		}
		p := piece{batch: batch, order: in.Order, stream: in.Runs[i].Stream}
		if n := places[i]; n >= 0 {
			p.start, p.end = batch.Runs[n].Start, batch.Runs[n].End
		}
		if run.spans == nil {
			if err := s.add(ctx, p); err != nil {
				return err
			}
			continue
		}
		if err := r.spans(ctx, s, run.spans, p); err != nil {
			return err
		}
	}
	return nil
}

// spans gives the rows of a run to the sink or to the zones that collect them.
func (r *reading) spans(ctx context.Context, s sink, spans []span, p piece) error {
	ts := p.batch.Timestamps
	for _, sp := range spans {
		part := p
		part.start = p.start + sort.Search(p.end-p.start, func(i int) bool { return ts[p.start+i] >= sp.interval.Mint })
		part.end = part.start + sort.Search(p.end-part.start, func(i int) bool { return ts[part.start+i] > sp.interval.Maxt })
		p.start = part.end
		if sp.zone == nil {
			if err := s.add(ctx, part); err != nil {
				return err
			}
			continue
		}
		pieces := sp.zone.deliver(part)
		s.counts().Duplicates += int64(dedupe(pieces))
		for _, whole := range pieces {
			if err := s.add(ctx, whole); err != nil {
				return err
			}
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
func checkBatch(b *scan.Batch, dir *scan.Directory, columns scan.Columns) error {
	rows := b.Rows()
	bad := rows > 0 && (columns.Has(scan.Lines) && b.Lines == nil || columns.Has(scan.Sizes) && b.Sizes == nil) ||
		b.Lines != nil && len(b.Lines) != rows || b.Metadata != nil && len(b.Metadata) != rows ||
		b.Sizes != nil && len(b.Sizes) != rows || b.Selected != nil && b.Selected.Len() != rows
	for _, r := range b.Runs {
		bad = bad || r.Start < 0 || r.End < r.Start || r.End > rows || r.Stream < 0 || r.Stream >= len(dir.Streams)
	}
	if bad {
		return fmt.Errorf("read block: columns of %d rows do not fit each other", rows)
	}
	return nil
}

func (r *reading) damaged(err error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.stats.BlocksDamaged++
	r.warnings = append(r.warnings, "incomplete: "+err.Error())
}

// count adds what reading a block cost.
func (r *reading) count(block *scan.Block, b *scan.Batch, places []int) {
	lines := r.lineBytes(block, b, places)
	var metadata int64
	for _, m := range b.Metadata {
		metadata += int64(m.Bytes())
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.stats.BlocksRead++
	r.stats.Lines += int64(b.Rows())
	r.stats.LineBytes += lines
	r.stats.MetadataBytes += metadata
	r.stats.ReadBytes += b.ReadBytes
	r.stats.DecodedBytes += b.DecodedBytes
}

// lineBytes is the length of the lines of a batch. A source need not return
// them, nor those that its filters refused, but the directory has their length
// for each run that is read whole.
func (r *reading) lineBytes(block *scan.Block, b *scan.Batch, places []int) int64 {
	var total int64
	for i, n := range places {
		if n < 0 {
			continue
		}
		run := &block.Runs[i]
		if r.layout.want.Covers(run.Interval) {
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

// open opens a snapshot whose batches have the columns that want asks for, once
// it has seen the directory.
func (q *query) open(ctx context.Context, req *scan.Request, want func(*scan.Directory) scan.Columns) (scan.Snapshot, error) {
	for {
		snap, err := q.source.Open(ctx, req)
		if err != nil {
			return nil, err
		}
		needed := want(snap.Directory())
		if req.Columns.Has(needed) {
			q.warnings = append(q.warnings, snap.Directory().Warnings...)
			q.stats.Scans++
			return snap, nil
		}
		// Columns are chosen with the request, so what is in the directory may ask
		// for another one. Columns are only added, so this ends.
		more := *req
		more.Columns |= needed
		req = &more
		if err := snap.Close(); err != nil {
			return nil, err
		}
	}
}
