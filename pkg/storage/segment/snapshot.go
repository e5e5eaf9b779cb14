package segment

import (
	"context"
	"fmt"
	"sync"

	"github.com/RoaringBitmap/roaring/v2"
	"github.com/prometheus/prometheus/model/labels"

	"github.com/skaldlogs/skald/pkg/model"
	"github.com/skaldlogs/skald/pkg/scan"
	"github.com/skaldlogs/skald/pkg/storage/block"
)

// A snapshot is the answer to one request.
type snapshot struct {
	r      *Reader
	req    *scan.Request
	filter *block.Filters
	dir    scan.Directory
	around around // the blocks of the reader, for each block of the directory
	closed sync.Once
	picks  [][]block.Pick // of each block of the directory
	slab   slab
}

// A slab is room for the runs of many blocks.
type slab struct {
	runs  []scan.Run
	picks []block.Pick
}

// slabRuns is for how many runs there is room at a time.
const slabRuns = 512

// take returns room for n runs of a block.
func (s *slab) take(n int) ([]scan.Run, []block.Pick) {
	if n > len(s.runs) {
		s.runs, s.picks = make([]scan.Run, max(n, slabRuns)), make([]block.Pick, max(n, slabRuns))
	}
	runs, picks := s.runs[:n:n], s.picks[:n:n]
	s.runs, s.picks = s.runs[n:], s.picks[n:]
	return runs, picks
}

// Open implements [scan.Source]. It reads nothing: the index is in memory, and blocks are
// refused by those prune parts that are, too.
func (r *Reader) Open(_ context.Context, req *scan.Request) (scan.Snapshot, error) {
	return r.Snapshot(req, block.NewFilters(req.Filters))
}

// Snapshot is Open for one of many segments, which share the filters of the
// request made ready.
func (r *Reader) Snapshot(req *scan.Request, filters *block.Filters) (scan.Snapshot, error) {
	if req.Tenant != r.tenant {
		return nil, fmt.Errorf("open segment %s: it is of tenant %q, not of %q", r.id, r.tenant, req.Tenant)
	}
	s := &snapshot{r: r, req: req, filter: filters, dir: scan.Directory{Generations: r.sources}}
	r.snapshots.Add(1)
	numbers := map[uint32]int{} // in the directory
	selected := r.streams.Select(req.Matchers)
	if r.few(selected) {
		for places := r.placesOf(selected, req.Interval); len(places) > 0; {
			n := 1
			for n < len(places) && places[n].block == places[0].block {
				n++
			}
			s.add(int(places[0].block), places[:n], numbers)
			places = places[n:]
		}
		return s, nil
	}
	var places []place
	for i := range r.blocks {
		if r.blocks[i].interval.Overlaps(req.Interval) {
			places = r.appendPlaces(places[:0], i, selected, req.Interval)
			s.add(i, places, numbers)
		}
	}
	return s, nil
}

// add lists runs of block i, which ascend.
func (s *snapshot) add(i int, places []place, numbers map[uint32]int) {
	if len(places) == 0 {
		return
	}
	e := &s.r.blocks[i]
	runs, picks := s.slab.take(len(places))
	for k, p := range places {
		run := &e.runs[p.run]
		n, ok := numbers[run.Stream]
		if !ok {
			n = len(s.dir.Streams)
			numbers[run.Stream] = n
			lbls, hash := s.r.streams.Labels(run.Stream)
			s.dir.Streams = append(s.dir.Streams, scan.Stream{Labels: lbls, Hash: hash})
		}
		runs[k] = scan.Run{
			Stream: n, Interval: run.Interval, Rows: run.Rows,
			Bytes: run.Bytes, MetadataBytes: run.MetadataBytes,
		}
		picks[k] = block.Pick{Run: int(p.run), Stream: n}
	}
	opened := s.r.parts[i].opened.Load()
	refused := opened != nil && opened.err == nil && opened.Refuses(s.filter)
	s.dir.Blocks = append(s.dir.Blocks, scan.Block{Order: e.order, Runs: runs, Refused: refused})
	s.around.blocks = append(s.around.blocks, i)
	s.picks = append(s.picks, picks)
}

// Directory implements [scan.Snapshot].
func (s *snapshot) Directory() *scan.Directory { return &s.dir }

// Read implements [scan.Snapshot].
func (s *snapshot) Read(ctx context.Context, i int, want scan.Want) (*scan.Batch, error) {
	return s.r.decode(ctx, s.around.blocks[i], &s.around, &block.Question{
		Picks:    s.picks[i],
		Interval: s.req.Interval.Intersect(want.Interval),
		Columns:  want.Columns,
		Filters:  s.filter,
		Fields:   want.Fields,
		Shapes:   want.Shapes,
		List:     want.List,
		Limit:    want.Limit,
		Oldest:   want.Oldest,
		Seek:     want.Seek,
	})
}

// Close implements [scan.Snapshot]. The segment stays open. What nobody has opened of
// the prune parts that were read goes with the last snapshot.
func (s *snapshot) Close() error {
	s.closed.Do(func() {
		if s.around.loaded.Load() {
			s.r.raw.Store(true)
		}
		if s.r.snapshots.Add(-1) > 0 || !s.r.raw.Swap(false) {
			return
		}
		for i := range s.r.parts {
			if p := &s.r.parts[i]; p.raw.Load() != nil {
				p.raw.Store(nil)
			}
		}
	})
	return nil
}

// inInterval returns the streams that the matchers select and that have a run
// which overlaps the interval.
func (r *Reader) inInterval(matchers []*labels.Matcher, iv model.Interval) *roaring.Bitmap {
	selected := r.streams.Select(matchers)
	if iv.Covers(r.summary.Interval) {
		return selected
	}
	found := roaring.New()
	if r.few(selected) {
		for _, p := range r.placesOf(selected, iv) {
			found.Add(r.blocks[p.block].runs[p.run].Stream)
		}
		return found
	}
	var streams []uint32
	for i := range r.blocks {
		if !r.blocks[i].interval.Overlaps(iv) {
			continue
		}
		streams = streams[:0]
		for j := range r.blocks[i].runs {
			if run := &r.blocks[i].runs[j]; run.Interval.Overlaps(iv) {
				streams = append(streams, run.Stream)
			}
		}
		found.AddMany(streams)
	}
	found.And(selected)
	return found
}

// Streams returns the streams that the matchers select and that may have rows
// in the interval.
func (r *Reader) Streams(matchers []*labels.Matcher, iv model.Interval) []scan.Stream {
	var out []scan.Stream
	r.inInterval(matchers, iv).Iterate(func(ref uint32) bool {
		lbls, hash := r.streams.Labels(ref)
		out = append(out, scan.Stream{Labels: lbls, Hash: hash})
		return true
	})
	return out
}

// LabelNames returns the label names of those streams, sorted.
func (r *Reader) LabelNames(matchers []*labels.Matcher, iv model.Interval) []string {
	return r.streams.LabelNames(r.unlessAll(matchers, iv))
}

// LabelValues returns the values that those streams have for a label, sorted.
func (r *Reader) LabelValues(name string, matchers []*labels.Matcher, iv model.Interval) []string {
	return r.streams.LabelValues(name, r.unlessAll(matchers, iv))
}

// unlessAll is nil when every stream is meant: then names and values are read
// off the postings.
func (r *Reader) unlessAll(matchers []*labels.Matcher, iv model.Interval) *roaring.Bitmap {
	if len(matchers) == 0 && iv.Covers(r.summary.Interval) {
		return nil
	}
	return r.inInterval(matchers, iv)
}
