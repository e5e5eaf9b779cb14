package ingester

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/prometheus/prometheus/model/labels"

	"github.com/skaldlogs/skald/pkg/model"
	"github.com/skaldlogs/skald/pkg/scan"
	"github.com/skaldlogs/skald/pkg/seeds"
	"github.com/skaldlogs/skald/pkg/storage/block"
)

// randomView is a buffer of rows that come out of order and several times.
func randomView(r *rand.Rand) view {
	b := &buffer{}
	n := r.IntN(300)
	instants := 1 + r.IntN(1+n)
	for range n {
		e := model.Entry{Timestamp: int64(r.IntN(instants)), Line: fmt.Sprint("line ", r.IntN(5), strings.Repeat("x", r.IntN(3)))}
		for i := range r.IntN(3) {
			e.Metadata = append(e.Metadata, labels.Label{Name: []string{"detected_level", "k"}[i], Value: fmt.Sprint(r.IntN(2))})
		}
		b.append(uint32(r.IntN(4)), &e)
	}
	return b.view()
}

// What is read of rows that no block holds is what a block of them would give.
func TestReadRowsAreThoseOfABlock(t *testing.T) {
	for seed := range seeds.Few(t, 400) {
		r := rand.New(rand.NewPCG(seed, 1))
		p := &part{rows: randomView(r), streams: map[uint32]int{0: 7, 2: 3, 3: 5}}
		want := scan.Want{Columns: scan.Columns(r.IntN(16)), Interval: model.Interval{Mint: int64(r.IntN(20)), Maxt: int64(r.IntN(400))}}
		if r.IntN(4) == 0 {
			want.Fields = &scan.Fields{}
		}
		var list []scan.LineFilter
		for range r.IntN(3) {
			list = append(list, scan.LineFilter{Op: scan.FilterOp(r.IntN(4)), Text: []string{"1", "x", "line", "zz", `\d(`}[r.IntN(5)]})
		}
		filters := block.NewFilters(list)
		got := p.readRows(want, filters)

		rows := p.rows.appendRows(nil, func(row *row) bool {
			_, ok := p.streams[row.stream]
			return ok && want.Interval.Contains(row.ts)
		})
		rows, _ = block.Sort(rows)
		if got.Rows() != len(rows) {
			t.Fatalf("%d rows, want %d", got.Rows(), len(rows))
		}
		columns := want.Columns.Settled(!slices.Contains(got.Answered, false))
		for _, run := range got.Runs {
			for i := run.Start; i < run.End; i++ {
				row := rows[i]
				if p.streams[row.Stream] != run.Stream || got.Timestamps[i] != row.Timestamp {
					t.Fatalf("row %d is of stream %d at %d, want %d at %d", i, run.Stream, got.Timestamps[i], p.streams[row.Stream], row.Timestamp)
				}
				passes := true
				for f, lf := range list {
					if got.Answered[f] {
						holds := strings.Contains(row.Line, lf.Text)
						passes = passes && holds == (lf.Op == scan.Contains || lf.Op == scan.Matches)
					}
				}
				if selected := got.Selected == nil || got.Selected.Get(i); selected != passes {
					t.Fatalf("%q is selected: %v by %v", row.Line, selected, list)
				}
				if columns.Has(scan.Sizes) && int(got.Sizes[i]) != len(row.Line) {
					t.Fatalf("%q has a size of %d", row.Line, got.Sizes[i])
				}
				if !passes {
					continue
				}
				if (columns.Has(scan.Lines) || want.Fields != nil) && got.Lines[i] != row.Line {
					t.Fatalf("line %q, want %q", got.Lines[i], row.Line)
				}
				if (columns.Has(scan.Metadata) || want.Fields != nil) && !got.Metadata[i].Equal(row.Metadata) {
					t.Fatalf("metadata %v of %q, want %v", got.Metadata[i], row.Line, row.Metadata)
				}
			}
		}
	}
}
