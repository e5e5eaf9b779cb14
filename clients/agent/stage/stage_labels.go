package stage

import (
	"fmt"
	"maps"
	"slices"
	"unicode/utf8"
)

// labelsConfig are labels and the values to make them of. An empty one is the
// name of the label.
type labelsConfig map[string]*string

func (c *labelsConfig) validate() error {
	if len(*c) == 0 {
		return required("at least one label")
	}
	for name := range *c {
		if err := checkLabelName(name); err != nil {
			return err
		}
	}
	return nil
}

func (c *labelsConfig) compile(b *builder) error {
	b.add(&labelsStage{b.sources(*c)})
	return nil
}

// A namedSlot is a name, and the slot of the value that it gets.
type namedSlot struct {
	name string
	slot int
}

// sources are names and the slots of their sources, sorted by name.
func (b *builder) sources(from map[string]*string) []namedSlot {
	var to []namedSlot
	for _, name := range slices.Sorted(maps.Keys(from)) {
		source := name
		if s := from[name]; s != nil && *s != "" {
			source = *s
		}
		to = append(to, namedSlot{name, b.slot(source)})
	}
	return to
}

// labelsStage makes labels of extracted values that are valid UTF-8.
type labelsStage struct{ set []namedSlot }

func (s *labelsStage) process(_ *Chain, _ int, r *row) verdict {
	for _, l := range s.set {
		if text, ok := r.get(l.slot).asText(); ok && utf8.ValidString(text) {
			r.labels = r.labels.With(l.name, text)
		}
	}
	return pass
}

// labelDropConfig are the labels to take away.
type labelDropConfig []string

func (c *labelDropConfig) validate() error {
	if len(*c) == 0 {
		return required("at least one label")
	}
	return nil
}

func (c *labelDropConfig) compile(b *builder) error {
	b.add(labelDropStage(*c))
	return nil
}

// labelDropStage takes labels away.
type labelDropStage []string

func (s labelDropStage) process(_ *Chain, _ int, r *row) verdict {
	for _, name := range s {
		r.labels = r.labels.Without(name)
	}
	return pass
}

// staticLabelsConfig are labels with their values. One without a value is left out.
type staticLabelsConfig map[string]*string

func (c *staticLabelsConfig) validate() error {
	for name := range *c {
		if err := checkLabelName(name); err != nil {
			return err
		}
	}
	if len(*c) == 0 {
		return required("at least one label")
	}
	return nil
}

func (c *staticLabelsConfig) compile(b *builder) error {
	s := &staticLabelsStage{}
	for _, name := range slices.Sorted(maps.Keys(*c)) {
		if v := (*c)[name]; v != nil && *v != "" {
			if !utf8.ValidString(*v) {
				return fmt.Errorf("the value of %q is not valid UTF-8", name)
			}
			s.set = append(s.set, staticLabel{name, *v})
		}
	}
	b.add(s)
	return nil
}

type staticLabel struct{ name, value string }

// staticLabelsStage sets labels to fixed values.
type staticLabelsStage struct{ set []staticLabel }

func (s *staticLabelsStage) process(_ *Chain, _ int, r *row) verdict {
	for _, l := range s.set {
		r.labels = r.labels.With(l.name, l.value)
	}
	return pass
}
