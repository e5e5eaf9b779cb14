package ruler

import (
	"context"
	"strings"
	"testing"
	"time"

	"github.com/go-kit/log"
	"github.com/prometheus/prometheus/model/labels"
	"github.com/prometheus/prometheus/promql"

	"github.com/skaldlogs/skald/pkg/logql/engine"
	"github.com/skaldlogs/skald/pkg/logql/syntax"
)

// asked answers queries, and remembers them.
type asked struct {
	res   *engine.Result
	query string
	p     engine.Params
}

func (a *asked) Query(_ context.Context, _ []string, expr syntax.Expr, p engine.Params) (*engine.Result, error) {
	a.query, a.p = expr.String(), p
	return a.res, nil
}

func TestVector(t *testing.T) {
	sample := promql.Sample{T: 1, F: 2, Metric: labels.FromStrings("a", "b")}
	for _, tc := range []struct {
		name string
		res  engine.Result
		want int
		err  string
	}{
		{"a vector", engine.Result{Data: promql.Vector{sample}}, 1, ""},
		{"a number", engine.Result{Data: promql.Scalar{V: 3}}, 1, ""},
		{"part of an answer", engine.Result{Data: promql.Vector{sample}, Warnings: []string{"a block is damaged"}}, 0, "a block is damaged"},
		{"lines", engine.Result{Data: engine.Streams{}}, 0, "not a vector or scalar"},
	} {
		a := &asked{res: &tc.res}
		e := &evaluator{tenant: "t", querier: a, queries: func(error) {}, logger: log.NewNopLogger()}
		v, err := e.query(t.Context(), `sum(rate({a="b"}[1m]))`, time.Unix(5, 0))
		if len(v) != tc.want || (err == nil) != (tc.err == "") || err != nil && !strings.Contains(err.Error(), tc.err) {
			t.Errorf("%s: %v, %v", tc.name, v, err)
		}
		if a.p.Start != 5e9 || a.p.End != 5e9 || a.p.Step != 0 {
			t.Errorf("%s: asked for %+v", tc.name, a.p)
		}
	}
}

func TestEvidence(t *testing.T) {
	long := strings.Repeat("é", evidenceLine)
	a := &asked{res: &engine.Result{Data: engine.Streams{
		{Labels: labels.FromStrings("n", "1"), Entries: []engine.Entry{{Timestamp: 3e9, Line: "three"}, {Timestamp: 1e9, Line: "one"}}},
		{Labels: labels.FromStrings("n", "2"), Entries: []engine.Entry{{Timestamp: 2e9, Line: long}}},
	}}}
	e := &evaluator{tenant: "t", querier: a, queries: func(error) {}, logger: log.NewNopLogger()}
	alert := labels.FromStrings("app", "pay", "severity", "page")
	text, err := e.evidence(t.Context(), `sum by (app, pod) (rate({env="prod"} |= "error" | json [5m] offset 1m)) > 3`, alert, time.Unix(600, 0), 2)
	if err != nil {
		t.Fatal(err)
	}
	lines := strings.Split(text, "\n")
	if len(lines) != 2 || lines[0] != "1970-01-01T00:00:03Z three" || !strings.HasSuffix(lines[1], "é…") || len(lines[1]) > evidenceLine+40 {
		t.Errorf("evidence %q", lines)
	}
	if want := `{env="prod"} |= "error" | json | app="pay"`; a.query != want {
		t.Errorf("asked %s, want %s", a.query, want)
	}
	if a.p.End != 600e9+1 || a.p.End-a.p.Start != int64(6*time.Minute) || a.p.Limit != 2 {
		t.Errorf("asked for %+v", a.p)
	}
	if _, err := e.evidence(t.Context(), `vector(1)`, alert, time.Unix(600, 0), 2); err == nil {
		t.Error("lines of an expression that selects none")
	}
}

func TestAlertmanagers(t *testing.T) {
	for _, tc := range []struct {
		name string
		cfg  AlertmanagerConfig
		want string // scheme, path of each, or the error
	}{
		{"none", AlertmanagerConfig{}, ""},
		{"two", AlertmanagerConfig{URL: "http://a:9093, https://u:p@b/prefix"}, "http https/prefix"},
		{"a file", AlertmanagerConfig{Files: []string{"x.json"}}, "http"},
		{"no server", AlertmanagerConfig{URL: "a:9093"}, "not the URL of an HTTP server"},
		{"a host for discovery", AlertmanagerConfig{URL: "http://a:9093", Discovery: true}, "must be the name of an SRV record"},
		{"discovery", AlertmanagerConfig{URL: "http://_web._tcp.am.example", Discovery: true}, "http"},
	} {
		tc.cfg.QueueCapacity = 1
		var got []string
		err := tc.cfg.Validate()
		if err == nil {
			conf, cerr := tc.cfg.config()
			if err = cerr; err == nil {
				for _, am := range conf.AlertingConfig.AlertmanagerConfigs {
					got = append(got, am.Scheme+am.PathPrefix)
				}
			}
		}
		if err != nil {
			got = []string{err.Error()}
		}
		if g := strings.Join(got, " "); g != tc.want && (err == nil || !strings.Contains(g, tc.want)) {
			t.Errorf("%s: %s, want %s", tc.name, g, tc.want)
		}
	}
}
