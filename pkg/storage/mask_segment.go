package storage

import (
	"context"

	"github.com/prometheus/prometheus/model/labels"

	"github.com/skaldlogs/skald/pkg/model"
	"github.com/skaldlogs/skald/pkg/storage/segment"
)

// A Selector says whether a mask hides a row of one stream. It belongs to one
// goroutine.
type Selector func(ts int64, line string, m model.Metadata) bool

// Selector returns what m says of the rows of a stream that it selects.
func (m *Mask) Selector(stream labels.Labels) Selector {
	if m.Rows == nil {
		return func(ts int64, _ string, _ model.Metadata) bool { return m.Interval.Contains(ts) }
	}
	rows := m.Rows(stream)
	return func(ts int64, line string, md model.Metadata) bool {
		return m.Interval.Contains(ts) && rows(ts, line, md)
	}
}

// Any reports whether m selects a row of a segment, whose rows it covers.
func (m *Mask) Any(ctx context.Context, r *segment.Reader) (bool, error) {
	n, err := m.count(ctx, r, 1)
	return n > 0, err
}

// Count returns how many rows of a segment m selects.
func (m *Mask) Count(ctx context.Context, r *segment.Reader) (int64, error) {
	return m.count(ctx, r, -1)
}

// count stops once it has found enough; -1 is all.
func (m *Mask) count(ctx context.Context, r *segment.Reader, enough int64) (total int64, err error) {
	blocks := r.Blocks()
	for i := range blocks {
		if !m.mayHide(r, &blocks[i]) {
			continue
		}
		b, err := r.ReadBlockIn(ctx, i, m.Interval)
		if err != nil {
			return total, err
		}
		for _, run := range b.Runs {
			stream := r.Stream(uint32(run.Stream)).Labels
			if !m.Selects(stream) {
				continue
			}
			selects := m.Selector(stream)
			for n := run.Start; n < run.End; n++ {
				if selects(b.Timestamps[n], b.Lines[n], metadataOf(b, n)) {
					total++
				}
				if total == enough {
					return total, nil
				}
			}
		}
	}
	return total, nil
}

// mayHide reports whether a block has rows of the streams and the time of m.
func (m *Mask) mayHide(r *segment.Reader, info *segment.BlockInfo) bool {
	for i := range info.Runs {
		run := &info.Runs[i]
		if run.Interval.Overlaps(m.Interval) && m.Selects(r.Stream(run.Stream).Labels) {
			return true
		}
	}
	return false
}
