package pipeline

import "github.com/skaldlogs/skald/pkg/logql/syntax"

// dropStage removes labels.
type dropStage struct {
	filter
	choices []syntax.LabelChoice
}

func (s *dropStage) need(n *needs) {
	for _, c := range s.choices {
		if c.Matcher != nil || c.Name == ErrorLabel {
			n.label(c.Name)
		}
	}
}

func (s *dropStage) process(e *entry) bool {
	for _, c := range s.choices {
		if v, ok := e.get(c.Name); ok && (c.Matcher == nil || c.Matcher.Matches(v)) {
			e.remove(c.Name)
		}
	}
	return true
}

// keepStage removes all labels but some. Error labels stay.
type keepStage struct {
	filter
	choices []syntax.LabelChoice
}

func (s *keepStage) need(n *needs) {
	// Where no parser follows, only the labels that this stage keeps can be there.
	// (What is needed is one set for all stages, so it must not shrink otherwise.)
	if n.all && !n.parsed {
		n.all = false
		for _, c := range s.choices {
			n.label(c.Name)
		}
		n.label(ErrorLabel)
	}
	for _, c := range s.choices {
		if c.Matcher != nil {
			n.label(c.Name)
		}
	}
}

func (s *keepStage) process(e *entry) bool {
	kept := e.fields[:0]
	for _, f := range e.fields {
		if s.keeps(f.name, f.value) {
			kept = append(kept, f)
		}
	}
	e.fields = kept
	for i, l := range e.stream {
		if !e.hidden[i] && !s.keeps(l.Name, l.Value) {
			e.hide(l.Name)
		}
	}
	return true
}

func (s *keepStage) keeps(name, value string) bool {
	for _, c := range s.choices {
		if c.Name == name && (c.Matcher == nil || c.Matcher.Matches(value)) {
			return true
		}
	}
	return false
}
