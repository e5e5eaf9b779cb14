package rowscan_test

import (
	"testing"

	"github.com/prometheus/prometheus/model/labels"

	"github.com/skaldlogs/skald/pkg/logql/engine"
	"github.com/skaldlogs/skald/pkg/logql/logqltest"
	"github.com/skaldlogs/skald/pkg/logql/syntax"
	"github.com/skaldlogs/skald/pkg/model"
	"github.com/skaldlogs/skald/pkg/scan/rowscan"
)

func TestQueries(t *testing.T) {
	meta := model.Metadata{{Name: "trace", Value: "1"}}
	a, b := labels.FromStrings("app", "a"), labels.FromStrings("app", "b")
	s := rowscan.New([]rowscan.Stream{
		{Labels: a, Entries: []model.Entry{{Timestamp: 3e9, Line: "three"}, {Timestamp: 1e9, Line: "one"}, {Timestamp: 1e9, Line: "uno"}}},
		{Labels: b, Entries: []model.Entry{{Timestamp: 2e9, Line: "level=info n=5", Metadata: meta}}},
		{Labels: a, Entries: []model.Entry{{Timestamp: 1e9, Line: "one"}, {Timestamp: 1e9, Line: "one", Metadata: meta}}},
	})
	for _, tc := range []struct {
		query string
		p     engine.Params
		want  []string
	}{
		{`{app=~".+"}`, engine.Params{End: 10e9, Limit: 10}, []string{
			`{app="a", trace="1"}`, "1s one", `{app="a"}`, "3s three", "1s one", "1s uno", `{app="b", trace="1"}`, "2s level=info n=5",
		}},
		{`{app="a"} |~ "^o"`, engine.Params{End: 10e9, Limit: 1, Direction: engine.Forward}, []string{`{app="a"}`, "1s one"}},
		{`{app="a"}`, engine.Params{Start: 3e9, End: 3e9 + 1, Limit: 10}, []string{`{app="a"}`, "3s three"}},
		{`{app="nosuch"}`, engine.Params{End: 10e9, Limit: 10}, nil},
		{`sum by (app) (count_over_time({app=~".+"}[10s]))`, engine.Params{Start: 9e9, End: 9e9}, []string{`{app="a"} 4`, `{app="b"} 1`}},
		{`sum(bytes_over_time({app="a"}[10s]))`, engine.Params{Start: 2e9, End: 2e9}, []string{`{} 9`}},
		{`sum(sum_over_time({app="b"} | logfmt | unwrap n [10s]))`, engine.Params{Start: 9e9, End: 9e9}, []string{`{} 5`}},
	} {
		expr, err := syntax.Parse(tc.query)
		if err != nil {
			t.Fatal(err)
		}
		res, err := engine.New(engine.Options{}).Exec(t.Context(), s, "t", expr, tc.p, engine.Limits{})
		if err != nil {
			t.Errorf("%s: %v", tc.query, err)
		} else if got := logqltest.Format(res); !logqltest.Same(got, tc.want) {
			t.Errorf("%s: %q, want %q", tc.query, got, tc.want)
		}
	}
}
