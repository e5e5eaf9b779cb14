package storage_test

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/skaldlogs/skald/pkg/objstore"
	"github.com/skaldlogs/skald/pkg/storage"
	"github.com/skaldlogs/skald/pkg/storage/catalog"
)

// merge puts one segment in place of others, as a compactor does.
func merge(t testing.TB, s *storage.Store, tenant string, rows []row, replaced ...*catalog.Entry) *catalog.Entry {
	t.Helper()
	n := newSegment(tenant, 0)
	n.Level, n.Sources = 1, nil
	for _, e := range replaced {
		n.Replaces = append(n.Replaces, e.ID)
	}
	e, err := s.Put(t.Context(), n, adding(0, rows, 100))
	if err != nil {
		t.Fatal(err)
	}
	return e
}

func release(t testing.TB, s *storage.Store, entries ...*catalog.Entry) {
	t.Helper()
	for _, e := range entries {
		if err := s.Catalog().Release(t.Context(), e.Tenant, e.ID); err != nil {
			t.Fatal(err)
		}
	}
}

// objects are the objects of segments in the bucket.
func objects(t testing.TB, b objstore.Bucket) (names []string) {
	t.Helper()
	if err := b.List(t.Context(), "segments/", func(i objstore.Info) error {
		names = append(names, i.Name)
		return nil
	}); err != nil {
		t.Fatal(err)
	}
	return names
}

const (
	deadFor    = time.Hour
	droppedFor = 2 * time.Hour
	orphanFor  = 24 * time.Hour
)

var ages = storage.Ages{Replaced: deadFor, Dropped: droppedFor, Orphaned: orphanFor}

func sweep(t testing.TB, s *storage.Store) {
	t.Helper()
	if err := s.Sweep(t.Context(), ages); err != nil {
		t.Fatal(err)
	}
}

func TestSweepDead(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		rnd := rand.New(rand.NewPCG(1, 14))
		bucket := &objstore.Memory{}
		s := open(t, bucket, storage.Options{})
		a, b := someRows(rnd, 50, 0), someRows(rnd, 50, 0)
		one, two := put(t, s, "t", 1, a), put(t, s, "t", 2, b)
		release(t, s, one, two)
		old, err := s.Open(t.Context(), everything("t"), nil)
		if err != nil {
			t.Fatal(err)
		}
		both := slices.Concat(a, b)
		merged := merge(t, s, "t", both, one, two)
		wantAnswer(t, s, everything("t"), nil, both)

		sweep(t, s)
		if got := objects(t, bucket); len(got) != 3 {
			t.Errorf("at once: %v, want all three", got)
		}
		time.Sleep(deadFor + time.Second)
		sweep(t, s)
		if got := objects(t, bucket); len(got) != 3 {
			t.Errorf("while a snapshot is open: %v, want all three", got)
		}
		if rows, errs := answer(t, old); len(errs) > 0 || rendered(rows) != rendered(both) {
			t.Errorf("the snapshot: %d rows, %v", len(rows), errs)
		}
		for range 2 { // closing again does nothing
			if err := old.Close(); err != nil {
				t.Error(err)
			}
		}
		sweep(t, s)
		if got := objects(t, bucket); !slices.Equal(got, []string{merged.Object}) {
			t.Errorf("after it was closed: %v, want %s", got, merged.Object)
		}
		wantAnswer(t, s, everything("t"), nil, both)
		wantAnswer(t, open(t, bucket, storage.Options{}), everything("t"), nil, both)
	})
}

func TestSweepOrphans(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		rnd := rand.New(rand.NewPCG(1, 15))
		bucket := &objstore.Memory{}
		crash := errors.New("crash")
		dying := open(t, bucket, storage.Options{Fault: func(at storage.Step) error {
			if at == storage.SegmentWritten {
				return crash
			}
			return nil
		}})
		rows := someRows(rnd, 50, 0)
		if _, err := dying.Put(t.Context(), newSegment("t", 1), adding(1, rows, 100)); !errors.Is(err, crash) {
			t.Fatal(err)
		}
		s := open(t, bucket, storage.Options{})
		whole := put(t, s, "t", 1, rows)
		damaged := put(t, s, "t", 2, rows)
		change(t, bucket, "catalog/t/"+damaged.ID.String()+".entry", flip(20))
		foreign := "segments/t/notes"
		if err := bucket.PutIfAbsent(t.Context(), foreign, nil); err != nil {
			t.Fatal(err)
		}

		s = open(t, bucket, storage.Options{})
		time.Sleep(orphanFor - time.Second)
		sweep(t, s)
		if got := objects(t, bucket); len(got) != 4 {
			t.Errorf("before a day is over: %v, want all four", got)
		}
		time.Sleep(2 * time.Second)
		sweep(t, s)
		want := []string{whole.Object, damaged.Object, foreign}
		slices.Sort(want)
		if got := objects(t, bucket); !slices.Equal(got, want) {
			t.Errorf("after a day: %v, want %v", got, want)
		}
		if err := s.Sweep(t.Context(), ages); err != nil {
			t.Error(err)
		}
	})
}

// Queries that run beside flushes, merges and sweeps count every row that was
// put before they began exactly once.
func TestQueriesBesideChanges(t *testing.T) {
	const tenants, flushes = 2, 16
	s := open(t, &objstore.Memory{}, storage.Options{IndexCacheBytes: 64 << 10})
	var writing, reading sync.WaitGroup
	done := make(chan struct{})
	for n := range tenants {
		tenant := fmt.Sprint("t", n)
		var mu sync.Mutex
		var all []row // put, in order
		writing.Go(func() {
			rnd := rand.New(rand.NewPCG(uint64(n), 16))
			for generation := range uint64(flushes) {
				rows := someRows(rnd, 30, 0)
				e := put(t, s, tenant, generation, rows)
				mu.Lock()
				all = append(all, rows...)
				merged := slices.Clone(all)
				mu.Unlock()
				release(t, s, e)
				if generation%4 == 3 {
					merge(t, s, tenant, merged, s.Catalog().Snapshot(tenant).Entries...)
					// Nothing is too young to go: only open snapshots protect it.
					if err := s.Sweep(t.Context(), storage.Ages{Replaced: -time.Minute, Orphaned: orphanFor}); err != nil {
						t.Error(err)
					}
				}
			}
		})
		for range 2 {
			reading.Go(func() {
				for {
					select {
					case <-done:
						return
					default:
					}
					mu.Lock()
					before := len(all)
					mu.Unlock()
					snap, err := s.Open(t.Context(), everything(tenant), nil)
					if err != nil {
						t.Error(err)
						return
					}
					rows, errs := answer(t, snap)
					if w := snap.Directory().Warnings; len(errs) > 0 || len(w) > 0 {
						t.Errorf("reads %v, warnings %v", errs, w)
					}
					if err := snap.Close(); err != nil {
						t.Error(err)
					}
					mu.Lock()
					after := slices.Clone(all)
					mu.Unlock()
					texts := strings.Split(rendered(rows), "\n")
					if distinct := slices.Compact(slices.Clone(texts)); len(distinct) != len(rows) && len(rows) > 0 {
						t.Errorf("%d rows, %d distinct", len(rows), len(distinct))
					}
					// The last flush may have been seen before it was noted.
					if len(rows) < before || len(rows) > len(after)+30 {
						t.Errorf("%d rows, want %d to %d", len(rows), before, len(after)+30)
					}
				}
			})
		}
	}
	writing.Wait()
	close(done)
	reading.Wait()
	for n := range tenants {
		tenant := fmt.Sprint("t", n)
		snap := s.Catalog().Snapshot(tenant)
		total := int64(0)
		for _, e := range snap.Entries {
			total += e.Stats.Rows
		}
		if total != 30*flushes {
			t.Errorf("%s has %d rows, want %d", tenant, total, 30*flushes)
		}
	}
}
