package send

import (
	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promauto"
)

// Reasons for which clients drop entries.
const (
	reasonIngester      = "ingester_error"
	reasonRateLimited   = "rate_limited"
	reasonStreamLimited = "stream_limited"
	reasonLineTooLong   = "line_too_long"
)

// Metrics of all clients together.
type Metrics struct {
	encoded, sentBytes, sentEntries *prometheus.CounterVec // by host
	droppedBytes, droppedEntries    *prometheus.CounterVec // by host, tenant, reason
	mutatedBytes, mutatedEntries    *prometheus.CounterVec // by host, tenant, reason
	retries                         *prometheus.CounterVec // by host, tenant
	duration                        *prometheus.HistogramVec
}

// NewMetrics registers the metrics of clients.
func NewMetrics(reg prometheus.Registerer) *Metrics {
	f := promauto.With(reg)
	counter := func(name, help string, by ...string) *prometheus.CounterVec {
		return f.NewCounterVec(prometheus.CounterOpts{Namespace: "promtail", Name: name, Help: help}, by)
	}
	return &Metrics{
		encoded:        counter("encoded_bytes_total", "Bytes of requests that were made ready to send.", "host"),
		sentBytes:      counter("sent_bytes_total", "Bytes of requests that the server took.", "host"),
		sentEntries:    counter("sent_entries_total", "Entries that the server took.", "host"),
		droppedBytes:   counter("dropped_bytes_total", "Bytes of requests that were dropped.", "host", "tenant", "reason"),
		droppedEntries: counter("dropped_entries_total", "Entries that were dropped instead of sent.", "host", "tenant", "reason"),
		mutatedBytes:   counter("mutated_bytes_total", "Bytes that were cut from entries before they were sent.", "host", "tenant", "reason"),
		mutatedEntries: counter("mutated_entries_total", "Entries that were changed before they were sent.", "host", "tenant", "reason"),
		retries:        counter("batch_retries_total", "Tries to send a batch that came after the first.", "host", "tenant"),
		duration: f.NewHistogramVec(prometheus.HistogramOpts{
			Namespace: "promtail", Name: "request_duration_seconds",
			Help: "How long pushes took, by the status of the answer.",
		}, []string{"status_code", "host"}),
	}
}

// prepare makes the series of a host, so that they are there before the first loss.
func (m *Metrics) prepare(host string) {
	m.encoded.WithLabelValues(host)
	m.sentBytes.WithLabelValues(host)
	m.sentEntries.WithLabelValues(host)
	m.retries.WithLabelValues(host, "")
	for _, reason := range []string{reasonIngester, reasonRateLimited, reasonStreamLimited, reasonLineTooLong} {
		for _, v := range []*prometheus.CounterVec{m.droppedBytes, m.droppedEntries, m.mutatedBytes, m.mutatedEntries} {
			v.WithLabelValues(host, "", reason)
		}
	}
}
