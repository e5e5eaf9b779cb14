package catalog

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"sync"
	"testing"

	"github.com/oklog/ulid/v2"

	"github.com/skaldlogs/skald/pkg/objstore"
	"github.com/skaldlogs/skald/pkg/scan"
	"github.com/skaldlogs/skald/pkg/seeds"
)

// Whatever a process does, and wherever it dies, the next one finds the rows of
// every generation exactly once, in the catalog or still in the WAL.
func TestNothingCountsTwice(t *testing.T) {
	for seed := range seeds.Few(t, 300) {
		rnd := rand.New(rand.NewPCG(seed, 3))
		w := &world{bucket: &objstore.Memory{}, wal: map[uint64]bool{}, rows: map[ulid.ULID][]uint64{}}
		for range 6 {
			if err := w.live(t.Context(), rnd); err != nil && !errors.Is(err, errDead) {
				t.Fatalf("seed %d: %v", seed, err)
			}
		}
		if err := w.check(t.Context(), Owner); err != nil {
			t.Fatalf("seed %d: %v", seed, err)
		}
		if err := w.check(t.Context(), Follower); err != nil {
			t.Fatalf("seed %d: as a follower: %v", seed, err)
		}
	}
}

// A world is a bucket, the WAL beside it, and what is known to be in segments.
type world struct {
	bucket *objstore.Memory
	wal    map[uint64]bool // generations
	next   uint64
	ids    int
	rows   map[ulid.ULID][]uint64 // generations whose rows are in a segment
}

const worldTenant = "t"

// live is the life of one process: it flushes, merges and removes until it dies.
func (w *world) live(ctx context.Context, rnd *rand.Rand) error {
	c, err := Open(ctx, &dyingBucket{Bucket: w.bucket, left: rnd.IntN(40)}, Options{})
	if err != nil {
		return err
	}
	// The WAL of what is in the catalog is not replayed; where it is gone, the
	// entry is released.
	for g := range w.wal {
		if c.Has(worldTenant, scan.Generation{Ingester: "i", ID: g}) {
			delete(w.wal, g)
		}
	}
	if err := w.release(ctx, c); err != nil {
		return err
	}
	if err := w.check(ctx, Owner); err != nil {
		return err
	}
	for range 30 {
		live := c.Snapshot(worldTenant).Entries
		switch rnd.IntN(6) {
		case 0, 1:
			w.next++
			w.wal[w.next] = true
		case 2:
			for g := range w.wal {
				if err := w.add(ctx, c, 0, []uint64{g}, nil); err != nil {
					return err
				}
				delete(w.wal, g)
				break
			}
		case 3:
			if err := w.release(ctx, c); err != nil {
				return err
			}
		case 4:
			var rows []uint64
			var replaces []ulid.ULID
			for _, e := range live {
				if e.Level == 0 && !e.Released || rnd.IntN(2) == 0 {
					continue
				}
				rows = append(rows, w.rows[e.ID]...)
				replaces = append(replaces, e.ID)
			}
			if len(replaces) > 0 {
				if err := w.add(ctx, c, 1, rows, replaces); err != nil {
					return err
				}
			}
		case 5:
			for _, e := range c.Dead(worldTenant) {
				if rnd.IntN(4) == 0 {
					break
				}
				if err := c.Remove(ctx, worldTenant, e.ID); err != nil {
					return err
				}
			}
		}
		if err := w.count(c); err != nil {
			return fmt.Errorf("in the process itself: %w", err)
		}
	}
	return nil
}

func (w *world) add(ctx context.Context, c *Catalog, level int, rows []uint64, replaces []ulid.ULID) error {
	w.ids++
	var id ulid.ULID
	id[0], id[14], id[15] = 1, byte(w.ids>>8), byte(w.ids)
	w.rows[id] = rows
	e := testEntry(worldTenant, 1, level)
	e.ID, e.Replaces = id, replaces
	if level == 0 {
		e.Sources = []scan.Generation{{Ingester: "i", ID: rows[0]}}
	}
	return c.Add(ctx, e)
}

func (w *world) release(ctx context.Context, c *Catalog) error {
	for _, e := range c.Unreleased("i") {
		if err := c.Release(ctx, worldTenant, e.ID); err != nil {
			return err
		}
	}
	return nil
}

// check opens the bucket as the next process would and counts.
func (w *world) check(ctx context.Context, mode Mode) error {
	c, err := Open(ctx, w.bucket, Options{Mode: mode})
	if err != nil {
		return err
	}
	if err := c.RefreshAll(ctx); err != nil {
		return err
	}
	return w.count(c)
}

func (w *world) count(c *Catalog) error {
	var got []uint64
	for _, e := range c.Snapshot(worldTenant).Entries {
		got = append(got, w.rows[e.ID]...)
	}
	for g := range w.wal {
		if !c.Has(worldTenant, scan.Generation{Ingester: "i", ID: g}) {
			got = append(got, g)
		}
	}
	slices.Sort(got)
	for i, g := range got {
		if g != uint64(i+1) {
			return fmt.Errorf("generations %v, want each from 1 to %d once", got, w.next)
		}
	}
	if len(got) != int(w.next) {
		return fmt.Errorf("generations %v, want each from 1 to %d once", got, w.next)
	}
	return nil
}

// A store that cannot be reached is no empty catalog.
func TestOpenFailsWithTheStore(t *testing.T) {
	bucket := &objstore.Memory{}
	c, err := Open(t.Context(), bucket, Options{})
	if err != nil {
		t.Fatal(err)
	}
	if err := c.Add(t.Context(), testEntry("t", 1, 1)); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := Open(ctx, bucket, Options{}); !errors.Is(err, context.Canceled) {
		t.Errorf("Open without a store: %v", err)
	}
	f, err := Open(t.Context(), bucket, Options{Mode: Follower})
	if err != nil {
		t.Fatal(err)
	}
	if err := c.Add(t.Context(), testEntry("t", 2, 1)); err != nil {
		t.Fatal(err)
	}
	if err := f.Refresh(ctx, "t"); !errors.Is(err, context.Canceled) || len(f.Snapshot("t").Entries) != 1 {
		t.Errorf("Refresh without a store: %v, %d entries, want 1", err, len(f.Snapshot("t").Entries))
	}
	if err := f.Refresh(t.Context(), "t"); err != nil || len(f.Snapshot("t").Entries) != 2 {
		t.Errorf("Refresh with the store back: %v, %d entries, want 2", err, len(f.Snapshot("t").Entries))
	}
}

// A refresh that runs beside changes never forgets what was there before it began.
func TestRefreshBesideChanges(t *testing.T) {
	ctx := t.Context()
	bucket := &objstore.Memory{}
	f, err := Open(ctx, bucket, Options{Mode: Follower})
	if err != nil {
		t.Fatal(err)
	}
	other, err := Open(ctx, bucket, Options{Mode: Follower})
	if err != nil {
		t.Fatal(err)
	}
	var wg sync.WaitGroup
	for writer, c := range []*Catalog{f, other} {
		for n := range 20 {
			wg.Go(func() {
				e := testEntry("t", 1+n+100*writer, 1)
				if err := c.Add(ctx, e); err != nil {
					t.Error(err)
				}
				if err := f.Refresh(ctx, "t"); err != nil {
					t.Error(err)
				}
				if _, ok := f.tenant("t").live(e.ID); !ok {
					t.Errorf("after Add and Refresh, %s is not there", e.ID)
				}
			})
		}
	}
	wg.Wait()
	if got := len(f.Snapshot("t").Entries); got != 40 {
		t.Errorf("%d entries, want 40", got)
	}
}
