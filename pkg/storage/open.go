package storage

import (
	"context"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"github.com/skaldlogs/skald/pkg/explain"
	"github.com/skaldlogs/skald/pkg/scan"
	"github.com/skaldlogs/skald/pkg/storage/block"
	"github.com/skaldlogs/skald/pkg/storage/catalog"
	"github.com/skaldlogs/skald/pkg/storage/segment"
)

// Open fixes what a request sees of the store: the segments that are live now,
// without those of level 0 that were made from the generations in exclude,
// which the caller reads from memory, and without the rows that a delete request
// hides.
//
// The directory names no generations: those whose rows are in segments are the
// store's.
func (s *Store) Open(ctx context.Context, req *scan.Request, exclude []scan.Generation) (scan.Snapshot, error) {
	began := time.Now()
	p, err := s.pin(ctx, req.Tenant, req.Interval, exclude)
	if err != nil {
		return nil, fmt.Errorf("open the store for tenant %s: %w", req.Tenant, err)
	}
	filters := block.NewFilters(req.Filters)
	p.filtered = len(req.Filters) > 0
	snaps := make([]scan.Snapshot, len(p.entries))
	var others atomic.Int64 // blocks without rows of the request
	err = p.each(ctx, func(i int, r *segment.Reader) error {
		snap, err := r.Snapshot(req, filters)
		if err == nil {
			snaps[i] = p.hide(p.entries[i], doubtful{snap, s.doubts, p.entries[i]})
			others.Add(int64(r.BlockCount() - len(snap.Directory().Blocks)))
		}
		return err
	})
	if trace := explain.ScanFrom(ctx); trace != nil {
		p.explain(trace, snaps, others.Load(), time.Since(began))
	}
	there := snaps[:0]
	for _, snap := range snaps {
		if snap != nil {
			there = append(there, snap)
		}
	}
	joined := scan.Join(there...)
	if err != nil {
		_ = joined.Close()
		p.unpin()
		return nil, fmt.Errorf("open the store for tenant %s: %w", req.Tenant, err)
	}
	dir := *joined.Directory()
	dir.Generations = nil
	dir.Warnings = append(p.warnings, dir.Warnings...)
	return &snapshot{Snapshot: joined, dir: dir, pinned: p}, nil
}

// explain notes what was found, and left out.
func (p *pinned) explain(trace *explain.Scan, snaps []scan.Snapshot, others int64, took time.Duration) {
	src := explain.Source{Name: "store", Segments: len(p.entries), Seconds: explain.Seconds(took)}
	for _, snap := range snaps {
		if snap != nil {
			src.Blocks += len(snap.Directory().Blocks)
		}
	}
	trace.AddSource(src)
	trace.Skip(explain.Skip{Why: explain.OtherTimes, Segments: p.otherTimes})
	trace.Skip(explain.Skip{Why: explain.InMemory, Segments: p.inMemory})
	trace.Skip(explain.Skip{Why: explain.OtherRows, Blocks: others})
}

// hide hides what is deleted of a segment.
func (p *pinned) hide(e *catalog.Entry, snap scan.Snapshot) scan.Snapshot {
	var touching []*Mask
	for _, m := range p.masks {
		if m.Touches(e) {
			touching = append(touching, m)
		}
	}
	return Hide(snap, touching, func(*Mask, *scan.Block) bool { return true })
}

// A snapshot is several segments as one, pinned.
type snapshot struct {
	scan.Snapshot
	dir    scan.Directory
	pinned *pinned
	once   sync.Once
}

// Directory implements [scan.Snapshot].
func (s *snapshot) Directory() *scan.Directory { return &s.dir }

// Read implements [scan.Snapshot].
func (s *snapshot) Read(ctx context.Context, i int, want scan.Want) (*scan.Batch, error) {
	b, err := s.Snapshot.Read(ctx, i, want)
	if err != nil {
		return nil, fmt.Errorf("tenant %s: %w", s.pinned.tenant, damaged(err))
	}
	return b, nil
}

// Close implements [scan.Snapshot].
func (s *snapshot) Close() (err error) {
	s.once.Do(func() {
		err = s.Snapshot.Close()
		s.pinned.unpin()
	})
	return err
}
