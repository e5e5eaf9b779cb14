package ingester

import (
	"sync"
	"sync/atomic"
	"time"

	"github.com/prometheus/prometheus/model/labels"

	"github.com/skaldlogs/skald/pkg/storage/block"
	"github.com/skaldlogs/skald/pkg/storage/wal"
)

// A generation is one memtable and the part of the log that can rebuild it. One
// generation at a time takes writes; the ones before it are frozen, and stay
// readable until their rows are in the bucket and the catalog says so.
//
// A push pins the generation before it writes its record and until its rows are
// in the heads, so that a generation whose pins are gone after it was frozen
// has every row that its log has.
type generation struct {
	id      uint64
	created time.Time
	memory  *memory
	reason  string   // why it was frozen
	grouped []string // names of the labels that streams of a group share

	// wal is where records of this generation go; nil when it was replayed.
	wal  *wal.Writer
	pins sync.WaitGroup

	hot   *block.Hot   // columns of its blocks that queries have read
	bytes atomic.Int64 // footprint of all heads
	raw   atomic.Int64 // lines and metadata taken

	mu    sync.RWMutex // guards heads and spill
	heads map[string]*head
	spill *spill

	skipped map[string]bool // tenants that replay left to the store; set before it serves
	flushed map[string]bool // tenants that were handed to the store; belongs to the flusher
	readers atomic.Int64    // open snapshots, and one for the ingester itself
}

// maxHot bounds what a generation keeps of the columns that queries read.
const maxHot = 32 << 20

func newGeneration(id uint64, m *memory, grouped []string, now time.Time) *generation {
	g := &generation{
		id:      id,
		created: now,
		memory:  m,
		grouped: grouped,
		hot:     block.NewHot(min(m.limit/64, maxHot)),
		heads:   map[string]*head{},
		skipped: map[string]bool{},
		flushed: map[string]bool{},
	}
	g.readers.Store(1)
	return g
}

func (g *generation) groupKey(lbls labels.Labels) string { return groupKey(lbls, g.grouped) }

// head returns the tenant's part, which is made when it is not there.
func (g *generation) head(t *tenant) *head {
	g.mu.RLock()
	h := g.heads[t.id]
	g.mu.RUnlock()
	if h != nil {
		return h
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	if h = g.heads[t.id]; h == nil {
		h = newHead(t, g)
		g.heads[t.id] = h
	}
	return h
}

// find returns the tenant's part, or nil.
func (g *generation) find(tenant string) *head {
	g.mu.RLock()
	defer g.mu.RUnlock()
	return g.heads[tenant]
}

// headList returns the parts of all tenants.
func (g *generation) headList() []*head {
	g.mu.RLock()
	defer g.mu.RUnlock()
	out := make([]*head, 0, len(g.heads))
	for _, h := range g.heads {
		out = append(out, h)
	}
	return out
}

// empty reports whether nothing was ever written to g.
func (g *generation) empty() bool { return g.raw.Load() == 0 && len(g.headList()) == 0 }

// retain keeps the spill file open for a reader; release ends that.
func (g *generation) retain() { g.readers.Add(1) }

// release closes what the generation holds open once nobody needs it.
func (g *generation) release() {
	if g.readers.Add(-1) > 0 {
		return
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.spill != nil {
		g.spill.close()
		g.spill = nil
	}
}

// spilled reads back what was moved to the spill file.
func (g *generation) spilled(ref spillRef) ([]byte, error) {
	g.mu.RLock()
	s := g.spill
	g.mu.RUnlock()
	return s.get(ref)
}
