package canary

import (
	"context"
	"fmt"
	"sync"
	"time"

	"github.com/skaldlogs/skald/clients/api"
	"github.com/skaldlogs/skald/pkg/loghttp"
)

// A spotList holds an entry of each interval of the past.
type spotList struct {
	every, keep time.Duration

	mu   sync.Mutex // guards the fields below
	last time.Time  // when one was remembered
	list []int64
}

// consider remembers an entry, if it is time for one.
func (s *spotList) consider(ts int64, now time.Time) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if now.Sub(s.last) >= s.every {
		s.last = now
		s.list = append(s.list, ts)
	}
}

// due returns the entries that are at least wait old, and forgets those too old.
func (s *spotList) due(now time.Time, wait time.Duration) []int64 {
	s.mu.Lock()
	defer s.mu.Unlock()
	var kept, due []int64
	for _, ts := range s.list {
		age := now.Sub(time.Unix(0, ts))
		if age > s.keep {
			continue
		}
		kept = append(kept, ts)
		if age >= wait {
			due = append(due, ts)
		}
	}
	s.list = kept
	return due
}

// spotCheck asks for remembered entries, each SpotCheckQueryRate.
func (c *Canary) spotCheck(ctx context.Context) {
	every(ctx, c.cfg.SpotCheckQueryRate, func() {
		for _, ts := range c.spot.due(time.Now(), c.cfg.SpotCheckInitialWait) {
			begun := time.Now()
			found, err := c.find(ctx, ts, ts)
			if ctx.Err() != nil {
				return
			}
			if err != nil {
				c.logger.Error("spot check", "err", err, "ts", ts)
				continue
			}
			c.m.spotDuration.Observe(time.Since(begun).Seconds())
			c.m.spotChecks.Inc()
			if !found[ts] {
				c.m.spotMissing.Inc()
				c.logger.Error("a spot check found no entry", "ts", ts, "age", time.Since(time.Unix(0, ts)))
			}
		}
	})
}

// counts are how many entries have a time in each second of the past.
type counts struct {
	keep int64 // seconds

	mu       sync.Mutex // guards the field below
	bySecond map[int64]int64
}

func (c *counts) add(ts int64) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.bySecond[ts/1e9]++
}

// sum returns how many entries there are in (end-length, end], in seconds, and
// forgets what is too old to be asked for.
func (c *counts) sum(end, length int64) (n int64) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for s, count := range c.bySecond {
		switch {
		case s < end-c.keep-60:
			delete(c.bySecond, s)
		case end-length <= s && s < end:
			n += count
		}
	}
	return n
}

// metricTest compares a count over time with what was written, each
// MetricTestInterval. The count ends where tails must have brought all entries.
func (c *Canary) metricTest(ctx context.Context) {
	every(ctx, c.cfg.MetricTestInterval, func() {
		end := time.Now().Unix()
		length := min(int64(c.cfg.MetricTestRange/time.Second), end-c.started/1e9)
		if length < 1 || c.suspended.Load() {
			return
		}
		begun := time.Now()
		actual, err := c.count(ctx, c.client, length, end*1e9-1)
		if err != nil {
			c.logger.Error("metric test", "err", err)
			return
		}
		c.m.metricDuration.Observe(time.Since(begun).Seconds())
		c.m.expected.Set(float64(c.counts.sum(end, length)))
		c.m.actual.Set(actual)
	})
}

// cacheTest compares an answer with the one that is computed anew, each
// CacheTestInterval.
func (c *Canary) cacheTest(ctx context.Context) {
	every(ctx, c.cfg.CacheTestInterval, func() {
		if c.suspended.Load() {
			return
		}
		at := time.Now().Add(-c.cfg.CacheTestNow).UnixNano()
		length := int64(c.cfg.CacheTestRange / time.Second)
		cached, err := c.count(ctx, c.client, length, at)
		var anew float64
		if err == nil {
			anew, err = c.count(ctx, c.uncached, length, at)
		}
		if err != nil {
			c.m.cacheResults.WithLabelValues("failure").Inc()
			c.logger.Error("cache test", "err", err)
			return
		}
		c.m.cacheResults.WithLabelValues("success").Inc()
		if cached != anew {
			c.m.cacheDiffs.Inc()
			c.logger.Error("the cache holds another answer", "cached", cached, "anew", anew, "time", at, "range", c.cfg.CacheTestRange)
		}
	})
}

// count asks how many entries there are in the seconds up to a time.
func (c *Canary) count(ctx context.Context, client *api.Client, seconds, at int64) (float64, error) {
	r, err := client.Query(ctx, api.Instant{Query: fmt.Sprintf("sum(count_over_time(%s[%ds]))", c.selector, seconds), Time: at, Limit: queryLimit})
	if err != nil {
		return 0, err
	}
	v, ok := r.Result.(loghttp.Vector)
	if !ok {
		return 0, fmt.Errorf("the answer is a %s, not a vector", r.Result.Type())
	}
	n := 0.0
	for _, s := range v {
		n += s.F
	}
	return n, nil
}
