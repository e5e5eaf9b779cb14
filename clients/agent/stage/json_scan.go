package stage

import (
	"encoding/json"
	"strconv"
	"strings"

	"github.com/skaldlogs/skald/pkg/extract"
)

// A jsonTree holds the paths that a json stage wants of an object, by their
// first name, then their second, and so on.
type jsonTree struct {
	slots    []int // of the paths that end here
	below    []int // of all paths that end here or further down
	names    []string
	children []*jsonTree
}

// add puts a path into the tree.
func (t *jsonTree) add(path []string, slot int) {
	t.below = append(t.below, slot)
	if len(path) == 0 {
		t.slots = append(t.slots, slot)
		return
	}
	child := t.child(path[0])
	if child == nil {
		child = &jsonTree{}
		t.names = append(t.names, path[0])
		t.children = append(t.children, child)
	}
	child.add(path[1:], slot)
}

func (t *jsonTree) child(name string) *jsonTree {
	for i, n := range t.names {
		if n == name {
			return t.children[i]
		}
	}
	return nil
}

// simplePath returns the names of a JMESPath expression that is nothing but
// names with dots in between, quoted or not.
func simplePath(expr string) (path []string, ok bool) {
	for {
		name, rest := "", ""
		if strings.HasPrefix(expr, `"`) {
			end := 1
			for end < len(expr) && expr[end] != '"' {
				if expr[end] == '\\' {
					end++
				}
				end++
			}
			if end >= len(expr) || json.Unmarshal([]byte(expr[:end+1]), &name) != nil {
				return nil, false
			}
			rest = expr[end+1:]
		} else {
			end := 0
			for end < len(expr) && isNameByte(expr[end], end > 0) {
				end++
			}
			name, rest = expr[:end], expr[end:]
			if name == "" {
				return nil, false
			}
		}
		path = append(path, name)
		if rest == "" {
			return path, true
		}
		if rest[0] != '.' {
			return nil, false
		}
		expr = rest[1:]
	}
}

// isNameByte reports whether c may be in a name, where inside says that it is
// not the first byte of it.
func isNameByte(c byte, inside bool) bool {
	return c == '_' || 'a' <= c|0x20 && c|0x20 <= 'z' || inside && '0' <= c && c <= '9'
}

// maxJSONDepth bounds how deep a document may be nested.
const maxJSONDepth = 1000

// A jsonScan reads one document from its start to its end, checks all of it,
// and collects the values of a tree's paths on the way. Nothing of a document
// that is not JSON is used.
type jsonScan struct {
	text  string
	pos   int
	depth int
	row   *row
	found []jsonFound // reused from line to line
}

// jsonFound is the value found for a path.
type jsonFound struct {
	slot  int
	value value
}

// release lets go of what was read.
func (s *jsonScan) release() {
	clear(s.found)
	*s = jsonScan{found: s.found[:0]}
}

// object reads text, which has to be one object, and reports whether it is.
func (s *jsonScan) object(text string, tree *jsonTree, r *row) bool {
	s.text, s.pos, s.depth, s.row, s.found = text, 0, 0, r, s.found[:0]
	s.space()
	if s.peek() != '{' || !s.members(tree) {
		return false
	}
	s.space()
	return s.pos == len(s.text)
}

// peek is the next byte, or 0 at the end.
func (s *jsonScan) peek() byte {
	if s.pos < len(s.text) {
		return s.text[s.pos]
	}
	return 0
}

func (s *jsonScan) space() {
	for s.pos < len(s.text) {
		switch s.text[s.pos] {
		case ' ', '\t', '\n', '\r':
			s.pos++
		default:
			return
		}
	}
}

// members reads an object, of which tree (or nothing, when nil) is wanted.
func (s *jsonScan) members(tree *jsonTree) bool {
	if s.depth++; s.depth > maxJSONDepth {
		return false
	}
	defer func() { s.depth-- }()
	s.pos++ // the brace
	s.space()
	if s.peek() == '}' {
		s.pos++
		return true
	}
	for {
		if s.peek() != '"' {
			return false
		}
		raw, escaped, ok := s.str()
		if !ok {
			return false
		}
		s.space()
		if s.peek() != ':' {
			return false
		}
		s.pos++
		s.space()
		var child *jsonTree
		if tree != nil && len(tree.names) > 0 {
			if escaped {
				raw = s.unescape(raw)
			}
			child = tree.child(raw)
		}
		if child != nil {
			s.forget(child)
			if !s.wanted(child) {
				return false
			}
		} else if !s.value(nil) {
			return false
		}
		s.space()
		switch s.peek() {
		case ',':
			s.pos++
			s.space()
		case '}':
			s.pos++
			return true
		default:
			return false
		}
	}
}

// forget takes back what an earlier member of the same name gave: the last of
// them counts.
func (s *jsonScan) forget(tree *jsonTree) {
	for _, slot := range tree.below {
		for i := range s.found {
			if s.found[i].slot == slot {
				s.found[i].value = value{}
			}
		}
	}
}

// wanted reads a value at which paths end, or on the way to which they lead.
func (s *jsonScan) wanted(tree *jsonTree) bool {
	start := s.pos
	v := value{kind: kindText}
	switch c := s.peek(); c {
	case '"':
		raw, escaped, ok := s.str()
		if !ok {
			return false
		}
		v.text = raw
		if escaped {
			v.text = s.unescape(raw)
		}
	case '{', '[':
		if c == '{' && !s.members(tree) || c == '[' && !s.value(nil) {
			return false
		}
		if len(tree.slots) > 0 {
			v.text = s.compact(s.text[start:s.pos])
		}
	default:
		if !s.value(nil) {
			return false
		}
		switch v.text = s.text[start:s.pos]; c {
		case 't', 'f':
			v.kind = kindBool
		case 'n':
			v = value{kind: kindNull}
		default:
			v = numberValue(v.text, s.row)
		}
	}
	for _, slot := range tree.slots {
		s.found = append(s.found, jsonFound{slot, v})
	}
	return true
}

// compact returns a document without the space between its parts.
func (s *jsonScan) compact(doc string) string {
	out, from := s.row.scratch[:0], 0
	for i := 0; i < len(doc); {
		switch doc[i] {
		case '"':
			inner := jsonScan{text: doc, pos: i}
			inner.str()
			i = inner.pos
		case ' ', '\t', '\n', '\r':
			out = append(out, doc[from:i]...)
			i++
			from = i
		default:
			i++
		}
	}
	if from == 0 {
		return doc
	}
	return s.row.keep(append(out, doc[from:]...))
}

// value reads any value, of which tree is wanted if it is an object.
func (s *jsonScan) value(tree *jsonTree) bool {
	switch c := s.peek(); {
	case c == '"':
		_, _, ok := s.str()
		return ok
	case c == '{':
		return s.members(tree)
	case c == '[':
		return s.elements()
	case c == 't':
		return s.word("true")
	case c == 'f':
		return s.word("false")
	case c == 'n':
		return s.word("null")
	default:
		return s.number()
	}
}

func (s *jsonScan) elements() bool {
	if s.depth++; s.depth > maxJSONDepth {
		return false
	}
	defer func() { s.depth-- }()
	s.pos++ // the bracket
	s.space()
	if s.peek() == ']' {
		s.pos++
		return true
	}
	for {
		if !s.value(nil) {
			return false
		}
		s.space()
		switch s.peek() {
		case ',':
			s.pos++
			s.space()
		case ']':
			s.pos++
			return true
		default:
			return false
		}
	}
}

func (s *jsonScan) word(w string) bool {
	if !strings.HasPrefix(s.text[s.pos:], w) {
		return false
	}
	s.pos += len(w)
	return true
}

func (s *jsonScan) digits() bool {
	start := s.pos
	for s.pos < len(s.text) && '0' <= s.text[s.pos] && s.text[s.pos] <= '9' {
		s.pos++
	}
	return s.pos > start
}

func (s *jsonScan) number() bool {
	if s.peek() == '-' {
		s.pos++
	}
	if s.peek() == '0' {
		s.pos++
	} else if !s.digits() {
		return false
	}
	if s.peek() == '.' {
		s.pos++
		if !s.digits() {
			return false
		}
	}
	if s.peek()|0x20 == 'e' {
		s.pos++
		if c := s.peek(); c == '+' || c == '-' {
			s.pos++
		}
		return s.digits()
	}
	return true
}

// str reads a string and returns what is between its quotes, and whether that
// has escapes.
func (s *jsonScan) str() (raw string, escaped, ok bool) {
	t := s.text
	start := s.pos + 1
	for i := start; i < len(t); i++ {
		switch c := t[i]; {
		case c == '"':
			s.pos = i + 1
			return t[start:i], escaped, true
		case c < ' ':
			return "", false, false
		case c == '\\':
			escaped = true
			if i++; i == len(t) {
				return "", false, false
			}
			switch t[i] {
			case '"', '\\', '/', 'b', 'f', 'n', 'r', 't':
			case 'u':
				if len(t)-i < 5 {
					return "", false, false
				}
				if _, err := strconv.ParseUint(t[i+1:i+5], 16, 16); err != nil {
					return "", false, false
				}
				i += 4
			default:
				return "", false, false
			}
		}
	}
	return "", false, false
}

// unescape keeps the text that a string stands for, which str has checked.
func (s *jsonScan) unescape(raw string) string {
	text, _ := extract.AppendUnescaped(s.row.scratch[:0], raw)
	return s.row.keep(text)
}
