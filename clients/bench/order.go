package bench

import (
	"sync"
	"time"
)

// An order hands out slices to those who push them, and lets nobody run far ahead
// of a push that is not acknowledged yet: its lines would be too late then.
type order struct {
	all, ahead int // ahead is how many slices may be under way or waited for

	mu      sync.Mutex // guards the fields below
	moved   sync.Cond
	first   int // the first that is not done. Invariant: first <= given <= first+ahead
	given   int
	isDone  map[int]bool // of those from first on
	stopped bool
}

// newOrder spans half an hour of the corpus: servers take what is an hour late.
func newOrder(slices int) *order {
	o := &order{all: slices, ahead: max(1, int(30*time.Minute/(Span/time.Duration(slices)))), isDone: map[int]bool{}}
	o.moved.L = &o.mu
	return o
}

// next is the next slice to push, once that may begin. It is false when there is
// none, or after stop.
func (o *order) next() (n int, ok bool) {
	o.mu.Lock()
	defer o.mu.Unlock()
	for o.given == o.first+o.ahead && !o.stopped {
		o.moved.Wait()
	}
	if o.given == o.all || o.stopped {
		return 0, false
	}
	o.given++
	return o.given - 1, true
}

// done says that a slice is acknowledged.
func (o *order) done(n int) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.isDone[n] = true
	for o.isDone[o.first] {
		delete(o.isDone, o.first)
		o.first++
	}
	o.moved.Broadcast()
}

func (o *order) stop() {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.stopped = true
	o.moved.Broadcast()
}
