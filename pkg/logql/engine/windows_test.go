package engine

import (
	"math"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/skaldlogs/skald/pkg/model"
	"github.com/skaldlogs/skald/pkg/seeds"
)

// TestWindows compares the buckets of random windows with what a window is.
func TestWindows(t *testing.T) {
	for seed := range seeds.Few(t, 300) {
		rng := rand.New(rand.NewPCG(seed, 3))
		p := &Params{Start: rng.Int64N(50), Step: time.Duration(1 + rng.Int64N(20))}
		p.End = p.Start + rng.Int64N(100)
		if rng.IntN(5) == 0 {
			p.Start, p.Step = p.End, 0
		}
		width, offset := 1+rng.Int64N(40), rng.Int64N(30)-15
		w := newWindows(p, time.Duration(width), time.Duration(offset))
		c := w.cursor()
		for ts := int64(-80); ts < 200; ts++ {
			b := c.at(ts)
			anywhere := false
			for step := range w.n {
				end := stepTime(p, step) - offset
				want := end-width < ts && ts <= end
				anywhere = anywhere || want
				if got := b >= 0 && w.first[step] <= b && b < w.last[step]; got != want {
					t.Fatalf("seed %d: ts %d, bucket %d, step %d (%d, %d]: in the window %v, want %v", seed, ts, b, step, end-width, end, got, want)
				}
			}
			if anywhere != (b >= 0) {
				t.Fatalf("seed %d: ts %d is in some window: %v, bucket %d", seed, ts, anywhere, b)
			}
			if got := w.touches(model.Interval{Mint: ts, Maxt: ts}); got != anywhere {
				t.Fatalf("seed %d: touches(%d) = %v, want %v", seed, ts, got, anywhere)
			}
		}
	}
}

func TestWindowsAtTheEndsOfTime(t *testing.T) {
	for _, p := range []*Params{
		{Start: math.MinInt64, End: math.MinInt64},
		{Start: math.MaxInt64, End: math.MaxInt64},
		{Start: math.MaxInt64 - 10, End: math.MaxInt64, Step: 3},
		{Start: 10, End: 0, Step: 1},
	} {
		for _, offset := range []time.Duration{0, math.MaxInt64, math.MinInt64} {
			w := newWindows(p, math.MaxInt64, offset)
			c := w.cursor()
			for _, ts := range []int64{math.MinInt64, 0, math.MaxInt64} {
				_ = c.at(ts)
				_ = w.touches(model.Interval{Mint: ts, Maxt: ts})
			}
		}
	}
}
