package stage

import (
	"errors"
	"fmt"

	"github.com/prometheus/prometheus/model/labels"

	"github.com/skaldlogs/skald/clients/agent/entry"
	"github.com/skaldlogs/skald/pkg/logql/pipeline"
	"github.com/skaldlogs/skald/pkg/logql/syntax"
	"github.com/skaldlogs/skald/pkg/spell"
)

// matchConfig are the settings of match.
type matchConfig struct {
	Selector     string `yaml:"selector"`
	Stages       Config `yaml:"stages"`
	Action       string `yaml:"action"`
	Reason       string `yaml:"drop_counter_reason"`
	PipelineName string `yaml:"pipeline_name"` // for people who read the file

	matchers []*labels.Matcher
	filter   *pipeline.Pipeline
	onLabels bool // the filter looks at labels
}

const (
	actionKeep = "keep"
	actionDrop = "drop"
)

func (c *matchConfig) validate() error {
	if c.Selector == "" {
		return required("selector")
	}
	selector, err := syntax.ParseLogSelector(c.Selector)
	if err != nil {
		return fmt.Errorf("selector: %w", err)
	}
	c.matchers = selector.Matchers
	if len(selector.Stages) > 0 {
		if c.filter, err = pipeline.Compile(selector.Stages, pipeline.Options{}); err != nil {
			return fmt.Errorf("selector: %w", err)
		}
		for _, s := range selector.Stages {
			if _, ok := s.(*syntax.LineFilter); !ok {
				c.onLabels = true
			}
		}
	}
	switch c.Action {
	case "":
		c.Action = actionKeep
	case actionKeep, actionDrop:
	default:
		return fmt.Errorf("action: unknown action %q%s", c.Action, spell.Perhaps(c.Action, []string{actionKeep, actionDrop}))
	}
	switch {
	case c.Action == actionKeep && c.Stages.Empty():
		return errors.New("stages: want at least one to run on what matches")
	case c.Action == actionDrop && !c.Stages.Empty():
		return errors.New("stages: what is dropped goes through none")
	}
	if c.Reason == "" {
		c.Reason = "match_stage"
	}
	return nil
}

func (c *matchConfig) compile(b *builder) error {
	s := &matchStage{matchers: c.matchers, filter: c.filter, onLabels: c.onLabels}
	if c.Action == actionDrop {
		s.reason = c.Reason
	}
	at := b.add(s)
	if err := b.addAll(c.Stages); err != nil {
		return err
	}
	b.program[at].over = len(b.program)
	return nil
}

// matchStage runs the stages behind it on rows that a selector matches, or drops
// those. The others go over them.
type matchStage struct {
	matchers []*labels.Matcher
	filter   *pipeline.Pipeline // nil when the selector has none
	onLabels bool
	reason   string // to drop with; empty to keep
}

// matchMemory is what the selector says of the labels of the last row.
type matchMemory struct {
	labels  *entry.Labels
	matches bool
	// filters are those of the selector, for the labels that it looks at.
	filters map[*entry.Labels]*pipeline.StreamPipeline
}

// maxMatchFilters is for how many label sets of a source filters are kept.
const maxMatchFilters = 64

func newMatchMemory() *matchMemory { return &matchMemory{} }

func (s *matchStage) process(c *Chain, at int, r *row) verdict {
	m := recall(c, at, newMatchMemory)
	if m.labels != r.labels {
		m.labels, m.matches = r.labels, s.selects(r.labels)
	}
	if !m.matches || s.filter != nil && !s.passes(m, r) {
		return over
	}
	if s.reason != "" {
		return c.drop(r, s.reason)
	}
	return pass
}

// selects reports whether all matchers hold for labels.
func (s *matchStage) selects(l *entry.Labels) bool {
	for _, m := range s.matchers {
		if !m.Matches(l.Get(m.Name)) {
			return false
		}
	}
	return true
}

// passes reports whether the filters let a row pass.
func (s *matchStage) passes(m *matchMemory, r *row) bool {
	var key *entry.Labels
	if s.onLabels {
		key = r.labels
	}
	f := m.filters[key]
	if f == nil {
		if m.filters == nil || len(m.filters) >= maxMatchFilters {
			m.filters = map[*entry.Labels]*pipeline.StreamPipeline{}
		}
		stream := labels.EmptyLabels()
		if key != nil {
			stream = key.All()
		}
		f = s.filter.ForStream(stream)
		m.filters[key] = f
	}
	_, _, ok := f.Process(r.ts, r.line, r.md)
	return ok
}
