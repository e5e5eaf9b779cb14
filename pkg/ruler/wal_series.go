package ruler

import (
	"context"
	"strings"
	"sync"

	"github.com/prometheus/client_golang/prometheus"
	dto "github.com/prometheus/client_model/go"
	"github.com/prometheus/prometheus/model/labels"
	"github.com/prometheus/prometheus/storage"
)

// walSeries counts the series of a WAL as they begin. The WAL itself tells how many
// there are, by a gauge that it registers, and not how many there were.
type walSeries struct {
	prometheus.Registerer // of the WAL's metrics

	mu      sync.Mutex       // held while samples are appended; guards the fields below
	gauge   prometheus.Gauge // of the series that there are
	created int64
}

// MustRegister implements [prometheus.Registerer].
func (s *walSeries) MustRegister(collectors ...prometheus.Collector) {
	for _, c := range collectors {
		if g, ok := c.(prometheus.Gauge); ok && strings.Contains(g.Desc().String(), `"prometheus_agent_active_series"`) {
			s.gauge = g
		}
	}
	s.Registerer.MustRegister(collectors...)
}

// opened counts the series that were read at the start.
func (s *walSeries) opened() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.created = s.activeLocked()
}

func (s *walSeries) activeLocked() int64 {
	var m dto.Metric
	if s.gauge == nil || s.gauge.Write(&m) != nil {
		return 0
	}
	return int64(m.GetGauge().GetValue())
}

// counts are the series that ever were, and those that are.
func (s *walSeries) counts() (created, active int64) {
	s.mu.Lock()
	defer s.mu.Unlock()
	active = s.activeLocked()
	return max(s.created, active), active
}

// counted is a WAL whose series are counted.
type counted struct {
	wal    storage.Appendable
	series *walSeries
}

// Appender implements [storage.Appendable].
func (c counted) Appender(ctx context.Context) storage.Appender {
	return &countedAppender{c.wal.Appender(ctx), c.series}
}

type countedAppender struct {
	storage.Appender
	series *walSeries
}

func (a *countedAppender) Append(ref storage.SeriesRef, l labels.Labels, t int64, v float64) (storage.SeriesRef, error) {
	a.series.mu.Lock()
	defer a.series.mu.Unlock()
	before := a.series.activeLocked()
	ref, err := a.Appender.Append(ref, l, t, v)
	a.series.created += max(0, a.series.activeLocked()-before)
	return ref, err
}
