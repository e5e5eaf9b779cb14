package extract

import (
	"strings"
	"unicode/utf8"

	"github.com/skaldlogs/skald/pkg/model"
)

// A Logfmt walks over key=value pairs.
type Logfmt struct {
	Text    string
	Scratch *[]byte // for values with escapes: what they mean is appended
	// Key, Value and HasValue are the pair read last; a key without = has no value.
	Key, Value string
	HasValue   bool
	Escaped    bool // the value is as written, and has escapes
	KeyAt      int  // where in the text the key begins
	ValueAt    int  // and the value

	pos int
}

// Next reads a pair. When more is false, there is none left. When fault is not
// empty, what stands there is no pair; the reader has gone behind it.
func (r *Logfmt) Next() (more bool, fault string) {
	t := r.Text
	i := r.pos
	for i < len(t) && t[i] <= ' ' {
		i++
	}
	if i == len(t) {
		r.pos = i
		return false, ""
	}
	start := i
	r.KeyAt = i
	for i < len(t) && t[i] > ' ' && t[i] != '=' && t[i] != '"' {
		i++
	}
	r.Key, r.Value, r.HasValue, r.Escaped = t[start:i], "", false, false
	switch {
	case i < len(t) && t[i] == '"':
		r.skip(i)
		return true, "unexpected quote in a key"
	case i == start:
		r.skip(i)
		return true, "unexpected = without a key"
	case i == len(t) || t[i] <= ' ':
		r.pos = i
		return true, ""
	}
	r.HasValue = true
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
	r.Value, r.ValueAt, r.pos = t[start:i], start, i
	return true, ""
}

// At is where the reader stands.
func (r *Logfmt) At() int { return r.pos }

// skip goes to the next white space behind i.
func (r *Logfmt) skip(i int) {
	for i < len(r.Text) && r.Text[i] > ' ' {
		i++
	}
	r.pos = i
}

// quoted reads the value whose quote is at i.
func (r *Logfmt) quoted(i int) (fault string) {
	rest := r.Text[i+1:]
	for j := 0; j < len(rest); j++ {
		switch rest[j] {
		case '\\':
			r.Escaped = true
			j++
		case '"':
			r.Value, r.ValueAt, r.pos = rest[:j], i+1, i+j+2
			return ""
		}
	}
	r.pos = len(r.Text)
	return "quote is not closed"
}

// Unescaped returns what the value means; ok is false when its escapes mean nothing.
func (r *Logfmt) Unescaped() (v string, ok bool) {
	if !r.Escaped {
		return r.Value, true
	}
	b := *r.Scratch
	start := len(b)
	for i := 0; i < len(r.Value); {
		n := strings.IndexByte(r.Value[i:], '\\')
		if n < 0 {
			b = append(b, r.Value[i:]...)
			break
		}
		b = append(b, r.Value[i:i+n]...)
		i += n + 1
		if i == len(r.Value) {
			return "", false
		}
		c := r.Value[i]
		i++
		if k := strings.IndexByte(`"\/'bfnrt`, c); k >= 0 {
			b = append(b, "\"\\/'\b\f\n\r\t"[k])
			continue
		}
		u, hex := hex4(r.Value[i:])
		if c != 'u' || !hex {
			return "", false
		}
		i += 4
		b = utf8.AppendRune(b, u)
	}
	*r.Scratch = b
	return model.Borrow(b[start:]), true
}
