package segment_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"slices"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/oklog/ulid/v2"
	"github.com/prometheus/prometheus/model/labels"

	"github.com/skaldlogs/skald/pkg/model"
	"github.com/skaldlogs/skald/pkg/scan"
	"github.com/skaldlogs/skald/pkg/seeds"
	"github.com/skaldlogs/skald/pkg/storage/block"
	"github.com/skaldlogs/skald/pkg/storage/segment"
)

// memory is a segment in memory.
type memory []byte

func (m memory) ReadAt(ctx context.Context, p []byte, off int64) (int, error) {
	if err := ctx.Err(); err != nil {
		return 0, err
	}
	return bytes.NewReader(m).ReadAt(p, off)
}

const everything = scan.Lines | scan.Metadata | scan.Sizes

var id = ulid.MustParseStrict("01J9ZKSEGMENT0000000000001")

// streams that the random rows belong to, by the caller's reference.
var streams = func() (out []labels.Labels) {
	for i := range 30 {
		out = append(out, labels.FromStrings("app", fmt.Sprint("app-", i%4), "env", []string{"prod", "dev"}[i%2], "pod", fmt.Sprint("pod-", i)))
	}
	return out
}()

// A written is a segment with the rows of each of its blocks.
type written struct {
	data    []byte
	summary segment.Summary
	rows    [][]block.Row
}

func write(t testing.TB, rnd *rand.Rand, blocks int) written {
	t.Helper()
	var out bytes.Buffer
	w := segment.NewWriter(&out, id, "acme", func(ref uint32) labels.Labels { return streams[ref] })
	res := written{}
	var enc block.Encoder
	for n := range blocks {
		rows := randomRows(rnd, 1+rnd.IntN(300), int64(n)*500)
		e, err := enc.Encode(rows)
		if err != nil {
			t.Fatal(err)
		}
		sorted, _ := block.Sort(rows)
		res.rows = append(res.rows, sorted)
		if err := w.Add(segment.Block{Encoded: e, Order: scan.Order{Generation: 7, Place: uint32(n)}, Group: fmt.Sprint("g", n%3)}); err != nil {
			t.Fatal(err)
		}
	}
	var err error
	if res.summary, err = w.Finish([]scan.Generation{{Ingester: "ingester-0", ID: 7}}); err != nil {
		t.Fatal(err)
	}
	res.data = out.Bytes()
	return res
}

func randomRows(rnd *rand.Rand, n int, base int64) []block.Row {
	rows := make([]block.Row, n)
	for i := range rows {
		r := &rows[i]
		r.Stream = uint32(rnd.IntN(len(streams)))
		r.Timestamp = base + rnd.Int64N(1000)
		r.Line = fmt.Sprintf("level=%s took=%dms", []string{"info", "error"}[rnd.IntN(2)], rnd.IntN(500))
		if rnd.IntN(2) == 0 {
			r.Metadata = model.Metadata{{Name: "trace_id", Value: fmt.Sprintf("%016x", rnd.Uint64())}}
		}
	}
	return rows
}

func open(t testing.TB, data []byte) *segment.Reader {
	t.Helper()
	r, err := segment.Open(t.Context(), memory(data), int64(len(data)), 0)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// rendered is rows as text, sorted: what a request finds, however it is cut into blocks.
func rendered(rows []string) string {
	slices.Sort(rows)
	return strings.Join(rows, "\n")
}

func render(lbls labels.Labels, ts int64, line string, md model.Metadata) string {
	return fmt.Sprintf("%s %d %q %v", lbls, ts, line, md)
}

// answer reads all rows that a request finds in an interval.
func answer(t testing.TB, src scan.Source, req *scan.Request, in model.Interval) string {
	t.Helper()
	snap, err := src.Open(t.Context(), req)
	if err != nil {
		t.Fatal(err)
	}
	defer snap.Close()
	dir := snap.Directory()
	var out []string
	for i := range dir.Blocks {
		if dir.Blocks[i].Refused {
			continue
		}
		b, err := snap.Read(t.Context(), i, scan.Want{Columns: everything, Interval: in})
		if err != nil {
			t.Fatal(err)
		}
		for _, run := range b.Runs {
			for row := run.Start; row < run.End; row++ {
				if b.Selected != nil && !b.Selected.Get(row) {
					continue
				}
				var md model.Metadata
				if b.Metadata != nil {
					md = b.Metadata[row]
				}
				out = append(out, render(dir.Streams[run.Stream].Labels, b.Timestamps[row], b.Lines[row], md))
			}
		}
	}
	return rendered(out)
}

func TestAnswersAreNaive(t *testing.T) {
	for seed := range seeds.Few(t, 60) {
		rnd := rand.New(rand.NewPCG(seed, 1))
		w := write(t, rnd, 1+rnd.IntN(6))
		r := open(t, w.data)
		for range 6 {
			req := &scan.Request{Tenant: "acme", Interval: model.Ever}
			if rnd.IntN(2) == 0 {
				req.Interval = model.Interval{Mint: rnd.Int64N(2000), Maxt: rnd.Int64N(4000)}
			}
			in := model.Ever
			if rnd.IntN(2) == 0 {
				in = model.Interval{Mint: rnd.Int64N(3000), Maxt: rnd.Int64N(4000)}
			}
			for range rnd.IntN(3) {
				name := []string{"app", "env", "pod", "zone"}[rnd.IntN(4)]
				value := []string{"app-1", "prod", "pod-7", "pod-1.*", "app-1|app-2", ""}[rnd.IntN(6)]
				req.Matchers = append(req.Matchers, labels.MustNewMatcher(labels.MatchType(rnd.IntN(4)), name, value))
			}
			if rnd.IntN(2) == 0 {
				req.Filters = []scan.LineFilter{{Op: scan.FilterOp(rnd.IntN(2)), Text: []string{"error", "=4", "nope", "ms"}[rnd.IntN(4)]}}
			}
			var want []string
			for _, rows := range w.rows {
				for _, row := range rows {
					if in.Contains(row.Timestamp) && matches(req, streams[row.Stream], &row) {
						want = append(want, render(streams[row.Stream], row.Timestamp, row.Line, row.Metadata))
					}
				}
			}
			if got, want := answer(t, r, req, in), rendered(want); got != want {
				t.Fatalf("seed %d: %+v found in %v\n%s\nwant\n%s", seed, req, in, got, want)
			}
		}
	}
}

func matches(req *scan.Request, lbls labels.Labels, row *block.Row) bool {
	for _, m := range req.Matchers {
		if !m.Matches(lbls.Get(m.Name)) {
			return false
		}
	}
	for _, f := range req.Filters {
		if strings.Contains(row.Line, f.Text) != (f.Op == scan.Contains) {
			return false
		}
	}
	return req.Interval.Contains(row.Timestamp)
}

func TestDirectoryIsExact(t *testing.T) {
	w := write(t, rand.New(rand.NewPCG(1, 2)), 5)
	r := open(t, w.data)
	snap, err := r.Open(t.Context(), &scan.Request{Tenant: "acme", Interval: model.Ever})
	if err != nil {
		t.Fatal(err)
	}
	dir := snap.Directory()
	if want := []scan.Generation{{Ingester: "ingester-0", ID: 7}}; !slices.Equal(dir.Generations, want) {
		t.Errorf("generations are %v, want %v", dir.Generations, want)
	}
	if len(dir.Blocks) != len(w.rows) {
		t.Fatalf("%d blocks, want %d", len(dir.Blocks), len(w.rows))
	}
	for _, b := range dir.Blocks {
		rows := w.rows[b.Order.Place]
		for _, run := range b.Runs {
			want := scan.Run{Stream: run.Stream, Interval: model.Nothing}
			for _, row := range rows {
				if labels.Equal(streams[row.Stream], dir.Streams[run.Stream].Labels) {
					want.Rows++
					want.Interval = want.Interval.Extend(row.Timestamp)
					want.Bytes += int64(len(row.Line))
					want.MetadataBytes += int64(row.Metadata.Bytes())
				}
			}
			if run != want {
				t.Errorf("run %+v, want %+v", run, want)
			}
		}
	}
	for _, s := range dir.Streams {
		if s.Hash != labels.StableHash(s.Labels) {
			t.Errorf("%s has hash %x, want %x", s.Labels, s.Hash, labels.StableHash(s.Labels))
		}
	}
	got := r.Summary()
	if got.ID != id || got.Tenant != "acme" || got.Size != int64(len(w.data)) || got.Rows != w.summary.Rows ||
		got.Streams != w.summary.Streams || got.Interval != w.summary.Interval || got.Bytes != w.summary.Bytes ||
		got.MetadataBytes != w.summary.MetadataBytes || got.Blocks != w.summary.Blocks {
		t.Errorf("summary read is %+v, written was %+v", got, w.summary)
	}
}

func TestNamesAndValues(t *testing.T) {
	var out bytes.Buffer
	w := segment.NewWriter(&out, id, "acme", func(ref uint32) labels.Labels { return streams[ref] })
	for i, ts := range []int64{100, 200, 300} {
		e, err := new(block.Encoder).Encode([]block.Row{{Stream: uint32(i), Timestamp: ts, Line: "x"}})
		if err != nil {
			t.Fatal(err)
		}
		if err := w.Add(segment.Block{Encoded: e}); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := w.Finish(nil); err != nil {
		t.Fatal(err)
	}
	r := open(t, out.Bytes())
	prod := []*labels.Matcher{labels.MustNewMatcher(labels.MatchEqual, "env", "prod")}
	early := model.Interval{Mint: 0, Maxt: 200}
	for _, tc := range []struct {
		name      string
		got, want []string
	}{
		{"names", r.LabelNames(nil, model.Ever), []string{"app", "env", "pod"}},
		{"names of nothing", r.LabelNames(nil, model.Interval{Mint: 1, Maxt: 2}), []string{}},
		{"values", r.LabelValues("pod", nil, model.Ever), []string{"pod-0", "pod-1", "pod-2"}},
		{"values in an interval", r.LabelValues("pod", nil, early), []string{"pod-0", "pod-1"}},
		{"values of some", r.LabelValues("pod", prod, model.Ever), []string{"pod-0", "pod-2"}},
		{"values of some in an interval", r.LabelValues("pod", prod, early), []string{"pod-0"}},
	} {
		if !slices.Equal(tc.got, tc.want) {
			t.Errorf("%s: %v, want %v", tc.name, tc.got, tc.want)
		}
	}
	if got := r.Streams(prod, early); len(got) != 1 || !labels.Equal(got[0].Labels, streams[0]) {
		t.Errorf("streams of prod until 200 are %v, want %v", got, streams[0])
	}
}

// Each byte that is not the one written is found by Open or by Verify, and
// named; the blocks that Verify does not name can be read.
func TestEveryByteIsChecked(t *testing.T) {
	w := write(t, rand.New(rand.NewPCG(1, 3)), 3)
	for off := range w.data {
		bad := bytes.Clone(w.data)
		bad[off] ^= 1 << (off % 8)
		r, err := segment.Open(t.Context(), memory(bad), int64(len(bad)), 0)
		if err != nil {
			if !errors.Is(err, scan.ErrDamaged) && !errors.Is(err, segment.ErrUnsupported) {
				t.Fatalf("byte %d: error is not one of damage: %v", off, err)
			}
			continue
		}
		damages, err := r.Verify(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		if len(damages) != 1 {
			t.Fatalf("byte %d: %d damages %v, want 1", off, len(damages), damages)
		}
		if err := damages[0].Err; !errors.Is(err, scan.ErrDamaged) && !errors.Is(err, block.ErrUnsupported) {
			t.Fatalf("byte %d: error is not one of damage: %v", off, err)
		}
	}
}

func TestCutShort(t *testing.T) {
	w := write(t, rand.New(rand.NewPCG(1, 4)), 2)
	for n := range len(w.data) {
		if _, err := segment.Open(t.Context(), memory(w.data[:n]), int64(n), 0); !errors.Is(err, scan.ErrDamaged) {
			t.Fatalf("%d of %d bytes: error %v", n, len(w.data), err)
		}
	}
	// The object is shorter than the listing said.
	if _, err := segment.Open(t.Context(), memory(w.data[:100]), int64(len(w.data)), 0); !errors.Is(err, scan.ErrDamaged) {
		t.Errorf("cut after listing: error %v", err)
	}
}

func TestOtherErrorsAreNotDamage(t *testing.T) {
	w := write(t, rand.New(rand.NewPCG(1, 5)), 2)
	r := open(t, w.data)
	snap, err := r.Open(t.Context(), &scan.Request{Tenant: "acme", Interval: model.Ever})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := snap.Read(ctx, 0, scan.Want{Columns: everything, Interval: model.Ever}); !errors.Is(err, context.Canceled) || errors.Is(err, scan.ErrDamaged) {
		t.Errorf("cancelled: error %v", err)
	}
	if _, err := snap.Read(t.Context(), 0, scan.Want{Columns: everything, Interval: model.Ever}); err != nil {
		t.Errorf("after a cancelled read: %v", err)
	}
	if _, err := r.Open(t.Context(), &scan.Request{Tenant: "other"}); err == nil {
		t.Error("another tenant's request is answered")
	}
}

func TestWriterRefuses(t *testing.T) {
	w := segment.NewWriter(io.Discard, id, "acme", nil)
	if err := w.Add(segment.Block{}); err == nil {
		t.Error("a block without rows is taken")
	}
	if _, err := segment.NewWriter(io.Discard, id, "acme", nil).Finish(nil); err == nil {
		t.Error("a segment without blocks is finished")
	}
	full := errors.New("no space left on device")
	w = segment.NewWriter(failingWriter{full}, id, "acme", func(uint32) labels.Labels { return streams[0] })
	e, err := new(block.Encoder).Encode([]block.Row{{Line: "x"}})
	if err != nil {
		t.Fatal(err)
	}
	if err := w.Add(segment.Block{Encoded: e}); !errors.Is(err, full) {
		t.Errorf("error %v, want %v", err, full)
	}
	if _, err := w.Finish(nil); !errors.Is(err, full) {
		t.Errorf("finished after an error: %v, want %v", err, full)
	}
}

type failingWriter struct{ err error }

func (w failingWriter) Write([]byte) (int, error) { return 0, w.err }

// gated lets a test hold reads back.
type gated struct {
	memory
	holding atomic.Bool
	begun   chan struct{} // gets an item for each read that is held back
	open    chan struct{} // closed to let all go on
}

func (g *gated) ReadAt(ctx context.Context, p []byte, off int64) (int, error) {
	if g.holding.Load() {
		g.begun <- struct{}{}
		<-g.open
	}
	return g.memory.ReadAt(ctx, p, off)
}

// Several readers ask a cold segment at once: one reads the prune parts, the
// others wait for it, and whoever gives up does so at once.
func TestReadersShareThePruneParts(t *testing.T) {
	w := write(t, rand.New(rand.NewPCG(1, 6)), 3)
	src := &gated{memory: w.data, begun: make(chan struct{}, 100), open: make(chan struct{})}
	r, err := segment.Open(t.Context(), src, int64(len(w.data)), 0)
	if err != nil {
		t.Fatal(err)
	}
	src.holding.Store(true)
	errs := make(chan error, 4)
	for range 4 {
		go func() {
			_, err := r.ReadBlock(t.Context(), 1)
			errs <- err
		}()
	}
	<-src.begun
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := r.ReadBlock(ctx, 0); !errors.Is(err, context.Canceled) {
		t.Errorf("given up: error %v", err)
	}
	if n := len(src.begun); n > 0 {
		t.Errorf("%d more reads while the first is under way", n)
	}
	close(src.open)
	for range 4 {
		if err := <-errs; err != nil {
			t.Error(err)
		}
	}
}
