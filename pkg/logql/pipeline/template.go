package pipeline

import (
	"fmt"
	"sync"
	texttemplate "text/template"
	"text/template/parse"

	"github.com/skaldlogs/skald/pkg/model"
)

// A template is a compiled template of line_format or label_format.
type template struct {
	// parts are the template where it is no more than text and labels; most are.
	parts []templatePart
	// runs are copies of the template otherwise, each for one goroutine at a time.
	runs sync.Pool
	// labels are those that the template names; all means it may look at any.
	labels []string
	all    bool
}

// A templatePart is text, or the value of a label when label is not empty.
type templatePart struct {
	text, label string
}

func newTemplate(kind, text string) (*template, error) {
	full, err := texttemplate.New(kind).Option("missingkey=zero").Funcs((&templateRun{}).funcs()).Parse(text)
	if err != nil {
		return nil, fmt.Errorf("invalid %s template: %w", kind, err)
	}
	t := &template{}
	for _, tmpl := range full.Templates() {
		if tmpl.Tree != nil {
			t.addLabels(tmpl.Root)
		}
	}
	if parts, ok := plainParts(full.Root); ok {
		t.parts = parts
		return t, nil
	}
	for _, tmpl := range full.Templates() {
		if tmpl.Tree != nil {
			addTicks(tmpl.Root)
			tick(tmpl.Root)
		}
	}
	t.runs.New = func() any { return newTemplateRun(full) }
	return t, nil
}

// plainParts returns the parts of a template that holds nothing but text and
// {{.label}}.
func plainParts(root *parse.ListNode) (parts []templatePart, ok bool) {
	parts = []templatePart{}
	for _, n := range root.Nodes {
		switch n := n.(type) {
		case *parse.TextNode:
			parts = append(parts, templatePart{text: string(n.Text)})
		case *parse.ActionNode:
			if len(n.Pipe.Decl) > 0 || len(n.Pipe.Cmds) != 1 || len(n.Pipe.Cmds[0].Args) != 1 {
				return nil, false
			}
			f, isField := n.Pipe.Cmds[0].Args[0].(*parse.FieldNode)
			if !isField || len(f.Ident) != 1 {
				return nil, false
			}
			parts = append(parts, templatePart{label: f.Ident[0]})
		default:
			return nil, false
		}
	}
	return parts, true
}

// addLabels finds the labels that a tree of nodes may look at.
func (t *template) addLabels(n parse.Node) {
	switch n := n.(type) {
	case *parse.ListNode:
		if n != nil {
			for _, sub := range n.Nodes {
				t.addLabels(sub)
			}
		}
	case *parse.ActionNode:
		t.addLabels(n.Pipe)
	case *parse.PipeNode:
		if n != nil {
			for _, c := range n.Cmds {
				for _, arg := range c.Args {
					t.addLabels(arg)
				}
			}
		}
	case *parse.FieldNode:
		t.labels = append(t.labels, n.Ident[0])
	case *parse.IfNode:
		t.addLabels(n.Pipe)
		t.addLabels(n.List)
		t.addLabels(n.ElseList)
	case *parse.TextNode, *parse.StringNode, *parse.NumberNode, *parse.BoolNode, *parse.NilNode,
		*parse.IdentifierNode, *parse.CommentNode:
	default:
		// The dot by itself, variables, range and with: any label may be meant.
		t.all = true
	}
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
			text := p.text
			if p.label != "" {
				text = e.value(p.label)
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
			text := p.text
			if p.label != "" {
				text = vars[p.label]
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
