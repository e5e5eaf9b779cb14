package entry

import (
	"context"

	"github.com/prometheus/prometheus/model/labels"
)

// A Source reads entries from somewhere and puts them into the sink it was made
// with. What it reads it counts on a track.
type Source interface {
	// Run reads until ctx is done or the source is at its end, and returns nil
	// then. An error says why the source cannot go on; the agent logs it.
	Run(ctx context.Context) error
	// Status tells what the source is doing. It may be called at any time, by any
	// goroutine.
	Status() []Status
}

// A Status is one target on the page of targets.
type Status struct {
	Job   string // the job_name of its scrape config
	Type  string // File, Journal, Syslog, Push…
	Ready bool
	// Discovered are the labels before relabelling, Labels those after.
	Discovered labels.Labels
	Labels     labels.Labels
	// Dropped says why a target is not served; empty for one that is.
	Dropped string
	Details []Detail
	// LagBytes is how much there is to read that was not, where that is known.
	LagBytes int64
}

// A Detail is something else that people want to know of a target.
type Detail struct{ Name, Value string }
