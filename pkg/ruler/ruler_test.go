package ruler

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/go-kit/log"
	"github.com/grafana/dskit/services"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/prometheus/model/labels"
	"github.com/prometheus/prometheus/promql"

	"github.com/skaldlogs/skald/pkg/limits"
	"github.com/skaldlogs/skald/pkg/logql/engine"
	"github.com/skaldlogs/skald/pkg/logql/rulefile"
	"github.com/skaldlogs/skald/pkg/logql/syntax"
	"github.com/skaldlogs/skald/pkg/objstore"
	"github.com/skaldlogs/skald/pkg/parts"
)

// A steady querier answers every query with one sample, or with an error.
type steady struct {
	fails atomic.Bool
	asked sync.Map // the times that queries were for, by text
}

func (s *steady) Query(_ context.Context, _ []string, expr syntax.Expr, p engine.Params) (*engine.Result, error) {
	s.asked.Store(expr.String(), p.End)
	if s.fails.Load() {
		return nil, errors.New("the store is away")
	}
	return &engine.Result{Data: promql.Vector{{T: p.End / 1e6, F: 1, Metric: labels.FromStrings("a", "b")}}}, nil
}

// An alertmanager takes alerts, over TLS and from one user only.
type alertmanager struct {
	*httptest.Server
	got chan string // tenant and name of each alert
}

func newAlertmanager(t *testing.T) *alertmanager {
	am := &alertmanager{got: make(chan string, 1000)}
	am.Server = httptest.NewTLSServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if user, password, _ := r.BasicAuth(); user != "me" || password != "secret" {
			w.WriteHeader(http.StatusUnauthorized)
			return
		}
		var list []struct{ Labels map[string]string }
		if err := json.NewDecoder(r.Body).Decode(&list); err != nil || r.URL.Path != "/api/v2/alerts" {
			w.WriteHeader(http.StatusBadRequest)
			return
		}
		for _, a := range list {
			select {
			case am.got <- r.Header.Get("X-Scope-OrgID") + " " + a.Labels["alertname"]:
			default:
			}
		}
	}))
	t.Cleanup(am.Close)
	return am
}

// alert waits for the next alert.
func (am *alertmanager) alert(t *testing.T) string {
	t.Helper()
	select {
	case a := <-am.got:
		return a
	case <-time.After(time.Minute):
		t.Fatal("no alert came")
		return ""
	}
}

func alerting(name, expr string) rulefile.Group {
	return rulefile.Group{Name: name, Rules: []rulefile.Rule{{Alert: "Alert" + name, Expr: expr}}}
}

// A testRuler evaluates each 100 ms.
type testRuler struct {
	*Ruler
	querier  *steady
	registry *prometheus.Registry
	limits   atomic.Pointer[limits.File]
}

func startRuler(t *testing.T, text string, store RuleStore, l limits.Limits) *testRuler {
	t.Helper()
	c := newConfig(t, text)
	c.EvaluationInterval, c.PollInterval = 100*time.Millisecond, 100*time.Millisecond
	c.ResendDelay, c.RemoteWrite.ConfigRefreshPeriod = 100*time.Millisecond, 50*time.Millisecond
	r := &testRuler{querier: &steady{}, registry: prometheus.NewRegistry()}
	r.Ruler = New(*c, Options{
		Store: store, Querier: r.querier, Bucket: &objstore.Memory{}, Instance: "one",
		Limits: limits.NewOverrides(&l, r.limits.Load), Logger: log.NewNopLogger(), Registerer: r.registry,
	})
	if err := services.StartAndAwaitRunning(t.Context(), r); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := services.StopAndAwaitTerminated(context.Background(), r); err != nil {
			t.Error(err)
		}
	})
	return r
}

func (r *testRuler) health(tenant string) string {
	out := ""
	for _, g := range r.Own(tenant) {
		for _, rule := range g.Rules {
			out += rule.Name + " " + rule.Health + " " + rule.State + ";"
		}
	}
	return out
}

// Tenants come and go, and those that are disabled are not evaluated; metrics go
// with their tenants.
func TestTenantsComeAndGo(t *testing.T) {
	store := NewBucketStore(&objstore.Memory{})
	r := startRuler(t, "disabled_tenants: [off]", store, limits.Limits{RulerMaxRulesPerRuleGroup: 1, RulerMaxRuleGroupsPerTenant: 1})
	const expr = `sum(rate({a="b"}[1m])) > 0`
	for _, tenant := range []string{"on", "off"} {
		if err := r.SetGroup(t.Context(), tenant, "n", alerting("g", expr)); err != nil {
			t.Fatal(err)
		}
	}
	parts.Await(t, "the alert fires", func() bool { return r.health("on") == "Alertg ok firing;" })
	if got := r.health("off"); got != "" {
		t.Errorf("a disabled tenant has %s", got)
	}
	two := alerting("g", expr)
	two.Rules = append(two.Rules, rulefile.Rule{Record: "r", Expr: expr})
	var tooMany *LimitError
	for _, g := range []rulefile.Group{two, alerting("h", expr)} {
		if err := r.SetGroup(t.Context(), "on", "n", g); !errors.As(err, &tooMany) || !strings.Contains(err.Error(), "(limit: 1 actual: 2) exceeded") {
			t.Errorf("group %s of %d rules: %v", g.Name, len(g.Rules), err)
		}
	}

	// A rule that fails says so, and its alerts are as they were.
	r.querier.fails.Store(true)
	parts.Await(t, "the rule fails", func() bool { return r.health("on") == "Alertg err firing;" })
	r.querier.fails.Store(false)
	parts.Await(t, "the rule is well again", func() bool { return r.health("on") == "Alertg ok firing;" })

	families := func() string {
		found, err := r.registry.Gather()
		if err != nil {
			t.Fatal(err)
		}
		var out strings.Builder
		for _, f := range found {
			out.WriteString(f.GetName() + " ")
		}
		return out.String()
	}
	if got := families(); !strings.Contains(got, "prometheus_rule_group_iterations_missed_total") || strings.Contains(got, "loki_prometheus") {
		t.Errorf("metrics %s", got)
	}
	if err := r.DeleteRules(t.Context(), "on", "n", ""); err != nil {
		t.Fatal(err)
	}
	parts.Await(t, "the tenant is gone", func() bool { return r.Own("on") == nil && !strings.Contains(families(), "prometheus_rule_group") })
}

// Alerts go to both of two Alertmanagers with TLS and a user, one of which a file
// names, and to a tenant's own as soon as the runtime file says so. The alert
// fires on.
func TestAlertmanagersOfTenants(t *testing.T) {
	one, mine := newAlertmanager(t), newAlertmanager(t)
	store := NewBucketStore(&objstore.Memory{})
	if err := store.Put(t.Context(), "t", "n", alerting("g", `sum(rate({a="b"}[1m])) > 0`)); err != nil {
		t.Fatal(err)
	}
	r := startRuler(t, `
alertmanager_url: `+one.URL+`
alertmanager_client: {basic_auth_username: me, basic_auth_password: secret, tls_insecure_skip_verify: true}
`, store, limits.Limits{})
	if got := one.alert(t); got != "t Alertg" {
		t.Errorf("the first Alertmanager has %q", got)
	}
	since := r.Own("t")[0].Rules[0].Alerts[0].ActiveAt
	r.limits.Store(&limits.File{Overrides: map[string]*limits.Limits{
		"t": newLimits(t, "ruler_alertmanager_config: {alertmanager_url: '"+mine.URL+"'}"),
	}})
	if got := mine.alert(t); got != "t Alertg" {
		t.Errorf("the tenant's own Alertmanager has %q", got)
	}
	if now := r.Own("t")[0].Rules[0].Alerts[0].ActiveAt; now != since {
		t.Errorf("the alert is active since %s, and was since %s", now, since)
	}
}

// Alertmanagers are found in a file, which may name others later.
func TestAlertmanagersInAFile(t *testing.T) {
	am := newAlertmanager(t)
	file := filepath.Join(t.TempDir(), "am.yaml")
	text := "- targets: ['" + strings.TrimPrefix(am.URL, "https://") + "']\n  labels: {__scheme__: https}\n"
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	store := NewBucketStore(&objstore.Memory{})
	if err := store.Put(t.Context(), "t", "n", alerting("g", `sum(rate({a="b"}[1m])) > 0`)); err != nil {
		t.Fatal(err)
	}
	startRuler(t, `
alertmanager_files: [`+file+`]
alertmanager_client: {basic_auth_username: me, basic_auth_password: secret, tls_insecure_skip_verify: true}
`, store, limits.Limits{})
	if got := am.alert(t); got != "t Alertg" {
		t.Errorf("the Alertmanager has %q", got)
	}
}

// A group's query_offset, and the tenant's delay where it has none, is how far
// back its queries look.
func TestQueryOffset(t *testing.T) {
	store := NewBucketStore(&objstore.Memory{})
	const offset, delay = `sum(rate({a="offset"}[1m]))`, `sum(rate({a="delay"}[1m]))`
	groups, errs := rulefile.Parse("n", []byte(`
groups:
- name: offset
  query_offset: 1h
  rules: [{record: r, expr: 'sum(rate({a="offset"}[1m]))'}]
- name: delay
  rules: [{record: r, expr: 'sum(rate({a="delay"}[1m]))'}]
`))
	if len(errs) > 0 {
		t.Fatal(errs)
	}
	for _, g := range groups[0].Groups {
		if err := store.Put(t.Context(), "t", "n", g); err != nil {
			t.Fatal(err)
		}
	}
	began := time.Now()
	r := startRuler(t, "{}", store, limits.Limits{RulerEvaluationDelayDuration: limits.Duration(24 * time.Hour)})
	for text, want := range map[string]time.Duration{offset: time.Hour, delay: 24 * time.Hour} {
		var at any
		parts.Await(t, text+" is evaluated", func() (ok bool) {
			at, ok = r.querier.asked.Load(text)
			return ok
		})
		if back := began.Sub(time.Unix(0, at.(int64))); back > want || back < want-time.Minute {
			t.Errorf("%s looks %s back, want %s", text, back, want)
		}
	}
}
