package engine

import (
	"slices"

	"github.com/skaldlogs/skald/pkg/model"
	"github.com/skaldlogs/skald/pkg/scan"
)

// compared are the columns by which copies are found, beside the time.
const compared = scan.Lines | scan.Metadata

// A need is what must be read of a block, and what again of the rows that turn out
// to have the same time as a row of another block, to compare them.
type need struct {
	first   scan.Want
	compare scan.Columns // 0 when first has it already, or there are no such rows
}

// need says what to read of the runs of a block that are still wanted, where the
// answer depends on columns.
//
//	run with copies       [------|======]
//	run without               [--------------]
//	first, columns        [------------------]
//	same times, compared          [==]
func (l *layout) need(block int, columns scan.Columns) need {
	all, shared := model.Nothing, false
	for i := range l.blocks[block].runs {
		run := &l.blocks[block].runs[i]
		if run.interval.Empty() {
			continue
		}
		all = all.Union(run.interval)
		for _, sp := range run.spans {
			shared = shared || sp.zone != nil
		}
	}
	n := need{first: scan.Want{Columns: columns, Interval: all, Seek: true}}
	switch {
	case !shared:
	case columns.Has(scan.Lines):
		n.first.Columns |= compared
	default:
		n.compare = columns | compared
	}
	return n
}

// shares reports whether some rows of a block may have copies in others.
func (l *layout) shares(block int) bool {
	return slices.ContainsFunc(l.blocks[block].runs, func(r runLayout) bool { return r.spans != nil })
}
