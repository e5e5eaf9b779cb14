package block

import (
	"slices"
	"strings"

	"github.com/skaldlogs/skald/pkg/extract"
	"github.com/skaldlogs/skald/pkg/model"
	"github.com/skaldlogs/skald/pkg/scan"
)

// A field is where the values of one wanted field come from.
type field struct {
	// origins are the places; the first is that of rows without the field.
	origins []fieldOrigin
	// ofTemplate is the origin of the rows of each template, and which of the values
	// that a line of it has in that column; template 0 is none.
	ofTemplate []fieldUse
	// ofShape is the origin of the rows of each shape of metadata, 0 for those that
	// have no such metadata; nil when none has.
	ofShape []uint16
	// rest says that there are lines without a template.
	rest bool
	// errors says that the field is the error of the parser, and early that it is one
	// before the parser.
	errors, early bool

	rowOrigin []uint16 // by row, once it was needed; nil when it is only[0]
	rowValue  []uint32 // by row: which value of the origin's column; nil when it is the row
	mapped    bool
}

// A fieldUse is the place of a field in a template.
type fieldUse struct {
	origin  uint16
	nth     uint16
	unknown bool
}

// A fieldOrigin is one place where values of a field come from.
type fieldOrigin struct {
	kind   uint8 // placeNone, placeText, placeSlot or placeRows
	text   string
	form   form
	frame  frame
	column *column
	meta   bool // the column is one of the metadata
	field  int  // whose texts are made row by row
}

func (f *field) unknown(template int) bool { return f.ofTemplate[template].unknown }

// manyOrigins is from how many places on a field is rather made row by row, where it
// can be.
const manyOrigins = maxOrigins / 2

// locate finds the origins of a field. It returns false when there are too many.
func (a *fieldAsker) locate(i int) bool {
	f, want := &a.fields[i], &a.ask.Fields[i]
	lines := a.d.lines.tmpl
	rows := fieldOrigin{kind: placeRows, field: i}
	f.origins = []fieldOrigin{{}}
	f.ofTemplate = make([]fieldUse, len(lines.templates)+1)
	f.early, f.rest = want.Metadata, lines.rest.n > 0
	if want.Name == scan.ErrorField {
		f.errors = true
		return true
	}
	if m := a.d.meta; m != nil {
		for s, columns := range m.shapes {
			for _, c := range columns {
				if m.names[c] != want.Name {
					continue
				}
				if f.ofShape == nil {
					f.ofShape = make([]uint16, len(m.shapes))
				}
				f.ofShape[s] = f.origin(fieldOrigin{kind: placeSlot, column: &m.columns[c], meta: true})
			}
		}
	}
	if want.Metadata {
		return true
	}
	if a.finder != nil && f.rest && slices.Contains(a.finder.names, want.Name) {
		f.ofTemplate[0].origin = f.origin(rows)
	}
	for t := range a.views {
		p := a.views[t].find(want.Name)
		u := &f.ofTemplate[t+1]
		if p.kind != placeNone && a.finder != nil && len(f.origins) > manyOrigins {
			p.kind = placeSpan
		}
		switch p.kind {
		case placeNone:
		case placeUnknown:
			u.unknown = true
		case placeSpan, placeRows:
			if u.unknown = a.finder == nil && a.spanned(a.fields[:i], t+1); !u.unknown {
				u.origin = f.origin(rows)
			}
		case placeText:
			u.origin = f.origin(fieldOrigin{kind: placeText, text: p.text})
		default:
			refs := lines.templates[t].refs
			ref := refs[p.slot]
			for _, before := range refs[:p.slot] {
				if before == ref {
					u.nth++
				}
			}
			u.origin = f.origin(fieldOrigin{kind: placeSlot, form: p.form, frame: p.frame, column: &lines.columns[ref]})
		}
		if len(f.origins) > maxOrigins {
			return false
		}
	}
	return true
}

// spanned reports whether one of some fields is made row by row in a template.
func (a *fieldAsker) spanned(fields []field, template int) bool {
	return slices.ContainsFunc(fields, func(f field) bool {
		return f.origins[f.ofTemplate[template].origin].kind == placeRows
	})
}

// origin returns the number of an origin.
func (f *field) origin(o fieldOrigin) uint16 {
	for i := 1; i < len(f.origins); i++ {
		if f.origins[i] == o {
			return uint16(i)
		}
	}
	f.origins = append(f.origins, o)
	return uint16(len(f.origins) - 1)
}

// place finds the origin and the value of each row.
func (a *fieldAsker) place(f *field) error {
	if f.mapped {
		return nil
	}
	f.mapped = true
	lines := &a.d.lines
	t := lines.tmpl
	if f.ofShape == nil && f.uniform(lines) {
		f.ofTemplate[0] = f.ofTemplate[1]
		return nil
	}
	v, err := a.values(lines)
	if err != nil {
		return err
	}
	f.rowOrigin = make([]uint16, lines.n)
	f.rowValue = make([]uint32, lines.n)
	// How many values a line of each template takes of each of the columns.
	type step struct {
		origin uint16
		n      uint32
	}
	steps := make([][]step, len(t.templates)+1)
	for o := 1; o < len(f.origins); o++ {
		if f.origins[o].kind == placeRows {
			for i, u := range f.ofTemplate {
				if int(u.origin) == o {
					steps[i] = append(steps[i], step{uint16(o), 1})
				}
			}
		}
		if f.origins[o].kind != placeSlot || f.origins[o].meta {
			continue
		}
		for i := range t.templates {
			n := uint32(0)
			for _, ref := range t.templates[i].refs {
				if &t.columns[ref] == f.origins[o].column {
					n++
				}
			}
			if n > 0 {
				steps[i+1] = append(steps[i+1], step{uint16(o), n})
			}
		}
	}
	at := make([]uint32, len(f.origins))
	for row := range f.rowOrigin {
		n := v.template(row)
		u := f.ofTemplate[n]
		f.rowOrigin[row], f.rowValue[row] = u.origin, at[u.origin]+uint32(u.nth)
		for _, s := range steps[n] {
			at[s.origin] += s.n
		}
	}
	if f.ofShape == nil {
		return nil
	}
	m := a.d.meta
	columnOf := make([]int, len(f.origins))
	for o := range f.origins {
		for c := range m.columns {
			if &m.columns[c] == f.origins[o].column {
				columnOf[o] = c
			}
		}
	}
	metaAt := make([]uint32, len(m.columns))
	return a.eachShape(func(row int, shape uint16) {
		if o := f.ofShape[shape]; o > 0 {
			f.rowOrigin[row], f.rowValue[row] = o, metaAt[columnOf[o]]
		}
		for _, c := range m.shapes[shape] {
			metaAt[c]++
		}
	})
}

// used says of each origin whether a row may have it.
func (f *field) used() []bool {
	used := make([]bool, len(f.origins))
	for _, u := range f.ofTemplate[1:] {
		used[u.origin] = true
	}
	if f.rest {
		used[f.ofTemplate[0].origin] = true
	}
	for _, o := range f.ofShape {
		used[o] = used[o] || o > 0
	}
	return used
}

// first reports whether i is the first origin in use.
func (f *field) first(i int) bool {
	for _, used := range f.used()[:i] {
		if used {
			return false
		}
	}
	return true
}

// uniform reports whether all rows have the field in one origin, where the number of
// the row is that of the value.
func (f *field) uniform(lines *column) bool {
	if lines.tmpl.rest.n > 0 {
		return false
	}
	first := f.ofTemplate[1]
	for _, u := range f.ofTemplate[2:] {
		if u != first {
			return false
		}
	}
	o := &f.origins[first.origin]
	// Each template has the column, so as many values as rows are one for each.
	return o.kind != placeSlot || o.column.n == lines.n
}

// at is the origin of a row and the value in it.
func (f *field) at(row int) (origin uint16, value int) {
	if f.rowOrigin == nil {
		return f.ofTemplate[0].origin, row
	}
	return f.rowOrigin[row], int(f.rowValue[row])
}

// A reading gives the values of an origin's column as texts.
type reading struct {
	n      int
	values []string // the distinct ones, if there are fewer than values
	id     func(i int) int
	none   bool // values[0] is no field
	each   func(fn func(i int, text string) error) error
}

func (a *fieldAsker) reading(c *column) (*reading, error) {
	if c.kind == columnConst {
		return &reading{n: c.n, values: []string{c.constant}, id: func(int) int { return 0 }}, nil
	}
	v, err := a.values(c)
	if err != nil {
		return nil, err
	}
	r := &reading{n: c.n}
	switch c.kind {
	case columnDict:
		r.values = make([]string, c.distinct)
		for i := range r.values {
			r.values[i] = model.Borrow(v.text[v.ends[i]:v.ends[i+1]])
		}
		r.id = v.id
	case columnRaw:
		r.each = func(fn func(i int, text string) error) error {
			for i := range v.n {
				if err := fn(i, model.Borrow(v.text[v.ends[i]:v.ends[i+1]])); err != nil {
					return err
				}
			}
			return nil
		}
	default:
		r.each = func(fn func(i int, text string) error) error {
			v.rewind()
			defer v.rewind()
			buf := make([]byte, 0, 64)
			for i := range v.n {
				var err error
				if buf, err = v.next(buf[:0]); err != nil {
					return err
				}
				if len(buf) > a.d.mostBytes {
					return damagedf("values of more than the %d bytes of the block", a.d.mostBytes)
				}
				if err := fn(i, model.Borrow(buf)); err != nil {
					return err
				}
			}
			return nil
		}
	}
	return r, nil
}

func (a *fieldAsker) metaReading(c *column) (*reading, error) {
	a.read = true
	m, err := a.d.openColumn(c)
	if err != nil {
		return nil, err
	}
	if m.ends == nil {
		r := &reading{n: c.n, values: m.values, id: func(int) int { return 0 }}
		if m.ids != nil {
			r.id = m.id
		}
		return r, nil
	}
	return &reading{n: c.n, each: func(fn func(i int, text string) error) error {
		for i := range c.n {
			if err := fn(i, m.text[m.ends[i]:m.ends[i+1]]); err != nil {
				return err
			}
		}
		return nil
	}}, nil
}

// reading opens the column of an origin.
func (a *fieldAsker) open(o *fieldOrigin) (*reading, error) {
	switch {
	case o.kind == placeRows:
		return a.rowReading(o.field)
	case o.meta:
		return a.metaReading(o.column)
	}
	return a.reading(o.column)
}

// eachDistinct calls fn with the number of each value whose text passes.
func (r *reading) eachDistinct(pass func(text string) bool, fn func(i int)) error {
	if r.values == nil {
		return r.each(func(i int, text string) error {
			if pass(text) {
				fn(i)
			}
			return nil
		})
	}
	passes := make([]bool, len(r.values))
	some := false
	for i, text := range r.values {
		passes[i] = pass(text)
		some = some || passes[i]
	}
	for i := 0; some && i < r.n; i++ {
		if passes[r.id(i)] {
			fn(i)
		}
	}
	return nil
}

// What a text is to a field.
const (
	isText   = iota
	isAbsent // there is no field
	isUnsure // the line is broken
)

// read is what the text of a value means as that of a field of this form.
// Scratch is for escapes.
func (f form) read(text string, scratch *[]byte) (string, uint8) {
	text, what := f.meaning(text, scratch)
	if what == isAbsent && f&formKept != 0 {
		return "", isText
	}
	return text, what
}

func (f form) meaning(text string, scratch *[]byte) (string, uint8) {
	switch {
	case f == 0:
	case text == "" && f&formEmpty != 0:
		return "", isAbsent
	case f&formBare != 0:
		if text == "null" {
			return "", isAbsent
		}
	case f&formWord != 0:
		if strings.ContainsAny(text, `"=`) {
			return "", isAbsent
		}
	case f&(formJSON|formPair) == 0, strings.IndexByte(text, '\\') < 0:
	case f&formJSON != 0:
		*scratch = (*scratch)[:0]
		u := extract.JSON{Scratch: scratch}
		if text = u.Unescape(text, 0); u.Fault != "" {
			return "", isUnsure
		}
	default:
		*scratch = (*scratch)[:0]
		u := extract.Logfmt{Value: text, Escaped: true, Scratch: scratch}
		var ok bool
		if text, ok = u.Unescaped(); !ok {
			return "", isAbsent
		}
	}
	return text, isText
}

// read is what the text of a value of the origin means as that of its field.
func (o *fieldOrigin) read(text string, scratch *[]byte) (string, uint8) {
	if o.frame == (frame{}) {
		return o.form.read(text, scratch)
	}
	*scratch = append(append(append((*scratch)[:0], o.frame.before...), text...), o.frame.after...)
	return model.Borrow(*scratch), isText
}

// plain reports whether the texts of a column are those of its field.
func (o *fieldOrigin) plain() bool {
	switch {
	case o.frame != frame{}:
		return false
	case o.form == 0:
		return true
	case o.form&formEmpty != 0 && o.column.min == 0:
		return false
	case o.form&formBare != 0:
		return o.column.charset.lacks("null")
	case o.form&formWord != 0:
		return !o.column.charset.has('"') && !o.column.charset.has('=')
	default:
		return !o.column.charset.has('\\')
	}
}
