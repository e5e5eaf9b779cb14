package compactor

import (
	"context"
	"errors"
	"math"
	"testing"
	"testing/synctest"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/testutil"
)

// A merge rests while something is more urgent, for as long as it has worked
// times restTimes, and not when that is over.
func TestMergesRest(t *testing.T) {
	const worked = 100 * time.Millisecond
	for _, tc := range []struct {
		name string
		busy time.Duration // for how long; negative: nobody tells
		want time.Duration
	}{
		{"nobody tells", -1, 0},
		{"nothing is urgent", 0, 0},
		{"for a moment", restStep + 1, 2 * restStep},
		{"for ever", time.Hour, restTimes * worked},
	} {
		t.Run(tc.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				rested := prometheus.NewCounter(prometheus.CounterOpts{Name: "rested"})
				begin := time.Now()
				var busy func() bool
				if tc.busy >= 0 {
					busy = func() bool { return time.Since(begin) < tc.busy }
				}
				p := newPacer(&Config{}, busy, rested)
				if err := p.rest(t.Context(), worked); err != nil {
					t.Fatal(err)
				}
				if got := time.Since(begin); got != tc.want {
					t.Errorf("rested %s, want %s", got, tc.want)
				}
				if got := time.Duration(math.Round(testutil.ToFloat64(rested) * 1e9)); got != tc.want {
					t.Errorf("counted %s, want %s", got, tc.want)
				}
			})
		})
	}
}

// A merge that rests ends with its context.
func TestRestEnds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithTimeout(t.Context(), 2*restStep)
		defer cancel()
		p := newPacer(&Config{}, func() bool { return true }, prometheus.NewCounter(prometheus.CounterOpts{Name: "rested"}))
		if err := p.rest(ctx, time.Hour); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("got %v", err)
		}
	})
}
