package storage

import (
	"math"

	"github.com/prometheus/prometheus/model/labels"

	"github.com/skaldlogs/skald/pkg/model"
	"github.com/skaldlogs/skald/pkg/scan"
	"github.com/skaldlogs/skald/pkg/storage/catalog"
)

// An Expiry says which rows of a tenant are past retention at one moment. They
// are no part of any answer, whether they were removed yet or not. The zero value
// keeps all.
type Expiry struct {
	// Cutoffs are those of all rules.
	Cutoffs []Cutoff
	// Of returns before which time the rows of a stream are past retention:
	// math.MinInt64 for never. Nil when there are no cutoffs.
	Of func(stream labels.Labels) int64
}

// A Cutoff is the time before which a rule keeps nothing. The name tells rules
// apart that select other streams or keep them for another time.
type Cutoff struct {
	Name   string
	Before int64
}

// Latest is before which time any row may be past retention.
func (e *Expiry) Latest() int64 {
	latest := int64(math.MinInt64)
	for _, c := range e.Cutoffs {
		latest = max(latest, c.Before)
	}
	return latest
}

// Clip returns the snapshot without the rows that are past retention. It takes
// over the snapshot, and looks only at streams that have rows before a cutoff.
func (e *Expiry) Clip(snap scan.Snapshot) scan.Snapshot {
	latest := e.Latest()
	if latest == math.MinInt64 {
		return snap
	}
	dir := snap.Directory()
	byStream := make([][]*Mask, len(dir.Streams))
	byCutoff := map[int64][]*Mask{math.MinInt64: nil}
	some := false
	for i := range dir.Blocks {
		for _, run := range dir.Blocks[i].Runs {
			if run.Interval.Mint >= latest || byStream[run.Stream] != nil {
				continue
			}
			cutoff := e.Of(dir.Streams[run.Stream].Labels)
			masks, known := byCutoff[cutoff]
			if !known {
				masks = []*Mask{{Delete: &catalog.Delete{Interval: model.Interval{Mint: math.MinInt64, Maxt: cutoff - 1}}}}
				byCutoff[cutoff] = masks
			}
			byStream[run.Stream] = masks
			some = some || run.Interval.Mint < cutoff
		}
	}
	if !some {
		return snap
	}
	return hideStreams(snap, byStream, func(*Mask, *scan.Block) bool { return true })
}
