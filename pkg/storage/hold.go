package storage

import (
	"context"
	"fmt"
	"sync"

	"github.com/oklog/ulid/v2"

	"github.com/skaldlogs/skald/pkg/storage/segment"
)

// A Held is live segments of one tenant that are read as a whole, by a merge.
// Their objects stay until Close.
type Held struct {
	// Segments are open, in the order of the ids. Their indexes belong to the
	// Held: they are not in the cache that queries use.
	Segments []*segment.Reader

	pinned *pinned
	once   sync.Once
}

// Hold opens live segments. One that is damaged or gone is an error that wraps
// [scan.ErrDamaged] and is a [*SegmentError].
func (s *Store) Hold(ctx context.Context, tenant string, ids []ulid.ULID) (*Held, error) {
	s.mu.Lock()
	entries, err := s.live(tenant, ids)
	if err != nil {
		s.mu.Unlock()
		return nil, fmt.Errorf("hold segments of tenant %s: %w", tenant, err)
	}
	for _, e := range entries {
		s.pins[e.ID]++
	}
	s.mu.Unlock()

	h := &Held{pinned: &pinned{store: s, tenant: tenant, entries: entries}}
	for _, e := range entries {
		r, err := OpenSegment(ctx, s.bucket, e)
		if err != nil {
			h.Close()
			return nil, &SegmentError{Tenant: tenant, ID: e.ID, Err: damaged(err)}
		}
		h.Segments = append(h.Segments, r)
	}
	return h, nil
}

// Close lets go of the segments. Closing again does nothing.
func (h *Held) Close() { h.once.Do(h.pinned.unpin) }

// A SegmentError says which segment could not be read.
type SegmentError struct {
	Tenant string
	ID     ulid.ULID
	Err    error
}

func (e *SegmentError) Error() string {
	return fmt.Sprintf("segment %s of tenant %s: %v", e.ID, e.Tenant, e.Err)
}

func (e *SegmentError) Unwrap() error { return e.Err }
