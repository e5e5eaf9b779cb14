package block

import (
	"slices"
	"strings"

	"github.com/skaldlogs/skald/pkg/extract"
	"github.com/skaldlogs/skald/pkg/grep"
	"github.com/skaldlogs/skald/pkg/model"
	"github.com/skaldlogs/skald/pkg/scan"
)

// A lineFinder finds fields in a text that is all of a line, as a stage does. It is
// for parsers that find a field in every line, or do not, and never fail.
type lineFinder struct {
	names    []string // of the labels, in the order of the places
	captures *grep.Captures
	parts    []extract.PatternPart
}

// find appends to at[:0] two places for each name, -1 where there is no field. Of an
// expression that matches, each group is a field.
func (f *lineFinder) find(line string, at []int) []int {
	if f.captures == nil {
		return extract.FindPattern(f.parts, line, at)
	}
	at, ok := f.captures.Find(line, at)
	if !ok {
		for range f.names {
			at = append(at, none, none)
		}
		return at
	}
	for i, p := range at {
		if p == grep.None {
			at[i] = 0 // an empty text
		}
	}
	return at
}

// none is the place of a field that is not there.
const none = -1

// RowTexts are the texts of a field in rows of templates that do not have it as the
// value of one slot. They are made row by row, of no more slots than that takes, and
// looked at once for each that differs.
type rowTexts struct {
	values []string // the first is that of rows without the field
	ids    []uint32 // by number of the row among those of such templates
	known  map[string]uint32
}

func (t *rowTexts) add(text string) uint32 {
	if n, ok := t.known[text]; ok {
		return n
	}
	if t.known == nil {
		t.known = make(map[string]uint32)
	}
	text = strings.Clone(text)
	n := uint32(len(t.values))
	t.values, t.known[text] = append(t.values, text), n
	return n
}

// A rowRecipe says how to make texts of the rows of a template.
type rowRecipe struct {
	fields []rowField
	parses bool // some field is found in the line, which is made for it
}

// A rowField is a field: the number of its name for the finder, or else the places of
// the template between which it lies.
type rowField struct {
	field      int
	name       int
	start, end int
}

// recipes are what to do for the rows of each template.
func (a *fieldAsker) recipes() []rowRecipe {
	recipes := make([]rowRecipe, len(a.views)+1)
	for t := range recipes {
		r := &recipes[t]
		for f := range a.fields {
			if u := a.fields[f].ofTemplate[t]; a.fields[f].origins[u.origin].kind == placeRows {
				rf := rowField{field: f}
				if a.finder != nil {
					rf.name = slices.Index(a.finder.names, a.ask.Fields[f].Name)
				}
				r.fields = append(r.fields, rf)
			}
		}
		r.parses = true
		if len(r.fields) == 1 && t > 0 {
			// Of several, all are found by going over the line once.
			rf := &r.fields[0]
			if p := a.views[t-1].find(a.ask.Fields[rf.field].Name); p.kind != placeRows {
				rf.start, rf.end, r.parses = p.start, p.end, false
			}
		}
	}
	return recipes
}

// makeRows makes the texts of all fields that need it.
func (a *fieldAsker) makeRows() error {
	if a.made {
		return nil
	}
	a.made = true
	a.rows = make([]rowTexts, len(a.fields))
	recipes := a.recipes()
	parses := false
	for t := range recipes {
		if a.asks(t) && len(recipes[t].fields) > 0 {
			parses = parses || recipes[t].parses
		}
		for _, rf := range recipes[t].fields {
			if a.rows[rf.field].values == nil {
				a.rows[rf.field].values = []string{""}
			}
		}
	}
	if parses {
		if err := a.d.f.fetch(treeStreams(nil, &a.d.lines)); err != nil {
			return err
		}
	}
	lines, err := a.values(&a.d.lines)
	if err != nil {
		return err
	}
	defer lines.rewind()
	var buf []byte
	var at []int
	row := 0
	// Rows that nobody asks for have texts, too, so that those of others are where they
	// should be: empty ones.
	skip := func(end int) {
		for ; row < end; row++ {
			for _, rf := range recipes[lines.template(row)].fields {
				a.rows[rf.field].ids = append(a.rows[rf.field].ids, 0)
			}
		}
	}
	for _, s := range a.spans {
		skip(s.start)
		for ; row < s.end; row++ {
			t := lines.template(row)
			r := &recipes[t]
			if len(r.fields) == 0 {
				continue
			}
			if a.d.found != nil && !a.d.found.Get(row) {
				skip(row + 1)
				row--
				continue
			}
			lines.skip(row - lines.at)
			if !r.parses {
				rf := r.fields[0]
				if buf, err = lines.between(buf[:0], t, rf.start, rf.end); err != nil {
					return err
				}
				texts := &a.rows[rf.field]
				texts.ids = append(texts.ids, texts.add(model.Borrow(buf)))
				continue
			}
			if buf, err = lines.next(buf[:0]); err != nil {
				return err
			}
			if len(buf) > a.d.mostBytes {
				return damagedf("lines of more than %d bytes", a.d.mostBytes)
			}
			at = a.finder.find(model.Borrow(buf), at)
			for _, rf := range r.fields {
				texts, id := &a.rows[rf.field], uint32(0)
				if start := at[2*rf.name]; start != none {
					id = texts.add(model.Borrow(buf[start:at[2*rf.name+1]]))
				}
				texts.ids = append(texts.ids, id)
			}
		}
	}
	skip(lines.n)
	return nil
}

// rowReading gives the texts of a field that are made row by row.
func (a *fieldAsker) rowReading(f int) (*reading, error) {
	if err := a.makeRows(); err != nil {
		return nil, err
	}
	t := &a.rows[f]
	return &reading{n: len(t.ids), values: t.values, id: func(i int) int { return int(t.ids[i]) }, none: true}, nil
}

// between appends what lies between two places of template t, of the next value.
func (v *values) between(dst []byte, t, start, end int) ([]byte, error) {
	tm := &v.tmpl.templates[t-1]
	within := func(mark uint16) bool { return start <= int(mark) && int(mark) < end }
	for j, mark := range tm.marks {
		if within(mark) && v.below[tm.refs[j]] == nil {
			if _, err := v.sub(tm.refs[j]); err != nil {
				return dst, err
			}
		}
	}
	v.at++
	at := start
	for j, mark := range tm.marks {
		s := v.below[tm.refs[j]]
		switch {
		case s == nil:
		case !within(mark):
			s.skip(1)
		default:
			dst = append(dst, tm.text[at:mark]...)
			at = int(mark) + 1
			var err error
			if dst, err = s.next(dst); err != nil {
				return dst, err
			}
			if len(dst) > v.d.mostBytes {
				return dst, damagedf("values of more than the %d bytes of the block", v.d.mostBytes)
			}
		}
	}
	return append(dst, tm.text[at:end]...), nil
}

// view is that of a template which says nothing.
func (f *lineFinder) view() view {
	var v view
	for _, name := range f.names {
		v.addFirst(member{name, place{kind: placeRows}})
	}
	return v
}

// newFinder returns what finds the fields of a question in lines; nil where its parser
// is none of that kind, or the stages have to say what is wrong with it.
func newLineFinder(ask *scan.Fields) *lineFinder {
	switch ask.Parser {
	case scan.Pattern:
		f := &lineFinder{parts: ask.Parts}
		for _, p := range ask.Parts {
			if p.Capture && p.Text != "" {
				f.names = append(f.names, extract.Name(p.Text))
			}
		}
		return f
	case scan.Regexp:
		c, err := grep.CompileCaptures(ask.Expr, func(group string) bool {
			return slices.ContainsFunc(ask.Fields, func(f scan.Field) bool { return f.Name == extract.Name(group) })
		})
		if err != nil {
			return nil
		}
		f := &lineFinder{captures: c}
		for _, name := range c.Names() {
			f.names = append(f.names, extract.Name(name))
		}
		return f
	}
	return nil
}
