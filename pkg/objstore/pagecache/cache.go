package pagecache

import (
	"context"
	"fmt"
	"slices"
	"sync"

	"github.com/go-kit/log"
	"github.com/go-kit/log/level"
	"github.com/prometheus/client_golang/prometheus"
	"golang.org/x/sync/errgroup"

	"github.com/skaldlogs/skald/pkg/objstore"
	"github.com/skaldlogs/skald/pkg/vfs"
)

// Options tune a [Cache]. Its zero value keeps nothing, and still reads near
// ranges at once.
type Options struct {
	// Memory and Disk are how many bytes of pages are kept at most.
	Memory, Disk int64
	// Logger hears of trouble with the disk. The default is silence.
	Logger log.Logger
	// Registerer takes the metrics. The default registers none.
	Registerer prometheus.Registerer
}

// Bounds on what is asked of the store.
const (
	// maxGap is how many pages that nobody wants are read along with others around
	// them, rather than begin another request.
	maxGap = 2
	// maxGet is how many pages one request reads. More are read side by side.
	maxGet = 256
	// perRead is how many requests one Read makes at a time, perCache all of them.
	perRead, perCache = 4, 32
)

// A Range is n bytes of an object from off.
type Range struct {
	Off int64
	N   int
}

// A Piece is a page at its place in the object.
type Piece struct {
	Off  int64
	Data []byte // of the page; must not be changed
	Page *Page
}

// A Cache reads objects of a bucket by pages.
type Cache struct {
	bucket  objstore.Bucket
	disk    *disk // nil for none
	logger  log.Logger
	metrics *metrics
	gets    chan struct{} // holds an item for each request under way

	mu     sync.Mutex // guards the fields below
	memory *lru[*Page]
	flying map[key]*flight // pages that are on their way
}

// A flight is a page on its way into memory.
type flight struct {
	landed chan struct{} // closed when the fields below are set
	page   *Page
	err    error
}

// Open returns a cache of a bucket, with pages in dir from the last time.
func Open(fsys vfs.FS, dir string, bucket objstore.Bucket, o Options) (*Cache, error) {
	if o.Logger == nil {
		o.Logger = log.NewNopLogger()
	}
	c := &Cache{
		bucket: bucket, logger: log.With(o.Logger, "component", "page cache"), gets: make(chan struct{}, perCache),
		memory: newLRU[*Page](o.Memory), flying: map[key]*flight{},
	}
	if o.Disk > 0 {
		var err error
		if c.disk, err = openDisk(fsys, dir, o.Disk); err != nil {
			return nil, fmt.Errorf("open page cache in %s: %w", dir, err)
		}
	}
	c.metrics = newMetrics(o.Registerer, c)
	return c, nil
}

// Close gives up the folder. Nobody reads any more.
func (c *Cache) Close() error {
	if c.disk == nil {
		return nil
	}
	return c.disk.lock.Close()
}

// Durable reports whether pages stay on disk when memory has no room for them.
func (c *Cache) Durable() bool { return c.disk != nil }

// ReadAt fills p with the bytes of an object of the given size from off.
func (c *Cache) ReadAt(ctx context.Context, object string, size int64, p []byte, off int64) error {
	pieces, err := c.Read(ctx, object, size, []Range{{off, len(p)}})
	if err != nil {
		return err
	}
	for _, piece := range pieces {
		copy(p[max(0, piece.Off-off):], piece.Data[max(0, off-piece.Off):])
	}
	return nil
}

// Read returns whole pages that hold the ranges of an object of the given size, in
// ascending order. It is an error when a range is not within the object, or when
// the object does not have that size.
func (c *Cache) Read(ctx context.Context, object string, size int64, ranges []Range) ([]Piece, error) {
	wanted, err := pagesOf(size, ranges)
	if err != nil {
		return nil, fmt.Errorf("read object %s: %w", object, err)
	}
	for {
		pieces, again, err := c.read(ctx, object, size, wanted)
		if err != nil {
			return nil, err
		}
		if !again {
			return pieces, nil
		}
	}
}

// maxForget is how many pages of an object are looked for at most: sizes may be wrong
// where something is damaged. They are those of 16 GiB.
const maxForget = 1 << 17

// Forget lets go of what is kept of an object of the given size, in memory and on
// disk: what is read from now on comes from the bucket, unless it is on its way.
func (c *Cache) Forget(object string, size int64) {
	for p := int64(0); p < maxForget && p*PageBytes < size; p++ {
		k := key{object, uint32(p)}
		c.mu.Lock()
		c.memory.remove(k)
		c.mu.Unlock()
		if c.disk == nil {
			continue
		}
		if err := c.disk.forget(k); err != nil {
			c.trouble("a page on disk cannot be removed", err)
		}
	}
}

// pagesOf returns the numbers of the pages that hold ranges, in ascending order.
func pagesOf(size int64, ranges []Range) ([]uint32, error) {
	var pages []uint32
	for _, r := range ranges {
		if r.Off < 0 || r.N < 0 || r.Off > size || int64(r.N) > size-r.Off {
			return nil, fmt.Errorf("a range of %d bytes at %d, of %d", r.N, r.Off, size)
		}
		if r.N == 0 {
			continue
		}
		for p := r.Off / PageBytes; p <= (r.Off+int64(r.N)-1)/PageBytes; p++ {
			pages = append(pages, uint32(p))
		}
	}
	slices.Sort(pages)
	return slices.Compact(pages), nil
}

// read does it once. Pages that another goroutine has on its way may come to
// nothing because that one is cancelled: again says that it is worth another try.
func (c *Cache) read(ctx context.Context, object string, size int64, wanted []uint32) (pieces []Piece, again bool, err error) {
	pages := make([]*Page, len(wanted))
	waits := make([]*flight, len(wanted)) // of other goroutines
	var mine []uint32
	flights := map[uint32]*flight{} // of this one
	c.mu.Lock()
	for i, p := range wanted {
		k := key{object, p}
		if page, ok := c.memory.get(k); ok {
			pages[i] = page
			c.metrics.memoryHits.Inc()
		} else if f := c.flying[k]; f != nil {
			waits[i] = f
			c.metrics.shared.Inc()
		} else {
			f := &flight{landed: make(chan struct{})}
			c.flying[k], flights[p] = f, f
			mine = append(mine, p)
		}
	}
	c.mu.Unlock()

	// What others wait for is done first, so that nobody waits in a circle.
	if len(mine) > 0 {
		err = c.load(ctx, object, size, mine, flights)
	}
	if err != nil {
		return nil, false, err
	}
	for i, p := range wanted {
		switch f := flights[p]; {
		case f != nil:
			pages[i] = f.page
		case waits[i] != nil:
			select {
			case <-waits[i].landed:
			case <-ctx.Done():
				return nil, false, ctx.Err()
			}
			if waits[i].err != nil {
				return nil, true, nil
			}
			pages[i] = waits[i].page
		}
		pieces = append(pieces, Piece{Off: int64(p) * PageBytes, Data: pages[i].data, Page: pages[i]})
	}
	return pieces, false, nil
}

// load brings pages into memory, from the disk or else from the bucket. All their
// flights have landed when it returns.
func (c *Cache) load(ctx context.Context, object string, size int64, pages []uint32, flights map[uint32]*flight) (err error) {
	defer func() {
		for p, f := range flights {
			if f.page == nil && f.err == nil {
				c.land(key{object, p}, f, nil, err)
			}
		}
	}()
	var missing []uint32
	for _, p := range pages {
		if data := c.fromDisk(key{object, p}); data != nil {
			c.land(key{object, p}, flights[p], data, nil)
			c.metrics.diskHits.Inc()
		} else {
			missing = append(missing, p)
			c.metrics.misses.Inc()
		}
	}
	g, gctx := errgroup.WithContext(ctx)
	g.SetLimit(perRead)
	for _, run := range runsOf(missing) {
		g.Go(func() error { return c.get(gctx, object, size, run, flights) })
	}
	return g.Wait()
}

// runsOf divides pages, which ascend, into those that are read at once.
func runsOf(pages []uint32) [][]uint32 {
	var runs [][]uint32
	for _, p := range pages {
		last := len(runs) - 1
		if last >= 0 && p-runs[last][len(runs[last])-1] <= maxGap+1 && p-runs[last][0] < maxGet {
			runs[last] = append(runs[last], p)
		} else {
			runs = append(runs, []uint32{p})
		}
	}
	return runs
}

// get reads the pages of a run from the bucket.
func (c *Cache) get(ctx context.Context, object string, size int64, run []uint32, flights map[uint32]*flight) error {
	select {
	case c.gets <- struct{}{}:
	case <-ctx.Done():
		return ctx.Err()
	}
	defer func() { <-c.gets }()
	off := int64(run[0]) * PageBytes
	end := min(size, (int64(run[len(run)-1])+1)*PageBytes)
	buf := make([]byte, end-off)
	if err := objstore.ReadRange(ctx, c.bucket, object, buf, off); err != nil {
		return err
	}
	for _, p := range run {
		start := int64(p)*PageBytes - off
		data := buf[start:min(start+PageBytes, int64(len(buf)))]
		if len(run) > 1 {
			data = slices.Clone(data) // one page that stays must not keep the others
		}
		k := key{object, p}
		c.land(k, flights[p], data, nil)
		c.toDisk(k, data)
	}
	return nil
}

// land tells all who wait for a page what became of it.
func (c *Cache) land(k key, f *flight, data []byte, err error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	delete(c.flying, k)
	f.err = err
	if err == nil {
		f.page = &Page{data: data}
		c.metrics.memoryEvictions.Add(float64(len(c.memory.add(k, f.page, int64(len(data))))))
	}
	close(f.landed)
}

// fromDisk returns a page's bytes, or nil.
func (c *Cache) fromDisk(k key) []byte {
	if c.disk == nil {
		return nil
	}
	data, err := c.disk.get(k)
	if err != nil {
		c.trouble("a page on disk cannot be read; it is read from the bucket", err)
	}
	return data
}

func (c *Cache) toDisk(k key, data []byte) {
	if c.disk == nil {
		return
	}
	gone, err := c.disk.put(k, data)
	c.metrics.diskEvictions.Add(float64(gone))
	if err != nil {
		c.trouble("a page cannot be kept on disk", err)
	}
}

func (c *Cache) trouble(msg string, err error) {
	c.metrics.errors.Inc()
	level.Debug(c.logger).Log("msg", msg, "err", err)
}
