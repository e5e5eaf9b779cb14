package block

import (
	"math"
	"strings"
	"unsafe"

	"github.com/skaldlogs/skald/pkg/encbuf"
)

// The types of columns. Layout 0 has only raw, const and dict.
const (
	columnRaw       = 0
	columnConst     = 1
	columnInt       = 2
	columnPad       = 3
	columnDecimal   = 4
	columnHex       = 5
	columnUUID      = 6
	columnIP        = 7
	columnTime      = 8
	columnDict      = 9
	columnTemplates = 10
	columnHexInt    = 11
)

const maxHexWidth = 128 // digits of a value in a hex column

// A column is where the values of one column are.
type column struct {
	kind     uint8
	upper    bool  // hex digits are upper case
	residual bool  // times are distances from the timestamps of their rows
	width    uint8 // digits of padded ints, bytes of hex
	n        int
	min, max int // length of the shortest and of the longest value, or wider bounds
	charset  charset
	runs     *runs // of texts in layout 1, nil when nothing is known
	distinct int
	constant string
	lengths  stream
	bytes    stream // of texts, or the packed values
	ids      stream // of a dictionary or of templates

	scale stream // digits after the point

	lo, hi int64       // of ints and padded ints
	layout *timeLayout // of times
	tmpl   *templateColumn
}

// A templateColumn is how values are made of templates and of columns.
type templateColumn struct {
	templates []template // number t is at t-1
	single    bool       // all values have template 1
	rest      column     // values that have no template
	columns   []column
	text      []byte // of all templates, two zero bytes between them
	edges     edges
}

// memory estimates how many bytes the column and those below it take.
func (c *column) memory() int64 {
	n := int64(unsafe.Sizeof(*c)) + int64(len(c.constant))
	if t := c.tmpl; t != nil {
		n += int64(unsafe.Sizeof(*t)) + int64(len(t.text)) + int64(unsafe.Sizeof(template{}))*int64(len(t.templates))
		for i := range t.templates {
			n += 4 * int64(len(t.templates[i].refs))
		}
		for i := range t.columns {
			n += t.columns[i].memory()
		}
	}
	return n
}

// A template is static text with a zero byte at each slot.
type template struct {
	text  []byte
	refs  []uint16 // the column of each slot
	marks []uint16 // where in text each slot is
}

// segment returns the static text before slot i, or after the last.
func (t *template) segment(i int) []byte {
	start, end := 0, len(t.text)
	if i > 0 {
		start = int(t.marks[i-1]) + 1
	}
	if i < len(t.marks) {
		end = int(t.marks[i])
	}
	return t.text[start:end]
}

// A budget is what the columns of the lines of a block may have altogether.
// Encoder and reader both keep to it.
type budget struct {
	columns   int
	templates int
	values    int
	bytes     int // of streams, decompressed
}

func newBudget(rows, rawBytes int) budget {
	return budget{
		columns:   1 << 15,
		templates: 1 << 17,
		// Slots never touch, so a line of n bytes has at most n+1 of them, and
		// each of those the same in its turn.
		values: 8 * (rows + rawBytes),
		bytes:  4*rawBytes + 16*rows + 1<<16,
	}
}

// spent reports whether more was used than there was.
func (b *budget) spent() bool { return b.columns < 0 || b.templates < 0 || b.values < 0 || b.bytes < 0 }

// readTyped reads where a column of layout 1 is, and those below it.
func readTyped(d *encbuf.Decoder, l *layout, b *budget, depth int) column {
	c := column{kind: d.U8()}
	n := d.Uvarint()
	b.columns--
	if n > uint64(max(b.values, 0)) || b.columns < 0 {
		d.Fail(damagedf("%d more values, or too many columns", n))
	}
	if d.Err() != nil {
		return column{}
	}
	c.n = int(n)
	b.values -= c.n
	if c.n == 0 {
		if c.kind != columnRaw {
			d.Fail(damagedf("a column of type %d has no values", c.kind))
		}
		return c
	}
	read := func(limit int) stream {
		s := l.read(d, min(limit, b.bytes))
		b.bytes -= s.raw()
		return s
	}
	exactly := func(want int) stream {
		s := read(want)
		if d.Err() == nil && s.raw() != want {
			d.Fail(damagedf("a stream of %d bytes, want %d", s.raw(), want))
		}
		return s
	}
	switch c.kind {
	case columnConst:
		c.constant = strings.Clone(d.String())
		c.min, c.max = len(c.constant), len(c.constant)
		c.charset.addText(c.constant)
	case columnRaw, columnDict:
		c.readTexts(d, l.runs, read, exactly)
	case columnInt, columnPad:
		c.lo = d.Varint()
		c.hi = int64(uint64(c.lo) + d.Uvarint())
		if c.hi < c.lo || c.kind == columnPad && c.lo < 0 {
			d.Fail(damagedf("ints from %d to %d", c.lo, c.hi))
			return c
		}
		if c.kind == columnPad {
			if c.width = d.U8(); c.width > 18 || c.hi >= powers[min(c.width, 18)] {
				d.Fail(damagedf("ints to %d with %d digits", c.hi, c.width))
			}
			c.min, c.max = int(c.width), int(c.width)
		} else {
			c.min, c.max = 1, max(intLen(c.lo), intLen(c.hi))
			if c.lo > 0 {
				c.min = intLen(c.lo)
			} else if c.hi < 0 {
				c.min = intLen(c.hi)
			}
		}
		c.charset.addText("0123456789")
		if c.lo < 0 {
			c.charset.addText("-")
		}
		c.bytes = read(maxIntsLen(c.n))
	case columnDecimal:
		c.min, c.max = 3, 20
		c.charset.addText("0123456789.-")
		c.bytes, c.scale = read(maxIntsLen(c.n)), read(maxIntsLen(c.n))
	case columnHex:
		c.width = d.U8()
		c.upper = d.U8() != 0
		if c.width == 0 || c.width > maxHexWidth/2 {
			d.Fail(damagedf("hex of %d bytes", c.width))
			return c
		}
		c.min, c.max = 2*int(c.width), 2*int(c.width)
		c.charset.addText(hexDigits(c.upper))
		c.bytes = exactly(int(c.width) * c.n)
	case columnUUID:
		c.upper = d.U8() != 0
		c.width, c.min, c.max = 16, 36, 36
		c.charset.addText(hexDigits(c.upper) + "-")
		c.bytes = exactly(16 * c.n)
	case columnIP:
		c.width, c.min, c.max = 4, 7, 15
		c.charset.addText("0123456789.")
		c.bytes = exactly(4 * c.n)
	case columnHexInt:
		c.upper = d.U8() != 0
		c.min, c.max = 1, 16
		c.charset.addText(hexDigits(c.upper))
		c.bytes = read(maxIntsLen(c.n))
	case columnTime:
		c.readTime(d)
		c.bytes = read(maxIntsLen(c.n))
	case columnTemplates:
		if depth > maxNesting {
			d.Fail(damagedf("templates are nested %d deep", depth))
			return c
		}
		c.readTemplates(d, l, b, depth, exactly)
	default:
		d.Fail(unsupportedf("a column of type %d", c.kind))
	}
	return c
}

func (c *column) readTexts(d *encbuf.Decoder, withRuns bool, read, exactly func(int) stream) {
	shortest, spread := d.Uvarint(), d.Uvarint()
	if shortest > MaxRowBytes || spread > MaxRowBytes {
		d.Fail(damagedf("values of %d and %d more bytes", shortest, spread))
		return
	}
	c.min, c.max = int(shortest), int(shortest+spread)
	texts := c.n
	if c.kind == columnDict {
		v := d.Uvarint()
		if v == 0 || v > uint64(min(c.n, maxDistinct)) {
			d.Fail(damagedf("%d distinct of %d values", v, c.n))
			return
		}
		c.distinct, texts = int(v), int(v)
	}
	copy(c.charset[:], d.Bytes(len(c.charset)))
	if withRuns {
		c.runs = new(runs)
		copy(c.runs[:], d.Bytes(len(c.runs)))
	}
	c.lengths = read(maxIntsLen(texts))
	c.bytes = read(MaxRowBytes)
	if c.kind == columnDict {
		c.ids = exactly(c.n * idWidth(c.distinct))
	}
}

func (c *column) readTime(d *encbuf.Decoder) {
	c.layout = &timeLayout{date: d.U8(), fraction: d.U8()}
	c.layout.suffix = strings.Clone(d.String())
	c.residual = d.U8() != 0
	if d.Err() != nil {
		return
	}
	if !c.layout.valid() {
		d.Fail(unsupportedf("times of layout %d with fraction %d", c.layout.date, c.layout.fraction))
		return
	}
	if len(c.layout.suffix) > maxTimeSuffix {
		d.Fail(damagedf("times with %d bytes after them", len(c.layout.suffix)))
		return
	}
	text := dateLayouts[c.layout.date]
	c.min = len(text) + len(c.layout.suffix)
	c.max = c.min + 10
	c.charset.addText("0123456789.,")
	c.charset.addText(strings.Map(func(r rune) rune {
		if strings.ContainsRune("YyMDhmsBW_", r) {
			return -1 // stands for others
		}
		return r
	}, text))
	if strings.ContainsAny(text, "BW") {
		c.charset.addText(monthNames + dayNames)
	}
	if strings.Contains(text, "_") {
		c.charset.addText(" ")
	}
	c.charset.addText(c.layout.suffix)
}

// readTemplates reads the templates of a column and all columns below it.
func (c *column) readTemplates(d *encbuf.Decoder, l *layout, b *budget, depth int, exactly func(int) stream) {
	t := &templateColumn{}
	c.tmpl = t
	templates := d.Count(maxTemplates, 1)
	columns := d.Count(maxSlotColumns, 0)
	if b.templates -= templates; b.templates < 0 || templates == 0 {
		d.Fail(damagedf("%d more templates", templates))
	}
	if d.Err() != nil {
		return
	}
	t.templates = make([]template, templates)
	start := d.Offset()
	size, slots := 0, 0
	for i := range t.templates {
		text := d.LenBytes()
		if len(text) > maxTemplateLen+maxSlots || size+len(text) > maxTemplateText+maxTemplateLen {
			d.Fail(damagedf("a template of %d bytes", len(text)))
			return
		}
		t.templates[i].text = text
		size += len(text)
		slots += strings.Count(string(text), "\x00")
	}
	if d.Err() != nil || slots > d.Len() {
		d.Fail(damagedf("%d slots in %d bytes from %d", slots, d.Len(), start))
		return
	}
	t.text = make([]byte, 0, size+2*templates)
	refs, marks := make([]uint16, 0, slots), make([]uint16, 0, slots)
	for i := range t.templates {
		tm := &t.templates[i]
		from := len(t.text)
		t.text = append(append(t.text, tm.text...), 0, 0)
		tm.text = t.text[from : from+len(tm.text)]
		first := len(refs)
		for at, ch := range tm.text {
			if ch != 0 {
				continue
			}
			ref := d.Uvarint()
			if ref >= uint64(columns) {
				d.Fail(damagedf("a slot in column %d of %d", ref, columns))
				return
			}
			refs, marks = append(refs, uint16(ref)), append(marks, uint16(at))
		}
		tm.refs, tm.marks = refs[first:len(refs):len(refs)], marks[first:len(marks):len(marks)]
		if len(tm.refs) > maxSlots {
			d.Fail(damagedf("a template of %d slots", len(tm.refs)))
			return
		}
	}
	switch d.U8() {
	case 0:
		t.single = true
		if templates != 1 {
			d.Fail(damagedf("%d templates and no numbers", templates))
		}
	case 1:
		c.ids = exactly(c.n * templateIDWidth(templates))
	default:
		d.Fail(damagedf("numbers of templates in an unknown form"))
	}
	t.rest = readTyped(d, l, b, maxNesting)
	if d.Err() == nil && (t.rest.kind != columnRaw || t.single && t.rest.n > 0) {
		d.Fail(damagedf("%d values without template, of type %d", t.rest.n, t.rest.kind))
		return
	}
	t.columns = make([]column, 0, min(columns, d.Len()))
	for range columns {
		if d.Err() != nil {
			return
		}
		t.columns = append(t.columns, readTyped(d, l, b, depth+1))
	}
	c.summarise()
}

// summarise works out the lengths and bytes of values that are made of templates.
func (c *column) summarise() {
	t := c.tmpl
	c.min, c.max = math.MaxInt32, 0
	if t.rest.n > 0 {
		c.min, c.max = t.rest.min, t.rest.max
		c.charset = t.rest.charset
	}
	for i := range t.templates {
		tm := &t.templates[i]
		shortest, longest := len(tm.text)-len(tm.refs), len(tm.text)-len(tm.refs)
		for _, ref := range tm.refs {
			shortest += t.columns[ref].min
			longest += t.columns[ref].max
		}
		c.min, c.max = min(c.min, shortest), max(c.max, longest)
		for _, ch := range tm.text {
			if ch != 0 {
				v := min(ch, 127)
				c.charset[v/8] |= 1 << (v % 8)
			}
		}
	}
	for i := range t.columns {
		for j, bits := range t.columns[i].charset {
			c.charset[j] |= bits
		}
	}
}
