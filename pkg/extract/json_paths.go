package extract

import (
	"errors"
	"fmt"
	"strconv"
	"strings"
)

// JSONPaths are paths such as a.b[0]["x y"] into lines that are JSON. They never
// change.
type JSONPaths struct {
	root *pathNode
	n    int
}

// A Finding is the value of one of several that are looked for.
type Finding struct {
	Value string // of a string what it means; else the text; of null nothing
	OK    bool   // it was found
	// At and End are where in the line it is written, of a string between its quotes.
	At, End int
	Quoted  bool
}

// NewJSONPaths reads paths.
func NewJSONPaths(paths []string) (*JSONPaths, error) {
	p := &JSONPaths{root: &pathNode{}, n: len(paths)}
	for i, path := range paths {
		steps, err := parsePath(path)
		if err != nil {
			return nil, fmt.Errorf("cannot parse expression [%s]: %w", path, err)
		}
		n := p.root
		for _, step := range steps {
			n = n.child(step)
		}
		n.labels = append(n.labels, i)
	}
	return p, nil
}

// Find finds the values at the paths. Found has room for one of each, and is empty.
// Values are parts of the line or of scratch.
//
// It looks at the first byte alone to tell whether the line is JSON: ok is false
// when it is not. Of a line that is damaged further on it finds what is before: both
// as Loki does.
func (p *JSONPaths) Find(line string, scratch *[]byte, found []Finding) (ok bool) {
	if line == "" {
		return false
	}
	switch line[0] {
	case '{':
		w := pathWalk{JSON: JSON{Text: line, Scratch: scratch}, left: p.n, found: found}
		w.value(0, p.root, 0)
	case '[', '"':
	default:
		return false
	}
	return true
}

// A pathNode is a value on the way of some path.
type pathNode struct {
	keys    []pathKey
	indexes []pathIndex
	labels  []int // of the paths that end here
}

type pathKey struct {
	key  string
	node *pathNode
}

type pathIndex struct {
	index int
	node  *pathNode
}

// A pathStep is a key, or an index when key is empty and index is not -1.
type pathStep struct {
	key   string
	index int
}

// child returns the node behind a step, and makes it if there is none.
func (n *pathNode) child(step pathStep) *pathNode {
	if step.index >= 0 {
		for _, i := range n.indexes {
			if i.index == step.index {
				return i.node
			}
		}
		c := &pathNode{}
		n.indexes = append(n.indexes, pathIndex{step.index, c})
		return c
	}
	for _, k := range n.keys {
		if k.key == step.key {
			return k.node
		}
	}
	c := &pathNode{}
	n.keys = append(n.keys, pathKey{step.key, c})
	return c
}

// parsePath reads a path such as a.b[0]["x y"]. White space around its parts does
// not count.
func parsePath(path string) ([]pathStep, error) {
	var steps []pathStep
	for rest := trimPath(path); ; {
		if strings.HasPrefix(rest, "[") {
			step, after, err := bracketStep(trimPath(rest[1:]))
			if err != nil {
				return nil, err
			}
			steps, rest = append(steps, step), trimPath(after)
		} else {
			n := fieldLen(rest)
			if n == 0 {
				return nil, fmt.Errorf("syntax error: unexpected %s, expecting FIELD%s", pathToken(rest), pathHint(rest))
			}
			steps, rest = append(steps, pathStep{rest[:n], -1}), trimPath(rest[n:])
		}
		switch {
		case rest == "":
			return steps, nil
		case rest[0] == '.':
			rest = trimPath(rest[1:])
			if rest == "" || rest[0] == '[' {
				return nil, fmt.Errorf("syntax error: unexpected %s, expecting FIELD", pathToken(rest))
			}
		case rest[0] != '[':
			return nil, fmt.Errorf("syntax error: unexpected %s%s", pathToken(rest), pathHint(rest))
		}
	}
}

func trimPath(s string) string { return strings.TrimLeft(s, " \t\r\n") }

// fieldLen is the length of the name at the start of s: letters, digits and _.
func fieldLen(s string) int {
	n := 0
	for n < len(s) && (s[n] == '_' || 'a' <= s[n]|0x20 && s[n]|0x20 <= 'z' || n > 0 && isDigit(s[n])) {
		n++
	}
	return n
}

// pathHint says how names with other characters are written.
func pathHint(rest string) string {
	if rest == "" || strings.IndexByte(".[]\"", rest[0]) >= 0 {
		return ""
	}
	return `; other names are written as ["name"]`
}

func pathToken(rest string) string {
	switch {
	case rest == "":
		return "$end"
	case rest[0] == '.':
		return "DOT"
	default:
		return strconv.QuoteRune([]rune(rest)[0])
	}
}

// bracketStep reads "key"] or 0] at the start of s, and what is left behind it.
func bracketStep(s string) (step pathStep, rest string, err error) {
	if strings.HasPrefix(s, `"`) {
		quoted, err := strconv.QuotedPrefix(s)
		if err != nil {
			return step, "", errors.New("syntax error: string is not closed")
		}
		key, err := strconv.Unquote(quoted)
		if err != nil {
			return step, "", errors.New("syntax error: bad string")
		}
		step, rest = pathStep{key, -1}, s[len(quoted):]
	} else {
		n := Digits(s)
		index, err := strconv.Atoi(s[:n])
		if err != nil {
			return step, "", fmt.Errorf("syntax error: unexpected %s, expecting STRING or INDEX", pathToken(s))
		}
		step, rest = pathStep{"", index}, s[n:]
	}
	if rest = trimPath(rest); !strings.HasPrefix(rest, "]") {
		return step, "", fmt.Errorf("syntax error: unexpected %s, expecting ]", pathToken(rest))
	}
	return step, rest[1:], nil
}

// A pathWalk looks for the values of a tree of paths, in one walk that ends when
// all are found.
type pathWalk struct {
	JSON
	found []Finding
	left  int // paths not found yet
}

// value reads the value at i for the paths that go through node.
func (w *pathWalk) value(i int, node *pathNode, depth int) int {
	start := i
	if depth >= MaxDepth {
		return w.Fail(i, "values lie too deep in each other")
	}
	switch {
	case w.At(i, '{') && len(node.keys) > 0:
		i = w.object(i+1, node, depth)
	case w.At(i, '[') && len(node.indexes) > 0:
		i = w.array(i+1, node, depth)
	case w.At(i, '"') && len(node.labels) > 0:
		raw, escaped, end := w.Quoted(i)
		if escaped {
			raw = w.Unescape(raw, end)
		}
		w.find(node, Finding{Value: raw, OK: true, At: start + 1, End: end - 1, Quoted: true})
		return end
	default:
		i = w.Skip(i)
	}
	if len(node.labels) > 0 && w.Fault == "" && i > start {
		text := w.Text[start:i]
		if text == "null" {
			text = ""
		}
		w.find(node, Finding{Value: text, OK: true, At: start, End: i})
	}
	return i
}

// find gives the paths that end at node their value. The first one counts.
func (w *pathWalk) find(node *pathNode, f Finding) {
	if w.Fault != "" {
		return
	}
	for _, l := range node.labels {
		if !w.found[l].OK {
			w.found[l] = f
			w.left--
		}
	}
}

func (w *pathWalk) object(i int, node *pathNode, depth int) int {
	for first := true; ; first = false {
		key, at, ok := w.Member(i, first)
		if !ok {
			return at
		}
		i = at
		child := (*pathNode)(nil)
		for _, k := range node.keys {
			if k.key == key {
				child = k.node
				break
			}
		}
		if child == nil {
			i = w.Skip(i)
			continue
		}
		if i = w.value(i, child, depth+1); w.left == 0 && len(node.labels) == 0 {
			return i
		}
	}
}

func (w *pathWalk) array(i int, node *pathNode, depth int) int {
	for n := 0; ; n++ {
		i = w.Space(i)
		if w.At(i, ']') {
			return i + 1
		}
		if n > 0 {
			if !w.At(i, ',') {
				return w.Fail(i, "expected , or ]")
			}
			i = w.Space(i + 1)
		}
		child := (*pathNode)(nil)
		for _, x := range node.indexes {
			if x.index == n {
				child = x.node
				break
			}
		}
		if child == nil {
			i = w.Skip(i)
		} else {
			i = w.value(i, child, depth+1)
		}
		if w.Fault != "" || w.left == 0 && len(node.labels) == 0 {
			return i
		}
	}
}
