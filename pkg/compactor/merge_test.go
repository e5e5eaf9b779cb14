package compactor

import (
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"github.com/skaldlogs/skald/pkg/seeds"
)

// A merge changes no answer, whatever the size of its slices.
func TestMergeKeepsAnswers(t *testing.T) {
	for seed := range seeds.Few(t, 40) {
		rnd := rand.New(rand.NewPCG(seed, 1))
		m := newMachine(t)
		m.slice = []int64{0, 3_000, 20_000}[rnd.IntN(3)]
		m.on()
		var all []row
		for range 2 + rnd.IntN(8) {
			rows := someRows(rnd, 1+rnd.IntN(100), epoch.Add(time.Duration(rnd.IntN(60))*time.Second), time.Minute)
			if len(all) > 0 { // copies in another segment
				rows = append(rows, all[rnd.IntN(len(all)):][:1]...)
			}
			all = append(all, rows...)
			m.flush("t", "i", rows, 1+rnd.IntN(100))
		}
		m.want("t", all)
		m.release()
		m.pass(true)
		live := m.live("t")
		if len(live) != 1 || live[0].Level != 2 {
			t.Fatalf("seed %d: %d segments are left, want one of level 2", seed, len(live))
		}
		if err := sameAnswer(m.read("t"), answerOf(all)); err != nil {
			t.Fatalf("seed %d, slices of %d: %v", seed, m.slice, err)
		}
		if got, want := live[0].Stats.Rows, int64(len(answerOf(all))); got != want {
			t.Errorf("seed %d: %d rows in the segment, want %d: duplicates are gone for good", seed, got, want)
		}
	}
}

// Slices may be as small as one instant.
func TestTinySlices(t *testing.T) {
	rnd := rand.New(rand.NewPCG(1, 6))
	m := newMachine(t)
	m.slice = 1
	m.on()
	a, b := someRows(rnd, 30, epoch, time.Minute), someRows(rnd, 30, epoch, time.Minute)
	m.flush("t", "i", a, 10)
	m.flush("t", "i", b, 10)
	m.release()
	m.pass(true)
	m.want("t", slices.Concat(a, b))
}

// The rows of one instant stay together however small a slice is.
func TestCut(t *testing.T) {
	for _, tc := range []struct {
		name  string
		times []int64
		last  int64
		ok    bool
	}{
		{"nothing", nil, 0, false},
		{"one instant", []int64{5, 5, 5}, 0, false},
		{"two", []int64{5, 6}, 5, true},
		{"most at the end", []int64{1, 9, 9, 9}, 1, true},
		{"most at the start", []int64{1, 1, 1, 9}, 1, true},
		{"halves", []int64{4, 1, 3, 2}, 3, true},
	} {
		var r rows
		for _, ts := range tc.times {
			b := batchOf(ts)
			r.add(0, b, 0)
		}
		last, ok := r.cut()
		if last != tc.last || ok != tc.ok {
			t.Errorf("%s: cut at %d, %t, want %d, %t", tc.name, last, ok, tc.last, tc.ok)
		}
		kept := 0
		for _, ts := range tc.times {
			if !tc.ok || ts <= tc.last {
				kept++
			}
		}
		if len(r.rows) != kept {
			t.Errorf("%s: %d rows are left, want %d", tc.name, len(r.rows), kept)
		}
	}
}

// Merged segments and their sources are such that nothing falls back.
func TestMergeKeepsSources(t *testing.T) {
	m := newMachine(t)
	rnd := rand.New(rand.NewPCG(1, 2))
	for _, ingester := range []string{"a", "b", "a", "a"} {
		m.flush("t", ingester, someRows(rnd, 20, epoch, time.Minute), 10)
	}
	m.release()
	m.pass(true)
	got := map[string]uint64{}
	for _, g := range m.live("t")[0].Sources {
		got[g.Ingester] = g.ID
	}
	if len(got) != 2 || got["a"] != 3 || got["b"] != 1 {
		t.Errorf("sources %v, want a 3 and b 1", got)
	}
}

// Generations of several ingesters say nothing about each other: a merged
// segment must not come after what one of them flushes later.
func TestOrderOfSeveralIngesters(t *testing.T) {
	m := newMachine(t)
	m.next["j"] = 1000
	var all []row
	for n, ingester := range []string{"i", "j", "i"} {
		rows := []row{{labels: testStreams[0], ts: epoch.UnixNano(), line: string(rune('a' + n))}}
		if ingester == "j" {
			rows[0].ts++
		}
		all = append(all, rows...)
		m.flush("t", ingester, rows, 10)
		m.release()
		m.pass(true)
		m.want("t", all)
	}
}

// What an ingester still holds is left alone, and keeps those before it apart
// from those after it.
func TestUnreleasedStaysAndSeparates(t *testing.T) {
	m := newMachine(t)
	var all []row
	for n := range 5 {
		rows := []row{{labels: testStreams[0], ts: epoch.UnixNano(), line: string(rune('a' + n))}}
		all = append(all, rows...)
		e := m.flush("t", "i", rows, 10)
		if n == 2 {
			continue
		}
		if err := m.store.Catalog().Release(t.Context(), "t", e.ID); err != nil {
			t.Fatal(err)
		}
	}
	m.pass(true)
	if got := len(m.live("t")); got != 3 {
		t.Errorf("%d segments, want three: two merged ones and the one between", got)
	}
	m.want("t", all)
	m.release()
	m.pass(true)
	if got := len(m.live("t")); got != 1 {
		t.Errorf("%d segments once all are released, want one", got)
	}
	m.want("t", all)
}

// Segments and their blocks stay within their bounds, and each stream lies
// together.
func TestBlocksOfAMerge(t *testing.T) {
	m := newMachine(t)
	rnd := rand.New(rand.NewPCG(1, 4))
	var all []row
	for n := range 12 {
		rows := someRows(rnd, 300, epoch.Add(time.Duration(n)*time.Minute), time.Minute)
		all = append(all, rows...)
		m.flush("t", "i", rows, 25)
	}
	m.release()
	m.pass(true)
	m.want("t", all)
	live := m.live("t")
	if live[0].Stats.Blocks != 3 {
		t.Errorf("%d blocks, want one for each group", live[0].Stats.Blocks)
	}
	held, err := m.store.Hold(t.Context(), "t", idsOf(live))
	if err != nil {
		t.Fatal(err)
	}
	defer held.Close()
	for _, b := range held.Segments[0].Blocks() {
		streams := map[uint32]bool{}
		for _, run := range b.Runs {
			if streams[run.Stream] {
				t.Errorf("stream %d has two runs in a block", run.Stream)
			}
			streams[run.Stream] = true
		}
	}
}

// A damaged segment is left out, and the others are merged without it.
func TestDamagedInput(t *testing.T) {
	m := newMachine(t)
	rnd := rand.New(rand.NewPCG(1, 5))
	var sound []row
	for n := range 4 {
		rows := someRows(rnd, 50, epoch.Add(time.Duration(n)*time.Minute), time.Minute)
		e := m.flush("t", "i", rows, 100)
		if n == 1 {
			damage(t, m.bucket, e.Object, 30)
			continue
		}
		sound = append(sound, rows...)
	}
	m.release()
	m.pass(true)
	live := m.live("t")
	if len(live) != 2 {
		t.Fatalf("%d segments, want the merged one and the damaged one\n%s", len(live), &m.log)
	}
	// The damaged one was in nobody's way: it overlaps none of the others.
	m.pass(true)
	if again := m.live("t"); !slices.Equal(idsOf(again), idsOf(live)) {
		t.Error("a second pass changed something")
	}
	if live[1].Stats.Rows != int64(len(answerOf(sound))) {
		t.Errorf("%d rows were merged, want %d", live[1].Stats.Rows, len(answerOf(sound)))
	}
}

// Parts that share streams, over however many others, are read together.
func TestPacks(t *testing.T) {
	m := newMachine(t)
	rows := func(streams ...int) (out []row) {
		for _, s := range streams {
			out = append(out, row{labels: testStreams[3*s], ts: epoch.UnixNano(), line: "line"})
		}
		return out
	}
	m.flush("t", "i", rows(0), 10)
	m.flush("t", "i", rows(1, 2), 10)
	m.flush("t", "i", rows(3), 10)
	m.flush("t", "i", rows(0, 3), 10)
	m.release()
	held, err := m.store.Hold(t.Context(), "t", idsOf(m.live("t")))
	if err != nil {
		t.Fatal(err)
	}
	defer held.Close()
	keepFrom, err := m.compactor.keepFrom("t")
	if err != nil {
		t.Fatal(err)
	}
	mg := newMerge(&job{tenant: "t", inputs: m.live("t"), level: 1}, held, keepFrom)
	sizes := func() (out []int) {
		for _, pack := range mg.packs(mg.groups["app-0"]) {
			out = append(out, len(pack))
		}
		return out
	}
	if got := sizes(); !slices.Equal(got, []int{4}) {
		t.Errorf("packs of %v parts, want one of 4: all fit into a slice", got)
	}
	mg.slice = 1
	if got := sizes(); !slices.Equal(got, []int{1, 3}) {
		t.Errorf("packs of %v parts, want 1 and 3", got)
	}
}
