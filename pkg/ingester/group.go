package ingester

import (
	"slices"
	"sync"

	"github.com/skaldlogs/skald/pkg/guard"
	"github.com/skaldlogs/skald/pkg/model"
	"github.com/skaldlogs/skald/pkg/storage/block"
)

// A block is sealed from this much: bytes of lines and metadata, or rows. A row
// that is larger than that has a block of its own.
const (
	sealBytes = 4 << 20
	sealRows  = 1 << 20
	// ownBlockBytes is how much of one stream in a buffer earns it a block of
	// its own, rather than a share in the group's.
	ownBlockBytes = 2 << 20
)

// A group is the streams of one head whose lines are likely alike, since they
// come from the same service and container. They share blocks, so that a
// million small streams fill blocks as well as a large one does.
//
// Rows go from the open buffer to the buffers that wait for a sealer to the
// sealed blocks, and are readable at each station; in the first two they may be in
// blocks, too, that were made of them early. Each move is made under mu,
// so that a reader sees every row exactly once.
type group struct {
	head *head

	mu      sync.Mutex // guards the fields below
	open    *buffer
	waiting []*buffer // sealers are at work on them
	sealed  []sealedBlock
	place   uint32 // of the next buffer
}

// A sealedBlock is encoded, and lies in memory or, when a replay ran out of it,
// in the generation's spill file.
type sealedBlock struct {
	block.Encoded
	place   uint32
	spilled spillRef // where Data lies when Encoded.Data is nil
	opening *opening
}

// An opening is the prune part of a sealed block, opened when it is first needed.
type opening struct {
	once  sync.Once // guards the making of the fields below
	block *block.Block
	err   error
}

// open returns the opened prune part, whose columns queries keep in hot.
func (b *sealedBlock) open(hot *block.Hot) (*block.Block, error) {
	o := b.opening
	o.once.Do(func() {
		if o.block, o.err = block.Open(b.Prune); o.err == nil {
			o.block.KeepIn(hot, hot.Numbers(1))
		}
	})
	return o.block, o.err
}

// append adds entries of hs. Buffers that are full are appended to full, to
// be sealed by the caller.
func (g *group) append(hs *headStream, entries []model.Entry, full []*buffer) []*buffer {
	g.mu.Lock()
	var grown int64
	if g.open != nil {
		grown = -g.open.footprint()
	}
	for i := range entries {
		e := &entries[i]
		if g.open != nil && g.open.full(e.Bytes()) {
			grown += g.open.footprint()
			full = append(full, g.open)
			g.waiting = append(g.waiting, g.open)
			g.open = nil
		}
		if g.open == nil {
			g.open = &buffer{place: g.place}
			g.place += placesOfBuffer
		}
		g.open.append(hs.ref, e)
		hs.interval = hs.interval.Extend(e.Timestamp)
	}
	if g.open != nil {
		grown += g.open.footprint()
	}
	g.mu.Unlock()
	g.head.grow(grown)
	return full
}

// cut hands out the open buffer, to be sealed however small it is.
func (g *group) cut() *buffer {
	g.mu.Lock()
	defer g.mu.Unlock()
	b := g.open
	if b == nil {
		return nil
	}
	g.waiting = append(g.waiting, b)
	g.open = nil
	return b
}

// seal encodes b, a buffer that append or cut handed out, and puts the blocks
// in its place.
func (g *group) seal(s *sealer, b *buffer) error {
	// Nothing appends to b any more, so its view needs no lock.
	v := b.view()
	var blocks []block.Encoded
	err := guard.Do(func() (err error) {
		blocks, err = s.encode(&v)
		return err
	})
	if err != nil {
		*s = sealer{} // nobody knows in what state it was left
		return err
	}
	var grown int64
	g.mu.Lock()
	if i := slices.Index(g.waiting, b); i >= 0 {
		g.waiting = slices.Delete(g.waiting, i, i+1) // which lets go of b
	}
	for _, enc := range blocks {
		g.sealed = append(g.sealed, sealedBlock{Encoded: enc, place: b.place, opening: &opening{}})
		grown += encodedFootprint(&enc)
	}
	grown -= b.footprint()
	g.mu.Unlock()
	g.head.grow(grown)
	return nil
}

// encodedFootprint is how much memory a sealed block holds on to. Its prune part takes
// about twice as much again once it is opened.
func encodedFootprint(e *block.Encoded) int64 {
	return int64(3*len(e.Prune)+len(e.Data)) + int64(len(e.Runs))*64 + 256
}

// A sealer turns buffers into blocks. It is used by one goroutine at a time and
// keeps its working memory.
type sealer struct {
	enc   block.Encoder
	rows  []block.Row
	bytes map[uint32]int // of each stream in the buffer at hand
}

// encode makes the blocks of a buffer: one for each stream that is large
// enough, and one for all the others.
func (s *sealer) encode(v *view) ([]block.Encoded, error) {
	if s.bytes == nil {
		s.bytes = map[uint32]int{}
	}
	clear(s.bytes)
	for i := range v.rows {
		s.bytes[v.rows[i].stream] += int(v.rows[i].length)
	}
	var out []block.Encoded
	one := func(keep func(*row) bool) error {
		s.rows = v.appendRows(s.rows[:0], keep)
		if len(s.rows) == 0 {
			return nil
		}
		enc, err := s.enc.Encode(s.rows)
		clear(s.rows) // the arena must not live as long as the sealer
		if err == nil {
			out = append(out, enc)
		}
		return err
	}
	if len(s.bytes) == 1 {
		err := one(nil)
		return out, err
	}
	small := false
	for stream, n := range s.bytes {
		if n < ownBlockBytes {
			small = true
			continue
		}
		if err := one(func(r *row) bool { return r.stream == stream }); err != nil {
			return nil, err
		}
	}
	if !small {
		return out, nil
	}
	err := one(func(r *row) bool { return s.bytes[r.stream] < ownBlockBytes })
	return out, err
}
