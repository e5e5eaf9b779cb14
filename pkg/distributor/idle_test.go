package distributor

import (
	"testing"
	"time"

	"github.com/go-kit/log"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/testutil"

	"github.com/skaldlogs/skald/pkg/limits"
	"github.com/skaldlogs/skald/pkg/model"
)

// TestIdleTenantsHaveNoCounters: the counters of a tenant go when it has pushed
// nothing for a while, and come back with it.
func TestIdleTenantsHaveNoCounters(t *testing.T) {
	d := newDistributor(t, newIngesters(1, 1), func(l *limits.Limits) { l.MaxLineSize = 10 })
	push := func() {
		t.Helper()
		if _, _, err := pushTo(d, model.Stream{Labels: `{a="b"}`, Entries: entries("short", "longer than ten bytes")}); err != nil {
			t.Fatal(err)
		}
	}
	count := func() int {
		return testutil.CollectAndCount(d.metrics.lines) + testutil.CollectAndCount(d.metrics.discarded) + testutil.CollectAndCount(d.metrics.bytes)
	}
	push()
	at := now
	d.now = func() time.Time { return at }
	for _, tc := range []struct {
		later time.Duration
		want  int
	}{{0, 3}, {idleAfter, 3}, {idleAfter + 1, 0}} {
		at = now.Add(tc.later)
		if err := d.dropIdle(t.Context()); err != nil {
			t.Fatal(err)
		}
		if got := count(); got != tc.want {
			t.Errorf("after %s there are %d counters, want %d", tc.later, got, tc.want)
		}
	}
	at = now
	push()
	if got := count(); got != 3 {
		t.Errorf("%d counters after one more push, want 3", got)
	}
}

// TestSharedRate: several distributors grant a tenant its rate together.
func TestSharedRate(t *testing.T) {
	l := limits.Limits{IngestionRateMB: 8, IngestionBurstSizeMB: 6, IngestionRateStrategy: limits.GlobalRate}
	overrides := limits.NewOverrides(&l, nil)
	s := rateStrategy{overrides, func() int { return 4 }}
	if got := s.Limit("t"); got != 2<<20 {
		t.Errorf("the rate of one of four is %g, want 2 MiB/s", got)
	}
	if got := s.Burst("t"); got != 6<<20 {
		t.Errorf("the burst of one of four is %d, want all of it", got)
	}
	l.IngestionRateStrategy = limits.LocalRate
	d := New(Config{}, Options{Limits: overrides, Logger: log.NewNopLogger(), Registerer: prometheus.NewRegistry(), Distributors: func() int { return 4 }})
	if got := d.rate.Limit(now, "t"); got != 8<<20 {
		t.Errorf("the rate of one that does not share it is %g, want 8 MiB/s", got)
	}
}
