package stage

import (
	"errors"
	"math/rand/v2"
)

// samplingConfig are the settings of sampling.
type samplingConfig struct {
	Rate   *float64 `yaml:"rate"`
	Reason string   `yaml:"drop_counter_reason"`
}

func (c *samplingConfig) validate() error {
	if c.Rate == nil || !(*c.Rate >= 0 && *c.Rate <= 1) {
		return errors.New("rate is required, from 0 to 1")
	}
	if c.Reason == "" {
		c.Reason = "sampling_stage"
	}
	return nil
}

func (c *samplingConfig) compile(b *builder) error {
	b.add(&samplingStage{*c.Rate, c.Reason})
	return nil
}

// samplingStage keeps a part of the rows, by chance.
type samplingStage struct {
	rate   float64
	reason string
}

func (s *samplingStage) process(c *Chain, _ int, r *row) verdict {
	if rand.Float64() < s.rate {
		return pass
	}
	return c.drop(r, s.reason)
}
