package model_test

import (
	"testing"

	"github.com/skaldlogs/skald/pkg/model"
)

func TestIntervalOverlaps(t *testing.T) {
	hour := model.Interval{Mint: 100, Maxt: 200}
	for _, tc := range []struct {
		name  string
		other model.Interval
		want  bool
	}{
		{"before", model.Interval{Mint: 0, Maxt: 99}, false},
		{"touches first instant", model.Interval{Mint: 0, Maxt: 100}, true},
		{"inside", model.Interval{Mint: 120, Maxt: 130}, true},
		{"touches last instant", model.Interval{Mint: 200, Maxt: 300}, true},
		{"after", model.Interval{Mint: 201, Maxt: 300}, false},
		{"empty", model.Nothing, false},
		{"ever", model.Ever, true},
	} {
		if got := hour.Overlaps(tc.other); got != tc.want {
			t.Errorf("%s: Overlaps(%v) = %v, want %v", tc.name, tc.other, got, tc.want)
		}
		if got := tc.other.Overlaps(hour); got != tc.want {
			t.Errorf("%s: reversed Overlaps(%v) = %v, want %v", tc.name, tc.other, got, tc.want)
		}
		if got := !hour.Intersect(tc.other).Empty(); got != tc.want {
			t.Errorf("%s: Intersect(%v) non-empty = %v, want %v", tc.name, tc.other, got, tc.want)
		}
	}
}

func TestIntervalGrows(t *testing.T) {
	i := model.Nothing
	for _, ts := range []int64{5, -3, 4} {
		i = i.Extend(ts)
	}
	if want := (model.Interval{Mint: -3, Maxt: 5}); i != want {
		t.Errorf("extended to %v, want %v", i, want)
	}
	if got := i.Union(model.Nothing); got != i {
		t.Errorf("union with nothing is %v, want %v", got, i)
	}
	if !i.Covers(model.Interval{Mint: -3, Maxt: -3}) || i.Covers(model.Interval{Mint: 5, Maxt: 6}) {
		t.Error("Covers does not include both ends exactly")
	}
}
