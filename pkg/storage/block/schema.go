package block

import (
	"fmt"
	"strings"
	"unsafe"

	"github.com/skaldlogs/skald/pkg/encbuf"
	"github.com/skaldlogs/skald/pkg/model"
	"github.com/skaldlogs/skald/pkg/scan"
)

// The limits on metadata that is stored as columns; rows beyond them go to the
// pairs column.
const (
	maxColumns    = 4000
	maxShapes     = 4096
	maxShapePairs = 1 << 16
	maxDistinct   = 1 << 16 // values of a dictionary
	maxConst      = 256     // bytes of a constant, which lies in the schema
)

// A Block is the opened prune part of a block: it says where each column is.
type Block struct {
	head
	data int // length of the data part

	timestamps stream
	lines      column
	sizes      stream      // of the lines of layout 1: one number for each
	keys       filter      // of the columns of the lines, nil when there is none
	meta       *metaSchema // nil when no row has metadata

	hot    *Hot   // nil to keep nothing
	number uint64 // in hot

	cache   viewCache
	scalars columnCache // all values are numbers, true, false or null
	strings columnCache // all escapes of JSON mean something
	pairs   columnCache // all escapes of logfmt mean something
	words   columnCache // all values are bare ones of logfmt
}

// A metaSchema is where the metadata of a block is.
type metaSchema struct {
	rowShapes stream     // one number for each row
	names     []string   // of the columns
	shapes    [][]uint16 // the columns of each shape, in the order of the pairs; shape 0 has none
	columns   []column
	pairs     column // encoded pairs, one value for each row of shape 0
}

// Open reads and verifies a prune part. The block keeps it, for its filter: nobody may
// change it.
func Open(prune []byte) (*Block, error) {
	b := &Block{}
	d := encbuf.NewDecoder(prune)
	if err := b.head.read(&d); err != nil {
		return nil, err
	}
	headLen := d.Offset()
	crc := d.U32()
	rest := d.Rest()
	if d.Err() != nil || len(rest) != b.schema+b.filter {
		return nil, damagedf("block head: %d bytes follow it, want %d", len(rest), b.schema+b.filter)
	}
	if got := encbuf.UpdateChecksum(encbuf.Checksum(prune[:headLen]), rest); got != crc {
		return nil, damagedf("block head: checksum %08x, want %08x", got, crc)
	}
	var err error
	if b.keys, err = readFilter(rest[b.schema:]); err != nil {
		return nil, fmt.Errorf("block filter: %w", err)
	}
	schema := rest[:b.schema]
	if b.schema != b.schemaRaw {
		if schema, err = appendDecompressed(nil, schema, b.schemaRaw); err != nil {
			return nil, fmt.Errorf("block schema: %w", err)
		}
	}
	if err := b.readSchema(schema); err != nil {
		return nil, fmt.Errorf("block schema: %w", err)
	}
	return b, nil
}

// Rows is the number of rows in the block.
func (b *Block) Rows() int { return b.rows }

// FilterLen is how many bytes of the prune part are the filter.
func (b *Block) FilterLen() int { return len(b.keys) }

// Interval is from the earliest to the latest row of the block.
func (b *Block) Interval() model.Interval { return b.interval }

// Memory estimates how many bytes the block keeps in memory: what its schema
// says of columns and templates, and its prune part.
func (b *Block) Memory() int64 {
	n := int64(unsafe.Sizeof(*b)) + int64(b.schema+b.filter) + b.lines.memory()
	if b.meta != nil {
		for i := range b.meta.columns {
			n += int64(len(b.meta.names[i])) + b.meta.columns[i].memory()
		}
		for _, s := range b.meta.shapes {
			n += 24 + 2*int64(len(s))
		}
	}
	return n
}

// DataLen is the length of the data part in bytes.
func (b *Block) DataLen() int { return b.data }

func (b *Block) readSchema(schema []byte) error {
	d := encbuf.NewDecoder(schema)
	l := layout{end: b.small, runs: b.flags&flagRuns != 0}
	b.timestamps = l.read(&d, maxIntsLen(b.rows))
	want := uint8(columnRaw)
	if b.layout == layoutTemplates {
		want = columnTemplates
		budget := newBudget(b.rows, b.rawBytes)
		b.lines = readTyped(&d, &l, &budget, 0)
	} else {
		values := b.rawBytes // no more bytes of values than the block has
		b.lines = readColumn(&d, &l, &values)
	}
	if d.Err() == nil && (b.lines.kind != want || b.lines.n != b.rows) {
		return damagedf("%d lines of type %d in a block of %d rows", b.lines.n, b.lines.kind, b.rows)
	}
	if b.flags&flagSizes != 0 {
		b.sizes = l.read(&d, maxIntsLen(b.rows))
	}
	if b.flags&flagMetadata != 0 {
		b.meta = &metaSchema{}
		b.meta.read(&d, &l, b.rows, b.rawBytes)
	}
	if err := d.End(); err != nil {
		return damagedErr(err)
	}
	if l.small != b.smallRaw {
		return damagedf("streams of %d bytes in a small frame of %d", l.small, b.smallRaw)
	}
	b.data = l.end
	return nil
}

func (m *metaSchema) read(d *encbuf.Decoder, l *layout, rows, rawBytes int) {
	m.rowShapes = l.read(d, maxIntsLen(rows))
	m.names = make([]string, d.Count(maxColumns, 1))
	for i := range m.names {
		m.names[i] = strings.Clone(d.String())
	}
	m.shapes = make([][]uint16, 1+d.Count(maxShapes, 1))
	refs := make([]uint16, 0, min(maxShapePairs, d.Len()))
	for i := range m.shapes[1:] {
		n := d.Count(cap(refs)-len(refs), 1)
		start := len(refs)
		for range n {
			c := d.Uvarint()
			if c >= uint64(len(m.names)) {
				d.Fail(damagedf("a shape with column %d of %d", c, len(m.names)))
				return
			}
			refs = append(refs, uint16(c))
		}
		m.shapes[1+i] = refs[start:len(refs):len(refs)]
	}
	m.columns = make([]column, len(m.names))
	values, pairs := rawBytes, 0
	for i := range m.columns {
		m.columns[i] = readColumn(d, l, &values)
		if pairs += m.columns[i].n; pairs > MaxPairs {
			d.Fail(damagedf("more than %d metadata pairs", MaxPairs))
			return
		}
	}
	values = maxPairsLen(rows, rawBytes)
	m.pairs = readColumn(d, l, &values)
	if d.Err() == nil && (m.pairs.kind != columnRaw || m.pairs.n > rows) {
		d.Fail(damagedf("%d pairs of type %d in a block of %d rows", m.pairs.n, m.pairs.kind, rows))
	}
}

// maxPairsLen bounds the bytes of the pairs column: a pair of one byte has two
// lengths of one byte each, and a row a count.
func maxPairsLen(rows, rawBytes int) int { return 3*rawBytes + 5*rows + 1<<16 }

// readColumn reads where one column is. It takes the bytes of its values off
// the budget that all columns share.
func readColumn(d *encbuf.Decoder, l *layout, budget *int) column {
	c := column{kind: d.U8()}
	n := d.Uvarint()
	if n > MaxPairs {
		d.Fail(damagedf("a column of %d values", n))
		return column{}
	}
	c.n = int(n)
	if d.Err() != nil || c.n == 0 && c.kind == columnRaw {
		return c
	}
	switch c.kind {
	case columnConst:
		c.constant = strings.Clone(d.String())
		c.min, c.max = len(c.constant), len(c.constant)
		return c
	case columnRaw, columnDict:
	default:
		d.Fail(unsupportedf("a column of type %d", c.kind))
		return c
	}
	shortest, spread := d.Uvarint(), d.Uvarint()
	if shortest > MaxRowBytes || spread > MaxRowBytes {
		d.Fail(damagedf("values of %d and %d more bytes", shortest, spread))
		return c
	}
	c.min, c.max = int(shortest), int(shortest+spread)
	distinct := c.n
	if c.kind == columnDict {
		v := d.Uvarint()
		if v == 0 || v > uint64(min(c.n, maxDistinct)) {
			d.Fail(damagedf("%d distinct of %d values", v, c.n))
			return c
		}
		c.distinct, distinct = int(v), int(v)
	}
	copy(c.charset[:], d.Bytes(len(c.charset)))
	c.lengths = l.read(d, maxIntsLen(distinct))
	c.bytes = l.read(d, *budget)
	*budget -= c.bytes.raw()
	if c.kind == columnDict {
		want := c.n * idWidth(c.distinct)
		if c.ids = l.read(d, want); d.Err() == nil && c.ids.raw() != want {
			d.Fail(damagedf("ids of %d bytes, want %d", c.ids.raw(), want))
		}
	}
	return c
}

// idWidth is the number of bytes of an id in a dictionary.
func idWidth(distinct int) int {
	if distinct <= 256 {
		return 1
	}
	return 2
}

// A charset has a bit for each byte value that occurs: one for each of 0 to 126,
// and the last for all others.
type charset [16]byte

func (c *charset) add(seen *[256]bool) {
	for v, ok := range seen {
		if ok {
			v = min(v, 127)
			c[v/8] |= 1 << (v % 8)
		}
	}
}

func (c *charset) addText(s string) {
	for i := range len(s) {
		v := min(s[i], 127)
		c[v/8] |= 1 << (v % 8)
	}
}

// lacks reports whether text holds a byte that does not occur.
func (c *charset) lacks(text string) bool {
	for i := range len(text) {
		if v := min(text[i], 127); c[v/8]&(1<<(v%8)) == 0 {
			return true
		}
	}
	return false
}

// wants lists the streams that hold the given columns.
func (b *Block) wants(cols scan.Columns) []*stream {
	s := []*stream{&b.timestamps}
	if b.layout == layoutTemplates {
		// Which of the streams of the lines are needed is seen on the way.
		if cols.Has(scan.Sizes) && b.sizes.raw() > 0 {
			s = append(s, &b.sizes)
		}
	} else if cols.Has(scan.Lines) || cols.Has(scan.Sizes) {
		s = append(s, &b.lines.lengths)
	}
	if b.layout == layoutRows && cols.Has(scan.Lines) {
		s = append(s, &b.lines.bytes)
	}
	if cols.Has(scan.Metadata) && b.meta != nil {
		s = append(s, &b.meta.rowShapes)
		for i := range b.meta.columns {
			c := &b.meta.columns[i]
			s = append(s, &c.lengths, &c.bytes, &c.ids)
		}
		s = append(s, &b.meta.pairs.lengths, &b.meta.pairs.bytes)
	}
	return s
}
