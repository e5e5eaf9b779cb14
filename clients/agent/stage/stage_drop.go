package stage

import (
	"errors"
	"time"

	"github.com/grafana/regexp"

	"github.com/skaldlogs/skald/clients/agent/bytesize"
)

// dropConfig are the settings of drop. All conditions that are given must hold.
type dropConfig struct {
	Source     oneOrMany      `yaml:"source"`
	Separator  string         `yaml:"separator"`
	Expression string         `yaml:"expression"`
	Value      string         `yaml:"value"`
	OlderThan  duration       `yaml:"older_than"`
	LongerThan *bytesize.Size `yaml:"longer_than"`
	Reason     string         `yaml:"drop_counter_reason"`

	re *regexp.Regexp
}

func (c *dropConfig) validate() (err error) {
	switch {
	case c.Expression != "" && c.Value != "":
		return errors.New("want one of expression and value, not both")
	case c.Value != "" && len(c.Source) == 0:
		return errors.New("value needs source")
	case len(c.Source) == 0 && c.Expression == "" && c.OlderThan == 0 && c.LongerThan == nil:
		return errors.New("want at least one of source, expression, older_than and longer_than")
	case c.OlderThan < 0:
		return errors.New("older_than: want more than nothing")
	}
	if c.Separator == "" {
		c.Separator = ";"
	}
	if c.Reason == "" {
		c.Reason = "drop_stage"
	}
	if c.Expression != "" {
		c.re, err = compileRegexp("expression", c.Expression)
	}
	return err
}

func (c *dropConfig) compile(b *builder) error {
	s := &dropStage{
		separator: c.Separator, re: c.re, value: c.Value,
		olderThan: time.Duration(c.OlderThan), longerThan: -1, reason: c.Reason,
	}
	for _, name := range c.Source {
		s.source = append(s.source, b.slot(name))
	}
	if c.LongerThan != nil {
		s.longerThan = int(*c.LongerThan)
	}
	b.add(s)
	return nil
}

// dropStage drops rows.
type dropStage struct {
	source     []int
	separator  string
	re         *regexp.Regexp
	value      string
	olderThan  time.Duration // 0 for no such condition
	longerThan int           // negative for no such condition
	reason     string
}

func (s *dropStage) process(c *Chain, _ int, r *row) verdict {
	if s.longerThan >= 0 && len(r.line) <= s.longerThan {
		return pass
	}
	if s.olderThan > 0 && time.Since(time.Unix(0, r.ts)) <= s.olderThan {
		return pass
	}
	text := r.line
	if len(s.source) > 0 {
		joined, ok := s.joined(r)
		if !ok {
			return pass
		}
		text = joined
	}
	if s.re != nil && !s.re.MatchString(text) || s.value != "" && text != s.value {
		return pass
	}
	return c.drop(r, s.reason)
}

// joined are the values of the sources with the separator in between, if all of
// them are there.
func (s *dropStage) joined(r *row) (string, bool) {
	if len(s.source) == 1 {
		v := r.get(s.source[0])
		return v.text, v.kind != kindAbsent
	}
	b := r.scratch[:0]
	for i, slot := range s.source {
		v := r.get(slot)
		if v.kind == kindAbsent {
			return "", false
		}
		if i > 0 {
			b = append(b, s.separator...)
		}
		b = append(b, v.text...)
	}
	return r.keep(b), true
}
