package pipeline

import (
	"errors"
	"reflect"
	texttemplate "text/template"
	"text/template/parse"
	"time"
)

// A template is a small program, and queries come from many people: what it may
// write and how long it may run are bounded, for each line.
const (
	// maxTemplateText is how long a text may be, in bytes.
	maxTemplateText = 1 << 20
	// maxTemplateWork is how many bytes may be written in all, by functions and to
	// the result. A turn of a loop counts as tickWork bytes.
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
	work     int // done so far, see maxTemplateWork
}

func newTemplateRun(t *texttemplate.Template) *templateRun {
	r := &templateRun{}
	// A template that was parsed can be cloned.
	r.template = texttemplate.Must(t.Clone()).Funcs(r.funcs())
	return r
}

// execute appends the result to the entry's scratch.
func (r *templateRun) execute(e *entry, vars map[string]string) error {
	r.entry, r.start, r.work = e, len(e.scratch), 0
	err := r.template.Execute(r, vars)
	r.entry = nil
	return err
}

// Write appends to the result.
func (r *templateRun) Write(b []byte) (int, error) {
	if len(r.entry.scratch)-r.start+len(b) > maxTemplateText {
		return 0, errTooLong
	}
	if err := r.does(len(b)); err != nil {
		return 0, err
	}
	r.entry.scratch = append(r.entry.scratch, b...)
	return len(b), nil
}

// does counts work, and is an error when there was too much.
func (r *templateRun) does(work int) error {
	if r.work += work; r.work > maxTemplateWork {
		return errTooMuch
	}
	return nil
}

// tickFunc is called on each turn of a loop and by each template that is called.
const tickFunc = "__tick__"

// funcs are all functions of templates, bounded.
func (r *templateRun) funcs() texttemplate.FuncMap {
	fs := texttemplate.FuncMap{
		"__line__":      func() string { return r.entry.line },
		"__timestamp__": func() time.Time { return time.Unix(0, r.entry.ts).UTC() },
		tickFunc:        func() (string, error) { return "", r.does(tickWork) },
	}
	for _, group := range []texttemplate.FuncMap{textFuncs, mathFuncs, timeFuncs} {
		for name, fn := range group {
			fs[name] = r.bounded(fn)
		}
	}
	return fs
}

// bounded returns fn with its texts counted, if it returns any. No function
// writes more than a few times what it is given, or checks before it does.
func (r *templateRun) bounded(fn any) any {
	v := reflect.ValueOf(fn)
	t := v.Type()
	if t.Out(0).Kind() != reflect.String {
		return fn
	}
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
		results := call(args)
		if len(results) == 2 && !results[1].IsNil() {
			return results
		}
		err := r.does(results[0].Len())
		if results[0].Len() > maxTemplateText {
			err = errTooLong
		}
		return []reflect.Value{results[0], reflect.ValueOf(&err).Elem()}
	}).Interface()
}

// tickNode is {{ __tick__ }}.
var tickNode = texttemplate.Must(texttemplate.New("").Funcs(texttemplate.FuncMap{tickFunc: func() string { return "" }}).
	Parse("{{" + tickFunc + "}}")).Root.Nodes[0]

// tick lets a list of nodes begin with a call of the tick function.
func tick(l *parse.ListNode) {
	l.Nodes = append([]parse.Node{tickNode}, l.Nodes...)
}

// addTicks finds the bodies of loops below n.
func addTicks(n parse.Node) {
	switch n := n.(type) {
	case *parse.ListNode:
		if n != nil {
			for _, sub := range n.Nodes {
				addTicks(sub)
			}
		}
	case *parse.IfNode:
		addTicks(n.List)
		addTicks(n.ElseList)
	case *parse.WithNode:
		addTicks(n.List)
		addTicks(n.ElseList)
	case *parse.RangeNode:
		addTicks(n.List)
		addTicks(n.ElseList)
		tick(n.List)
	}
}
