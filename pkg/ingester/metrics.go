package ingester

import (
	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promauto"
)

// metrics of an [Ingester]. The names are those that dashboards know.
type metrics struct {
	streams        *prometheus.GaugeVec
	streamsCreated *prometheus.CounterVec
	chunksFlushed  *prometheus.CounterVec
	walFailures    prometheus.Counter
	diskFull       prometheus.Counter
	refused        prometheus.Counter
	flushes        *prometheus.CounterVec
	flushSeconds   prometheus.Histogram
	replayed       prometheus.Gauge
}

func newMetrics(reg prometheus.Registerer, i *Ingester) *metrics {
	f := promauto.With(reg)
	f.NewGaugeFunc(prometheus.GaugeOpts{
		Name: "ingester_memory_bytes",
		Help: "Memory held by entries that are not in the bucket yet.",
	}, func() float64 { return float64(i.memory.bytes.Load()) })
	f.NewGaugeFunc(prometheus.GaugeOpts{
		Name: "ingester_memory_limit_bytes",
		Help: "Bound on the memory held by entries that are not in the bucket yet.",
	}, func() float64 { return float64(i.memory.limit) })
	f.NewGaugeFunc(prometheus.GaugeOpts{
		Name: "ingester_memory_chunks",
		Help: "Sealed blocks in memory.",
	}, func() float64 { return float64(i.countBlocks()) })
	f.NewGaugeFunc(prometheus.GaugeOpts{
		Name: "ingester_flush_queue_length",
		Help: "Frozen generations that wait to be written to the bucket.",
	}, func() float64 {
		i.mu.RLock()
		defer i.mu.RUnlock()
		return float64(len(i.frozen))
	})
	f.NewGaugeFunc(prometheus.GaugeOpts{
		Name: "ingester_tails",
		Help: "Tails that follow streams of this ingester.",
	}, func() float64 { return float64(i.tails.count.Load()) })
	f.NewCounterFunc(prometheus.CounterOpts{
		Name: "ingester_tail_dropped_entries_total",
		Help: "Entries that were left out of a tail because it was not read fast enough. They are stored all the same.",
	}, func() float64 { return float64(i.tails.dropped.Load()) })
	return &metrics{
		streams: f.NewGaugeVec(prometheus.GaugeOpts{
			Name: "ingester_memory_streams",
			Help: "Active streams, per tenant.",
		}, []string{"tenant"}),
		streamsCreated: f.NewCounterVec(prometheus.CounterOpts{
			Name: "ingester_streams_created_total",
			Help: "Streams that became active, per tenant.",
		}, []string{"tenant"}),
		chunksFlushed: f.NewCounterVec(prometheus.CounterOpts{
			Name: "ingester_chunks_flushed_total",
			Help: "Chunks (one stream's rows in one segment) written to the bucket, by the reason of the flush.",
		}, []string{"reason"}),
		walFailures: f.NewCounter(prometheus.CounterOpts{
			Name: "ingester_wal_append_failures_total",
			Help: "Pushes that were refused because the write-ahead log could not be written.",
		}),
		diskFull: f.NewCounter(prometheus.CounterOpts{
			Name: "ingester_wal_disk_full_refused_total",
			Help: "Pushes that were refused because the disk of the write-ahead log is too full.",
		}),
		refused: f.NewCounter(prometheus.CounterOpts{
			Name: "ingester_memory_refused_total",
			Help: "Pushes that were refused because the memory bound was reached.",
		}),
		flushes: f.NewCounterVec(prometheus.CounterOpts{
			Name: "ingester_generation_flushes_total",
			Help: "Attempts to write a generation to the bucket, by outcome.",
		}, []string{"outcome"}),
		flushSeconds: f.NewHistogram(prometheus.HistogramOpts{
			Name:    "ingester_generation_flush_duration_seconds",
			Help:    "Time to write a generation to the bucket.",
			Buckets: prometheus.ExponentialBuckets(0.01, 4, 8),
		}),
		replayed: f.NewGauge(prometheus.GaugeOpts{
			Name: "ingester_wal_replay_duration_seconds",
			Help: "Time that the last replay of the write-ahead log took.",
		}),
	}
}

// countBlocks counts the sealed blocks of all generations.
func (i *Ingester) countBlocks() int {
	gens := i.generations()
	n := 0
	for _, gen := range gens {
		for _, h := range gen.headList() {
			for _, g := range h.groupList() {
				g.mu.Lock()
				n += len(g.sealed)
				g.mu.Unlock()
			}
		}
		gen.release()
	}
	return n
}
