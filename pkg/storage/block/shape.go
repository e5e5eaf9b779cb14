package block

import (
	"strings"

	"github.com/skaldlogs/skald/pkg/model"
	"github.com/skaldlogs/skald/pkg/scan"
)

// maxWordLen is how long a word may be, where each slot in it counts as a byte.
const maxWordLen = 64

// brokenLine is how much is looked at of a line that cannot be taken apart.
const brokenLine = 1 << 10

// A Shaper finds the shapes of lines, and the words in their slots: the same that
// a block tells of the line ([scan.Shapes]), whatever it is stored as. It belongs to
// one goroutine.
type Shaper struct {
	line, value tokens
}

// Take takes a line apart. The shape's text is valid until the next call.
func (s *Shaper) Take(line string) (text []byte) {
	b := model.BorrowBytes(line)
	switch {
	case s.line.take(b, 0):
	case len(b) > brokenLine && s.line.take(b[:brokenLine], 0):
		if n := len(s.line.static); s.line.static[n-1] != 0 {
			s.line.static = append(s.line.static, 0)
			s.line.slots = append(s.line.slots, piece{brokenLine, brokenLine})
		}
	default:
		s.line.static = append(s.line.static[:0], 0)
		s.line.slots = append(s.line.slots[:0], piece{0, uint32(len(b))})
	}
	return s.line.static
}

// Slots is how many slots the line has that was taken.
func (s *Shaper) Slots() int { return len(s.line.slots) }

// AppendWord appends the word of slot i of the line that was taken.
func (s *Shaper) AppendWord(dst []byte, line string, i int) []byte {
	at := s.line.slots[i]
	return s.appendWord(dst, model.BorrowBytes(line[at.start:at.end]))
}

// appendWord appends the word of a value.
func (s *Shaper) appendWord(dst, value []byte) []byte {
	if !s.value.take(value, 0) {
		return append(dst, 0)
	}
	return appendWordOf(dst, s.value.static)
}

// appendWordOf appends the word of the values with a template. It depends on nothing
// but the template, so that a block tells the words of values that it has in templates
// without making them, and knows other words by the types of columns, see [column.fixedWord].
func appendWordOf(dst, template []byte) []byte {
	if len(template) > maxWordLen {
		return append(dst, 0)
	}
	slots, hex, named := 0, true, false
	for _, c := range template {
		class := classes[c]
		switch {
		case c == 0:
			slots++
		case c != '-' && class&(isDigit|isHex) == 0:
			hex = false
		}
		named = named || class&(isHex|isLetter) != 0
	}
	// Numbers, and what numbers are made of; identifiers, even where chance left no
	// digit in one of their parts.
	if slots > 0 && (!named || hex) || hex && len(template) >= 8 {
		return append(dst, 0)
	}
	return append(dst, template...)
}

// fixedWord returns the word that all values of a column have, if its type says so.
func (c *column) fixedWord(s *Shaper) (word string, ok bool) {
	switch c.kind {
	case columnInt, columnPad, columnDecimal, columnIP, columnUUID:
		return "\x00", true
	case columnHex:
		return "\x00", c.min >= 8
	case columnConst:
		return string(s.appendWord(nil, model.BorrowBytes(c.constant))), true
	case columnTime:
		// The layout is all that times leave to a word, but for what begins with a
		// digit behind it: that may not look like a time any more.
		if suffix := c.layout.suffix; suffix != "" && classes[suffix[0]]&isDigit != 0 {
			return "", false
		}
		w := newTimeWriter(*c.layout)
		return string(s.appendWord(nil, w.append(nil, 0))), true
	}
	return "", false
}

// tellsShapes reports whether the rows of the batch are all those that a question is
// about, so that what is told of their shapes is about no others.
func (d *decoder) tellsShapes(q *Question) bool {
	return d.layout == layoutTemplates && d.batch.Answered == nil && d.found == nil && (q.Fields == nil || d.asked != nil)
}

// shapes tells the shapes of the rows of the batch. It returns the rows whose lines
// are needed: those that have none, and others.
func (d *decoder) shapes(want *scan.Shapes, others *scan.Bitset) (*scan.Bitset, error) {
	lines, err := d.values(&d.lines)
	if err != nil {
		return nil, err
	}
	rows := d.batch.Rows()
	f := &shapeFinder{d: d, want: want, lines: lines, plans: make([]shapePlan, len(d.lines.tmpl.templates)+1)}
	f.list = &scan.ShapeList{Of: make([]uint32, rows), Nth: make([]uint32, rows)}
	f.columns = make([]*wordColumn, len(d.lines.tmpl.columns))
	f.at = make([]int, len(d.lines.tmpl.columns))
	apart := others
	if others != nil {
		apart = others.Clone()
	}
	if err := f.chooseColumns(); err != nil {
		return nil, err
	}
	i, row := 0, 0
	for _, s := range d.spans {
		f.pass(row, s.start)
		for row = s.start; row < s.end; row++ {
			t := lines.template(row)
			if t == 0 {
				if apart == nil {
					apart = scan.NewBitset(rows, false)
				}
				apart.Set(i)
			} else if err := f.add(i, t); err != nil {
				return nil, err
			}
			i++
		}
	}
	d.batch.Shapes = f.list
	return apart, nil
}

// A shapeFinder goes through the templates of the rows of a batch.
type shapeFinder struct {
	d       *decoder
	want    *scan.Shapes
	lines   *values
	list    *scan.ShapeList
	plans   []shapePlan   // by template
	columns []*wordColumn // by column of the lines, nil when it is not read
	at      []int         // by column that is read: its next value
	words   map[uint16]fixedWord
	shaper  Shaper
}

// A fixedWord is what is known of the words of a column without reading it.
type fixedWord struct {
	text string
	ok   bool
}

// A shapePlan is what to do with the rows of a template.
type shapePlan struct {
	number uint32 // of its shape, 0 until there is a row
	rows   uint32
	uses   []slotUse // in the order of the slots: those whose columns are read
	words  [][]uint32
}

// A slotUse is one slot, or the place of one whose word is not wanted, which is -1.
type slotUse struct {
	ref  uint16
	slot int
}

// open reports whether the word of a slot is wanted.
func (f *shapeFinder) open(closed uint32, slot int) bool {
	return slot < scan.MaxShapeSlots && closed&(1<<slot) == 0
}

// chooseColumns opens the columns of which words are wanted, of templates that rows of
// the batch have.
func (f *shapeFinder) chooseColumns() error {
	t := f.d.lines.tmpl
	seen := make([]bool, len(f.plans))
	for _, s := range f.d.spans {
		for row := s.start; row < s.end; row++ {
			seen[f.lines.template(row)] = true
		}
	}
	for i := range t.templates {
		if !seen[i+1] {
			continue
		}
		closed := f.want.Closed[model.Borrow(t.templates[i].text)]
		for slot, ref := range t.templates[i].refs {
			if !f.open(closed, slot) || f.columns[ref] != nil {
				continue
			}
			if _, ok := f.fixed(ref); ok {
				continue
			}
			v, err := f.d.values(&t.columns[ref])
			if err != nil {
				return err
			}
			v.rewind()
			f.columns[ref] = newWordColumn(v, &f.shaper)
		}
	}
	for i := range t.templates {
		for _, ref := range t.templates[i].refs {
			if f.columns[ref] != nil {
				f.plans[i+1].uses = append(f.plans[i+1].uses, slotUse{ref, -1})
			}
		}
	}
	return nil
}

// fixed returns the word that all values of a column have, if that is known.
func (f *shapeFinder) fixed(ref uint16) (string, bool) {
	if f.words == nil {
		f.words = make(map[uint16]fixedWord)
	}
	w, ok := f.words[ref]
	if !ok {
		w.text, w.ok = f.d.lines.tmpl.columns[ref].fixedWord(&f.shaper)
		f.words[ref] = w
	}
	return w.text, w.ok
}

// pass goes over rows that are not of the batch.
func (f *shapeFinder) pass(start, end int) {
	if start >= end {
		return
	}
	f.lines.countTemplates(start, end)
	for t, n := range f.lines.count {
		if n == 0 {
			continue
		}
		for _, u := range f.plans[t].uses {
			f.at[u.ref] += n
		}
	}
}

// countTemplates counts the templates of the values [start, end).
func (v *values) countTemplates(start, end int) {
	if v.ids == nil {
		v.count[1] = end - start
		return
	}
	v.histogram(start, end)
}

// begin makes the shape of a template that a row has.
func (f *shapeFinder) begin(t int) {
	tmpl := f.d.lines.tmpl
	tm := &tmpl.templates[t-1]
	p := &f.plans[t]
	shape := scan.Shape{Text: string(tm.text), Slots: make([]scan.ShapeSlot, min(len(tm.refs), scan.MaxShapeSlots))}
	closed := f.want.Closed[shape.Text]
	p.words = make([][]uint32, len(shape.Slots))
	use := 0
	for slot, ref := range tm.refs {
		open := f.open(closed, slot)
		if f.columns[ref] != nil {
			if open {
				p.uses[use].slot = slot
			}
			use++
		} else if open {
			word, _ := f.fixed(ref)
			shape.Slots[slot].Words = []string{word}
		}
	}
	f.list.Shapes = append(f.list.Shapes, shape)
	p.number = uint32(len(f.list.Shapes))
}

// add adds row i of the batch, which has template t.
func (f *shapeFinder) add(i, t int) error {
	p := &f.plans[t]
	if p.number == 0 {
		f.begin(t)
	}
	f.list.Of[i], f.list.Nth[i] = p.number, p.rows
	p.rows++
	shape := &f.list.Shapes[p.number-1]
	for _, u := range p.uses {
		at := f.at[u.ref]
		f.at[u.ref]++
		if u.slot < 0 || shape.Slots[u.slot].Many {
			continue
		}
		word, err := f.columns[u.ref].word(at)
		if err != nil {
			return err
		}
		f.addWord(p, &shape.Slots[u.slot], u.slot, word)
	}
	return nil
}

// addWord adds the word that a row has in a slot.
func (f *shapeFinder) addWord(p *shapePlan, s *scan.ShapeSlot, slot int, word uint32) {
	words := p.words[slot]
	code := 0
	for code < len(words) && words[code] != word {
		code++
	}
	if code == len(words) {
		if code == scan.MaxShapeWords {
			*s = scan.ShapeSlot{Many: true}
			return
		}
		p.words[slot] = append(words, word)
		s.Words = append(s.Words, f.word(p, slot, word))
	}
	s.Codes = append(s.Codes, uint8(code))
}

// word is the text of a word of a slot.
func (f *shapeFinder) word(p *shapePlan, slot int, word uint32) string {
	for _, u := range p.uses {
		if u.slot == slot {
			return f.columns[u.ref].words[word]
		}
	}
	return ""
}

// A wordColumn tells the words of the values of a column, which are asked for in
// ascending order.
type wordColumn struct {
	v      *values
	shaper *Shaper
	words  []string
	number map[string]uint32
	known  []uint32 // of a dictionary or of templates: the word of each, counted from 1
	passed int      // values of which those without template are counted
	rest   int      // that many
	buf    []byte
	text   []byte
}

func newWordColumn(v *values, s *Shaper) *wordColumn {
	c := &wordColumn{v: v, shaper: s, number: map[string]uint32{}}
	switch v.kind {
	case columnDict:
		c.known = make([]uint32, v.distinct)
	case columnTemplates:
		c.known = make([]uint32, len(v.tmpl.templates)+1)
	}
	return c
}

// word returns the number of the word of value i.
func (c *wordColumn) word(i int) (uint32, error) {
	v := c.v
	switch v.kind {
	case columnRaw:
		return c.of(v.text[v.ends[i]:v.ends[i+1]]), nil
	case columnDict:
		id := v.id(i)
		if c.known[id] == 0 {
			c.known[id] = c.of(v.text[v.ends[id]:v.ends[id+1]]) + 1
		}
		return c.known[id] - 1, nil
	case columnTemplates:
		t := v.template(i)
		if t == 0 {
			return c.of(c.restOf(i)), nil
		}
		if c.known[t] == 0 {
			c.buf = appendWordOf(c.buf[:0], v.tmpl.templates[t-1].text)
			c.known[t] = c.intern() + 1
		}
		return c.known[t] - 1, nil
	}
	// Hexadecimal words are few, and times of odd layouts.
	v.skip(i - v.at)
	var err error
	if c.text, err = v.next(c.text[:0]); err != nil {
		return 0, err
	}
	return c.of(c.text), nil
}

// restOf returns value i, which has no template.
func (c *wordColumn) restOf(i int) []byte {
	for ; c.passed < i; c.passed++ {
		if c.v.template(c.passed) == 0 {
			c.rest++
		}
	}
	r := c.v.rest
	return r.text[r.ends[c.rest]:r.ends[c.rest+1]]
}

// of returns the number of the word of a value.
func (c *wordColumn) of(value []byte) uint32 {
	c.buf = c.shaper.appendWord(c.buf[:0], value)
	return c.intern()
}

func (c *wordColumn) intern() uint32 {
	n, ok := c.number[model.Borrow(c.buf)]
	if !ok {
		n = uint32(len(c.words))
		word := strings.Clone(model.Borrow(c.buf))
		c.words = append(c.words, word)
		c.number[word] = n
	}
	return n
}
