package compactor

import (
	"cmp"
	"fmt"
	"math"
	"slices"
	"time"

	"github.com/prometheus/prometheus/model/labels"

	"github.com/skaldlogs/skald/pkg/limits"
	"github.com/skaldlogs/skald/pkg/logql/syntax"
	"github.com/skaldlogs/skald/pkg/model"
	"github.com/skaldlogs/skald/pkg/storage/segment"
)

// TenantLimits tells what holds for a tenant.
type TenantLimits interface {
	For(tenant string) *limits.Limits
}

// forever is the period of what is never past retention.
const forever = time.Duration(0)

// A retention is the rules of one tenant: for each stream one period counts.
// The zero value keeps everything.
type retention struct {
	own, global []retentionRule // by priority, the first that matches counts
	period      time.Duration   // of streams without a rule; forever is 0
}

type retentionRule struct {
	matchers []*labels.Matcher
	priority int
	period   time.Duration
}

// retentionOf returns the rules of a tenant: its own retention_stream, then that
// of everybody, then its retention_period, which is everybody's if it has none.
func retentionOf(own, global *limits.Limits) (*retention, error) {
	r := &retention{period: time.Duration(own.RetentionPeriod)}
	var err error
	if r.own, err = compileRules(own.RetentionStream); err != nil {
		return nil, fmt.Errorf("retention_stream of its own: %w", err)
	}
	if r.global, err = compileRules(global.RetentionStream); err != nil {
		return nil, fmt.Errorf("retention_stream: %w", err)
	}
	return r, nil
}

// compileRules sorts rules so that the one that counts comes first: higher
// priority, then shorter period.
func compileRules(rules []limits.StreamRetention) ([]retentionRule, error) {
	var out []retentionRule
	for n, r := range rules {
		matchers, err := syntax.ParseMatchers(r.Selector)
		if err != nil {
			return nil, fmt.Errorf("rule %d: selector %s: %w", n+1, r.Selector, err)
		}
		out = append(out, retentionRule{matchers: matchers, priority: r.Priority, period: time.Duration(r.Period)})
	}
	slices.SortStableFunc(out, func(a, b retentionRule) int {
		return cmp.Or(cmp.Compare(b.priority, a.priority), cmp.Compare(a.period, b.period))
	})
	return out, nil
}

// keeps returns how long a stream is kept.
func (r *retention) keeps(l labels.Labels) time.Duration {
	for _, rules := range [][]retentionRule{r.own, r.global} {
		for _, rule := range rules {
			if matches(rule.matchers, l) {
				return rule.period
			}
		}
	}
	return r.period
}

func matches(matchers []*labels.Matcher, l labels.Labels) bool {
	for _, m := range matchers {
		if !m.Matches(l.Get(m.Name)) {
			return false
		}
	}
	return true
}

// cutoff returns before which time the rows of a stream are past retention now.
func (r *retention) cutoff(now time.Time, l labels.Labels) int64 { return before(now, r.keeps(l)) }

// bounds returns before which time the rows of some stream may be past
// retention, and before which those of all streams are.
func (r *retention) bounds(now time.Time) (some, all int64) {
	some, all = before(now, r.period), before(now, r.period)
	for _, rules := range [][]retentionRule{r.own, r.global} {
		for _, rule := range rules {
			some = max(some, before(now, rule.period))
			all = min(all, before(now, rule.period))
		}
	}
	return some, all
}

func before(now time.Time, period time.Duration) int64 {
	if period == forever {
		return math.MinInt64
	}
	return now.Add(-period).UnixNano()
}

// What makes it worth writing a segment again without the rows that are past
// retention: a share of it whose streams are wholly past, or rows that have been
// past for longer than a window of the highest level, or than their period, so that
// what only grows old together goes as one.
const (
	worthShare   = 10 // one part in ten
	worthOverdue = day
)

// lookAgain is how long a segment is not looked into that retention left alone:
// a tenth of the shortest period, within a minute and an hour.
func (r *retention) lookAgain() time.Duration {
	shortest := 10 * time.Hour
	if r.period != forever {
		shortest = min(shortest, r.period)
	}
	for _, rule := range slices.Concat(r.own, r.global) {
		shortest = min(shortest, rule.period)
	}
	return max(shortest/10, time.Minute)
}

// A fate is what retention wants of a segment.
type fate int

const (
	stays    fate = iota
	shrinks       // some rows go, and it is worth it
	vanishes      // all go
)

// judge decides about a segment that may have rows past retention. With all it
// is worth it for one row.
func (r *retention) judge(now time.Time, s *segment.Reader, all bool) fate {
	type chunk struct {
		interval model.Interval
		bytes    int64
	}
	chunks := make([]chunk, s.Summary().Streams)
	for n := range chunks {
		chunks[n].interval = model.Nothing
	}
	for _, b := range s.Blocks() {
		for i := range b.Runs {
			run := &b.Runs[i]
			c := &chunks[run.Stream]
			c.interval = c.interval.Union(run.Interval)
			c.bytes += run.Bytes + run.MetadataBytes
		}
	}
	var total, past int64
	keeps, due := false, false
	for n, c := range chunks {
		period := r.keeps(s.Stream(uint32(n)).Labels)
		cutoff := before(now, period)
		total += c.bytes
		if c.interval.Maxt < cutoff {
			past += c.bytes
			due = due || all
		} else {
			keeps = true
		}
		if c.interval.Mint < cutoff && (all || c.interval.Mint < cutoff-int64(min(worthOverdue, period))) {
			due = true
		}
	}
	switch {
	case !keeps:
		return vanishes
	case due, past > 0 && past >= total/worthShare:
		return shrinks
	}
	return stays
}
