package stage

import (
	"errors"
	"fmt"
	"sync"
	"text/template"

	"github.com/skaldlogs/skald/pkg/tmpl"
)

// A textTemplate is a template of a stage. It sees the extracted values as text
// by their names, and two of its own: Value, the value of the stage's source,
// and Entry, the line. What is not there is empty.
type textTemplate struct {
	full  *template.Template
	parts []tmpl.Part // all of it, where it is plain text and values
	names []string    // that it looks at
	all   bool        // it may look at any
}

const (
	valueName = "Value"
	entryName = "Entry"
)

func newTextTemplate(setting, text string) (*textTemplate, error) {
	full, err := template.New(setting).Option("missingkey=zero").Funcs(templateFuncs).Funcs((&templateRun{}).funcs()).Parse(text)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", setting, err)
	}
	t := &textTemplate{full: full}
	t.names, t.all = tmpl.Looks(full)
	if parts, ok := tmpl.Plain(full); ok {
		t.parts = parts
		return t, nil
	}
	tmpl.Tick(full)
	return t, nil
}

// bind prepares t for the rows of a pipeline.
func (t *textTemplate) bind(b *builder) *boundTemplate {
	bound := &boundTemplate{textTemplate: t, slots: map[string]int{}}
	for _, name := range t.names {
		if name != valueName && name != entryName {
			bound.slots[name] = b.slot(name)
		}
	}
	if t.all {
		b.slots.keepExtra = true
	}
	bound.runs.New = func() any { return newTemplateRun(t.full) }
	return bound
}

// A boundTemplate is a template of a pipeline.
type boundTemplate struct {
	*textTemplate
	slots map[string]int
	runs  sync.Pool // of *templateRun
}

// A templateRun is a copy of a template, for one goroutine at a time.
type templateRun struct {
	template *template.Template
	data     map[string]string
	ticks    int // turns of loops, and calls of templates
}

func newTemplateRun(t *template.Template) *templateRun {
	r := &templateRun{data: map[string]string{}}
	// A template that was parsed can be cloned.
	r.template = template.Must(t.Clone()).Funcs(r.funcs())
	return r
}

func (r *templateRun) funcs() template.FuncMap {
	return template.FuncMap{tmpl.TickFunc: func() (string, error) {
		if r.ticks++; r.ticks > maxTicks {
			return "", errTooMuch
		}
		return "", nil
	}}
}

// maxTicks is how often the loops of a template may turn for a line.
const maxTicks = 20_000

var (
	errTooLong = errors.New("the result is too long")
	errTooMuch = errors.New("the template does too much for one line")
)

// maxTemplateBytes is how much a template may write.
const maxTemplateBytes = 4 << 20

// templateOutput is where a template writes.
type templateOutput struct{ b []byte }

func (o *templateOutput) Write(p []byte) (int, error) {
	if len(o.b)+len(p) > maxTemplateBytes {
		return 0, errTooLong
	}
	o.b = append(o.b, p...)
	return len(p), nil
}

// execute runs the template over the values of a row, v being that of its
// source. The text lives as long as the row.
func (t *boundTemplate) execute(r *row, v value) (string, error) {
	if t.parts != nil {
		return t.join(r, v)
	}
	out := templateOutput{r.scratch[:0]}
	run := t.runs.Get().(*templateRun)
	data := run.data
	defer func() {
		clear(data)
		run.ticks = 0
		t.runs.Put(run)
	}()
	if t.all {
		r.each(func(name string, v value) {
			if text, ok := v.asText(); ok {
				data[name] = text
			}
		})
	}
	for _, name := range t.names {
		if name == valueName || name == entryName {
			continue
		}
		if text, ok := r.get(t.slots[name]).asText(); ok {
			data[name] = text
		}
	}
	if text, ok := v.asText(); ok {
		data[valueName] = text
	}
	data[entryName] = r.line
	if err := run.template.Execute(&out, data); err != nil {
		return "", err
	}
	return r.keep(out.b), nil
}

// join writes a template of plain text and values.
func (t *boundTemplate) join(r *row, v value) (string, error) {
	b := r.scratch[:0]
	for _, p := range t.parts {
		text := p.Text
		if p.Name != "" {
			text = t.text(r, p.Name, v)
		}
		if len(b)+len(text) > maxTemplateBytes {
			return "", errTooLong
		}
		b = append(b, text...)
	}
	return r.keep(b), nil
}

// text is the value that a template calls name.
func (t *boundTemplate) text(r *row, name string, v value) string {
	switch name {
	case entryName:
		return r.line
	case valueName:
		text, _ := v.asText()
		return text
	default:
		text, _ := r.get(t.slots[name]).asText()
		return text
	}
}
