package stage

import (
	"errors"
	"fmt"
	"sync"
	"text/template"
	"text/template/parse"
)

// A textTemplate is a template of a stage. It sees the extracted values as text
// by their names, and two of its own: Value, the value of the stage's source,
// and Entry, the line. What is not there is empty.
type textTemplate struct {
	full  *template.Template
	parts []templatePart // all of it, where it is plain text and values
	names []string       // that it looks at
	all   bool           // it may look at any
}

// A templatePart is text, or a value when name is not empty.
type templatePart struct{ text, name string }

const (
	valueName = "Value"
	entryName = "Entry"
)

func newTextTemplate(setting, text string) (*textTemplate, error) {
	full, err := template.New(setting).Option("missingkey=zero").Funcs(templateFuncs).Parse(text)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", setting, err)
	}
	t := &textTemplate{full: full}
	for _, tmpl := range full.Templates() {
		if tmpl.Tree != nil {
			t.look(tmpl.Root)
		}
	}
	if parts, ok := plainParts(full.Root); ok {
		t.parts = parts
	}
	return t, nil
}

// plainParts are the parts of a template of nothing but text and {{ .name }}.
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
			parts = append(parts, templatePart{name: f.Ident[0]})
		default:
			return nil, false
		}
	}
	return parts, true
}

// look finds the values that a tree of nodes may look at.
func (t *textTemplate) look(n parse.Node) {
	switch n := n.(type) {
	case *parse.ListNode:
		if n != nil {
			for _, sub := range n.Nodes {
				t.look(sub)
			}
		}
	case *parse.ActionNode:
		t.look(n.Pipe)
	case *parse.PipeNode:
		if n != nil {
			for _, c := range n.Cmds {
				for _, arg := range c.Args {
					t.look(arg)
				}
			}
		}
	case *parse.FieldNode:
		t.names = append(t.names, n.Ident[0])
	case *parse.IfNode:
		t.look(n.Pipe)
		t.look(n.List)
		t.look(n.ElseList)
	case *parse.TextNode, *parse.StringNode, *parse.NumberNode, *parse.BoolNode, *parse.NilNode,
		*parse.IdentifierNode, *parse.CommentNode:
	default:
		// The dot by itself, variables, range, with: any value may be meant.
		t.all = true
	}
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
	bound.data.New = func() any { return map[string]string{} }
	return bound
}

// A boundTemplate is a template of a pipeline.
type boundTemplate struct {
	*textTemplate
	slots map[string]int
	data  sync.Pool // of map[string]string
}

var errTooLong = errors.New("the result is too long")

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
	data := t.data.Get().(map[string]string)
	defer func() {
		clear(data)
		t.data.Put(data)
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
	if err := t.full.Execute(&out, data); err != nil {
		return "", err
	}
	return r.keep(out.b), nil
}

// join writes a template of plain text and values.
func (t *boundTemplate) join(r *row, v value) (string, error) {
	b := r.scratch[:0]
	for _, p := range t.parts {
		text := p.text
		if p.name != "" {
			text = t.text(r, p.name, v)
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
