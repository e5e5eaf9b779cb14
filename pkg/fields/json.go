package fields

import (
	"strings"
	"unicode/utf16"
	"unicode/utf8"
)

// maxJSONDepth bounds how deep a walk enters objects; what lies deeper is passed over.
const maxJSONDepth = 64

// jsonObject returns the bounds of the object that line is, judged by its first
// and last characters that are not white space.
func jsonObject(line string) (start, end int, ok bool) {
	end = len(line)
	for start < end && isJSONSpace(line[start]) {
		start++
	}
	for end > start && isJSONSpace(line[end-1]) {
		end--
	}
	return start, end, end-start >= 2 && line[start] == '{' && line[end-1] == '}'
}

func isJSONSpace(c byte) bool { return c == ' ' || c == '\t' || c == '\n' || c == '\r' }

// The kinds of a member's value.
const (
	jsonString  byte = iota
	jsonLiteral      // a number, true, false or null
	jsonOpen         // an object that the walk enters
	jsonSkipped      // an array, or an object too deep to enter
)

// A jsonWalk goes over the members of a JSON object and of the objects inside
// it, in the order of the text. It does not look into arrays. It stops, for
// good, at the first byte that JSON would not allow there.
//
// After next has returned true, depth is that of the member's object, where the
// outermost is 1.
type jsonWalk struct {
	text     string
	maxDepth int

	kind  byte
	depth int

	pos                int
	inside             int // objects that are open
	keyStart, keyEnd   int
	valStart, valEnd   int
	keyEsc, valEscaped bool
}

// key is the name of the current member.
func (w *jsonWalk) key() string {
	return unescaped(w.text[w.keyStart:w.keyEnd], w.keyEsc)
}

// value is the text of the current member, without quotes and escapes if it is a string.
func (w *jsonWalk) value() string {
	return unescaped(w.text[w.valStart:w.valEnd], w.valEscaped)
}

func (w *jsonWalk) space() {
	for w.pos < len(w.text) && isJSONSpace(w.text[w.pos]) {
		w.pos++
	}
}

// next goes to the next member and reports whether there is one.
func (w *jsonWalk) next() bool {
	t := w.text
	for {
		w.space()
		if w.pos >= len(t) {
			return false
		}
		switch c := t[w.pos]; {
		case w.inside == 0:
			if c != '{' || w.pos > 0 {
				return false
			}
			w.pos++
			w.inside = 1
		case c == '}':
			w.pos++
			w.inside--
		case c == ',':
			w.pos++
		case c == '"':
			return w.member()
		default:
			return false
		}
	}
}

// member reads a name, a colon, and a value or its opening brace.
func (w *jsonWalk) member() bool {
	t := w.text
	w.keyStart = w.pos + 1
	w.keyEnd, w.keyEsc = stringEnd(t, w.keyStart)
	if w.keyEnd < 0 {
		return false
	}
	w.pos = w.keyEnd + 1
	w.space()
	if w.pos >= len(t) || t[w.pos] != ':' {
		return false
	}
	w.pos++
	w.space()
	if w.pos >= len(t) {
		return false
	}
	w.depth = w.inside
	w.valStart, w.valEscaped = w.pos, false
	switch c := t[w.pos]; {
	case c == '"':
		w.kind = jsonString
		w.valStart++
		w.valEnd, w.valEscaped = stringEnd(t, w.valStart)
		if w.valEnd < 0 {
			return false
		}
		w.pos = w.valEnd + 1
	case c == '{' && w.inside < w.maxDepth:
		w.kind = jsonOpen
		w.pos++
		w.valEnd = w.pos
		w.inside++
	case c == '{' || c == '[':
		w.kind = jsonSkipped
		w.pos = skipNested(t, w.pos)
		w.valEnd = w.pos
		return w.pos > 0
	default:
		w.kind = jsonLiteral
		for w.pos < len(t) && t[w.pos] != ',' && t[w.pos] != '}' && !isJSONSpace(t[w.pos]) {
			w.pos++
		}
		w.valEnd = w.pos
	}
	return w.pos > w.valStart || w.kind == jsonString
}

// stringEnd returns where the string that begins at i, behind its opening
// quote, has its closing one, and whether there are escapes in between. Without
// a closing quote the end is negative.
func stringEnd(t string, i int) (end int, escaped bool) {
	for {
		n := strings.IndexByte(t[i:], '"')
		if n < 0 {
			return -1, escaped
		}
		part := t[i : i+n]
		i += n
		if !escaped && strings.IndexByte(part, '\\') >= 0 {
			escaped = true
		}
		slashes := 0
		for slashes < len(part) && part[len(part)-1-slashes] == '\\' {
			slashes++
		}
		if slashes%2 == 0 {
			return i, escaped
		}
		i++
	}
}

// skipNested returns the position behind the object or array that begins at i,
// or a negative one when it does not end. It counts brackets and does not care
// whether they pair up.
func skipNested(t string, i int) int {
	for open := 0; i < len(t); i++ {
		switch t[i] {
		case '{', '[':
			open++
		case '}', ']':
			if open--; open == 0 {
				return i + 1
			}
		case '"':
			if i, _ = stringEnd(t, i+1); i < 0 {
				return -1
			}
		}
	}
	return -1
}

// unescaped undoes the escapes of a JSON string. Escapes that JSON does not
// know stay as they are.
func unescaped(s string, escaped bool) string {
	if !escaped {
		return s
	}
	b := make([]byte, 0, len(s))
	for i := 0; i < len(s); i++ {
		if s[i] != '\\' || i+1 == len(s) {
			b = append(b, s[i])
			continue
		}
		i++
		switch c := s[i]; c {
		case '"', '\\', '/':
			b = append(b, c)
		case 'b':
			b = append(b, '\b')
		case 'f':
			b = append(b, '\f')
		case 'n':
			b = append(b, '\n')
		case 'r':
			b = append(b, '\r')
		case 't':
			b = append(b, '\t')
		case 'u':
			r, ok := hex4(s[i+1:])
			if !ok {
				b = append(b, '\\', 'u')
				continue
			}
			i += 4
			if utf16.IsSurrogate(r) {
				low, ok := rune(0), false
				if strings.HasPrefix(s[i+1:], `\u`) {
					low, ok = hex4(s[i+3:])
				}
				if r = utf16.DecodeRune(r, low); ok && r != utf8.RuneError {
					i += 6
				}
			}
			b = utf8.AppendRune(b, r)
		default:
			b = append(b, '\\', c)
		}
	}
	return string(b)
}

// hex4 reads four hexadecimal digits.
func hex4(s string) (rune, bool) {
	if len(s) < 4 {
		return 0, false
	}
	var r rune
	for i := range 4 {
		c := s[i]
		switch {
		case c >= '0' && c <= '9':
			c -= '0'
		case c|0x20 >= 'a' && c|0x20 <= 'f':
			c = c | 0x20 - 'a' + 10
		default:
			return 0, false
		}
		r = r<<4 | rune(c)
	}
	return r, true
}
