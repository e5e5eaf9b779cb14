package segment

import (
	"context"
	"fmt"

	"github.com/skaldlogs/skald/pkg/model"
	"github.com/skaldlogs/skald/pkg/scan"
	"github.com/skaldlogs/skald/pkg/storage/block"
)

// A Damage is a part of a segment that cannot be read.
type Damage struct {
	Part   string // "header", or "block 3"
	Offset int64
	Err    error
}

func (d Damage) String() string { return fmt.Sprintf("%s at offset %d: %v", d.Part, d.Offset, d.Err) }

// A BlockInfo describes one block of a segment.
type BlockInfo struct {
	Group       string
	Order       scan.Order
	Interval    model.Interval
	Rows        int
	Bytes       int64 // of lines and metadata
	DataOffset  int64
	DataBytes   int
	PruneOffset int64
	PruneBytes  int
	Runs        []block.Run // Stream is the number that Stream takes
}

// Blocks describes the blocks, in the order of the directory.
func (r *Reader) Blocks() []BlockInfo {
	out := make([]BlockInfo, len(r.blocks))
	for i := range r.blocks {
		e := &r.blocks[i]
		out[i] = BlockInfo{
			Group: r.groups[e.group], Order: e.order, Interval: e.interval, Rows: e.rows,
			DataOffset: e.data.off, DataBytes: e.data.len, PruneOffset: e.prune.off, PruneBytes: e.prune.len,
			Runs: e.runs,
		}
		for j := range e.runs {
			out[i].Bytes += e.runs[j].Bytes + e.runs[j].MetadataBytes
		}
	}
	return out
}

// ReadBlock reads all rows of a block, whose batch's streams are numbers that
// Stream takes.
func (r *Reader) ReadBlock(ctx context.Context, i int) (*scan.Batch, error) {
	return r.ReadBlockIn(ctx, i, model.Ever)
}

// ReadBlockIn reads the rows of a block that lie in an interval.
func (r *Reader) ReadBlockIn(ctx context.Context, i int, iv model.Interval) (*scan.Batch, error) {
	runs := r.blocks[i].runs
	q := &block.Question{Interval: iv, Columns: scan.Lines | scan.Metadata | scan.Sizes}
	for j := range runs {
		if runs[j].Interval.Overlaps(iv) {
			q.Picks = append(q.Picks, block.Pick{Run: j, Stream: int(runs[j].Stream)})
		}
	}
	// Whoever reads a whole segment goes on with the next.
	next := make([]int, 0, nextBlocks)
	for n := i; n < min(i+nextBlocks, len(r.blocks)); n++ {
		next = append(next, n)
	}
	return r.decode(ctx, i, &around{blocks: next}, q)
}

// nextBlocks is how many prune parts are read at once by who reads block by block.
const nextBlocks = 32

// Stream returns the stream of a number.
func (r *Reader) Stream(n uint32) scan.Stream {
	lbls, hash := r.streams.Labels(n)
	return scan.Stream{Labels: lbls, Hash: hash}
}

// Verify reads every byte and every row, and returns what is damaged. The index
// was verified by Open. An error means that it could not be told.
func (r *Reader) Verify(ctx context.Context) ([]Damage, error) {
	var damages []Damage
	header := make([]byte, headerLen)
	err := readFull(ctx, r.src, header, 0)
	if err == nil {
		err = checkHeader(header, r.id)
	}
	if err != nil {
		damages = append(damages, Damage{Part: "header", Err: err})
	}
	for i := range r.blocks {
		if ctx.Err() != nil {
			return damages, ctx.Err()
		}
		batch, err := r.ReadBlock(ctx, i)
		if err == nil {
			err = r.blocks[i].checkTotals(batch)
		}
		if err != nil {
			damages = append(damages, Damage{Part: fmt.Sprintf("block %d", i), Offset: r.blocks[i].data.off, Err: err})
		}
	}
	return damages, nil
}

// checkTotals compares the rows of a block with what the directory says.
func (e *entry) checkTotals(b *scan.Batch) error {
	for i, run := range b.Runs {
		lines, metadata := int64(0), int64(0)
		for row := run.Start; row < run.End; row++ {
			lines += int64(len(b.Lines[row]))
			if b.Metadata != nil {
				metadata += int64(b.Metadata[row].Bytes())
			}
		}
		if want := &e.runs[i]; lines != want.Bytes || metadata != want.MetadataBytes {
			return damagedf("run %d has %d bytes of lines and %d of metadata, want %d and %d", i, lines, metadata, want.Bytes, want.MetadataBytes)
		}
	}
	return nil
}
