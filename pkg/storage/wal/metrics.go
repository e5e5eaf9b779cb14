package wal

import (
	"errors"
	"syscall"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promauto"
)

type metrics struct {
	records     prometheus.Counter
	bytes       prometheus.Counter
	syncSeconds prometheus.Histogram
	failures    *prometheus.CounterVec
	diskFull    prometheus.Counter
	corruptions prometheus.Counter
	tornTails   prometheus.Counter
	replayed    prometheus.Counter
}

func newMetrics(reg prometheus.Registerer) *metrics {
	f := promauto.With(reg)
	return &metrics{
		records: f.NewCounter(prometheus.CounterOpts{
			Name: "ingester_wal_records_logged_total",
			Help: "Records written to the write-ahead log.",
		}),
		bytes: f.NewCounter(prometheus.CounterOpts{
			Name: "ingester_wal_logged_bytes_total",
			Help: "Bytes written to the write-ahead log, compressed and framed.",
		}),
		syncSeconds: f.NewHistogram(prometheus.HistogramOpts{
			Name:    "ingester_wal_sync_duration_seconds",
			Help:    "Time that a sync of a file of the write-ahead log took.",
			Buckets: prometheus.ExponentialBuckets(0.0005, 2, 14),
		}),
		failures: f.NewCounterVec(prometheus.CounterOpts{
			Name: "ingester_wal_failures_total",
			Help: "Operations on files of the write-ahead log that failed. After each, a new file is begun.",
		}, []string{"operation"}),
		diskFull: f.NewCounter(prometheus.CounterOpts{
			Name: "ingester_wal_disk_full_failures_total",
			Help: "Operations on files of the write-ahead log that failed because the disk was full.",
		}),
		corruptions: f.NewCounter(prometheus.CounterOpts{
			Name: "ingester_wal_corruptions_total",
			Help: "Damaged places met during replay, each skipped to the next frame.",
		}),
		tornTails: f.NewCounter(prometheus.CounterOpts{
			Name: "ingester_wal_torn_tails_total",
			Help: "Files met during replay that end in an unfinished write.",
		}),
		replayed: f.NewCounter(prometheus.CounterOpts{
			Name: "ingester_wal_replayed_records_total",
			Help: "Records read during replay.",
		}),
	}
}

// failed counts an operation that ended with err.
func (m *metrics) failed(operation string, err error) {
	m.failures.WithLabelValues(operation).Inc()
	if errors.Is(err, syscall.ENOSPC) {
		m.diskFull.Inc()
	}
}
