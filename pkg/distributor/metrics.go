package distributor

import (
	"strconv"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promauto"

	"github.com/skaldlogs/skald/pkg/limits"
	"github.com/skaldlogs/skald/pkg/model"
)

// metrics of a [Distributor]. Names and labels are those that dashboards know.
type metrics struct {
	bytes            *prometheus.CounterVec
	metadataBytes    *prometheus.CounterVec
	lines            *prometheus.CounterVec
	discarded        *prometheus.CounterVec
	discardedBytes   *prometheus.CounterVec
	ingesterFailures *prometheus.CounterVec
}

func newMetrics(reg prometheus.Registerer) *metrics {
	f := promauto.With(reg)
	counter := func(name, help string, labels ...string) *prometheus.CounterVec {
		return f.NewCounterVec(prometheus.CounterOpts{Name: name, Help: help}, labels)
	}
	return &metrics{
		bytes: counter("distributor_bytes_received_total",
			"Bytes of lines and structured metadata received, per tenant.",
			"tenant", "retention_hours", "is_internal_stream", "policy", "format"),
		metadataBytes: counter("distributor_structured_metadata_bytes_received_total",
			"Bytes of structured metadata received, per tenant.",
			"tenant", "retention_hours", "is_internal_stream", "policy", "format"),
		lines: counter("distributor_lines_received_total",
			"Lines received, per tenant.",
			"tenant", "is_internal_stream", "policy", "format"),
		discarded: counter("discarded_samples_total",
			"Entries that were not stored, by the reason.",
			"reason", "tenant", "retention_hours", "policy", "format"),
		discardedBytes: counter("discarded_bytes_total",
			"Bytes of entries that were not stored, by the reason.",
			"reason", "tenant", "retention_hours", "policy", "format"),
		ingesterFailures: counter("distributor_ingester_append_failures_total",
			"Pushes that an ingester did not take, by ingester.",
			"ingester"),
	}
}

// receive counts what was accepted, by policy where the tenant has any.
func (m *metrics) receive(p *push, t *tenantRules) {
	if len(t.policies) == 0 {
		m.add(p, t, "", policyCount{p.entries, p.bytes, p.metadataBytes})
		return
	}
	for name, c := range p.byPolicy {
		m.add(p, t, name, c)
	}
}

func (m *metrics) add(p *push, t *tenantRules, policy string, c policyCount) {
	tenant, hours, format := p.batch.Tenant, retentionHours(t.limits), p.req.Format
	m.bytes.WithLabelValues(tenant, hours, "false", policy, format).Add(float64(c.bytes))
	m.metadataBytes.WithLabelValues(tenant, hours, "false", policy, format).Add(float64(c.metadataBytes))
	m.lines.WithLabelValues(tenant, "false", policy, format).Add(float64(c.entries))
}

// discard counts what was not.
func (m *metrics) discard(tenant, format string, t *tenantRules, rejections []model.Rejection) {
	hours := retentionHours(t.limits)
	for _, r := range rejections {
		m.discarded.WithLabelValues(r.Reason, tenant, hours, "", format).Add(float64(r.Entries))
		m.discardedBytes.WithLabelValues(r.Reason, tenant, hours, "", format).Add(float64(r.Bytes))
	}
}

func retentionHours(l *limits.Limits) string {
	if l.RetentionPeriod <= 0 {
		return ""
	}
	return strconv.Itoa(int(time.Duration(l.RetentionPeriod).Hours()))
}
