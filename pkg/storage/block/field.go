package block

import (
	"fmt"
	"strings"

	"github.com/skaldlogs/skald/pkg/scan"
)

// A fieldAsker answers what a question wants to know of fields, from templates
// and columns, for all rows of a block of layout 1. It makes no line.
//
//	template   {"level":"␀","status":␀}       parsed once, with its slots left open:
//	               │            └─▶ column of "status":     the field of these rows
//	               └─▶ column of "level":"
//
// Where a template does not say for sure which value a field has, its rows are
// unsure, and the stages run over them.
type fieldAsker struct {
	d      *decoder
	ask    *scan.Fields
	finder *lineFinder // of parsers that go over lines without fail, else nil
	views  []view      // of the templates, number t at t-1
	fields []field
	rows   []rowTexts   // by field: texts that are made row by row, if it has such
	made   bool         // rows is
	live   []bool       // by template: some row is asked for; nil when all may be
	spans  []span       // rows of the runs that are asked for
	unsure *scan.Bitset // rows, nil when none
	failed *scan.Bitset // rows that the parser cannot read and finds nothing in, nil when none
	read   bool         // some column was read
	shapes []uint16     // of all rows, once they were needed
}

// maxOrigins bounds from how many places the values of a field come.
const maxOrigins = 1 << 9

// newFieldAsker returns nil when the block says nothing about fields.
func newFieldAsker(d *decoder, q *Question) (*fieldAsker, error) {
	if d.layout != layoutTemplates || d.meta.hasReserved() {
		return nil, nil
	}
	ask := q.Fields
	a := &fieldAsker{d: d, ask: ask, spans: pickedRows(d.runs, q)}
	if err := a.survey(); err != nil {
		return nil, err
	}
	a.finder = q.Filters.lineFinder(ask)
	if a.views = a.viewsFor(); a.views == nil {
		return nil, nil
	}
	a.fields = make([]field, len(ask.Fields))
	for i := range a.fields {
		if !a.locate(i) {
			return nil, nil
		}
	}
	return a, a.mark()
}

// survey finds out which templates have rows that are asked for and pass the filters.
func (a *fieldAsker) survey() error {
	if a.d.found == nil {
		return nil
	}
	v, err := a.values(&a.d.lines)
	if err != nil {
		return err
	}
	a.live = make([]bool, len(a.d.lines.tmpl.templates)+1)
	for _, s := range a.spans {
		for row := a.d.found.Next(s.start); row < s.end; row = a.d.found.Next(row + 1) {
			a.live[v.template(row)] = true
		}
	}
	return nil
}

// asks reports whether rows of a template may be asked for.
func (a *fieldAsker) asks(template int) bool { return a.live == nil || a.live[template] }

// mark finds the rows that are unsure, whatever the fields are, and those that the
// parser fails for.
func (a *fieldAsker) mark() error {
	lines := &a.d.lines
	unsure := make([]bool, len(lines.tmpl.templates)+1)
	failed := make([]bool, len(lines.tmpl.templates)+1)
	someUnsure, someFailed := false, false
	unsure[0] = lines.tmpl.rest.n > 0 && a.ask.Parser != scan.NoParser && a.finder == nil && a.asks(0)
	someUnsure = unsure[0]
	for i := range a.views {
		v := &a.views[i]
		if !a.asks(i + 1) {
			continue
		}
		failed[i+1] = v.failed
		someFailed = someFailed || v.failed
		unsure[i+1] = v.unknown || a.ask.All && v.garbled
		for f := range a.fields {
			unsure[i+1] = unsure[i+1] || a.fields[f].unknown(i+1)
		}
		someUnsure = someUnsure || unsure[i+1]
	}
	if err := a.guard(); err != nil {
		return err
	}
	if a.d.meta != nil && a.d.meta.pairs.n > 0 {
		if err := a.eachShape(func(row int, shape uint16) {
			if shape == 0 {
				a.doubt().Set(row)
			}
		}); err != nil {
			return err
		}
	}
	if !someUnsure && !someFailed {
		return nil
	}
	v, err := a.values(lines)
	if err != nil {
		return err
	}
	if someFailed {
		a.failed = scan.NewBitset(lines.n, false)
	}
	for row := range lines.n {
		t := v.template(row)
		if unsure[t] {
			a.doubt().Set(row)
		} else if failed[t] {
			a.failed.Set(row)
		}
	}
	return nil
}

// doubt is the set of unsure rows.
func (a *fieldAsker) doubt() *scan.Bitset {
	if a.unsure == nil {
		a.unsure = scan.NewBitset(a.d.rows, false)
	}
	return a.unsure
}

// values opens a column.
func (a *fieldAsker) values(c *column) (*values, error) {
	a.read = true
	v, err := a.d.values(c)
	if err == nil {
		v.rewind()
	}
	return v, err
}

// eachShape calls fn with the shape of the metadata of each row.
func (a *fieldAsker) eachShape(fn func(row int, shape uint16)) error {
	if a.shapes == nil {
		shapes, err := a.d.rowShapes()
		if err != nil {
			return fmt.Errorf("shapes: %w", err)
		}
		if err := a.d.meta.check(shapes); err != nil {
			return err
		}
		a.shapes, a.read = append([]uint16(nil), shapes...), true
	}
	for row, s := range a.shapes {
		fn(row, s)
	}
	return nil
}

// guard finds the rows in which a slot holds what breaks the line for the parser.
func (a *fieldAsker) guard() error {
	t := a.d.lines.tmpl
	bad := make(map[uint16]*scan.Bitset) // by column: its bad values
	var checked [4]map[uint16]bool       // columns of each kind of slots
	check := func(kind int, ref uint16, find func(*column, uint16) (*scan.Bitset, error)) error {
		if checked[kind][ref] {
			return nil
		}
		if checked[kind] == nil {
			checked[kind] = make(map[uint16]bool)
		}
		checked[kind][ref] = true
		found, err := find(&t.columns[ref], ref)
		if before := bad[ref]; before != nil && found != nil {
			found.Or(before)
		}
		if found != nil {
			bad[ref] = found
		}
		return err
	}
	for i := range a.views {
		if !a.asks(i + 1) {
			continue
		}
		for _, slot := range a.views[i].guards {
			if err := check(0, t.templates[i].refs[slot], a.notScalars); err != nil {
				return err
			}
		}
		for _, slot := range a.views[i].pairs {
			if err := check(2, t.templates[i].refs[slot], a.notPairs); err != nil {
				return err
			}
		}
		for _, slot := range a.views[i].words {
			if err := check(3, t.templates[i].refs[slot], a.notWords); err != nil {
				return err
			}
		}
		if !a.ask.All {
			continue
		}
		for _, slot := range a.views[i].texts {
			if err := check(1, t.templates[i].refs[slot], a.notStrings); err != nil {
				return err
			}
		}
	}
	if len(bad) == 0 {
		return nil
	}
	// The rows with those values. A slot of another kind may share the column, and
	// its row is taken too: being unsure is never wrong.
	lines, err := a.values(&a.d.lines)
	if err != nil {
		return err
	}
	at := make([]int, len(t.columns))
	for row := range lines.n {
		n := lines.template(row)
		if n == 0 {
			continue
		}
		for _, ref := range t.templates[n-1].refs {
			if b := bad[ref]; b != nil && b.Get(at[ref]) {
				a.doubt().Set(row)
			}
			at[ref]++
		}
	}
	return nil
}

// notScalars returns the values of a column that JSON does not allow where a
// number may be, or nil if there are none. A block remembers what it found out.
func (a *fieldAsker) notScalars(c *column, ref uint16) (*scan.Bitset, error) {
	switch c.kind {
	case columnInt, columnPad, columnDecimal:
		return nil, nil
	}
	return a.without(c, ref, &a.d.scalars, isScalar)
}

// notStrings returns the values of a column whose escapes mean nothing in JSON.
func (a *fieldAsker) notStrings(c *column, ref uint16) (*scan.Bitset, error) {
	if !c.charset.has('\\') {
		return nil, nil
	}
	var scratch []byte
	return a.without(c, ref, &a.d.strings, func(text string) bool {
		_, what := formJSON.read(text, &scratch)
		return what == isText
	})
}

// notPairs returns the values of a column whose escapes mean nothing in logfmt.
func (a *fieldAsker) notPairs(c *column, ref uint16) (*scan.Bitset, error) {
	if !c.charset.has('\\') {
		return nil, nil
	}
	var scratch []byte
	return a.without(c, ref, &a.d.pairs, func(text string) bool {
		_, what := formPair.read(text, &scratch)
		return what == isText
	})
}

// notWords returns the values of a column that are no bare value of logfmt.
func (a *fieldAsker) notWords(c *column, ref uint16) (*scan.Bitset, error) {
	if !c.charset.has('"') && !c.charset.has('=') {
		return nil, nil
	}
	return a.without(c, ref, &a.d.words, func(text string) bool { return !strings.ContainsAny(text, `"=`) })
}

// without returns the values of a column that have not got a property, nil if all have.
func (a *fieldAsker) without(c *column, ref uint16, known *columnCache, has func(text string) bool) (*scan.Bitset, error) {
	if known.sure(ref) {
		return nil, nil
	}
	r, err := a.reading(c)
	if err != nil {
		return nil, err
	}
	var bad *scan.Bitset
	err = r.eachDistinct(func(text string) bool { return !has(text) }, func(i int) {
		if bad == nil {
			bad = scan.NewBitset(c.n, false)
		}
		bad.Set(i)
	})
	if err == nil && bad == nil {
		known.learn(ref, len(a.d.lines.tmpl.columns))
	}
	return bad, err
}
