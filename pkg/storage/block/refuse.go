package block

import (
	"unicode/utf8"

	"github.com/skaldlogs/skald/pkg/grep"
	"github.com/skaldlogs/skald/pkg/model"
)

// Refuses reports whether no row of the block passes the filters, as far as that can
// be told from the schema and the filter of keys. It reads no column and allocates
// nothing, so that it may be asked of many blocks before any is read. What it refuses,
// [Block.Decode] finds no rows in.
func (b *Block) Refuses(f *Filters) bool {
	if f == nil {
		return false
	}
	for i := range f.tests {
		t := &f.tests[i]
		if t.exclude {
			continue
		}
		for _, list := range t.wanted {
			if b.lacksAll(list) {
				return true
			}
		}
	}
	return false
}

// lacksAll reports whether no line holds any of the texts.
func (b *Block) lacksAll(texts []outline) bool {
	for i := range texts {
		t := &texts[i]
		if t.twisted && b.lines.charset.has(utf8.RuneSelf) || !t.notIn(&b.lines, b.keys) {
			return false
		}
	}
	return true
}

// An outline is a text with what is asked of it again and again, found out once.
type outline struct {
	grep.Text
	twisted bool
	charset charset // that it is made of, where its case matters
	runs    runs
	finder  finder // for where static text and slots meet, without a block
}

func newOutline(text grep.Text) outline {
	o := outline{Text: text, twisted: text.Twisted(), finder: finder{needle: text.Text, fold: text.Fold}}
	o.charset.addText(text.Text)
	o.runs.add(model.BorrowBytes(text.Text))
	o.finder.noteBytes()
	o.finder.places = placesOf(text.Text, text.Fold)
	return o
}

// outlines are those of the texts of which a line must hold one of each list, for
// the expression to match. There may be no lists.
func outlines(expr *grep.Expr) [][]outline {
	lists := expr.Required()
	if texts, ok := expr.Texts(); ok {
		lists = [][]grep.Text{texts}
	}
	out := make([][]outline, len(lists))
	for i, list := range lists {
		for _, text := range list {
			out[i] = append(out[i], newOutline(text))
		}
	}
	return out
}

// notIn reports whether no value of a column holds the text. It is sure of what it
// says, and says no where it would take reading to know.
func (o *outline) notIn(c *column, keys filter) bool {
	n := len(o.Text.Text)
	if c.n == 0 || n > c.max {
		return true
	}
	if n == 0 {
		return false
	}
	if o.Fold {
		if c.charset.lacksText(o.Text) || c.runs.lacks(o.Text.Text) {
			return true
		}
	} else if c.charset.lacksSome(&o.charset) || c.runs.fewer(&o.runs) {
		return true
	}
	switch {
	case c.kind == columnConst:
		return !holds(c.constant, anywhere, o.Text)
	case c.kind == columnTemplates:
		return o.notInTemplates(c.tmpl, keys)
	case c.hasWords() && keys.has(filterWords) && keys.lacksText(anywhere, o.Text), c.tooLongRun(o.Text.Text):
		return true
	case c.isID() && keys.has(filterIDs) && c.min == n && c.max == n:
		// To be in a value it must be all of it.
		var packed [maxHexWidth / 2]byte
		id, number, ok := c.pack(packed[:0], o.Text)
		return !ok || keys.lacks(keyOf(c.kind, id, number))
	}
	return false
}

// notInTemplates is notIn for values that are made of templates.
func (o *outline) notInTemplates(t *templateColumn, keys filter) bool {
	e := t.edgesOf()
	if !e.lacks(o.Text) && holds(model.Borrow(t.text), anywhere, o.Text) || o.finder.mayCross(e, 0, len(o.Text.Text)) || !o.notIn(&t.rest, keys) {
		return false
	}
	for i := range t.columns {
		if !o.notIn(&t.columns[i], keys) {
			return false
		}
	}
	return true
}

// lacksSome reports whether bytes of another set are not in this one.
func (c *charset) lacksSome(of *charset) bool {
	missing := byte(0)
	for i, bits := range of {
		missing |= bits &^ c[i]
	}
	return missing != 0
}

// fewer is lacks for the runs of a text.
func (r *runs) fewer(of *runs) bool {
	if r == nil {
		return false
	}
	for i, n := range of {
		if n > r[i] && r[i] < 255 {
			return true
		}
	}
	return false
}
