package ingester

import (
	"github.com/go-kit/log/level"

	"github.com/skaldlogs/skald/pkg/guard"
	"github.com/skaldlogs/skald/pkg/storage/block"
)

// Rows that queries look at again and again are sealed early: into blocks that stand
// in for the rows until their buffer is sealed as a whole. Sealing a row costs about as
// much as ten looks at it, and spares most of each later one. Rows that nobody asks for
// are sealed once, as ever.
const (
	// earlyBytes is how many bytes of rows are worth a block.
	earlyBytes = 1 << 20
	// earlyLooks is how often rows are looked at before.
	earlyLooks = 3
	// maxEarly is how often that is done to one buffer. Each time takes a place in
	// the order of arrival, as the rows behind do.
	maxEarly = 62
	// placesOfBuffer is how many places a buffer has.
	placesOfBuffer = maxEarly + 2
	// earlyQueue is how many buffers may wait for it, and stay in memory as long.
	earlyQueue = 16
)

// early is what was sealed of an open buffer. Its group guards it.
type early struct {
	blocks []sealedBlock
	times  int   // that blocks were made
	rows   int   // of the buffer that are in them, its first
	bytes  int   // of those rows
	held   int64 // footprint of the blocks
	looked int   // bytes of other rows that were looked at
	busy   bool  // it is about to be sealed
}

// looked notes that a query looked at the rows of b that were in no block, n bytes,
// and reports whether they should be sealed.
func (g *group) looked(b *buffer, n int) bool {
	if n < earlyBytes || g.head.gen.memory.pressed() {
		return false
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	e := &b.early
	e.looked += n
	if e.busy || e.times == maxEarly || e.looked < earlyLooks*(b.bytes-e.bytes) || b.bytes-e.bytes < earlyBytes {
		return false
	}
	e.busy = true
	return true
}

// sealEarly makes blocks of the rows of b that are in none, unless b was sealed while it
// waited or memory became short.
func (g *group) sealEarly(s *sealer, b *buffer) error {
	g.mu.Lock()
	e := &b.early
	if !g.holds(b) || g.head.gen.memory.pressed() {
		e.busy = false
		g.mu.Unlock()
		return nil
	}
	v, bytes, place := b.rest(), b.bytes, b.place+uint32(e.times)
	g.mu.Unlock()
	var blocks []block.Encoded
	err := guard.Do(func() (err error) {
		blocks, err = s.encode(&v)
		return err
	})
	if err != nil {
		*s = sealer{} // nobody knows in what state it was left
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	e.busy = false
	if err != nil {
		e.times = maxEarly // not again
		return err
	}
	if !g.holds(b) {
		return nil // all of it was sealed meanwhile
	}
	held := int64(0)
	for _, enc := range blocks {
		held += encodedFootprint(&enc)
		e.blocks = append(e.blocks, sealedBlock{Encoded: enc, place: place, opening: &opening{}})
	}
	e.times++
	e.rows += len(v.rows)
	e.bytes, e.looked = bytes, 0
	e.held += held
	g.head.grow(held)
	return nil
}

// holds reports whether b is not sealed yet. The group is locked.
func (g *group) holds(b *buffer) bool {
	for _, w := range g.waiting {
		if w == b {
			return true
		}
	}
	return g.open == b
}

// rest is a view of the rows that are in no block. The group is locked.
func (b *buffer) rest() view {
	v := b.view()
	v.rows = v.rows[b.early.rows:]
	return v
}

// sealEarly has the rows of a buffer sealed by a worker of its own, which pushes do not
// wait for, if that is not behind already.
func (s *sealers) sealEarly(g *group, b *buffer) {
	select {
	case s.early <- sealJob{group: g, buf: b}:
	default:
		g.mu.Lock()
		b.early.busy = false
		g.mu.Unlock()
	}
}

// startEarly starts that worker. Its working memory goes when it has nothing to do. What
// waits when the sealers stop is not sealed early any more.
func (s *sealers) startEarly() {
	s.wg.Go(func() {
		for {
			var w sealer
			select {
			case <-s.quit:
				return
			case j := <-s.early:
				for more := true; more; {
					select {
					case <-s.quit:
						return
					default:
					}
					if err := j.group.sealEarly(&w, j.buf); err != nil {
						level.Error(s.ing.logger).Log("msg", "rows could not be sealed early; queries look at them as they are",
							"err", err, "tenant", j.group.head.tenant.id)
					}
					select {
					case j = <-s.early:
					default:
						more = false
					}
				}
			}
		}
	})
}
