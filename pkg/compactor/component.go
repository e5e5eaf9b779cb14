package compactor

import (
	"cmp"
	"slices"
)

// packs divides the parts of a group so that the parts of each stream are in one
// pack, in the order in which they were, and a pack is a slice or less where that
// can be. Blocks of large streams hold no other stream, and mostly cover the same
// times: read together, each of them would be read again for every slice.
func (m *merge) packs(parts []part) [][]part {
	type component struct {
		first uint32 // the lowest stream
		parts []part
		bytes int64
	}
	leaders := leaders{}
	for _, p := range parts {
		first := m.number[p.input][p.info.Runs[0].Stream]
		for i := range p.info.Runs {
			leaders.join(first, m.number[p.input][p.info.Runs[i].Stream])
		}
	}
	byLeader := map[uint32]*component{}
	var all []*component
	for _, p := range parts {
		stream := leaders.of(m.number[p.input][p.info.Runs[0].Stream])
		c := byLeader[stream]
		if c == nil {
			c = &component{first: stream}
			byLeader[stream] = c
			all = append(all, c)
		}
		c.parts = append(c.parts, p)
		c.bytes += p.info.Bytes + int64(p.info.Rows)*rowBytes
	}
	slices.SortFunc(all, func(a, b *component) int { return cmp.Compare(a.first, b.first) })

	var packs [][]part
	room := int64(0)
	for _, c := range all {
		if c.bytes > room {
			packs = append(packs, nil)
			room = m.slice
		}
		last := len(packs) - 1
		packs[last] = append(packs[last], c.parts...)
		room -= c.bytes
	}
	return packs
}

// leaders are sets of streams, each known by its lowest one.
type leaders map[uint32]uint32

// of returns the lowest stream of the set that s is in.
func (l leaders) of(s uint32) uint32 {
	for {
		up, ok := l[s]
		if !ok {
			return s
		}
		if above, ok := l[up]; ok {
			l[s] = above // the way is shorter the next time
		}
		s = up
	}
}

// join makes one set of those that a and b are in.
func (l leaders) join(a, b uint32) {
	a, b = l.of(a), l.of(b)
	if a != b {
		l[max(a, b)] = min(a, b)
	}
}
