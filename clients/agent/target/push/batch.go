package push

import (
	"context"

	"github.com/skaldlogs/skald/clients/agent/entry"
	"github.com/skaldlogs/skald/clients/agent/target"
)

// maxBatch is how many entries are passed on at once.
const maxBatch = 1000

// A batch is entries of a request that were not passed on yet.
type batch struct {
	feed    *target.Feed
	entries []entry.Entry
	begun   int64 // of the request, for its commit
}

func newBatch(feed *target.Feed) *batch { return &batch{feed: feed, begun: feed.Begin()} }

// add adds an entry, whose mark it sets.
func (b *batch) add(ctx context.Context, e entry.Entry) error {
	e.Mark = b.feed.Next()
	b.entries = append(b.entries, e)
	if len(b.entries) < maxBatch {
		return nil
	}
	return b.put(ctx)
}

// put passes the entries on.
func (b *batch) put(ctx context.Context) error {
	err := b.feed.Put(ctx, b.entries)
	clear(b.entries)
	b.entries = b.entries[:0]
	return err
}

// end passes on what is left, and returns when all of the request is safe.
func (b *batch) end(ctx context.Context) error {
	if err := b.put(ctx); err != nil {
		return err
	}
	return b.feed.Commit(b.begun)
}
