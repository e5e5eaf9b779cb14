package block

import (
	"bytes"
	"slices"

	"github.com/cespare/xxhash/v2"
)

// The limits on the templates of one column of lines or values.
const (
	maxTemplates    = 1<<16 - 1
	maxSlotColumns  = 4096
	maxNesting      = 2       // templates in values of templates
	maxTemplateText = 4 << 20 // bytes of all templates together
)

// A splitter sorts values by their templates, and what is in their slots into
// columns. It is kept from block to block.
type splitter struct {
	tok   tokens
	table []uint32 // open addressing: number of a template, 0 for none
	hash  []uint64 // of each template

	text     []byte // of all templates
	ends     []uint32
	refs     []uint16 // the column of each slot of all templates
	refEnds  []uint32
	names    map[string]uint16
	name     []byte
	columns  [][]piece
	ids      []uint16 // of each value; 0 is one that has no template
	rest     []piece  // the values without
	slotSize int      // bytes in slots and in rest
}

func (s *splitter) reset() {
	if s.names == nil {
		s.names = make(map[string]uint16)
		s.table = make([]uint32, 1<<10)
	}
	clear(s.names)
	clear(s.table)
	s.hash = append(s.hash[:0], 0)
	s.text, s.ends = s.text[:0], append(s.ends[:0], 0)
	s.refs, s.refEnds = s.refs[:0], append(s.refEnds[:0], 0)
	for i := range s.columns {
		s.columns[i] = s.columns[i][:0]
	}
	s.columns = s.columns[:0]
	s.ids, s.rest, s.slotSize = s.ids[:0], s.rest[:0], 0
}

// trim drops buffers that a block of unusual size has grown.
func (s *splitter) trim() {
	held := 0
	columns := s.columns[:cap(s.columns)]
	for i := range columns {
		held += cap(columns[i])
	}
	if held > TargetBytes/4 || cap(s.ids) > TargetRows || len(s.table) > 1<<16 {
		*s = splitter{}
	}
}

// templates is the number of templates so far; they are numbered from 1.
func (s *splitter) templates() int { return len(s.ends) - 1 }

// template returns the text of template t.
func (s *splitter) template(t int) []byte { return s.text[s.ends[t-1]:s.ends[t]] }

// columnsOf returns the column of each slot of template t.
func (s *splitter) columnsOf(t int) []uint16 { return s.refs[s.refEnds[t-1]:s.refEnds[t]] }

// split takes values apart. It gives up, and returns false, when the values
// have little in common: more than one template for every few values.
func (s *splitter) split(text []byte, values []piece, few int) bool {
	s.reset()
	s.ids = slices.Grow(s.ids, len(values))
	for i, v := range values {
		t := 0
		if s.tok.take(text[v.start:v.end], v.start) {
			t = s.lookup()
		}
		s.ids = append(s.ids, uint16(t))
		if t == 0 {
			s.rest = append(s.rest, v)
			s.slotSize += int(v.end - v.start)
			continue
		}
		for j, c := range s.columnsOf(t) {
			slot := s.tok.slots[j]
			s.columns[c] = append(s.columns[c], slot)
			s.slotSize += int(slot.end - slot.start)
		}
		if i&1023 == 1023 && few*s.templates() > i {
			return false
		}
	}
	return true
}

// lookup returns the number of the template that was taken, 0 when there is no
// room for another.
func (s *splitter) lookup() int {
	h := xxhash.Sum64(s.tok.static)
	mask := uint64(len(s.table) - 1)
	at := h & mask
	for ; s.table[at] != 0; at = (at + 1) & mask {
		if t := int(s.table[at]); s.hash[t] == h && bytes.Equal(s.template(t), s.tok.static) {
			return t
		}
	}
	t := s.add(h)
	if t != 0 {
		s.table[at] = uint32(t)
		if 2*t > len(s.table) {
			s.grow()
		}
	}
	return t
}

func (s *splitter) grow() {
	s.table = make([]uint32, 2*len(s.table))
	mask := uint64(len(s.table) - 1)
	for t := 1; t < len(s.hash); t++ {
		at := s.hash[t] & mask
		for s.table[at] != 0 {
			at = (at + 1) & mask
		}
		s.table[at] = uint32(t)
	}
}

// add makes a template of what was taken.
func (s *splitter) add(h uint64) int {
	if s.templates() == maxTemplates || len(s.text)+len(s.tok.static) > maxTemplateText {
		return 0
	}
	static := s.tok.static
	first := len(s.refs)
	slot := 0
	for i, b := range static {
		if b != 0 {
			continue
		}
		c, ok := s.column(static[:i], slot)
		if !ok {
			s.refs = s.refs[:first]
			return 0
		}
		s.refs = append(s.refs, c)
		slot++
	}
	s.text = append(s.text, static...)
	s.ends = append(s.ends, uint32(len(s.text)))
	s.refEnds = append(s.refEnds, uint32(len(s.refs)))
	s.hash = append(s.hash, h)
	return s.templates()
}

const (
	maxDelimiters = 12
	maxNameWord   = 40
)

// column returns the column of the slot that comes after the text before: the
// slots that the same word and delimiters precede share one, whatever template
// they are in.
func (s *splitter) column(before []byte, slot int) (uint16, bool) {
	inName := func(b byte) bool { return classes[b]&isWord != 0 || b == '_' || b == '-' }
	end := len(before)
	at := end
	for at > 0 && end-at < maxDelimiters && before[at-1] != 0 && !inName(before[at-1]) {
		at--
	}
	word := at
	for word > 0 && at-word < maxNameWord && inName(before[word-1]) {
		word--
	}
	s.name = append(s.name[:0], before[word:]...)
	switch {
	case end > 0 && before[end-1] == '\n':
		s.name = append(s.name[:0], '\n') // the tail
	case word == at:
		s.name = append(s.name, 0, byte(slot), byte(slot>>8))
	}
	if c, ok := s.names[string(s.name)]; ok {
		return c, true
	}
	if len(s.columns) == maxSlotColumns {
		return 0, false
	}
	c := uint16(len(s.columns))
	s.names[string(s.name)] = c
	if cap(s.columns) > len(s.columns) {
		s.columns = s.columns[:len(s.columns)+1] // with the buffer it had
	} else {
		s.columns = append(s.columns, nil)
	}
	return c, true
}

// promises estimates from a few values whether templates pay: when few of them
// have one of their own, and an eighth of them is static.
func (s *splitter) promises(text []byte, values []piece) bool {
	const samples = 96
	s.reset()
	step := max(1, len(values)/samples)
	n, size, static := 0, 0, 0
	for i := 0; i < len(values); i += step {
		v := values[i]
		n++
		size += int(v.end - v.start)
		if s.tok.take(text[v.start:v.end], v.start) {
			s.lookup()
			static += len(s.tok.static) - len(s.tok.slots)
		}
	}
	return 3*s.templates() < n && 8*static > size
}
