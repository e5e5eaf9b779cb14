package bench

import (
	"testing"
	"testing/synctest"
)

// Nobody runs far ahead of a push that is not acknowledged.
func TestOrder(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		o := newOrder(leastSlices)
		if o.ahead != 6 {
			t.Fatalf("%d slices ahead, want half an hour of 72 in 6 hours", o.ahead)
		}
		for want := range o.ahead {
			if n, ok := o.next(); n != want || !ok {
				t.Fatalf("slice %d, %v, want %d", n, ok, want)
			}
		}
		for n := 1; n < o.ahead; n++ {
			o.done(n)
		}
		got := make(chan int)
		go func() {
			n, _ := o.next()
			got <- n
		}()
		synctest.Wait()
		select {
		case n := <-got:
			t.Fatalf("slice %d begins though slice 0 is not acknowledged", n)
		default:
		}
		o.done(0)
		if n := <-got; n != 6 {
			t.Errorf("slice %d, want 6", n)
		}
		count := 7
		for n, ok := 6, true; ok; n, ok = o.next() {
			o.done(n)
			count = n + 1
		}
		if count != leastSlices {
			t.Errorf("%d slices, want %d", count, leastSlices)
		}
	})
}

func TestOrderStops(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		o := newOrder(leastSlices)
		for range o.ahead {
			o.next()
		}
		ended := make(chan bool)
		go func() {
			_, ok := o.next()
			ended <- ok
		}()
		synctest.Wait()
		o.stop()
		if <-ended {
			t.Error("a slice is handed out after the stop")
		}
	})
}
