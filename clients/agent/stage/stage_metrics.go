package stage

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/common/model"
)

// metricsConfig are metrics by name.
type metricsConfig map[string]*metricConfig

// metricConfig are the settings of a metric.
type metricConfig struct {
	Type        string       `yaml:"type"`
	Description string       `yaml:"description"`
	Source      string       `yaml:"source"`
	Prefix      *string      `yaml:"prefix"`
	MaxIdle     duration     `yaml:"max_idle_duration"`
	Config      metricAction `yaml:"config"`
}

// metricAction says which entries count, and for how much. Not all of it is of
// all types.
type metricAction struct {
	Action          string    `yaml:"action"`
	Value           *string   `yaml:"value"`
	MatchAll        *bool     `yaml:"match_all"`
	CountEntryBytes *bool     `yaml:"count_entry_bytes"`
	Buckets         []float64 `yaml:"buckets"`
}

const (
	defaultPrefix  = "promtail_custom_"
	defaultMaxIdle = 5 * time.Minute
)

func (c *metricsConfig) validate() error {
	if len(*c) == 0 {
		return required("at least one metric")
	}
	for name, m := range *c {
		if m == nil {
			return fmt.Errorf("metric %q: %w", name, required("type"))
		}
		if err := m.validate(name); err != nil {
			return fmt.Errorf("metric %q: %w", name, err)
		}
	}
	return nil
}

func (c *metricConfig) validate(name string) error {
	c.Type = strings.ToLower(c.Type)
	if c.Source == "" {
		c.Source = name
	}
	if c.Prefix == nil || *c.Prefix == "" {
		prefix := defaultPrefix
		c.Prefix = &prefix
	}
	if !model.LegacyValidation.IsValidMetricName(*c.Prefix + name) {
		return fmt.Errorf("%q is no name of a metric", *c.Prefix+name)
	}
	switch {
	case c.MaxIdle < 0:
		return errors.New("max_idle_duration: want more than nothing")
	case c.MaxIdle == 0:
		c.MaxIdle = duration(defaultMaxIdle)
	}
	a := &c.Config
	a.Action = strings.ToLower(a.Action)
	switch c.Type {
	case kindCounter:
		return a.validateCounter()
	case kindGauge:
		return a.validateGauge()
	case kindHistogram:
		return a.validateHistogram()
	default:
		return fmt.Errorf("unknown type %q, want counter, gauge or histogram", c.Type)
	}
}

func (a *metricAction) validateCounter() error {
	all := a.MatchAll != nil && *a.MatchAll
	bytes := a.CountEntryBytes != nil && *a.CountEntryBytes
	switch {
	case a.Action != "inc" && a.Action != "add":
		return errors.New("action: a counter has inc and add")
	case all && a.Value != nil:
		return errors.New("want one of match_all and value, not both")
	case bytes && (!all || a.Action != "add"):
		return errors.New("count_entry_bytes needs match_all: true and action: add")
	case all && a.Action == "add" && !bytes:
		return errors.New("match_all with action: add needs count_entry_bytes: true, or there is nothing to add")
	case a.Buckets != nil:
		return errors.New("buckets are for histograms")
	}
	return nil
}

func (a *metricAction) validateGauge() error {
	if !slices.Contains([]string{"set", "inc", "dec", "add", "sub"}, a.Action) {
		return errors.New("action: a gauge has set, inc, dec, add and sub")
	}
	if a.MatchAll != nil || a.CountEntryBytes != nil || a.Buckets != nil {
		return errors.New("a gauge has no settings but action and value")
	}
	return nil
}

func (a *metricAction) validateHistogram() error {
	if a.Action != "" || a.MatchAll != nil || a.CountEntryBytes != nil {
		return errors.New("a histogram has no settings but buckets and value")
	}
	if len(a.Buckets) == 0 {
		a.Buckets = prometheus.DefBuckets
	}
	for i, b := range a.Buckets {
		if i > 0 && !(b > a.Buckets[i-1]) {
			return errors.New("buckets: want bounds in rising order")
		}
	}
	return nil
}

func (c *metricsConfig) compile(b *builder) error {
	s := &metricsStage{}
	for _, name := range slices.Sorted(maps.Keys(*c)) {
		m := (*c)[name]
		f, err := b.opts.Metrics.family(familyOptions{
			name: *m.Prefix + name, help: m.Description, kind: m.Type,
			buckets: m.Config.Buckets, maxIdle: time.Duration(m.MaxIdle),
		})
		if err != nil {
			return err
		}
		b.onClose(func() { b.opts.Metrics.release(f) })
		s.metrics = append(s.metrics, metric{metricAction: m.Config, family: f, slot: b.slot(m.Source)})
	}
	b.add(s)
	return nil
}

// metricsStage makes metrics of rows.
type metricsStage struct{ metrics []metric }

// A metric is a metric of a stage.
type metric struct {
	metricAction
	family *family
	slot   int
}

func (s *metricsStage) process(_ *Chain, _ int, r *row) verdict {
	for i := range s.metrics {
		s.metrics[i].count(r)
	}
	return pass
}

// count changes the metric by what a row says.
func (m *metric) count(r *row) {
	if m.MatchAll != nil && *m.MatchAll {
		by := 1.0
		if m.CountEntryBytes != nil && *m.CountEntryBytes {
			by = float64(len(r.line))
		}
		m.family.change(r.labels.Public(), func(s *series) { s.value += by })
		return
	}
	v := r.get(m.slot)
	if v.kind == kindAbsent {
		return
	}
	if m.Value != nil && (v.kind == kindNull || v.text != *m.Value) {
		return
	}
	num := 1.0
	if m.Action != "inc" && m.Action != "dec" {
		var ok bool
		if num, ok = v.asFloat(); !ok || m.family.kind == kindCounter && !(num >= 0) {
			return
		}
	}
	m.family.change(r.labels.Public(), func(s *series) {
		switch {
		case m.family.kind == kindHistogram:
			s.observe(num, m.family.buckets)
		case m.Action == "set":
			s.value = num
		case m.Action == "dec" || m.Action == "sub":
			s.value -= num
		default:
			s.value += num
		}
	})
}
