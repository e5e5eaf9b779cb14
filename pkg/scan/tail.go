package scan

import (
	"context"

	"github.com/prometheus/prometheus/model/labels"

	"github.com/skaldlogs/skald/pkg/model"
)

// A Tailer lets others follow the entries that it takes.
type Tailer interface {
	// Tail follows the streams of a tenant that all matchers select. Every entry
	// that is taken after Tail has returned is in the tail; one that is taken
	// meanwhile may be, and is then readable by a scan as well.
	Tail(ctx context.Context, tenant string, matchers []*labels.Matcher) (Tail, error)
}

// A Tail is entries as they come. Next is called by one goroutine.
type Tail interface {
	// Next waits for entries. What comes while nobody waits is kept within a
	// bound, and beyond it left out and told.
	Next(ctx context.Context) (*TailBatch, error)
	// Close ends the tail.
	Close() error
}

// A TailBatch is entries that were taken, in the order in which they arrived.
type TailBatch struct {
	Streams []TailStream
	// Dropped are the first of the entries that were left out since the batch
	// before; DroppedCount is how many there were.
	Dropped      []DroppedEntry
	DroppedCount int
}

// A TailStream is new entries of a stream. They must not be changed.
type TailStream struct {
	Labels  labels.Labels
	Hash    uint64 // labels.StableHash
	Entries []model.Entry
}

// A DroppedEntry is what is told of an entry that a tail left out.
type DroppedEntry struct {
	Timestamp int64
	Labels    labels.Labels
}

// MaxDropped bounds how many dropped entries are told of at a time.
const MaxDropped = 100
