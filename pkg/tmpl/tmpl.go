// Package tmpl looks into templates of text/template before they run, for those
// who run them over each line of a log.
//
//   - [Plain] finds the templates that need not run at all: most are text and values.
//   - [Looks] names the values that a template may look at: no others are needed.
//   - [Tick] has a template call a function on each turn of a loop, and each time a
//     template is called, so that those who run it can bound what it does.
//
// Plain and Looks only read; Tick changes the template, before anybody runs it.
package tmpl

import (
	"text/template"
	"text/template/parse"
)

// A Part is text, or a value when Name is not empty.
type Part struct{ Text, Name string }

// Plain returns the parts of a template that holds nothing but text and {{.name}}.
func Plain(t *template.Template) (parts []Part, ok bool) {
	parts = []Part{}
	for _, n := range t.Root.Nodes {
		switch n := n.(type) {
		case *parse.TextNode:
			parts = append(parts, Part{Text: string(n.Text)})
		case *parse.ActionNode:
			if len(n.Pipe.Decl) > 0 || len(n.Pipe.Cmds) != 1 || len(n.Pipe.Cmds[0].Args) != 1 {
				return nil, false
			}
			f, isField := n.Pipe.Cmds[0].Args[0].(*parse.FieldNode)
			if !isField || len(f.Ident) != 1 {
				return nil, false
			}
			parts = append(parts, Part{Name: f.Ident[0]})
		default:
			return nil, false
		}
	}
	return parts, true
}

// Looks returns the values that a template, or one that it defines, may look at.
// all says that it may look at any.
func Looks(t *template.Template) (names []string, all bool) {
	var l looker
	eachTree(t, l.look)
	return l.names, l.all
}

// eachTree calls fn for the nodes of a template and of those that it defines.
func eachTree(t *template.Template, fn func(root *parse.ListNode)) {
	for _, d := range t.Templates() {
		if d.Tree != nil {
			fn(d.Root)
		}
	}
}

type looker struct {
	names []string
	all   bool
}

func (l *looker) look(n *parse.ListNode) {
	if n != nil {
		for _, sub := range n.Nodes {
			l.node(sub)
		}
	}
}

func (l *looker) node(n parse.Node) {
	switch n := n.(type) {
	case *parse.ListNode:
		l.look(n)
	case *parse.ActionNode:
		l.node(n.Pipe)
	case *parse.PipeNode:
		if n != nil {
			for _, c := range n.Cmds {
				for _, arg := range c.Args {
					l.node(arg)
				}
			}
		}
	case *parse.FieldNode:
		l.names = append(l.names, n.Ident[0])
	case *parse.IfNode:
		l.node(n.Pipe)
		l.look(n.List)
		l.look(n.ElseList)
	case *parse.TextNode, *parse.StringNode, *parse.NumberNode, *parse.BoolNode, *parse.NilNode,
		*parse.IdentifierNode, *parse.CommentNode:
	default:
		// The dot by itself, variables, range and with: any value may be meant.
		l.all = true
	}
}

// TickFunc is the function that ticks call. Whoever ticks a template gives it one
// of this name, which returns an empty text, or an error that ends the template.
const TickFunc = "__tick__"

// Tick has a template, and those that it defines, call [TickFunc].
func Tick(t *template.Template) {
	eachTree(t, func(root *parse.ListNode) {
		addTicks(root)
		tick(root)
	})
}

// tickNode is {{ __tick__ }}.
var tickNode = template.Must(template.New("").Funcs(template.FuncMap{TickFunc: func() string { return "" }}).
	Parse("{{" + TickFunc + "}}")).Root.Nodes[0]

// tick lets a list of nodes begin with a call of the function.
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
