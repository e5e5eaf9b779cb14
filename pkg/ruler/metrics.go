package ruler

import (
	"maps"
	"slices"
	"sync"

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
	abandoned       prometheus.Gauge
	cleaned         prometheus.Counter
	cleanErrors     prometheus.Counter
	tenants         *tenantMetrics
}

// tenantMetrics are those of the parts of tenants, which come and go. They are
// collected as they are at that moment.
type tenantMetrics struct {
	mu      sync.Mutex // guards the field below
	tenants map[*tenant]prometheus.Collector
}

func (m *tenantMetrics) add(t *tenant) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.tenants[t] = prometheus.WrapCollectorWith(prometheus.Labels{"user": t.name}, partMetrics{t})
}

func (m *tenantMetrics) remove(t *tenant) {
	m.mu.Lock()
	defer m.mu.Unlock()
	delete(m.tenants, t)
}

// Describe implements [prometheus.Collector]: nothing is known beforehand.
func (m *tenantMetrics) Describe(chan<- *prometheus.Desc) {}

// Collect implements [prometheus.Collector].
func (m *tenantMetrics) Collect(ch chan<- prometheus.Metric) {
	m.mu.Lock()
	list := slices.Collect(maps.Values(m.tenants))
	m.mu.Unlock()
	for _, t := range list {
		t.Collect(ch)
	}
}

// partMetrics are those of the parts of one tenant.
type partMetrics struct{ t *tenant }

// Describe implements [prometheus.Collector].
func (partMetrics) Describe(chan<- *prometheus.Desc) {}

// Collect implements [prometheus.Collector].
func (p partMetrics) Collect(ch chan<- prometheus.Metric) { p.t.collect(ch) }

func newMetrics(r prometheus.Registerer) *metrics {
	f := promauto.With(r)
	tenants := &tenantMetrics{tenants: map[*tenant]prometheus.Collector{}}
	r.MustRegister(tenants)
	return &metrics{
		tenants: tenants,
		syncs: f.NewCounterVec(prometheus.CounterOpts{
			Name: "ruler_sync_rules_total", Help: "How often the rules were read, by reason.",
		}, []string{"reason"}),
		loaded: f.NewGaugeVec(prometheus.GaugeOpts{
			Name: "ruler_config_last_reload_successful", Help: "Whether the rules of a tenant are those that are stored.",
		}, []string{"user"}),
		abandoned:   f.NewGauge(prometheus.GaugeOpts{Name: "ruler_wal_cleaner_abandoned_storage", Help: "WALs of tenants without rules here."}),
		cleaned:     f.NewCounter(prometheus.CounterOpts{Name: "ruler_wal_cleaner_cleanup_storage_success_total", Help: "WALs of such tenants that were removed."}),
		cleanErrors: f.NewCounter(prometheus.CounterOpts{Name: "ruler_wal_cleaner_cleanup_storage_error_total", Help: "WALs of such tenants that could not be removed."}),
		managers:    f.NewGauge(prometheus.GaugeOpts{Name: "ruler_managers_total", Help: "Tenants whose rules are evaluated here."}),
		queries:     f.NewCounter(prometheus.CounterOpts{Name: "ruler_queries_total", Help: "Queries of rules."}),
		failed:      f.NewCounter(prometheus.CounterOpts{Name: "ruler_queries_failed_total", Help: "Queries of rules that failed."}),
		ringErrors:  f.NewCounter(prometheus.CounterOpts{Name: "ruler_ring_check_errors_total", Help: "Times at which the ring did not say who owns a group."}),
	}
}

func (m *metrics) query(err error) {
	m.queries.Inc()
	if err != nil {
		m.failed.Inc()
	}
}
