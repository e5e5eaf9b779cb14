package block

import (
	"bytes"
	"slices"
	"strings"

	"github.com/skaldlogs/skald/pkg/extract"
	"github.com/skaldlogs/skald/pkg/scan"
)

// LogfmtOptions are the arguments of a logfmt stage.
type logfmtOptions struct {
	extractions       []scan.Extraction // nil for all pairs
	strict, keepEmpty bool
}

// view reads a template as the logfmt stage reads a line.
//
// What a slot may hold depends on how the line was taken apart. In one that is
// logfmt for the tokeniser, a slot is a whole value: what stands between two quotes,
// escapes included, or what comes behind a = up to a space or line feed. In others, the
// bytes that the schema knows of the column must not include any that mean something.
func (o logfmtOptions) view(t *template, columns []column) view {
	plain := len(o.extractions) == 0 && !o.keepEmpty && !o.strict
	if plain && !t.mayHave('=', columns) {
		return view{} // no pair has a value then, whatever else is there
	}
	whole := wholeValues(t.text)
	filled := bytes.ReplaceAll(t.text, []byte{0}, []byte{'x'})
	inPair := make([]form, len(t.marks)) // of the slots that are in a value
	var v view
	slotAt := func(start, end int) (first, n int) {
		for i, mark := range t.marks {
			if start <= int(mark) && int(mark) < end {
				if n == 0 {
					first = i
				}
				n++
			}
		}
		return first, n
	}
	var scratch []byte
	r := extract.Logfmt{Text: string(filled), Scratch: &scratch}
	for {
		more, fault := r.Next()
		if !more {
			break
		}
		if _, n := slotAt(r.KeyAt, r.KeyAt+len(r.Key)); n > 0 {
			if r.HasValue || o.mayBeKey(t, columns, r.KeyAt) {
				return view{unknown: true}
			}
			continue
		}
		if fault != "" {
			// It is one whatever is in the slots, if the quotes and signs are static.
			if o.strict {
				return view{unknown: true}
			}
			continue
		}
		if r.Value == "" && !o.keepEmpty && len(o.extractions) == 0 {
			continue
		}
		slot, n := slotAt(r.ValueAt, r.ValueAt+len(r.Value))
		f := formWord
		if r.HasValue && r.ValueAt > 0 && r.Text[r.ValueAt-1] == '"' {
			f = formPair
		}
		for i := range n {
			inPair[slot+i] = f
		}
		p := place{kind: placeUnknown}
		switch {
		case n == 0:
			text, ok := r.Unescaped()
			if !ok && o.strict {
				return view{unknown: true}
			}
			if !ok {
				continue
			}
			p = place{kind: placeText, text: strings.Clone(text)}
		case n == 1 && len(r.Value) == 1:
			p = place{kind: placeSlot, slot: slot, form: f | o.form()}
		}
		o.add(&v, r.Key, p)
	}
	for i, ref := range t.refs {
		c := &columns[ref]
		if o.strict && inPair[i] == formPair {
			v.pairs = append(v.pairs, i)
		} else if o.strict && inPair[i] == formWord {
			v.words = append(v.words, i)
		}
		switch {
		case c.n == 0:
		case whole && inPair[i] == formPair:
		case whole && inPair[i] == formWord:
			// White space ends a value; a quote or = spoils no more than its own.
			if c.charset.hasSpace(true) {
				return view{unknown: true}
			}
		case inPair[i] == formPair:
			if c.charset.has('"') || c.charset.has('\\') {
				return view{unknown: true}
			}
		case plain && inPair[i] == 0:
			// Between pairs, white space only makes two words of one, unless a = comes
			// later in it: what is before that was no key, and may become one.
			if c.charset.has('"') || c.charset.has('=') || c.charset.hasSpace(false) && assigns(filled[t.marks[i]:]) {
				return view{unknown: true}
			}
		default:
			if c.charset.hasSpace(false) || c.charset.has('"') || c.charset.has('=') || c.min == 0 {
				return view{unknown: true}
			}
		}
	}
	for _, x := range o.extractions {
		v.addFirst(member{extract.Name(x.Label), place{kind: placeText}}) // it is not in the line
	}
	return v
}

// mayBeKey reports whether a key without a value that begins at a place of a template,
// and has a slot, may make a label. Those of numbers begin with no letter.
func (o *logfmtOptions) mayBeKey(t *template, columns []column, at int) bool {
	first, number := t.text[at], false
	if first == 0 {
		switch columns[t.refs[bytes.Count(t.text[:at], []byte{0})]].kind {
		case columnInt, columnPad, columnDecimal, columnIP:
			number = true
		default:
			first = '_'
		}
	}
	letter := func(b byte) bool { return 'a' <= b|0x20 && b|0x20 <= 'z' }
	for _, x := range o.extractions {
		switch want := x.Path[0]; {
		case number && letter(want), letter(first) && want != first:
		default:
			return true
		}
	}
	return o.keepEmpty && len(o.extractions) == 0
}

// form is that of all slots beside what tells of their quotes.
func (o *logfmtOptions) form() form {
	switch {
	case len(o.extractions) > 0:
		return formKept
	case o.keepEmpty:
		return 0
	}
	return formEmpty
}

// add notes a pair.
func (o *logfmtOptions) add(v *view, key string, p place) {
	name := extract.Name(key)
	if len(o.extractions) == 0 {
		v.add(member{strings.Clone(name), p})
		return
	}
	labels := make(map[string]bool) // of two extractions with one label, the first counts
	for _, x := range o.extractions {
		label := extract.Name(x.Label)
		if !labels[label] && (x.Path == key || x.Path == name) {
			v.add(member{label, p})
		}
		labels[label] = true
	}
}

// assigns reports whether the word that a text begins with has a = in it.
func assigns(text []byte) bool {
	for _, c := range text {
		if c <= ' ' {
			break
		}
		if c == '=' {
			return true
		}
	}
	return false
}

// mayHave reports whether a line of the template may hold a byte.
func (t *template) mayHave(b byte, columns []column) bool {
	return bytes.IndexByte(t.text, b) >= 0 || slices.ContainsFunc(t.refs, func(ref uint16) bool { return columns[ref].charset.has(b) })
}

// wholeValues reports whether the tokeniser has read the lines of a template as logfmt.
func wholeValues(text []byte) bool {
	i := 0
	for i < len(text) && (classes[text[i]]&isWord != 0 || text[i] == '_') {
		i++
	}
	return i > 0 && i < len(text) && text[i] == '=' && bytes.Count(text, []byte{'='}) >= 3
}

// hasSpace reports whether a byte may occur that is white space for logfmt.
func (c *charset) hasSpace(butSpace bool) bool {
	for b := range byte(' ') {
		if c.has(b) {
			return true
		}
	}
	return !butSpace && c.has(' ')
}
