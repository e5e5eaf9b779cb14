package segment

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"sync/atomic"

	"github.com/skaldlogs/skald/pkg/scan"
	"github.com/skaldlogs/skald/pkg/storage/block"
)

// gap is how many bytes that nobody wants are read along with those around them,
// from a source that is near: copying them takes about as long as another read.
const gap = 16 << 10

// around are the blocks that somebody goes through.
type around struct {
	blocks []int
	loaded atomic.Bool // what was missing of their prune parts was read
}

// block returns the opened prune part of block i, which is in around. The first time
// that one is not in memory, those of all blocks around it are read at once, while
// others wait; what is gone again by the time it is needed is read by itself.
func (r *Reader) block(ctx context.Context, i int, of *around) (*block.Block, error) {
	p := &r.parts[i]
	for {
		if o := p.opened.Load(); o != nil {
			return o.Block, o.err
		}
		if raw := p.raw.Load(); raw != nil {
			// Several may open it at a time, and have the same.
			o := &openedBlock{}
			if o.Block, o.err = r.blocks[i].open(*raw); o.err == nil {
				o.KeepIn(r.hot, r.number+uint64(i))
			}
			r.opened.keep(r, p, o)
			p.raw.Store(nil)
			return o.Block, o.err
		}
		select {
		case r.loading <- struct{}{}:
		case <-ctx.Done():
			return nil, ctx.Err()
		}
		blocks := of.blocks
		if of.loaded.Swap(true) {
			blocks = []int{i}
		}
		err := r.load(ctx, blocks)
		<-r.loading
		if err != nil {
			of.loaded.Store(false)
			return nil, fmt.Errorf("read the prune parts: %w", err)
		}
	}
}

// Warm opens the prune parts of all blocks that there is room for, so that the first
// query does not have to. What is wrong with one is told by who needs it.
func (r *Reader) Warm(ctx context.Context) error {
	of := around{blocks: make([]int, len(r.blocks))}
	for i := range of.blocks {
		of.blocks[i] = i
	}
	defer func() {
		for i := range r.parts {
			r.parts[i].raw.Store(nil)
		}
	}()
	for i := range r.blocks {
		if r.opened.full() {
			return nil
		}
		if _, err := r.block(ctx, i, &of); err != nil && !errors.Is(err, scan.ErrDamaged) {
			return err
		}
	}
	return nil
}

// load reads the prune parts that are not in memory.
func (r *Reader) load(ctx context.Context, around []int) error {
	var missing []int
	for _, i := range around {
		if p := &r.parts[i]; p.raw.Load() == nil && p.opened.Load() == nil {
			missing = append(missing, i)
		}
	}
	// The directory has them in another order than the segment.
	slices.SortFunc(missing, func(a, b int) int { return cmp.Compare(r.blocks[a].prune.off, r.blocks[b].prune.off) })
	for len(missing) > 0 {
		n := 1
		for n < len(missing) && r.blocks[missing[n]].prune.off-r.blocks[missing[n-1]].prune.end() <= pruneGap {
			n++
		}
		first, last := r.blocks[missing[0]].prune, r.blocks[missing[n-1]].prune
		buf := make([]byte, last.end()-first.off)
		if err := readFull(ctx, r.src, buf, first.off); err != nil {
			return err
		}
		for _, i := range missing[:n] {
			at := r.blocks[i].prune
			// The parts that nobody opens must not keep those that are.
			raw := append(make([]byte, 0, at.len), buf[at.off-first.off:][:at.len]...)
			r.parts[i].raw.Store(&raw)
		}
		missing = missing[n:]
	}
	return nil
}

// pruneGap is the same for prune parts. They are small, and a far source takes a
// request for each: it is worth a lot to have one.
const pruneGap = 1 << 20

// decode reads rows of block i, one of those in around.
func (r *Reader) decode(ctx context.Context, i int, of *around, q *block.Question) (*scan.Batch, error) {
	e := &r.blocks[i]
	b, err := r.block(ctx, i, of)
	if err == nil {
		bufs := buffers.Get().(*readBuffers)
		defer bufs.release()
		read := func(ranges []block.Range) ([]block.Piece, error) { return r.pieces(ctx, e, ranges, bufs) }
		var batch *scan.Batch
		if batch, err = b.Decode(read, e.runs, q); err == nil {
			return batch, nil
		}
	}
	return nil, fmt.Errorf("read segment %s: block %d at offset %d: %w", r.id, i, e.data.off, err)
}

// pieces reads ranges of the data part of a block.
func (r *Reader) pieces(ctx context.Context, e *entry, ranges []block.Range, bufs *readBuffers) ([]block.Piece, error) {
	for _, g := range ranges {
		if g.Off < 0 || g.N < 0 || g.Off > int64(e.data.len) || g.N > e.data.len-int(g.Off) {
			return nil, damagedf("bytes %d to %d of a data part of %d", g.Off, g.Off+int64(g.N), e.data.len)
		}
	}
	src, ok := r.src.(PieceSource)
	if !ok {
		return r.near(ctx, e, ranges, bufs)
	}
	at := make([]block.Range, len(ranges))
	for i, g := range ranges {
		at[i] = block.Range{Off: e.data.off + g.Off, N: g.N}
	}
	pieces, err := src.ReadPieces(ctx, at)
	for i := range pieces {
		pieces[i].Off -= e.data.off
	}
	return pieces, err
}

// near reads ranges into buffers, near ones at once.
func (r *Reader) near(ctx context.Context, e *entry, ranges []block.Range, bufs *readBuffers) ([]block.Piece, error) {
	var pieces []block.Piece
	for len(ranges) > 0 {
		n, end := 1, ranges[0].Off+int64(ranges[0].N)
		for n < len(ranges) && ranges[n].Off-end <= gap {
			end = ranges[n].Off + int64(ranges[n].N)
			n++
		}
		off := ranges[0].Off
		buf := bufs.take(int(end - off))
		if err := readFull(ctx, r.src, buf, e.data.off+off); err != nil {
			return nil, err
		}
		pieces = append(pieces, block.Piece{Off: off, Data: buf})
		ranges = ranges[n:]
	}
	return pieces, nil
}

// readBuffers are what the data of one block is read into, while it is decoded.
type readBuffers struct {
	free [][]byte
	used [][]byte
}

var buffers = sync.Pool{New: func() any { return new(readBuffers) }}

// maxKept is how much memory may wait for the next block.
const maxKept = 8 << 20

func (b *readBuffers) take(n int) []byte {
	var buf []byte
	if last := len(b.free) - 1; last >= 0 {
		buf, b.free = b.free[last], b.free[:last]
	}
	if cap(buf) < n {
		buf = make([]byte, n)
	}
	b.used = append(b.used, buf)
	return buf[:n]
}

func (b *readBuffers) release() {
	b.free = append(b.free, b.used...)
	b.used = b.used[:0]
	kept := 0
	for _, buf := range b.free {
		kept += cap(buf)
	}
	if kept <= maxKept {
		buffers.Put(b)
	}
}
