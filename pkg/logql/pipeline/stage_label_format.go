package pipeline

import (
	"errors"
	"fmt"

	"github.com/skaldlogs/skald/pkg/logql/syntax"
)

// labelFormatStage renames labels and sets them from templates, in order.
// Templates see the labels as they were before the first of them ran, so none
// sees what another made.
type labelFormatStage struct {
	items []labelFormatItem
}

type labelFormatItem struct {
	label    string
	source   string    // the label to rename, when there is no template
	template *template // nil for a rename
}

func newLabelFormat(s *syntax.LabelFormat) (stage, error) {
	f := &labelFormatStage{}
	seen := map[string]bool{}
	for _, i := range s.Items {
		if i.Label == ErrorLabel {
			return nil, errors.New("__error__ cannot be formatted")
		}
		if seen[i.Label] {
			return nil, fmt.Errorf("multiple label name '%s' not allowed in a single format operation", i.Label)
		}
		seen[i.Label] = true
		item := labelFormatItem{label: i.Label, source: i.Source}
		if i.Template {
			t, err := newTemplate("label", i.Source)
			if err != nil {
				return nil, err
			}
			item.template = t
		}
		f.items = append(f.items, item)
	}
	return f, nil
}

// idle reports whether no label that the stage changes is looked at.
func (s *labelFormatStage) idle(n *needs) bool { return n.nothing() }

func (s *labelFormatStage) need(n *needs) {
	for _, i := range s.items {
		if i.template != nil {
			i.template.need(n)
		} else {
			n.label(i.source)
		}
	}
}

func (s *labelFormatStage) process(e *entry) bool {
	var vars map[string]string
	for _, i := range s.items {
		if i.template == nil {
			s.rename(e, i)
			continue
		}
		if vars == nil {
			vars = e.variables()
		}
		v, err := i.template.executeWith(e, vars)
		if err != nil {
			e.fail(ErrTemplateFormat, err.Error())
			continue
		}
		e.set(i.label, v, categoryParsed)
	}
	return true
}

func (s *labelFormatStage) rename(e *entry, i labelFormatItem) {
	if i.label == i.source {
		return
	}
	v, ok := e.get(i.source)
	if !ok {
		return
	}
	e.remove(i.source)
	e.set(i.label, v, categoryParsed)
}
