package frontend

import (
	"math"
	"time"

	"github.com/skaldlogs/skald/pkg/logql/engine"
	"github.com/skaldlogs/skald/pkg/logql/syntax"
	"github.com/skaldlogs/skald/pkg/model"
)

// An extent has at least this many steps, and is at least this many times as
// long as the longest range of its query: rows near the border of two extents
// are read for both.
const (
	minSteps  = 32
	minRanges = 4
)

// A reach is how far from the time of a step a query looks.
type reach struct {
	back    time.Duration // to the oldest row that counts; more than that is not looked at
	forward time.Duration // to the newest; less than 0 with an offset
	ranges  time.Duration // the longest range
	any     bool          // it reads rows at all
}

func reachOf(expr syntax.Expr) reach {
	r := reach{back: math.MinInt64, forward: math.MinInt64}
	syntax.Walk(expr, func(n syntax.Node) bool {
		if l, ok := n.(*syntax.LogRange); ok {
			r.any = true
			r.back = max(r.back, l.Range+l.Offset)
			r.forward = max(r.forward, -l.Offset)
			r.ranges = max(r.ranges, l.Range)
		}
		return true
	})
	return r
}

// over is the time of the rows that steps from the first to the last read.
func (r reach) over(first, last int64) model.Interval {
	return model.Interval{Mint: minus(first, int64(r.back)) + 1, Maxt: minus(last, -int64(r.forward))}
}

// minus is a-b, as far as an int64 goes.
func minus(a, b int64) int64 {
	switch c := a - b; {
	case b > 0 && c > a:
		return math.MinInt64
	case b < 0 && c < a:
		return math.MaxInt64
	default:
		return c
	}
}

// An extent is the steps of a query that lie between two multiples of a length
// of time.
type extent struct {
	begin       int64 // the multiple
	first, last int64 // the times of its steps
}

// extentLength is the length of the extents of a query: it depends on nothing
// that changes from one refresh of a dashboard to the next.
func extentLength(split, step time.Duration, r reach) time.Duration {
	length := split
	for length < math.MaxInt64/4 && (length/minSteps < step || length/minRanges < r.ranges) {
		length *= 2
	}
	return length
}

// extents cuts a query, whose start is a multiple of its step, in the order of
// time.
func extents(p *engine.Params, length time.Duration) []extent {
	var out []extent
	step := int64(p.Step)
	for t := p.Start; t <= p.End; {
		e := extent{begin: t - mod(t, int64(length)), first: t}
		end := min(p.End, e.begin+int64(length)-1)
		e.last = t + (end-t)/step*step
		out = append(out, e)
		if e.last > math.MaxInt64-step {
			break
		}
		t = e.last + step
	}
	return out
}

func mod(a, n int64) int64 { return ((a % n) + n) % n }
