package querier

import (
	"testing"

	"github.com/prometheus/prometheus/model/labels"

	"github.com/skaldlogs/skald/pkg/logql/engine"
	"github.com/skaldlogs/skald/pkg/logql/syntax"
	"github.com/skaldlogs/skald/pkg/model"
	"github.com/skaldlogs/skald/pkg/scan"
)

// A querier of one half alone answers of that, in entries and in labels.
func TestHalves(t *testing.T) {
	for _, tc := range []struct {
		cfg          Config
		lines, value string
	}{
		{Config{QueryStoreOnly: true}, "{app=\"stored\"}\n  1 \"of the store\"\n", "stored"},
		{Config{QueryIngesterOnly: true}, "{app=\"new\"}\n  2 \"of memory\"\n", "new"},
	} {
		f := newFixture(1)
		f.store.rows["t"] = []row{{labels.FromStrings("app", "stored"), 1, "of the store"}}
		f.ingesters[0].rows["t"] = []row{{labels.FromStrings("app", "new"), 2, "of memory"}}
		q := New(tc.cfg, Options{Ring: f, Ingesters: f, Store: f.store, Engine: engine.New(engine.Options{}), Limits: f.querier().limits, Logger: f.querier().logger})
		q.now = f.querier().now
		expr, err := syntax.Parse(`{app=~".+"}`)
		if err != nil {
			t.Fatal(err)
		}
		res, err := q.Query(t.Context(), []string{"t"}, expr, logs(0, 10))
		if err != nil || res.Data.String() != tc.lines {
			t.Errorf("%+v: %v, %v; want\n%s", tc.cfg, res, err, tc.lines)
		}
		values, err := q.labelValues(t.Context(), &scan.Request{Tenant: "t", Interval: model.Interval{Maxt: 10}}, "app")
		if err != nil || len(values) != 1 || values[0] != tc.value {
			t.Errorf("%+v: values %v, %v; want %s", tc.cfg, values, err, tc.value)
		}
	}
	if err := (&Config{QueryStoreOnly: true, QueryIngesterOnly: true}).Validate(); err == nil {
		t.Error("neither store nor ingesters: no error")
	}
}
