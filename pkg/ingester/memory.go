package ingester

import (
	"os"
	"strconv"
	"strings"
	"sync/atomic"

	"golang.org/x/sys/unix"
)

// A memory is the bound on what all heads of an ingester hold together.
//
// At half of it the current generation is frozen early, so that it can go to
// the bucket. From there on a tenant that holds more than its equal share is
// refused, and at the bound everybody is: with 503, for it is the server that
// is short, not the tenant that asked for too much.
type memory struct {
	limit int64
	bytes atomic.Int64
}

// pressed reports whether it is time to freeze early.
func (m *memory) pressed() bool { return m.bytes.Load() >= m.limit/2 }

// refuses reports whether a tenant that holds own bytes, one of tenants many,
// must wait.
func (m *memory) refuses(own int64, tenants int) bool {
	total := m.bytes.Load()
	return total >= m.limit || total >= m.limit/2 && own > m.limit/int64(max(1, tenants))
}

// defaultMemoryLimit is a quarter of the memory that this process may use. The
// garbage collector may need as much again, and queries want their part.
func defaultMemoryLimit() int64 { return availableMemory() / 4 }

// availableMemory is the limit of the container, or the machine's memory where
// there is none.
func availableMemory() int64 {
	total := int64(1 << 30)
	var info unix.Sysinfo_t
	if unix.Sysinfo(&info) == nil {
		total = int64(info.Totalram) * int64(info.Unit)
	}
	for _, file := range []string{
		"/sys/fs/cgroup/memory.max",                   // v2
		"/sys/fs/cgroup/memory/memory.limit_in_bytes", // v1
	} {
		text, err := os.ReadFile(file)
		if err != nil {
			continue
		}
		// "max", and v1's number for it, are no limit below the machine's.
		if n, err := strconv.ParseInt(strings.TrimSpace(string(text)), 10, 64); err == nil && n > 0 && n < total {
			return n
		}
	}
	return total
}
