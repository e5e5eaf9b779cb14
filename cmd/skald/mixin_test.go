package main_test

import (
	"encoding/json"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	commonmodel "github.com/prometheus/common/model"
	"github.com/prometheus/prometheus/promql/parser"
	"go.yaml.in/yaml/v3"

	"github.com/skaldlogs/skald/pkg/logql/syntax"
	"github.com/skaldlogs/skald/pkg/model"
	"github.com/skaldlogs/skald/pkg/parts"
)

const mixin = "../../production/mixin/"

// mixinQueries are the PromQL and the LogQL of the alerts and dashboards, by what
// they are for.
func mixinQueries(t *testing.T) (promql, logql map[string]string) {
	t.Helper()
	promql, logql = map[string]string{}, map[string]string{}
	var alerts struct {
		Groups []struct {
			Name  string
			Rules []struct{ Alert, Expr string }
		}
	}
	text, err := os.ReadFile(mixin + "alerts.yaml")
	if err == nil {
		err = yaml.Unmarshal(text, &alerts)
	}
	if err != nil {
		t.Fatal(err)
	}
	for _, g := range alerts.Groups {
		for _, r := range g.Rules {
			promql["alert "+r.Alert] = r.Expr
		}
	}
	files, err := filepath.Glob(mixin + "dashboards/*.json")
	if err != nil || len(files) == 0 {
		t.Fatalf("dashboards %q, %v", files, err)
	}
	uids := map[string]bool{}
	for _, file := range files {
		var d struct {
			UID    string
			Panels []struct {
				ID      int
				Title   string
				Targets []struct {
					Expr       string
					Datasource struct{ Type string }
				}
			}
		}
		text, err := os.ReadFile(file)
		if err == nil {
			err = json.Unmarshal(text, &d)
		}
		if err != nil || uids[d.UID] || len(d.Panels) == 0 {
			t.Fatalf("%s: %v, uid %q, %d panels", file, err, d.UID, len(d.Panels))
		}
		uids[d.UID] = true
		for _, p := range d.Panels {
			for _, target := range p.Targets {
				// What Grafana puts there.
				expr := strings.NewReplacer("$__rate_interval", "5m", "$__auto", "5m").Replace(target.Expr)
				into := promql
				if target.Datasource.Type == "loki" {
					into = logql
				}
				into[filepath.Base(file)+" "+p.Title+" "+target.Expr] = expr
			}
		}
	}
	return promql, logql
}

// TestMixinPanels: what Grafana would make of the dashboards is in them as it expects it. Nothing
// here draws them.
func TestMixinPanels(t *testing.T) {
	files, err := filepath.Glob(mixin + "dashboards/*.json")
	if err != nil {
		t.Fatal(err)
	}
	units := []string{"bytes", "Bps", "cps", "ops", "percentunit", "reqps", "s", "short"} // of Grafana's
	for _, file := range files {
		var d struct {
			UID, Title string
			Templating struct {
				List []struct{ Name, Type, Query string }
			}
			Panels []struct {
				ID          int
				Title, Type string
				Datasource  struct{ Type, UID string }
				GridPos     struct{ H, W, X, Y int }
				FieldConfig struct{ Defaults struct{ Unit string } }
				Targets     []struct {
					RefID      string
					Expr       string
					Datasource struct{ Type, UID string }
				}
			}
		}
		text, err := os.ReadFile(file)
		if err == nil {
			err = json.Unmarshal(text, &d)
		}
		if err != nil || d.UID == "" || d.Title == "" || len(d.UID) > 40 {
			t.Fatalf("%s: %v, uid %q, title %q", file, err, d.UID, d.Title)
		}
		sources := map[string]string{} // by how a panel names them
		for _, v := range d.Templating.List {
			if v.Type == "datasource" {
				sources["${"+v.Name+"}"] = v.Query
			}
		}
		ids := map[int]bool{}
		taken := map[[2]int]string{}
		for _, p := range d.Panels {
			at := filepath.Base(file) + ", panel " + p.Title
			if p.ID <= 0 || ids[p.ID] || p.Title == "" || p.Type == "" {
				t.Errorf("%s: id %d is there twice or not at all, or it has no title or type", at, p.ID)
			}
			ids[p.ID] = true
			if !slices.Contains(units, p.FieldConfig.Defaults.Unit) {
				t.Errorf("%s: unit %q is none of %q", at, p.FieldConfig.Defaults.Unit, units)
			}
			if g := p.GridPos; g.W < 1 || g.H < 1 || g.X < 0 || g.X+g.W > 24 {
				t.Errorf("%s: lies outside of the grid: %+v", at, g)
			}
			for x := range p.GridPos.W {
				for y := range p.GridPos.H {
					cell := [2]int{p.GridPos.X + x, p.GridPos.Y + y}
					if other := taken[cell]; other != "" {
						t.Fatalf("%s: lies over panel %s", at, other)
					}
					taken[cell] = p.Title
				}
			}
			refs := map[string]bool{}
			for _, target := range p.Targets {
				if target.RefID == "" || refs[target.RefID] || target.Expr == "" {
					t.Errorf("%s: refId %q is there twice or not at all, or it has no query", at, target.RefID)
				}
				refs[target.RefID] = true
				if s := target.Datasource; sources[s.UID] == "" || sources[s.UID] != s.Type || s != p.Datasource {
					t.Errorf("%s: data source %+v is not a variable of the dashboard and of its type, or not the panel's %+v", at, s, p.Datasource)
				}
			}
			if len(p.Targets) == 0 {
				t.Errorf("%s: asks nothing", at)
			}
		}
	}
}

var metricName = regexp.MustCompile(`(?m)^[a-zA-Z_:][a-zA-Z0-9_:]*`)

// TestMixin: the queries of the dashboards and alerts for Skald parse, and the
// metrics that they name are there when it works. Those of the agent are for
// [TestMixinInPrometheus].
func TestMixin(t *testing.T) {
	promql, logql := mixinQueries(t)
	for what, expr := range logql {
		if _, err := syntax.Parse(expr); err != nil {
			t.Errorf("%s: %v", what, err)
		}
	}
	wanted := map[string]string{}
	p := parser.NewParser(parser.Options{})
	for what, expr := range promql {
		e, err := p.ParseExpr(expr)
		if err != nil {
			t.Errorf("%s: %v", what, err)
			continue
		}
		parser.Inspect(e, func(n parser.Node, _ []parser.Node) error {
			if v, ok := n.(*parser.VectorSelector); ok {
				for _, m := range v.LabelMatchers {
					if m.Name == commonmodel.MetricNameLabel && !strings.HasPrefix(m.Value, "promtail_") {
						wanted[m.Value] = what
					}
				}
			}
			return nil
		})
	}

	s := rulerServer(t, "  alertmanager_url: http://"+parts.Addr(t)+"\n")
	s.start()
	s.setRules("n", "name: g\nrules:\n- alert: A\n  expr: count_over_time({app=\"pay\"}[1m]) > 0\n")
	s.pushNow(`{app="pay"}`, "a line")
	// An entry from long ago is refused, which is counted.
	_ = s.push(t.Context(), `{app="pay"}`, []model.Entry{{Timestamp: 1, Line: "old"}})
	s.query(`{app="pay"}`, time.Now().Add(-time.Hour).UnixNano(), time.Now().UnixNano(), 10)
	missing := func() map[string]string {
		there := map[string]bool{}
		for _, name := range metricName.FindAllString(s.text("/metrics"), -1) {
			there[name] = true
		}
		out := map[string]string{}
		for name, what := range wanted {
			if !there[name] {
				out[name] = what
			}
		}
		return out
	}
	if !s.Poll(func() bool { return len(missing()) == 0 }) {
		for name, what := range missing() {
			t.Errorf("%s: there is no metric %s", what, name)
		}
	}
}
