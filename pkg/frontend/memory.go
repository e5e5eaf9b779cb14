package frontend

import (
	"container/list"
	"context"
	"sync"
	"time"
)

// A Cache keeps answers under their names. It may forget any of them at any
// time. It must be safe for concurrent use.
type Cache interface {
	// Get returns those of the named answers that are there.
	Get(ctx context.Context, names []string) map[string][]byte
	// Put keeps answers; they must not be changed any more.
	Put(ctx context.Context, answers map[string][]byte)
}

// A memory is a cache in this process: the answers that were not asked for
// longest go first when it is full, and all go at a certain age.
type memory struct {
	max int
	ttl time.Duration
	now func() time.Time

	mu     sync.Mutex
	bytes  int
	byName map[string]*list.Element
	order  list.List // of *kept, the last one asked for in front
}

type kept struct {
	name  string
	value []byte
	until time.Time
}

// keptOverhead is what an answer takes beside its name and bytes.
const keptOverhead = 200

func (k *kept) size() int { return len(k.name) + len(k.value) + keptOverhead }

// NewMemory returns a cache of at most maxBytes, whose answers live for ttl, or
// for ever where it is 0.
func NewMemory(maxBytes int, ttl time.Duration) Cache {
	return &memory{max: maxBytes, ttl: ttl, now: time.Now, byName: map[string]*list.Element{}}
}

// Get implements [Cache].
func (m *memory) Get(_ context.Context, names []string) map[string][]byte {
	m.mu.Lock()
	defer m.mu.Unlock()
	out := make(map[string][]byte, len(names))
	for _, name := range names {
		e, ok := m.byName[name]
		if !ok {
			continue
		}
		k := e.Value.(*kept)
		if m.ttl > 0 && m.now().After(k.until) {
			m.drop(e)
			continue
		}
		m.order.MoveToFront(e)
		out[name] = k.value
	}
	return out
}

// Put implements [Cache].
func (m *memory) Put(_ context.Context, answers map[string][]byte) {
	m.mu.Lock()
	defer m.mu.Unlock()
	for name, value := range answers {
		if old, ok := m.byName[name]; ok {
			m.drop(old)
		}
		k := &kept{name: name, value: value, until: m.now().Add(m.ttl)}
		if k.size() > m.max {
			continue
		}
		m.byName[name] = m.order.PushFront(k)
		m.bytes += k.size()
	}
	for m.bytes > m.max {
		m.drop(m.order.Back())
	}
}

func (m *memory) drop(e *list.Element) {
	k := m.order.Remove(e).(*kept)
	delete(m.byName, k.name)
	m.bytes -= k.size()
}
