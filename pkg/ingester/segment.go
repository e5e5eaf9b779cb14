package ingester

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"

	"github.com/prometheus/prometheus/model/labels"

	"github.com/skaldlogs/skald/pkg/scan"
	"github.com/skaldlogs/skald/pkg/storage"
	"github.com/skaldlogs/skald/pkg/storage/catalog"
	"github.com/skaldlogs/skald/pkg/storage/segment"
)

// A Store takes the segments that an ingester makes of its generations.
type Store interface {
	// Put writes a segment and makes it visible.
	Put(ctx context.Context, n storage.NewSegment, build func(*segment.Writer) error) (*catalog.Entry, error)
	// Catalog is what the store knows of all segments.
	Catalog() *catalog.Catalog
}

// flushHead hands one tenant's part of a generation to the store: every buffer
// is sealed, and all blocks go into one segment.
func (f *flusher) flushHead(ctx context.Context, h *head) error {
	i := f.ing
	if err := i.sealers.sealAll(h); err != nil {
		return err
	}
	chunks := 0
	_, err := i.store.Put(ctx, storage.NewSegment{
		Tenant:  h.tenant.id,
		Sources: []scan.Generation{i.self(h.gen)},
		Labels:  h.labelsOf,
	}, func(w *segment.Writer) error {
		h.mu.RLock()
		groups := maps.Clone(h.groups)
		h.mu.RUnlock()
		for _, key := range slices.Sorted(maps.Keys(groups)) {
			n, err := groups[key].write(w, key)
			if err != nil {
				return err
			}
			chunks += n
		}
		return nil
	})
	if errors.Is(err, catalog.ErrHas) {
		// An earlier try failed after its entry was in the bucket. The generation
		// was frozen before it, so the entry has all of the tenant's rows.
		return nil
	}
	if err != nil {
		return err
	}
	i.metrics.chunksFlushed.WithLabelValues(h.gen.reason).Add(float64(chunks))
	return nil
}

// labelsOf returns the labels of a stream of the head.
func (h *head) labelsOf(ref uint32) labels.Labels {
	h.mu.RLock()
	defer h.mu.RUnlock()
	return h.streams[ref].labels
}

// write adds the blocks of the group to w, and returns how many runs they have.
func (g *group) write(w *segment.Writer, key string) (runs int, err error) {
	g.mu.Lock()
	sealed := slices.Clone(g.sealed)
	g.mu.Unlock()
	for n := range sealed {
		b := &sealed[n]
		enc := b.Encoded
		if enc.Data == nil {
			if enc.Data, err = g.head.gen.spilled(b.spilled); err != nil {
				return runs, err
			}
		}
		if err := w.Add(segment.Block{
			Encoded: enc,
			Order:   scan.Order{Generation: g.head.gen.id, Place: b.place},
			Group:   key,
		}); err != nil {
			return runs, fmt.Errorf("block %d: %w", n, err)
		}
		runs += len(enc.Runs)
	}
	return runs, nil
}
