package rpc_test

import (
	"context"
	"errors"
	"reflect"
	"testing"
	"time"

	"github.com/grafana/dskit/ring"
	"github.com/prometheus/prometheus/model/labels"

	"github.com/skaldlogs/skald/pkg/ingester"
	"github.com/skaldlogs/skald/pkg/model"
	"github.com/skaldlogs/skald/pkg/rpc"
	"github.com/skaldlogs/skald/pkg/scan"
)

// What an ingester takes comes to those who follow it afar as to those at home.
func TestTailTravels(t *testing.T) {
	both(t, func(t *testing.T, client func(rpc.Ingester) *rpc.Client) {
		ctx := t.Context()
		ing := newIngester(t, "a", newStore(t), settings())
		c := client(ing)
		web := []*labels.Matcher{labels.MustNewMatcher(labels.MatchRegexp, "app", "web|käse")}
		opening, opened := context.WithTimeout(ctx, time.Minute)
		far, err := c.Tail(opening, "t", web)
		opened() // the tail goes on
		if err != nil {
			t.Fatal(err)
		}
		near, err := ing.Tail(ctx, "t", web)
		if err != nil {
			t.Fatal(err)
		}
		for _, tenant := range []string{"other", "t"} {
			b := &model.Batch{Tenant: tenant, Streams: []model.Stream{
				streamOf(t, `{app="db"}`, model.Entry{Timestamp: 1, Line: "no"}),
				streamOf(t, `{app="web"}`, model.Entry{Timestamp: 2, Line: "one " + tenant}, model.Entry{Timestamp: 1, Line: "\xff", Metadata: model.Metadata{{Name: "k", Value: "v"}}}),
				streamOf(t, `{app="käse"}`, model.Entry{Timestamp: 3}),
			}}
			if _, err := c.Push(ctx, b, model.AckMemory); err != nil {
				t.Fatal(err)
			}
		}
		want, err := near.Next(ctx)
		if err != nil || len(want.Streams) != 2 {
			t.Fatalf("at home: %+v, %v", want, err)
		}
		var got []scan.TailStream // they may come in several batches
		for len(got) < len(want.Streams) {
			b, err := far.Next(ctx)
			if err != nil {
				t.Fatal(err)
			}
			got = append(got, b.Streams...)
		}
		if !reflect.DeepEqual(got, want.Streams) {
			t.Fatalf("afar %+v, at home %+v", got, want.Streams)
		}
		gone, cancel := context.WithCancel(ctx)
		cancel()
		if _, err := far.Next(gone); !errors.Is(err, context.Canceled) {
			t.Errorf("who waits no longer gets %v", err)
		}
		if err := far.Close(); err != nil {
			t.Error(err)
		}
		if _, err := far.Next(ctx); err == nil {
			t.Error("a closed tail goes on")
		}
	})
}

// A told is an ingester whose tails tell what they are given.
type told struct {
	rpc.Ingester
	batches chan *scan.TailBatch
	closed  chan struct{}
	err     error
}

func (f *told) Tail(context.Context, string, []*labels.Matcher) (scan.Tail, error) { return f, f.err }

func (f *told) Next(ctx context.Context) (*scan.TailBatch, error) {
	select {
	case b := <-f.batches:
		return b, nil
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

func (f *told) Close() error {
	close(f.closed)
	return nil
}

// What was dropped is told afar too; who closes a tail ends it at home.
func TestTailTellsAndEnds(t *testing.T) {
	both(t, func(t *testing.T, client func(rpc.Ingester) *rpc.Client) {
		f := &told{batches: make(chan *scan.TailBatch, 1), closed: make(chan struct{})}
		c := client(f)
		tail, err := c.Tail(t.Context(), "t", nil)
		if err != nil {
			t.Fatal(err)
		}
		want := &scan.TailBatch{Dropped: []scan.DroppedEntry{{Timestamp: -7, Labels: labels.FromStrings("a", "b")}}, DroppedCount: 12}
		f.batches <- want
		if got, err := tail.Next(t.Context()); err != nil || !reflect.DeepEqual(got, want) {
			t.Errorf("got %+v, %v; want %+v", got, err, want)
		}
		_ = tail.Close()
		<-f.closed

		f.err = ingester.ErrNotRunning
		if _, err := c.Tail(t.Context(), "t", nil); !errors.Is(err, ingester.ErrNotRunning) {
			t.Errorf("an ingester that does not run says %v", err)
		}
		if _, err := c.Tail(t.Context(), "", nil); err == nil {
			t.Error("a tail without a tenant begins")
		}
	})
}

// A server that stops ends its tails.
func TestStopEndsTails(t *testing.T) {
	f := &told{batches: make(chan *scan.TailBatch), closed: make(chan struct{})}
	r := serve(t, f)
	c, err := newPool(t).Client(ring.InstanceDesc{Addr: r.addr})
	if err != nil {
		t.Fatal(err)
	}
	tail, err := c.Tail(t.Context(), "t", nil)
	if err != nil {
		t.Fatal(err)
	}
	r.rpc.Stop()
	if _, err := tail.Next(t.Context()); !errors.Is(err, ingester.ErrNotRunning) {
		t.Errorf("the tail of a server that stops ends with %v", err)
	}
	<-f.closed
}
