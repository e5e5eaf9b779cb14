package vfs

import (
	"maps"
	"math/rand/v2"
	"slices"
)

// Crash returns the file system as a power cut at this moment could leave it.
// m itself is unchanged, and what still runs on it goes on in the past.
//
// What was synced is there. Of the rest, rnd decides: each change of names that
// no SyncDir covered happened or did not, whatever became of its neighbours; of
// the bytes written since the last Sync of a file there is nothing, or all, or a
// part, with zeroes or garbage where pages were not written. What the result
// holds is durable, and no lock is held.
func (m *Mem) Crash(rnd *rand.Rand) *Mem {
	m.mu.Lock()
	defer m.mu.Unlock()

	views := map[*memNode]map[string]*memNode{}
	view := func(dir *memNode) map[string]*memNode {
		v, ok := views[dir]
		if !ok {
			v = maps.Clone(dir.durable)
			views[dir] = v
		}
		return v
	}
	for _, op := range m.pending {
		switch {
		case rnd.IntN(2) == 0:
		case op.toDir != nil && op.fromDir != nil && op.toDir != op.fromDir && rnd.IntN(2) == 0:
			// Of a rename between folders the new name may come first.
			memOp{node: op.node, toDir: op.toDir, to: op.to}.apply(view)
		default:
			op.apply(view)
		}
	}

	survivors := map[*memNode]*memNode{} // a file with two names stays one file
	var survive func(n *memNode) *memNode
	survive = func(n *memNode) *memNode {
		if s, ok := survivors[n]; ok {
			return s
		}
		s := &memNode{modTime: n.modTime}
		survivors[n] = s
		if n.entries == nil {
			s.data = n.tear(rnd)
			s.synced = len(s.data)
			return s
		}
		s.entries = map[string]*memNode{}
		names := view(n)
		for _, name := range slices.Sorted(maps.Keys(names)) {
			s.entries[name] = survive(names[name])
		}
		s.durable = maps.Clone(s.entries)
		return s
	}
	return &Mem{root: survive(m.root), locks: map[string]bool{}}
}

// tear returns what is left of a file.
func (n *memNode) tear(rnd *rand.Rand) []byte {
	if n.emptied && rnd.IntN(2) == 0 {
		return slices.Clone(n.old)
	}
	unsynced := len(n.data) - n.synced
	keep := unsynced
	if rnd.IntN(3) > 0 {
		keep = rnd.IntN(unsynced + 1)
	}
	data := slices.Clone(n.data[:n.synced+keep])
	tail := data[n.synced:]
	switch rnd.IntN(4) {
	case 0: // the length was written before the bytes
		clear(tail[rnd.IntN(len(tail)+1):])
	case 1: // what the disk held there before
		garbage(tail[rnd.IntN(len(tail)+1):], rnd)
	case 2: // pages were written in no order
		for page := range slices.Chunk(tail, pageSizes[rnd.IntN(len(pageSizes))]) {
			if rnd.IntN(2) == 0 {
				clear(page)
			}
		}
	}
	return data
}

// pageSizes are the units of writing, in bytes, that tear tries. The smallest is
// there for tests with little data.
var pageSizes = []int{16, 512, 4096}

func garbage(p []byte, rnd *rand.Rand) {
	for i := range p {
		p[i] = byte(rnd.Uint32())
	}
}
