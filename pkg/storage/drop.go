package storage

import (
	"context"
	"crypto/rand"
	"fmt"
	"time"

	"github.com/oklog/ulid/v2"

	"github.com/skaldlogs/skald/pkg/model"
	"github.com/skaldlogs/skald/pkg/scan"
	"github.com/skaldlogs/skald/pkg/storage/catalog"
)

// Drop makes live segments of a tenant dead, all at once, without putting
// anything in their place. Those of level 0 must have been released.
//
// When Drop returns nil they are in no snapshot opened from now on. Their objects
// are swept later, when [Ages.Dropped] is over. When it fails all of them are
// there still. The entry that is returned says how much went.
func (s *Store) Drop(ctx context.Context, tenant string, ids []ulid.ULID) (*catalog.Entry, error) {
	e, err := s.drop(ctx, tenant, ids)
	if err != nil {
		return nil, fmt.Errorf("drop %d segments of tenant %s: %w", len(ids), tenant, err)
	}
	return e, nil
}

func (s *Store) drop(ctx context.Context, tenant string, ids []ulid.ULID) (*catalog.Entry, error) {
	id, err := ulid.New(ulid.Now(), rand.Reader)
	if err != nil {
		return nil, err
	}
	e := catalog.Entry{ID: id, Tenant: tenant, Level: 1, Interval: model.Nothing, Replaces: ids, Created: time.Now().UTC()}
	dropped, err := s.live(tenant, ids)
	if err != nil {
		return nil, err
	}
	for _, d := range dropped {
		e.Level = max(e.Level, d.Level)
		e.Interval = e.Interval.Union(d.Interval)
		e.Stats.Streams += d.Stats.Streams
		e.Stats.Blocks += d.Stats.Blocks
		e.Stats.Rows += d.Stats.Rows
		e.Stats.Bytes += d.Stats.Bytes
		e.Stats.MetadataBytes += d.Stats.MetadataBytes
	}
	e.Sources = LastSources(dropped)
	if err := s.catalog.Add(ctx, e); err != nil {
		return nil, err
	}
	return &e, s.fault(EntryWritten)
}

// live returns the live entries with these ids.
func (s *Store) live(tenant string, ids []ulid.ULID) ([]*catalog.Entry, error) {
	byID := map[ulid.ULID]*catalog.Entry{}
	for _, e := range s.catalog.Snapshot(tenant).Entries {
		byID[e.ID] = e
	}
	out := make([]*catalog.Entry, len(ids))
	for i, id := range ids {
		if out[i] = byID[id]; out[i] == nil {
			return nil, fmt.Errorf("segment %s: %w", id, catalog.ErrNotLive)
		}
	}
	return out, nil
}

// LastSources returns the highest generation of each ingester that the entries
// name, in the order in which the ingesters occur: the sources of what replaces
// them.
func LastSources(entries []*catalog.Entry) []scan.Generation {
	var last []scan.Generation
	at := map[string]int{}
	for _, e := range entries {
		for _, g := range e.Sources {
			n, ok := at[g.Ingester]
			if !ok {
				n = len(last)
				at[g.Ingester] = n
				last = append(last, g)
			}
			last[n].ID = max(last[n].ID, g.ID)
		}
	}
	return last
}
