package engine

import (
	"slices"
	"unsafe"

	"github.com/skaldlogs/skald/pkg/scan"
)

// A table holds partial aggregates by series, which are numbered from 0, and by
// bucket of time. It belongs to one goroutine.
type table interface {
	// grow makes room for n series.
	grow(n int)
	add(series int, bucket int32, v float64, at arrival)
	// take merges a series of another table of the same kind into one of this,
	// and may keep what that one holds.
	take(series int, from table, fromSeries int)
	// points returns the value of each window of a series that has samples, and
	// gives up the series.
	points(series int, w *windows) []point
	// bytes is the memory that was taken since the last call.
	bytes() int
}

// A typed is the table for one kind of accumulator.
type typed[T any, P accumulator[T]] struct {
	series  []column[T]
	buckets int // of the windows: how many a column may have
	// perSample is the memory that each sample takes for good.
	perSample int
	// finish makes a series' value of each window.
	finish func(states []state[T], w *windows) []point
	taken  int
}

// A column is the states of one series, by bucket. It is a sorted list while
// few buckets have samples, and then an array with a place for each.
type column[T any] struct {
	states []state[T] // by bucket, or nil
	last   int        // the state that was used last
	dense  []T
	used   *scan.Bitset // which buckets of dense have samples
}

// A state is the accumulator of one bucket.
type state[T any] struct {
	bucket int32
	acc    T
}

func newTable[T any, P accumulator[T]](buckets, perSample int, finish func([]state[T], *windows) []point) table {
	return &typed[T, P]{buckets: buckets, perSample: perSample, finish: finish}
}

func (t *typed[T, P]) grow(n int) {
	for len(t.series) < n {
		t.series = append(t.series, column[T]{})
		t.taken += int(unsafe.Sizeof(column[T]{}))
	}
}

func (t *typed[T, P]) bytes() int {
	n := t.taken
	t.taken = 0
	return n
}

func (t *typed[T, P]) add(series int, bucket int32, v float64, at arrival) {
	t.taken += t.perSample
	P(t.at(&t.series[series], bucket)).add(v, at)
}

// at returns the state of a bucket.
func (t *typed[T, P]) at(c *column[T], bucket int32) *T {
	if c.dense != nil {
		c.used.Set(int(bucket))
		return &c.dense[bucket]
	}
	if c.last < len(c.states) && c.states[c.last].bucket == bucket {
		return &c.states[c.last].acc
	}
	i, ok := slices.BinarySearchFunc(c.states, bucket, func(s state[T], b int32) int { return int(s.bucket - b) })
	if !ok {
		if len(c.states) >= t.sparse() {
			t.spread(c)
			return t.at(c, bucket)
		}
		t.taken += int(unsafe.Sizeof(state[T]{}))
		c.states = slices.Insert(c.states, i, state[T]{bucket: bucket})
	}
	c.last = i
	return &c.states[i].acc
}

// sparse is how many buckets a column has as a list: so few that inserting in
// the middle costs little, and so many that a list takes as much as an array.
func (t *typed[T, P]) sparse() int { return max(8, t.buckets/8) }

// spread makes an array of a list.
func (t *typed[T, P]) spread(c *column[T]) {
	c.dense = make([]T, t.buckets)
	c.used = scan.NewBitset(t.buckets, false)
	t.taken += t.buckets * int(unsafe.Sizeof(*new(T)))
	for _, s := range c.states {
		c.dense[s.bucket] = s.acc
		c.used.Set(int(s.bucket))
	}
	c.states = nil
}

// each calls fn for the states of a column, by bucket.
func (c *column[T]) each(fn func(bucket int32, acc *T)) {
	for i := range c.states {
		fn(c.states[i].bucket, &c.states[i].acc)
	}
	for b := range c.dense {
		if c.used.Get(b) {
			fn(int32(b), &c.dense[b])
		}
	}
}

func (t *typed[T, P]) take(series int, from table, fromSeries int) {
	other := from.(*typed[T, P])
	to, src := &t.series[series], &other.series[fromSeries]
	if to.states == nil && to.dense == nil {
		*to = *src
	} else {
		src.each(func(bucket int32, acc *T) { P(t.at(to, bucket)).merge(acc) })
	}
	*src = column[T]{}
}

func (t *typed[T, P]) points(series int, w *windows) []point {
	c := &t.series[series]
	states := c.states
	if c.dense != nil {
		states = make([]state[T], 0, c.used.Count())
		c.each(func(bucket int32, acc *T) { states = append(states, state[T]{bucket, *acc}) })
	}
	*c = column[T]{}
	return t.finish(states, w)
}
