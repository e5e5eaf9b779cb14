package entry

import (
	"sync/atomic"
	"time"
)

// A Clock gives times to entries that bring none of their own. No time is given
// twice: servers take entries equal in labels, time and line for copies of one.
// The zero value is ready to use, by any number of goroutines.
type Clock struct{ last atomic.Int64 }

// Next returns the first of n times in a row, in nanoseconds: now, or right
// after the last one given.
func (c *Clock) Next(n int) int64 {
	for {
		last := c.last.Load()
		first := max(time.Now().UnixNano(), last+1)
		if c.last.CompareAndSwap(last, first+int64(n)-1) {
			return first
		}
	}
}
