package engine

import (
	"math"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"github.com/skaldlogs/skald/pkg/seeds"
)

// randomStates are samples in buckets of random windows.
func randomStates(rng *rand.Rand) (*windows, []state[all]) {
	p := &Params{Step: time.Duration(1 + rng.Int64N(9)), End: rng.Int64N(100)}
	w := newWindows(p, time.Duration(1+rng.Int64N(40)), 0)
	var states []state[all]
	for b := range w.buckets() {
		if rng.IntN(3) == 0 {
			s := state[all]{bucket: int32(b)}
			for range 1 + rng.IntN(4) {
				s.acc.values = append(s.acc.values, float64(rng.IntN(20)))
			}
			states = append(states, s)
		}
	}
	return w, states
}

// windowValues are the samples of a window, in order.
func windowValues(w *windows, states []state[all], step int) []float64 {
	var out []float64
	for _, s := range states {
		if w.first[step] <= s.bucket && s.bucket < w.last[step] {
			out = append(out, s.acc.values...)
		}
	}
	return out
}

func comparePoints(t *testing.T, seed uint64, w *windows, states []state[all], got []point, want func([]float64) float64) {
	t.Helper()
	for step := range w.n {
		values := windowValues(w, states, step)
		if len(values) == 0 {
			continue
		}
		if len(got) == 0 || int(got[0].step) != step {
			t.Fatalf("seed %d: no point for step %d, which has %v", seed, step, values)
		}
		if v := want(values); math.Abs(got[0].value-v) > 1e-9 {
			t.Fatalf("seed %d: step %d is %v, want %v of %v", seed, step, got[0].value, v, values)
		}
		got = got[1:]
	}
	if len(got) > 0 {
		t.Fatalf("seed %d: points %v of windows without samples", seed, got)
	}
}

func TestSlide(t *testing.T) {
	for seed := range seeds.Few(t, 500) {
		w, states := randomStates(rand.New(rand.NewPCG(seed, 4)))
		sums := make([]state[sum], len(states))
		highs := make([]state[high], len(states))
		edges := make([]state[rise], len(states))
		for i, s := range states {
			sums[i].bucket, highs[i].bucket, edges[i].bucket = s.bucket, s.bucket, s.bucket
			for _, v := range s.acc.values {
				sums[i].acc.add(v, arrival{})
				highs[i].acc.add(v, arrival{})
				edges[i].acc.merge(&rise{n: 1, first: v, last: v})
			}
		}
		comparePoints(t, seed, w, states, slide(sums, w, (*sum).total), func(vs []float64) float64 {
			total := 0.0
			for _, v := range vs {
				total += v
			}
			return total
		})
		comparePoints(t, seed, w, states, slide(highs, w, func(h *high) float64 { return h.v }), slices.Max[[]float64])
		comparePoints(t, seed, w, states, slide(edges, w, func(r *rise) float64 { return r.increase }), func(vs []float64) float64 {
			total := 0.0
			for i := 1; i < len(vs); i++ {
				total += increase(vs[i-1], vs[i])
			}
			return total
		})
	}
}

func TestQuantiles(t *testing.T) {
	for seed := range seeds.Few(t, 300) {
		rng := rand.New(rand.NewPCG(seed, 5))
		w, states := randomStates(rng)
		for _, q := range []float64{0, 0.3, 0.5, 0.99, 1} {
			comparePoints(t, seed, w, states, quantiles(states, w, q), func(vs []float64) float64 {
				slices.Sort(vs)
				rank := q * float64(len(vs)-1)
				low := int(rank)
				high := min(low+1, len(vs)-1)
				return vs[low] + (vs[high]-vs[low])*(rank-float64(low))
			})
		}
	}
	at := func(int) float64 { return 1 }
	if got := quantile(1.5, 3, at); !math.IsInf(got, 1) {
		t.Errorf("a quantile above 1 is %v, want +Inf", got)
	}
	if got := quantile(-1, 3, at); !math.IsInf(got, -1) {
		t.Errorf("a quantile below 0 is %v, want -Inf", got)
	}
}

// TestMerge wants the same of a state that saw all samples and of states that
// saw a part each and were merged.
func TestMerge(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 6))
	for range 200 {
		var wholeSum, partSum [2]sum
		var wholeDev, partDev [2]deviation
		var wholeLast, partLast [2]latest
		for i := range rng.IntN(50) {
			v := rng.NormFloat64() * math.Pow(10, float64(rng.IntN(12)))
			at := arrival{ts: int64(rng.IntN(5)), row: i}
			wholeSum[0].add(v, at)
			wholeDev[0].add(v, at)
			wholeLast[0].add(v, at)
			n := rng.IntN(2)
			partSum[n].add(v, at)
			partDev[n].add(v, at)
			partLast[n].add(v, at)
		}
		partSum[0].merge(&partSum[1])
		partDev[0].merge(&partDev[1])
		partLast[0].merge(&partLast[1])
		near := func(a, b float64) bool { return math.Abs(a-b) <= 1e-12*max(math.Abs(a), math.Abs(b)) }
		if a, b := wholeSum[0].total(), partSum[0].total(); !near(a, b) {
			t.Errorf("sum %v, merged %v", a, b)
		}
		if a, b := wholeDev[0], partDev[0]; a.n != b.n || a.n > 0 && !near(a.variance(), b.variance()) {
			t.Errorf("deviation %+v, merged %+v", a, b)
		}
		if a, b := wholeLast[0], partLast[0]; a != b {
			t.Errorf("latest %+v, merged %+v", a, b)
		}
	}
}

func TestSumIsCompensated(t *testing.T) {
	var s sum
	for _, v := range []float64{1, 1e100, 1, -1e100} {
		s.add(v, arrival{})
	}
	if got := s.total(); got != 2 {
		t.Errorf("1 + 1e100 + 1 - 1e100 = %v, want 2", got)
	}
	for _, tc := range []struct {
		values []float64
		want   float64
	}{
		{[]float64{math.Inf(1), 1, 2}, math.Inf(1)},
		{[]float64{1, math.Inf(-1)}, math.Inf(-1)},
		{[]float64{math.Inf(1), math.Inf(-1), 1}, math.NaN()},
		{[]float64{math.NaN(), 1}, math.NaN()},
		{[]float64{math.MaxFloat64, math.MaxFloat64, -1}, math.Inf(1)},
	} {
		var s sum
		for _, v := range tc.values {
			s.add(v, arrival{})
		}
		if got := s.total(); got != tc.want && !(math.IsNaN(got) && math.IsNaN(tc.want)) {
			t.Errorf("the sum of %v is %v, want %v", tc.values, got, tc.want)
		}
	}
}

// TestTable wants a column that became an array to say what it said as a list.
func TestTable(t *testing.T) {
	const buckets = 200
	rng := rand.New(rand.NewPCG(2, 6))
	var got map[int32]float64
	finish := func(states []state[sum], _ *windows) []point {
		got = map[int32]float64{}
		last := int32(-1)
		for _, s := range states {
			if s.bucket <= last {
				t.Errorf("bucket %d follows %d", s.bucket, last)
			}
			last = s.bucket
			got[s.bucket] = s.acc.total()
		}
		return nil
	}
	for _, samples := range []int{0, 1, 7, 20, 60, 1000} {
		whole := newTable[sum](buckets, 0, finish)
		part := newTable[sum](buckets, 0, finish)
		whole.grow(1)
		part.grow(2)
		want := map[int32]float64{}
		for range samples {
			b, v := int32(rng.IntN(buckets)), float64(rng.IntN(100))
			want[b] += v
			part.add(rng.IntN(2), b, v, arrival{})
		}
		whole.take(0, part, 0)
		whole.take(0, part, 1)
		whole.points(0, nil)
		if len(got) != len(want) {
			t.Errorf("%d samples: %d buckets, want %d", samples, len(got), len(want))
		}
		for b, v := range want {
			if got[b] != v {
				t.Errorf("%d samples: bucket %d is %v, want %v", samples, b, got[b], v)
			}
		}
		if samples > 0 && whole.bytes()+part.bytes() == 0 {
			t.Errorf("%d samples take no memory", samples)
		}
	}
}
