package canary

import (
	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promauto"
)

type metrics struct {
	entries, wsMissing, missing, outOfOrder, duplicates, unexpected prometheus.Counter
	spotChecks, spotMissing, cacheDiffs, reconnects, pings          prometheus.Counter
	cacheResults                                                    *prometheus.CounterVec
	expected, actual                                                prometheus.Gauge
	latency, spotDuration, metricDuration                           prometheus.Histogram
}

func newMetrics(buckets int, reg prometheus.Registerer) *metrics {
	f := promauto.With(reg)
	counter := func(name, help string) prometheus.Counter {
		return f.NewCounter(prometheus.CounterOpts{Namespace: "loki_canary", Name: name, Help: help})
	}
	histogram := func(name, help string) prometheus.Histogram {
		return f.NewHistogram(prometheus.HistogramOpts{Namespace: "loki_canary", Name: name, Help: help, Buckets: prometheus.ExponentialBuckets(0.5, 2, buckets)})
	}
	return &metrics{
		entries:        counter("entries_total", "Entries that were written."),
		wsMissing:      counter("websocket_missing_entries_total", "Entries that the tail did not bring in time."),
		missing:        counter("missing_entries_total", "Entries that neither the tail nor queries brought."),
		outOfOrder:     counter("out_of_order_entries_total", "Entries that the tail brought after newer ones."),
		duplicates:     counter("duplicate_entries_total", "Entries that the tail brought more than once."),
		unexpected:     counter("unexpected_entries_total", "Entries that the tail brought although they were not written, or long ago."),
		spotChecks:     counter("spot_check_entries_total", "Entries that spot checks asked for."),
		spotMissing:    counter("spot_check_missing_entries_total", "Entries that spot checks did not find."),
		spotDuration:   histogram("spot_check_request_duration_seconds", "How long queries of spot checks took."),
		expected:       f.NewGauge(prometheus.GaugeOpts{Namespace: "loki_canary", Name: "metric_test_expected", Help: "Entries that were written in the range of the metric test."}),
		actual:         f.NewGauge(prometheus.GaugeOpts{Namespace: "loki_canary", Name: "metric_test_actual", Help: "Entries that the server counted in it."}),
		metricDuration: histogram("metric_test_request_duration_seconds", "How long queries of the metric test took."),
		cacheResults: f.NewCounterVec(prometheus.CounterOpts{
			Namespace: "loki_canary", Name: "cache_test_query_results_total", Help: "Queries of the cache test, by whether they were answered.",
		}, []string{"status"}),
		cacheDiffs: counter("cache_test_query_results_diff_total", "Cache tests whose two answers differ."),
		reconnects: counter("ws_reconnects_total", "Tails that were opened again."),
		pings:      counter("ws_pings_total", "Pings that the server sent."),
		latency:    histogram("response_latency_seconds", "Time from an entry's writing until the tail brought it."),
	}
}
