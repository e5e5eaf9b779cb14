package compactor

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/go-kit/log"
	"github.com/oklog/ulid/v2"
	"github.com/prometheus/client_golang/prometheus"

	"github.com/skaldlogs/skald/pkg/deletes"
	"github.com/skaldlogs/skald/pkg/limits"
	"github.com/skaldlogs/skald/pkg/model"
	"github.com/skaldlogs/skald/pkg/storage"
	"github.com/skaldlogs/skald/pkg/storage/catalog"
)

// another starts one more process over the bucket of m, which takes the bucket for
// its own to compact.
func (m *machine) another(name string) (*Compactor, *catalog.Catalog) {
	m.t.Helper()
	c, err := catalog.Open(m.t.Context(), m.bucket, catalog.Options{Mode: catalog.Follower, Name: name})
	if err != nil {
		m.t.Fatal(err)
	}
	compactor := New(m.cfg, Options{
		Store: storage.New(m.bucket, c, storage.Options{Compile: deletes.Compile}), Ingesters: m, Limits: m, Defaults: &m.limits,
		Logger: log.NewNopLogger(), Registerer: prometheus.NewRegistry(),
		Ages: storage.Ages{Replaced: time.Hour, Dropped: time.Hour},
	})
	compactor.now = func() time.Time { return m.clock }
	return compactor, c
}

// Three processes merge, apply retention and a delete request at the same time,
// each sure that it is the only one. No segment is replaced by two, and the receipt
// of the request adds up.
func TestNeverTwoOwners(t *testing.T) {
	const seed = 21
	rnd := rand.New(rand.NewPCG(seed, 1))
	for round := range 8 {
		m := newMachine(t)
		m.cfg.RetentionEnabled = true
		m.limits.RetentionPeriod = limits.Duration(24 * time.Hour)
		var kept []row
		for n := range 40 {
			start := epoch.Add(time.Duration(n) * 50 * time.Minute)
			rows := someRows(rnd, 30, start, time.Hour)
			m.flush("t", "i", rows, 15)
			kept = append(kept, rows...)
		}
		m.release()
		m.clock = epoch.Add(36 * time.Hour)
		id := m.deleteRows("t", `{app="app-1"}`, model.Ever)
		kept = slices.DeleteFunc(kept, func(r row) bool {
			return r.labels.Get("app") == "app-1" || r.ts < m.clock.Add(-24*time.Hour).UnixNano()
		})

		var wg sync.WaitGroup
		var last *catalog.Catalog
		for n := range 3 {
			c, view := m.another(fmt.Sprint("process-", n))
			last = view
			wg.Go(func() {
				for range 20 {
					err := c.Compact(t.Context())
					if err == nil {
						return
					}
					if !errors.Is(err, catalog.ErrClaimed) {
						t.Errorf("seed %d, round %d: %v", seed, round, err)
						return
					}
				}
			})
		}
		wg.Wait()
		if err := last.Refresh(t.Context(), "t"); err != nil {
			t.Fatal(err)
		}
		replacedBy := map[ulid.ULID]*catalog.Entry{}
		for _, e := range slices.Concat(last.Snapshot("t").Entries, last.Dead("t")) {
			for _, id := range e.Replaces {
				other := replacedBy[id]
				// What replaces a segment lists what that one replaced, too.
				if other != nil && !slices.Contains(e.Replaces, other.ID) && !slices.Contains(other.Replaces, e.ID) {
					t.Errorf("seed %d, round %d: segment %s is replaced by %s and by %s", seed, round, id, other.ID, e.ID)
				}
				replacedBy[id] = e
			}
		}
		m.on()
		if err := m.compactor.Compact(t.Context()); err != nil {
			t.Fatal(err)
		}
		m.want("t", kept)
		receipt, err := deletes.ReadReceipt(t.Context(), m.bucket, "t", id)
		if err != nil {
			t.Fatalf("seed %d, round %d: %v", seed, round, err)
		}
		findings, err := deletes.Verify(t.Context(), m.bucket, m.store.Catalog(), receipt)
		if err != nil {
			t.Fatal(err)
		}
		for _, f := range findings {
			if f.Wrong {
				t.Errorf("seed %d, round %d: receipt: %s", seed, round, f.Text)
			}
		}
	}
}
