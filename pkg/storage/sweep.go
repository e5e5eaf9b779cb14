package storage

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/go-kit/log/level"
	"github.com/oklog/ulid/v2"

	"github.com/skaldlogs/skald/pkg/objstore"
)

// Ages says how old must be what [Store.Sweep] deletes.
type Ages struct {
	// Replaced is for segments whose rows are in another one: longer than any
	// query runs that may have opened them in another process.
	Replaced time.Duration
	// Dropped is the same for segments that a tombstone took away.
	Dropped time.Duration
	// Orphaned is for objects without an entry, counted from when they were begun:
	// longer than any put takes.
	Orphaned time.Duration
}

// Sweep deletes what no query can ask for any more: segments that were dead for
// long enough, and objects without an entry. Segments that a snapshot of this
// process uses are left for another time, so that where no other process reads
// the bucket the dead may go at once. One process at a time sweeps a bucket.
//
// An error leaves the rest for the next sweep; sweeping one tenant does not
// depend on the others.
func (s *Store) Sweep(ctx context.Context, ages Ages) error {
	s.sweeping.Lock()
	defer s.sweeping.Unlock()
	if err := s.catalog.RefreshAll(ctx); err != nil {
		return fmt.Errorf("sweep: %w", err)
	}
	var errs []error
	for _, tenant := range s.catalog.Tenants() {
		if err := s.sweepDead(ctx, tenant, ages); err != nil {
			errs = append(errs, fmt.Errorf("sweep tenant %s: %w", tenant, err))
		}
	}
	if err := s.sweepOrphans(ctx, time.Now().Add(-ages.Orphaned)); err != nil {
		errs = append(errs, fmt.Errorf("sweep: %w", err))
	}
	return errors.Join(errs...)
}

// sweepDead removes the segments that were dead for long enough: entry first, so
// that no entry ever points at nothing.
func (s *Store) sweepDead(ctx context.Context, tenant string, ages Ages) error {
	now := time.Now()
	dead := s.catalog.Dead(tenant)
	dueAt := map[ulid.ULID]time.Time{}
	for _, e := range slices.Concat(s.catalog.Snapshot(tenant).Entries, dead) {
		due := e.Created.Add(ages.Replaced)
		if e.Tombstone() {
			due = e.Created.Add(ages.Dropped)
		}
		for _, id := range e.Replaces {
			if other, ok := dueAt[id]; !ok || due.Before(other) {
				dueAt[id] = due
			}
		}
	}
	kept := map[ulid.ULID]struct{}{}
	isKept := func(id ulid.ULID) bool {
		_, ok := kept[id]
		return ok
	}
	for _, e := range dead {
		// What replaces something that stays must stay too.
		if dueAt[e.ID].After(now) || s.isPinned(e.ID) || slices.ContainsFunc(e.Replaces, isKept) {
			kept[e.ID] = struct{}{}
			continue
		}
		if err := s.catalog.Remove(ctx, tenant, e.ID); err != nil {
			return err
		}
		if e.Tombstone() {
			continue
		}
		s.readers.drop(e.ID)
		if err := s.fault(EntryRemoved); err != nil {
			return err
		}
		if s.isPinned(e.ID) {
			continue // since the last look; it is an orphan from now on
		}
		if err := s.bucket.Delete(ctx, e.Object); err != nil {
			return err
		}
		s.metrics.swept.WithLabelValues("dead").Inc()
		if err := s.fault(ObjectDeleted); err != nil {
			return err
		}
	}
	return nil
}

// sweepOrphans deletes objects of segments that have no entry.
func (s *Store) sweepOrphans(ctx context.Context, before time.Time) error {
	type orphan struct {
		tenant, object string
		id             ulid.ULID
	}
	var old []orphan
	err := s.bucket.List(ctx, segmentsRoot, func(i objstore.Info) error {
		folder, name, _ := strings.Cut(strings.TrimPrefix(i.Name, segmentsRoot), "/")
		tenant, err := objstore.DecodeTenant(folder)
		id, idErr := ulid.ParseStrict(name)
		if err == nil && idErr == nil && id.Timestamp().Before(before) && ObjectName(tenant, id) == i.Name {
			old = append(old, orphan{tenant, i.Name, id})
		}
		return nil
	})
	if err != nil {
		return err
	}
	for _, o := range old {
		if s.isPinned(o.id) {
			continue
		}
		switch entered, err := s.catalog.Entered(ctx, o.tenant, o.id); {
		case err != nil:
			return err
		case entered:
			continue
		}
		if err := s.bucket.Delete(ctx, o.object); err != nil {
			return err
		}
		s.metrics.swept.WithLabelValues("orphan").Inc()
		level.Info(s.logger).Log("msg", "deleted a segment without an entry", "tenant", o.tenant, "segment", o.id)
	}
	return nil
}
