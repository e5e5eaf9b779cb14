package ingester

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/prometheus/prometheus/model/labels"

	"github.com/skaldlogs/skald/pkg/limits"
	"github.com/skaldlogs/skald/pkg/model"
	"github.com/skaldlogs/skald/pkg/scan"
	"github.com/skaldlogs/skald/pkg/seeds"
	"github.com/skaldlogs/skald/pkg/vfs"
)

func TestRowsAreReadableAtEveryStation(t *testing.T) {
	m := newRig(t, vfs.NewMem(), nil)
	m.mustOn()
	m.mustPush("t", streamOf(`{app="a"}`, entry(1, "one"), entry(3, "three", "k", "v")), streamOf(`{app="b"}`, entry(2, "two", "k", "v")))
	m.mustPush("u", streamOf(`{app="a"}`, entry(1, "other")))
	want := []string{`{app="a"} 1 one`, `{app="a"} 3 three k=v`, `{app="b"} 2 two k=v`}
	m.wantRows("t", want...)

	if err := m.ing.Flush(t.Context()); err != nil {
		t.Fatal(err)
	}
	m.wantRows("t", want...)
	m.wantRows("u", `{app="a"} 1 other`)
	if n := m.ing.memory.bytes.Load(); n > 3*registryOverhead+1000 {
		t.Errorf("%d bytes are still accounted for after the flush", n)
	}

	m.mustPush("t", streamOf(`{app="a"}`, entry(4, "four")))
	want = append(want, `{app="a"} 4 four`)
	m.wantRows("t", want...)
	m.off()
	m.mustOn()
	m.wantRows("t", want...)
	if err := m.ing.Flush(t.Context()); err != nil {
		t.Fatal(err)
	}
	m.wantRows("t", want...)
	if n := len(m.ing.log.Generations()); n != 0 {
		t.Errorf("%d generations of the log are left after the flush", n)
	}
	if left := m.store.Catalog().Unreleased("test"); len(left) > 0 {
		t.Errorf("%d entries are not released", len(left))
	}
}

func TestMatchersAndIntervals(t *testing.T) {
	m := newRig(t, vfs.NewMem(), nil)
	m.mustOn()
	check := func() {
		t.Helper()
		in, among := model.Interval{Mint: 2, Maxt: 3}, labels.MustNewMatcher(labels.MatchRegexp, "app", "a|c")
		got, err := m.tryRead("t", in, among)
		if err != nil {
			t.Fatal(err)
		}
		if want := []string{`{app="a"} 2 x`, `{app="a"} 3 x`, `{app="c"} 3 x`}; !slices.Equal(got, want) {
			t.Errorf("got %q, want %q", got, want)
		}
		// The same of a snapshot that has more, and of it no column.
		s, err := m.ing.Open(t.Context(), &scan.Request{Tenant: "t", Matchers: []*labels.Matcher{among}, Interval: model.Interval{Mint: 1, Maxt: 3}})
		if err != nil {
			t.Fatal(err)
		}
		defer s.Close()
		for n := range s.Directory().Blocks {
			b, err := s.Read(t.Context(), n, scan.Want{Interval: model.Interval{Mint: 2, Maxt: 9}})
			if err != nil {
				t.Fatal(err)
			}
			if len(b.Timestamps) != 3 || slices.Max(b.Timestamps) != 3 || slices.Min(b.Timestamps) != 2 || b.Lines != nil || b.Metadata != nil || b.Sizes != nil {
				t.Errorf("read %+v", b)
			}
		}
		req := &scan.Request{Tenant: "t", Interval: model.Interval{Mint: 4, Maxt: 9}}
		if series, _ := m.ing.Series(t.Context(), req); m.ing.current.raw.Load() > 0 && (len(series) != 1 || series[0].String() != `{app="a"}`) {
			t.Errorf("series of the last instant: %v", series)
		}
	}
	m.mustPush("t",
		streamOf(`{app="a"}`, entry(1, "x"), entry(2, "x"), entry(3, "x"), entry(4, "x")),
		streamOf(`{app="b"}`, entry(2, "x")), streamOf(`{app="c"}`, entry(3, "x")))
	check()
	if err := m.ing.Flush(t.Context()); err != nil {
		t.Fatal(err)
	}
	check()
}

func TestTooFarBehind(t *testing.T) {
	hour := int64(time.Hour)
	m := newRig(t, vfs.NewMem(), nil)
	m.mustOn()
	m.mustPush("t", streamOf(`{app="a"}`, entry(10*hour, "newest")))
	behind := func() {
		t.Helper()
		r, err := m.push("t", streamOf(`{app="a"}`, entry(9*hour, "an hour"), entry(9*hour-1, "more"), entry(8*hour, "much more"), entry(10*hour, "on")))
		if err != nil {
			t.Fatal(err)
		}
		if len(r.Rejections) != 1 || r.Rejections[0].Reason != "too_far_behind" || r.Rejections[0].Entries != 2 ||
			!strings.Contains(r.Rejections[0].Text, "entry too far behind") || !strings.HasSuffix(r.Rejections[0].Text, `user 't', total ignored: 2 out of 4 for stream: {app="a"}`) {
			t.Errorf("rejections %+v", r.Rejections)
		}
	}
	behind()
	m.mustPush("t", streamOf(`{app="b"}`, entry(8*hour, "another stream")))
	// The newest timestamp survives the generation, and the restart.
	if err := m.ing.Flush(t.Context()); err != nil {
		t.Fatal(err)
	}
	behind()
	if err := m.ing.Flush(t.Context()); err != nil {
		t.Fatal(err)
	}
	if err := m.ing.Flush(t.Context()); err != nil {
		t.Fatal(err)
	}
	m.off()
	m.mustOn()
	behind()
}

func TestUnorderedWritesOff(t *testing.T) {
	m := newRig(t, vfs.NewMem(), func(_ *Config, l *limits.Limits) { l.UnorderedWrites = false })
	m.mustOn()
	r, err := m.push("t", streamOf(`{app="a"}`, entry(5, "five"), entry(4, "four"), entry(5, "also five")))
	if err != nil || len(r.Rejections) != 1 || r.Rejections[0].Reason != "out_of_order" {
		t.Fatalf("%v, %+v", err, r.Rejections)
	}
	m.wantRows("t", `{app="a"} 5 also five`, `{app="a"} 5 five`)
}

func TestLimitsOfStreams(t *testing.T) {
	m := newRig(t, vfs.NewMem(), func(_ *Config, l *limits.Limits) {
		l.MaxGlobalStreamsPerUser = 2
		l.PerStreamRateLimit, l.PerStreamRateLimitBurst = 10, 20
	})
	var clock atomic.Int64
	clock.Store(time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC).UnixNano())
	m.now = func() time.Time { return time.Unix(0, clock.Load()) }
	m.mustOn()
	m.mustPush("t", streamOf(`{app="a"}`, entry(1, "x")), streamOf(`{app="b"}`, entry(1, "x")))
	refused := func(reason string, s model.Stream) {
		t.Helper()
		r, err := m.push("t", streamOf(`{app="a"}`, entry(2, "y")), s)
		if err != nil || len(r.Rejections) != 1 || r.Rejections[0].Reason != reason || r.Rejections[0].Class != model.Limited || r.Rejections[0].Stream != 1 {
			t.Errorf("%v, %+v", err, r.Rejections)
		}
	}
	refused("stream_limit", streamOf(`{app="c"}`, entry(1, "x")))
	refused("per_stream_rate_limit", streamOf(`{app="b"}`, entry(3, "more than twenty bytes in a line")))
	m.mustPush("u", streamOf(`{app="c"}`, entry(1, "x"))) // another tenant has limits of its own

	// A stream is active until it has been idle for long enough; a restart in
	// between does not make it idle.
	clock.Add(int64(20 * time.Minute))
	m.mustPush("t", streamOf(`{app="a"}`, entry(3, "z")))
	m.off()
	m.mustOn()
	refused("stream_limit", streamOf(`{app="c"}`, entry(1, "x")))
	clock.Add(int64(31 * time.Minute))
	m.mustPush("t", streamOf(`{app="a"}`, entry(4, "z")))
	clock.Add(1)
	m.ing.forgetIdle()
	m.mustPush("t", streamOf(`{app="c"}`, entry(1, "x")))
}

func TestTenantsAreForgotten(t *testing.T) {
	m := newRig(t, vfs.NewMem(), nil)
	var clock atomic.Int64
	clock.Store(time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC).UnixNano())
	m.now = func() time.Time { return time.Unix(0, clock.Load()) }
	m.mustOn()
	for n := range 100 {
		m.mustPush(fmt.Sprintf("t%d", n), streamOf(`{app="a"}`, entry(1, "x")))
	}
	clock.Add(int64(time.Hour))
	m.ing.forgetIdle()
	if _, n := m.ing.tenants.find("t0"); n != 100 {
		t.Errorf("%d tenants are known while all have rows", n)
	}
	if err := m.ing.Flush(t.Context()); err != nil {
		t.Fatal(err)
	}
	m.ing.forgetIdle()
	if _, n := m.ing.tenants.find("t0"); n != 0 {
		t.Errorf("%d tenants are known that have neither streams nor rows", n)
	}
	if n := m.ing.memory.bytes.Load(); n != 0 {
		t.Errorf("%d bytes are accounted for when there is nothing", n)
	}
	m.mustPush("t0", streamOf(`{app="a"}`, entry(2, "y")))
	m.wantRows("t0", `{app="a"} 1 x`, `{app="a"} 2 y`)
}

func TestExactDuplicatesCountOnce(t *testing.T) {
	m := newRig(t, vfs.NewMem(), nil)
	m.mustOn()
	s := streamOf(`{app="a"}`, entry(1, "x", "k", "v"), entry(1, "x"), entry(1, "x", "k", "v"), entry(1, "x", "k", "w"), entry(1, "y"))
	m.mustPush("t", s)
	m.mustPush("t", s)
	want := []string{`{app="a"} 1 x`, `{app="a"} 1 x k=v`, `{app="a"} 1 x k=w`, `{app="a"} 1 y`}
	m.wantRows("t", want...)
	if err := m.ing.Flush(t.Context()); err != nil {
		t.Fatal(err)
	}
	m.wantRows("t", want...)
}

func TestAck(t *testing.T) {
	for _, tc := range []struct {
		sync       string
		want, gets model.Ack
	}{
		{"group", model.AckMemory, model.AckDisk},
		{"group", model.AckDisk, model.AckDisk},
		{"interval", model.AckMemory, model.AckMemory},
		{"interval", model.AckDisk, model.AckDisk},
		{"off", model.AckMemory, model.AckMemory},
		{"off", model.AckDisk, model.AckDisk},
	} {
		m := newRig(t, vfs.NewMem(), func(c *Config, _ *limits.Limits) {
			if err := c.WAL.Sync.Set(tc.sync); err != nil {
				t.Fatal(err)
			}
		})
		m.mustOn()
		r, err := m.ing.Push(t.Context(), &model.Batch{Tenant: "t", Streams: []model.Stream{streamOf(`{a="b"}`, entry(1, "x"))}}, tc.want)
		if err != nil || r.Ack != tc.gets {
			t.Errorf("sync %s, wanted %s: got %s, %v", tc.sync, tc.want, r.Ack, err)
		}
	}
	m := newRig(t, vfs.NewMem(), func(c *Config, _ *limits.Limits) { c.WAL.Enabled = false })
	m.mustOn()
	b := &model.Batch{Tenant: "t", Streams: []model.Stream{streamOf(`{a="b"}`, entry(1, "x"))}}
	if r, err := m.ing.Push(t.Context(), b, model.AckMemory); err != nil || r.Ack != model.AckMemory {
		t.Errorf("without a log: %s, %v", r.Ack, err)
	}
	if _, err := m.ing.Push(t.Context(), b, model.AckDisk); !errors.Is(err, ErrNotDurable) {
		t.Errorf("without a log, disk was promised: %v", err)
	}
	m.off() // without a log, a stop is a flush
	m.mustOn()
	m.wantRows("t", `{a="b"} 1 x`)
}

// lines makes n distinguishable lines of about a hundred bytes.
func lines(first int64, n int) []model.Entry {
	out := make([]model.Entry, n)
	for i := range out {
		ts := first + int64(i)
		out[i] = entry(ts, fmt.Sprintf("line %d %s", ts, strings.Repeat(fmt.Sprintf("%x ", ts*0x9E3779B97F4A7C), 5)), "detected_level", "info")
	}
	return out
}

func TestMemoryIsBounded(t *testing.T) {
	var bucketDown atomic.Bool
	bucketDown.Store(true)
	m := newRig(t, vfs.NewFaulty(vfs.NewMem(), func(op vfs.Op, name string) error {
		if bucketDown.Load() && op == vfs.OpRename && strings.Contains(name, "bucket") {
			return errors.New("bucket is down")
		}
		return nil
	}), func(c *Config, _ *limits.Limits) { c.MemoryLimit = 8 << 20 })
	m.mustOn()
	var accepted int
	var err error
	for ts := int64(0); accepted < 1e6; ts += 1000 {
		if _, err = m.push("t", streamOf(`{app="a"}`, lines(ts, 1000)...)); err != nil {
			break
		}
		accepted += 1000
	}
	if !errors.Is(err, ErrOverloaded) {
		t.Fatalf("after %d rows: %v, want a refusal", accepted, err)
	}
	if n := m.ing.memory.bytes.Load(); n > 12<<20 {
		t.Errorf("%d bytes in memory, the bound is %d", n, 8<<20)
	}
	if got := len(m.read("t")); got != accepted {
		t.Errorf("%d rows are readable, %d were acknowledged", got, accepted)
	}
	bucketDown.Store(false)
	if err := m.ing.Flush(t.Context()); err != nil {
		t.Fatal(err)
	}
	m.mustPush("t", streamOf(`{app="a"}`, lines(1e9, 1000)...))
	if got := len(m.read("t")); got != accepted+1000 {
		t.Errorf("%d rows are readable, %d were acknowledged", got, accepted+1000)
	}
}

func TestNoTenantTakesTheShareOfOthers(t *testing.T) {
	m := &memory{limit: 1000}
	m.bytes.Store(499)
	if m.refuses(499, 2) {
		t.Error("refused without need")
	}
	m.bytes.Store(600)
	if !m.refuses(550, 2) || m.refuses(50, 2) {
		t.Error("under pressure it is not the larger tenant that waits")
	}
	if m.refuses(600, 1) {
		t.Error("a tenant alone may take all")
	}
	m.bytes.Store(1000)
	if !m.refuses(1, 2) {
		t.Error("the bound is not one")
	}
}

func TestReplayOfALogLargerThanMemory(t *testing.T) {
	fs := vfs.NewMem()
	m := newRig(t, fs, nil)
	m.mustOn()
	const rows = 60_000
	for ts := int64(0); ts < rows; ts += 1000 {
		m.mustPush("t", streamOf(`{app="a"}`, lines(ts, 500)...), streamOf(fmt.Sprintf(`{app="b", pod="%d"}`, ts), lines(ts+500, 500)...))
	}
	before := m.read("t")
	m.off()

	m.cfg.MemoryLimit = 3 << 20 // raw, the rows take more than twice that
	m.failAt(func(point string) error { return errors.New("no flush, so that replay has to fit by itself") })
	m.mustOn()
	if n := m.ing.memory.bytes.Load(); n > 3<<20 {
		t.Errorf("replay left %d bytes in memory, the bound is %d", n, 3<<20)
	}
	if m.ing.frozen[0].spill == nil {
		t.Error("nothing was moved out of memory: the test shows nothing")
	}
	if got := m.read("t"); !slices.Equal(got, before) {
		t.Errorf("%d rows after the replay, %d before", len(got), len(before))
	}
	m.failAt(nil)
	if err := m.ing.Flush(t.Context()); err != nil {
		t.Fatal(err)
	}
	if got := m.read("t"); !slices.Equal(got, before) {
		t.Errorf("%d rows after the flush, %d before", len(got), len(before))
	}
	if left, _ := fs.ReadDir("data/cache/spill"); len(left) > 0 {
		t.Errorf("spill files are left: %v", left)
	}
}

func TestDiskFull(t *testing.T) {
	fs := vfs.NewFaulty(vfs.NewMem(), nil)
	m := newRig(t, fs, nil)
	m.mustOn()
	m.mustPush("t", streamOf(`{app="a"}`, entry(1, "before")))
	fs.SetBudget(0)
	for range 3 {
		if _, err := m.push("t", streamOf(`{app="a"}`, entry(2, "lost"))); !errors.Is(err, ErrNotDurable) || !errors.Is(err, syscall.ENOSPC) {
			t.Fatalf("push to a full disk: %v", err)
		}
	}
	m.wantRows("t", `{app="a"} 1 before`)
	fs.SetBudget(1 << 40)
	m.mustPush("t", streamOf(`{app="a"}`, entry(3, "after")))
	m.wantRows("t", `{app="a"} 1 before`, `{app="a"} 3 after`)
	m.off()
	m.mustOn()
	m.wantRows("t", `{app="a"} 1 before`, `{app="a"} 3 after`)
}

// TestCrash drives random histories of pushes, flushes and power cuts. After
// each cut, what was acknowledged is there exactly once; what was not is there
// once or not at all.
func TestCrash(t *testing.T) {
	few := 60
	if testing.Short() {
		few = 10
	}
	for seed := range seeds.Few(t, few) {
		t.Run(fmt.Sprintf("seed=%d", seed), func(t *testing.T) {
			t.Parallel()
			crashHistory(t, seed)
		})
	}
}

func crashHistory(t *testing.T, seed uint64) {
	rnd := rand.New(rand.NewPCG(seed, 7))
	mem := vfs.NewMem()
	acked, maybe := map[string]bool{}, map[string]bool{}
	ts := int64(0)
	for range 6 {
		m := newRig(t, mem, nil)
		// The steps of a flush at which the power is cut.
		var steps atomic.Int64
		cutAt, began := int64(rnd.IntN(12)), uint64(ts)
		var crashed *vfs.Mem
		var mu sync.Mutex
		m.failAt(func(string) error {
			if steps.Add(1) == cutAt {
				mu.Lock()
				crashed = mem.Crash(rand.New(rand.NewPCG(seed, began)))
				mu.Unlock()
				return errors.New("power cut")
			}
			return nil
		})
		if err := m.on(); err != nil {
			t.Fatalf("%v\n%s", err, &m.log)
		}
		for range 1 + rnd.IntN(8) {
			if rnd.IntN(4) == 0 {
				_ = m.ing.Flush(t.Context())
			}
			mu.Lock()
			cut := crashed != nil
			mu.Unlock()
			if cut {
				break
			}
			tenant := fmt.Sprintf("t%d", rnd.IntN(3))
			var entries []model.Entry
			text := fmt.Sprintf(`{app="%d"}`, rnd.IntN(3))
			var rows []string
			for range 1 + rnd.IntN(20) {
				ts++
				entries = append(entries, entry(ts, fmt.Sprintf("line %d", ts)))
				rows = append(rows, fmt.Sprintf("%s/%s %d line %d", tenant, text, ts, ts))
			}
			_, err := m.push(tenant, streamOf(text, entries...))
			mu.Lock()
			cut = crashed != nil // the flusher may have been at work
			mu.Unlock()
			into := acked
			if err != nil || cut {
				into = maybe
			}
			for _, r := range rows {
				into[r] = true
			}
		}
		mu.Lock()
		next := crashed
		mu.Unlock()
		if next == nil {
			next = mem.Crash(rnd)
		}
		m.off() // this process is dead to the crashed file system
		mem = next
	}
	m := newRig(t, mem, nil)
	m.mustOn()
	check := func(when string) {
		t.Helper()
		seen := map[string]int{}
		for n := range 3 {
			tenant := fmt.Sprintf("t%d", n)
			for _, r := range m.read(tenant) {
				seen[tenant+"/"+r]++
			}
		}
		for r := range acked {
			if seen[r] != 1 {
				t.Errorf("%s: %q was acknowledged and is there %d times", when, r, seen[r])
			}
		}
		for r, n := range seen {
			if n > 1 || !acked[r] && !maybe[r] {
				t.Errorf("%s: %q is there %d times, pushed: %v", when, r, n, maybe[r])
			}
		}
	}
	check("after the last crash")
	if err := m.ing.Flush(t.Context()); err != nil {
		t.Fatal(err)
	}
	check("after a flush")
}

// TestCrashAtEveryStep cuts the power at each step of a flush of three tenants,
// between tenants too, and then at each step of the flush after the restart.
func TestCrashAtEveryStep(t *testing.T) {
	want := map[string][]string{}
	tenants := []string{"a", "b", "c"}
	setUp := func(m *rig) {
		for n, tenant := range tenants {
			m.mustPush(tenant, streamOf(`{app="x"}`, entry(int64(n+1), "one", "k", "v")), streamOf(`{app="y"}`, entry(int64(n+1), "two")))
			want[tenant] = []string{fmt.Sprintf(`{app="x"} %d one k=v`, n+1), fmt.Sprintf(`{app="y"} %d two`, n+1)}
		}
	}
	check := func(m *rig, when string) {
		t.Helper()
		for _, tenant := range tenants {
			if got := m.read(tenant); !slices.Equal(got, want[tenant]) {
				t.Fatalf("%s: tenant %s has %q, want %q\n%s", when, tenant, got, want[tenant], &m.log)
			}
		}
	}
	// cut runs a flush and returns what the power cut at step k leaves, or nil
	// when the flush has fewer steps.
	cut := func(m *rig, fs *vfs.Mem, k int64, seed uint64) *vfs.Mem {
		var left *vfs.Mem
		var step atomic.Int64
		m.failAt(func(point string) error {
			if step.Add(1) == k {
				left = fs.Crash(rand.New(rand.NewPCG(seed, uint64(k))))
				return errors.New("power cut at " + point)
			}
			if step.Load() > k {
				return errors.New("there is no power")
			}
			return nil
		})
		_ = m.ing.Flush(t.Context())
		return left
	}
	steps := 0
	for seed := range seeds.Few(t, 3) {
		for first := int64(1); ; first++ {
			fs := vfs.NewMem()
			m := newRig(t, fs, nil)
			m.mustOn()
			setUp(m)
			left := cut(m, fs, first, seed)
			m.off()
			if left == nil {
				break
			}
			steps++
			for second := int64(1); ; second++ {
				again := left.Crash(rand.New(rand.NewPCG(seed, 99)))
				m := newRig(t, again, nil)
				m.failAt(func(string) error { return errors.New("not yet") }) // the flusher of the start waits
				m.mustOn()
				check(m, fmt.Sprintf("cut at step %d, restarted", first))
				after := cut(m, again, second, seed)
				m.off()
				if after == nil {
					break
				}
				m = newRig(t, after, nil)
				m.mustOn()
				check(m, fmt.Sprintf("cut at step %d, then at %d, restarted", first, second))
				if err := m.ing.Flush(t.Context()); err != nil {
					t.Fatal(err)
				}
				check(m, "flushed at last")
				m.off()
			}
		}
	}
	if steps < 3*9 {
		t.Errorf("%d steps were cut, there must be more", steps)
	}
}

// TestQueriesDuringFlushes counts without pause while generations are frozen
// and flushed under load: never less than was acknowledged before the query,
// never more than was pushed when it ended, and no row twice.
func TestQueriesDuringFlushes(t *testing.T) {
	m := newRig(t, vfs.NewMem(), func(c *Config, _ *limits.Limits) { c.GenerationBytes = 20 << 10 })
	m.mustOn()
	const pushes, perPush = 300, 20
	var acked, sent atomic.Int64
	var wg sync.WaitGroup
	stop := make(chan struct{})
	wg.Go(func() {
		defer close(stop)
		for n := range pushes {
			sent.Add(perPush)
			m.mustPush("t", streamOf(fmt.Sprintf(`{app="%d"}`, n%5), lines(int64(n*perPush), perPush)...))
			acked.Add(perPush)
		}
	})
	wg.Go(func() {
		for {
			select {
			case <-stop:
				return
			default:
				_ = m.ing.Flush(context.Background())
			}
		}
	})
	for range 2 {
		wg.Go(func() {
			for {
				atLeast := acked.Load()
				rows, err := m.tryRead("t", model.Ever)
				if err != nil {
					t.Error(err)
					return
				}
				if n := int64(len(rows)); n < atLeast || n > sent.Load() {
					t.Errorf("%d rows, want %d to %d", n, atLeast, sent.Load())
				}
				if len(slices.Compact(rows)) != len(rows) {
					t.Error("a row came twice")
				}
				select {
				case <-stop:
					return
				default:
				}
			}
		})
	}
	wg.Wait()
	if got := len(m.read("t")); got != pushes*perPush {
		t.Errorf("%d rows at the end, want %d", got, pushes*perPush)
	}
}

func TestStopFinishesPushes(t *testing.T) {
	m := newRig(t, vfs.NewMem(), nil)
	m.mustOn()
	var acked atomic.Int64
	var wg sync.WaitGroup
	ing := m.ing
	for n := range 4 {
		wg.Go(func() {
			for i := int64(0); ; i++ {
				_, err := ing.Push(context.Background(), &model.Batch{Tenant: "t", Streams: []model.Stream{streamOf(fmt.Sprintf(`{app="%d"}`, n), entry(i, "x"))}}, model.AckMemory)
				if errors.Is(err, ErrNotRunning) {
					return
				}
				if err != nil {
					t.Error(err)
					return
				}
				acked.Add(1)
			}
		})
	}
	for acked.Load() < 100 {
	}
	m.off()
	wg.Wait()
	if _, err := ing.Push(context.Background(), &model.Batch{Tenant: "t"}, model.AckMemory); !errors.Is(err, ErrNotRunning) {
		t.Errorf("push after the stop: %v", err)
	}
	m.mustOn()
	if got := int64(len(m.read("t"))); got != acked.Load() {
		t.Errorf("%d rows after the restart, %d were acknowledged", got, acked.Load())
	}
}

func TestOneTenantDoesNotKeepTheOthers(t *testing.T) {
	var broken atomic.Bool
	broken.Store(true)
	m := newRig(t, vfs.NewFaulty(vfs.NewMem(), func(op vfs.Op, name string) error {
		if broken.Load() && op == vfs.OpRename && strings.Contains(name, "segments/bad/") {
			return errors.New("no segment for this one")
		}
		return nil
	}), nil)
	m.mustOn()
	for n := range 2 {
		for _, tenant := range []string{"aaa", "bad", "zzz"} {
			m.mustPush(tenant, streamOf(`{app="a"}`, entry(int64(n), "x")))
		}
		if err := m.ing.Flush(t.Context()); err == nil || !strings.Contains(err.Error(), "tenant bad") {
			t.Fatalf("flush %d: %v", n, err)
		}
	}
	for _, tenant := range []string{"aaa", "zzz"} {
		if n := len(m.store.Catalog().Snapshot(tenant).Entries); n != 2 {
			t.Errorf("tenant %s has %d segments, want 2", tenant, n)
		}
	}
	m.wantRows("bad", `{app="a"} 0 x`, `{app="a"} 1 x`)
	broken.Store(false)
	if err := m.ing.Flush(t.Context()); err != nil {
		t.Fatal(err)
	}
	for _, tenant := range []string{"aaa", "bad", "zzz"} {
		m.wantRows(tenant, `{app="a"} 0 x`, `{app="a"} 1 x`)
	}
	if n := m.ing.memory.bytes.Load(); n != m.ing.memory.streams.Load() {
		t.Errorf("%d bytes are held beside streams after the flush", n-m.ing.memory.streams.Load())
	}
}

func TestStreamsAloneAreNoPressure(t *testing.T) {
	m := &memory{limit: 1600}
	m.register(900)
	if m.pressed() {
		t.Error("pressed by what no flush gives back")
	}
	m.bytes.Add(350)
	if !m.pressed() {
		t.Error("half of what streams leave is taken, and that is no pressure")
	}
}
