package querier

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/grafana/dskit/ring"
	"github.com/prometheus/prometheus/model/labels"

	"github.com/skaldlogs/skald/pkg/logql/pipeline"
	"github.com/skaldlogs/skald/pkg/logql/syntax"
	"github.com/skaldlogs/skald/pkg/model"
	"github.com/skaldlogs/skald/pkg/scan"
)

// A followed is an ingester whose tails a test feeds.
type followed struct {
	*part
	batches chan *scan.TailBatch
	onTail  func()
	closed  chan struct{}
}

func (f *followed) Tail(context.Context, string, []*labels.Matcher) (scan.Tail, error) {
	if f.onTail != nil {
		f.onTail()
	}
	return f, nil
}

func (f *followed) Next(ctx context.Context) (*scan.TailBatch, error) {
	select {
	case b := <-f.batches:
		if b == nil {
			return nil, errors.New("the ingester is gone")
		}
		return b, nil
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

func (f *followed) Close() error {
	f.closed <- struct{}{}
	return nil
}

// following is a fixture whose ingesters can be tailed.
type following struct {
	*fixture
	tails []*followed
}

func newFollowing(ingesters int) (*following, *Querier) {
	f := &following{fixture: newFixture(ingesters)}
	for _, p := range f.ingesters {
		f.tails = append(f.tails, &followed{part: p, batches: make(chan *scan.TailBatch, 10), closed: make(chan struct{}, 10)})
	}
	q := f.querier()
	q.ingesters = f
	return f, q
}

func (f *following) Source(i ring.InstanceDesc) (Source, error) { return f.tails[i.Addr[0]-'0'], nil }

func tailBatch(ls labels.Labels, entries ...model.Entry) *scan.TailBatch {
	return &scan.TailBatch{Streams: []scan.TailStream{{Labels: ls, Hash: labels.StableHash(ls), Entries: entries}}}
}

func tailRequest(t *testing.T, query string) *TailRequest {
	t.Helper()
	sel, err := syntax.ParseLogSelector(query)
	if err != nil {
		t.Fatal(err)
	}
	return &TailRequest{Query: sel, Limit: 10}
}

// nextLines reads n entries.
func nextLines(t *testing.T, tail *Tail, n int) (out []string) {
	t.Helper()
	for len(out) < n {
		b, err := tail.Next(t.Context(), 2)
		if err != nil {
			t.Fatal(err)
		}
		for _, e := range b.Entries {
			out = append(out, fmt.Sprintf("%d %s", e.Timestamp, e.Line))
		}
	}
	return out
}

func TestTailTellsEveryEntryOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f, q := newFollowing(2)
		web := labels.FromStrings("app", "web")
		f.store.rows["t"] = []row{{web, 1, "keep old"}, {web, 2, "keep older than the limit allows"}, {web, 3, "drop"}}
		// It comes after the tail has begun and before it asks what there is.
		f.tails[1].onTail = func() {
			f.ingesters[0].rows["t"] = append(f.ingesters[0].rows["t"], row{web, 4, "keep twice"})
			f.tails[0].batches <- tailBatch(web, model.Entry{Timestamp: 4, Line: "keep twice"})
		}
		tail, err := q.Tail(t.Context(), "t", tailRequest(t, `{app="web"} |= "keep" | label_format x="1"`))
		if err != nil {
			t.Fatal(err)
		}
		// Both replicas have it; the metadata that the server made may differ.
		level := model.Metadata{{Name: "detected_level", Value: "info"}}
		f.tails[0].batches <- tailBatch(web, model.Entry{Timestamp: 6, Line: "keep new", Metadata: level}, model.Entry{Timestamp: 6, Line: "leave out"})
		f.tails[1].batches <- tailBatch(web, model.Entry{Timestamp: 6, Line: "keep new"}, model.Entry{Timestamp: 5, Line: "keep late"})

		got := nextLines(t, tail, 5)
		want := []string{"1 keep old", "2 keep older than the limit allows", "4 keep twice", "6 keep new", "5 keep late"}
		if slices.Sort(got[3:]); !slices.Equal(got, []string{want[0], want[1], want[2], want[4], want[3]}) {
			t.Errorf("got  %q\nwant %q", got, want)
		}
		tail.Close()
		for n, in := range f.tails {
			if len(in.closed) != 1 {
				t.Errorf("the tail of ingester %d was closed %d times", n, len(in.closed))
			}
		}
	})
}

func TestTailHoldsBack(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f, q := newFollowing(1)
		web := labels.FromStrings("app", "web")
		req := tailRequest(t, `{app="web"}`)
		req.Delay = 3 * time.Second
		tail, err := q.Tail(t.Context(), "t", req)
		if err != nil {
			t.Fatal(err)
		}
		defer tail.Close()
		began := time.Now()
		for _, ts := range []int64{20, 10, 30} {
			f.tails[0].batches <- tailBatch(web, model.Entry{Timestamp: ts, Line: "x"})
			time.Sleep(time.Second / 2)
		}
		f.tails[0].batches <- tailBatch(web, model.Entry{Timestamp: 15, Line: "late"})
		if got, want := nextLines(t, tail, 4), []string{"10 x", "15 late", "20 x", "30 x"}; !slices.Equal(got, want) {
			t.Errorf("got %q, want %q", got, want)
		}
		if d := time.Since(began); d != 4*time.Second {
			t.Errorf("the last entry was told after %s", d)
		}
	})
}

func TestTailFollowsAnIngesterThatComesBack(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f, q := newFollowing(1)
		tail, err := q.Tail(t.Context(), "t", tailRequest(t, `{app="web"}`))
		if err != nil {
			t.Fatal(err)
		}
		defer tail.Close()
		f.tails[0].batches <- nil
		synctest.Wait()
		f.tails[0].batches <- tailBatch(labels.FromStrings("app", "web"), model.Entry{Timestamp: 1, Line: "back"})
		if got := nextLines(t, tail, 1); got[0] != "1 back" {
			t.Errorf("got %q", got)
		}
	})
}

func TestTailNeedsAnIngesterThatCanBeFollowed(t *testing.T) {
	_, err := newFixture(1).querier().Tail(t.Context(), "t", tailRequest(t, `{app="web"}`))
	if !errors.Is(err, errNoTails) || !strings.Contains(err.Error(), "tail ingester 0") {
		t.Errorf("got %v", err)
	}
}

func TestSlowReadersOfTailsAreTold(t *testing.T) {
	q := newTailQueue(0)
	set := &pipeline.LabelSet{Stream: labels.FromStrings("app", "web")}
	for ts := range int64(maxQueuedEntries + 250) {
		q.put(TailedEntry{Timestamp: ts, Line: "x", Labels: set}, time.Now())
	}
	entries, dropped, missed := 0, 0, 0
	for {
		b, _ := q.take(time.Now(), 100)
		if len(b.Entries) == 0 && b.DroppedCount == 0 {
			break
		}
		if entries == 0 && b.Dropped[0].Timestamp != maxQueuedEntries {
			t.Errorf("the first that was dropped is %d", b.Dropped[0].Timestamp)
		}
		entries += len(b.Entries)
		dropped += len(b.Dropped)
		missed += b.DroppedCount
	}
	if entries != maxQueuedEntries || dropped != scan.MaxDropped || q.bytes != 0 || missed != 250 {
		t.Errorf("%d entries, %d told as dropped, %d bytes left", entries, dropped, q.bytes)
	}
}

func TestRecentForgetsTheOldest(t *testing.T) {
	r := newRecent()
	for key := range uint64(maxRecent + 1) {
		if !r.add(key) {
			t.Fatalf("%d is new", key)
		}
	}
	if r.add(1) || !r.add(0) || len(r.keys) != maxRecent {
		t.Errorf("%d keys are remembered, not the newest %d", len(r.keys), maxRecent)
	}
}
