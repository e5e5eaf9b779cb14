package ingester

import (
	"sync/atomic"

	"github.com/skaldlogs/skald/pkg/machine"
)

// A memory is the bound on what all heads of an ingester hold together.
//
// At half of it the current generation is frozen early, so that it can go to
// the bucket. From there on a tenant that holds more than its equal share is
// refused, and at the bound everybody is: with 503, for it is the server that
// is short, not the tenant that asked for too much.
type memory struct {
	limit   int64
	bytes   atomic.Int64
	streams atomic.Int64 // the part of bytes that the registry has, which no flush gives back
}

// register accounts for n more bytes of the registry of streams, or fewer.
func (m *memory) register(n int64) {
	m.bytes.Add(n)
	m.streams.Add(n)
}

// pressed reports whether it is time to freeze early: what a flush can give back
// is half of what streams leave, or more. Below a sixteenth of the bound there
// is not enough to make a segment of.
func (m *memory) pressed() bool {
	streams := m.streams.Load()
	return m.bytes.Load()-streams >= max((m.limit-streams)/2, m.limit/16)
}

// refuses reports whether a tenant that holds own bytes, one of tenants many,
// must wait.
func (m *memory) refuses(own int64, tenants int) bool {
	total := m.bytes.Load()
	return total >= m.limit || total >= m.limit/2 && own > m.limit/int64(max(1, tenants))
}

// defaultMemoryLimit is a quarter of the memory that this process may use. The
// garbage collector may need as much again, and queries want their part.
func defaultMemoryLimit() int64 { return machine.Memory() / 4 }
