package wal_test

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"math"
	"math/rand/v2"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/prometheus/prometheus/model/labels"
	"pgregory.net/rapid"

	"github.com/skaldlogs/skald/pkg/model"
	"github.com/skaldlogs/skald/pkg/seeds"
	"github.com/skaldlogs/skald/pkg/storage/wal"
	"github.com/skaldlogs/skald/pkg/vfs"
)

// A record is what a collector was given: a batch, or states of streams.
type record struct {
	batch  model.Batch
	tenant string
	states []wal.StreamState
}

// A collector keeps copies of all that is replayed.
type collector struct {
	records []record
	skip    string // a tenant whose entries are not decoded
}

func (c *collector) Batch(tenant string, decode func(*model.Batch) error) error {
	if c.skip != "" && tenant == c.skip {
		return nil
	}
	var b model.Batch
	if err := decode(&b); err != nil {
		return err
	}
	c.records = append(c.records, record{batch: cloneBatch(b)})
	return nil
}

func (c *collector) Streams(tenant string, states []wal.StreamState) error {
	r := record{tenant: strings.Clone(tenant)}
	for _, s := range states {
		s.Labels = strings.Clone(s.Labels)
		r.states = append(r.states, s)
	}
	c.records = append(c.records, r)
	return nil
}

func cloneBatch(b model.Batch) model.Batch {
	out := model.Batch{Tenant: strings.Clone(b.Tenant)}
	for _, s := range b.Streams {
		c := model.Stream{Labels: strings.Clone(s.Labels), Hash: s.Hash}
		for _, e := range s.Entries {
			ce := model.Entry{Timestamp: e.Timestamp, Line: strings.Clone(e.Line)}
			for _, l := range e.Metadata {
				ce.Metadata = append(ce.Metadata, labels.Label{Name: strings.Clone(l.Name), Value: strings.Clone(l.Value)})
			}
			c.Entries = append(c.Entries, ce)
		}
		out.Streams = append(out.Streams, c)
	}
	return out
}

// oneLine is a batch with one stream and one line.
func oneLine(tenant, line string) *model.Batch {
	return &model.Batch{Tenant: tenant, Streams: []model.Stream{{
		Labels: `{app="api"}`, Hash: 7, Entries: []model.Entry{{Timestamp: 1, Line: line}},
	}}}
}

func check(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func open(t testing.TB, fsys vfs.FS, o wal.Options) *wal.Log {
	t.Helper()
	o.FS = fsys
	l, err := wal.Open("wal", o)
	check(t, err)
	return l
}

func begin(t testing.TB, l *wal.Log) *wal.Writer {
	t.Helper()
	w, err := l.Begin()
	check(t, err)
	return w
}

// replayAll opens a log and replays all its generations.
func replayAll(t testing.TB, fsys vfs.FS, o wal.Options) (map[uint64][]record, []wal.ReplayStats) {
	t.Helper()
	l := open(t, fsys, o)
	all := map[uint64][]record{}
	var stats []wal.ReplayStats
	for _, g := range l.Generations() {
		var c collector
		s, err := l.Replay(context.Background(), g, &c)
		check(t, err)
		all[g] = c.records
		stats = append(stats, s)
	}
	check(t, l.Close())
	return all, stats
}

func names(t testing.TB, fsys vfs.FS) []string {
	t.Helper()
	infos, err := fsys.ReadDir("wal")
	check(t, err)
	var out []string
	for _, i := range infos {
		if i.Name != "LOCK" && !strings.HasSuffix(i.Name, ".counter") {
			out = append(out, i.Name)
		}
	}
	return out
}

func genBatch() *rapid.Generator[model.Batch] {
	text := rapid.OneOf(rapid.String(), rapid.Map(rapid.IntRange(0, 70_000), func(n int) string {
		return strings.Repeat("long ", n/5)
	}))
	label := rapid.Custom(func(t *rapid.T) labels.Label {
		return labels.Label{Name: rapid.String().Draw(t, "name"), Value: rapid.String().Draw(t, "value")}
	})
	entry := rapid.Custom(func(t *rapid.T) model.Entry {
		e := model.Entry{Timestamp: rapid.Int64().Draw(t, "ts"), Line: text.Draw(t, "line")}
		if md := rapid.SliceOfN(label, 0, 3).Draw(t, "metadata"); len(md) > 0 {
			e.Metadata = md
		}
		return e
	})
	stream := rapid.Custom(func(t *rapid.T) model.Stream {
		s := model.Stream{Labels: rapid.String().Draw(t, "labels"), Hash: rapid.Uint64().Draw(t, "hash")}
		if es := rapid.SliceOfN(entry, 0, 5).Draw(t, "entries"); len(es) > 0 {
			s.Entries = es
		}
		return s
	})
	return rapid.Custom(func(t *rapid.T) model.Batch {
		b := model.Batch{Tenant: rapid.String().Draw(t, "tenant")}
		if ss := rapid.SliceOfN(stream, 0, 4).Draw(t, "streams"); len(ss) > 0 {
			b.Streams = ss
		}
		return b
	})
}

func TestWhatIsAppendedIsReplayed(t *testing.T) {
	state := rapid.Custom(func(t *rapid.T) wal.StreamState {
		return wal.StreamState{
			Labels: rapid.String().Draw(t, "labels"), Hash: rapid.Uint64().Draw(t, "hash"),
			Newest: rapid.Int64().Draw(t, "newest"), LastSeen: rapid.Int64().Draw(t, "seen"),
		}
	})
	seeds.Check(t, func(rt *rapid.T) {
		fsys := vfs.NewMem()
		o := wal.Options{
			Sync:     rapid.SampledFrom([]wal.Sync{wal.Group, wal.Interval, wal.Off}).Draw(rt, "sync"),
			FileSize: rapid.SampledFrom([]int64{1, 40_000, 1 << 20}).Draw(rt, "file size"),
		}
		l := open(t, fsys, o)
		want := map[uint64][]record{}
		for range rapid.IntRange(1, 2).Draw(rt, "generations") {
			w := begin(t, l)
			for range rapid.IntRange(1, 5).Draw(rt, "records") {
				if rapid.Bool().Draw(rt, "batch") {
					b := genBatch().Draw(rt, "batch")
					_, err := w.Append(&b, wal.Memory)
					check(t, err)
					want[w.Generation()] = append(want[w.Generation()], record{batch: b})
					continue
				}
				r := record{tenant: rapid.String().Draw(rt, "tenant"), states: rapid.SliceOfN(state, 1, 3).Draw(rt, "states")}
				check(t, w.AppendStreams(r.tenant, r.states))
				want[w.Generation()] = append(want[w.Generation()], r)
			}
			check(t, w.Close())
		}
		check(t, l.Close())

		got, stats := replayAll(t, fsys, o)
		if !reflect.DeepEqual(got, want) {
			rt.Fatalf("replayed %+v\nwant %+v", got, want)
		}
		for _, s := range stats {
			if s.DamageCount > 0 || len(s.TornTails) > 0 {
				rt.Fatalf("a log closed in order has %+v", s)
			}
		}
	})
}

func TestLevels(t *testing.T) {
	for _, tc := range []struct {
		sync       wal.Sync
		want, give wal.Level
	}{
		{wal.Group, wal.Memory, wal.Disk},
		{wal.Group, wal.Disk, wal.Disk},
		{wal.Interval, wal.Memory, wal.Memory},
		{wal.Interval, wal.Disk, wal.Disk},
		{wal.Off, wal.Memory, wal.Memory},
		{wal.Off, wal.Disk, wal.Disk},
	} {
		syncs := 0
		fsys := vfs.NewFaulty(vfs.NewMem(), func(op vfs.Op, name string) error {
			if op == vfs.OpSync && strings.HasSuffix(name, ".wal") {
				syncs++
			}
			return nil
		})
		l := open(t, fsys, wal.Options{Sync: tc.sync, Interval: math.MaxInt64})
		w := begin(t, l)
		got, err := w.Append(oneLine("a", "x"), tc.want)
		if err != nil || got != tc.give {
			t.Errorf("sync %s, want %s: got %s, %v; want %s", tc.sync, tc.want, got, err, tc.give)
		}
		if (syncs > 0) != (tc.give == wal.Disk) {
			t.Errorf("sync %s, want %s: %d syncs before the answer", tc.sync, tc.want, syncs)
		}
		check(t, l.Close())
	}
}

func TestTenantIsKnownBeforeEntriesAreDecoded(t *testing.T) {
	fsys := vfs.NewMem()
	l := open(t, fsys, wal.Options{})
	w := begin(t, l)
	for _, tenant := range []string{"a", "b", "a"} {
		_, err := w.Append(oneLine(tenant, "x"), wal.Disk)
		check(t, err)
	}
	check(t, l.Close())
	l = open(t, fsys, wal.Options{})
	c := collector{skip: "a"}
	_, err := l.Replay(context.Background(), 1, &c)
	check(t, err)
	if len(c.records) != 1 || c.records[0].batch.Tenant != "b" {
		t.Errorf("replayed %+v, want the one batch of tenant b", c.records)
	}
}

func TestReplayEndsWithTheHandlersError(t *testing.T) {
	fsys := vfs.NewMem()
	l := open(t, fsys, wal.Options{})
	w := begin(t, l)
	for range 3 {
		_, err := w.Append(oneLine("a", "x"), wal.Disk)
		check(t, err)
	}
	check(t, l.Close())
	l = open(t, fsys, wal.Options{})
	stop := errors.New("stop")
	calls := 0
	_, err := l.Replay(context.Background(), 1, handlerFunc(func() error { calls++; return stop }))
	if !errors.Is(err, stop) || calls != 1 {
		t.Errorf("got %v after %d calls, want stop after 1", err, calls)
	}
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	if _, err := l.Replay(ctx, 1, &collector{}); !errors.Is(err, context.Canceled) {
		t.Errorf("got %v, want context.Canceled", err)
	}
	if _, err := l.Replay(context.Background(), 9, &collector{}); err == nil {
		t.Error("a generation that is not there was replayed")
	}
}

type handlerFunc func() error

func (f handlerFunc) Batch(string, func(*model.Batch) error) error { return f() }
func (f handlerFunc) Streams(string, []wal.StreamState) error      { return f() }

func TestGenerationNumbersAreNeverReused(t *testing.T) {
	fsys := vfs.NewMem()
	next := func(o wal.Options) uint64 {
		l := open(t, fsys, o)
		defer l.Close()
		return begin(t, l).Generation()
	}
	if got := next(wal.Options{}); got != 1 {
		t.Errorf("the first generation is %d, want 1", got)
	}
	if got := next(wal.Options{}); got != 2 {
		t.Errorf("after a generation without records comes %d, want 2", got)
	}
	if got := next(wal.Options{After: 10}); got != 11 {
		t.Errorf("after 10, known from elsewhere, comes %d, want 11", got)
	}
	if got := next(wal.Options{}); got != 12 {
		t.Errorf("after 11 comes %d, want 12", got)
	}

	l := open(t, fsys, wal.Options{})
	w := begin(t, l) // 13, with a file
	_, err := w.Append(oneLine("a", "x"), wal.Disk)
	check(t, err)
	check(t, l.Close())
	check(t, fsys.Remove("wal/0000000013.counter"))
	if got := next(wal.Options{}); got <= 1_000_000 {
		t.Errorf("without a counter beside files comes %d, want more than a million", got)
	}
	check(t, vfs.WriteFile(fsys, "wal/0000000005.counter", nil))
	if got := next(wal.Options{}); got <= 1_000_001 {
		t.Errorf("with an older counter beside the newer comes %d, want more than a million", got)
	}
}

func TestLockKeepsASecondProcessOut(t *testing.T) {
	fsys := vfs.NewMem()
	l := open(t, fsys, wal.Options{})
	if _, err := wal.Open("wal", wal.Options{FS: fsys}); !errors.Is(err, vfs.ErrLocked) {
		t.Errorf("second Open: %v, want ErrLocked", err)
	}
	check(t, l.Close())
	check(t, open(t, fsys, wal.Options{}).Close())
}

func TestUseAfterClose(t *testing.T) {
	l := open(t, vfs.NewMem(), wal.Options{})
	w := begin(t, l)
	if err := l.Remove(w.Generation()); err == nil {
		t.Error("a generation that is being written was removed")
	}
	check(t, l.Close())
	_, appended := w.Append(oneLine("a", "x"), wal.Memory)
	_, began := l.Begin()
	for what, err := range map[string]error{
		"append": appended, "append streams": w.AppendStreams("a", nil), "sync": w.Sync(), "close writer": w.Close(),
		"begin": began, "remove": l.Remove(1), "close log": l.Close(),
	} {
		if !errors.Is(err, wal.ErrClosed) {
			t.Errorf("%s after Close: %v, want ErrClosed", what, err)
		}
	}
}

func TestTooLarge(t *testing.T) {
	fsys := vfs.NewMem()
	l := open(t, fsys, wal.Options{MaxRecord: 1000})
	w := begin(t, l)
	for _, n := range []int{1000, 100_000} {
		if _, err := w.Append(oneLine("a", strings.Repeat("x", n)), wal.Disk); !errors.Is(err, wal.ErrTooLarge) {
			t.Errorf("a line of %d bytes: %v, want ErrTooLarge", n, err)
		}
	}
	_, err := w.Append(oneLine("a", strings.Repeat("x", 900)), wal.Disk)
	check(t, err)
	check(t, l.Close())
	if got, _ := replayAll(t, fsys, wal.Options{MaxRecord: 1000}); len(got[1]) != 1 {
		t.Errorf("replayed %d records, want 1", len(got[1]))
	}
}

func TestSeveralGenerationsAreWrittenAtOnce(t *testing.T) {
	fsys := vfs.NewMem()
	l := open(t, fsys, wal.Options{})
	older, newer := begin(t, l), begin(t, l)
	for i := range 4 {
		w := older
		if i%2 == 1 {
			w = newer
		}
		_, err := w.Append(oneLine("a", fmt.Sprint(i)), wal.Disk)
		check(t, err)
	}
	check(t, older.Close())
	check(t, l.Remove(older.Generation()))
	_, err := newer.Append(oneLine("a", "4"), wal.Disk)
	check(t, err)
	check(t, l.Close())
	got, _ := replayAll(t, fsys, wal.Options{})
	if keys := slices.Collect(maps.Keys(got)); !slices.Equal(keys, []uint64{newer.Generation()}) || len(got[newer.Generation()]) != 3 {
		t.Errorf("found %v, want three records of generation %d", got, newer.Generation())
	}
}

// A removal that is cut anywhere leaves all of a generation or nothing, and once
// it returned nothing.
func TestRemovalIsAtomic(t *testing.T) {
	for seed := range seeds.Few(t, 500) {
		rnd := rand.New(rand.NewPCG(seed, 0))
		mem := vfs.NewMem()
		steps := math.MaxInt
		fsys := vfs.NewFaulty(mem, func(vfs.Op, string) error {
			if steps--; steps < 0 {
				return errors.New("power is going")
			}
			return nil
		})
		l := open(t, fsys, wal.Options{FileSize: 1})
		w := begin(t, l)
		for i := range 4 {
			_, err := w.Append(oneLine("a", fmt.Sprint(i)), wal.Disk)
			check(t, err)
		}
		check(t, w.Close())
		steps = rnd.IntN(14)
		removed := l.Remove(1) == nil

		got, stats := replayAll(t, mem.Crash(rnd), wal.Options{})
		switch n := len(got[1]); {
		case n != 0 && n != 4:
			t.Fatalf("seed %d: %d of 4 records are left", seed, n)
		case removed && n > 0:
			t.Fatalf("seed %d: a removed generation came back", seed)
		case n == 4 && stats[0].DamageCount > 0:
			t.Fatalf("seed %d: damage %v", seed, stats[0].Damage)
		}
	}
}
