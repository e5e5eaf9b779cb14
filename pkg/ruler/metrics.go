package ruler

import (
	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promauto"
)

// metrics are those of the ruler itself, under the names that dashboards know;
// those of groups and notifications are Prometheus' own, with a label for the
// tenant.
type metrics struct {
	syncs           *prometheus.CounterVec
	loaded          *prometheus.GaugeVec
	managers        prometheus.Gauge
	queries, failed prometheus.Counter
	ringErrors      prometheus.Counter
}

func newMetrics(r prometheus.Registerer) *metrics {
	f := promauto.With(r)
	return &metrics{
		syncs: f.NewCounterVec(prometheus.CounterOpts{
			Name: "ruler_sync_rules_total", Help: "How often the rules were read, by reason.",
		}, []string{"reason"}),
		loaded: f.NewGaugeVec(prometheus.GaugeOpts{
			Name: "ruler_config_last_reload_successful", Help: "Whether the rules of a tenant are those that are stored.",
		}, []string{"user"}),
		managers:   f.NewGauge(prometheus.GaugeOpts{Name: "ruler_managers_total", Help: "Tenants whose rules are evaluated here."}),
		queries:    f.NewCounter(prometheus.CounterOpts{Name: "ruler_queries_total", Help: "Queries of rules."}),
		failed:     f.NewCounter(prometheus.CounterOpts{Name: "ruler_queries_failed_total", Help: "Queries of rules that failed."}),
		ringErrors: f.NewCounter(prometheus.CounterOpts{Name: "ruler_ring_check_errors_total", Help: "Times at which the ring did not say who owns a group."}),
	}
}

func (m *metrics) query(err error) {
	m.queries.Inc()
	if err != nil {
		m.failed.Inc()
	}
}
