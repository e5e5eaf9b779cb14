package ingester

import (
	"sync"
	"sync/atomic"

	"github.com/prometheus/prometheus/model/labels"

	"github.com/skaldlogs/skald/pkg/model"
	"github.com/skaldlogs/skald/pkg/storage/index"
)

// streamOverhead is what a stream costs in one head beside its rows: its entry
// there and in the index, its labels' text counted once more beside it.
const streamOverhead = 500

// A head is one tenant's part of a generation: its streams with an index over
// their labels, and the groups that hold their rows.
type head struct {
	tenant *tenant
	gen    *generation
	index  *index.Head

	mu      sync.RWMutex // guards the fields below
	streams []*headStream
	byText  map[string]*headStream // by canonical labels
	groups  map[string]*group
	bytes   atomic.Int64 // footprint

	sealing sync.WaitGroup // buffers that the sealers have
}

// A headStream is a stream within one head. Its ref is its number in the
// index and in the rows.
type headStream struct {
	ref    uint32
	gen    uint64 // of the head
	labels labels.Labels
	hash   uint64
	group  *group

	interval model.Interval // of its rows; guarded by group.mu
}

func newHead(t *tenant, g *generation) *head {
	return &head{
		tenant: t,
		gen:    g,
		index:  index.NewHead(),
		byText: map[string]*headStream{},
		groups: map[string]*group{},
	}
}

// grow accounts for n more bytes of memory, or fewer when n is negative.
func (h *head) grow(n int64) {
	h.bytes.Add(n)
	h.tenant.bytes.Add(n)
	h.gen.bytes.Add(n)
	h.gen.memory.bytes.Add(n)
}

// release gives back all memory of the head, which nobody can reach any more.
func (h *head) release() { h.grow(-h.bytes.Load()) }

// stream returns s as it is known in this head.
func (h *head) stream(s *stream) *headStream {
	if hs := s.head.Load(); hs != nil && hs.gen == h.gen.id {
		return hs
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	hs, ok := h.byText[s.text]
	if !ok {
		key := h.gen.groupKey(s.labels)
		g, ok := h.groups[key]
		if !ok {
			g = &group{head: h}
			h.groups[key] = g
		}
		hs = &headStream{ref: h.index.Add(s.labels), gen: h.gen.id, labels: s.labels, hash: s.hash, group: g, interval: model.Nothing}
		h.streams = append(h.streams, hs)
		h.byText[s.text] = hs
		h.grow(streamOverhead + int64(len(s.text)))
	}
	s.head.Store(hs)
	return hs
}

// groupList returns the groups that there are now.
func (h *head) groupList() []*group {
	h.mu.RLock()
	defer h.mu.RUnlock()
	out := make([]*group, 0, len(h.groups))
	for _, g := range h.groups {
		out = append(out, g)
	}
	return out
}

// groupKey names the group of a stream: the values of the labels that tell what
// kind of program wrote the lines.
func groupKey(lbls labels.Labels, names []string) string {
	if len(names) == 0 {
		return ""
	}
	var buf [128]byte
	key := buf[:0]
	for _, n := range names {
		key = append(key, lbls.Get(n)...)
		key = append(key, 0xff)
	}
	return string(key)
}
