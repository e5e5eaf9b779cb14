package entry

import (
	"context"
	"time"

	"github.com/skaldlogs/skald/pkg/model"
)

// An Entry is one log line on its way.
type Entry struct {
	Labels    *Labels
	Timestamp int64 // nanoseconds since the Unix epoch
	// Line is borrowed: valid until the Put that hands it over returns.
	Line string
	// Metadata and its strings are borrowed as Line is.
	Metadata model.Metadata
	// Mark is the part of the source that the entry stands for.
	Mark Mark
}

// A Sink takes entries.
type Sink interface {
	// Put takes entries, in order. It may change them in place, and keeps
	// nothing of them but labels and marks. It blocks while there is no room.
	//
	// After an error, which is that of ctx, some entries may be taken and others
	// not; the marks of those that were not stay unsettled, so they are read
	// again after the next start.
	Put(ctx context.Context, entries []Entry) error
}

// A Chain is a run of stages as one source sees it, between it and a sink. It
// may hold entries back, to join them. One goroutine at a time may use it.
type Chain interface {
	Sink
	// Due is when Flush will have something to do: the zero time when nothing is
	// held back.
	Due() time.Time
	// Flush passes on what was held back until now or longer; all of it when now
	// is the zero time, as at the end of a source that will not come again.
	Flush(ctx context.Context, now time.Time) error
}
