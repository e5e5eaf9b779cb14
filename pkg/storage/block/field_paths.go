package block

import (
	"bytes"

	"github.com/skaldlogs/skald/pkg/extract"
	"github.com/skaldlogs/skald/pkg/scan"
)

// jsonPathsView reads a template as the json stage with paths reads a line: only the
// first byte tells whether it is JSON, and a label whose path leads nowhere is empty.
func jsonPathsView(t *template, columns []column, labels []string, paths *extract.JSONPaths) view {
	found := make([]extract.Finding, len(labels))
	var slots filling
	switch first, sure := t.firstByte(columns); {
	case !sure:
		return view{unknown: true}
	case first == '{':
		var ok bool
		if slots, ok = fill(t); !ok {
			return view{unknown: true}
		}
		// What is behind the values that are found does not count, but mostly is there.
		if whole := walkJSON(slots); whole.unknown {
			return view{unknown: true}
		}
		if slots.mixed(t) {
			return view{unknown: true}
		}
		paths.Find(slots.text, new([]byte), found)
	case first == '[', first == '"': // nothing is looked for in those
	default:
		return view{failed: true}
	}
	var v view
	for i := range slots.bare {
		if slots.bare[i] {
			v.guards = append(v.guards, i)
		}
	}
	for i, f := range found {
		v.addFirst(member{extract.Name(labels[i]), slots.placeOf(t, f)})
	}
	return v
}

// mixed reports whether a bare slot is not all of a value.
func (s *filling) mixed(t *template) bool {
	part := func(i int) bool {
		return i >= 0 && i < len(t.text) && (t.text[i] == 0 || classes[t.text[i]]&isWord != 0 || bytes.IndexByte([]byte("+-."), t.text[i]) >= 0)
	}
	for i, mark := range t.marks {
		if s.bare[i] && (part(int(mark)-1) || part(int(mark)+1)) {
			return true
		}
	}
	return false
}

// placeOf is where in a template is what was found in its filling.
func (s *filling) placeOf(t *template, f extract.Finding) place {
	if !f.OK {
		return place{kind: placeText}
	}
	slot, one := s.slotIn(f.At, f.End)
	switch {
	case one && slot < 0:
		return place{kind: placeText, text: f.Value}
	case one && f.Quoted:
		return place{kind: placeSlot, slot: slot, form: formJSON}
	case one:
		return place{kind: placeSlot, slot: slot, form: formBare | formKept}
	case f.Quoted:
		return place{kind: placeUnknown}
	}
	return t.between(f.At, f.End) // an object or an array, as it is written
}

// firstByte returns the first byte of the lines of a template; sure is false where that
// is not known. Of bytes with which no JSON begins one stands for all.
func (t *template) firstByte(columns []column) (first byte, sure bool) {
	if len(t.text) == 0 {
		return 0, false
	}
	if t.text[0] != 0 {
		return t.text[0], true
	}
	c := &columns[t.refs[0]]
	for _, b := range []byte(`{["`) {
		if c.min == 0 || c.charset.has(b) {
			return 0, false
		}
	}
	return 'x', true
}

// optionsOf are those of a question about logfmt.
func optionsOf(ask *scan.Fields) logfmtOptions {
	return logfmtOptions{extractions: ask.Extractions, strict: ask.Strict, keepEmpty: ask.KeepEmpty}
}
