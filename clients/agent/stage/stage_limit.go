package stage

import (
	"container/list"
	"errors"
	"strings"
	"sync"

	"golang.org/x/time/rate"
)

// limitConfig are the settings of limit.
type limitConfig struct {
	Rate              float64 `yaml:"rate"`
	Burst             int     `yaml:"burst"`
	Drop              bool    `yaml:"drop"`
	ByLabelName       string  `yaml:"by_label_name"`
	MaxDistinctLabels int     `yaml:"max_distinct_labels"`
}

// minDistinctLabels is the least that max_distinct_labels may be.
const minDistinctLabels = 10_000

func (c *limitConfig) validate() error {
	switch {
	case !(c.Rate > 0) || c.Burst <= 0:
		return errors.New("rate and burst are required, and larger than 0")
	case c.ByLabelName != "" && !c.Drop:
		return errors.New("by_label_name needs drop: true: the values of a label cannot wait for each other")
	}
	c.MaxDistinctLabels = max(c.MaxDistinctLabels, minDistinctLabels)
	return nil
}

func (c *limitConfig) compile(b *builder) error {
	if c.ByLabelName != "" {
		b.add(&labelLimitStage{
			limitConfig: *c,
			limiters:    map[string]*list.Element{},
		})
		return nil
	}
	b.add(&limitStage{limiter: rate.NewLimiter(rate.Limit(c.Rate), c.Burst), drop: c.Drop})
	return nil
}

// limitStage lets so many rows of a pipeline pass in a second. The others wait,
// or are dropped.
type limitStage struct {
	limiter *rate.Limiter
	drop    bool
}

func (s *limitStage) process(c *Chain, _ int, r *row) verdict {
	if s.limiter.Allow() {
		return pass
	}
	if s.drop {
		return c.drop(r, reasonLimit)
	}
	// Those ahead need not wait with it.
	c.deliver()
	if c.err == nil {
		c.err = s.limiter.Wait(c.ctx)
	}
	if c.err != nil {
		return gone
	}
	return pass
}

// labelLimitStage limits the rows of each value of a label. It knows so many
// values; the one not seen for longest is forgotten first.
type labelLimitStage struct {
	limitConfig

	mu       sync.Mutex // guards the fields below
	limiters map[string]*list.Element
	recent   list.List // of *labelLimiter, the last seen in front
}

type labelLimiter struct {
	value   string
	limiter *rate.Limiter
}

func (s *labelLimitStage) process(c *Chain, _ int, r *row) verdict {
	v := r.labels.Get(s.ByLabelName)
	if v == "" || s.of(v).Allow() {
		return pass
	}
	c.p.opts.Metrics.droppedByLabel.WithLabelValues(s.ByLabelName, v).Add(float64(max(r.mark.Count(), 1)))
	return c.drop(r, reasonLimit)
}

// of returns the limiter of a value.
func (s *labelLimitStage) of(v string) *rate.Limiter {
	s.mu.Lock()
	defer s.mu.Unlock()
	if e, ok := s.limiters[v]; ok {
		s.recent.MoveToFront(e)
		return e.Value.(*labelLimiter).limiter
	}
	if len(s.limiters) >= s.MaxDistinctLabels {
		last := s.recent.Back()
		delete(s.limiters, s.recent.Remove(last).(*labelLimiter).value)
	}
	l := &labelLimiter{strings.Clone(v), rate.NewLimiter(rate.Limit(s.Rate), s.Burst)}
	s.limiters[l.value] = s.recent.PushFront(l)
	return l.limiter
}
