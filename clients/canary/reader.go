package canary

import (
	"context"
	"time"

	"github.com/skaldlogs/skald/clients/api"
	"github.com/skaldlogs/skald/pkg/loghttp"
)

const (
	queryLimit = 1000
	// margin is how far the time of an entry may be from the one in its line, where
	// an agent gives it.
	margin = 10 * time.Second
)

// tail notes what a tail brings, and opens it again when it ends.
func (c *Canary) tail(ctx context.Context) {
	begin := c.started
	backoff := time.Second
	for first := true; ctx.Err() == nil; first = false {
		if !first {
			c.m.reconnects.Inc()
		}
		c.ledger.connected()
		t, err := c.client.Tail(ctx, api.TailQuery{Query: c.query, Start: begin, Limit: queryLimit, Ping: c.m.pings.Inc})
		if err == nil {
			backoff = time.Second
			for {
				var f *loghttp.TailFrame
				if f, err = t.Next(); err != nil {
					break
				}
				begin = c.take(f, begin)
			}
			t.Close()
		}
		if ctx.Err() != nil {
			return
		}
		c.logger.Warn("the tail ended", "err", err)
		if !pause(ctx, backoff) {
			return
		}
		backoff = min(2*backoff, 10*time.Second)
	}
}

// take notes the entries of a frame, and returns the newest time up to now.
func (c *Canary) take(f *loghttp.TailFrame, newest int64) int64 {
	now := time.Now()
	for _, s := range f.Streams {
		for _, e := range s.Entries {
			if ts, ok := parseLine(e.Line); ok {
				c.ledger.received(ts, now)
			} else {
				c.m.unexpected.Inc()
			}
			newest = max(newest, e.Timestamp)
		}
	}
	return newest
}

// find asks for the entries between two times, both included.
func (c *Canary) find(ctx context.Context, mint, maxt int64) (map[int64]bool, error) {
	found := map[int64]bool{}
	start, end := mint-int64(margin), maxt+int64(margin)+1
	for {
		r, err := c.client.QueryRange(ctx, api.Range{Query: c.query, Start: start, End: end, Limit: queryLimit, Forward: true})
		if err != nil {
			return nil, err
		}
		streams, _ := r.Result.(loghttp.Streams)
		next := start
		for _, s := range streams {
			for _, e := range s.Entries {
				if ts, ok := parseLine(e.Line); ok {
					found[ts] = true
				}
				next = max(next, e.Timestamp)
			}
		}
		if streams.Entries() < queryLimit || next == start {
			return found, nil
		}
		start = next
	}
}

// compare asks for the entries that the tail did not bring, each PruneInterval.
func (c *Canary) compare(ctx context.Context) {
	every(ctx, c.cfg.PruneInterval, func() {
		list := c.ledger.overdue(time.Now())
		if len(list) == 0 {
			return
		}
		asked := time.Now()
		found, err := c.find(ctx, list[0], list[len(list)-1])
		if err != nil {
			// An entry that cannot be asked for is not known to be missing.
			c.logger.Error("ask for entries that the tail did not bring", "err", err, "entries", len(list))
			return
		}
		for _, ts := range c.ledger.queried(list, found, asked) {
			c.logger.Error("an entry is missing", "ts", ts)
		}
	})
}

// every calls fn each d, until ctx is done.
func every(ctx context.Context, d time.Duration, fn func()) {
	tick := time.NewTicker(d)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
			fn()
		}
	}
}
