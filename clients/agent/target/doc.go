// Package target holds what sources that are not files have in common: syslog,
// the journal, pushes, standard input, Kubernetes events, each in a package
// below.
//
//	sender ─▶ Source ──Labeler──▶ entries ──Feed──▶ stages ─▶ sink
//	          (meta labels)       (relabelled)      (one at a time, flushed when due)
//
// A source is made with [Options] and implements entry.Source. Most of them
// cannot read again what they have read: their sink is to be one that keeps what
// it takes. When they stop, they flush what stages hold back.
//
// # Concurrency
//
// Everything here may be used by any number of goroutines.
package target

import (
	"github.com/go-kit/log"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/prometheus/model/relabel"

	"github.com/skaldlogs/skald/clients/agent/entry"
	"github.com/skaldlogs/skald/clients/agent/position"
)

// A Committer has what a source put survive a crash of the machine. Any number of
// goroutines may call it.
type Committer interface {
	// Begin is called before the first entry of a sender is put.
	Begin() (begun int64)
	// Commit returns when what was put since begun is safe, or why it may not be.
	Commit(begun int64) error
}

// Options are what a source needs of the agent. Chain, Track, Clock and Logger
// must be set.
type Options struct {
	// Job is the job_name of the scrape config.
	Job string
	// Relabel is applied to the labels of each entry, before those that begin
	// with __ are taken away.
	Relabel []*relabel.Config
	// Chain is where entries go.
	Chain entry.Chain
	// Safe, if not nil, is asked before a sender is told that what it sent is safe.
	Safe Committer
	// Track counts the lines of the source. Its offsets are those of lines, from
	// its first on.
	Track *position.Track
	// Clock gives times to entries that bring none.
	Clock *entry.Clock
	// Registerer, if not nil, is where the source's metrics go.
	Registerer prometheus.Registerer
	Logger     log.Logger
}
