package ruler

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/prometheus/prometheus/model/labels"
	"github.com/prometheus/prometheus/model/value"
	"github.com/prometheus/prometheus/promql"
	"github.com/prometheus/prometheus/storage"
	"github.com/prometheus/prometheus/util/annotations"

	"github.com/skaldlogs/skald/pkg/objstore"
)

// statesPrefix is where the states of alerts lie: ruler-states/<tenant>/<ruler>.
const statesPrefix = "ruler-states/"

// maxStatesBytes bounds the states of one tenant on one ruler.
const maxStatesBytes = 64 << 20

// stateSeries is the series in which Prometheus' rule manager says since when an
// alert is active, and in which it looks for that after a restart.
const stateSeries = "ALERTS_FOR_STATE"

func hash(s string) string {
	sum := sha256.Sum256([]byte(s))
	return hex.EncodeToString(sum[:])
}

// states remember since when the alerts of a tenant are active. They take the
// samples of ALERTS_FOR_STATE that the rule manager writes, keep the last of each
// series in the bucket, and give it back to a manager that starts.
type states struct {
	bucket objstore.Bucket
	tenant string
	ruler  string // this one
	keep   time.Duration

	mu      sync.Mutex
	now     map[string]*state // by the series' labels
	dirty   bool
	loaded  bool // used by load alone, which is not called twice at once
	writing sync.Mutex
}

// A state is the last sample of a series.
type state struct {
	Labels map[string]string `json:"labels"`
	Time   int64             `json:"time"`  // of the evaluation, ms
	Since  float64           `json:"since"` // the alert is active, in seconds
	// Gone says that the alert is not active any more, where another ruler has
	// written that it is.
	Gone    bool `json:"gone,omitempty"`
	series  labels.Labels
	foreign bool // another ruler has written it too
}

func newStates(b objstore.Bucket, tenant, ruler string, keep time.Duration) *states {
	return &states{bucket: b, tenant: tenant, ruler: ruler, keep: keep, now: map[string]*state{}}
}

func (s *states) prefix() string { return statesPrefix + objstore.EncodeTenant(s.tenant) + "/" }

// load reads the states that any ruler has written, the last of each series. It
// may be called again when groups come from other rulers.
func (s *states) load(ctx context.Context) error {
	var names []string
	if err := s.bucket.List(ctx, s.prefix(), func(i objstore.Info) error {
		names = append(names, i.Name)
		return nil
	}); err != nil {
		return fmt.Errorf("list the states of alerts of tenant %s: %w", s.tenant, err)
	}
	own := s.prefix() + element(s.ruler)
	for _, name := range names {
		if name == own && s.loaded {
			continue // what is in memory is newer
		}
		data, err := objstore.ReadAll(ctx, s.bucket, name, maxStatesBytes)
		if errors.Is(err, objstore.ErrNotFound) {
			continue
		}
		if err != nil {
			return fmt.Errorf("read the states of alerts of tenant %s: %w", s.tenant, err)
		}
		var found []*state
		if err := json.Unmarshal(data, &found); err != nil {
			return fmt.Errorf("read the states of alerts of tenant %s: %s: %w", s.tenant, name, err)
		}
		s.take(found, name != own)
	}
	s.loaded = true
	return nil
}

// take keeps the later of each series.
func (s *states) take(found []*state, foreign bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, st := range found {
		st.series, st.foreign = labels.FromMap(st.Labels), foreign
		key := st.series.String()
		old := s.now[key]
		switch {
		case old == nil:
			s.now[key] = st
		case old.Time < st.Time:
			st.foreign = foreign || old.foreign
			s.now[key] = st
		default:
			old.foreign = foreign || old.foreign
		}
	}
}

// add takes a sample of ALERTS_FOR_STATE.
func (s *states) add(l labels.Labels, t int64, v float64) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.dirty = true
	key := l.String()
	foreign := s.now[key] != nil && s.now[key].foreign
	if value.IsStaleNaN(v) {
		delete(s.now, key)
		if foreign {
			s.now[key] = &state{Labels: l.Map(), Time: t, Gone: true, series: l, foreign: true}
		}
		return
	}
	s.now[key] = &state{Labels: l.Map(), Time: t, Since: v, series: l, foreign: foreign}
}

// save writes the states, if they have changed.
func (s *states) save(ctx context.Context, now time.Time) error {
	s.writing.Lock()
	defer s.writing.Unlock()
	s.mu.Lock()
	if !s.dirty {
		s.mu.Unlock()
		return nil
	}
	s.dirty = false
	list := make([]*state, 0, len(s.now))
	for key, st := range s.now {
		if now.Sub(time.UnixMilli(st.Time)) > s.keep {
			delete(s.now, key)
			continue
		}
		list = append(list, st)
	}
	data, err := json.Marshal(list)
	s.mu.Unlock()
	if err == nil {
		name := s.prefix() + element(s.ruler)
		if len(list) == 0 {
			err = s.bucket.Delete(ctx, name)
		} else {
			err = s.bucket.Put(ctx, name, bytes.NewReader(data), int64(len(data)))
		}
	}
	if err != nil {
		s.mu.Lock()
		s.dirty = true
		s.mu.Unlock()
		return fmt.Errorf("write the states of alerts of tenant %s: %w", s.tenant, err)
	}
	return nil
}

// Querier implements [storage.Queryable] for the rule manager, which asks for
// nothing but states.
func (s *states) Querier(mint, maxt int64) (storage.Querier, error) {
	return &stateQuerier{states: s, mint: mint, maxt: maxt}, nil
}

type stateQuerier struct {
	states     *states
	mint, maxt int64
}

// Select implements [storage.Querier].
func (q *stateQuerier) Select(_ context.Context, _ bool, _ *storage.SelectHints, matchers ...*labels.Matcher) storage.SeriesSet {
	q.states.mu.Lock()
	defer q.states.mu.Unlock()
	var found []storage.Series
next:
	for _, st := range q.states.now {
		if st.Time < q.mint || st.Time > q.maxt || st.Gone {
			continue
		}
		for _, m := range matchers {
			if !m.Matches(st.series.Get(m.Name)) {
				continue next
			}
		}
		found = append(found, promql.NewStorageSeries(promql.Series{Metric: st.series, Floats: []promql.FPoint{{T: st.Time, F: st.Since}}}))
	}
	return &seriesList{series: found}
}

func (q *stateQuerier) LabelValues(context.Context, string, *storage.LabelHints, ...*labels.Matcher) ([]string, annotations.Annotations, error) {
	return nil, nil, nil
}

func (q *stateQuerier) LabelNames(context.Context, *storage.LabelHints, ...*labels.Matcher) ([]string, annotations.Annotations, error) {
	return nil, nil, nil
}

func (q *stateQuerier) Close() error { return nil }

// A seriesList is a set of series in no order.
type seriesList struct {
	series []storage.Series
	next   int
}

func (l *seriesList) Next() bool {
	l.next++
	return l.next <= len(l.series)
}
func (l *seriesList) At() storage.Series                { return l.series[l.next-1] }
func (l *seriesList) Err() error                        { return nil }
func (l *seriesList) Warnings() annotations.Annotations { return nil }
