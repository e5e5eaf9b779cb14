package storage

import (
	"context"
	"fmt"
	"slices"

	"github.com/prometheus/prometheus/model/labels"

	"github.com/skaldlogs/skald/pkg/model"
	"github.com/skaldlogs/skald/pkg/scan"
	"github.com/skaldlogs/skald/pkg/storage/catalog"
)

// A Deletion is what a delete request selects, as its query says.
type Deletion struct {
	// Matchers select the streams.
	Matchers []*labels.Matcher
	// Rows returns what selects rows of a stream, for one goroutine; nil when all
	// rows are selected. The line and the metadata are those that were pushed.
	Rows func(stream labels.Labels) func(ts int64, line string, m model.Metadata) bool
}

// A Mask hides what a delete request deletes.
type Mask struct {
	*catalog.Delete
	Deletion
}

// Selects reports whether rows of a stream may be deleted.
func (m *Mask) Selects(stream labels.Labels) bool {
	for _, matcher := range m.Matchers {
		if !matcher.Matches(stream.Get(matcher.Name)) {
			return false
		}
	}
	return true
}

// Masks returns what hides rows of a tenant within an interval. The warnings
// tell of requests that cannot be honoured, since they cannot be read.
func (s *Store) Masks(tenant string, interval model.Interval) (masks []*Mask, warnings []string) {
	return s.masks(s.catalog.Snapshot(tenant), interval)
}

func (s *Store) masks(snap *catalog.Snapshot, interval model.Interval) (masks []*Mask, warnings []string) {
	for _, d := range snap.Deletes {
		if !d.Interval.Overlaps(interval) {
			continue
		}
		deletion, err := s.compile(d.Query)
		if err != nil {
			warnings = append(warnings, fmt.Sprintf("the answer may hold deleted entries: delete request %s cannot be understood: %v", d.ID, err))
			continue
		}
		masks = append(masks, &Mask{Delete: d, Deletion: deletion})
	}
	for _, d := range snap.Damaged {
		if d.Delete {
			warnings = append(warnings, fmt.Sprintf("the answer may hold deleted entries: %s cannot be read: %v", d.Object, d.Err))
		}
	}
	return masks, warnings
}

// Hide returns the snapshot without the rows that masks hide. It takes over the
// snapshot. covers says which of the blocks have rows that were there when a
// request was accepted: all or none of a block.
func Hide(snap scan.Snapshot, masks []*Mask, covers func(*Mask, *scan.Block) bool) scan.Snapshot {
	if len(masks) == 0 {
		return snap
	}
	dir := snap.Directory()
	byStream := make([][]*Mask, len(dir.Streams))
	some := false
	for n := range dir.Streams {
		for _, mask := range masks {
			if mask.Selects(dir.Streams[n].Labels) {
				byStream[n] = append(byStream[n], mask)
				some = true
			}
		}
	}
	if !some {
		return snap
	}
	return hideStreams(snap, byStream, covers)
}

// hideStreams hides what the masks of each stream hide.
func hideStreams(snap scan.Snapshot, byStream [][]*Mask, covers func(*Mask, *scan.Block) bool) scan.Snapshot {
	dir := snap.Directory()
	m := &masked{Snapshot: snap, dir: *dir}
	m.dir.Blocks = nil
	touched := false
	for n := range dir.Blocks {
		b := m.block(n, byStream, covers)
		touched = touched || b.touched
		if len(b.listed.Runs) > 0 {
			m.blocks = append(m.blocks, b)
			m.dir.Blocks = append(m.dir.Blocks, b.listed)
		}
	}
	if !touched {
		return snap
	}
	return m
}

// A masked is a snapshot some of whose rows are hidden.
type masked struct {
	scan.Snapshot
	dir    scan.Directory
	blocks []maskedBlock // of dir.Blocks
}

// A maskedBlock is a block as far as it is not hidden.
type maskedBlock struct {
	number  int // in the snapshot below
	listed  scan.Block
	touched bool
	// masks are those of each stream that has rows to hide; a stream that is
	// hidden as a whole has an entry that is nil.
	masks map[int][]*Mask
	lines bool // it takes lines to tell
}

// block lists what is left of a block.
func (m *masked) block(n int, byStream [][]*Mask, covers func(*Mask, *scan.Block) bool) maskedBlock {
	in := &m.Snapshot.Directory().Blocks[n]
	b := maskedBlock{number: n, listed: *in}
	var applies []*Mask
	asked := map[*Mask]bool{}
	for i := range in.Runs {
		run := &in.Runs[i]
		whole := false
		applies = applies[:0]
		for _, mask := range byStream[run.Stream] {
			if !mask.Interval.Overlaps(run.Interval) {
				continue
			}
			covered, known := asked[mask]
			if !known {
				covered = covers(mask, in)
				asked[mask] = covered
			}
			if covered {
				applies = append(applies, mask)
				whole = whole || mask.Rows == nil && mask.Interval.Intersect(run.Interval) == run.Interval
			}
		}
		if len(applies) == 0 {
			if b.touched {
				b.listed.Runs = append(b.listed.Runs, *run)
			}
			continue
		}
		if !b.touched {
			b.touched = true
			b.listed.Runs = slices.Clone(in.Runs[:i])
			b.masks = map[int][]*Mask{}
		}
		if whole {
			b.masks[run.Stream] = nil
			continue
		}
		b.masks[run.Stream] = slices.Clone(applies)
		for _, mask := range applies {
			b.lines = b.lines || mask.Rows != nil
		}
		rest := *run
		rest.Unsorted = true // its counts are not those of what can be seen
		b.listed.Runs = append(b.listed.Runs, rest)
	}
	return b
}

// Directory implements [scan.Snapshot].
func (m *masked) Directory() *scan.Directory { return &m.dir }

// Read implements [scan.Snapshot].
func (m *masked) Read(ctx context.Context, i int, want scan.Want) (*scan.Batch, error) {
	b := &m.blocks[i]
	if !b.touched {
		return m.Snapshot.Read(ctx, b.number, want)
	}
	want.Limit = 0 // rows may be hidden of those that it would leave
	want.Shapes, want.List = nil, nil
	if want.Fields != nil {
		want.Fields = nil
		want.Columns |= scan.Lines | scan.Metadata
	}
	wanted := want
	want.Limit = 0 // the latest rows may be hidden
	if b.lines {
		// Fields are left to the stages: they get what they work on.
		want.Fields = nil
		want.Columns |= scan.Lines | scan.Metadata
	}
	batch, err := m.Snapshot.Read(ctx, b.number, want)
	if err != nil {
		return nil, err
	}
	out := *batch
	if b.lines && wanted.Fields == nil {
		if !wanted.Columns.Has(scan.Lines) && !wanted.Columns.Has(scan.LinesToFilter) {
			out.Lines = nil
		}
		if !wanted.Columns.Has(scan.Metadata) {
			out.Metadata = nil
		}
	}
	return out.Keep(b.visible(m.dir.Streams, batch)), nil
}

// visible are the rows of a batch that are not hidden.
func (b *maskedBlock) visible(streams []scan.Stream, batch *scan.Batch) *scan.Bitset {
	keep := scan.NewBitset(batch.Rows(), true)
	times := batch.AllTimes()
	for _, run := range batch.Runs {
		masks, touched := b.masks[run.Stream]
		switch {
		case !touched:
			continue
		case masks == nil:
			for n := run.Start; n < run.End; n++ {
				keep.Clear(n)
			}
			continue
		}
		for _, mask := range masks {
			selects := mask.Selector(streams[run.Stream].Labels)
			for n := run.Start; n < run.End; n++ {
				line := "" // whoever has a say about lines wanted them
				if batch.Lines != nil {
					line = batch.Lines[n]
				}
				if selects(times[n], line, metadataOf(batch, n)) {
					keep.Clear(n)
				}
			}
		}
	}
	return keep
}

func metadataOf(b *scan.Batch, n int) model.Metadata {
	if b.Metadata == nil {
		return nil
	}
	return b.Metadata[n]
}
