package compactor

import (
	"context"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"golang.org/x/time/rate"

	"github.com/skaldlogs/skald/pkg/storage/block"
)

const (
	// restTimes is how many times as long as it worked a merge rests while the
	// process has something more urgent to do: it goes on, at a quarter of its pace.
	restTimes = 3
	// restStep is how soon it notices that this is over.
	restStep = 10 * time.Millisecond
	// maxRest bounds a single rest: what took long may have waited, for the bucket.
	maxRest = time.Second
)

// A pacer keeps all merges together to a rate, and each of them behind what is
// more urgent.
type pacer struct {
	limit  *rate.Limiter // of bytes that are read; nil: as fast as it goes
	busy   func() bool   // nil: nothing is more urgent
	rested prometheus.Counter
}

func newPacer(cfg *Config, busy func() bool, rested prometheus.Counter) *pacer {
	p := &pacer{busy: busy, rested: rested}
	if r := cfg.MaxReadRate; r > 0 {
		p.limit = rate.NewLimiter(rate.Limit(r), max(r.Int(), block.TargetBytes))
	}
	return p
}

// read waits until so many bytes may be read.
func (p *pacer) read(ctx context.Context, bytes int64) error {
	if p.limit == nil {
		return nil
	}
	for bytes > 0 {
		n := min(bytes, int64(p.limit.Burst()))
		if err := p.limit.WaitN(ctx, int(n)); err != nil {
			return err
		}
		bytes -= n
	}
	return nil
}

// rest gives way to what is more urgent, after some work.
func (p *pacer) rest(ctx context.Context, worked time.Duration) error {
	if p.busy == nil {
		return nil
	}
	for left := min(restTimes*worked, maxRest); left > 0 && p.busy(); left -= restStep {
		step := min(left, restStep)
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(step):
		}
		p.rested.Add(step.Seconds())
	}
	return nil
}
