package block

import "slices"

// The rows and bytes below which templates are not tried: describing the columns
// would cost more than it saves.
const (
	minTemplateRows  = 16
	minTemplateBytes = 2 << 10
)

// sampleLen is how much of the lines is compressed to learn how well rows would.
const sampleLen = 64 << 10

// encodeTemplates writes the joined lines as templates and columns, if that is
// smaller than the lines compressed as they are. If not, nothing is written.
func (e *Encoder) encodeTemplates(rows []Row, rawBytes int) bool {
	n := len(e.order.at)
	if !e.force && (n < minTemplateRows || len(e.joined) < minTemplateBytes) {
		return false
	}
	c := &e.lines
	c.w, c.text = &e.w, e.joined
	c.pieces, c.times = slices.Grow(c.pieces[:0], n), slices.Grow(c.times[:0], n)
	at := uint32(0)
	for _, r := range e.order.at {
		end := at + uint32(len(rows[r].Line))
		c.pieces = append(c.pieces, piece{at, end})
		c.times = append(c.times, uint64(rows[r].Timestamp))
		at = end
	}
	s := c.splitter(0)
	few := 2
	if e.force {
		few = 0
	}
	if !s.split(c.text, c.pieces, few) || s.templates() == 0 || !e.force && 4*s.templates() > n && 4*s.slotSize > 3*len(c.text) {
		return false
	}
	before := e.w
	c.ids.reset()
	c.words.reset()
	c.left = newBudget(n, rawBytes)
	c.templates(s, n, 0, c.times)
	c.left.bytes -= e.w.raw - before.raw
	fits := !c.left.spent() && len(e.w.small) <= maxSmallLen/2 && len(e.w.schema) <= maxSchemaLen(rawBytes)/2
	if fits && (e.force || e.templatesPay(len(before.schema), len(e.w.small)-len(before.small), len(e.w.big)-len(before.big))) {
		e.ints = e.ints[:0]
		for _, p := range c.pieces {
			e.ints = append(e.ints, uint64(p.end-p.start))
		}
		e.addInts()
		return true
	}
	e.w.schema = e.w.schema[:len(before.schema)]
	e.w.small, e.w.big, e.w.raw = e.w.small[:len(before.small)], e.w.big[:len(before.big)], before.raw
	return false
}

// templatesPay compares what was written with a sample of the lines, compressed,
// and where that speaks against it with all of them: parts of the lines may be
// much more alike than the whole.
func (e *Encoder) templatesPay(schema, small, big int) bool {
	compressed := func(b []byte) int {
		e.packed = e.zstd.EncodeAll(b, e.packed[:0])
		return len(e.packed)
	}
	size := big + compressed(e.w.schema[schema:]) + compressed(e.w.small[len(e.w.small)-small:])
	lengths := len(e.order.at) / 2
	if len(e.joined) > sampleLen {
		sample := e.joined[len(e.joined)/2-sampleLen/2:][:sampleLen]
		if size <= compressed(sample)*(len(e.joined)/sampleLen)+lengths {
			return true
		}
	}
	return size <= compressed(e.joined)+lengths
}
