package block

import (
	"bytes"
	"errors"
	"slices"

	"github.com/skaldlogs/skald/pkg/model"
	"github.com/skaldlogs/skald/pkg/scan"
)

// assembleLines fills in the selection, the lines and the sizes of a block of
// layout 1.
func (d *decoder) assembleLines(want scan.Columns, filter *lineFilter) error {
	if filter.reads() {
		d.batch.Selected = scan.NewBitset(d.batch.Rows(), true)
		d.batch.How = scan.BySchema
		for _, needle := range filter.needles {
			if err := d.filterColumns(needle); err != nil {
				return err
			}
		}
		if d.batch.Selected.Count() == 0 {
			want = d.emptyColumns(want)
		}
	}
	if !want.Has(scan.Lines) && !want.Has(scan.Sizes) {
		return nil
	}
	if want.Has(scan.Lines) {
		// All that is left of the lines, in few ranges.
		if err := d.f.fetch(treeStreams(nil, &d.lines)); err != nil {
			return err
		}
	}
	lines, err := d.values(&d.lines)
	if err != nil {
		return err
	}
	if want.Has(scan.Lines) {
		err = d.buildLines(lines)
	}
	if err == nil && want.Has(scan.Sizes) {
		err = d.measureLines(lines)
	}
	return err
}

// emptyColumns fills in the lines and sizes of a batch of which no row is
// selected, and returns the columns that are left to fill in.
func (d *decoder) emptyColumns(want scan.Columns) scan.Columns {
	if want.Has(scan.Lines) {
		d.batch.Lines = make([]string, d.batch.Rows())
	}
	if want.Has(scan.Sizes) {
		d.batch.Sizes = make([]uint32, d.batch.Rows())
	}
	return want &^ (scan.Lines | scan.Sizes)
}

// eachRow calls fn for each selected row: its number in the batch. Lines stand
// at its value.
func (d *decoder) eachRow(lines *values, fn func(i int) error) error {
	i := 0
	for _, s := range d.spans {
		for row := s.start; row < s.end; row++ {
			if d.batch.Selected == nil || d.batch.Selected.Get(i) {
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

// buildLines makes the lines of the selected rows.
func (d *decoder) buildLines(lines *values) error {
	lines.rewind()
	d.batch.Lines = make([]string, d.batch.Rows())
	var arena []byte
	whole := d.batch.Selected == nil && d.batch.Rows() == d.rows
	if whole {
		// More than all lines have, by the metadata.
		arena = make([]byte, 0, d.lineBytes())
	}
	total := 0
	buf := d.s.lines[:0]
	err := d.eachRow(lines, func(i int) error {
		var err error
		start := len(arena)
		if whole {
			if arena, err = lines.next(arena); err != nil {
				return err
			}
			d.batch.Lines[i] = model.Borrow(arena[start:])
			if len(arena) > d.mostBytes {
				return damagedf("lines of more than %d bytes", d.mostBytes)
			}
			return nil
		}
		if buf, err = lines.next(buf[:0]); err != nil {
			return err
		}
		if total += len(buf); total > d.mostBytes {
			return damagedf("lines of more than %d bytes", d.mostBytes)
		}
		if len(buf) > cap(arena)-len(arena) {
			arena, start = make([]byte, 0, max(arenaSize, len(buf))), 0
		}
		arena = append(arena, buf...)
		d.batch.Lines[i] = model.Borrow(arena[start:])
		return nil
	})
	d.s.lines = buf[:0]
	return err
}

// lineBytes is the sum of the lengths of all lines, as the directory has it.
func (d *decoder) lineBytes() int64 {
	n := int64(0)
	for i := range d.runs {
		n += d.runs[i].Bytes
	}
	return max(0, min(n, int64(d.mostBytes)))
}

// measureLines fills in the sizes of the selected rows.
func (d *decoder) measureLines(lines *values) error {
	d.batch.Sizes = make([]uint32, d.batch.Rows())
	if d.batch.Lines != nil {
		for i, line := range d.batch.Lines {
			d.batch.Sizes[i] = uint32(len(line))
		}
		return nil
	}
	lines.rewind()
	return d.eachRow(lines, func(i int) error {
		n, err := lines.size()
		if err == nil && n > d.mostBytes {
			err = damagedf("a line of %d bytes, more than %d", n, d.mostBytes)
		}
		d.batch.Sizes[i] = uint32(n)
		return err
	})
}

// filterColumns clears the selected rows that fail a filter. It reads the
// columns that it needs, and makes no line unless the needle is very intricate.
func (d *decoder) filterColumns(lf scan.LineFilter) error {
	f := finder{d: d, needle: lf.Text, known: make(map[question]answer)}
	found, err := f.ask(&d.lines, anywhere, 0, len(lf.Text))
	if errors.Is(err, errIntricate) {
		d.batch.How = scan.ByRows
		return d.filterRows(lf)
	}
	if err != nil {
		return err
	}
	if f.read {
		d.batch.How = min(d.batch.How, scan.ByColumns)
	}
	want := lf.Op == scan.Contains
	if found.bits == nil {
		if found.all != want {
			d.batch.Selected = scan.NewBitset(d.batch.Rows(), false)
		}
		return nil
	}
	base := 0
	for _, s := range d.spans {
		for row := s.start; row < s.end; row++ {
			if found.bits.Get(row) != want {
				d.batch.Selected.Clear(base + row - s.start)
			}
		}
		base += s.end - s.start
	}
	return nil
}

// filterRows clears the selected rows that fail a filter, line by line.
func (d *decoder) filterRows(f scan.LineFilter) error {
	lines, err := d.values(&d.lines)
	if err != nil {
		return err
	}
	needle := model.BorrowBytes(f.Text)
	lines.rewind()
	buf := d.s.lines[:0]
	err = d.eachRow(lines, func(i int) error {
		var err error
		if buf, err = lines.next(buf[:0]); err != nil {
			return err
		}
		if len(buf) > d.mostBytes {
			return damagedf("a line of more than %d bytes", d.mostBytes)
		}
		if bytes.Contains(buf, needle) != (f.Op == scan.Contains) {
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
	dst = append(dst, &c.ids, &c.lengths, &c.bytes, &c.scale)
	if c.tmpl != nil {
		dst = treeStreams(dst, &c.tmpl.rest)
		for i := range c.tmpl.columns {
			dst = treeStreams(dst, &c.tmpl.columns[i])
		}
	}
	return slices.DeleteFunc(dst, func(s *stream) bool { return s.raw == 0 })
}
