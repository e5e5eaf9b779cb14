package querier

import (
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/prometheus/model/labels"

	"github.com/skaldlogs/skald/pkg/model"
	"github.com/skaldlogs/skald/pkg/scan"
	"github.com/skaldlogs/skald/pkg/seeds"
)

func TestMiner(t *testing.T) {
	for _, tc := range []struct {
		name  string
		lines []string // each n times, with its own number in it
		want  []string
	}{
		{"numbers", []string{"took %d ms"}, []string{"took <_> ms 40"}},
		{"words that differ", []string{"user ann logged in from host %d", "user bob logged in from host %d"}, []string{"user <_> logged in from host <_> 80"}},
		{"different statements", []string{"opened file %d", "connection to %d lost"}, []string{"connection to <_> lost 40", "opened file <_> 40"}},
		{"logfmt", []string{`level=info msg="it is so" n=%d`, `level=warn msg="it is so" n=%d`}, []string{`level=<_> msg="it is so" n=<_> 80`}},
		{"json", []string{`{"level":"info","n":%d}`}, []string{`{"level":"info","n":<_>} 40`}},
		{"access log", []string{`10.0.0.%d - - [14/Jan/2026:10:00:00 +0000] "GET / HTTP/1.1" 200 12`}, []string{`<_> - - [<_> <_>] "GET / <_>" <_> <_> 40`}},
		{"times within words", []string{"10:00:%d done: yes"}, []string{"<_> done: yes 40"}},
		{"what was taken out already", []string{"took <_> ms", "took %d ms"}, []string{"took <_> ms 80"}},
		{"empty", []string{""}, []string{" 40"}},
	} {
		m := newMiner(int64(time.Second))
		for n := range 40 {
			for _, l := range tc.lines {
				if strings.Contains(l, "%d") {
					l = fmt.Sprintf(l, n)
				}
				m.add("", l, 0, 1)
			}
		}
		var got []string
		for _, p := range m.patterns() {
			got = append(got, fmt.Sprint(p.Pattern, " ", p.Samples[0].Count))
		}
		if fmt.Sprint(got) != fmt.Sprint(tc.want) {
			t.Errorf("%s: got %q, want %q", tc.name, got, tc.want)
		}
	}
}

func TestPatternsTellLevelsAndStepsApart(t *testing.T) {
	m := newMiner(10e9)
	for n := range int64(40) {
		m.add("info", "tick", n*1e9, 1)
		m.add("error", "tick", n*1e9, 2)
		m.add("info", "rare", n*1e9, n/39) // 1 line
	}
	if got, want := fmt.Sprint(m.patterns()), "[{tick error [{0 20} {10 20} {20 20} {30 20}]} {tick info [{0 10} {10 10} {20 10} {30 10}]}]"; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
}

// TestMinersAgreeWhateverTheyShare: lines that several miners looked at have the
// counts that they have with one.
func TestMinersAgreeWhateverTheyShare(t *testing.T) {
	for seed := range seeds.Few(t, 50) {
		rng := rand.New(rand.NewPCG(seed, 1))
		one, into := newMiner(1e9), newMiner(1e9)
		parts := []*miner{newMiner(1e9), newMiner(1e9), newMiner(1e9)}
		for range 1000 {
			line := []string{"alpha beta gamma %d", "x=%d y=z", "[%d] done: all of it"}[rng.IntN(3)]
			line = fmt.Sprintf(line, rng.IntN(1000))
			ts := rng.Int64N(5e9)
			one.add("", line, ts, 1)
			parts[rng.IntN(3)].add("", line, ts, 1)
		}
		for _, p := range parts {
			into.merge(p)
		}
		if got, want := fmt.Sprint(into.patterns()), fmt.Sprint(one.patterns()); got != want {
			t.Fatalf("seed %d: got %s, want %s", seed, got, want)
		}
	}
}

// FuzzMiner looks for lines that are cut wrongly: the pieces of a line are the
// line, but for words with a digit.
func FuzzMiner(f *testing.F) {
	for _, line := range []string{"", "a b", "a::b c:", "\"a\":1,,", " \t x=\x00\xff", "<_>", strings.Repeat("a ", 400)} {
		f.Add(line)
	}
	f.Fuzz(func(t *testing.T, line string) {
		m := newMiner(1)
		m.add("l", line, -5, 30)
		if m.count > 1 {
			t.Fatalf("%d clusters of one line", m.count)
		}
		if m.count == 0 {
			return
		}
		m.add("l", line, 5, 1)
		got := m.patterns()
		if len(got) != 1 || len(got[0].Samples) != 2 {
			t.Fatalf("the same line twice: %v", got)
		}
		if !strings.ContainsAny(line, "0123456789") && got[0].Pattern != line {
			t.Errorf("got %q, want %q", got[0].Pattern, line)
		}
	})
}

func TestMinerIsBounded(t *testing.T) {
	m := newMiner(1)
	word := func(n int) string {
		return string(rune('a'+n%26)) + string(rune('a'+n/26%26)) + string(rune('a'+n/676))
	}
	for n := range 3 * maxClusters {
		// The delimiters differ, so that nothing goes together.
		m.add("", word(n)+strings.Repeat("=", 1+n/100)+strings.Repeat(",", 1+n%100), 0, 1)
	}
	if m.count != maxClusters {
		t.Errorf("%d clusters, want %d", m.count, maxClusters)
	}
	m = newMiner(1)
	for n := range 10 * maxSiblings {
		m.add("", word(n), 0, 1)
	}
	if m.count != maxSiblings {
		t.Errorf("%d clusters with the same delimiters, want %d", m.count, maxSiblings)
	}
	if m.add("", strings.Repeat("a ", maxPieces), 0, 1); m.count != maxSiblings {
		t.Error("a line of too many words was taken")
	}
}

func TestPatternsOfMemoryAndStore(t *testing.T) {
	f := newFixture(1)
	web := labels.FromStrings("app", "web")
	for n := range int64(20) {
		f.store.rows["t"] = append(f.store.rows["t"], row{web, n * 1e9, fmt.Sprintf("stored %d", n)})
		f.ingesters[0].rows["t"] = append(f.ingesters[0].rows["t"], row{web, n * 1e9, fmt.Sprintf("stored %d", n)}, row{web, n * 1e9, "too few"})
	}
	got, err := f.querier().Patterns(t.Context(), []string{"t"}, &scan.Request{Interval: model.Interval{Mint: 0, Maxt: 20e9 - 1}}, 10*time.Second)
	if want := "[{stored <_>  [{0 20} {10 20}]}]"; err != nil || fmt.Sprint(got) != want {
		t.Errorf("got %v, %v, want %s", got, err, want)
	}
	if f.store.closed != 1 || f.ingesters[0].closed != 1 {
		t.Errorf("closed %d and %d times", f.store.closed, f.ingesters[0].closed)
	}
}

func TestSampleCountsWhatItLeavesOut(t *testing.T) {
	dir := &scan.Directory{}
	for n := range 3*maxPatternBlocks - 1 {
		dir.Blocks = append(dir.Blocks, scan.Block{Runs: []scan.Run{{Interval: model.Interval{Mint: int64(-n), Maxt: 0}, Rows: maxPatternRows / 100}}})
	}
	order, w := sample(dir)
	if len(order) != maxPatternBlocks || order[0] != len(dir.Blocks)-1 || w.blocks != 3 || w.rows != 6 {
		t.Errorf("%d blocks from %d on, %+v", len(order), order[0], w)
	}
	if order, _ := sample(&scan.Directory{}); len(order) != 0 {
		t.Errorf("nothing: %v", order)
	}
}
