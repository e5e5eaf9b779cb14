package model

import "math"

// An Interval is a span of time in nanoseconds that includes both of its ends.
// It is empty when Mint > Maxt.
type Interval struct {
	Mint, Maxt int64
}

// Ever is the interval of all timestamps.
var Ever = Interval{Mint: math.MinInt64, Maxt: math.MaxInt64}

// Nothing is the empty interval that [Interval.Extend] starts from.
var Nothing = Interval{Mint: math.MaxInt64, Maxt: math.MinInt64}

// Empty reports whether no timestamp lies in i.
func (i Interval) Empty() bool { return i.Mint > i.Maxt }

// Contains reports whether ts lies in i.
func (i Interval) Contains(ts int64) bool { return i.Mint <= ts && ts <= i.Maxt }

// Covers reports whether every timestamp of o lies in i.
func (i Interval) Covers(o Interval) bool { return o.Empty() || i.Mint <= o.Mint && o.Maxt <= i.Maxt }

// Overlaps reports whether some timestamp lies in both.
func (i Interval) Overlaps(o Interval) bool {
	return !i.Empty() && !o.Empty() && i.Mint <= o.Maxt && o.Mint <= i.Maxt
}

// Extend returns the smallest interval that holds i and ts.
func (i Interval) Extend(ts int64) Interval {
	return Interval{Mint: min(i.Mint, ts), Maxt: max(i.Maxt, ts)}
}

// Union returns the smallest interval that holds both.
func (i Interval) Union(o Interval) Interval {
	return Interval{Mint: min(i.Mint, o.Mint), Maxt: max(i.Maxt, o.Maxt)}
}

// Intersect returns what lies in both; it may be empty.
func (i Interval) Intersect(o Interval) Interval {
	return Interval{Mint: max(i.Mint, o.Mint), Maxt: min(i.Maxt, o.Maxt)}
}
