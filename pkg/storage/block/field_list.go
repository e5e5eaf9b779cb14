package block

import (
	"bytes"
	"errors"
	"slices"
	"strings"

	"github.com/skaldlogs/skald/pkg/scan"
)

// A fieldLister finds out which fields the rows of a batch have. Templates say which,
// columns which values; what they do not say for sure is left to those who read lines.
type fieldLister struct {
	d      *decoder
	want   *scan.FieldList
	out    *scan.FoundFields
	number map[scan.FieldName]int // in out
	known  []map[string]bool      // by field: its values
	json   *fieldAsker
	logfmt *fieldAsker

	plans  []listPlan              // by template
	equals map[uint16]*scan.Bitset // by column: the values with a =, nil for none
	uses   []listUse
	opens  map[uint16]bool // columns of which values are wanted
	at     []int           // by such a column: its next value
	buf    []byte
}

// A listPlan is what a template says of its rows.
type listPlan struct {
	known  bool // it was looked at
	unread bool
	seen   bool
	// free says that rows have no fields unless one of their values has a =.
	free  bool
	texts []listText
	uses  []slotUse // of all slots in columns that are read; which of the uses, or -1
}

// A listText is a field whose value is part of a template.
type listText struct {
	field int
	text  string
}

// A listUse is values of a column that are those of a field.
type listUse struct {
	field int
	ref   uint16
	form  form
	rows  *scan.Bitset // values that occur
}

// errUntold ends the listing of a block that does not say what its fields are.
var errUntold = errors.New("the block does not say")

// listFields tells the fields of the rows of the batch, all but those of the unread
// rows. It reports false where the block says nothing.
func (d *decoder) listFields(q *Question) (unread *scan.Bitset, told bool, err error) {
	l := &fieldLister{d: d, want: q.List, out: &scan.FoundFields{}, number: map[scan.FieldName]int{}, opens: map[uint16]bool{}, equals: map[uint16]*scan.Bitset{}}
	if l.json, err = l.ask(q, scan.JSON); l.json == nil || err != nil {
		return nil, false, err
	}
	if l.logfmt, err = l.ask(q, scan.Logfmt); l.logfmt == nil || err != nil {
		return nil, false, err
	}
	if err = l.lines(); err == nil {
		err = l.metadata()
	}
	if errors.Is(err, errUntold) {
		return nil, false, nil
	}
	if err != nil {
		return nil, false, err
	}
	d.batch.Found = l.out
	return l.out.Unread, true, nil
}

// ask finds out what a parser makes of the rows of a question.
func (l *fieldLister) ask(q *Question, parser scan.Parser) (*fieldAsker, error) {
	own := *q
	own.Fields, own.Filters = &scan.Fields{Parser: parser, All: true}, nil
	return newFieldAsker(l.d, &own)
}

// unread marks row i of the batch.
func (l *fieldLister) unread(i int) {
	if l.out.Unread == nil {
		l.out.Unread = scan.NewBitset(l.d.batch.Rows(), false)
	}
	l.out.Unread.Set(i)
}

// lines lists the fields in lines.
func (l *fieldLister) lines() error {
	lines, err := l.d.values(&l.d.lines)
	if err != nil {
		return err
	}
	t := l.d.lines.tmpl
	l.plans = make([]listPlan, len(t.templates)+1)
	l.plans[0] = listPlan{known: true, unread: true}
	for _, s := range l.d.spans {
		for row := s.start; row < s.end; row++ {
			if n := lines.template(row); !l.plans[n].known {
				if err := l.plan(n); err != nil {
					return err
				}
			}
		}
	}
	l.at = make([]int, len(t.columns))
	for n := 1; n < len(l.plans); n++ {
		l.follow(n)
	}
	i, row := 0, 0
	for _, s := range l.d.spans {
		for ; row < s.start; row++ {
			for _, u := range l.plans[lines.template(row)].uses {
				l.at[u.ref]++
			}
		}
		for ; row < s.end; row++ {
			n := lines.template(row)
			p := &l.plans[n]
			sure := l.sure(n, row)
			if !sure {
				l.unread(i)
			}
			p.seen = p.seen || sure
			for _, u := range p.uses {
				if sure && u.slot >= 0 {
					l.uses[u.slot].rows.Set(l.at[u.ref])
				}
				l.at[u.ref]++
			}
			i++
		}
	}
	for n := range l.plans {
		if l.plans[n].seen {
			for _, t := range l.plans[n].texts {
				l.add(t.field, t.text)
			}
		}
	}
	for i := range l.uses {
		if err := l.values(&l.uses[i]); err != nil {
			return err
		}
	}
	return nil
}

// parser is how rows of a template are read.
func (l *fieldLister) parser(n int) (scan.Parser, *fieldAsker) {
	if l.json.views[n-1].failed {
		return scan.Logfmt, l.logfmt
	}
	return scan.JSON, l.json
}

// doubtful reports whether a row of template n is one of which its own values may make
// something else.
func (l *fieldLister) doubtful(n, row int) bool {
	_, a := l.parser(n)
	return a.unsure != nil && a.unsure.Get(row)
}

// plan looks at a template.
func (l *fieldLister) plan(n int) error {
	p := &l.plans[n]
	p.known = true
	parser, a := l.parser(n)
	v := &a.views[n-1]
	tm := &l.d.lines.tmpl.templates[n-1]
	if parser == scan.Logfmt && v.unknown && bytes.IndexByte(tm.text, '=') < 0 {
		p.free = true
		return l.lookForEquals(tm)
	}
	if v.unknown || v.garbled || v.failed {
		p.unread = true
		return nil
	}
	for i := range v.members {
		m := &v.members[i]
		if m.kind == placeUnknown || l.disputed(m.name) || l.taken(m.name) && v.find(m.name+extracted).kind != placeNone {
			p.unread = true
			return nil
		}
	}
	example := ""
	for i := range v.members {
		m := &v.members[i]
		name := scan.FieldName{Name: m.name, Parser: parser}
		if l.taken(m.name) {
			name.Name += extracted
		}
		if m.kind == placeNone || !l.wants(name) {
			continue
		}
		if parser == scan.JSON && example == "" {
			example = string(bytes.ReplaceAll(tm.text, []byte{0}, []byte{'0'}))
		}
		field := l.field(name, example)
		if m.kind == placeText {
			p.texts = append(p.texts, listText{field, m.text})
			continue
		}
		ref := tm.refs[m.slot]
		l.opens[ref] = true
		p.uses = append(p.uses, slotUse{uint16(m.slot), l.use(field, ref, m.form)})
	}
	return nil
}

// lookForEquals finds the values of a template's columns that have a =: without one,
// a line has no pairs.
func (l *fieldLister) lookForEquals(tm *template) error {
	for _, ref := range tm.refs {
		c := &l.d.lines.tmpl.columns[ref]
		if _, known := l.equals[ref]; known || !c.charset.has('=') {
			continue
		}
		r, err := l.json.reading(c)
		if err != nil {
			return err
		}
		var found *scan.Bitset
		if err := r.eachDistinct(func(text string) bool { return strings.IndexByte(text, '=') >= 0 }, func(i int) {
			if found == nil {
				found = scan.NewBitset(c.n, false)
			}
			found.Set(i)
		}); err != nil {
			return err
		}
		l.equals[ref] = found
		l.opens[ref] = l.opens[ref] || found != nil
	}
	return nil
}

// sure reports whether a row of template n has the fields of its plan and no others.
func (l *fieldLister) sure(n, row int) bool {
	p := &l.plans[n]
	if !p.free {
		return !p.unread && !l.doubtful(n, row)
	}
	for i, u := range p.uses {
		found := l.equals[u.ref]
		if found == nil {
			continue
		}
		nth := 0
		for _, before := range p.uses[:i] {
			if before.ref == u.ref {
				nth++
			}
		}
		if found.Get(l.at[u.ref] + nth) {
			return false
		}
	}
	return true
}

// follow makes the uses of a plan those of all slots whose columns are read, in their
// order.
func (l *fieldLister) follow(n int) {
	p := &l.plans[n]
	var all []slotUse
	for slot, ref := range l.d.lines.tmpl.templates[n-1].refs {
		if !l.opens[ref] {
			continue
		}
		use := slotUse{ref, -1}
		for _, u := range p.uses {
			if int(u.ref) == slot {
				use.slot = u.slot
			}
		}
		all = append(all, use)
	}
	p.uses = all
}

// extracted is the suffix of what is called like something that there was before.
const extracted = "_extracted"

func (l *fieldLister) taken(name string) bool { return slices.Contains(l.want.Taken, name) }

// disputed reports whether rows differ in what they call a field of lines.
func (l *fieldLister) disputed(name string) bool {
	return slices.Contains(l.want.Disputed, name) || l.d.meta != nil && slices.Contains(l.d.meta.names, name)
}

func (l *fieldLister) wants(name scan.FieldName) bool {
	return (l.want.Only == "" || l.want.Only == name.Name) && !l.want.Closed[name]
}

// field returns the number of a field.
func (l *fieldLister) field(name scan.FieldName, example string) int {
	n, ok := l.number[name]
	if !ok {
		n = len(l.out.Fields)
		l.number[name] = n
		l.out.Fields = append(l.out.Fields, scan.FoundField{FieldName: name, Example: example})
		l.known = append(l.known, map[string]bool{})
	}
	return n
}

// use returns the number of the use of a column.
func (l *fieldLister) use(field int, ref uint16, f form) int {
	for i := range l.uses {
		if u := &l.uses[i]; u.field == field && u.ref == ref && u.form == f {
			return i
		}
	}
	l.uses = append(l.uses, listUse{field, ref, f, scan.NewBitset(l.d.lines.tmpl.columns[ref].n, false)})
	return len(l.uses) - 1
}

// add adds a value of a field, and reports whether there is room for more.
func (l *fieldLister) add(field int, text string) bool {
	f := &l.out.Fields[field]
	if text == "" || l.known[field][text] {
		return !f.Many
	}
	if len(f.Values) == scan.MaxListValues {
		f.Many = true
		return false
	}
	own := strings.Clone(text)
	l.known[field][own] = true
	f.Values = append(f.Values, own)
	return true
}

// errEnough ends the reading of a column whose field has too many values.
var errEnough = errors.New("there are enough values")

// values adds the values of a use that occur.
func (l *fieldLister) values(u *listUse) error {
	if u.rows.Next(0) == u.rows.Len() || l.out.Fields[u.field].Many {
		return nil
	}
	r, err := l.json.reading(&l.d.lines.tmpl.columns[u.ref])
	if err != nil {
		return err
	}
	return l.occurring(u, r)
}

// occurring adds those values of a column whose numbers are in use.
func (l *fieldLister) occurring(u *listUse, r *reading) error {
	add := func(text string) error {
		text, what := u.form.read(text, &l.buf)
		switch {
		case what == isUnsure:
			return errUntold
		case what == isText && !l.add(u.field, text):
			return errEnough
		}
		return nil
	}
	var err error
	if r.values == nil {
		err = r.each(func(i int, text string) error {
			if !u.rows.Get(i) {
				return nil
			}
			return add(text)
		})
	} else {
		seen := make([]bool, len(r.values))
		for i := u.rows.Next(0); i < u.rows.Len(); i = u.rows.Next(i + 1) {
			seen[r.id(i)] = true
		}
		for id, text := range r.values {
			if seen[id] && err == nil {
				err = add(text)
			}
		}
	}
	if errors.Is(err, errEnough) {
		return nil
	}
	return err
}

// metadata lists the structured metadata.
func (l *fieldLister) metadata() error {
	m := l.d.meta
	if m == nil {
		return nil
	}
	shapes, err := l.d.rowShapes()
	if err != nil {
		return err
	}
	if err := m.check(shapes); err != nil {
		return err
	}
	// A label of the stream changes what metadata of its name is called.
	unread := make([]bool, len(m.shapes))
	unread[0] = true
	for s, columns := range m.shapes {
		for _, c := range columns {
			unread[s] = unread[s] || l.taken(m.names[c]) || slices.Contains(l.want.Disputed, m.names[c])
		}
	}
	uses := make([]*listUse, len(m.columns))
	for c := range m.columns {
		if name := (scan.FieldName{Name: m.names[c]}); l.wants(name) {
			uses[c] = &listUse{field: l.field(name, ""), rows: scan.NewBitset(m.columns[c].n, false)}
		}
	}
	at := make([]int, len(m.columns))
	i, row := 0, 0
	for _, s := range l.d.spans {
		for ; row < s.start; row++ {
			for _, c := range m.shapes[shapes[row]] {
				at[c]++
			}
		}
		for ; row < s.end; row++ {
			shape := shapes[row]
			if unread[shape] {
				l.unread(i)
			}
			for _, c := range m.shapes[shape] {
				if uses[c] != nil && !unread[shape] {
					uses[c].rows.Set(at[c])
				}
				at[c]++
			}
			i++
		}
	}
	for c, u := range uses {
		if u == nil || u.rows.Next(0) == u.rows.Len() {
			continue
		}
		r, err := l.json.metaReading(&m.columns[c])
		if err != nil {
			return err
		}
		if err := l.occurring(u, r); err != nil {
			return err
		}
	}
	return nil
}
