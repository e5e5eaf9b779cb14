package ruler

import (
	"context"
	"errors"
	"sync"

	"github.com/prometheus/common/model"
	"github.com/prometheus/prometheus/model/exemplar"
	"github.com/prometheus/prometheus/model/histogram"
	"github.com/prometheus/prometheus/model/labels"
	"github.com/prometheus/prometheus/model/metadata"
	"github.com/prometheus/prometheus/storage"
)

// samples take what rules compute: all of it goes to remote write, if there is
// one, and since when alerts are active to the states.
type samples struct {
	states *states
	// moving says that a group that goes may go to another ruler: that its series
	// end here does not end its alerts.
	moving bool

	mu  sync.Mutex         // guards the field below
	out storage.Appendable // nil where samples go nowhere
}

// to sends what comes from now on to another place.
func (s *samples) to(out storage.Appendable) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.out = out
}

// evaluation marks the context of an evaluation.
type evaluation struct{}

// Appender implements [storage.Appendable].
func (s *samples) Appender(ctx context.Context) storage.Appender {
	a := &appender{Appender: nowhere{}, states: s.states, silent: s.moving && ctx.Value(evaluation{}) == nil}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.out != nil {
		a.Appender = s.out.Appender(ctx)
	}
	return a
}

type appender struct {
	storage.Appender
	states *states
	silent bool // what is appended says nothing about alerts
	active []activeSample
}

type activeSample struct {
	labels labels.Labels
	t      int64
	v      float64
}

func (a *appender) Append(ref storage.SeriesRef, l labels.Labels, t int64, v float64) (storage.SeriesRef, error) {
	if !a.silent && l.Get(model.MetricNameLabel) == stateSeries {
		a.active = append(a.active, activeSample{l, t, v})
	}
	return a.Appender.Append(ref, l, t, v)
}

func (a *appender) Commit() error {
	for _, s := range a.active {
		a.states.add(s.labels, s.t, s.v)
	}
	return a.Appender.Commit()
}

// nowhere takes samples and keeps none. Log queries give no histograms,
// exemplars and start times.
type nowhere struct{}

var errNoSample = errors.New("append a sample: rules over logs give numbers only")

func (nowhere) Append(storage.SeriesRef, labels.Labels, int64, float64) (storage.SeriesRef, error) {
	return 0, nil
}
func (nowhere) SetOptions(*storage.AppendOptions) {}
func (nowhere) Commit() error                     { return nil }
func (nowhere) Rollback() error                   { return nil }

func (nowhere) AppendExemplar(storage.SeriesRef, labels.Labels, exemplar.Exemplar) (storage.SeriesRef, error) {
	return 0, errNoSample
}

func (nowhere) AppendHistogram(storage.SeriesRef, labels.Labels, int64, *histogram.Histogram, *histogram.FloatHistogram) (storage.SeriesRef, error) {
	return 0, errNoSample
}

func (nowhere) AppendHistogramSTZeroSample(storage.SeriesRef, labels.Labels, int64, int64, *histogram.Histogram, *histogram.FloatHistogram) (storage.SeriesRef, error) {
	return 0, errNoSample
}

func (nowhere) AppendSTZeroSample(storage.SeriesRef, labels.Labels, int64, int64) (storage.SeriesRef, error) {
	return 0, errNoSample
}

func (nowhere) UpdateMetadata(storage.SeriesRef, labels.Labels, metadata.Metadata) (storage.SeriesRef, error) {
	return 0, errNoSample
}
