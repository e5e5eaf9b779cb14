package engine

import (
	"math"
	"slices"
	"sort"
	"time"

	"github.com/skaldlogs/skald/pkg/model"
)

// windows are the spans (t-range, t] of a range aggregation, one for each step,
// and the buckets between their edges: a row belongs to one bucket, and a window
// is the buckets from first to last.
//
//	window 0        (------------]
//	window 1            (------------]
//	window 2                (------------]
//	edges           |   |   |    |   |   |
//	bucket            0   1   2    3   4
type windows struct {
	n           int     // steps
	edges       []int64 // ascending; bucket b is (edges[b], edges[b+1]]
	first, last []int32 // by step: its buckets are [first, last)
	live        []bool  // by bucket: some window has it
}

// steps is how many times a query is evaluated.
func steps(p *Params) int {
	if p.Instant() {
		return 1
	}
	if p.End < p.Start {
		return 0
	}
	return int(uint64(p.End-p.Start)/uint64(p.Step)) + 1
}

// stepTime is the time of a step, in nanoseconds.
func stepTime(p *Params, step int) int64 {
	if p.Instant() {
		return p.End
	}
	return p.Start + int64(step)*int64(p.Step)
}

func newWindows(p *Params, rng, offset time.Duration) *windows {
	w := &windows{n: steps(p)}
	if rng <= 0 {
		w.n = 0
	}
	begins, ends := make([]int64, w.n), make([]int64, w.n)
	for i := range w.n {
		ends[i] = saturatingSub(stepTime(p, i), int64(offset))
		begins[i] = saturatingSub(ends[i], int64(rng))
	}
	w.edges = slices.Concat(begins, ends)
	slices.Sort(w.edges)
	w.edges = slices.Compact(w.edges)

	w.first, w.last = make([]int32, w.n), make([]int32, w.n)
	w.live = make([]bool, w.buckets())
	filled := 0
	for i := range w.n {
		w.first[i], w.last[i] = int32(w.edge(begins[i])), int32(w.edge(ends[i]))
		for b := max(filled, int(w.first[i])); b < int(w.last[i]); b++ {
			w.live[b] = true
		}
		filled = max(filled, int(w.last[i]))
	}
	return w
}

func saturatingSub(a, b int64) int64 {
	switch c := a - b; {
	case b > 0 && c > a:
		return math.MinInt64
	case b < 0 && c < a:
		return math.MaxInt64
	default:
		return c
	}
}

// edge is the first edge at or after ts.
func (w *windows) edge(ts int64) int {
	return sort.Search(len(w.edges), func(i int) bool { return w.edges[i] >= ts })
}

func (w *windows) buckets() int { return max(0, len(w.edges)-1) }

// interval is where rows of some window may lie.
func (w *windows) interval() model.Interval {
	if w.buckets() == 0 {
		return model.Nothing
	}
	return model.Interval{Mint: w.edges[0] + 1, Maxt: w.edges[len(w.edges)-1]}
}

// touches reports whether a row in i may be in some window.
func (w *windows) touches(i model.Interval) bool {
	i = i.Intersect(w.interval())
	if i.Empty() {
		return false
	}
	for b := w.edge(i.Mint) - 1; b < w.buckets() && w.edges[b] < i.Maxt; b++ {
		if w.live[b] {
			return true
		}
	}
	return false
}

// apart reports whether no two windows have a bucket in common.
func (w *windows) apart() bool {
	for i := 1; i < w.n; i++ {
		if w.first[i] < w.last[i-1] {
			return false
		}
	}
	return true
}

// A cursor finds the buckets of times that mostly ascend.
type cursor struct {
	w      *windows
	lo, hi int64 // what is known: times in (lo, hi] are in bucket
	bucket int32
}

func (w *windows) cursor() cursor {
	return cursor{w: w, lo: math.MaxInt64, hi: math.MinInt64, bucket: -1}
}

// at returns the bucket of ts, or -1 when it is in no window.
func (c *cursor) at(ts int64) int32 {
	if c.lo < ts && ts <= c.hi {
		return c.bucket
	}
	return c.seek(ts)
}

// next goes on to the bucket behind the one that is known, and returns it, or -1 when
// there is none or it is in no window.
func (c *cursor) next() int32 {
	b := int(c.bucket) + 1
	if c.bucket < 0 || b >= c.w.buckets() || !c.w.live[b] {
		return -1
	}
	c.lo, c.hi, c.bucket = c.w.edges[b], c.w.edges[b+1], int32(b)
	return c.bucket
}

// stretch returns the end of the rows of a piece from start on that are in the bucket of
// the first of them, and that bucket; or -1 for the first, which is in no window. Of
// rows that lie densely in time, none has to be looked at.
func (c *cursor) stretch(p *piece, start int) (end int, bucket int32) {
	if bucket = c.next(); bucket >= 0 {
		if end = p.behind(start, c.hi); end > start {
			return end, bucket
		}
	}
	if bucket = c.at(p.time(start)); bucket < 0 {
		return start + 1, bucket
	}
	return p.behind(start, c.hi), bucket
}

func (c *cursor) seek(ts int64) int32 {
	w := c.w
	b := w.edge(ts) - 1
	if b < 0 || b >= w.buckets() {
		return -1
	}
	c.lo, c.hi = w.edges[b], w.edges[b+1]
	c.bucket = int32(b)
	if !w.live[b] {
		c.bucket = -1
	}
	return c.bucket
}
