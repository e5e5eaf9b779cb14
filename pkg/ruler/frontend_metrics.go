package ruler

import (
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promauto"
	"github.com/prometheus/prometheus/promql"

	"github.com/skaldlogs/skald/pkg/logql/engine"
)

// frontendMetrics are those of queries that a frontend evaluates.
type frontendMetrics struct {
	duration, bytes, samples *prometheus.HistogramVec
	success, failure         *prometheus.CounterVec
}

func newFrontendMetrics(r prometheus.Registerer) *frontendMetrics {
	f := promauto.With(r)
	histogram := func(name, help string, buckets []float64) *prometheus.HistogramVec {
		return f.NewHistogramVec(prometheus.HistogramOpts{Name: "ruler_remote_eval_" + name, Help: help, Buckets: buckets}, []string{"user"})
	}
	return &frontendMetrics{
		duration: histogram("request_duration_seconds", "Time that the query frontend took for a query of a rule.", prometheus.ExponentialBuckets(0.005, 3, 9)),
		bytes:    histogram("response_bytes", "Size of its answers.", prometheus.ExponentialBuckets(128, 8, 7)),
		samples:  histogram("response_samples", "Samples in its answers.", prometheus.ExponentialBuckets(1, 5, 8)),
		success: f.NewCounterVec(prometheus.CounterOpts{
			Name: "ruler_remote_eval_success_total", Help: "Queries of rules that the query frontend has evaluated.",
		}, []string{"user"}),
		failure: f.NewCounterVec(prometheus.CounterOpts{
			Name: "ruler_remote_eval_failure_total", Help: "Queries of rules without an answer of the query frontend, by reason: timeout, max_size, upstream_error or error.",
		}, []string{"reason", "user"}),
	}
}

func (m *frontendMetrics) observe(tenant string, took time.Duration, size int, res *engine.Result, err error, reason string) {
	m.duration.WithLabelValues(tenant).Observe(took.Seconds())
	if err != nil {
		m.failure.WithLabelValues(reason, tenant).Inc()
		return
	}
	m.success.WithLabelValues(tenant).Inc()
	m.bytes.WithLabelValues(tenant).Observe(float64(size))
	samples := 1
	switch data := res.Data.(type) {
	case promql.Vector:
		samples = len(data)
	case engine.Streams:
		samples = 0
		for _, s := range data {
			samples += len(s.Entries)
		}
	}
	m.samples.WithLabelValues(tenant).Observe(float64(samples))
}
