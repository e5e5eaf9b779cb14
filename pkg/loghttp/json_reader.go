package loghttp

import (
	"bytes"
	"fmt"
	"unicode/utf16"
	"unicode/utf8"

	"github.com/skaldlogs/skald/pkg/model"
)

// maxJSONDepth is how deep a body may nest where its structure does not matter.
const maxJSONDepth = 256

// A jsonReader takes a JSON text apart, in place: strings with escapes are
// shortened where they stand, so every string is part of the buffer; one that
// keeps its text shortens copies of them. It is
// tolerant inside strings, where control characters and bytes that are not
// UTF-8 pass, and strict everywhere else. The first error sticks.
type jsonReader struct {
	buf   []byte
	pos   int
	first bool // no element of the innermost object or array was read
	keep  bool // the text
	err   error
}

func (r *jsonReader) fail(at int, format string, args ...any) {
	if r.err == nil {
		r.err = malformedf("json: %s at offset %d", fmt.Sprintf(format, args...), at)
	}
	r.pos = len(r.buf)
}

// peek returns the next byte that is not white space, or 0 at the end.
func (r *jsonReader) peek() byte {
	for r.pos < len(r.buf) {
		switch c := r.buf[r.pos]; c {
		case ' ', '\t', '\n', '\r':
			r.pos++
		default:
			return c
		}
	}
	return 0
}

// expected fails, for want of what.
func (r *jsonReader) expected(what string) {
	switch c := r.peek(); {
	case r.err != nil:
	case c == 0 && r.pos >= len(r.buf):
		r.fail(len(r.buf), "expected %s, found the end", what)
	case c < utf8.RuneSelf:
		r.fail(r.pos, "expected %s, found %q", what, rune(c))
	default:
		r.fail(r.pos, "expected %s, found byte %#x", what, c)
	}
}

// take passes over c or fails, for want of what.
func (r *jsonReader) take(c byte, what string) bool {
	if r.peek() != c {
		r.expected(what)
		return false
	}
	r.pos++
	return true
}

// open passes over the bracket that begins what.
func (r *jsonReader) open(bracket byte, what string) bool {
	r.first = true
	return r.take(bracket, what)
}

// more goes to the next element of the innermost object or array, or past the
// bracket that ends it, and reports which.
func (r *jsonReader) more(bracket byte) bool {
	first := r.first
	r.first = false
	switch c := r.peek(); {
	case r.err != nil:
		return false
	case c == bracket:
		r.pos++
		return false
	case first:
		return true
	case c == ',':
		r.pos++
		return true
	default:
		r.expected("',' or '" + string(bracket) + "'")
		return false
	}
}

// key reads the name of a member and the colon behind it.
func (r *jsonReader) key() []byte {
	k := r.string("a name in quotes")
	r.take(':', "':'")
	return k
}

// null passes over null, if it is next.
func (r *jsonReader) null() bool {
	if r.peek() != 'n' {
		return false
	}
	r.literal()
	return true
}

// literal reads a number, true, false or null.
func (r *jsonReader) literal() []byte {
	r.peek()
	start := r.pos
	for r.pos < len(r.buf) {
		if c := r.buf[r.pos]; c <= ' ' || c == ',' || c == '}' || c == ']' || c == ':' || c == '"' || c == '{' || c == '[' {
			break
		}
		r.pos++
	}
	text := r.buf[start:r.pos]
	switch string(text) {
	case "null", "true", "false":
		return text
	}
	if !isJSONNumber(text) {
		r.pos = start
		r.expected("a value")
	}
	return text
}

// isJSONNumber reports whether text is -?(0|[1-9][0-9]*)(.[0-9]+)?([eE][+-]?[0-9]+)?
func isJSONNumber(text []byte) bool {
	digits := func() bool {
		n := 0
		for n < len(text) && '0' <= text[n] && text[n] <= '9' {
			n++
		}
		text = text[n:]
		return n > 0
	}
	if len(text) > 0 && text[0] == '-' {
		text = text[1:]
	}
	if len(text) > 0 && text[0] == '0' {
		text = text[1:]
	} else if !digits() {
		return false
	}
	if len(text) > 0 && text[0] == '.' {
		if text = text[1:]; !digits() {
			return false
		}
	}
	if len(text) > 0 && text[0]|0x20 == 'e' {
		text = text[1:]
		if len(text) > 0 && (text[0] == '+' || text[0] == '-') {
			text = text[1:]
		}
		if !digits() {
			return false
		}
	}
	return len(text) == 0
}

// string reads a string, as part of the buffer.
func (r *jsonReader) string(what string) []byte {
	if !r.take('"', what) {
		return nil
	}
	start := r.pos
	n := bytes.IndexByte(r.buf[start:], '"')
	if n < 0 {
		r.fail(start-1, "a string that does not end")
		return nil
	}
	s := r.buf[start : start+n : start+n]
	slash := bytes.IndexByte(s, '\\')
	if slash < 0 {
		r.pos = start + n + 1
		return s
	}
	if r.keep {
		return r.escapedCopy(start, slash)
	}
	return r.escaped(start, start+slash)
}

// escapedCopy is escaped for a string whose text must stay as it is.
func (r *jsonReader) escapedCopy(start, slash int) []byte {
	end := start + slash
	for end < len(r.buf) && r.buf[end] != '"' {
		if r.buf[end] == '\\' {
			end++
		}
		end++
	}
	if end >= len(r.buf) {
		r.fail(start-1, "a string that does not end")
		return nil
	}
	own := jsonReader{buf: bytes.Clone(r.buf[start : end+1])}
	s := own.escaped(0, slash)
	if own.err != nil {
		r.fail(start, "a string with an escape that is none")
		return nil
	}
	r.pos = end + 1
	return s
}

// text is string for those who want one.
func (r *jsonReader) text(what string) string { return model.Borrow(r.string(what)) }

// escaped finishes a string whose first escape is at i, in place: no escape is
// shorter than what it stands for.
func (r *jsonReader) escaped(start, i int) []byte {
	b, w := r.buf, i
	for i < len(b) {
		switch c := b[i]; c {
		case '"':
			r.pos = i + 1
			return b[start:w:w]
		case '\\':
			n, out := r.escape(i, w)
			if n == 0 {
				return nil
			}
			i, w = i+n, out
		default:
			b[w] = c
			i++
			w++
		}
	}
	r.fail(start-1, "a string that does not end")
	return nil
}

// escape writes what the escape at i stands for to w. It returns the escape's
// length and where to write on; the length is 0 after an error.
func (r *jsonReader) escape(i, w int) (n, out int) {
	b := r.buf
	if i+1 >= len(b) {
		r.fail(i, "a string that does not end")
		return 0, w
	}
	c := b[i+1]
	switch c {
	case '"', '\\', '/':
	case 'b':
		c = '\b'
	case 'f':
		c = '\f'
	case 'n':
		c = '\n'
	case 'r':
		c = '\r'
	case 't':
		c = '\t'
	case 'u':
		char, ok := hex4(b[i+2:])
		if !ok {
			r.fail(i, `\u without four digits`)
			return 0, w
		}
		n = 6
		if utf16.IsSurrogate(char) {
			low := rune(0)
			if rest := b[i+6:]; len(rest) > 1 && rest[0] == '\\' && rest[1] == 'u' {
				low, _ = hex4(rest[2:])
			}
			if char = utf16.DecodeRune(char, low); char != utf8.RuneError {
				n = 12
			}
		}
		return n, w + utf8.EncodeRune(b[w:w+4], char)
	default:
		r.fail(i, `\%c in a string`, c)
		return 0, w
	}
	b[w] = c
	return 2, w + 1
}

// hex4 reads four hexadecimal digits.
func hex4(b []byte) (rune, bool) {
	if len(b) < 4 {
		return 0, false
	}
	var char rune
	for _, c := range b[:4] {
		switch {
		case '0' <= c && c <= '9':
			c -= '0'
		case 'a' <= c|0x20 && c|0x20 <= 'f':
			c = c | 0x20 - 'a' + 10
		default:
			return 0, false
		}
		char = char<<4 | rune(c)
	}
	return char, true
}

// skip passes over a value.
func (r *jsonReader) skip() { r.skipNested(maxJSONDepth) }

func (r *jsonReader) skipNested(depth int) {
	switch c := r.peek(); {
	case depth == 0:
		r.fail(r.pos, "a value nested too deep")
	case c == '"':
		r.string("")
	case c == '{':
		for r.open('{', ""); r.more('}'); {
			r.key()
			r.skipNested(depth - 1)
		}
	case c == '[':
		for r.open('[', ""); r.more(']'); {
			r.skipNested(depth - 1)
		}
	default:
		r.literal()
	}
}

// end fails if anything but white space is left.
func (r *jsonReader) end() {
	if r.peek(); r.err == nil && r.pos < len(r.buf) {
		r.expected("the end")
	}
}
