package engine

import (
	"slices"

	"github.com/skaldlogs/skald/pkg/model"
	"github.com/skaldlogs/skald/pkg/scan"
)

// compared are the columns by which copies are found, beside the time.
const compared = scan.Lines | scan.Metadata

// A need is what must be read of a block: all rows at once, or those that may
// have copies apart from the others, which the answer needs less of.
type need struct {
	first  scan.Want
	apart  bool
	copies scan.Want // when apart: the rows that may have copies, and what lies between
}

// need says what to read of the runs of a block that are still wanted, where the
// answer depends on columns.
//
//	run with copies    [------|======]
//	run without            [--------------]
//	first, columns     [------------------]
//	apart, compared           [======]
func (l *layout) need(block int, columns scan.Columns) need {
	all, shared := model.Nothing, model.Nothing
	for i := range l.blocks[block].runs {
		run := &l.blocks[block].runs[i]
		if run.interval.Empty() {
			continue
		}
		all = all.Union(run.interval)
		for _, sp := range run.spans {
			if sp.zone != nil {
				shared = shared.Union(sp.interval)
			}
		}
	}
	n := need{first: scan.Want{Columns: columns, Interval: all}}
	switch {
	case shared.Empty():
	case columns.Has(scan.Lines) || 2*length(shared) > length(all):
		// Reading twice would save little.
		n.first.Columns |= compared
	default:
		n.apart = true
		n.copies = scan.Want{Columns: columns | compared, Interval: shared}
	}
	return n
}

// shares reports whether some rows of a block may have copies in others.
func (l *layout) shares(block int) bool {
	return slices.ContainsFunc(l.blocks[block].runs, func(r runLayout) bool { return r.spans != nil })
}

// length is how long an interval is. As a float: the whole of time is more
// nanoseconds than an int64 can count.
func length(i model.Interval) float64 { return float64(i.Maxt) - float64(i.Mint) + 1 }
