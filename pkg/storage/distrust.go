package storage

import (
	"context"
	"errors"
	"maps"
	"sync"
	"time"

	"github.com/oklog/ulid/v2"

	"github.com/skaldlogs/skald/pkg/objstore/pagecache"
	"github.com/skaldlogs/skald/pkg/scan"
	"github.com/skaldlogs/skald/pkg/storage/catalog"
)

// doubts forget what is kept of segments that were found damaged, so that one that
// was mended in its place is read anew, without a restart. Somebody who asks for
// damage again and again does not read it from the bucket each time.
type doubts struct {
	cache   *pagecache.Cache // nil for none
	readers *readers

	mu   sync.Mutex // guards the field below; held for no I/O
	last map[ulid.ULID]time.Time
}

// trustDamage is how long what was found damaged is taken to be so.
const trustDamage = 10 * time.Second

// note hears of damage.
func (d *doubts) note(e *catalog.Entry) {
	if !d.begin(e.ID) {
		return
	}
	if d.cache != nil {
		d.cache.Forget(e.Object, e.Size)
	}
	d.readers.drop(e.ID) // after the pages that one might have been made of meanwhile
}

// begin reports whether it is time to forget what is kept of a segment, and takes it
// that this is done.
func (d *doubts) begin(id ulid.ULID) bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	now := time.Now()
	old := func(last time.Time) bool { return now.Sub(last) >= trustDamage }
	if last, ok := d.last[id]; ok && !old(last) {
		return false
	}
	maps.DeleteFunc(d.last, func(_ ulid.ULID, last time.Time) bool { return old(last) })
	d.last[id] = now
	return true
}

// A doubtful snapshot tells of the damage that reading meets.
type doubtful struct {
	scan.Snapshot
	doubts *doubts
	entry  *catalog.Entry
}

// Read implements [scan.Snapshot].
func (s doubtful) Read(ctx context.Context, i int, want scan.Want) (*scan.Batch, error) {
	b, err := s.Snapshot.Read(ctx, i, want)
	if errors.Is(damaged(err), scan.ErrDamaged) {
		s.doubts.note(s.entry)
	}
	return b, err
}
