package frontend

import (
	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promauto"
)

type metrics struct {
	requests, hits, stored prometheus.Counter
	shared, refused        prometheus.Counter
	parts                  prometheus.Counter
	waiting                prometheus.Histogram
}

func newMetrics(r prometheus.Registerer, queued func() float64) *metrics {
	f := promauto.With(r)
	counter := func(name, help string) prometheus.Counter {
		return f.NewCounter(prometheus.CounterOpts{Name: name, Help: help})
	}
	f.NewGaugeFunc(prometheus.GaugeOpts{
		Name: "query_frontend_queue_length", Help: "Parts of queries that wait for their turn.",
	}, queued)
	return &metrics{
		requests: counter("query_frontend_cache_requests_total", "Extents of queries that were looked for among kept answers."),
		hits:     counter("query_frontend_cache_hits_total", "Extents that were found there."),
		stored:   counter("query_frontend_cache_stored_total", "Extents that were put there."),
		shared:   counter("query_frontend_shared_queries_total", "Queries that were answered by the evaluation of an equal one."),
		refused:  counter("query_frontend_refused_queries_total", "Queries of tenants that waited for too many answers already."),
		parts:    counter("query_frontend_parts_total", "Parts of queries that were evaluated."),
		waiting: f.NewHistogram(prometheus.HistogramOpts{
			Name: "query_frontend_queue_duration_seconds", Help: "How long parts of queries waited for their turn.",
			Buckets: prometheus.ExponentialBuckets(0.001, 4, 8),
		}),
	}
}
