package pipeline

import (
	"github.com/prometheus/prometheus/model/labels"

	"github.com/skaldlogs/skald/pkg/extract"
)

// stringFilter matches a label's text.
type stringFilter struct {
	filter
	label   string
	matcher *extract.TextMatcher
}

func newStringFilter(m *labels.Matcher) *stringFilter {
	return &stringFilter{label: m.Name, matcher: extract.NewTextMatcher(m)}
}

func (f *stringFilter) process(e *entry) bool { return f.matcher.Matches(e.value(f.label)) }

func (f *stringFilter) need(n *needs) { n.label(f.label) }
