package ingester

import (
	"math"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/prometheus/prometheus/model/labels"
	"golang.org/x/time/rate"
)

// registryOverhead is what a stream costs in the registry, its labels' text
// counted once more beside it.
const registryOverhead = 400

func registryBytes(text string) int64 { return registryOverhead + int64(len(text)) }

// noTimestamp is the newest timestamp of a stream that has no entry.
const noTimestamp = math.MinInt64

// A stream is what an ingester remembers of a stream from generation to
// generation, for as long as it is active: which timestamps it may still take,
// and how fast it grows.
type stream struct {
	text   string // canonical labels
	hash   uint64
	labels labels.Labels
	next   *stream // another stream of the same hash

	head atomic.Pointer[headStream] // where its rows went last; nil once that generation is dropped

	newest   atomic.Int64 // newest timestamp it holds, ns
	lastSeen atomic.Int64 // when it last took an entry, ns by the wall clock

	mu      sync.Mutex    // guards limiter
	limiter *rate.Limiter // nil until the first push
}

// advance raises the newest timestamp to ts.
func (s *stream) advance(ts int64) {
	for {
		old := s.newest.Load()
		if ts <= old || s.newest.CompareAndSwap(old, ts) {
			return
		}
	}
}

// allow takes n bytes from the stream's budget, and reports whether they were there.
func (s *stream) allow(now time.Time, limit rate.Limit, burst, n int) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	switch {
	case s.limiter == nil:
		s.limiter = rate.NewLimiter(limit, burst)
	case s.limiter.Limit() != limit || s.limiter.Burst() != burst:
		s.limiter.SetLimitAt(now, limit)
		s.limiter.SetBurstAt(now, burst)
	}
	return s.limiter.AllowN(now, n)
}

// A tenant is the registry of one tenant's active streams.
type tenant struct {
	id    string
	bytes atomic.Int64 // footprint in all generations

	mu      sync.RWMutex // guards the fields below
	streams map[uint64]*stream
	count   int
	gone    bool // from the registry: whoever still has it asks again
}

func newTenant(id string) *tenant {
	return &tenant{id: id, streams: map[uint64]*stream{}}
}

// lookup finds a stream; text may be borrowed.
func (t *tenant) lookup(hash uint64, text string) *stream {
	t.mu.RLock()
	defer t.mu.RUnlock()
	return t.lookupLocked(hash, text)
}

func (t *tenant) lookupLocked(hash uint64, text string) *stream {
	for s := t.streams[hash]; s != nil; s = s.next {
		if s.text == text {
			return s
		}
	}
	return nil
}

// A creation is what became of a try to add a stream.
type creation struct {
	stream *stream // nil when the limit was reached
	isNew  bool
	active int // streams that there are now
}

// create adds a stream, or finds it, unless there are limit of them already;
// limit 0 is none. It reports false when the tenant is gone from the registry.
func (t *tenant) create(hash uint64, text string, lbls labels.Labels, limit int, now int64) (creation, bool) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.gone {
		return creation{}, false
	}
	if s := t.lookupLocked(hash, text); s != nil {
		return creation{stream: s, active: t.count}, true
	}
	if limit > 0 && t.count >= limit {
		return creation{active: t.count}, true
	}
	s := &stream{text: text, hash: hash, labels: lbls, next: t.streams[hash]}
	s.newest.Store(noTimestamp)
	s.lastSeen.Store(now)
	t.streams[hash] = s
	t.count++
	t.bytes.Add(registryBytes(text))
	return creation{stream: s, isNew: true, active: t.count}, true
}

// forget drops the streams that have taken nothing since the given time, and
// returns how much memory that gives back.
func (t *tenant) forget(before int64) (freed int64) {
	t.mu.Lock()
	defer t.mu.Unlock()
	for hash, s := range t.streams {
		var keep *stream
		for s != nil {
			next := s.next
			if s.lastSeen.Load() >= before {
				s.next = keep
				keep = s
			} else {
				t.count--
				freed += registryBytes(s.text)
			}
			s = next
		}
		if keep == nil {
			delete(t.streams, hash)
		} else {
			t.streams[hash] = keep
		}
	}
	t.bytes.Add(-freed)
	return freed
}

// active counts the streams.
func (t *tenant) active() int {
	t.mu.RLock()
	defer t.mu.RUnlock()
	return t.count
}

// each calls fn for every active stream.
func (t *tenant) each(fn func(*stream)) {
	t.mu.RLock()
	defer t.mu.RUnlock()
	for _, s := range t.streams {
		for ; s != nil; s = s.next {
			fn(s)
		}
	}
}

// leave makes the streams forget where their rows went, if it was to gen: a
// stream that has been quiet since would keep all of it in memory.
func (t *tenant) leave(gen *generation) {
	t.each(func(s *stream) {
		if hs := s.head.Load(); hs != nil && hs.gen == gen.id {
			s.head.CompareAndSwap(hs, nil)
		}
	})
}

// tenants is the registry of all tenants' streams.
type tenants struct {
	mu   sync.RWMutex // guards byID
	byID map[string]*tenant
}

// find returns a tenant, or nil, and how many there are.
func (ts *tenants) find(id string) (*tenant, int) {
	ts.mu.RLock()
	defer ts.mu.RUnlock()
	return ts.byID[id], len(ts.byID)
}

// get returns a tenant, which is made when it is not there. id may be borrowed.
func (ts *tenants) get(id string) *tenant {
	if t, _ := ts.find(id); t != nil {
		return t
	}
	ts.mu.Lock()
	defer ts.mu.Unlock()
	t := ts.byID[id]
	if t == nil {
		id = strings.Clone(id)
		t = newTenant(id)
		ts.byID[id] = t
	}
	return t
}

// forget removes a tenant that has neither streams nor rows, so that names which
// were used once do not stay for ever.
func (ts *tenants) forget(t *tenant) bool {
	ts.mu.Lock()
	defer ts.mu.Unlock()
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.count > 0 || t.bytes.Load() != 0 {
		return false
	}
	t.gone = true
	delete(ts.byID, t.id)
	return true
}

// list returns all tenants.
func (ts *tenants) list() []*tenant {
	ts.mu.RLock()
	defer ts.mu.RUnlock()
	out := make([]*tenant, 0, len(ts.byID))
	for _, t := range ts.byID {
		out = append(out, t)
	}
	return out
}
