package pipeline

import (
	"fmt"
	"sync"
	texttemplate "text/template"

	"github.com/skaldlogs/skald/pkg/model"
	"github.com/skaldlogs/skald/pkg/tmpl"
)

// A template is a compiled template of line_format or label_format.
type template struct {
	// parts are the template where it is no more than text and labels; most are.
	parts []tmpl.Part
	// runs are copies of the template otherwise, each for one goroutine at a time.
	runs sync.Pool
	// labels are those that the template names; all means it may look at any.
	labels []string
	all    bool
}

func newTemplate(kind, text string) (*template, error) {
	full, err := texttemplate.New(kind).Option("missingkey=zero").Funcs((&templateRun{}).funcs()).Parse(text)
	if err != nil {
		return nil, fmt.Errorf("invalid %s template: %w", kind, err)
	}
	t := &template{}
	t.labels, t.all = tmpl.Looks(full)
	if parts, ok := tmpl.Plain(full); ok {
		t.parts = parts
		return t, nil
	}
	tmpl.Tick(full)
	t.runs.New = func() any { return newTemplateRun(full) }
	return t, nil
}

func (t *template) need(n *needs) {
	if t.all {
		n.everything()
	}
	for _, l := range t.labels {
		n.label(l)
	}
}

// execute runs the template over the labels of e. The text is valid until the
// next entry.
func (t *template) execute(e *entry) (string, error) {
	if t.parts != nil {
		start := len(e.scratch)
		for _, p := range t.parts {
			text := p.Text
			if p.Name != "" {
				text = e.value(p.Name)
			}
			if err := e.write(start, text); err != nil {
				return "", err
			}
		}
		return model.Borrow(e.scratch[start:]), nil
	}
	return t.executeWith(e, e.variables())
}

// write appends to the result that begins at start in the scratch. What is too
// long is given up.
func (e *entry) write(start int, text string) error {
	err := e.does(len(text))
	if len(e.scratch)-start+len(text) > maxTemplateText {
		err = errTooLong
	}
	if err != nil {
		e.scratch = e.scratch[:start]
		return err
	}
	e.scratch = append(e.scratch, text...)
	return nil
}

// executeWith runs the template over labels taken before.
func (t *template) executeWith(e *entry, vars map[string]string) (string, error) {
	start := len(e.scratch)
	if t.parts != nil {
		for _, p := range t.parts {
			text := p.Text
			if p.Name != "" {
				text = vars[p.Name]
			}
			if err := e.write(start, text); err != nil {
				return "", err
			}
		}
		return model.Borrow(e.scratch[start:]), nil
	}
	r := t.runs.Get().(*templateRun)
	defer t.runs.Put(r)
	if err := r.execute(e, vars); err != nil {
		e.scratch = e.scratch[:start]
		return "", err
	}
	return model.Borrow(e.scratch[start:]), nil
}

// variables are all labels of the entry, in a map that the next call reuses.
func (e *entry) variables() map[string]string {
	if e.vars == nil {
		e.vars = map[string]string{}
	}
	clear(e.vars)
	for i, l := range e.stream {
		if !e.hidden[i] {
			e.vars[l.Name] = l.Value
		}
	}
	for _, f := range e.fields {
		e.vars[f.name] = f.value
	}
	for _, l := range e.appendErrors(nil) {
		e.vars[l.Name] = l.Value
	}
	return e.vars
}
