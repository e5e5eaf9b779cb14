package segment

import (
	"math/rand/v2"
	"sync"
	"sync/atomic"

	"github.com/skaldlogs/skald/pkg/storage/block"
)

// Opened keeps the prune parts of blocks once they are checked and opened, those of
// any number of readers, within a bound on the memory that they take. It may be used
// by any number of goroutines. A query over a long time opens all prune parts in the
// same order as the next one does: where they are more than there is room for,
// chance picks which of them stay, as it does in [block.Hot].
type Opened struct {
	mu      sync.Mutex // guards the fields below, and bytes and place of each part
	limit   int64
	reserve int64 // of it, for something else
	bytes   int64
	kept    []*prunePart
}

// NewOpened returns an Opened that takes so many bytes of memory at most.
func NewOpened(limit int64) *Opened { return &Opened{limit: limit} }

// openedTurns is how many parts are opened for each that is kept when there is no room.
const openedTurns = 8

// Reserve says how much of the limit is taken by something else.
func (o *Opened) Reserve(n int64) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.reserve = n
	o.shrinkLocked(0)
}

// Bytes is how much memory is taken.
func (o *Opened) Bytes() int64 {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.bytes
}

// full reports whether there is no room for another part of a usual size.
func (o *Opened) full() bool {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.bytes+usualPart > o.limit-o.reserve
}

// usualPart is about what a part of a block of 4 MB takes.
const usualPart = 64 << 10

// keep keeps what was opened of a part of a reader, if there is room for it.
func (o *Opened) keep(r *Reader, p *prunePart, opened *openedBlock) {
	n := openedItem
	if opened.Block != nil {
		n += opened.Memory()
	}
	o.mu.Lock()
	defer o.mu.Unlock()
	full := o.bytes+n > o.limit-o.reserve
	if r.forgotten || p.place > 0 || n > o.limit-o.reserve || full && rand.IntN(openedTurns) > 0 {
		return
	}
	o.shrinkLocked(n)
	o.bytes += n
	o.kept = append(o.kept, p)
	p.bytes, p.place = n, len(o.kept)
	p.opened.Store(opened)
}

// openedItem is what an opened part takes beside its block, about.
const openedItem = int64(64)

// shrinkLocked makes room for n bytes, if there is so much to be had.
func (o *Opened) shrinkLocked(n int64) {
	for len(o.kept) > 0 && o.bytes+n > o.limit-o.reserve {
		o.dropLocked(o.kept[rand.IntN(len(o.kept))])
	}
}

// dropLocked forgets a part, whose place the last one takes.
func (o *Opened) dropLocked(p *prunePart) {
	last := o.kept[len(o.kept)-1]
	o.kept[p.place-1], last.place = last, p.place
	o.kept[len(o.kept)-1] = nil
	o.kept = o.kept[:len(o.kept)-1]
	o.bytes -= p.bytes
	p.bytes, p.place = 0, 0
	p.opened.Store(nil)
}

// Forget lets go of all parts of a reader, of which no others are kept from now on.
func (o *Opened) Forget(r *Reader) {
	o.mu.Lock()
	defer o.mu.Unlock()
	r.forgotten = true
	for i := range r.parts {
		if p := &r.parts[i]; p.place > 0 {
			o.dropLocked(p)
		}
	}
}

// A prunePart is the prune part of a block on its way to being opened.
type prunePart struct {
	raw    atomic.Pointer[[]byte]      // as it is stored, from when it is read until it is opened
	opened atomic.Pointer[openedBlock] // nil where it is not kept

	bytes int64 // that it takes in Opened
	place int   // in there, from 1 on; 0 for none
}

// An openedBlock is a prune part that was opened, or what is wrong with it.
type openedBlock struct {
	*block.Block
	err error
}
