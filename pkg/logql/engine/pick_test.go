package engine

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"github.com/skaldlogs/skald/pkg/logql/pipeline"
	"github.com/skaldlogs/skald/pkg/seeds"
)

// TestPicker offers entries in random order and wants the first of them.
func TestPicker(t *testing.T) {
	for seed := range seeds.Few(t, 300) {
		rng := rand.New(rand.NewPCG(seed, 9))
		p := &Params{Limit: 1 + rng.IntN(20), Direction: Direction(rng.IntN(2))}
		if seed%3 == 0 {
			p.Interval = time.Duration(1 + rng.IntN(10))
		}
		b := &budget{max: 1 << 20}
		pick := newPicker(p, b)
		var all []found
		for i := range rng.IntN(60) {
			all = append(all, found{at: arrival{ts: int64(rng.IntN(40)), row: i}, stream: rng.IntN(3), line: fmt.Sprint(i), set: &pipeline.LabelSet{}})
		}
		for _, i := range rng.Perm(len(all)) {
			if !pick.wants(all[i].at.ts) {
				continue
			}
			if err := pick.add(all[i]); err != nil {
				t.Fatal(err)
			}
		}
		slices.SortFunc(all, func(a, b found) int { return pick.compare(&a, &b) })
		var want []found
		for _, f := range all {
			if n := len(want); n > 0 && p.Interval > 0 && abs(f.at.ts-want[n-1].at.ts) < int64(p.Interval) {
				continue
			}
			want = append(want, f)
		}
		want = want[:min(len(want), p.Limit)]
		if len(want) == p.Limit && !pick.enough(want[len(want)-1].at.ts+map[Direction]int64{Forward: 1, Backward: -1}[p.Direction]) {
			t.Errorf("seed %d: a full picker wants what is behind its last entry", seed)
		}
		got := pick.result()
		if !slices.EqualFunc(got, want, func(a, b found) bool { return a.line == b.line }) {
			t.Errorf("seed %d, %+v: got %v, want %v", seed, p, got, want)
		}
	}
}

func abs(n int64) int64 { return max(n, -n) }
