package querier

import (
	"math"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/prometheus/model/labels"

	"github.com/skaldlogs/skald/pkg/logql/engine"
	"github.com/skaldlogs/skald/pkg/logql/syntax"
	"github.com/skaldlogs/skald/pkg/model"
	"github.com/skaldlogs/skald/pkg/scan"
	"github.com/skaldlogs/skald/pkg/storage"
)

// Rows past the retention of their stream are in no answer, be they in memory or
// in the store, and what was kept of answers from before is not taken.
func TestPastRetention(t *testing.T) {
	f := newFixture(1)
	short, long := labels.FromStrings("app", "short"), labels.FromStrings("app", "long")
	for _, in := range []*part{&f.store.part, f.ingesters[0]} {
		in.rows["t"] = append(in.rows["t"], row{short, 99, "past"}, row{short, 100, "kept"}, row{long, 49, "past"}, row{long, 99, "kept"})
	}
	q := f.querier()
	q.expiry = func(string) (storage.Expiry, error) {
		return storage.Expiry{
			Cutoffs: []storage.Cutoff{{Name: "long", Before: 50}, {Name: "short", Before: 100}, {Name: "ever", Before: math.MinInt64}},
			Of: func(l labels.Labels) int64 {
				if l.Get("app") == "short" {
					return 100
				}
				return 50
			},
		}, nil
	}
	ask := func(query string, p engine.Params) string {
		t.Helper()
		expr, err := syntax.Parse(query)
		if err != nil {
			t.Fatal(err)
		}
		res, err := q.Query(t.Context(), []string{"t"}, expr, p)
		if err != nil {
			t.Fatal(err)
		}
		return res.Data.String()
	}
	want := "{app=\"long\"}\n  99 \"kept\"\n{app=\"short\"}\n  100 \"kept\"\n"
	if got := ask(`{app=~".+"}`, logs(0, 200)); got != want {
		t.Errorf("got\n%swant\n%s", got, want)
	}
	counts := ask(`sum(count_over_time({app=~".+"}[1s]))`, engine.Params{Start: 200, End: 200, Step: time.Second})
	if !strings.HasPrefix(counts, "{} =>\n2 @") {
		t.Errorf("counts are %q, want 2", counts)
	}

	h, err := q.holdings(t.Context(), &scan.Request{Tenant: "t", Interval: model.Interval{Mint: 60, Maxt: 200}})
	if err != nil {
		t.Fatal(err)
	}
	if want := []scan.Held{{ID: "t/past short", Interval: model.Interval{Mint: math.MinInt64, Maxt: 99}}}; !reflect.DeepEqual(h.Stored, want) {
		t.Errorf("the names are %v, want %v", h.Stored, want)
	}
	if last := h.Memory[len(h.Memory)-1]; last != (model.Interval{Mint: 99, Maxt: 100}) {
		t.Errorf("nothing is kept of %v, want the time around the cutoff", last)
	}
}
