package block

import (
	"bytes"
	"slices"
	"strings"

	"github.com/skaldlogs/skald/pkg/extract"
	"github.com/skaldlogs/skald/pkg/grep"
)

// patternView reads a template as the pattern stage reads a line: each literal at its
// first place behind the one before. That place is known where the literal is in
// static text, and what is in the slots before cannot hold it, nor be a part of it.
func patternView(t *template, columns []column, parts []extract.PatternPart) view {
	var v view
	if len(t.marks) == len(t.text) && !slices.ContainsFunc(t.refs, func(ref uint16) bool { return columns[ref].min > 0 }) {
		return view{unknown: len(t.text) > 0} // the line may be empty
	}
	at := 0
	for i, p := range parts {
		if !p.Capture {
			if i > 0 {
				continue // taken with the capture before it
			}
			static := t.segment(0)
			if !bytes.HasPrefix(static, []byte(p.Text)) {
				// Behind static text that is like it there may be a slot that goes on like it.
				return view{unknown: len(t.marks) > 0 && strings.HasPrefix(p.Text, string(static))}
			}
			at = len(p.Text)
			continue
		}
		end, next, found := len(t.text), len(t.text), false
		if i+1 < len(parts) {
			literal := parts[i+1].Text
			if literal == "" || strings.IndexByte(literal, 0) >= 0 {
				return view{unknown: true}
			}
			until := len(t.text)
			if n := bytes.Index(t.text[at:], []byte(literal)); n >= 0 {
				end, next, found = at+n, at+n+len(literal), true
				until = next - 1
			}
			if t.mayHold(columns, at, until, literal) {
				return view{unknown: true}
			}
		}
		if p.Text != "" {
			v.addFirst(member{extract.Name(p.Text), t.between(at, end)})
		}
		if !found {
			break
		}
		at = next
	}
	return v
}

// between is the place of the value text[start:end].
func (t *template) between(start, end int) place {
	text := t.text[start:end]
	p := place{kind: placeSpan, start: start, end: end}
	switch bytes.Count(text, []byte{0}) {
	case 0:
		p.kind, p.text = placeText, string(text)
	case 1:
		at := bytes.IndexByte(text, 0)
		p.kind, p.slot = placeSlot, bytes.Count(t.text[:start], []byte{0})
		p.frame = frame{string(text[:at]), string(text[at+1:])}
	}
	return p
}

// mayHold reports whether, by what the schema knows, values may hold a literal
// within text[start:end].
func (t *template) mayHold(columns []column, start, end int, literal string) bool {
	if start >= end {
		return false
	}
	part := template{text: t.text[start:end]}
	for i, mark := range t.marks {
		if start <= int(mark) && int(mark) < end {
			part.marks = append(part.marks, mark-uint16(start))
			part.refs = append(part.refs, t.refs[i])
		}
	}
	f := newFinder(nil, grep.Text{Text: literal})
	x := fitter{f: f, t: &part, of: columns, how: anywhere, end: len(literal), static: true, wholes: make([]uint8, len(columns))}
	x.run(0)
	return x.all || len(x.fits) > 0 || x.steps > maxSteps
}
