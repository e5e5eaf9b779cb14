package segment

import (
	"cmp"
	"slices"

	"github.com/RoaringBitmap/roaring/v2"

	"github.com/skaldlogs/skald/pkg/model"
)

// A place is a run of a block.
type place struct{ block, run uint32 }

// places are the runs of each stream: those of stream n are at[start[n]:start[n+1]],
// in the order of blocks. With them a request for few streams costs what these
// have, and not a look at each run of the segment.
type places struct {
	start []uint32
	at    []place
}

// fewer says how many times as many streams there are than a request is about
// when it goes by places; a look at every run is cheaper for each of them.
const fewer = 8

// few reports whether to go by places.
func (r *Reader) few(selected *roaring.Bitmap) bool {
	return selected.GetCardinality()*fewer < uint64(r.streams.Len())
}

// places returns the runs of all streams, which are brought into this order when
// they are first asked for.
func (r *Reader) places() *places {
	r.placing.Do(func() {
		p := &places{start: make([]uint32, r.streams.Len()+1)}
		n := 0
		for i := range r.blocks {
			n += len(r.blocks[i].runs)
			for j := range r.blocks[i].runs {
				p.start[r.blocks[i].runs[j].Stream+1]++
			}
		}
		for i := 1; i < len(p.start); i++ {
			p.start[i] += p.start[i-1]
		}
		p.at = make([]place, n)
		next := slices.Clone(p.start[:r.streams.Len()])
		for i := range r.blocks {
			for j := range r.blocks[i].runs {
				s := r.blocks[i].runs[j].Stream
				p.at[next[s]] = place{uint32(i), uint32(j)}
				next[s]++
			}
		}
		r.placed = p
	})
	return r.placed
}

// placesOf returns the runs of streams that overlap an interval, in the order of
// blocks and of the runs in them.
func (r *Reader) placesOf(streams *roaring.Bitmap, iv model.Interval) []place {
	all := r.places()
	var out []place
	streams.Iterate(func(s uint32) bool {
		for _, p := range all.at[all.start[s]:all.start[s+1]] {
			if r.blocks[p.block].runs[p.run].Interval.Overlaps(iv) {
				out = append(out, p)
			}
		}
		return true
	})
	slices.SortFunc(out, func(a, b place) int { return cmp.Or(cmp.Compare(a.block, b.block), cmp.Compare(a.run, b.run)) })
	return out
}

// appendPlaces appends the runs of block i that overlap an interval and are of
// selected streams.
func (r *Reader) appendPlaces(dst []place, i int, selected *roaring.Bitmap, iv model.Interval) []place {
	runs := r.blocks[i].runs
	for j := range runs {
		if run := &runs[j]; run.Interval.Overlaps(iv) && selected.Contains(run.Stream) {
			dst = append(dst, place{uint32(i), uint32(j)})
		}
	}
	return dst
}
