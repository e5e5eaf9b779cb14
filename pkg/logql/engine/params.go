package engine

import (
	"fmt"
	"time"

	"github.com/prometheus/common/model"

	"github.com/skaldlogs/skald/pkg/logql/syntax"
)

// Direction is the order in which a log query wants entries.
type Direction uint8

// The directions.
const (
	Backward Direction = iota // newest first
	Forward                   // oldest first
)

// Params are what a query asks for beside its text.
type Params struct {
	// Start and End are in nanoseconds. A log query gets Start <= ts < End; a
	// metric query is evaluated at Start, Start+Step and so on, up to End. With
	// Step 0 it is evaluated once, at End, and its result is a vector or scalar.
	Start, End int64
	Step       time.Duration
	// Interval thins a log query out: after an entry, those closer than this are
	// left out. 0 keeps all.
	Interval time.Duration
	// Limit is how many entries a log query wants; 0 or less means no entry.
	Limit     int
	Direction Direction
	// Categorize groups a log query's entries by the labels of their stream
	// alone, and keeps other labels beside each entry.
	Categorize bool
	// NoCache asks for an answer of which nothing was computed before. The engine
	// keeps no answers; who does heeds it.
	NoCache bool
	// PartialSeries cuts a result with too many series and warns, instead of an error.
	PartialSeries bool
}

// Instant reports whether a metric is evaluated once.
func (p *Params) Instant() bool { return p.Step == 0 }

// Limits are what a tenant may ask. The zero value of a limit is no limit.
type Limits struct {
	MaxEntries int           // max_entries_limit_per_query
	MaxSeries  int           // max_query_series
	MaxLength  time.Duration // max_query_length: between start and end
	MaxRange   time.Duration // max_query_range: the [range] of a selector
	Timeout    time.Duration // query_timeout
	// Parallelism is how many blocks one query works on at once
	// (max_query_parallelism); 0 leaves it to the engine.
	Parallelism int
	Variants    bool // enable_multi_variant_queries
}

// maxPoints is how many steps a range query may have. Callers that align a
// query to its step may add one at each end.
const maxPoints = 11000 + 2

// Check refuses what exceeds the limits before anything is read.
func Check(e syntax.Expr, p *Params, l *Limits) error {
	if p.Step < 0 {
		return fmt.Errorf("evaluate the query: a step of %s goes back in time", p.Step)
	}
	if length := time.Duration(p.End - p.Start); l.MaxLength > 0 && p.End > p.Start && (length > l.MaxLength || length < 0) {
		return limitErrorf("max_query_length", "the query time range exceeds the limit (query length: %s, limit: %s)", length, model.Duration(l.MaxLength))
	}
	if _, logs := e.(*syntax.LogSelector); logs {
		if l.MaxEntries > 0 && p.Limit > l.MaxEntries {
			return limitErrorf("max_entries_limit_per_query", "max entries limit per query exceeded, limit > max_entries_limit_per_query (%d > %d)", p.Limit, l.MaxEntries)
		}
	} else if !p.Instant() && p.End > p.Start && uint64(p.End-p.Start)/uint64(p.Step) > maxPoints {
		return limitErrorf("step", "exceeded maximum resolution of 11,000 points per time series. Try increasing the value of the step parameter")
	}
	if l.MaxRange <= 0 {
		return nil
	}
	var err error
	syntax.Walk(e, func(n syntax.Node) bool {
		if r, ok := n.(*syntax.LogRange); ok && r.Range > l.MaxRange && err == nil {
			err = limitErrorf("max_query_range", "the range of the query exceeds the limit (range: %s, limit: %s, max_query_range); use a shorter range in brackets",
				model.Duration(r.Range), model.Duration(l.MaxRange))
		}
		return err == nil
	})
	return err
}
