package storage

import (
	"context"
	"errors"

	"github.com/skaldlogs/skald/pkg/model"
	"github.com/skaldlogs/skald/pkg/scan"
	"github.com/skaldlogs/skald/pkg/storage/block"
	"github.com/skaldlogs/skald/pkg/storage/segment"
)

// ErrNoRows says that no row of a segment was copied.
var ErrNoRows = errors.New("no rows")

// A Copying says which rows of a segment are copied.
type Copying struct {
	Interval model.Interval
	// Masks hide rows that are left out; the segment is covered by all of them.
	Masks []*Mask
	// Damaged is told of each block that cannot be read and is left out. When it is
	// nil such a block ends the copying.
	Damaged func(n int, b *segment.BlockInfo, err error)
}

// Copy adds rows of a segment to w, whose labels are those of r: block by block,
// in their order. When there are none the error is [ErrNoRows].
func (c *Copying) Copy(ctx context.Context, w *segment.Writer, r *segment.Reader) error {
	var enc block.Encoder
	blocks := r.Blocks()
	total := 0
	for i := range blocks {
		info := &blocks[i]
		if !info.Interval.Overlaps(c.Interval) {
			continue
		}
		b, err := r.ReadBlockIn(ctx, i, c.Interval)
		if c.Damaged != nil && errors.Is(err, scan.ErrDamaged) {
			c.Damaged(i, info, err)
			continue
		}
		if err != nil {
			return err
		}
		rows := c.rows(r, b)
		total += len(rows)
		if len(rows) == 0 {
			continue
		}
		e, err := enc.Encode(rows)
		if err != nil {
			return err
		}
		if err := w.Add(segment.Block{Encoded: e, Order: info.Order, Group: info.Group}); err != nil {
			return err
		}
	}
	if total == 0 {
		return ErrNoRows
	}
	return nil
}

// rows are those of a batch that are not hidden.
func (c *Copying) rows(r *segment.Reader, b *scan.Batch) []block.Row {
	rows := make([]block.Row, 0, b.Rows())
	for _, run := range b.Runs {
		stream := r.Stream(uint32(run.Stream)).Labels
		var hidden []Selector
		for _, m := range c.Masks {
			if m.Selects(stream) {
				hidden = append(hidden, m.Selector(stream))
			}
		}
	row:
		for n := run.Start; n < run.End; n++ {
			for _, hides := range hidden {
				if hides(b.Timestamps[n], b.Lines[n], metadataOf(b, n)) {
					continue row
				}
			}
			rows = append(rows, block.Row{Stream: uint32(run.Stream), Timestamp: b.Timestamps[n], Line: b.Lines[n], Metadata: metadataOf(b, n)})
		}
	}
	return rows
}
