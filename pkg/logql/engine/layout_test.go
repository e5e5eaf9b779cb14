package engine

import (
	"fmt"
	"math"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/prometheus/prometheus/model/labels"

	"github.com/skaldlogs/skald/pkg/model"
	"github.com/skaldlogs/skald/pkg/scan"
	"github.com/skaldlogs/skald/pkg/seeds"
)

// directory is one stream's runs, each in a block of its own.
func directory(runs ...model.Interval) *scan.Directory {
	d := &scan.Directory{Streams: []scan.Stream{{Labels: labels.FromStrings("a", "b")}}}
	for _, r := range runs {
		d.Blocks = append(d.Blocks, scan.Block{Runs: []scan.Run{{Interval: r, Rows: 1}}})
	}
	return d
}

func TestLayout(t *testing.T) {
	for _, tc := range []struct {
		name string
		runs []model.Interval
		want string // by run: its spans, with * behind those that wait
	}{
		{"apart", []model.Interval{{Mint: 1, Maxt: 5}, {Mint: 6, Maxt: 9}}, "alone | alone"},
		{"touching", []model.Interval{{Mint: 1, Maxt: 5}, {Mint: 5, Maxt: 9}}, "1-4 5-5* | 5-5* 6-9"},
		{"overlapping", []model.Interval{{Mint: 4, Maxt: 9}, {Mint: 1, Maxt: 6}}, "4-6* 7-9 | 1-3 4-6*"},
		{"within", []model.Interval{{Mint: 1, Maxt: 9}, {Mint: 3, Maxt: 4}}, "1-2 3-4* 5-9 | 3-4*"},
		{"the same", []model.Interval{{Mint: 1, Maxt: 9}, {Mint: 1, Maxt: 9}, {Mint: 1, Maxt: 9}}, "1-9* | 1-9* | 1-9*"},
		{"a chain", []model.Interval{{Mint: 1, Maxt: 4}, {Mint: 3, Maxt: 7}, {Mint: 6, Maxt: 9}}, "1-2 3-4* | 3-4* 5-5 6-7* | 6-7* 8-9"},
		{"not wanted", []model.Interval{{Mint: 1, Maxt: 50}, {Mint: 11, Maxt: 60}, {Mint: 30, Maxt: 31}}, "1-10 11-20* | 11-20* | out"},
		{"to the end of time", []model.Interval{{Mint: 1, Maxt: 20}, {Mint: 2, Maxt: 20}}, "1-1 2-20* | 2-20*"},
	} {
		l := newLayout(directory(tc.runs...), model.Interval{Mint: 0, Maxt: 20}, nil)
		var got []string
		for b := range l.blocks {
			run := &l.blocks[b].runs[0]
			var spans []string
			for _, s := range run.spans {
				text := fmt.Sprintf("%d-%d", s.interval.Mint, s.interval.Maxt)
				if s.zone != nil {
					text += "*"
				}
				spans = append(spans, text)
			}
			switch {
			case run.interval.Empty():
				spans = []string{"out"}
			case run.spans == nil:
				spans = []string{"alone"}
			}
			got = append(got, strings.Join(spans, " "))
		}
		if g := strings.Join(got, " | "); g != tc.want {
			t.Errorf("%s: %s, want %s", tc.name, g, tc.want)
		}
	}
}

func TestNeed(t *testing.T) {
	in := func(mint, maxt int64) model.Interval { return model.Interval{Mint: mint, Maxt: maxt} }
	read := func(c scan.Columns, i model.Interval) scan.Want {
		return scan.Want{Columns: c, Interval: i, Seek: true}
	}
	for _, tc := range []struct {
		name    string
		columns scan.Columns
		others  []model.Interval // beside a run of 1 to 20
		want    need
	}{
		{"alone", scan.Sizes, []model.Interval{in(21, 30)}, need{first: read(scan.Sizes, in(1, 20))}},
		{"a little is shared", scan.Sizes, []model.Interval{in(20, 30)}, need{read(scan.Sizes, in(1, 20)), compared | scan.Sizes}},
		{"most is shared", 0, []model.Interval{in(4, 4), in(10, 30)}, need{read(0, in(1, 20)), compared}},
		{"lines are needed anyway", scan.Lines, []model.Interval{in(20, 30)}, need{first: read(compared, in(1, 20))}},
	} {
		l := newLayout(directory(append(tc.others, in(1, 20))...), model.Ever, nil)
		if got := l.need(len(tc.others), tc.columns); got != tc.want {
			t.Errorf("%s: %+v, want %+v", tc.name, got, tc.want)
		}
	}
}

func TestLayoutAtTheEndsOfTime(t *testing.T) {
	l := newLayout(directory(model.Ever, model.Ever, model.Interval{Mint: math.MaxInt64, Maxt: math.MaxInt64}), model.Ever, nil)
	for b := range l.blocks {
		if spans := l.blocks[b].runs[0].spans; len(spans) == 0 || spans[len(spans)-1].zone == nil {
			t.Errorf("run %d overlaps others, and its spans are %v", b, spans)
		}
	}
}

// has reports whether a batch has a row.
func has(b *scan.Batch, ts int64, line string, md model.Metadata) bool {
	for i := range b.Rows() {
		if b.Timestamps[i] == ts && b.Lines[i] == line && model.SameMetadata(b.Metadata[i], md) {
			return true
		}
	}
	return false
}

// TestDedupe compares with comparing each row with each other.
func TestDedupe(t *testing.T) {
	for seed := range seeds.Few(t, 300) {
		rng := rand.New(rand.NewPCG(seed, 8))
		rows, lines := 1+rng.IntN(10), 3
		if seed%10 == 0 {
			rows, lines = 60, 50 // many rows at one instant
		}
		var pieces []piece
		for order := range 1 + rng.IntN(6) {
			b := &scan.Batch{}
			ts := int64(0)
			for range rows {
				ts += int64(rng.IntN(2) * rng.IntN(4))
				if seed%10 == 0 {
					ts = 0
				}
				line, md := fmt.Sprint(rng.IntN(lines)), []model.Metadata{nil, {{Name: "p", Value: "1"}}, {{Name: "detected_level", Value: "info"}}}[rng.IntN(3)]
				if has(b, ts, line, md) {
					continue // a run is distinct
				}
				b.Timestamps, b.Lines, b.Metadata = append(b.Timestamps, ts), append(b.Lines, line), append(b.Metadata, md)
			}
			rows := b.Rows()
			if rng.IntN(2) == 0 {
				b.Selected = scan.NewBitset(rows, true)
				b.Selected.Clear(rng.IntN(rows))
			}
			start := rng.IntN(rows)
			pieces = append(pieces, piece{batch: b, order: scan.Order{Generation: uint64(order)}, start: start, end: rows})
		}
		type row struct {
			piece, row int
			keep       bool
		}
		var all []row
		want := 0
		for i := range pieces {
			p := &pieces[i]
			for r := p.start; r < p.end; r++ {
				keep := p.selected(r)
				for _, o := range all {
					q := &pieces[o.piece]
					if keep && o.keep && q.batch.Timestamps[o.row] == p.batch.Timestamps[r] && q.batch.Lines[o.row] == p.batch.Lines[r] &&
						model.SameMetadata(q.batch.Metadata[o.row], p.batch.Metadata[r]) {
						keep = false
						want++
						break
					}
				}
				all = append(all, row{i, r, keep})
			}
		}
		rng.Shuffle(len(pieces), func(i, j int) { pieces[i], pieces[j] = pieces[j], pieces[i] })
		if got := dedupe(pieces); got != want {
			t.Errorf("seed %d: dropped %d, want %d", seed, got, want)
		}
		for _, r := range all {
			if got := pieces[r.piece].selected(r.row); got != r.keep {
				t.Errorf("seed %d: row %d of piece %d is kept: %v, want %v", seed, r.row, r.piece, got, r.keep)
			}
		}
	}
}
