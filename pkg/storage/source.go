package storage

import (
	"context"

	"github.com/skaldlogs/skald/pkg/objstore"
	"github.com/skaldlogs/skald/pkg/objstore/pagecache"
	"github.com/skaldlogs/skald/pkg/storage/block"
)

// An object is the bytes of a segment in its bucket.
type object struct {
	bucket objstore.Bucket
	name   string
}

// ReadAt implements [segment.Source].
func (o object) ReadAt(ctx context.Context, p []byte, off int64) (int, error) {
	if err := objstore.ReadRange(ctx, o.bucket, o.name, p, off); err != nil {
		return 0, err
	}
	return len(p), nil
}

// A cachedObject is the same, read through a cache of pages.
type cachedObject struct {
	cache *pagecache.Cache
	name  string
	size  int64
}

// ReadAt implements [segment.Source].
func (o cachedObject) ReadAt(ctx context.Context, p []byte, off int64) (int, error) {
	if err := o.cache.ReadAt(ctx, o.name, o.size, p, off); err != nil {
		return 0, err
	}
	return len(p), nil
}

// maxAhead is how much is read for a filter that may turn out to prune nothing, or
// to be about a small part of the segment's time.
const maxAhead = 4 << 20

// readAhead brings the last n bytes near by one read, if that is worth it and they
// stay there.
func (o cachedObject) readAhead(ctx context.Context, n int64) error {
	if n > maxAhead || n > o.size || !o.cache.Durable() {
		return nil
	}
	_, err := o.cache.Read(ctx, o.name, o.size, []pagecache.Range{{Off: o.size - n, N: int(n)}})
	return err
}

// ReadPieces implements [segment.PieceSource].
func (o cachedObject) ReadPieces(ctx context.Context, ranges []block.Range) ([]block.Piece, error) {
	wanted := make([]pagecache.Range, len(ranges))
	for i, r := range ranges {
		wanted[i] = pagecache.Range(r)
	}
	pages, err := o.cache.Read(ctx, o.name, o.size, wanted)
	if err != nil {
		return nil, err
	}
	pieces := make([]block.Piece, len(pages))
	for i, p := range pages {
		pieces[i] = block.Piece{Off: p.Off, Data: p.Data, Checks: p.Page}
	}
	return pieces, nil
}
