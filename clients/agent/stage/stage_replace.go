package stage

import (
	"github.com/grafana/regexp"

	"github.com/skaldlogs/skald/pkg/model"
)

// replaceConfig are the settings of replace.
type replaceConfig struct {
	Expression string `yaml:"expression"`
	Source     string `yaml:"source"`
	Replace    string `yaml:"replace"`

	re   *regexp.Regexp
	tmpl *textTemplate
}

func (c *replaceConfig) validate() (err error) {
	if c.Expression == "" {
		return required("expression")
	}
	if c.re, err = compileRegexp("expression", c.Expression); err != nil {
		return err
	}
	c.tmpl, err = newTextTemplate("replace", c.Replace)
	return err
}

func (c *replaceConfig) compile(b *builder) error {
	s := &replaceStage{source: b.source(c.Source), re: c.re, names: make([]int, c.re.NumSubexp()+1)}
	for i, name := range c.re.SubexpNames() {
		s.names[i] = -1
		if name != "" {
			s.names[i] = b.slot(name)
		}
	}
	s.tmpl = c.tmpl.bind(b)
	b.add(s)
	return nil
}

// replaceStage replaces what the groups of an expression match, wherever it
// matches. Without groups there is nothing to replace.
type replaceStage struct {
	source int
	re     *regexp.Regexp
	names  []int // slots of named groups, by their number; -1 for others
	tmpl   *boundTemplate
}

func (s *replaceStage) process(_ *Chain, _ int, r *row) verdict {
	text, ok := r.text(s.source)
	if !ok || s.re.NumSubexp() == 0 {
		return pass
	}
	matches := s.re.FindAllStringSubmatchIndex(text, -1)
	if matches == nil {
		return pass
	}
	out, done := make([]byte, 0, len(text)), 0
	for _, m := range matches {
		for g := 1; g < len(m)/2; g++ {
			start, end := m[2*g], m[2*g+1]
			if start < done {
				continue // no part of the match, or inside a group replaced before
			}
			with, err := s.tmpl.execute(r, textValue(text[start:end]))
			if err != nil {
				return pass
			}
			out = append(out, text[done:start]...)
			out = append(out, with...)
			done = end
			if s.names[g] >= 0 {
				r.set(s.names[g], textValue(with))
			}
		}
	}
	result := r.keepText(model.Borrow(append(out, text[done:]...)))
	if s.source == lineSource {
		r.line = result
	} else {
		r.set(s.source, textValue(result))
	}
	return pass
}
