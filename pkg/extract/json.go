package extract

import (
	"fmt"
	"strings"
	"unicode/utf16"
	"unicode/utf8"

	"github.com/skaldlogs/skald/pkg/model"
)

// ErrJSON is the error of a line that is no object of JSON.
const ErrJSON = "JSONParserErr"

// MaxDepth is how deep objects may lie in each other.
const MaxDepth = 256

// A JSON walks over the text of a JSON object, member by member. It is
// strict about what it reads and lenient about what it skips. The first fault
// ends the walk; its methods return at once from then on.
type JSON struct {
	Text    string
	Fault   string  // what is wrong; empty while nothing is
	FaultAt int     // where
	Scratch *[]byte // for strings with escapes: what they mean is appended
}

// Fail notes the first fault; it returns the end of the text.
func (r *JSON) Fail(at int, msg string) int {
	if r.Fault == "" {
		r.Fault, r.FaultAt = msg, at
	}
	return len(r.Text)
}

func (r *JSON) FaultText() string { return fmt.Sprintf("%s at byte %d", r.Fault, r.FaultAt) }

func (r *JSON) Space(i int) int {
	for i < len(r.Text) {
		switch r.Text[i] {
		case ' ', '\t', '\n', '\r':
			i++
		default:
			return i
		}
	}
	return i
}

// At reports whether byte c stands at i.
func (r *JSON) At(i int, c byte) bool { return i < len(r.Text) && r.Text[i] == c }

// Member reads the key of the next member of an object, from behind the brace
// or the member before, and returns the place of its value. When ok is false
// the object has ended before i, or there was a fault.
func (r *JSON) Member(i int, first bool) (key string, at int, ok bool) {
	i = r.Space(i)
	if r.At(i, '}') {
		return "", i + 1, false
	}
	if !first {
		if !r.At(i, ',') {
			return "", r.Fail(i, "expected , or }"), false
		}
		// A comma behind the last member is no fault: people write it.
		if i = r.Space(i + 1); r.At(i, '}') {
			return "", i + 1, false
		}
	}
	if !r.At(i, '"') {
		return "", r.Fail(i, "expected the name of a member"), false
	}
	raw, escaped, i := r.Quoted(i)
	if escaped {
		raw = r.Unescape(raw, i)
	}
	i = r.Space(i)
	if r.Fault == "" && !r.At(i, ':') {
		r.Fail(i, "expected :")
	}
	if r.Fault != "" {
		return "", len(r.Text), false
	}
	return raw, r.Space(i + 1), true
}

// Quoted reads the string that begins at i. raw is what stands between the quotes.
func (r *JSON) Quoted(i int) (raw string, escaped bool, end int) {
	rest := r.Text[i+1:]
	n := strings.IndexByte(rest, '"')
	if n < 0 {
		return "", false, r.Fail(i, "string is not closed")
	}
	if strings.IndexByte(rest[:n], '\\') < 0 {
		return rest[:n], false, i + n + 2
	}
	for j := strings.IndexByte(rest, '\\'); j < len(rest); j++ {
		switch rest[j] {
		case '\\':
			j++
		case '"':
			return rest[:j], true, i + j + 2
		}
	}
	return "", false, r.Fail(i, "string is not closed")
}

// Scalar reads the number, true, false or null that begins at i.
func (r *JSON) Scalar(i int) (text string, end int) {
	j := i
	for j < len(r.Text) && isScalarByte(r.Text[j]) {
		j++
	}
	text = r.Text[i:j]
	if text != "true" && text != "false" && text != "null" && !IsNumber(text) {
		return "", r.Fail(i, "expected a value")
	}
	return text, j
}

// Skip returns the end of the value that begins at i.
func (r *JSON) Skip(i int) int {
	if i >= len(r.Text) {
		return r.Fail(i, "expected a value")
	}
	switch r.Text[i] {
	case '"':
		_, _, i = r.Quoted(i)
		return i
	case '{', '[':
		return r.skipNested(i)
	default:
		_, i = r.Scalar(i)
		return i
	}
}

// skipNested finds the bracket that closes the one at i.
func (r *JSON) skipNested(i int) int {
	start, depth := i, 0
	for i < len(r.Text) {
		switch r.Text[i] {
		case '"':
			_, _, i = r.Quoted(i)
			continue
		case '{', '[':
			depth++
		case '}', ']':
			if depth--; depth == 0 {
				return i + 1
			}
		}
		i++
	}
	return r.Fail(start, "bracket is not closed")
}

func isScalarByte(c byte) bool {
	return '0' <= c && c <= '9' || 'a' <= c|0x20 && c|0x20 <= 'z' || c == '-' || c == '+' || c == '.'
}

// IsNumber reports whether s is a number as JSON writes it.
func IsNumber(s string) bool {
	s = strings.TrimPrefix(s, "-")
	whole := Digits(s)
	if whole == 0 {
		return false
	}
	if s = s[whole:]; strings.HasPrefix(s, ".") {
		frac := Digits(s[1:])
		if frac == 0 {
			return false
		}
		s = s[1+frac:]
	}
	if s != "" && s[0]|0x20 == 'e' {
		s = s[1:]
		if s != "" && (s[0] == '+' || s[0] == '-') {
			s = s[1:]
		}
		exp := Digits(s)
		return exp > 0 && exp == len(s)
	}
	return s == ""
}

// Digits counts the digits that s begins with.
func Digits(s string) int {
	n := 0
	for n < len(s) && isDigit(s[n]) {
		n++
	}
	return n
}

// Unescape returns what the inside of a string means. end is where the string
// ends, for faults.
func (r *JSON) Unescape(raw string, end int) string {
	start := len(*r.Scratch)
	b, fault := AppendUnescaped(*r.Scratch, raw)
	if fault != "" {
		r.Fail(end, fault)
	}
	*r.Scratch = b
	return model.Borrow(b[start:])
}

// AppendUnescaped appends what the inside of a string means. Half a surrogate pair
// is U+FFFD. fault says what is wrong, and then the text ends before it.
func AppendUnescaped(b []byte, raw string) (_ []byte, fault string) {
	for i := 0; i < len(raw); {
		n := strings.IndexByte(raw[i:], '\\')
		if n < 0 {
			b = append(b, raw[i:]...)
			break
		}
		b = append(b, raw[i:i+n]...)
		i += n + 1
		if i == len(raw) {
			return b, "escape is not complete"
		}
		c := raw[i]
		i++
		if k := strings.IndexByte(`"\/bfnrt`, c); k >= 0 {
			b = append(b, "\"\\/\b\f\n\r\t"[k])
			continue
		}
		if c != 'u' {
			return b, "unknown escape in a string"
		}
		u, ok := hex4(raw[i:])
		if !ok {
			return b, "\\u without four hexadecimal digits"
		}
		i += 4
		if utf16.IsSurrogate(u) {
			low, ok := rune(0), false
			if strings.HasPrefix(raw[i:], `\u`) {
				low, ok = hex4(raw[i+2:])
			}
			if u = utf16.DecodeRune(u, low); ok && u != utf8.RuneError {
				i += 6
			}
		}
		b = utf8.AppendRune(b, u)
	}
	return b, ""
}

// hex4 reads the four hexadecimal digits that s begins with.
func hex4(s string) (rune, bool) {
	if len(s) < 4 {
		return 0, false
	}
	var v rune
	for i := range 4 {
		c := s[i]
		switch {
		case isDigit(c):
			c -= '0'
		case 'a' <= c|0x20 && c|0x20 <= 'f':
			c = c | 0x20 - 'a' + 10
		default:
			return 0, false
		}
		v = v<<4 | rune(c)
	}
	return v, true
}
