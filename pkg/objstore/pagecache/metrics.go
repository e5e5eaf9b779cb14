package pagecache

import (
	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promauto"
)

// metrics of a [Cache].
type metrics struct {
	memoryHits, diskHits, shared, misses prometheus.Counter
	memoryEvictions, diskEvictions       prometheus.Counter
	errors                               prometheus.Counter
}

func newMetrics(reg prometheus.Registerer, c *Cache) *metrics {
	f := promauto.With(reg)
	lookups := f.NewCounterVec(prometheus.CounterOpts{
		Name: "store_page_cache_lookups_total",
		Help: "Pages of segments that were wanted, by where they were: in memory, on disk, on their way for another reader (shared), or only in the bucket (miss).",
	}, []string{"result"})
	evictions := f.NewCounterVec(prometheus.CounterOpts{
		Name: "store_page_cache_evictions_total",
		Help: "Pages that went to make room for others, by where they were.",
	}, []string{"tier"})
	bytes := func(tier string, of func() int64) {
		f.NewGaugeFunc(prometheus.GaugeOpts{
			Name:        "store_page_cache_bytes",
			Help:        "Bytes of the pages that are kept, by where they are.",
			ConstLabels: prometheus.Labels{"tier": tier},
		}, func() float64 { return float64(of()) })
	}
	bytes("memory", func() int64 {
		c.mu.Lock()
		defer c.mu.Unlock()
		return c.memory.bytes
	})
	bytes("disk", func() int64 {
		if c.disk == nil {
			return 0
		}
		return c.disk.bytes()
	})
	return &metrics{
		memoryHits: lookups.WithLabelValues("memory"), diskHits: lookups.WithLabelValues("disk"),
		shared: lookups.WithLabelValues("shared"), misses: lookups.WithLabelValues("miss"),
		memoryEvictions: evictions.WithLabelValues("memory"), diskEvictions: evictions.WithLabelValues("disk"),
		errors: f.NewCounter(prometheus.CounterOpts{
			Name: "store_page_cache_disk_errors_total",
			Help: "How often a page could not be read from the local disk or written to it.",
		}),
	}
}
