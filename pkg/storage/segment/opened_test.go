package segment_test

import (
	"context"
	"math"
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/skaldlogs/skald/pkg/model"
	"github.com/skaldlogs/skald/pkg/scan"
	"github.com/skaldlogs/skald/pkg/storage/block"
	"github.com/skaldlogs/skald/pkg/storage/segment"
)

// counted counts the reads of a segment in memory.
type counted struct {
	memory
	reads atomic.Int64
}

func (c *counted) ReadAt(ctx context.Context, p []byte, off int64) (int, error) {
	c.reads.Add(1)
	return c.memory.ReadAt(ctx, p, off)
}

// absent is a request whose filter the prune parts alone refuse.
var absent = &scan.Request{
	Tenant: "acme", Interval: model.Ever,
	Filters: []scan.LineFilter{{Op: scan.Contains, Text: "~~~"}},
}

// readsOf is how many reads it takes to look for what is nowhere, in all blocks.
func readsOf(t *testing.T, r *segment.Reader, src *counted) int64 {
	t.Helper()
	before := src.reads.Load()
	s, err := r.Open(t.Context(), absent)
	if err != nil {
		t.Fatal(err)
	}
	for i := range s.Directory().Blocks {
		b, err := s.Read(t.Context(), i, scan.Want{Columns: scan.Lines, Interval: model.Ever})
		if err != nil {
			t.Fatal(err)
		}
		if b.Rows() > 0 {
			t.Fatalf("%d rows", b.Rows())
		}
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	return src.reads.Load() - before
}

func openCounted(t *testing.T, seed uint64, blocks int) (*segment.Reader, *counted) {
	t.Helper()
	w := write(t, rand.New(rand.NewPCG(1, seed)), blocks)
	src := &counted{memory: w.data}
	r, err := segment.Open(t.Context(), src, int64(len(w.data)), w.summary.IndexSize)
	if err != nil {
		t.Fatal(err)
	}
	return r, src
}

func TestPrunePartsAreReadAtOnceAndKept(t *testing.T) {
	r, src := openCounted(t, 20, 12)
	r.KeepIn(segment.NewOpened(1<<20), nil)
	if n := readsOf(t, r, src); n != 1 {
		t.Errorf("the first query: %d reads, want 1", n)
	}
	if n := readsOf(t, r, src); n != 0 {
		t.Errorf("the next query: %d reads, want none", n)
	}
}

// Blocks whose prune parts are in memory are refused before they are read.
func TestOpenedBlocksAreRefused(t *testing.T) {
	r, src := openCounted(t, 23, 12)
	refused := func() (n int) {
		s, err := r.Open(t.Context(), absent)
		if err != nil {
			t.Fatal(err)
		}
		defer s.Close()
		for _, b := range s.Directory().Blocks {
			if b.Refused {
				n++
			}
		}
		return n
	}
	if n := refused(); n > 0 {
		t.Errorf("%d blocks are refused that nobody has opened", n)
	}
	readsOf(t, r, src)
	if n := refused(); n != 12 {
		t.Errorf("%d of 12 opened blocks are refused", n)
	}
}

func TestWarmReadersReadNoPruneParts(t *testing.T) {
	r, src := openCounted(t, 24, 12)
	if err := r.Warm(t.Context()); err != nil {
		t.Fatal(err)
	}
	if n := readsOf(t, r, src); n != 0 {
		t.Errorf("%d reads after the reader was warmed", n)
	}
	r, src = openCounted(t, 24, 12)
	full := segment.NewOpened(1000)
	r.KeepIn(full, nil)
	before := src.reads.Load()
	if err := r.Warm(t.Context()); err != nil || src.reads.Load() != before || full.Bytes() != 0 {
		t.Errorf("%d reads, %d bytes kept, %v, where there is no room", src.reads.Load()-before, full.Bytes(), err)
	}
}

func TestPartsWithoutRoomAreReadAtOnceEachTime(t *testing.T) {
	r, src := openCounted(t, 21, 12)
	o := segment.NewOpened(10)
	r.KeepIn(o, nil)
	for range 3 {
		if n := readsOf(t, r, src); n != 1 {
			t.Errorf("%d reads, want 1", n)
		}
	}
	if n := o.Bytes(); n != 0 {
		t.Errorf("%d bytes are kept", n)
	}
}

func TestOpenedKeepsToItsBound(t *testing.T) {
	a, srcA := openCounted(t, 22, 30)
	b, srcB := openCounted(t, 23, 30)
	all := segment.NewOpened(1 << 30)
	a.KeepIn(all, nil)
	readsOf(t, a, srcA)
	room := all.Bytes() / 2
	if room == 0 {
		t.Fatal("nothing is kept")
	}
	o := segment.NewOpened(room)
	a, srcA = openCounted(t, 22, 30)
	a.KeepIn(o, nil)
	b.KeepIn(o, nil)
	for range 20 {
		readsOf(t, a, srcA)
		readsOf(t, b, srcB)
		if n := o.Bytes(); n > room || n < room/2 {
			t.Fatalf("%d bytes are kept, want about %d", n, room)
		}
	}
	o.Reserve(room / 4 * 3)
	if n := o.Bytes(); n > room-room/4*3 {
		t.Errorf("%d bytes are kept where only %d are left", n, room-room/4*3)
	}
	o.Reserve(0)
	o.Forget(a)
	o.Forget(b)
	readsOf(t, a, srcA)
	if n := o.Bytes(); n != 0 {
		t.Errorf("%d bytes are kept of readers that were forgotten", n)
	}
}

// However little is kept, whoever asks gets what is there.
func TestOpenedIsShared(t *testing.T) {
	w := write(t, rand.New(rand.NewPCG(1, 24)), 20)
	hot := block.NewHot(32 << 10)
	want := answer(t, open(t, w.data), &scan.Request{Tenant: "acme", Interval: model.Ever}, model.Ever)
	for _, room := range []int64{1, 8 << 10, 32 << 10} {
		o, r := segment.NewOpened(room), open(t, w.data)
		r.KeepIn(o, hot)
		var wg sync.WaitGroup
		for range 4 {
			wg.Go(func() {
				for range 4 {
					if got := answer(t, r, &scan.Request{Tenant: "acme", Interval: model.Ever}, model.Ever); got != want {
						t.Errorf("with room for %d bytes: another answer", room)
					}
				}
			})
		}
		wg.Wait()
		if n := o.Bytes(); n > room {
			t.Errorf("%d bytes are kept, with room for %d", n, room)
		}
	}
}

// What was read of prune parts and opened by nobody goes with the last snapshot,
// whosever it was.
func TestRawPartsGoWithTheLastSnapshot(t *testing.T) {
	r, src := openCounted(t, 25, 12)
	r.KeepIn(segment.NewOpened(10), nil)
	all, err := r.Open(t.Context(), absent)
	if err != nil {
		t.Fatal(err)
	}
	// Another one, of no blocks.
	none := *absent
	none.Interval = model.Interval{Mint: math.MinInt64, Maxt: math.MinInt64}
	other, err := r.Open(t.Context(), &none)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := all.Read(t.Context(), 0, scan.Want{Columns: scan.Lines, Interval: model.Ever}); err != nil {
		t.Fatal(err)
	}
	for _, s := range []scan.Snapshot{all, other} {
		if err := s.Close(); err != nil {
			t.Fatal(err)
		}
	}
	if n := readsOf(t, r, src); n != 1 {
		t.Errorf("%d reads, want 1 of all parts", n)
	}
}
