package storage

import (
	"container/list"
	"context"
	"fmt"
	"sync"

	"github.com/oklog/ulid/v2"

	"github.com/skaldlogs/skald/pkg/objstore"
	"github.com/skaldlogs/skald/pkg/scan"
	"github.com/skaldlogs/skald/pkg/storage/block"
	"github.com/skaldlogs/skald/pkg/storage/catalog"
	"github.com/skaldlogs/skald/pkg/storage/segment"
)

// readers keeps the readers of segments, whose footers and indexes are read once
// and then kept for as long as there is room: the least recently used go first.
// One that went out of the cache serves on for whoever has it. What indexes leave of
// the limit is for the prune parts of blocks.
type readers struct {
	source  func(*catalog.Entry) segment.Source
	opened  *segment.Opened
	hot     *block.Hot
	limit   int64 // of indexes
	metrics *metrics

	mu     sync.Mutex // guards the fields below
	byID   map[ulid.ULID]*cachedReader
	recent *list.List // of *cachedReader, those that are open, the most recently used in front
	bytes  int64      // of those in recent
}

// A cachedReader is a reader that is open or being opened.
type cachedReader struct {
	id     ulid.ULID
	opened chan struct{}   // closed when the fields below are set
	reader *segment.Reader // nil when opening it came to nothing
	err    error
	bytes  int64
	place  *list.Element
}

// newReaders returns readers that keep what takes limit bytes of memory at most.
func newReaders(source func(*catalog.Entry) segment.Source, opened *segment.Opened, hot *block.Hot, limit int64, m *metrics) *readers {
	return &readers{
		source: source, opened: opened, hot: hot, limit: limit / 4 * 3, metrics: m,
		byID: map[ulid.ULID]*cachedReader{}, recent: list.New(),
	}
}

// get returns the reader of a segment. Several that want the same one wait for
// one to open it. With ahead, what is read for that takes the prune parts along.
func (r *readers) get(ctx context.Context, e *catalog.Entry, ahead bool) (*segment.Reader, error) {
	for {
		r.mu.Lock()
		c, ok := r.byID[e.ID]
		if !ok {
			c = &cachedReader{id: e.ID, opened: make(chan struct{})}
			r.byID[e.ID] = c
			r.mu.Unlock()
			r.metrics.indexMisses.Inc()
			r.open(ctx, c, e, ahead)
			return c.reader, c.err
		}
		if c.place != nil {
			r.recent.MoveToFront(c.place)
		}
		r.mu.Unlock()
		select {
		case <-c.opened:
		case <-ctx.Done():
			return nil, ctx.Err()
		}
		if c.err == nil {
			r.metrics.indexHits.Inc()
			return c.reader, nil
		}
		// Its opener may have been cancelled, or met what has passed: try again,
		// and answer for the own try.
	}
}

// open opens c for all who wait. A failure is not kept.
func (r *readers) open(ctx context.Context, c *cachedReader, e *catalog.Entry, ahead bool) {
	src := r.source(e)
	if o, ok := src.(cachedObject); ok && ahead {
		c.err = o.readAhead(ctx, e.IndexSize+e.PruneSize)
	}
	if c.err == nil {
		c.reader, c.err = openSegment(ctx, src, e)
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	defer close(c.opened)
	if c.err != nil {
		delete(r.byID, c.id)
		return
	}
	c.reader.KeepIn(r.opened, r.hot)
	c.bytes = c.reader.Memory()
	c.place = r.recent.PushFront(c)
	r.bytes += c.bytes
	for r.bytes > r.limit {
		r.dropLocked(r.recent.Back().Value.(*cachedReader))
	}
	r.opened.Reserve(r.bytes)
	r.metrics.indexBytes.Set(float64(r.bytes))
}

// drop forgets the reader of a segment that is no more.
func (r *readers) drop(id ulid.ULID) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if c, ok := r.byID[id]; ok && c.place != nil {
		r.dropLocked(c)
		r.opened.Reserve(r.bytes)
		r.metrics.indexBytes.Set(float64(r.bytes))
	}
}

func (r *readers) dropLocked(c *cachedReader) {
	r.recent.Remove(c.place)
	delete(r.byID, c.id)
	r.bytes -= c.bytes
	r.opened.Forget(c.reader)
}

// openSegment opens the segment of an entry, and makes sure that it is the one.
func openSegment(ctx context.Context, src segment.Source, e *catalog.Entry) (*segment.Reader, error) {
	r, err := segment.Open(ctx, src, e.Size, e.IndexSize)
	if err != nil {
		return nil, err
	}
	if s := r.Summary(); s.ID != e.ID || s.Tenant != e.Tenant {
		return nil, fmt.Errorf("object %s is segment %s of tenant %q: %w", e.Object, s.ID, s.Tenant, scan.ErrDamaged)
	}
	return r, nil
}

// OpenSegment does the same, and reads the bucket itself.
func OpenSegment(ctx context.Context, b objstore.Bucket, e *catalog.Entry) (*segment.Reader, error) {
	return openSegment(ctx, object{b, e.Object}, e)
}
