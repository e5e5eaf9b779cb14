package distributor

import (
	"context"
	"sync"
	"sync/atomic"
	"time"

	"github.com/prometheus/client_golang/prometheus"
)

const (
	// idleAfter is how long a tenant must have pushed nothing for its counters to
	// go: a program that runs for months sees many tenants.
	idleAfter = time.Hour
	idlePoll  = 5 * time.Minute
)

// activity is when tenants last pushed.
type activity struct{ byTenant sync.Map } // tenant → *atomic.Int64, ns since the epoch

// touch notes a push.
func (a *activity) touch(tenant string, now time.Time) {
	v, ok := a.byTenant.Load(tenant)
	if !ok {
		v, _ = a.byTenant.LoadOrStore(tenant, new(atomic.Int64))
	}
	v.(*atomic.Int64).Store(now.UnixNano())
}

// idle returns the tenants that have pushed nothing since then, and forgets them.
func (a *activity) idle(since time.Time) (out []string) {
	a.byTenant.Range(func(tenant, last any) bool {
		if last.(*atomic.Int64).Load() < since.UnixNano() {
			a.byTenant.Delete(tenant)
			out = append(out, tenant.(string))
		}
		return true
	})
	return out
}

// dropIdle removes the counters of tenants that are gone.
func (d *Distributor) dropIdle(context.Context) error {
	for _, tenant := range d.activity.idle(d.now().Add(-idleAfter)) {
		d.metrics.forget(tenant)
	}
	return nil
}

// forget removes the counters of a tenant. They begin at 0 when it comes back.
func (m *metrics) forget(tenant string) {
	for _, v := range []*prometheus.CounterVec{m.bytes, m.metadataBytes, m.lines, m.discarded, m.discardedBytes} {
		v.DeletePartialMatch(prometheus.Labels{"tenant": tenant})
	}
}
