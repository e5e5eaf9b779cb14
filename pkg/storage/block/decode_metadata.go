package block

import (
	"fmt"
	"slices"
	"strings"

	"github.com/prometheus/prometheus/model/labels"

	"github.com/skaldlogs/skald/pkg/encbuf"
	"github.com/skaldlogs/skald/pkg/model"
	"github.com/skaldlogs/skald/pkg/scan"
)

// decodeMetadata fills in the metadata of a set of rows of the batch, nil for all.
func (d *decoder) decodeMetadata(of *scan.Bitset) error {
	shapes, err := d.rowShapes()
	if err != nil {
		return fmt.Errorf("shapes: %w", err)
	}
	if err := d.meta.check(shapes); err != nil {
		return err
	}
	some := false
	for _, s := range d.spans {
		for _, shape := range shapes[s.start:s.end] {
			some = some || shape == 0 || len(d.meta.shapes[shape]) > 0
		}
	}
	if !some {
		return nil
	}

	columns := make([]columnReader, len(d.meta.columns))
	for i := range columns {
		if columns[i], err = d.openColumn(&d.meta.columns[i]); err != nil {
			return fmt.Errorf("column %q: %w", d.meta.names[i], err)
		}
	}
	pairs, err := d.openColumn(&d.meta.pairs)
	if err != nil {
		return fmt.Errorf("pairs: %w", err)
	}

	size := 0
	for _, s := range d.spans {
		for _, shape := range shapes[s.start:s.end] {
			size += len(d.meta.shapes[shape])
		}
	}
	if of != nil {
		size = size * of.Count() / max(1, of.Len())
	}
	arena := make([]labels.Label, 0, size)
	d.batch.Metadata = make([]model.Metadata, 0, d.batch.Rows())
	row := 0
	for _, s := range d.spans {
		d.meta.skip(columns, &pairs, shapes[row:s.start])
		for _, shape := range shapes[s.start:s.end] {
			if of != nil && !of.Get(len(d.batch.Metadata)) {
				d.meta.skip(columns, &pairs, []uint16{shape})
				d.batch.Metadata = append(d.batch.Metadata, nil)
				continue
			}
			if shape == 0 {
				md, err := decodePairs(pairs.next())
				if err != nil {
					return fmt.Errorf("pairs: %w", err)
				}
				d.batch.Metadata = append(d.batch.Metadata, md)
				continue
			}
			var md model.Metadata
			if of := d.meta.shapes[shape]; len(of) > 0 {
				start := len(arena)
				for _, c := range of {
					arena = append(arena, labels.Label{Name: d.meta.names[c], Value: columns[c].next()})
				}
				md = model.Metadata(arena[start:len(arena):len(arena)])
			}
			d.batch.Metadata = append(d.batch.Metadata, md)
		}
		row = s.end
	}
	return nil
}

// rowShapes reads the shape of each row of the block.
func (d *decoder) rowShapes() ([]uint16, error) {
	data, err := d.f.bytes(&d.meta.rowShapes, nil)
	if err != nil {
		return nil, err
	}
	d.batch.DecodedBytes += int64(d.meta.rowShapes.raw())
	r := &d.s.ints
	if err := r.open(data, d.rows); err != nil {
		return nil, err
	}
	shapes := d.s.shapes[:0]
	for len(shapes) < d.rows {
		group, err := r.at(len(shapes))
		if err != nil {
			return nil, err
		}
		for _, s := range group {
			if s >= uint64(len(d.meta.shapes)) {
				return nil, damagedf("shape %d of %d", s, len(d.meta.shapes))
			}
			shapes = append(shapes, uint16(s))
		}
	}
	d.s.shapes = shapes
	return shapes, nil
}

// hasReserved reports whether metadata may have a name that stages use themselves.
func (m *metaSchema) hasReserved() bool {
	return m != nil && slices.ContainsFunc(m.names, func(n string) bool { return strings.HasPrefix(n, "__") })
}

// check makes sure that the columns have as many values as the shapes of the
// rows say, so that reading them needs no further checks.
func (m *metaSchema) check(shapes []uint16) error {
	rows := make([]int, len(m.shapes))
	for _, s := range shapes {
		rows[s]++
	}
	values := make([]int, len(m.columns))
	for s, columns := range m.shapes {
		for _, c := range columns {
			values[c] += rows[s]
		}
	}
	for i := range m.columns {
		if m.columns[i].n != values[i] {
			return damagedf("column %q has %d values, want %d", m.names[i], m.columns[i].n, values[i])
		}
	}
	if m.pairs.n != rows[0] {
		return damagedf("the pairs column has %d values, want %d", m.pairs.n, rows[0])
	}
	return nil
}

// skip moves the columns past rows of the given shapes.
func (m *metaSchema) skip(columns []columnReader, pairs *columnReader, shapes []uint16) {
	for _, s := range shapes {
		if s == 0 {
			pairs.at++
		}
		for _, c := range m.shapes[s] {
			columns[c].at++
		}
	}
}

// A columnReader hands out the values of a column, in order.
type columnReader struct {
	at     int      // the next value
	values []string // of a dictionary; one for a constant
	ids    []byte   // of a dictionary, the low bytes first
	high   []byte   // the high bytes of the ids, if they have any
	text   string   // of a raw column
	ends   []uint32 // value i of a raw column is text[ends[i]:ends[i+1]]
}

func (d *decoder) openColumn(c *column) (columnReader, error) {
	r := columnReader{}
	if c.n == 0 {
		return r, nil
	}
	if c.kind == columnConst {
		r.values = []string{c.constant}
		return r, nil
	}
	n := c.n
	if c.kind == columnDict {
		n = c.distinct
	}
	ends, err := d.valueEnds(&d.s.lens, c, n, nil)
	if err != nil {
		return r, err
	}
	text, err := d.f.own(&c.bytes)
	if err != nil {
		return r, err
	}
	d.batch.DecodedBytes += int64(c.bytes.raw())
	if c.kind == columnRaw {
		r.text, r.ends = model.Borrow(text), ends
		return r, nil
	}
	r.values = make([]string, n)
	for i := range r.values {
		r.values[i] = model.Borrow(text[ends[i]:ends[i+1]])
	}
	if r.ids, err = d.f.bytes(&c.ids, nil); err != nil {
		return r, err
	}
	d.batch.DecodedBytes += int64(c.ids.raw())
	if idWidth(n) == 2 {
		r.ids, r.high = r.ids[:c.n], r.ids[c.n:]
	}
	for i := range r.ids {
		if r.id(i) >= n {
			return r, damagedf("value %d of a dictionary of %d", r.id(i), n)
		}
	}
	return r, nil
}

func (r *columnReader) id(i int) int {
	id := int(r.ids[i])
	if r.high != nil {
		id |= int(r.high[i]) << 8
	}
	return id
}

func (r *columnReader) next() string {
	i := r.at
	r.at++
	switch {
	case r.ends != nil:
		return r.text[r.ends[i]:r.ends[i+1]]
	case r.ids != nil:
		return r.values[r.id(i)]
	default:
		return r.values[0]
	}
}

// decodePairs reads metadata that was stored as pairs.
func decodePairs(text string) (model.Metadata, error) {
	d := encbuf.NewDecoder(model.BorrowBytes(text))
	md := make(model.Metadata, d.Count(MaxPairs, 2))
	for i := range md {
		md[i] = labels.Label{Name: d.String(), Value: d.String()}
	}
	if err := d.End(); err != nil {
		return nil, damagedErr(err)
	}
	return md, nil
}
