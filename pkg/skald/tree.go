package skald

import (
	"errors"
	"fmt"
	"reflect"
	"strings"
	"time"

	"go.yaml.in/yaml/v3"

	"github.com/skaldlogs/skald/pkg/limits"
	"github.com/skaldlogs/skald/pkg/spell"
)

// maxNodes bounds a configuration once its aliases are written out: a few lines
// of YAML can stand for more than fits into memory.
const maxNodes = 1 << 20

// A Warning is a setting that has no effect, or not the one its name says.
type Warning struct {
	What string // the key or flag
	Line int    // in the file; 0 for a flag
	Why  string
}

// A tree is a configuration file on its way into a Config: first what the
// ledger says is done to it, then it is brought into the form that decoding
// wants. What it finds wrong is collected, so that a user sees all of it.
type tree struct {
	file     string
	root     *yaml.Node
	warnings []Warning
	errs     []error
	nodes    int
}

// parseTree reads a file. An empty one is a tree without keys.
func parseTree(file string, text []byte) (*tree, error) {
	var doc yaml.Node
	if err := yaml.Unmarshal(text, &doc); err != nil {
		return nil, fmt.Errorf("%s: %w", file, err)
	}
	t := &tree{file: file, root: &yaml.Node{Kind: yaml.MappingNode, Tag: "!!map"}}
	if len(doc.Content) == 0 || doc.Content[0].Tag == "!!null" {
		return t, nil
	}
	root, err := t.plain(doc.Content[0], 0)
	if err != nil {
		return nil, err
	}
	if root.Kind != yaml.MappingNode {
		return nil, fmt.Errorf("%s:%d: want keys and values", file, root.Line)
	}
	t.root = root
	return t, nil
}

// plain copies a node with its aliases and merge keys written out.
func (t *tree) plain(n *yaml.Node, depth int) (*yaml.Node, error) {
	if t.nodes++; t.nodes > maxNodes || depth > 100 {
		return nil, fmt.Errorf("%s:%d: too large or too deep once its aliases are written out", t.file, n.Line)
	}
	if n.Kind == yaml.AliasNode {
		return t.plain(n.Alias, depth+1)
	}
	c := *n
	c.Anchor, c.Content = "", nil
	var merged []*yaml.Node
	for i, child := range n.Content {
		p, err := t.plain(child, depth+1)
		if err != nil {
			return nil, err
		}
		if n.Kind == yaml.MappingNode && i%2 == 1 && n.Content[i-1].Tag == "!!merge" {
			c.Content = c.Content[:len(c.Content)-1] // the key
			merged = append(merged, p)
			continue
		}
		c.Content = append(c.Content, p)
	}
	for _, m := range merged {
		sources := []*yaml.Node{m}
		if m.Kind == yaml.SequenceNode {
			sources = m.Content
		}
		for _, s := range sources {
			if s.Kind != yaml.MappingNode {
				return nil, fmt.Errorf("%s:%d: << wants a mapping", t.file, n.Line)
			}
			for i := 0; i+1 < len(s.Content); i += 2 {
				if find(&c, s.Content[i].Value) == nil {
					c.Content = append(c.Content, s.Content[i], s.Content[i+1])
				}
			}
		}
	}
	return &c, nil
}

// find returns the value of a key, or nil.
func find(mapping *yaml.Node, key string) *yaml.Node {
	for i := 0; i+1 < len(mapping.Content); i += 2 {
		if mapping.Content[i].Value == key {
			return mapping.Content[i+1]
		}
	}
	return nil
}

func (t *tree) wrong(line int, format string, args ...any) {
	t.errs = append(t.errs, fmt.Errorf("%s:%d: %w", t.file, line, fmt.Errorf(format, args...)))
}

func (t *tree) warn(line int, what, why string) {
	t.warnings = append(t.warnings, Warning{What: what, Line: line, Why: why})
}

// A move is a value on its way to the key it is mapped to.
type move struct {
	key, value *yaml.Node
	from, to   string
}

// judge does to every key what the ledger says, and to the values of mapped
// keys what it says about their new place.
func (t *tree) judge(l *ledger) {
	moves := t.judgeBlock(l, t.root, "")
	for len(moves) > 0 {
		m := moves[0]
		moves = moves[1:]
		parent, name := splitKey(m.to)
		block := t.blockAt(parent)
		if find(block, name) != nil {
			t.warn(m.key.Line, m.from, m.to+" is set as well, and wins")
			continue
		}
		key := *m.key
		key.Value = name
		moved := &yaml.Node{Kind: yaml.MappingNode, Tag: "!!map", Content: []*yaml.Node{&key, m.value}}
		moves = append(moves, t.judgeBlock(l, moved, parent)...)
		block.Content = append(block.Content, moved.Content...)
	}
}

// blockAt returns the mapping at a path, and makes it where it is missing.
func (t *tree) blockAt(path string) *yaml.Node {
	n := t.root
	if path == "" {
		return n
	}
	for name := range strings.SplitSeq(path, ".") {
		next := find(n, name)
		if next == nil || next.Kind != yaml.MappingNode {
			next = &yaml.Node{Kind: yaml.MappingNode, Tag: "!!map"}
			n.Content = append(n.Content, &yaml.Node{Kind: yaml.ScalarNode, Tag: "!!str", Value: name}, next)
		}
		n = next
	}
	return n
}

// judgeBlock drops from a mapping what has no place in a Config, and returns
// what goes elsewhere.
func (t *tree) judgeBlock(l *ledger, mapping *yaml.Node, path string) []move {
	var moves []move
	var kept []*yaml.Node
	for i := 0; i+1 < len(mapping.Content); i += 2 {
		key, value := mapping.Content[i], mapping.Content[i+1]
		full := joinKey(path, key.Value)
		e := l.find(full)
		switch {
		case e == nil && l.isBlock(full):
			if value.Tag == "!!null" {
				continue // a block without keys
			}
			if value.Kind != yaml.MappingNode {
				t.wrong(value.Line, "%s is a block of keys, not a value", full)
				continue
			}
			moves = append(moves, t.judgeBlock(l, value, full)...)
			if len(value.Content) > 0 {
				kept = append(kept, key, value)
			}
		case e == nil, e.Key != full && l.misspelt(path, key.Value):
			t.wrong(key.Line, "unknown key %q%s", full, l.hint(path, key.Value))
		case e.Verdict == Ignored:
			t.warn(key.Line, full, e.Why)
		case e.Verdict == Mapped:
			moves = append(moves, move{key: key, value: value, from: full, to: e.To})
		default:
			if e.Why != "" {
				t.warn(key.Line, full, e.Why)
			}
			kept = append(kept, key, value)
		}
	}
	mapping.Content = kept
	return moves
}

// conform brings values into the form that their Go type reads, and finds keys
// that it does not have.
func (t *tree) conform(n *yaml.Node, to reflect.Type, path string) {
	switch {
	case n.Tag == "!!null":
	case to == reflect.TypeFor[time.Duration]():
		d, err := limits.ParseDuration(n.Value)
		if err != nil {
			t.wrong(n.Line, "%s: %w", path, err)
			return
		}
		n.Tag, n.Value = "!!str", d.String()
	case isBlock(to) && n.Kind == yaml.MappingNode:
		known := map[string]reflect.Type{}
		keysOf(to, known)
		for i := 0; i+1 < len(n.Content); i += 2 {
			key := n.Content[i]
			field, ok := known[key.Value]
			if !ok {
				var names []string
				for name := range known {
					names = append(names, name)
				}
				hint := ""
				if near := spell.Nearest(key.Value, names); near != "" {
					hint = fmt.Sprintf(", perhaps %q", near)
				}
				t.wrong(key.Line, "unknown key %q%s", joinKey(path, key.Value), hint)
				continue
			}
			t.conform(n.Content[i+1], field, joinKey(path, key.Value))
		}
	case to.Kind() == reflect.Slice && n.Kind == yaml.SequenceNode:
		for i, item := range n.Content {
			t.conform(item, to.Elem(), fmt.Sprintf("%s[%d]", path, i))
		}
	case to.Kind() == reflect.Map && n.Kind == yaml.MappingNode:
		for i := 0; i+1 < len(n.Content); i += 2 {
			t.conform(n.Content[i+1], to.Elem(), joinKey(path, n.Content[i].Value))
		}
	default:
		if plain := to.Kind() >= reflect.Bool && to.Kind() <= reflect.Float64; plain && n.Tag == "!!str" {
			n.Tag, n.Style = "", 0 // quotes around a number, from an environment variable for instance
		}
		// Tried here because the decoder does not always say where it fails.
		if err := n.Decode(reflect.New(to).Interface()); err != nil {
			t.wrong(n.Line, "%s: %w", path, plainError(err))
		}
	}
}

// plainError is what went wrong with one value, without the decoder's heading
// and its line, which the caller knows.
func plainError(err error) error {
	var typeErr *yaml.TypeError
	if errors.As(err, &typeErr) && len(typeErr.Errors) == 1 {
		if _, text, ok := strings.Cut(typeErr.Errors[0], ": "); ok {
			return errors.New(text)
		}
	}
	return err
}

// keysOf collects the keys of a struct, those of inlined ones included.
func keysOf(t reflect.Type, known map[string]reflect.Type) {
	for i := range t.NumField() {
		f := t.Field(i)
		switch name, inline := yamlName(f); {
		case inline:
			keysOf(f.Type, known)
		case name != "":
			known[name] = f.Type
		}
	}
}

// decode writes the tree's values over what c holds.
func (t *tree) decode(c *Config) error {
	if err := t.root.Decode(c); err != nil {
		return fmt.Errorf("%s: %w", t.file, err)
	}
	return nil
}

func joinKey(path, name string) string {
	if path == "" {
		return name
	}
	return path + "." + name
}

func splitKey(key string) (parent, name string) {
	dot := strings.LastIndexByte(key, '.')
	if dot < 0 {
		return "", key
	}
	return key[:dot], key[dot+1:]
}
