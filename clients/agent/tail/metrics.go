package tail

import (
	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promauto"
)

// Metrics of all files together; a [Tailer] collects those of each.
type Metrics struct {
	encodingFailures *prometheus.CounterVec // by path
	active           prometheus.Gauge
	open             prometheus.Gauge
	rotations        *prometheus.CounterVec // by kind
	lost             prometheus.Counter
	failed           *prometheus.GaugeVec // by reason
}

// NewMetrics registers the metrics of files.
func NewMetrics(reg prometheus.Registerer) *Metrics {
	f := promauto.With(reg)
	m := &Metrics{
		encodingFailures: f.NewCounterVec(prometheus.CounterOpts{Namespace: "promtail", Name: "encoding_failures_total", Help: "Lines with bytes that could not be converted to UTF-8."}, []string{"path"}),
		active:           f.NewGauge(prometheus.GaugeOpts{Namespace: "promtail", Name: "files_active_total", Help: "Files that are followed."}),
		open:             f.NewGauge(prometheus.GaugeOpts{Namespace: "skald_agent", Name: "files_open", Help: "Files that are open at the moment."}),
		rotations:        f.NewCounterVec(prometheus.CounterOpts{Namespace: "skald_agent", Name: "rotations_total", Help: "Files that were rotated away, by how."}, []string{"kind"}),
		lost:             f.NewCounter(prometheus.CounterOpts{Namespace: "skald_agent", Name: "files_lost_total", Help: "Files that were removed before they were read to their end, and could not be found under another name."}),
		failed:           f.NewGaugeVec(prometheus.GaugeOpts{Namespace: "promtail", Name: "targets_failed_total", Help: "Targets that are not served, by reason."}, []string{"reason"}),
	}
	for _, reason := range []string{"dropped", "wrong_host", "no_path", "exists", "error"} {
		m.failed.WithLabelValues(reason)
	}
	return m
}

// SetFailed says how many targets are not served, by reason.
func (m *Metrics) SetFailed(failed map[string]int) {
	for _, reason := range []string{"dropped", "wrong_host", "no_path"} {
		m.failed.WithLabelValues(reason).Set(float64(failed[reason]))
	}
}

func (m *Metrics) forget(path string) {
	m.encodingFailures.DeleteLabelValues(path)
}
