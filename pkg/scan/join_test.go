package scan

import (
	"context"
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/prometheus/prometheus/model/labels"

	"github.com/skaldlogs/skald/pkg/seeds"
)

// A listing is a snapshot of blocks with one row of each run.
type listing struct{ dir Directory }

func (l *listing) Directory() *Directory { return &l.dir }
func (l *listing) Close() error          { return nil }

func (l *listing) Read(_ context.Context, i int, _ Want) (*Batch, error) {
	b := &Batch{}
	for n, r := range l.dir.Blocks[i].Runs {
		b.Timestamps = append(b.Timestamps, int64(r.Rows))
		b.Runs = append(b.Runs, BatchRun{Stream: r.Stream, Start: n, End: n + 1})
	}
	return b, nil
}

// rowsOf are the rows of a snapshot by the labels of their streams, as the directory
// has them and as they are read.
func rowsOf(t *testing.T, s Snapshot) (listed, read []string) {
	t.Helper()
	d := s.Directory()
	for i, b := range d.Blocks {
		for _, r := range b.Runs {
			listed = append(listed, fmt.Sprint(b.Order.Generation, b.Refused, d.Streams[r.Stream].Labels, r.Rows))
		}
		batch, err := s.Read(t.Context(), i, Want{})
		if err != nil {
			t.Fatal(err)
		}
		for _, r := range batch.Runs {
			read = append(read, fmt.Sprint(b.Order.Generation, b.Refused, d.Streams[r.Stream].Labels, batch.Timestamps[r.Start]))
		}
	}
	return listed, read
}

// Joined snapshots have the rows of each, under the same labels, and each stream once;
// what was joined is as it was.
func TestJoin(t *testing.T) {
	for seed := range seeds.Few(t, 300) {
		r := rand.New(rand.NewPCG(seed, 81))
		var snaps []Snapshot
		var want []string
		row := 0
		for g := range r.IntN(4) {
			l := &listing{}
			for _, n := range r.Perm(5)[:r.IntN(6)] {
				if r.IntN(3) == 0 {
					n = len(l.dir.Streams) + 10 // as other snapshots number them, too
				}
				ls := labels.FromStrings("n", fmt.Sprint(n))
				l.dir.Streams = append(l.dir.Streams, Stream{Labels: ls, Hash: labels.StableHash(ls)})
			}
			for range r.IntN(4) {
				b := Block{Order: Order{Generation: uint64(g)}, Refused: r.IntN(2) == 0}
				for n := range l.dir.Streams {
					if r.IntN(2) == 0 {
						row++
						b.Runs = append(b.Runs, Run{Stream: n, Rows: row})
					}
				}
				l.dir.Blocks = append(l.dir.Blocks, b)
			}
			listed, _ := rowsOf(t, l)
			want = append(want, listed...)
			snaps = append(snaps, l)
		}
		joined := Join(snaps...)
		for range 2 { // the second time over what the first may have changed
			listed, read := rowsOf(t, joined)
			if !slices.Equal(listed, want) || !slices.Equal(read, want) {
				t.Fatalf("seed %d: listed %v, read %v, want %v", seed, listed, read, want)
			}
		}
		seen := map[string]bool{}
		for _, s := range joined.Directory().Streams {
			text := s.Labels.String()
			if seen[text] {
				t.Fatalf("seed %d: %s is there twice", seed, text)
			}
			seen[text] = true
		}
		var after []string
		for _, s := range snaps {
			listed, _ := rowsOf(t, s)
			after = append(after, listed...)
		}
		if !slices.Equal(after, want) {
			t.Fatalf("seed %d: joining changed %v to %v", seed, want, after)
		}
	}
}
