package querier

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/prometheus/model/labels"

	"github.com/skaldlogs/skald/pkg/limits"
	"github.com/skaldlogs/skald/pkg/logql/engine"
	"github.com/skaldlogs/skald/pkg/logql/syntax"
	"github.com/skaldlogs/skald/pkg/model"
	"github.com/skaldlogs/skald/pkg/scan"
)

func demand(t *testing.T, text string) *Demand {
	t.Helper()
	expr, err := syntax.Parse(text)
	if err != nil {
		t.Fatal(err)
	}
	return &Demand{Text: text, Expr: expr, Params: engine.Params{Start: 900e9, End: 1000e9, Step: time.Second, Limit: 100}}
}

func TestAdmit(t *testing.T) {
	block := func(rules ...limits.BlockQuery) func(*limits.Limits, *Demand) {
		return func(l *limits.Limits, _ *Demand) { l.BlockedQueries = rules }
	}
	for _, tc := range []struct {
		name, query string
		set         func(*limits.Limits, *Demand)
		want        string // in the error; empty for none
	}{
		{"no rule", `{app="a"}`, block(), ""},
		{"the exact text", `{app="a"}`, block(limits.BlockQuery{Pattern: ` {app="a"} `}), "query blocked by policy"},
		{"another text", `{app="ab"}`, block(limits.BlockQuery{Pattern: `{app="a"}`}), ""},
		{"an expression", `{app="ab"} |= "x"`, block(limits.BlockQuery{Pattern: `app="a.*x`, Regex: true}), "blocked"},
		{"a hash", `{app="a"}`, block(limits.BlockQuery{Hash: 3674209154}), "blocked"},
		{"another hash", `{app="a"}`, block(limits.BlockQuery{Hash: 1}), ""},
		{"a type", `rate({app="a"}[1m])`, block(limits.BlockQuery{Types: []string{"metric"}}), "blocked"},
		{"filters", `{app="a"} |= "x"`, block(limits.BlockQuery{Types: []string{"metric", "filter"}}), "blocked"},
		{"limited", `{app="a"}`, block(limits.BlockQuery{Types: []string{"limited"}}), "blocked"},
		{"another type", `{app="a"}`, block(limits.BlockQuery{Types: []string{"metric", "filter"}}), ""},
		{"tags", `{app="a"}`, func(l *limits.Limits, d *Demand) {
			l.BlockedQueries = []limits.BlockQuery{{Tags: map[string]string{"Source": "Grafana"}}}
			d.Tags = map[string]string{"source": "grafana", "user": "u"}
		}, "blocked"},
		{"other tags", `{app="a"}`, block(limits.BlockQuery{Tags: map[string]string{"source": "grafana"}}), ""},
		{"labels that are required", `sum(rate({app="a"}[1m])) / sum(rate({env="b", app="c"}[1m]))`, func(l *limits.Limits, _ *Demand) {
			l.RequiredLabels = []string{"app", "env"}
		}, "missing required matchers [env], labels present in the query were [app]"},
		{"labels that are there", `{app=~"a.*"}`, func(l *limits.Limits, _ *Demand) { l.RequiredLabels = []string{"app"} }, ""},
		{"too few labels", `{app="a", app!="b"}`, func(l *limits.Limits, _ *Demand) { l.MinimumLabelsNumber = 2 }, "number_present: 1, required_number_label_matchers: 2"},
		{"too many selectors", `rate({a="1"}[1m]) + rate({a="2"}[1m])`, func(l *limits.Limits, _ *Demand) { l.MaxStreamsMatchersPerQuery = 1 }, "(2 > 1, max_streams_matchers_per_query)"},
		{"its own labels", `{app="a"}`, func(_ *limits.Limits, d *Demand) { d.Own.RequiredLabels = []string{"env"} }, "missing required matchers [env]"},
		{"its own length", `{app="a"}`, func(_ *limits.Limits, d *Demand) { d.Own.MaxLength = time.Minute }, "the query time range exceeds the limit (query length: 1m40s, limit: 1m)"},
		{"its own entries", `{app="a"}`, func(_ *limits.Limits, d *Demand) { d.Own.MaxEntries = 10 }, "(100 > 10)"},
		{"bytes", `{app="a"}`, func(l *limits.Limits, _ *Demand) { l.MaxQueryBytesRead = 1000 }, "the query would read too many bytes (query: 1500B, limit: 1000B, max_query_bytes_read)"},
		{"bytes of two ranges", `rate({app="a"}[1s]) + rate({app="a"}[1s])`, func(l *limits.Limits, _ *Demand) { l.MaxQueryBytesRead = 2000 }, "query: 3"},
		{"not so many bytes", `{app="a"}`, func(l *limits.Limits, _ *Demand) { l.MaxQueryBytesRead = 1500 }, ""},
		{"its own bytes", `{app="a"}`, func(_ *limits.Limits, d *Demand) { d.Own.MaxBytes = 1 }, "too many bytes"},
	} {
		l, q, f := newListing()
		l.run(labels.FromStrings("app", "a"), 1, 900e9, 999e9, 10, 1500)
		d := demand(t, tc.query)
		tc.set(&f.limits, d)
		_, err := q.Admit(t.Context(), []string{"t"}, d)
		var limit *engine.LimitError
		switch {
		case tc.want == "" && err != nil:
			t.Errorf("%s: %v, want it admitted", tc.name, err)
		case tc.want != "" && (!errors.As(err, &limit) || !strings.Contains(err.Error(), tc.want)):
			t.Errorf("%s: %v, want %q", tc.name, err, tc.want)
		}
	}
}

// TestLookbackIsAGap: what a limit on the past leaves out is told.
func TestLookbackIsAGap(t *testing.T) {
	_, q, f := newListing()
	f.now = time.Unix(1000, 0)
	ctx, gaps := WithGaps(t.Context())
	d := demand(t, `{app="a"}`)
	d.Own.MaxLookback = 50 * time.Second
	p, err := q.Admit(ctx, []string{"t"}, d)
	if err != nil || p.Start != 950e9 || p.End != 1000e9 {
		t.Errorf("from %d to %d, %v; want it to begin 50 s ago", p.Start, p.End, err)
	}
	f.limits.MaxQueryLookback = limits.Duration(100 * time.Second)
	if _, err := q.LabelNames(ctx, []string{"t"}, &scan.Request{Interval: model.Interval{Mint: 0, Maxt: 1000e9}}); err != nil {
		t.Error(err)
	}
	if got := gaps.List(); len(got) != 2 || !strings.Contains(got[0], "begins at 1970-01-01T00:15:00Z") || !strings.Contains(got[1], "00:15:50Z") {
		t.Errorf("gaps %q, want both limits", got)
	}
}

// sourceOf is a listing without the rest of a store.
type sourceOf struct{ *listing }

func (s sourceOf) Open(ctx context.Context, req *scan.Request) (scan.Snapshot, error) {
	return s.listing.Open(ctx, req, nil)
}

// TestReach: a scan over too much is refused before a row is read.
func TestReach(t *testing.T) {
	l, _, f := newListing()
	app := labels.FromStrings("app", "a")
	for i := range int64(10) {
		l.run(app, 1, i*100, i*100+99, 10, 100)
	}
	req := &scan.Request{Tenant: "t", Interval: model.Interval{Mint: 0, Maxt: 999}}
	source := boundedSource{sourceOf{l}, limits.NewOverrides(&f.limits, nil)}
	for _, tc := range []struct {
		name    string
		chunks  int
		bytes   limits.Bytes
		split   time.Duration
		refused string
	}{
		{"no limit", 0, 0, 0, ""},
		{"as many chunks as there may be", 10, 0, 0, ""},
		{"too many chunks", 9, 0, 0, "max_chunks_per_query"},
		{"as many bytes as there may be", 0, 1000, 0, ""},
		{"too many bytes", 0, 999, 0, "max_querier_bytes_read"},
		{"not in one part", 0, 999, 200, ""},
		{"too many bytes in a part", 0, 199, 200, "max_querier_bytes_read"},
	} {
		f.limits.MaxChunksPerQuery, f.limits.MaxQuerierBytesRead, f.limits.SplitQueriesByInterval = tc.chunks, tc.bytes, limits.Duration(tc.split)
		_, err := source.Open(t.Context(), req)
		var limit *engine.LimitError
		if refused := errors.As(err, &limit); refused != (tc.refused != "") || refused && limit.Limit != tc.refused {
			t.Errorf("%s: %v, want %q", tc.name, err, tc.refused)
		}
	}
}
