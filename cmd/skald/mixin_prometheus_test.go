package main_test

import (
	"fmt"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"testing"
	"time"

	commonmodel "github.com/prometheus/common/model"
	"github.com/prometheus/prometheus/promql/parser"

	"github.com/skaldlogs/skald/pkg/model"
	"github.com/skaldlogs/skald/pkg/parts"
)

// A mixinNeed is what a query of the mixin takes for granted: that series of one
// of these metrics have a label. Without a label, that there are some.
type mixinNeed struct {
	metrics []string
	label   string
}

// mixinNeeds returns what an expression takes for granted: its metrics, the
// labels that its matchers want a value of, and those that it groups by.
func mixinNeeds(t *testing.T, what, expr string) (needs []mixinNeed) {
	t.Helper()
	e, err := parser.NewParser(parser.Options{}).ParseExpr(expr)
	if err != nil {
		t.Fatalf("%s: %v", what, err)
	}
	metricsOf := func(n parser.Node) (names []string) {
		parser.Inspect(n, func(n parser.Node, _ []parser.Node) error {
			if v, ok := n.(*parser.VectorSelector); ok {
				names = append(names, v.Name)
			}
			return nil
		})
		return names
	}
	parser.Inspect(e, func(n parser.Node, _ []parser.Node) error {
		switch n := n.(type) {
		case *parser.VectorSelector:
			needs = append(needs, mixinNeed{[]string{n.Name}, ""})
			for _, m := range n.LabelMatchers {
				if m.Name != commonmodel.MetricNameLabel && !m.Matches("") {
					needs = append(needs, mixinNeed{[]string{n.Name}, m.Name})
				}
			}
		case *parser.AggregateExpr:
			if !n.Without {
				for _, label := range n.Grouping {
					needs = append(needs, mixinNeed{metricsOf(n.Expr), label})
				}
			}
		}
		return nil
	})
	return needs
}

// TestMixinInPrometheus has a real Prometheus scrape Skald and its agent and
// evaluate the alerts of the mixin: all of them can be evaluated, and the series
// that alerts and dashboards ask for are there, with the labels that they match
// and group by.
func TestMixinInPrometheus(t *testing.T) {
	program := parts.Need(t, "prometheus", "prometheus")
	dir := t.TempDir()
	write := func(name, format string, args ...any) string {
		t.Helper()
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, fmt.Appendf(nil, format, args...), 0o600); err != nil {
			t.Fatal(err)
		}
		return path
	}
	s := rulerServer(t, "  alertmanager_url: http://"+parts.Addr(t)+"\n")
	s.start()
	s.setRules("n", "name: g\nrules:\n- alert: A\n  expr: count_over_time({job=\"files\"}[1m]) > 0\n")

	pages := parts.Addr(t)
	agent := parts.NewProcess(t, parts.Program(t, "skald-agent"), "-config.file="+write("promtail.yaml", `
server: {http_listen_address: 127.0.0.1, http_listen_port: %s, grpc_listen_address: 127.0.0.1, grpc_listen_port: %s}
positions: {filename: %q}
clients: [{url: "http://%s/loki/api/v1/push", batchwait: 50ms}]
scrape_configs:
- job_name: files
  static_configs: [{targets: [localhost], labels: {job: files, __path__: %q}}]
`, port(pages), port(parts.Addr(t)), filepath.Join(dir, "positions.yaml"), s.http, write("app.log", "one\ntwo\n")))
	agent.Start()
	agent.AwaitOK("http://" + pages + "/ready")

	alerts, err := filepath.Abs(mixin + "alerts.yaml")
	if err != nil {
		t.Fatal(err)
	}
	addr := parts.Addr(t)
	prometheus := startPart(t, addr, program, "--config.file="+write("prometheus.yml", `
global: {scrape_interval: 1s, evaluation_interval: 1s}
rule_files: [%q]
scrape_configs:
- {job_name: skald, static_configs: [{targets: [%q]}]}
- {job_name: agent, static_configs: [{targets: [%q]}]}
`, alerts, s.http, pages), "--web.listen-address="+addr, "--storage.tsdb.path="+filepath.Join(dir, "prometheus"))

	now := time.Now()
	// What there is only once something has happened.
	_ = s.push(t.Context(), `{app="pay"}`, []model.Entry{{Timestamp: 1, Line: "old"}})
	prometheus.Await("has the agent's lines", func() bool {
		return s.count(`{job="files"}`, now.Add(-time.Hour).UnixNano(), now.Add(time.Hour).UnixNano()) == 2
	})
	if resp, err := http.Post("http://"+s.http+"/flush", "", nil); err == nil {
		resp.Body.Close()
	}

	promql, _ := mixinQueries(t)
	missing := func() (out []string) {
		for what, expr := range promql {
			for _, need := range mixinNeeds(t, what, expr) {
				if !slices.ContainsFunc(need.metrics, func(metric string) bool {
					selector := metric
					if need.label != "" {
						selector += "{" + need.label + `!=""}`
					}
					var a struct{ Data struct{ Result []any } }
					return getJSON(t, addr, "/api/v1/query", url.Values{"query": {"count(" + selector + ")"}}, &a) && len(a.Data.Result) > 0
				}) {
					out = append(out, fmt.Sprintf("%s: no series of %q with a label %q", what, need.metrics, need.label))
				}
			}
		}
		return out
	}
	if !prometheus.Poll(func() bool { return len(missing()) == 0 }) {
		for _, text := range missing() {
			t.Error(text)
		}
	}

	type rule struct{ Name, Health, LastError string }
	var sick []rule
	healthy := func() bool {
		var a struct {
			Data struct{ Groups []struct{ Rules []rule } }
		}
		if !getJSON(t, addr, "/api/v1/rules", nil, &a) || len(a.Data.Groups) == 0 {
			return false
		}
		sick = nil
		for _, g := range a.Data.Groups {
			for _, r := range g.Rules {
				if r.Health != "ok" {
					sick = append(sick, r)
				}
			}
		}
		return len(sick) == 0
	}
	if !prometheus.Poll(healthy) {
		t.Errorf("rules that cannot be evaluated: %+v", sick)
	}
}
