package main_test

import (
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/go-kit/log"

	"github.com/skaldlogs/skald/pkg/deletes"
	"github.com/skaldlogs/skald/pkg/model"
	"github.com/skaldlogs/skald/pkg/objstore"
	"github.com/skaldlogs/skald/pkg/objstore/backend"
	"github.com/skaldlogs/skald/pkg/objstore/s3test"
	"github.com/skaldlogs/skald/pkg/parts"
	"github.com/skaldlogs/skald/pkg/skald"
	"github.com/skaldlogs/skald/pkg/storage/catalog"
)

// bucketOf opens the bucket of a server and its catalog, to read.
func bucketOf(t *testing.T, server *s3test.Server) (objstore.Bucket, *catalog.Catalog) {
	t.Helper()
	loaded, err := skald.Load(server.Args(), os.Getenv)
	if err != nil {
		t.Fatal(err)
	}
	choice, err := backend.Choose(&loaded.Config.Storage.Config, loaded.Config.Schema)
	if err != nil {
		t.Fatal(err)
	}
	bucket, closer, err := choice.Open(backend.Options{Logger: log.NewNopLogger()})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { closer.Close() })
	c, err := catalog.Open(t.Context(), bucket, catalog.Options{Mode: catalog.Follower})
	if err != nil {
		t.Fatal(err)
	}
	return bucket, c
}

// verifyReceipts checks the receipts in a bucket, of which there are as many.
func verifyReceipts(t *testing.T, server *s3test.Server, tenant string, want int) {
	t.Helper()
	bucket, c := bucketOf(t, server)
	ctx := t.Context()
	ids, err := deletes.Receipts(ctx, bucket, tenant)
	if err != nil || len(ids) != want {
		t.Errorf("%d receipts, want %d; %v", len(ids), want, err)
	}
	for _, id := range ids {
		r, err := deletes.ReadReceipt(ctx, bucket, tenant, id)
		if err != nil {
			t.Fatal(err)
		}
		if r.Removed() == 0 {
			t.Errorf("the receipt of %s has no removed entries", r.Request.Query)
		}
		findings, err := deletes.Verify(ctx, bucket, c, r)
		if err != nil {
			t.Fatal(err)
		}
		for _, f := range findings {
			if f.Wrong {
				t.Errorf("receipt of %s: %s", r.Request.Query, f.Text)
			}
		}
	}
}

// has compares the lines that a process answers with those that are there.
func (s *server) has(when string, start time.Time, want []string) {
	s.tb.Helper()
	var got []string
	for _, e := range s.read(`{app=~"app-.*"}`, start.UnixNano(), start.Add(time.Minute).UnixNano()) {
		got = append(got, e.Line)
	}
	slices.Sort(got)
	want = slices.Sorted(slices.Values(want))
	if !slices.Equal(got, want) {
		s.tb.Errorf("%s: the lines are %q, want %q", when, got, want)
	}
}

// TestS3DeletesApart: a request that the compactor accepts holds at once for what
// other processes have in memory and in the bucket they share, and not for what
// comes later; it is applied, and its receipt can be verified.
func TestS3DeletesApart(t *testing.T) {
	bucket := s3test.Start(t)
	first := parts.Addr(t)
	gossip := []string{first, parts.Addr(t), parts.Addr(t)}
	var all []*server
	for i, target := range []string{"write", "read", "compactor"} {
		s := member(t, target, gossip[i], first, target, 1)
		s.args = append(append(s.args, bucket.Args()...), "-compactor.retention-enabled=true", "-compactor.delete-request-cancel-period=1h")
		s.start()
		all = append(all, s)
	}
	write, read, compact := all[0], all[1], all[2]
	for _, s := range all {
		s.awaitRing(1)
	}

	start := time.Now().Add(-time.Second)
	p := pusher{start: start}
	p.push(write, 15)
	write.flush()
	p.push(write, 15)
	var want []string
	for n := range p.pushed {
		want = append(want, fmt.Sprint("line ", n))
	}
	read.has("before", start, want)
	compact.must("", "POST", "/loki/api/v1/delete", "query", `{app=~"app-.*"} |= "line 1"`, "start", fmt.Sprint(start.Unix()-10))
	want = slices.DeleteFunc(want, func(l string) bool { return strings.HasPrefix(l, "line 1") })
	read.has("accepted", start, want)

	again := []model.Entry{{Timestamp: start.Add(10).UnixNano(), Line: "line 10"}}
	if err := write.push(t.Context(), `{app="app-3"}`, again); err != nil {
		t.Fatal(err)
	}
	want = append(want, "line 10")
	read.has("one came again", start, want)
	write.flush()
	read.has("flushed", start, want)
	compact.post("/compact")
	read.has("compacted", start, want)

	compact.Stop()
	compact.args = append(compact.args, "-compactor.delete-request-cancel-period=0s")
	compact.start()
	compact.awaitRing(1)
	compact.post("/compact")
	read.has("removed", start, want)
	if list := compact.must("", "GET", "/loki/api/v1/delete"); !strings.Contains(list, `"status":"processed"`) {
		t.Errorf("the request is %s, want it processed", list)
	}
	verifyReceipts(t, bucket, "fake", 1)
	compact.post("/compact")
	read.has("compacted again", start, want)
}

// TestS3DeletesRaceMerges: of two processes over one bucket the second accepts
// requests while the first merges. What is deleted is gone for both at once, what
// came later stays, and in the end every request has a receipt that is true.
func TestS3DeletesRaceMerges(t *testing.T) {
	bucket := s3test.Start(t)
	first := parts.Addr(t)
	var all []*server
	for i, gossip := range []string{first, parts.Addr(t)} {
		s := member(t, fmt.Sprint("all-", i), gossip, first, "all", 1)
		s.args = append(append(s.args, bucket.Args()...), "-compactor.retention-enabled=true", "-compactor.delete-request-cancel-period=0s",
			"-compactor.compaction-interval=1h")
		s.start()
		all = append(all, s)
	}
	for _, s := range all {
		s.awaitRing(2)
	}
	start := time.Now().Add(-time.Second)
	ts := start.UnixNano()
	push := func(s *server, line string) {
		t.Helper()
		ts++
		// Another stream each: half of them lie on the other process.
		if err := s.push(t.Context(), fmt.Sprintf(`{app="app-%d"}`, ts), []model.Entry{{Timestamp: ts, Line: line}}); err != nil {
			t.Fatal(err)
		}
	}
	var want []string
	const rounds = 3
	for round := range rounds {
		for n := range 6 {
			push(all[n%2], fmt.Sprintf("of round %d: %d", round, n))
			if n == 2 {
				all[0].flush()
				all[1].flush()
			}
		}
		merged := make(chan string)
		go func() {
			status, text, err := all[0].request("", "POST", "/compact")
			merged <- fmt.Sprint(status, text, err)
		}()
		all[1].must("", "POST", "/loki/api/v1/delete", "query", fmt.Sprintf(`{app=~"app-.*"} |= "of round %d"`, round), "start", fmt.Sprint(start.Unix()-10))
		line := fmt.Sprintf("of round %d, later", round)
		push(all[0], line)
		want = append(want, line)
		for n, s := range all {
			s.has(fmt.Sprintf("round %d, accepted, all-%d", round, n), start, want)
		}
		if got := <-merged; got != "204<nil>" && got != "204 <nil>" {
			t.Fatalf("POST /compact: %s", got)
		}
		for n, s := range all {
			s.has(fmt.Sprintf("round %d, merged, all-%d", round, n), start, want)
		}
	}
	for range 2 {
		for _, s := range all {
			s.flush()
		}
		all[0].post("/compact")
	}
	for n, s := range all {
		s.has(fmt.Sprintf("in the end, all-%d", n), start, want)
		if list := s.must("", "GET", "/loki/api/v1/delete"); strings.Count(list, `"processed"`) != rounds {
			t.Errorf("all-%d has %s, want %d processed", n, list, rounds)
		}
	}
	verifyReceipts(t, bucket, "fake", rounds)
}
