package block

import (
	"cmp"
	"encoding/binary"
	"fmt"
	"slices"

	"github.com/skaldlogs/skald/pkg/encbuf"
	"github.com/skaldlogs/skald/pkg/model"
)

// A metaEncoder finds the shapes and columns of the metadata of a block.
type metaEncoder struct {
	shapes   []shape // shape 0 is the pairs column
	byNames  map[string]int
	pairs    int // in all shapes
	names    []string
	counts   []int            // values of each column
	byName   map[string][]int // columns of a name: its first use in a row, its second …
	used     map[string]int   // while a shape is made: uses of a name so far
	key      []byte
	rows     []uint16 // shape of each row
	values   []string // of all columns, one after the other
	next     []int    // where the next value of each column goes
	ids      map[string]uint32
	distinct []dictValue
	idOf     []uint32
	rank     []uint32
}

// A shape is a sequence of names, each with the column that its values are in.
type shape struct {
	names   []string
	columns []int
}

// A dictValue is a value of a dictionary: how often it occurs, and its number
// in the order of first occurrence.
type dictValue struct {
	value string
	count int
	id    uint32
}

func (m *metaEncoder) reset() {
	if m.byNames == nil {
		m.byNames, m.byName = make(map[string]int), make(map[string][]int)
		m.used, m.ids = make(map[string]int), make(map[string]uint32)
	}
	clear(m.byNames)
	clear(m.byName)
	clear(m.values)
	m.shapes = append(m.shapes[:0], shape{})
	m.pairs, m.names, m.counts = 0, nil, nil
	m.rows, m.values, m.next = m.rows[:0], m.values[:0], m.next[:0]
}

// forget drops what points into the rows of the caller.
func (m *metaEncoder) forget() {
	clear(m.values)
	clear(m.distinct)
	clear(m.ids)
	clear(m.shapes)
	clear(m.byName)
	m.names = nil
}

// trim drops buffers that a block of unusual size has grown.
func (m *metaEncoder) trim() {
	if cap(m.values) > TargetRows {
		m.values = nil
	}
	if cap(m.rows) > TargetRows {
		m.rows, m.idOf = nil, nil
	}
}

// shapeOf returns the number of the shape of md, 0 when there is no room for another.
func (m *metaEncoder) shapeOf(md model.Metadata) int {
	if n := len(m.rows); n > 0 {
		if last := int(m.rows[n-1]); last != 0 && m.shapes[last].fits(md) {
			return last
		}
	}
	m.key = m.key[:0]
	for i := range md {
		m.key = encbuf.AppendString(m.key, md[i].Name)
	}
	if s, ok := m.byNames[string(m.key)]; ok {
		return s
	}
	s := m.addShape(md)
	if s != 0 || len(m.byNames) < 2*maxShapes {
		m.byNames[string(m.key)] = s
	}
	return s
}

func (s *shape) fits(md model.Metadata) bool {
	if len(s.names) != len(md) {
		return false
	}
	for i := range md {
		if s.names[i] != md[i].Name {
			return false
		}
	}
	return true
}

func (m *metaEncoder) addShape(md model.Metadata) int {
	if len(m.shapes) > maxShapes || m.pairs+len(md) > maxShapePairs {
		return 0
	}
	clear(m.used)
	missing := 0
	for i := range md {
		if m.used[md[i].Name]++; m.used[md[i].Name] > len(m.byName[md[i].Name]) {
			missing++
		}
	}
	if len(m.names)+missing > maxColumns {
		return 0
	}
	clear(m.used)
	s := shape{names: make([]string, len(md)), columns: make([]int, len(md))}
	for i := range md {
		name := md[i].Name
		use := m.used[name]
		m.used[name]++
		if use == len(m.byName[name]) {
			m.byName[name] = append(m.byName[name], len(m.names))
			m.names = append(m.names, name)
			m.counts = append(m.counts, 0)
		}
		s.names[i], s.columns[i] = name, m.byName[name][use]
	}
	m.shapes = append(m.shapes, s)
	m.pairs += len(md)
	return len(m.shapes) - 1
}

// gather finds the shape of each row and sorts the values into columns.
func (m *metaEncoder) gather(rows []Row, at []uint32) {
	total := 0
	for _, r := range at {
		s := m.shapeOf(rows[r].Metadata)
		m.rows = append(m.rows, uint16(s))
		for _, c := range m.shapes[s].columns {
			m.counts[c]++
		}
		total += len(m.shapes[s].columns)
	}
	m.values = slices.Grow(m.values, total)[:total]
	start := 0
	for _, n := range m.counts {
		m.next = append(m.next, start)
		start += n
	}
	for i, r := range at {
		md := rows[r].Metadata
		for j, c := range m.shapes[m.rows[i]].columns {
			m.values[m.next[c]] = md[j].Value
			m.next[c]++
		}
	}
}

func (e *Encoder) encodeMetadata(rows []Row) error {
	m := &e.meta
	m.reset()
	defer m.forget()
	m.gather(rows, e.order.at)

	e.ints = e.ints[:0]
	for _, s := range m.rows {
		e.ints = append(e.ints, uint64(s))
	}
	e.addInts()
	s := e.w.schema
	s = binary.AppendUvarint(s, uint64(len(m.names)))
	for _, name := range m.names {
		s = encbuf.AppendString(s, name)
	}
	s = binary.AppendUvarint(s, uint64(len(m.shapes)-1))
	for i := range m.shapes[1:] {
		columns := m.shapes[1+i].columns
		s = binary.AppendUvarint(s, uint64(len(columns)))
		for _, c := range columns {
			s = binary.AppendUvarint(s, uint64(c))
		}
	}
	e.w.schema = s

	start := 0
	for _, n := range m.counts {
		e.addColumn(m.values[start : start+n])
		start += n
	}
	return e.addPairs(rows)
}

// addColumn writes a column of values, of which there is at least one, in the
// cheapest way.
func (e *Encoder) addColumn(values []string) {
	if len(values[0]) <= maxConst && allEqual(values) {
		e.w.schema = append(e.w.schema, columnConst)
		e.w.schema = binary.AppendUvarint(e.w.schema, uint64(len(values)))
		e.w.schema = encbuf.AppendString(e.w.schema, values[0])
		return
	}
	if e.meta.findDistinct(values) {
		e.addDict(len(values))
		return
	}
	e.join(values)
	e.addRaw()
}

func allEqual(values []string) bool {
	for _, v := range values {
		if v != values[0] {
			return false
		}
	}
	return true
}

func (e *Encoder) join(values []string) {
	e.joined, e.ints = e.joined[:0], e.ints[:0]
	for _, v := range values {
		e.joined = append(e.joined, v...)
		e.ints = append(e.ints, uint64(len(v)))
	}
}

// findDistinct numbers the distinct values, the most frequent first, and
// reports whether they are few enough for a dictionary.
func (m *metaEncoder) findDistinct(values []string) bool {
	most := min(max(1, len(values)/3), maxDistinct)
	clear(m.ids)
	m.distinct, m.idOf = m.distinct[:0], m.idOf[:0]
	for _, v := range values {
		id, ok := m.ids[v]
		if !ok {
			if len(m.distinct) == most {
				return false
			}
			id = uint32(len(m.distinct))
			m.ids[v] = id
			m.distinct = append(m.distinct, dictValue{value: v, id: id})
		}
		m.distinct[id].count++
		m.idOf = append(m.idOf, id)
	}
	slices.SortFunc(m.distinct, func(a, b dictValue) int {
		if c := cmp.Compare(b.count, a.count); c != 0 {
			return c
		}
		return cmp.Compare(a.id, b.id)
	})
	m.rank = slices.Grow(m.rank[:0], len(m.distinct))[:len(m.distinct)]
	for rank, v := range m.distinct {
		m.rank[v.id] = uint32(rank)
	}
	return true
}

// addDict writes the n values that findDistinct saw.
func (e *Encoder) addDict(n int) {
	m := &e.meta
	e.joined, e.ints = e.joined[:0], e.ints[:0]
	for _, v := range m.distinct {
		e.joined = append(e.joined, v.value...)
		e.ints = append(e.ints, uint64(len(v.value)))
	}
	e.w.schema = append(e.w.schema, columnDict)
	e.w.schema = binary.AppendUvarint(e.w.schema, uint64(n))
	e.addLengths()
	e.w.schema = binary.AppendUvarint(e.w.schema, uint64(len(m.distinct)))
	e.addValues()

	e.joined = e.joined[:0]
	for _, id := range m.idOf {
		e.joined = append(e.joined, byte(m.rank[id]))
	}
	if idWidth(len(m.distinct)) == 2 {
		for _, id := range m.idOf {
			e.joined = append(e.joined, byte(m.rank[id]>>8))
		}
	}
	e.w.add(e.joined)
}

// addPairs writes the metadata of the rows of shape 0.
func (e *Encoder) addPairs(rows []Row) error {
	e.joined, e.ints = e.joined[:0], e.ints[:0]
	raw := 0
	for i, r := range e.order.at {
		if e.meta.rows[i] != 0 {
			continue
		}
		md := rows[r].Metadata
		start := len(e.joined)
		e.joined = binary.AppendUvarint(e.joined, uint64(len(md)))
		for j := range md {
			e.joined = encbuf.AppendString(e.joined, md[j].Name)
			e.joined = encbuf.AppendString(e.joined, md[j].Value)
		}
		raw += md.Bytes()
		e.ints = append(e.ints, uint64(len(e.joined)-start))
	}
	if len(e.joined) > maxPairsLen(len(e.ints), raw) {
		return fmt.Errorf("%d bytes of metadata pairs hold %d bytes: %w", len(e.joined), raw, ErrTooLarge)
	}
	e.addRaw()
	return nil
}
