package ruler

import (
	"math"
	"testing"
	"time"

	"github.com/prometheus/prometheus/model/labels"
	"github.com/prometheus/prometheus/model/value"

	"github.com/skaldlogs/skald/pkg/objstore"
)

// active returns since when the alert name is active, 0 if it is not, as a rule
// manager asks for it.
func active(t *testing.T, s *states, name string, at time.Time) float64 {
	t.Helper()
	q, err := s.Querier(at.Add(-s.keep).UnixMilli(), at.UnixMilli())
	if err != nil {
		t.Fatal(err)
	}
	set := q.Select(t.Context(), false, nil, labels.MustNewMatcher(labels.MatchEqual, "alertname", name))
	if !set.Next() {
		return 0
	}
	it := set.At().Iterator(nil)
	it.Next()
	_, v := it.At()
	if set.Next() {
		t.Errorf("alert %s has two states", name)
	}
	return v
}

func TestStates(t *testing.T) {
	bucket := &objstore.Memory{}
	now := time.Unix(10_000, 0)
	alert := func(name string) labels.Labels {
		return labels.FromStrings("__name__", stateSeries, "alertname", name)
	}
	one := newStates(bucket, "t", "one", time.Hour)
	if err := one.load(t.Context()); err != nil {
		t.Fatal(err)
	}
	one.add(alert("A"), now.UnixMilli(), 7000)
	one.add(alert("B"), now.UnixMilli(), 8000)
	one.add(alert("C"), now.UnixMilli(), 8000)
	one.add(alert("C"), now.UnixMilli(), math.Float64frombits(value.StaleNaN))
	one.add(alert("old"), now.Add(-2*time.Hour).UnixMilli(), 1)
	if err := one.save(t.Context(), now); err != nil {
		t.Fatal(err)
	}
	// Another ruler has seen A later.
	other := newStates(bucket, "t", "other", time.Hour)
	other.add(alert("A"), now.Add(time.Minute).UnixMilli(), 9000)
	if err := other.save(t.Context(), now); err != nil {
		t.Fatal(err)
	}

	again := newStates(bucket, "t", "one", time.Hour)
	if err := again.load(t.Context()); err != nil {
		t.Fatal(err)
	}
	for name, want := range map[string]float64{"A": 9000, "B": 8000, "C": 0, "old": 0} {
		if got := active(t, again, name, now.Add(2*time.Minute)); got != want {
			t.Errorf("alert %s is active since %v, want %v", name, got, want)
		}
	}
	if got := active(t, again, "B", now.Add(2*time.Hour)); got != 0 {
		t.Errorf("a state from before a long outage is taken up: %v", got)
	}
	// Nothing has changed, and nothing is written.
	if err := bucket.Delete(t.Context(), again.prefix()+element("one")); err != nil {
		t.Fatal(err)
	}
	if err := again.save(t.Context(), now); err != nil {
		t.Fatal(err)
	}
	if _, err := bucket.Stat(t.Context(), again.prefix()+element("one")); err == nil {
		t.Error("states were written that have not changed")
	}
	if newStates(bucket, "u", "one", time.Hour).load(t.Context()) != nil {
		t.Error("a tenant without states")
	}
}

// A group goes to another ruler and comes back: its alerts are active since when
// they were, and those that were resolved meanwhile are not.
func TestStatesMove(t *testing.T) {
	bucket := &objstore.Memory{}
	at := time.Unix(10_000, 0)
	alert := func(name string) labels.Labels {
		return labels.FromStrings("__name__", stateSeries, "alertname", name)
	}
	step := func(s *states, save bool, change func(ms int64)) {
		t.Helper()
		at = at.Add(time.Minute)
		if err := s.load(t.Context()); err != nil {
			t.Fatal(err)
		}
		change(at.UnixMilli())
		if !save {
			return
		}
		if err := s.save(t.Context(), at); err != nil {
			t.Fatal(err)
		}
	}
	one, two := newStates(bucket, "t", "one", time.Hour), newStates(bucket, "t", "two", time.Hour)
	step(one, true, func(ms int64) {
		one.add(alert("A"), ms, 7000)
		one.add(alert("B"), ms, 8000)
	})
	step(two, true, func(ms int64) {
		if a, b := active(t, two, "A", at), active(t, two, "B", at); a != 7000 || b != 8000 {
			t.Errorf("the next ruler has A since %v and B since %v", a, b)
		}
		two.add(alert("A"), ms, 7000)
		two.add(alert("B"), ms, math.Float64frombits(value.StaleNaN))
	})
	step(one, false, func(int64) {
		if a, b := active(t, one, "A", at), active(t, one, "B", at); a != 7000 || b != 0 {
			t.Errorf("back at the first ruler, A is active since %v and B since %v", a, b)
		}
	})
}
