package stage

import (
	"maps"
	"sort"
	"strings"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/prometheus/model/labels"
)

// The kinds of metrics.
const (
	kindCounter   = "counter"
	kindGauge     = "gauge"
	kindHistogram = "histogram"
)

type familyOptions struct {
	name, help, kind string
	buckets          []float64 // upper bounds, sorted
	maxIdle          time.Duration
}

// A family is a metric, with a series for each set of labels that entries had.
type family struct {
	familyOptions
	users int // guarded by the Metrics

	mu     sync.Mutex // guards the field below
	series map[labels.Labels]*series
}

// A series is the value of a metric for a set of labels.
type series struct {
	desc    *prometheus.Desc
	values  []string
	value   float64  // of a counter or gauge; the sum of a histogram
	count   uint64   // of a histogram
	buckets []uint64 // of a histogram: values in each, the last one without a bound
	last    time.Time
}

func newFamily(o familyOptions) *family {
	return &family{familyOptions: o, series: map[labels.Labels]*series{}}
}

// change changes the series of labels, a new one if there is none.
func (f *family) change(ls labels.Labels, fn func(*series)) {
	f.mu.Lock()
	defer f.mu.Unlock()
	s, ok := f.series[ls]
	if !ok {
		s = f.newSeries(ls)
		f.series[ls] = s
	}
	fn(s)
	s.last = time.Now()
}

func (f *family) newSeries(ls labels.Labels) *series {
	s := &series{}
	var names []string
	ls.Range(func(l labels.Label) {
		names = append(names, l.Name)
		s.values = append(s.values, strings.ToValidUTF8(l.Value, "\ufffd"))
	})
	s.desc = prometheus.NewDesc(f.name, f.help, names, nil)
	if f.kind == kindHistogram {
		s.buckets = make([]uint64, len(f.buckets)+1)
	}
	return s
}

// observe adds a value to a histogram.
func (s *series) observe(v float64, bounds []float64) {
	s.value += v
	s.count++
	s.buckets[sort.SearchFloat64s(bounds, v)]++
}

// collect sends the series, and forgets those that have been idle too long.
func (f *family) collect(ch chan<- prometheus.Metric, now time.Time) {
	f.mu.Lock()
	defer f.mu.Unlock()
	maps.DeleteFunc(f.series, func(_ labels.Labels, s *series) bool { return now.Sub(s.last) > f.maxIdle })
	for _, s := range f.series {
		m, err := f.metric(s)
		if err != nil {
			m = prometheus.NewInvalidMetric(s.desc, err)
		}
		ch <- m
	}
}

func (f *family) metric(s *series) (prometheus.Metric, error) {
	switch f.kind {
	case kindHistogram:
		buckets, total := map[float64]uint64{}, uint64(0)
		for i, bound := range f.buckets {
			total += s.buckets[i]
			buckets[bound] = total
		}
		return prometheus.NewConstHistogram(s.desc, s.count, s.value, buckets, s.values...)
	case kindGauge:
		return prometheus.NewConstMetric(s.desc, prometheus.GaugeValue, s.value, s.values...)
	default:
		return prometheus.NewConstMetric(s.desc, prometheus.CounterValue, s.value, s.values...)
	}
}
