package scan

import (
	"context"
	"errors"
	"slices"

	"github.com/prometheus/prometheus/model/labels"
)

// Join makes one snapshot of several, in the given order: their streams are
// numbered anew, by labels, and their blocks follow each other. Closing it
// closes all of them.
func Join(snaps ...Snapshot) Snapshot {
	if len(snaps) == 1 {
		return snaps[0]
	}
	j := &joined{snaps: snaps}
	byHash := map[uint64][]int{} // numbers in dir
	for n, s := range snaps {
		d := s.Directory()
		j.dir.Generations = append(j.dir.Generations, d.Generations...)
		j.dir.Warnings = append(j.dir.Warnings, d.Warnings...)
		to, same := make([]int, len(d.Streams)), true
		for i, stream := range d.Streams {
			number := -1
			for _, n := range byHash[stream.Hash] {
				if labels.Equal(j.dir.Streams[n].Labels, stream.Labels) {
					number = n
				}
			}
			if number < 0 {
				number = len(j.dir.Streams)
				byHash[stream.Hash] = append(byHash[stream.Hash], number)
				j.dir.Streams = append(j.dir.Streams, stream)
			}
			to[i] = number
			same = same && number == i
		}
		if same {
			to = nil
		}
		j.streams = append(j.streams, to)
		j.dir.Blocks = slices.Grow(j.dir.Blocks, len(d.Blocks))
		j.blocks = slices.Grow(j.blocks, len(d.Blocks))
		for i := range d.Blocks {
			j.blocks = append(j.blocks, place{n, i})
		}
		j.dir.Blocks = append(j.dir.Blocks, d.Blocks...)
		if !same {
			renumber(j.dir.Blocks[len(j.dir.Blocks)-len(d.Blocks):], to)
		}
	}
	return j
}

// renumber gives blocks runs of their own, with other numbers for their streams.
func renumber(blocks []Block, to []int) {
	all := 0
	for i := range blocks {
		all += len(blocks[i].Runs)
	}
	runs := make([]Run, 0, all)
	for i := range blocks {
		start := len(runs)
		runs = append(runs, blocks[i].Runs...)
		blocks[i].Runs = runs[start:len(runs):len(runs)]
	}
	for r := range runs {
		runs[r].Stream = to[runs[r].Stream]
	}
}

// A joined is several snapshots as one.
type joined struct {
	snaps   []Snapshot
	dir     Directory
	streams [][]int // by snapshot: the number of each of its streams in dir; nil where it is the same
	blocks  []place // by block of dir
}

// A place is a block of one of the snapshots.
type place struct{ snap, block int }

func (j *joined) Directory() *Directory { return &j.dir }

func (j *joined) Read(ctx context.Context, i int, want Want) (*Batch, error) {
	at := j.blocks[i]
	b, err := j.snaps[at.snap].Read(ctx, at.block, want)
	to := j.streams[at.snap]
	if err != nil || to == nil {
		return b, err
	}
	runs := make([]BatchRun, len(b.Runs))
	for n, r := range b.Runs {
		r.Stream = to[r.Stream]
		runs[n] = r
	}
	out := *b
	out.Runs = runs
	return &out, nil
}

func (j *joined) Close() error {
	var errs []error
	for _, s := range j.snaps {
		errs = append(errs, s.Close())
	}
	return errors.Join(errs...)
}
