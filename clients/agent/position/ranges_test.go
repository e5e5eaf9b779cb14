package position_test

import (
	"math/rand/v2"
	"testing"

	"github.com/skaldlogs/skald/clients/agent/position"
	"github.com/skaldlogs/skald/pkg/seeds"
)

// TestSetAgainstBits compares the set with a map of single offsets.
func TestSetAgainstBits(t *testing.T) {
	const size = 64
	for seed := range seeds.Few(t, 500) {
		rnd := rand.New(rand.NewPCG(seed, 1))
		var s position.Set
		var bits [size]bool
		for range 1 + rnd.IntN(20) {
			var rs []position.Range
			for range rnd.IntN(4) {
				start := rnd.Int64N(size)
				rs = append(rs, position.Range{Start: start, End: min(size, start+rnd.Int64N(8))})
			}
			for _, r := range rs {
				for i := r.Start; i < r.End; i++ {
					bits[i] = true
				}
			}
			s.Add(position.SortRanges(rs)...)

			low := 0
			for low < size && bits[low] {
				low++
			}
			if got := s.Low(); got != int64(low) {
				t.Fatalf("seed %d: low is %d, want %d: %+v", seed, got, low, s)
			}
			last := s.Low()
			for _, r := range s.Over() {
				if r.Start <= last || r.End <= r.Start {
					t.Fatalf("seed %d: ranges touch: %+v", seed, s)
				}
				last = r.End
			}
			start := rnd.Int64N(size)
			q := position.Range{Start: start, End: start + 1 + rnd.Int64N(size-start)}
			want := true
			for i := q.Start; i < q.End; i++ {
				want = want && bits[i]
			}
			if got := s.Has(q); got != want {
				t.Fatalf("seed %d: has %v: %v, want %v: %+v", seed, q, got, want, s)
			}
		}
	}
}
