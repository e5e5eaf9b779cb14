package frontend

import (
	"context"
	"sync"

	"github.com/skaldlogs/skald/pkg/guard"
	"github.com/skaldlogs/skald/pkg/logql/engine"
)

// flights lets equal queries share one evaluation, as long as it has not begun.
type flights struct {
	mu   sync.Mutex
	open map[string]*flight // by query: those that may be joined
}

// A flight is one evaluation, for all who wait for it.
type flight struct {
	waiting int // guarded by flights.mu
	cancel  context.CancelFunc
	done    chan struct{}
	res     *engine.Result
	err     error
}

// do runs fn, or waits for an equal query that has not begun yet. fn must call
// begin before it looks at any row. It is cancelled when nobody waits for it.
func (f *flights) do(ctx context.Context, key string, fn func(ctx context.Context, begin func()) (*engine.Result, error)) (res *engine.Result, shared bool, err error) {
	f.mu.Lock()
	fl, shared := f.open[key]
	if !shared {
		own, cancel := context.WithCancel(context.WithoutCancel(ctx))
		fl = &flight{cancel: cancel, done: make(chan struct{})}
		f.open[key] = fl
		begin := func() {
			f.mu.Lock()
			defer f.mu.Unlock()
			if f.open[key] == fl {
				delete(f.open, key)
			}
		}
		go func() {
			defer cancel()
			// Nothing else stands between a panic here and the end of the process.
			fl.err = guard.Do(func() (err error) {
				fl.res, err = fn(own, begin)
				return err
			})
			begin()
			close(fl.done)
		}()
	}
	fl.waiting++
	f.mu.Unlock()

	select {
	case <-fl.done:
		return fl.res, shared, fl.err
	case <-ctx.Done():
	}
	f.mu.Lock()
	if fl.waiting--; fl.waiting == 0 {
		fl.cancel()
		if f.open[key] == fl {
			delete(f.open, key)
		}
	}
	f.mu.Unlock()
	return nil, shared, context.Cause(ctx)
}
