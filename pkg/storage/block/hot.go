package block

import (
	"math/rand/v2"
	"sync"
	"sync/atomic"
)

// Hot keeps columns of blocks as they are once read, checked and decompressed, for
// all who decode the blocks: a column that is asked for again and again is read once.
// It may be used by any number of goroutines, and its zero value keeps nothing.
//
// Where there is no room, a column that comes takes the place of others that chance
// picks, and mostly it is not taken at all: queries go through the same columns in
// the same order, of which least-recently-used would keep nothing when they are a
// little more than there is room for.
type Hot struct {
	limit  int64
	blocks atomic.Uint64 // that were numbered

	hits, misses atomic.Uint64

	mu     sync.Mutex // guards the fields below
	places map[hotKey]int
	kept   []hotColumn
	bytes  int64
}

// A hotKey names what is kept of a block: a stream by its offset in the data part, or
// one of the two below.
type hotKey struct {
	block uint64
	off   int
}

const (
	hotSmall = -1 // the raw bytes of the small frame
	hotTimes = -2 // the timestamps of all rows
	hotSizes = -3 // the lengths of all lines
)

// A hotColumn is what is kept, of which nothing may be changed: bytes, times or sizes.
type hotColumn struct {
	key   hotKey
	data  []byte
	times *packedTimes
	sizes []uint32
}

// hotItem is what a column takes beside its bytes, about.
const hotItem = 200

// hotTurns is how many columns come for each that is taken when there is no room.
const hotTurns = 8

func (c *hotColumn) bytes() int64 {
	n := int64(cap(c.data)) + 4*int64(cap(c.sizes)) + hotItem
	if c.times != nil {
		n += c.times.bytes()
	}
	return n
}

// NewHot returns a Hot that takes so many bytes of memory at most.
func NewHot(limit int64) *Hot {
	return &Hot{limit: limit, places: map[hotKey]int{}}
}

// HotStats say how well a [Hot] does.
type HotStats struct {
	Hits, Misses uint64
	Bytes        int64 // that it takes
}

// Stats returns what was counted so far.
func (h *Hot) Stats() HotStats {
	h.mu.Lock()
	defer h.mu.Unlock()
	return HotStats{h.hits.Load(), h.misses.Load(), h.bytes}
}

// Numbers returns the first of n numbers in a row that no other block has.
func (h *Hot) Numbers(n int) uint64 {
	if h == nil {
		return 0
	}
	return h.blocks.Add(uint64(n)) - uint64(n)
}

// KeepIn makes the block keep its columns in h, under a number of its own, under which
// it finds them again when it is opened anew. It is called before anybody decodes the
// block.
func (b *Block) KeepIn(h *Hot, number uint64) {
	if h != nil && h.limit > 0 {
		b.hot, b.number = h, number
	}
}

// hotColumn returns what is kept under a key.
func (b *Block) hotColumn(off int) (c hotColumn, ok bool) {
	h := b.hot
	if h == nil {
		return c, false
	}
	h.mu.Lock()
	i, ok := h.places[hotKey{b.number, off}]
	if ok {
		c = h.kept[i]
	}
	h.mu.Unlock()
	if ok {
		h.hits.Add(1)
	} else {
		h.misses.Add(1)
	}
	return c, ok
}

// isHot reports whether something is kept under a key, for now.
func (b *Block) isHot(off int) bool {
	h := b.hot
	if h == nil {
		return false
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	_, ok := h.places[hotKey{b.number, off}]
	return ok
}

// takes reports whether n bytes would be kept, were they there. Who gets a yes makes
// them in memory of their own and calls keep.
func (b *Block) takes(n int) bool {
	h := b.hot
	if h == nil || int64(n) > h.limit/16 {
		return false
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.bytes+int64(n)+hotItem <= h.limit || rand.IntN(hotTurns) == 0
}

// keep keeps a column, which belongs to all from now on.
func (b *Block) keep(off int, c hotColumn) {
	h := b.hot
	c.key = hotKey{b.number, off}
	h.mu.Lock()
	defer h.mu.Unlock()
	if _, ok := h.places[c.key]; ok || c.bytes() > h.limit {
		return
	}
	for h.bytes+c.bytes() > h.limit {
		h.dropLocked(rand.IntN(len(h.kept)))
	}
	h.bytes += c.bytes()
	h.places[c.key] = len(h.kept)
	h.kept = append(h.kept, c)
}

// dropLocked forgets the column at a place, which the last one takes.
func (h *Hot) dropLocked(i int) {
	last := len(h.kept) - 1
	h.bytes -= h.kept[i].bytes()
	delete(h.places, h.kept[i].key)
	if i < last {
		h.kept[i] = h.kept[last]
		h.places[h.kept[i].key] = i
	}
	h.kept[last] = hotColumn{}
	h.kept = h.kept[:last]
}
