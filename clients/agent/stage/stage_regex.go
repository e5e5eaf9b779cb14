package stage

import (
	"errors"

	"github.com/grafana/regexp"
)

// regexConfig are the settings of regex.
type regexConfig struct {
	Expression string `yaml:"expression"`
	Source     string `yaml:"source"`

	re *regexp.Regexp
}

func (c *regexConfig) validate() (err error) {
	if c.Expression == "" {
		return required("expression")
	}
	if c.re, err = compileRegexp("expression", c.Expression); err != nil {
		return err
	}
	for _, name := range c.re.SubexpNames() {
		if name != "" {
			return nil
		}
	}
	return errors.New("expression: want at least one named group, (?P<name>…)")
}

func (c *regexConfig) compile(b *builder) error {
	s := &regexStage{source: b.source(c.Source), re: c.re}
	for i, name := range c.re.SubexpNames() {
		if name != "" {
			s.groups = append(s.groups, regexGroup{i, b.slot(name)})
		}
	}
	b.add(s)
	return nil
}

// A regexGroup is a named group of an expression, and where its text goes.
type regexGroup struct{ group, slot int }

// regexStage extracts the named groups of an expression. A group that took no
// part in the match is extracted as empty text.
type regexStage struct {
	source int
	re     *regexp.Regexp
	groups []regexGroup
}

func (s *regexStage) process(_ *Chain, _ int, r *row) verdict {
	text, ok := r.text(s.source)
	if !ok {
		return pass
	}
	at := s.re.FindStringSubmatchIndex(text)
	if at == nil {
		return pass
	}
	for _, g := range s.groups {
		v := textValue("")
		if start := at[2*g.group]; start >= 0 {
			v.text = text[start:at[2*g.group+1]]
		}
		r.set(g.slot, v)
	}
	return pass
}
