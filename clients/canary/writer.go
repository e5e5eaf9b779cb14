package canary

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"time"

	"github.com/golang/snappy"

	"github.com/skaldlogs/skald/clients/api"
	"github.com/skaldlogs/skald/pkg/logproto"
	"github.com/skaldlogs/skald/pkg/model"
)

// maxBatchAge is how long a batch waits to be full at most. It waits less where
// the tail is expected to bring its entries sooner.
const maxBatchAge = 30 * time.Second

// write writes an entry each interval, until ctx is done.
func (c *Canary) write(ctx context.Context) {
	tick := time.NewTicker(c.cfg.Interval)
	defer tick.Stop()
	var last int64
	for {
		select {
		case <-ctx.Done():
			return
		case now := <-tick.C:
			if c.suspended.Load() {
				continue
			}
			ts, old := now.UnixNano(), false
			if rand.IntN(100) < c.cfg.OutOfOrderPercentage {
				back := c.cfg.OutOfOrderMin
				if spread := c.cfg.OutOfOrderMax - c.cfg.OutOfOrderMin; spread > 0 {
					back += rand.N(spread)
				}
				ts, old = ts-int64(back), true
			} else {
				ts = max(ts, last+1) // an entry is known by its time
				last = ts
			}
			c.ledger.write(ts, now, old)
			c.counts.add(ts)
			c.spot.consider(ts, now)
			if err := c.emit(ctx, ts); err != nil && ctx.Err() == nil {
				c.logger.Error("write an entry", "err", err, "ts", ts)
			}
		}
	}
}

// toStdout writes entries for an agent to pick up.
func toStdout(w io.Writer, size int) func(context.Context, int64) error {
	return func(_ context.Context, ts int64) error {
		_, err := io.WriteString(w, line(ts, size))
		return err
	}
}

// A pusher pushes entries in batches.
type pusher struct {
	c       *Canary
	client  *api.Client
	labels  string
	entries chan int64
}

func (p *pusher) emit(ctx context.Context, ts int64) error {
	select {
	case p.entries <- ts:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// run pushes what emit hands over, until ctx is done.
func (p *pusher) run(ctx context.Context) {
	size := max(1, p.c.cfg.BatchSize)
	tick := time.NewTicker(max(min(maxBatchAge, p.c.cfg.Wait/2), time.Millisecond))
	defer tick.Stop()
	var batch []model.Entry
	flush := func() {
		if len(batch) == 0 {
			return
		}
		if err := p.push(ctx, batch); err != nil && ctx.Err() == nil {
			p.c.logger.Error("push", "err", err, "entries", len(batch))
		}
		batch = batch[:0]
	}
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
			flush()
		case ts := <-p.entries:
			text := line(ts, p.c.cfg.Size)
			batch = append(batch, model.Entry{Timestamp: ts, Line: text[:len(text)-1]})
			if len(batch) >= size {
				flush()
			}
		}
	}
}

// push tries until it succeeds, is refused for good, or was tried often enough.
func (p *pusher) push(ctx context.Context, entries []model.Entry) error {
	body := snappy.Encode(nil, logproto.AppendPush(nil, &model.Batch{Streams: []model.Stream{{Labels: p.labels, Entries: entries}}}))
	backoff := p.c.cfg.WriteMinBackoff
	for n := 1; ; n++ {
		err := p.client.Push(ctx, body)
		if err == nil || ctx.Err() != nil {
			return err
		}
		var status *api.StatusError
		if errors.As(err, &status) && status.Code != http.StatusTooManyRequests && status.Code/100 != 5 {
			return err
		}
		if n >= p.c.cfg.WriteMaxRetries {
			return fmt.Errorf("after %d attempts: %w", n, err)
		}
		if !pause(ctx, backoff) {
			return ctx.Err()
		}
		backoff = min(2*backoff, p.c.cfg.WriteMaxBackoff)
	}
}

// pause waits, and reports whether ctx is not done.
func pause(ctx context.Context, d time.Duration) bool {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return true
	case <-ctx.Done():
		return false
	}
}
