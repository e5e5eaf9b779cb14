package block

import (
	"bytes"
	"strings"

	"github.com/skaldlogs/skald/pkg/extract"
)

// logfmtView reads a template as the logfmt stage reads a line.
//
// What a slot may hold depends on how the line was taken apart. In one that is
// logfmt for the tokeniser, a slot is a whole value: what stands between two quotes,
// escapes included, or what comes behind a = up to a space or line feed. In others, the
// bytes that the schema knows of the column must not include any that mean something.
func logfmtView(t *template, columns []column) view {
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
		if _, n := slotAt(r.KeyAt, r.KeyAt+len(r.Key)); n > 0 && r.HasValue {
			return view{unknown: true}
		}
		if fault != "" {
			// It is one whatever is in the slots, if the quotes and signs are static.
			continue
		}
		if !r.HasValue || r.Value == "" {
			continue
		}
		slot, n := slotAt(r.ValueAt, r.ValueAt+len(r.Value))
		quoted := r.Text[r.ValueAt-1] == '"'
		f := formWord
		if quoted {
			f = formPair
		}
		for i := range n {
			inPair[slot+i] = f
		}
		name := extract.Name(r.Key)
		switch {
		case n == 0:
			text, ok := r.Unescaped()
			if ok {
				v.add(member{name, place{kind: placeText, text: strings.Clone(text)}})
			}
		case n == 1 && len(r.Value) == 1:
			v.add(member{name, place{kind: placeSlot, slot: slot, form: f | formEmpty}})
		default:
			v.add(member{name, place{kind: placeUnknown}})
		}
	}
	for i, ref := range t.refs {
		c := &columns[ref]
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
		default:
			if c.charset.hasSpace(false) || c.charset.has('"') || c.charset.has('=') || c.min == 0 {
				return view{unknown: true}
			}
		}
	}
	return v
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
