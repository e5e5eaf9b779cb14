package stage

import (
	"errors"
	"time"

	"github.com/grafana/regexp"
	"github.com/prometheus/prometheus/model/labels"
)

// multilineConfig are the settings of multiline.
type multilineConfig struct {
	FirstLine   string   `yaml:"firstline"`
	MaxLines    int      `yaml:"max_lines"`
	MaxWaitTime duration `yaml:"max_wait_time"`

	re *regexp.Regexp
}

func defaultMultiline() *multilineConfig {
	return &multilineConfig{MaxLines: 128, MaxWaitTime: duration(3 * time.Second)}
}

func (c *multilineConfig) validate() (err error) {
	switch {
	case c.FirstLine == "":
		return required("firstline")
	case c.MaxLines < 1:
		return errors.New("max_lines: want at least 1")
	case c.MaxWaitTime <= 0:
		return errors.New("max_wait_time: want more than nothing")
	}
	c.re, err = compileRegexp("firstline", c.FirstLine)
	return err
}

func (c *multilineConfig) compile(b *builder) error {
	b.add(&multilineStage{first: c.re, maxLines: c.MaxLines, maxWait: time.Duration(c.MaxWaitTime)})
	return nil
}

// multilineStage joins lines to blocks, each of which begins with a line that an
// expression matches and has that line's labels and time. What comes before the
// first of them passes.
type multilineStage struct {
	first    *regexp.Regexp
	maxLines int
	maxWait  time.Duration
}

// A block is what is there of one, for one set of labels. It may be empty: its
// lines have gone on, and those to come still belong to its first line.
type block struct {
	*held
	lines int
	last  time.Time // when the last line came
}

// blocks are those of a source, by the labels of their lines.
type blocks map[labels.Labels]*block

func newBlocks() blocks { return blocks{} }

// maxBlocks is for how many label sets of a source blocks are kept.
const maxBlocks = 10_000

func (s *multilineStage) process(c *Chain, at int, r *row) verdict {
	m := recall(c, at, newBlocks)
	key := r.labels.All()
	b := m[key]
	switch {
	case s.first.MatchString(r.line):
		if b != nil && b.lines > 0 {
			s.emit(c, at, b)
		}
		if b == nil && len(m) >= maxBlocks {
			s.flush(c, at, m, time.Time{})
			clear(m)
		}
		b = &block{held: r.hold()}
		m[key] = b
	case b == nil:
		return pass
	}
	if b.lines > 0 {
		b.text = append(b.text, '\n')
	}
	b.text = append(b.text, r.line...)
	b.mark = b.mark.Join(r.mark)
	b.lines++
	b.last = time.Now()
	if b.lines >= s.maxLines || len(b.text) >= maxHeldBytes {
		s.emit(c, at, b)
	}
	return gone
}

// emit lets the lines of a block go on.
func (s *multilineStage) emit(c *Chain, at int, b *block) {
	c.emit(at, b.held)
	b.clear()
	b.lines = 0
}

func (s *multilineStage) due(memory any) time.Time {
	var first time.Time
	for _, b := range memory.(blocks) {
		if b.lines > 0 && (first.IsZero() || b.last.Before(first)) {
			first = b.last
		}
	}
	if first.IsZero() {
		return first
	}
	return first.Add(s.maxWait)
}

func (s *multilineStage) flush(c *Chain, at int, memory any, now time.Time) {
	for _, b := range memory.(blocks) {
		if b.lines > 0 && (now.IsZero() || !now.Before(b.last.Add(s.maxWait))) {
			s.emit(c, at, b)
		}
	}
}
