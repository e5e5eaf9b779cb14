package pipeline

import (
	"strings"
	"unicode/utf8"

	"github.com/skaldlogs/skald/pkg/model"
)

// A logfmtReader walks over key=value pairs.
type logfmtReader struct {
	text    string
	at      int
	scratch *[]byte // for values with escapes
	// key, value and hasValue are the pair read last; a key without = has no value.
	key, value string
	hasValue   bool
	escaped    bool // the value is as written, and has escapes
}

// next reads a pair. When more is false, there is none left. When fault is not
// empty, what stands there is no pair; the reader has gone behind it.
func (r *logfmtReader) next() (more bool, fault string) {
	t := r.text
	i := r.at
	for i < len(t) && t[i] <= ' ' {
		i++
	}
	if i == len(t) {
		r.at = i
		return false, ""
	}
	start := i
	for i < len(t) && t[i] > ' ' && t[i] != '=' && t[i] != '"' {
		i++
	}
	r.key, r.value, r.hasValue, r.escaped = t[start:i], "", false, false
	switch {
	case i < len(t) && t[i] == '"':
		r.skip(i)
		return true, "unexpected quote in a key"
	case i == start:
		r.skip(i)
		return true, "unexpected = without a key"
	case i == len(t) || t[i] <= ' ':
		r.at = i
		return true, ""
	}
	r.hasValue = true
	i++ // the =
	if i < len(t) && t[i] == '"' {
		return true, r.quoted(i)
	}
	start = i
	for i < len(t) && t[i] > ' ' {
		if t[i] == '=' || t[i] == '"' {
			r.skip(i)
			return true, "unexpected " + string(t[i]) + " in a value"
		}
		i++
	}
	r.value, r.at = t[start:i], i
	return true, ""
}

// skip goes to the next white space behind i.
func (r *logfmtReader) skip(i int) {
	for i < len(r.text) && r.text[i] > ' ' {
		i++
	}
	r.at = i
}

// quoted reads the value whose quote is at i.
func (r *logfmtReader) quoted(i int) (fault string) {
	rest := r.text[i+1:]
	for j := 0; j < len(rest); j++ {
		switch rest[j] {
		case '\\':
			r.escaped = true
			j++
		case '"':
			r.value, r.at = rest[:j], i+j+2
			return ""
		}
	}
	r.at = len(r.text)
	return "quote is not closed"
}

// unescaped returns what the value means; ok is false when its escapes mean nothing.
func (r *logfmtReader) unescaped() (v string, ok bool) {
	if !r.escaped {
		return r.value, true
	}
	b := *r.scratch
	start := len(b)
	for i := 0; i < len(r.value); {
		n := strings.IndexByte(r.value[i:], '\\')
		if n < 0 {
			b = append(b, r.value[i:]...)
			break
		}
		b = append(b, r.value[i:i+n]...)
		i += n + 1
		if i == len(r.value) {
			return "", false
		}
		c := r.value[i]
		i++
		if k := strings.IndexByte(`"\/'bfnrt`, c); k >= 0 {
			b = append(b, "\"\\/'\b\f\n\r\t"[k])
			continue
		}
		u, hex := hex4(r.value[i:])
		if c != 'u' || !hex {
			return "", false
		}
		i += 4
		b = utf8.AppendRune(b, u)
	}
	*r.scratch = b
	return model.Borrow(b[start:]), true
}
