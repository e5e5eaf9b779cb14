package main_test

import (
	"net/http"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/oklog/ulid/v2"

	"github.com/skaldlogs/skald/pkg/objstore/s3test"
	"github.com/skaldlogs/skald/pkg/parts"
	"github.com/skaldlogs/skald/pkg/storage/catalog"
)

// TestS3TwoCompactors: two compactors of which each is sure to be the only one
// compact the same segments at the same time, one of them is killed and comes back.
// Nothing is replaced by both, what one of them leaves to the other is a conflict to whoever
// asked, and all is merged in the end.
func TestS3TwoCompactors(t *testing.T) {
	bucket := s3test.Start(t)
	first := parts.Addr(t)
	start := func(name, gossip, target string) *server {
		s := member(t, name, gossip, first, target, 1)
		s.args = append(append(s.args, bucket.Args()...), "-compactor.compaction-interval=1h")
		s.start()
		return s
	}
	write := start("ingester", first, "write,read")
	write.awaitRing(1)
	compactors := []*server{start("compactor-0", parts.Addr(t), "compactor"), start("compactor-1", parts.Addr(t), "compactor")}

	p := pusher{start: time.Now()}
	for round := range 3 {
		for range 4 {
			p.push(write, 5)
			write.flush()
		}
		var wg sync.WaitGroup
		for _, c := range compactors {
			wg.Go(func() {
				for range 100 {
					status, text, err := c.request("", "POST", "/compact")
					if status == http.StatusNoContent {
						return
					}
					if status != http.StatusConflict {
						t.Errorf("POST /compact: %d %s %v", status, text, err)
						return
					}
				}
			})
		}
		wg.Wait()
		p.check(write)
		if round == 1 {
			compactors[0].Kill()
			compactors[0].start()
		}
	}
	entries := entriesOf(t, bucket)
	replacedBy := map[ulid.ULID]*catalog.Entry{}
	for _, e := range entries {
		for _, id := range e.Replaces {
			other := replacedBy[id]
			// What replaces a segment lists what that one replaced, too.
			if other != nil && !slices.Contains(e.Replaces, other.ID) && !slices.Contains(other.Replaces, e.ID) {
				t.Errorf("segment %s is replaced by %s and by %s", id, other.ID, e.ID)
			}
			replacedBy[id] = e
		}
	}
	live := 0
	for _, e := range entries {
		if replacedBy[e.ID] == nil {
			live++
		}
	}
	if live != 1 || len(replacedBy) < 12 {
		t.Errorf("%d segments are live and %d were merged, want 1 and at least 12", live, len(replacedBy))
	}
}

// entriesOf are all entries of the catalog in a bucket, for the tenant of those without one.
func entriesOf(t *testing.T, server *s3test.Server) []*catalog.Entry {
	t.Helper()
	_, c := bucketOf(t, server)
	var all []*catalog.Entry
	for _, tenant := range c.Tenants() {
		all = append(append(all, c.Snapshot(tenant).Entries...), c.Dead(tenant)...)
	}
	if len(all) == 0 {
		t.Fatal("nothing is in the catalog")
	}
	return all
}
