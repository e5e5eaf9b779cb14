package block

import (
	"errors"
	"unicode/utf8"

	"github.com/skaldlogs/skald/pkg/grep"
	"github.com/skaldlogs/skald/pkg/model"
	"github.com/skaldlogs/skald/pkg/scan"
)

// findRows answers the filters from the schema and from columns of a block of
// layout 1. It makes no line: what is too intricate for that is left to filterRows.
func (d *decoder) findRows(filter *lineFilter) error {
	d.batch.How = scan.BySchema
	// Texts first: what they leave is all that expressions have to look at.
	for _, exact := range [...]bool{true, false} {
		for i := range filter.left {
			t := &filter.left[i]
			if exact != (len(t.texts) > 0) {
				continue
			}
			a, err := d.findTest(t)
			if errors.Is(err, errIntricate) {
				d.batch.How = scan.ByRows
				d.look = append(d.look, t)
				continue
			}
			if err != nil {
				return err
			}
			if t.exclude {
				a = a.not()
			}
			if a.none() {
				filter.never = true
				return nil
			}
			if d.found = a.and(d.found); d.found != nil && d.found.Count() == 0 {
				filter.never = true
				return nil
			}
		}
	}
	return nil
}

// findTest finds the rows that an expression matches.
func (d *decoder) findTest(t *lineTest) (answer, error) {
	if len(t.texts) > 0 {
		return d.findAny(t.texts)
	}
	a := answer{all: true}
	for _, texts := range t.expr.Required() {
		some, err := d.findAny(texts)
		if errors.Is(err, errIntricate) {
			continue
		}
		if err != nil || some.none() {
			return some, err
		}
		if a.bits = some.and(a.bits); a.bits != nil {
			a.all = false
		}
	}
	if t.expr.Automaton() == nil {
		return answer{}, errIntricate
	}
	return d.walk(t.expr.Automaton(), a)
}

// findAny finds the rows that hold one of several texts.
func (d *decoder) findAny(texts []grep.Text) (answer, error) {
	var all answer
	for _, text := range texts {
		if text.Twisted() && d.lines.charset.has(utf8.RuneSelf) {
			// The letters that are not ASCII are longer than those that are.
			for _, twisted := range [...]string{grep.LongS, grep.Kelvin} {
				if a, err := d.findText(grep.Text{Text: twisted}); err != nil || !a.none() {
					return answer{}, errors.Join(err, errIntricate)
				}
			}
		}
		a, err := d.findText(text)
		if err != nil || a.all {
			return a, err
		}
		all = all.or(a)
	}
	return all, nil
}

func (d *decoder) findText(text grep.Text) (answer, error) {
	f := newFinder(d, text)
	a, err := f.ask(&d.lines, anywhere, 0, len(text.Text))
	if f.read {
		d.batch.How = min(d.batch.How, scan.ByColumns)
	}
	return a, err
}

// assembleLines fills in the selection, the lines and the sizes of a block of
// layout 1.
//
// Unsure are rows of which the lines are needed even when those of others are
// not; limit may leave rows out of the selection once it is known.
func (d *decoder) assembleLines(want scan.Columns, unsure *scan.Bitset, limit func()) error {
	if d.found != nil || len(d.look) > 0 {
		d.selectFound()
	}
	if len(d.look) == 0 {
		limit()
	}
	if want.Has(scan.Sizes) && d.flags&flagSizes != 0 {
		if err := d.readSizes(); err != nil {
			return err
		}
		want &^= scan.Sizes
	}
	if want == 0 && len(d.look) == 0 && unsure == nil {
		return nil
	}
	if want.Has(scan.Lines) && (d.batch.Selected == nil || d.batch.Selected.Count() > 0) {
		// All that is left of the lines, in few ranges.
		if err := d.f.fetch(treeStreams(nil, &d.lines)); err != nil {
			return err
		}
	}
	lines, err := d.values(&d.lines)
	if err != nil {
		return err
	}
	for _, t := range d.look {
		if err := d.filterRows(lines, t); err != nil {
			return err
		}
	}
	if len(d.look) > 0 {
		limit()
	}
	switch {
	case want.Has(scan.Lines):
		err = d.buildLines(lines, d.batch.Selected)
	case unsure != nil:
		err = d.buildLines(lines, both(unsure, d.batch.Selected))
	}
	if err == nil && want.Has(scan.Sizes) {
		err = d.measureLines(lines)
	}
	return err
}

// both is the rows of a that are in b too, where nil has all.
func both(a, b *scan.Bitset) *scan.Bitset {
	if b == nil {
		return a
	}
	out := a.Clone()
	out.And(b)
	return out
}

// selectFound turns the rows of the block that were found into the selection of
// the batch.
func (d *decoder) selectFound() {
	if d.found == nil {
		d.batch.Selected = scan.NewBitset(d.batch.Rows(), true)
		return
	}
	if len(d.spans) == 1 {
		d.batch.Selected = d.found.Slice(d.spans[0].start, d.spans[0].end)
		return
	}
	d.batch.Selected = scan.NewBitset(d.batch.Rows(), false)
	base := 0
	for _, s := range d.spans {
		for row := d.found.Next(s.start); row < s.end; row = d.found.Next(row + 1) {
			d.batch.Selected.Set(base + row - s.start)
		}
		base += s.end - s.start
	}
}

// eachRow calls fn for each row of a set, nil for all: its number in the batch.
// Lines stand at its value.
func (d *decoder) eachRow(lines *values, of *scan.Bitset, fn func(i int) error) error {
	i := 0
	for _, s := range d.spans {
		for row := s.start; row < s.end; row++ {
			if of == nil || of.Get(i) {
				lines.skip(row - lines.at)
				if err := fn(i); err != nil {
					return err
				}
			}
			i++
		}
	}
	return nil
}

// arenaSize is the size of the pieces of memory that lines are put into when
// their total is not known.
const arenaSize = 32 << 10

// buildLines makes the lines of a set of rows, nil for all.
func (d *decoder) buildLines(lines *values, of *scan.Bitset) error {
	lines.rewind()
	d.batch.Lines = make([]string, d.batch.Rows())
	var arena []byte
	whole := of == nil && d.batch.Rows() == d.rows
	if whole {
		// More than all lines have, by the metadata.
		arena = make([]byte, 0, d.lineBytes())
	}
	total := 0
	return d.eachRow(lines, of, func(i int) error {
		start := len(arena)
		if whole {
			var err error
			if arena, err = lines.next(arena); err != nil {
				return err
			}
			d.batch.Lines[i] = model.Borrow(arena[start:])
			if len(arena) > d.mostBytes {
				return damagedf("lines of more than %d bytes", d.mostBytes)
			}
			return nil
		}
		// It is made where it stays, if that has room for it.
		line, err := lines.next(arena[start:start:cap(arena)])
		if err != nil {
			return err
		}
		if total += len(line); total > d.mostBytes {
			return damagedf("lines of more than %d bytes", d.mostBytes)
		}
		if len(line) <= cap(arena)-start {
			arena = arena[:start+len(line)]
		} else {
			line = append(make([]byte, 0, max(arenaSize, len(line))), line...)
			arena = line
		}
		d.batch.Lines[i] = model.Borrow(line)
		return nil
	})
}

// lineBytes is the sum of the lengths of all lines, as the directory has it.
func (d *decoder) lineBytes() int64 {
	n := int64(0)
	for i := range d.runs {
		n += d.runs[i].Bytes
	}
	return max(0, min(n, int64(d.mostBytes)))
}

// readSizes fills in the sizes of all rows from where they are stored. A batch of
// consecutive rows shares those that are kept.
func (d *decoder) readSizes() error {
	kept, ok := d.hotColumn(hotSizes)
	if !ok && d.takes(4*d.rows) {
		r, err := d.freshInts(&d.sizes, d.rows)
		if err != nil {
			return err
		}
		if kept.sizes, err = d.appendSizes(make([]uint32, 0, d.rows), r, span{0, d.rows}); err != nil {
			return err
		}
		d.keep(hotSizes, kept)
	}
	rows := d.batch.Rows()
	if first, end := d.spans[0].start, d.spans[len(d.spans)-1].end; kept.sizes != nil && end-first == rows {
		d.batch.Sizes = kept.sizes[first:end:end]
		return nil
	}
	d.batch.Sizes = make([]uint32, 0, rows)
	if kept.sizes != nil {
		for _, s := range d.spans {
			d.batch.Sizes = append(d.batch.Sizes, kept.sizes[s.start:s.end]...)
		}
		return nil
	}
	r, err := d.openInts(&d.sizes, d.rows)
	for _, s := range d.spans {
		if err == nil {
			d.batch.Sizes, err = d.appendSizes(d.batch.Sizes, r, s)
		}
	}
	return err
}

// appendSizes appends the sizes of the rows of a span.
func (d *decoder) appendSizes(dst []uint32, r *intsReader, s span) ([]uint32, error) {
	for row := s.start; row < s.end; {
		sizes, err := r.at(row)
		if err != nil {
			return dst, err
		}
		sizes = sizes[:min(len(sizes), s.end-row)]
		for _, n := range sizes {
			if n > uint64(d.mostBytes) {
				return dst, damagedf("a line of %d bytes, more than %d", n, d.mostBytes)
			}
			dst = append(dst, uint32(n))
		}
		row += len(sizes)
	}
	return dst, nil
}

// measureLines fills in the sizes of the selected rows.
func (d *decoder) measureLines(lines *values) error {
	d.batch.Sizes = make([]uint32, d.batch.Rows())
	if d.batch.Lines != nil && (d.asked == nil || d.asked.unsure == nil) {
		for i, line := range d.batch.Lines {
			d.batch.Sizes[i] = uint32(len(line))
		}
		return nil
	}
	lines.rewind()
	return d.eachRow(lines, d.batch.Selected, func(i int) error {
		n, err := lines.size()
		if err == nil && n > d.mostBytes {
			err = damagedf("a line of %d bytes, more than %d", n, d.mostBytes)
		}
		d.batch.Sizes[i] = uint32(n)
		return err
	})
}

// filterRows clears the selected rows that fail a filter, line by line.
func (d *decoder) filterRows(lines *values, t *lineTest) error {
	lines.rewind()
	buf := d.s.lines[:0]
	err := d.eachRow(lines, d.batch.Selected, func(i int) error {
		var err error
		if buf, err = lines.next(buf[:0]); err != nil {
			return err
		}
		if len(buf) > d.mostBytes {
			return damagedf("a line of more than %d bytes", d.mostBytes)
		}
		if t.expr.Match(model.Borrow(buf)) == t.exclude {
			d.batch.Selected.Clear(i)
		}
		return nil
	})
	d.s.lines = buf[:0]
	return err
}

// treeStreams appends the streams of a column of layout 1 and of those below
// it, in the order of the data part.
func treeStreams(dst []*stream, c *column) []*stream {
	for _, s := range [...]*stream{&c.lengths, &c.bytes, &c.scale, &c.ids} {
		if s.raw() > 0 {
			dst = append(dst, s)
		}
	}
	if c.tmpl != nil {
		dst = treeStreams(dst, &c.tmpl.rest)
		for i := range c.tmpl.columns {
			dst = treeStreams(dst, &c.tmpl.columns[i])
		}
	}
	return dst
}
