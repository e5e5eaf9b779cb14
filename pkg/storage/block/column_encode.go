package block

import (
	"encoding/binary"
	"math/bits"
	"slices"

	"github.com/skaldlogs/skald/pkg/encbuf"
)

// A columnEncoder writes the values of columns in layout 1, each in the
// cheapest type that gives all of them back byte for byte.
type columnEncoder struct {
	w    *streamWriter
	text []byte // the joined lines, which all pieces are of

	pieces    []piece                   // the lines
	times     []uint64                  // their timestamps
	left      budget                    // of the block
	splitters [maxNesting + 1]*splitter // one for each depth
	distinct  distinctFinder
	ints      intPacker
	ids       keySet
	words     keySet
	values    []uint64 // numbers of the column at hand
	more      []uint64
	bytes     []byte
	packed    []byte
}

func (c *columnEncoder) splitter(depth int) *splitter {
	if c.splitters[depth] == nil {
		c.splitters[depth] = new(splitter)
	}
	return c.splitters[depth]
}

// trim drops buffers that a block of unusual size has grown.
func (c *columnEncoder) trim() {
	for _, s := range c.splitters {
		if s != nil {
			s.trim()
		}
	}
	c.distinct.trim()
	c.text = nil
	if cap(c.pieces) > TargetRows {
		c.pieces, c.times = nil, nil
	}
	if cap(c.values) > TargetRows || cap(c.more) > TargetRows || cap(c.bytes) > 2*TargetBytes || cap(c.packed) > 2*TargetBytes {
		c.values, c.more, c.bytes, c.packed = nil, nil, nil, nil
		c.ints = intPacker{}
	}
}

// profile is what the bytes and lengths of the values of a column allow.
type profile struct {
	min, max int
	chars    uint8
	same     bool // all values are equal
}

// The classes of bytes that types tell apart.
const (
	charDigit = 1 << iota
	charLower // a to f
	charUpper // A to F
	charMinus
	charPoint
	charOther
)

var charClasses = func() (c [256]uint8) {
	for b := range c {
		switch {
		case '0' <= b && b <= '9':
			c[b] = charDigit
		case 'a' <= b && b <= 'f':
			c[b] = charLower
		case 'A' <= b && b <= 'F':
			c[b] = charUpper
		case b == '-':
			c[b] = charMinus
		case b == '.':
			c[b] = charPoint
		default:
			c[b] = charOther
		}
	}
	return c
}()

func (c *columnEncoder) profile(values []piece) profile {
	first := c.text[values[0].start:values[0].end]
	p := profile{min: len(first), max: len(first), same: true}
	for _, v := range values {
		s := c.text[v.start:v.end]
		p.min, p.max = min(p.min, len(s)), max(p.max, len(s))
		if p.same && string(s) != string(first) {
			p.same = false
		}
		for i := 0; i < len(s) && p.chars&charOther == 0; i++ {
			p.chars |= charClasses[s[i]]
		}
	}
	return p
}

// column writes a column of values. Times are the timestamps of the rows that
// the values are in, nil where they are not known.
func (c *columnEncoder) column(values []piece, depth int, times func(dst []uint64) []uint64) {
	schema := &c.w.schema
	c.left.columns--
	c.left.values -= len(values)
	if len(values) == 0 {
		*schema = append(*schema, columnRaw, 0)
		return
	}
	p := c.profile(values)
	if p.same && p.max <= maxConst {
		c.begin(columnConst, values)
		*schema = encbuf.AppendBytes(*schema, c.text[values[0].start:values[0].end])
		return
	}
	if p.min > 0 && c.timestamps(values, times) {
		return
	}
	numbers := c.numbers(values, &p)
	few := c.distinct.find(c.text, values, min(max(len(values)/10, 1), maxDistinct))
	if few && (numbers.write == nil || c.distinct.size() < numbers.size) {
		c.dict(values, &p)
		return
	}
	if numbers.write != nil {
		numbers.write()
		return
	}
	if depth < maxNesting && p.chars&charOther != 0 && c.nested(values, depth+1) {
		return
	}
	if len(values) > 1 && c.distinct.find(c.text, values, min(max(len(values)/2, 1), maxDistinct)) {
		c.dict(values, &p)
		return
	}
	c.raw(values, &p)
}

func (c *columnEncoder) begin(kind uint8, values []piece) {
	c.w.schema = append(c.w.schema, kind)
	c.w.schema = binary.AppendUvarint(c.w.schema, uint64(len(values)))
}

func (c *columnEncoder) lengths(p *profile) {
	c.w.schema = binary.AppendUvarint(c.w.schema, uint64(p.min))
	c.w.schema = binary.AppendUvarint(c.w.schema, uint64(p.max-p.min))
}

// texts writes the charset, lengths and bytes of values.
func (c *columnEncoder) texts(values []piece, order []uint32) {
	c.bytes, c.values = c.bytes[:0], c.values[:0]
	add := func(v piece) {
		c.bytes = append(c.bytes, c.text[v.start:v.end]...)
		c.values = append(c.values, uint64(v.end-v.start))
	}
	if order == nil {
		for _, v := range values {
			add(v)
		}
	} else {
		for _, i := range order {
			add(values[i])
		}
	}
	var seen [256]bool
	for _, b := range c.bytes {
		seen[b] = true
	}
	var set charset
	set.add(&seen)
	c.w.schema = append(c.w.schema, set[:]...)
	var r runs
	at := 0
	for _, n := range c.values {
		r.add(c.bytes[at : at+int(n)])
		at += int(n)
	}
	c.w.schema = append(c.w.schema, r[:]...)
	if len(c.bytes) >= minFilterText {
		c.addWords()
	}
	c.packed = appendInts(c.packed[:0], c.values)
	c.w.add(c.packed)
	c.w.add(c.bytes)
}

// addWords gives the words of the texts at hand to the filter.
func (c *columnEncoder) addWords() {
	at := 0
	for _, n := range c.values {
		eachWord(c.bytes[at:at+int(n)], false, false, func(word []byte) bool {
			c.words.add(wordKey(word))
			return !c.words.full
		})
		at += int(n)
		if c.words.full {
			return
		}
	}
}

func (c *columnEncoder) raw(values []piece, p *profile) {
	c.begin(columnRaw, values)
	c.lengths(p)
	c.texts(values, nil)
}

// dict writes the values that c.distinct has found.
func (c *columnEncoder) dict(values []piece, p *profile) {
	f := &c.distinct
	f.sort()
	c.begin(columnDict, values)
	c.lengths(p)
	c.w.schema = binary.AppendUvarint(c.w.schema, uint64(len(f.values)))
	c.texts(f.values, f.order)
	c.bytes = c.bytes[:0]
	for _, id := range f.ids {
		c.bytes = append(c.bytes, byte(f.rank[id]))
	}
	if idWidth(len(f.values)) == 2 {
		for _, id := range f.ids {
			c.bytes = append(c.bytes, byte(f.rank[id]>>8))
		}
	}
	c.w.add(c.bytes)
}

// A choice is a type that all values of a column fit: about how many bytes it
// takes, and how to write it. Write is nil when there is none.
type choice struct {
	size  int
	write func()
}

// numbers tries the types of numbers and ids on a column.
func (c *columnEncoder) numbers(values []piece, p *profile) choice {
	if p.min == 0 || p.chars&charOther != 0 {
		return choice{}
	}
	switch {
	case p.chars&^(charDigit|charMinus) == 0:
		if ch := c.integers(values, p); ch.write != nil {
			return ch
		}
	case p.chars == charDigit|charPoint && p.max <= 15 && p.min >= 7:
		if ch := c.packedBytes(values, columnIP, 4, nil, packIP); ch.write != nil {
			return ch
		}
	}
	if p.chars&charPoint != 0 {
		if p.chars&^(charDigit|charMinus|charPoint) == 0 {
			return c.decimals(values)
		}
		return choice{}
	}
	upper := p.chars&charUpper != 0
	switch {
	case p.chars&charLower != 0 && upper:
	case p.chars&charMinus != 0:
		if p.min == 36 && p.max == 36 {
			return c.packedBytes(values, columnUUID, 16, []byte{boolByte(upper)}, func(dst, s []byte) ([]byte, bool) { return packUUID(dst, s, upper) })
		}
	case p.min == p.max && p.min%2 == 0 && p.min <= maxHexWidth:
		return c.packedBytes(values, columnHex, p.min/2, []byte{byte(p.min / 2), boolByte(upper)}, func(dst, s []byte) ([]byte, bool) { return packHex(dst, s, upper) })
	case p.max <= 16:
		return c.hexInts(values, upper)
	}
	return choice{}
}

func boolByte(b bool) byte {
	if b {
		return 1
	}
	return 0
}

// integers tries numbers that strconv would write, then digits of one width.
func (c *columnEncoder) integers(values []piece, p *profile) choice {
	kind := uint8(columnInt)
	if !c.parseAll(values, parseInt) {
		if p.min != p.max || p.chars != charDigit || !c.parseAll(values, parseDigits) {
			return choice{}
		}
		kind = columnPad
	}
	mode, size := c.ints.plan(c.values)
	return choice{size, func() {
		c.begin(kind, values)
		lo, hi := bounds(c.values, signBit)
		c.w.schema = binary.AppendVarint(c.w.schema, int64(lo))
		c.w.schema = binary.AppendUvarint(c.w.schema, hi-lo)
		if kind == columnPad {
			c.w.schema = append(c.w.schema, byte(p.min))
		}
		c.addInts(c.values, mode)
	}}
}

func (c *columnEncoder) addInts(v []uint64, mode uint8) {
	c.packed = c.ints.append(c.packed[:0], v, mode)
	c.w.add(c.packed)
}

// parseAll fills c.values, as long as parse understands them.
func (c *columnEncoder) parseAll(values []piece, parse func([]byte) (int64, bool)) bool {
	c.values = slices.Grow(c.values[:0], len(values))
	for _, v := range values {
		x, ok := parse(c.text[v.start:v.end])
		if !ok {
			return false
		}
		c.values = append(c.values, uint64(x))
	}
	return true
}

func (c *columnEncoder) decimals(values []piece) choice {
	c.values, c.more = c.values[:0], c.more[:0]
	for _, v := range values {
		x, scale, ok := parseDecimal(c.text[v.start:v.end])
		if !ok {
			return choice{}
		}
		c.values, c.more = append(c.values, uint64(x)), append(c.more, uint64(scale))
	}
	mode, size := c.ints.plan(c.values)
	scaleMode, scaleSize := c.ints.plan(c.more)
	return choice{size + scaleSize, func() {
		c.begin(columnDecimal, values)
		c.addInts(c.values, mode)
		c.addInts(c.more, scaleMode)
	}}
}

func (c *columnEncoder) hexInts(values []piece, upper bool) choice {
	c.values = slices.Grow(c.values[:0], len(values))
	for _, v := range values {
		x, ok := parseHex(c.text[v.start:v.end], upper)
		if !ok {
			return choice{}
		}
		c.values = append(c.values, x)
	}
	mode, size := c.ints.plan(c.values)
	return choice{size, func() {
		c.begin(columnHexInt, values)
		c.w.schema = append(c.w.schema, boolByte(upper))
		for _, v := range c.values {
			c.ids.add(hexIntKey(v))
		}
		c.addInts(c.values, mode)
	}}
}

// packedBytes tries a type that packs each value into width bytes.
func (c *columnEncoder) packedBytes(values []piece, kind uint8, width int, params []byte, pack func(dst, s []byte) ([]byte, bool)) choice {
	c.packed = slices.Grow(c.packed[:0], width*len(values))
	for _, v := range values {
		var ok bool
		if c.packed, ok = pack(c.packed, c.text[v.start:v.end]); !ok {
			return choice{}
		}
	}
	return choice{width * len(values), func() {
		c.begin(kind, values)
		c.w.schema = append(c.w.schema, params...)
		for at := 0; at < len(c.packed); at += width {
			c.ids.add(idKey(kind, c.packed[at:at+width]))
		}
		c.w.add(c.packed)
	}}
}

// timestamps tries the layout that the first value has, or one of the same form.
func (c *columnEncoder) timestamps(values []piece, times func(dst []uint64) []uint64) bool {
	v := values[0]
	layout, ok := detectTime(c.text[v.start:v.end])
	if !ok || !c.parseTimes(values, &layout) {
		return false
	}
	mode, size := c.ints.plan(c.values)
	residual := uint8(0)
	if times != nil {
		c.more = times(c.more[:0])
		unit := powers[9-layout.digits()]
		for i, ts := range c.more {
			c.more[i] = c.values[i] - uint64(floorDiv(int64(ts), unit))
		}
		if m, s := c.ints.plan(c.more); s < size {
			mode, residual = m, 1
			c.values, c.more = c.more, c.values
		}
	}
	c.begin(columnTime, values)
	c.w.schema = append(c.w.schema, layout.date, layout.fraction)
	c.w.schema = encbuf.AppendString(c.w.schema, layout.suffix)
	c.w.schema = append(c.w.schema, residual)
	c.addInts(c.values, mode)
	return true
}

// parseTimes reads values in a layout, or else in another layout of the same
// form, or with fractions of any length.
func (c *columnEncoder) parseTimes(values []piece, layout *timeLayout) bool {
	try := func(l timeLayout) bool {
		if !l.valid() {
			return false
		}
		p := timeParser{timeLayout: l}
		if c.parseAll(values, p.parse) {
			*layout = l
			return true
		}
		return false
	}
	if try(*layout) {
		return true
	}
	first := c.text[values[0].start:values[0].end]
	trimmed := *layout
	trimmed.fraction = fractionTrimmed
	if layout.fraction&fractionComma == 0 && try(trimmed) {
		return true
	}
	for date := int(layout.date) + 1; date < len(dateLayouts); date++ {
		other := *layout
		other.date = uint8(date)
		if len(dateLayouts[date]) == len(dateLayouts[layout.date]) && hasForm(first, dateLayouts[date]) && try(other) {
			return true
		}
	}
	return false
}

// floorDiv divides and rounds down.
func floorDiv(a, b int64) int64 {
	q := a / b
	if a%b < 0 {
		q--
	}
	return q
}

// nested takes the values of a column apart, if that pays.
func (c *columnEncoder) nested(values []piece, depth int) bool {
	s := c.splitter(depth)
	if len(values) < 16 || !s.promises(c.text, values) || !s.split(c.text, values, 4) || 4*s.templates() > len(values) {
		return false
	}
	c.templates(s, len(values), depth, nil)
	return true
}

// templates writes n values that s has split. Times are the timestamps of the
// values, nil where they are not known.
func (c *columnEncoder) templates(s *splitter, n, depth int, times []uint64) {
	c.left.columns -= 2 // with the rest
	c.left.values -= n + len(s.rest)
	c.left.templates -= s.templates()
	schema := append(c.w.schema, columnTemplates)
	schema = binary.AppendUvarint(schema, uint64(n))
	schema = binary.AppendUvarint(schema, uint64(s.templates()))
	schema = binary.AppendUvarint(schema, uint64(len(s.columns)))
	for t := 1; t <= s.templates(); t++ {
		schema = encbuf.AppendBytes(schema, s.template(t))
	}
	for _, ref := range s.refs {
		schema = binary.AppendUvarint(schema, uint64(ref))
	}
	one := s.templates() == 1 && len(s.rest) == 0
	schema = append(schema, boolByte(!one))
	c.w.schema = schema
	if !one {
		c.bytes = c.bytes[:0]
		for _, id := range s.ids {
			c.bytes = append(c.bytes, byte(id))
		}
		if templateIDWidth(s.templates()) == 2 {
			for _, id := range s.ids {
				c.bytes = append(c.bytes, byte(id>>8))
			}
		}
		c.w.add(c.bytes)
	}
	if len(s.rest) > 0 {
		p := c.profile(s.rest)
		c.raw(s.rest, &p)
	} else {
		c.w.schema = append(c.w.schema, columnRaw, 0)
	}
	for i, values := range s.columns {
		var of func(dst []uint64) []uint64
		if times != nil {
			of = func(dst []uint64) []uint64 { return s.timesOf(dst, uint16(i), times) }
		}
		c.column(values, depth, of)
	}
}

// timesOf appends the timestamp of each value of a column.
func (s *splitter) timesOf(dst []uint64, column uint16, times []uint64) []uint64 {
	uses := make([]uint16, s.templates()+1)
	for t := 1; t < len(uses); t++ {
		for _, c := range s.columnsOf(t) {
			if c == column {
				uses[t]++
			}
		}
	}
	for i, t := range s.ids {
		for range uses[t] {
			dst = append(dst, times[i])
		}
	}
	return dst
}

// templateIDWidth is the number of bytes of a template's number; 0 is a value
// without one.
func templateIDWidth(templates int) int {
	return (bits.Len(uint(max(templates, 1))) + 7) / 8
}
