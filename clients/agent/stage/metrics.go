package stage

import (
	"fmt"
	"slices"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promauto"
)

// Reasons of drops whose stage has no setting for it.
const (
	reasonLimit     = "ratelimit_drop_stage"
	reasonMalformed = "malformed_json"
)

// Metrics are what the stages of an agent count: lines that they drop, and what
// metrics stages make of entries. It may be used by any number of goroutines.
type Metrics struct {
	dropped        *prometheus.CounterVec
	droppedByLabel *prometheus.CounterVec

	mu       sync.Mutex // guards the field below
	families map[string]*family
}

// NewMetrics registers the metrics of stages.
func NewMetrics(reg prometheus.Registerer) *Metrics {
	m := &Metrics{
		dropped: promauto.With(reg).NewCounterVec(prometheus.CounterOpts{
			Name: "logentry_dropped_lines_total",
			Help: "Lines that stages dropped, by reason.",
		}, []string{"reason"}),
		droppedByLabel: promauto.With(reg).NewCounterVec(prometheus.CounterOpts{
			Name: "logentry_dropped_lines_by_label_total",
			Help: "Lines that limits of labels dropped, by the label's value.",
		}, []string{"label_name", "label_value"}),
		families: map[string]*family{},
	}
	reg.MustRegister(m)
	return m
}

// Drop counts lines that are dropped outside of stages, as by a limit of the
// whole agent.
func (m *Metrics) Drop(reason string, lines int64) {
	m.dropped.WithLabelValues(reason).Add(float64(lines))
}

// Describe says nothing beforehand: the labels of metrics are those of entries.
func (m *Metrics) Describe(chan<- *prometheus.Desc) {}

// Collect sends what metrics stages made, and forgets what has been idle.
func (m *Metrics) Collect(ch chan<- prometheus.Metric) {
	m.mu.Lock()
	families := make([]*family, 0, len(m.families))
	for _, f := range m.families {
		families = append(families, f)
	}
	m.mu.Unlock()
	now := time.Now()
	for _, f := range families {
		f.collect(ch, now)
	}
}

// family returns the metric of a name, a new one if there is none. Stages of the
// same name share it, as those of a reloaded file and of the file before do.
func (m *Metrics) family(want familyOptions) (*family, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	f, ok := m.families[want.name]
	switch {
	case !ok:
		f = newFamily(want)
		m.families[want.name] = f
	case f.kind != want.kind || !slices.Equal(f.buckets, want.buckets):
		return nil, fmt.Errorf("metric %q is also a %s somewhere else, or has other buckets", want.name, f.kind)
	}
	f.users++
	return f, nil
}

// release gives up a metric; with its last user it goes.
func (m *Metrics) release(f *family) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if f.users--; f.users == 0 && m.families[f.name] == f {
		delete(m.families, f.name)
	}
}
