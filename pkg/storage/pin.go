package storage

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/go-kit/log/level"
	"github.com/oklog/ulid/v2"
	"golang.org/x/sync/errgroup"

	"github.com/skaldlogs/skald/pkg/model"
	"github.com/skaldlogs/skald/pkg/objstore"
	"github.com/skaldlogs/skald/pkg/scan"
	"github.com/skaldlogs/skald/pkg/storage/catalog"
	"github.com/skaldlogs/skald/pkg/storage/segment"
)

// openers is how many segments a request opens at once. Opening one that is not
// cached is mostly waiting for a remote bucket.
const openers = 8

// pinned is segments of one tenant whose objects stay until unpin.
type pinned struct {
	store    *Store
	tenant   string
	entries  []*catalog.Entry
	masks    []*Mask  // what is hidden of them
	warnings []string // what an answer has to do without
	// otherTimes and inMemory count segments that are left out.
	otherTimes, inMemory int64
	filtered             bool // blocks are going to be pruned by what lies before the index
}

// pin picks the segments that are live now and overlap an interval, without
// those of level 0 made from a generation in exclude.
func (s *Store) pin(ctx context.Context, tenant string, interval model.Interval, exclude []scan.Generation) (*pinned, error) {
	if err := s.catalog.Refresh(ctx, tenant); err != nil {
		return nil, err
	}
	excluded := make(map[scan.Generation]struct{}, len(exclude))
	for _, g := range exclude {
		excluded[g] = struct{}{}
	}
	isExcluded := func(g scan.Generation) bool {
		_, ok := excluded[g]
		return ok
	}
	p := &pinned{store: s, tenant: tenant}

	s.mu.Lock()
	defer s.mu.Unlock()
	snap := s.catalog.Snapshot(tenant)
	for _, e := range snap.Entries {
		switch {
		case !e.Interval.Overlaps(interval):
			p.otherTimes++
			continue
		case e.Level == 0 && slices.ContainsFunc(e.Sources, isExcluded):
			p.inMemory++
			continue
		}
		s.pins[e.ID]++
		p.entries = append(p.entries, e)
	}
	p.masks, p.warnings = s.masks(snap, interval)
	for _, d := range snap.Damaged {
		if d.Delete {
			continue
		}
		p.warnings = append(p.warnings, fmt.Sprintf("the answer may be incomplete: %s cannot be read: %v", d.Object, d.Err))
	}
	return p, nil
}

// unpin lets go of the segments. It is called once.
func (p *pinned) unpin() {
	p.store.mu.Lock()
	defer p.store.mu.Unlock()
	for _, e := range p.entries {
		if p.store.pins[e.ID]--; p.store.pins[e.ID] == 0 {
			delete(p.store.pins, e.ID)
		}
	}
}

// isPinned reports whether a snapshot uses a segment.
func (s *Store) isPinned(id ulid.ULID) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.pins[id] > 0
}

// each calls use with the number of each entry and its reader, several at once.
// Segments that are damaged or gone become warnings, in the order of the entries.
func (p *pinned) each(ctx context.Context, use func(i int, r *segment.Reader) error) error {
	reasons := make([]error, len(p.entries))
	g, gctx := errgroup.WithContext(ctx)
	g.SetLimit(openers)
	for i, e := range p.entries {
		g.Go(func() error {
			if err := gctx.Err(); err != nil {
				return err
			}
			r, err := p.store.readers.get(gctx, e, p.filtered && e.PruneSize > 0)
			if err == nil {
				err = use(i, r)
			}
			if err = damaged(err); errors.Is(err, scan.ErrDamaged) || errors.Is(err, segment.ErrUnsupported) {
				reasons[i] = err
				p.store.doubts.note(e)
				return nil
			}
			if err != nil {
				return fmt.Errorf("segment %s: %w", e.ID, err)
			}
			return nil
		})
	}
	if err := g.Wait(); err != nil {
		return err
	}
	for i, err := range reasons {
		if err != nil {
			p.warnings = append(p.warnings, p.store.warn(p.entries[i], err))
		}
	}
	return nil
}

// warn reports a segment that an answer has to do without: to the user each
// time, to the operator once.
func (s *Store) warn(e *catalog.Entry, err error) string {
	s.metrics.unreadable.Inc()
	if _, again := s.reported.LoadOrStore(e.ID, true); !again {
		level.Error(s.logger).Log("msg", "segment cannot be read; answers are incomplete", "err", err, "tenant", e.Tenant, "segment", e.ID)
	}
	return fmt.Sprintf("the answer is incomplete: segment %s of tenant %s, %d rows: %v", e.ID, e.Tenant, e.Stats.Rows, err)
}

// damaged says of an object that is gone what it is for a reader: an entry was
// there, and its rows cannot be read.
func damaged(err error) error {
	if errors.Is(err, objstore.ErrNotFound) && !errors.Is(err, scan.ErrDamaged) {
		return fmt.Errorf("%w: %w", err, scan.ErrDamaged)
	}
	return err
}
