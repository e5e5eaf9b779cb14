package rpc_test

import (
	"context"
	"errors"
	"fmt"
	"reflect"
	"slices"
	"testing"

	"github.com/grafana/dskit/ring"
	"github.com/prometheus/prometheus/model/labels"
	"pgregory.net/rapid"

	"github.com/skaldlogs/skald/pkg/ingester"
	"github.com/skaldlogs/skald/pkg/logproto"
	"github.com/skaldlogs/skald/pkg/model"
	"github.com/skaldlogs/skald/pkg/rpc"
	"github.com/skaldlogs/skald/pkg/scan"
	"github.com/skaldlogs/skald/pkg/seeds"
)

var entries = rapid.Custom(func(t *rapid.T) model.Entry {
	e := model.Entry{
		Timestamp: rapid.Int64Range(0, 20).Draw(t, "ts"),
		Line:      rapid.SampledFrom([]string{"", "GET /", "GET /pay status=500", "\xff\x00", "käse"}).Draw(t, "line"),
	}
	if rapid.Bool().Draw(t, "metadata") {
		e.Metadata = model.Metadata{{Name: "trace", Value: rapid.SampledFrom([]string{"1", "ü"}).Draw(t, "trace")}}
	}
	return e
})

// TestOneProcessAndManyAreTheSame pushes to an ingester and asks it, directly
// and through a client: what comes back is equal to the last field.
func TestOneProcessAndManyAreTheSame(t *testing.T) {
	l := settings()
	l.MaxStreamsPerUser = 3 // the fourth stream is rejected
	ctx := context.Background()
	n := 0
	seeds.Check(t, func(rt *rapid.T) {
		n++
		direct := newIngester(t, fmt.Sprint("direct", n), newStore(t), l)
		hidden := newIngester(t, fmt.Sprint("direct", n), newStore(t), l)
		coded := rpc.Coded(hidden, faults)

		for range rapid.IntRange(1, 4).Draw(rt, "pushes") {
			b := &model.Batch{Tenant: "t"}
			for range rapid.IntRange(0, 3).Draw(rt, "streams") {
				app := rapid.SampledFrom([]string{"a", "b", "c", "d", "e"}).Draw(rt, "app")
				b.Streams = append(b.Streams, streamOf(t, `{app="`+app+`"}`, rapid.SliceOfN(entries, 0, 6).Draw(rt, "entries")...))
			}
			ack := rapid.SampledFrom([]model.Ack{model.AckMemory, model.AckDisk}).Draw(rt, "ack")
			want, err1 := direct.Push(ctx, b, ack)
			got, err2 := coded.Push(ctx, b, ack)
			if err1 != nil || err2 != nil || !reflect.DeepEqual(got, want) {
				rt.Fatalf("the push gives %+v, %v, and directly %+v, %v", got, err2, want, err1)
			}
			if rapid.IntRange(0, 3).Draw(rt, "flush") == 0 {
				if err1, err2 := direct.Flush(ctx), coded.Flush(ctx); err1 != nil || err2 != nil {
					rt.Fatalf("flush: %v, %v", err1, err2)
				}
			}
		}

		req := &scan.Request{
			Tenant:   rapid.SampledFrom([]string{"t", "t", "another"}).Draw(rt, "tenant"),
			Matchers: []*labels.Matcher{labels.MustNewMatcher(labels.MatchRegexp, "app", rapid.SampledFrom([]string{".*", "a|b", "d"}).Draw(rt, "matcher"))},
			Interval: model.Interval{Mint: rapid.Int64Range(-1, 20).Draw(rt, "mint"), Maxt: rapid.Int64Range(-1, 21).Draw(rt, "maxt")},
			Filters:  []scan.LineFilter{{Op: scan.FilterOp(rapid.Uint8Range(0, 3).Draw(rt, "op")), Text: "GET"}},
		}
		part := scan.Want{
			Columns:  scan.Columns(rapid.Uint8Range(0, 7).Draw(rt, "wanted columns")),
			Interval: model.Interval{Mint: rapid.Int64Range(-1, 10).Draw(rt, "wanted mint"), Maxt: rapid.Int64Range(5, 21).Draw(rt, "wanted maxt")},
		}
		want, got := ask(rt, direct, req, part), ask(rt, coded, req, part)
		if !reflect.DeepEqual(got, want) {
			rt.Fatalf("answers %+v\nand directly %+v", got, want)
		}
	})
}

// answers is everything that an ingester says to a request.
type answers struct {
	names, values, series, rows []string
	generations                 []scan.Generation
	runs                        int
}

func ask(t *rapid.T, ing rpc.Ingester, req *scan.Request, want scan.Want) answers {
	t.Helper()
	ctx := context.Background()
	names, err1 := ing.LabelNames(ctx, req)
	values, err2 := ing.LabelValues(ctx, req, "app")
	series, err3 := ing.Series(ctx, req)
	s, err4 := ing.Open(ctx, req)
	if err := errors.Join(err1, err2, err3, err4); err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	got, err := rows(ctx, s, want)
	if err != nil {
		t.Fatal(err)
	}
	a := answers{rows: got, generations: s.Directory().Generations}
	for _, b := range s.Directory().Blocks {
		a.runs += len(b.Runs)
	}
	a.names, a.values = append(a.names, names...), append(a.values, values...)
	for _, ls := range series {
		a.series = append(a.series, ls.String())
	}
	slices.Sort(a.names)
	slices.Sort(a.values)
	slices.Sort(a.series)
	return a
}

// A fake ingester fails, or has a snapshot whose blocks do as they are told.
type fake struct {
	rpc.Ingester
	err      error
	closed   chan struct{}
	read     func(ctx context.Context, i int, want scan.Want) (*scan.Batch, error)
	deadline bool
}

func (f *fake) Push(context.Context, *model.Batch, model.Ack) (model.PushResult, error) {
	return model.PushResult{}, f.err
}
func (f *fake) Flush(context.Context) error { return f.err }
func (f *fake) LabelNames(context.Context, *scan.Request) ([]string, error) {
	return nil, f.err
}

func (f *fake) Open(ctx context.Context, _ *scan.Request) (scan.Snapshot, error) {
	_, f.deadline = ctx.Deadline()
	return f, f.err
}

func (f *fake) Directory() *scan.Directory {
	return &scan.Directory{Blocks: make([]scan.Block, 10)}
}

func (f *fake) Read(ctx context.Context, i int, want scan.Want) (*scan.Batch, error) {
	return f.read(ctx, i, want)
}

func (f *fake) Close() error {
	close(f.closed)
	return nil
}

// both runs a test over a network and without one.
func both(t *testing.T, test func(*testing.T, func(rpc.Ingester) *rpc.Client)) {
	t.Run("coded", func(t *testing.T) {
		test(t, func(ing rpc.Ingester) *rpc.Client { return rpc.Coded(ing, faults) })
	})
	t.Run("network", func(t *testing.T) {
		test(t, func(ing rpc.Ingester) *rpc.Client {
			c, err := newPool(t).Client(ring.InstanceDesc{Addr: serve(t, ing).addr})
			if err != nil {
				t.Fatal(err)
			}
			return c
		})
	})
}

// An error matches afar what it matches at home, and says the same.
func TestErrorsTravel(t *testing.T) {
	both(t, func(t *testing.T, client func(rpc.Ingester) *rpc.Client) {
		ctx := context.Background()
		f := &fake{}
		c := client(f)
		for _, sentinel := range []error{
			ingester.ErrNotRunning, ingester.ErrOverloaded, ingester.ErrNotDurable, scan.ErrDamaged, context.DeadlineExceeded,
		} {
			f.err = fmt.Errorf("do it: %w: with \xff", sentinel)
			want := "do it: " + sentinel.Error() + ": with \ufffd"
			_, push := c.Push(ctx, &model.Batch{Tenant: "t"}, 0)
			_, names := c.LabelNames(ctx, &scan.Request{Tenant: "t"})
			_, open := c.Open(ctx, &scan.Request{Tenant: "t"})
			for call, err := range map[string]error{"push": push, "names": names, "open": open, "flush": c.Flush(ctx)} {
				if !errors.Is(err, sentinel) || err.Error() != want {
					t.Errorf("%s says %q, want %q and that it is %v", call, err, want, sentinel)
				}
			}
		}
		f.err = errors.New("something else")
		if err := c.Flush(ctx); err == nil || err.Error() != "something else" {
			t.Errorf("flush says %v, want something else", err)
		}
		gone, cancel := context.WithCancel(ctx)
		cancel()
		if _, err := c.Push(gone, &model.Batch{Tenant: "t"}, 0); !errors.Is(err, context.Canceled) {
			t.Errorf("a push whose client has gone says %v", err)
		}
		if _, err := c.Push(ctx, &model.Batch{Tenant: "../t"}, 0); err == nil {
			t.Error("a tenant that cannot be may push")
		}
	})
}

// A damaged block is its own, and Close ends what is under way at the other side.
func TestSnapshots(t *testing.T) {
	both(t, func(t *testing.T, client func(rpc.Ingester) *rpc.Client) {
		began := make(chan struct{})
		f := &fake{closed: make(chan struct{}), read: func(ctx context.Context, i int, want scan.Want) (*scan.Batch, error) {
			switch i {
			case 0:
				return nil, fmt.Errorf("block 0: %w", scan.ErrDamaged)
			case 1:
				return nil, errors.New("no disk")
			case 2:
				close(began)
				<-ctx.Done()
				return nil, ctx.Err()
			}
			return &scan.Batch{Timestamps: []int64{int64(i), want.Interval.Mint}}, nil
		}}
		ctx, cancel := context.WithCancel(context.Background())
		s, err := client(f).Open(ctx, &scan.Request{Tenant: "t"})
		if err != nil {
			t.Fatal(err)
		}
		cancel() // the snapshot outlives the context it was opened with
		ctx = context.Background()
		if _, err := s.Read(ctx, 0, scan.Want{}); !errors.Is(err, scan.ErrDamaged) || err.Error() != "block 0: damaged" {
			t.Errorf("the damaged block says %v", err)
		}
		if _, err := s.Read(ctx, 1, scan.Want{}); err == nil || err.Error() != "no disk" {
			t.Errorf("the block that fails says %v", err)
		}

		given, giveUp := context.WithCancel(ctx)
		up := make(chan error)
		go func() {
			_, err := s.Read(given, 2, scan.Want{})
			up <- err
		}()
		<-began
		giveUp()
		if err := <-up; !errors.Is(err, context.Canceled) {
			t.Errorf("a read that was given up says %v", err)
		}
		// More at once than the server works on, beside one that does not end, and
		// several of one block that want something else.
		errs := make(chan error)
		for i := range 30 {
			go func() {
				n := 3 + i%7
				b, err := s.Read(ctx, n, scan.Want{Interval: model.Interval{Mint: int64(i)}})
				if want := []int64{int64(n), int64(i)}; err == nil && !slices.Equal(b.Timestamps, want) {
					err = fmt.Errorf("block and read %v answer for %v", b.Timestamps, want)
				}
				errs <- err
			}()
		}
		for range 30 {
			if err := <-errs; err != nil {
				t.Error(err)
			}
		}
		if err := s.Close(); err != nil {
			t.Error(err)
		}
		<-f.closed
		if _, err := s.Read(ctx, 3, scan.Want{}); err == nil {
			t.Error("a closed snapshot can be read")
		}
	})
}

// The deadline of a query goes with its snapshots, so that an ingester does not
// keep one whose reader it lost without a word.
func TestDeadlineTravels(t *testing.T) {
	f := &fake{closed: make(chan struct{})}
	c, err := newPool(t).Client(ring.InstanceDesc{Addr: serve(t, f).addr})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(context.Background(), 1e12)
	defer cancel()
	s, err := c.Open(ctx, &scan.Request{Tenant: "t"})
	if err != nil || !f.deadline {
		t.Fatalf("open: %v; the other side has a deadline: %v", err, f.deadline)
	}
	_ = s.Close()
	<-f.closed
}

// Stop ends the snapshots of a server, with the reason.
func TestStopEndsSnapshots(t *testing.T) {
	f := &fake{closed: make(chan struct{}), read: func(ctx context.Context, _ int, _ scan.Want) (*scan.Batch, error) {
		<-ctx.Done()
		return nil, ctx.Err()
	}}
	r := serve(t, f)
	c, err := newPool(t).Client(ring.InstanceDesc{Addr: r.addr})
	if err != nil {
		t.Fatal(err)
	}
	s, err := c.Open(context.Background(), &scan.Request{Tenant: "t"})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	r.rpc.Stop()
	if _, err := s.Read(context.Background(), 0, scan.Want{}); !errors.Is(err, ingester.ErrNotRunning) {
		t.Errorf("read says %v, want that the ingester is not running", err)
	}
	<-f.closed
	r.grpc.GracefulStop()
	if _, err := c.Push(context.Background(), &model.Batch{Tenant: "t"}, 0); !errors.Is(err, ingester.ErrNotRunning) {
		t.Errorf("a push to nobody says %v, want that the ingester is not running", err)
	}
}

// Labels that no stream can have are asked for like any other.
func TestNameThatIsNoText(t *testing.T) {
	c := rpc.Coded(&fake{}, faults)
	if got, err := c.LabelValues(context.Background(), &scan.Request{Tenant: "t"}, "\xff"); len(got) > 0 || err != nil {
		t.Errorf("values of a name that is no text: %q, %v", got, err)
	}
	if _, err := logproto.ParseLabels("{\xff=\"a\"}"); err == nil {
		t.Error("a stream may have a label whose name is no text")
	}
}
