package storage

import (
	"errors"
	"sync"
	"time"

	"github.com/go-kit/log"
	"github.com/oklog/ulid/v2"
	"github.com/prometheus/client_golang/prometheus"

	"github.com/skaldlogs/skald/pkg/objstore"
	"github.com/skaldlogs/skald/pkg/objstore/pagecache"
	"github.com/skaldlogs/skald/pkg/storage/block"
	"github.com/skaldlogs/skald/pkg/storage/catalog"
	"github.com/skaldlogs/skald/pkg/storage/segment"
)

// Options tune a [Store]. The zero value is ready to use.
type Options struct {
	// IndexCacheBytes is how much memory the indexes of segments and the opened
	// prune parts of their blocks may take while no snapshot uses them.
	//
	// The default is 128 MiB.
	IndexCacheBytes int64
	// HotBytes is how much memory may be taken by columns of blocks that queries have
	// read, decompressed, for other queries.
	//
	// The default is none.
	HotBytes int64
	// Warm opens what is put at once, for the queries of this process, as far as there
	// is room.
	//
	// The default leaves that to the first of them.
	Warm bool
	// Cache, unless nil, is what queries read segments through. Merges do not: what
	// they read once would take the place of what is asked often.
	Cache *pagecache.Cache
	// Logger hears of damaged segments. The default is silence.
	Logger log.Logger
	// Registerer takes the metrics. The default registers none.
	Registerer prometheus.Registerer
	// Compile understands the query of a delete request. The default understands
	// none: answers then say that they may hold what was deleted.
	Compile func(query string) (Deletion, error)
	// Fault is called as each step of a change is done, for tests of crashes. An
	// error of its ends the change there, as a crash would. The default goes on.
	Fault func(Step) error
}

// A Step is a point between the steps of a put, at which a crash is of interest.
type Step string

// The steps of [Store.Put], of [Store.Drop], which begins with the entry, and of
// [Store.Sweep].
const (
	SegmentWritten Step = "segment written" // the object is durable, nobody knows of it
	SegmentChecked Step = "segment checked" // what was written was read back; merges only
	EntryWritten   Step = "entry written"   // the segment is visible, what it replaces is dead
	EntryRemoved   Step = "entry removed"   // the object of a dead segment is an orphan
	ObjectDeleted  Step = "object deleted"  // nothing of a dead segment is left
)

// A Store is the segments of one bucket.
type Store struct {
	bucket  objstore.Bucket
	catalog *catalog.Catalog
	readers *readers
	doubts  *doubts
	logger  log.Logger
	metrics *metrics
	compile func(query string) (Deletion, error)
	fault   func(Step) error
	warms   bool

	sweeping sync.Mutex // held by the one sweep at a time
	reported sync.Map   // ids of the segments whose damage was logged

	mu   sync.Mutex        // guards the field below; held while a snapshot of the catalog is pinned
	pins map[ulid.ULID]int // how many open snapshots use a segment
}

var errNoCompiler = errors.New("this store was opened without a language for queries")

// New returns the store of a bucket whose catalog is open.
func New(bucket objstore.Bucket, c *catalog.Catalog, o Options) *Store {
	if o.IndexCacheBytes == 0 {
		o.IndexCacheBytes = 128 << 20
	}
	if o.Logger == nil {
		o.Logger = log.NewNopLogger()
	}
	if o.Fault == nil {
		o.Fault = func(Step) error { return nil }
	}
	if o.Compile == nil {
		o.Compile = func(string) (Deletion, error) { return Deletion{}, errNoCompiler }
	}
	hot := block.NewHot(o.HotBytes)
	opened := segment.NewOpened(o.IndexCacheBytes)
	m := newMetrics(o.Registerer, hot, opened)
	source := func(e *catalog.Entry) segment.Source { return object{bucket, e.Object} }
	if o.Cache != nil {
		source = func(e *catalog.Entry) segment.Source { return cachedObject{o.Cache, e.Object, e.Size} }
	}
	readers := newReaders(source, opened, hot, o.IndexCacheBytes, m)
	return &Store{
		bucket:  bucket,
		catalog: c,
		readers: readers,
		doubts:  &doubts{cache: o.Cache, readers: readers, last: map[ulid.ULID]time.Time{}},
		logger:  log.With(o.Logger, "component", "store"),
		metrics: m,
		compile: o.Compile,
		fault:   o.Fault,
		warms:   o.Warm,
		pins:    map[ulid.ULID]int{},
	}
}

// Bucket is the bucket of the store, for what lies beside its segments.
func (s *Store) Bucket() objstore.Bucket { return s.bucket }

// Catalog is the catalog that the store works with.
func (s *Store) Catalog() *catalog.Catalog { return s.catalog }
