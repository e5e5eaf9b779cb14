package pipeline

import (
	"errors"
	"reflect"
	texttemplate "text/template"
	"time"

	"github.com/grafana/regexp"

	"github.com/skaldlogs/skald/pkg/model"
	"github.com/skaldlogs/skald/pkg/tmpl"
)

// A template is a small program, and queries come from many people: what it may
// write and how long it may run are bounded, for each line.
const (
	// maxTemplateText is how long a text may be, in bytes.
	maxTemplateText = 1 << 20
	// maxTemplateWork is how many bytes all templates may read and write for a line,
	// by functions and to the result. A call, or a turn of a loop, counts as tickWork
	// bytes.
	maxTemplateWork = 16 << 20
	tickWork        = 64
)

var (
	errTooLong = errors.New("text of more than 1 MiB")
	errTooMuch = errors.New("template does too much for one line")
)

// A templateRun is a copy of a template whose functions look at one entry.
type templateRun struct {
	template *texttemplate.Template
	entry    *entry
	start    int // of the result, in the entry's scratch
	regexps  map[string]*regexp.Regexp
}

func newTemplateRun(t *texttemplate.Template) *templateRun {
	r := &templateRun{}
	// A template that was parsed can be cloned.
	r.template = texttemplate.Must(t.Clone()).Funcs(r.funcs())
	return r
}

// execute appends the result to the entry's scratch.
func (r *templateRun) execute(e *entry, vars map[string]string) error {
	r.entry, r.start = e, len(e.scratch)
	err := r.template.Execute(r, vars)
	r.entry = nil
	return err
}

// Write appends to the result.
func (r *templateRun) Write(b []byte) (int, error) {
	if err := r.entry.write(r.start, model.Borrow(b)); err != nil {
		return 0, err
	}
	return len(b), nil
}

// funcs are all functions of templates, bounded.
func (r *templateRun) funcs() texttemplate.FuncMap {
	fs := texttemplate.FuncMap{
		"__line__":      func() string { return r.entry.line },
		"__timestamp__": func() timeValue { return timeValue{time.Unix(0, r.entry.ts).UTC()} },
		tmpl.TickFunc:   func() (string, error) { return "", r.entry.does(tickWork) },
	}
	for _, group := range []texttemplate.FuncMap{textFuncs, mathFuncs, timeFuncs, r.regexpFuncs()} {
		for name, fn := range group {
			fs[name] = r.bounded(fn)
		}
	}
	return fs
}

// bounded returns fn with the texts that it is given and returns counted. No
// function writes more than a few times what it is given, or it checks before.
func (r *templateRun) bounded(fn any) any {
	v := reflect.ValueOf(fn)
	t := v.Type()
	in := make([]reflect.Type, t.NumIn())
	for i := range in {
		in[i] = t.In(i)
	}
	out := []reflect.Type{t.Out(0), reflect.TypeFor[error]()}
	call := v.Call
	if t.IsVariadic() {
		call = v.CallSlice
	}
	return reflect.MakeFunc(reflect.FuncOf(in, out, t.IsVariadic()), func(args []reflect.Value) []reflect.Value {
		work := tickWork
		for _, a := range args {
			work += textLen(a)
		}
		if err := r.entry.does(work); err != nil {
			return []reflect.Value{reflect.Zero(out[0]), reflect.ValueOf(err)}
		}
		results := call(args)
		if len(results) == 2 && !results[1].IsNil() {
			return results
		}
		var err error
		if n := textLen(results[0]); n > maxTemplateText {
			err = errTooLong
		} else {
			err = r.entry.does(n)
		}
		return []reflect.Value{results[0], reflect.ValueOf(&err).Elem()}
	}).Interface()
}

// textLen is the length of v if it is text, or of the texts that it lists.
func textLen(v reflect.Value) int {
	switch v.Kind() {
	case reflect.String:
		return v.Len()
	case reflect.Interface:
		return textLen(v.Elem())
	case reflect.Slice:
		n := 0
		for i := range v.Len() {
			n += textLen(v.Index(i))
		}
		return n
	default:
		return 0
	}
}
