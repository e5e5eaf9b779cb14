package api

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/prometheus/prometheus/model/labels"
	"go.yaml.in/yaml/v3"

	"github.com/skaldlogs/skald/pkg/logql/rulefile"
	"github.com/skaldlogs/skald/pkg/ruler"
)

// A Ruler keeps and evaluates rules.
type Ruler interface {
	// Rules returns what is stored for a tenant, and Groups what is evaluated, by
	// any ruler.
	Rules(ctx context.Context, tenant string) ([]rulefile.Namespace, error)
	Groups(ctx context.Context, tenant string) ([]ruler.Group, error)
	SetGroup(ctx context.Context, tenant, namespace string, g rulefile.Group) error
	DeleteRules(ctx context.Context, tenant, namespace, group string) error
}

var _ Ruler = (*ruler.Ruler)(nil)

// maxGroupBytes bounds the body of a rule group.
const maxGroupBytes = 4 << 20

// registerRules adds the routes of the ruler: Loki's, their old names, and
// those of Prometheus, which Grafana reads.
func (a *API) registerRules(route func(path string, h http.HandlerFunc, methods ...string)) {
	for _, prefix := range []string{"/loki/api/v1/rules", "/api/prom/rules"} {
		route(prefix, a.rules(a.listRules), http.MethodGet)
		route(prefix+"/{namespace}", a.rules(a.listRules), http.MethodGet)
		route(prefix+"/{namespace}", a.rules(a.setGroup), http.MethodPost)
		route(prefix+"/{namespace}", a.rules(a.deleteRules), http.MethodDelete)
		route(prefix+"/{namespace}/{group}", a.rules(a.oneGroup), http.MethodGet)
		route(prefix+"/{namespace}/{group}", a.rules(a.deleteRules), http.MethodDelete)
	}
	route("/prometheus/api/v1/rules", a.promRules, http.MethodGet)
	route("/prometheus/api/v1/alerts", a.promAlerts, http.MethodGet)
}

// rules runs a handler in the name of one tenant, and answers its error in text.
func (a *API) rules(h func(w http.ResponseWriter, r *http.Request, tenant string) error) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		tenant, err := a.oneTenant(r)
		if err == nil {
			err = h(w, r, tenant)
		}
		if err != nil {
			a.fail(w, r, err, true)
		}
	}
}

// vars are the namespace and group in the path of a request.
func vars(r *http.Request) (namespace, group string) {
	return pathVar(r, "namespace"), pathVar(r, "group")
}

// listRules serves the groups of all namespaces, or of one.
func (a *API) listRules(w http.ResponseWriter, r *http.Request, tenant string) error {
	namespace, _ := vars(r)
	found, err := a.ruler.Rules(r.Context(), tenant)
	if err != nil {
		return err
	}
	wanted, err := labelFilter(r.URL.Query())
	if err != nil {
		return err
	}
	out := map[string][]rulefile.Group{}
	for _, ns := range found {
		if namespace != "" && ns.Name != namespace {
			continue
		}
		for _, g := range ns.Groups {
			if g, ok := wanted(g); ok {
				out[ns.Name] = append(out[ns.Name], g)
			}
		}
	}
	if len(out) == 0 {
		return &statusError{http.StatusNotFound, errors.New("no rule groups found")}
	}
	return writeYAML(w, out)
}

// labelFilter reads the parameter labels=k:v,k2:v2: only rules that have these
// labels are listed.
func labelFilter(form url.Values) (func(rulefile.Group) (rulefile.Group, bool), error) {
	want := map[string]string{}
	for _, list := range form["labels"] {
		for pair := range strings.SplitSeq(list, ",") {
			if pair == "" {
				continue
			}
			name, value, ok := strings.Cut(pair, ":")
			if !ok {
				return nil, badRequest(fmt.Errorf("labels: %q is not of the form name:value", pair))
			}
			want[name] = value
		}
	}
	return func(g rulefile.Group) (rulefile.Group, bool) {
		if len(want) == 0 {
			return g, true
		}
		g.Rules = slices.DeleteFunc(slices.Clone(g.Rules), func(r rulefile.Rule) bool {
			for name, value := range want {
				if r.Labels[name] != value {
					return true
				}
			}
			return false
		})
		return g, len(g.Rules) > 0
	}, nil
}

// oneGroup serves one group.
func (a *API) oneGroup(w http.ResponseWriter, r *http.Request, tenant string) error {
	namespace, group := vars(r)
	found, err := a.ruler.Rules(r.Context(), tenant)
	if err != nil {
		return err
	}
	for _, ns := range found {
		for _, g := range ns.Groups {
			if ns.Name == namespace && g.Name == group {
				return writeYAML(w, g)
			}
		}
	}
	return ruler.ErrGroupNotFound
}

// setGroup creates or replaces the group in the body.
func (a *API) setGroup(w http.ResponseWriter, r *http.Request, tenant string) error {
	namespace, _ := vars(r)
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, maxGroupBytes))
	if err != nil {
		return fmt.Errorf("read the rule group: %w", err)
	}
	g, err := rulefile.ParseGroup(body)
	if err != nil {
		return badRequest(err)
	}
	if err := a.ruler.SetGroup(r.Context(), tenant, namespace, g); err != nil {
		return err
	}
	accepted(w)
	return nil
}

// deleteRules removes a group, or a namespace.
func (a *API) deleteRules(w http.ResponseWriter, r *http.Request, tenant string) error {
	namespace, group := vars(r)
	if err := a.ruler.DeleteRules(r.Context(), tenant, namespace, group); err != nil {
		return err
	}
	accepted(w)
	return nil
}

// An envelope is what answers in the manner of Prometheus come in.
type envelope struct {
	Status    string `json:"status"`
	Data      any    `json:"data"`
	ErrorType string `json:"errorType"`
	Error     string `json:"error"`
}

func accepted(w http.ResponseWriter) {
	writeStatusJSON(w, http.StatusAccepted, envelope{Status: "success"})
}

func writeYAML(w http.ResponseWriter, v any) error {
	text, err := yaml.Marshal(v)
	if err != nil {
		return fmt.Errorf("write the rules: %w", err)
	}
	w.Header().Set("Content-Type", "application/yaml")
	_, _ = w.Write(text) // a client that is gone has nobody to tell
	return nil
}

// The shapes of /prometheus/api/v1/rules and alerts.
type (
	promGroup struct {
		Name           string    `json:"name"`
		File           string    `json:"file"`
		Rules          []any     `json:"rules"`
		Interval       float64   `json:"interval"`
		Limit          int       `json:"limit"`
		LastEvaluation time.Time `json:"lastEvaluation"`
		EvaluationTime float64   `json:"evaluationTime"`
	}
	promAlertingRule struct {
		State          string        `json:"state"`
		Name           string        `json:"name"`
		Query          string        `json:"query"`
		Duration       float64       `json:"duration"`
		KeepFiringFor  float64       `json:"keepFiringFor"`
		Labels         labels.Labels `json:"labels"`
		Annotations    labels.Labels `json:"annotations"`
		Alerts         []promAlert   `json:"alerts"`
		Health         string        `json:"health"`
		LastError      string        `json:"lastError"`
		Type           string        `json:"type"`
		LastEvaluation time.Time     `json:"lastEvaluation"`
		EvaluationTime float64       `json:"evaluationTime"`
	}
	promRecordingRule struct {
		Name           string        `json:"name"`
		Query          string        `json:"query"`
		Labels         labels.Labels `json:"labels"`
		Health         string        `json:"health"`
		LastError      string        `json:"lastError"`
		Type           string        `json:"type"`
		LastEvaluation time.Time     `json:"lastEvaluation"`
		EvaluationTime float64       `json:"evaluationTime"`
	}
	promAlert struct {
		Labels          labels.Labels `json:"labels"`
		Annotations     labels.Labels `json:"annotations"`
		State           string        `json:"state"`
		ActiveAt        *time.Time    `json:"activeAt,omitempty"`
		KeepFiringSince *time.Time    `json:"keepFiringSince,omitempty"`
		Value           string        `json:"value"`
	}
)

// promRules serves /prometheus/api/v1/rules.
func (a *API) promRules(w http.ResponseWriter, r *http.Request) {
	tenant, err := a.oneTenant(r)
	if err != nil {
		a.promFail(w, err)
		return
	}
	q := r.URL.Query()
	kind := strings.ToLower(q.Get("type"))
	if kind != "" && kind != "alert" && kind != "record" {
		a.promFail(w, badRequest(fmt.Errorf("invalid parameter \"type\": %q is neither alert nor record", q.Get("type"))))
		return
	}
	// Both spellings are common.
	chosen := func(name string) func(string) bool {
		list := append(q[name], q[name+"[]"]...)
		return func(v string) bool { return len(list) == 0 || slices.Contains(list, v) }
	}
	named, grouped, filed := chosen("rule_name"), chosen("rule_group"), chosen("file")
	groups, err := a.ruler.Groups(r.Context(), tenant)
	if err != nil {
		a.promFail(w, err)
		return
	}
	out := []promGroup{}
	for _, g := range groups {
		if !grouped(g.Name) || !filed(g.Namespace) {
			continue
		}
		p := promGroup{
			Name: g.Name, File: g.Namespace, Interval: g.Interval.Seconds(), Limit: g.Limit,
			LastEvaluation: g.LastEvaluation, EvaluationTime: g.EvaluationTime.Seconds(),
		}
		for _, rule := range g.Rules {
			switch {
			case !named(rule.Name), kind == "record" && rule.Alerting, kind == "alert" && !rule.Alerting:
			case rule.Alerting:
				p.Rules = append(p.Rules, newAlertingRule(&rule))
			default:
				p.Rules = append(p.Rules, newRecordingRule(&rule))
			}
		}
		if len(p.Rules) > 0 {
			out = append(out, p)
		}
	}
	writeStatusJSON(w, http.StatusOK, envelope{Status: "success", Data: map[string]any{"groups": out}})
}

// promAlerts serves /prometheus/api/v1/alerts.
func (a *API) promAlerts(w http.ResponseWriter, r *http.Request) {
	tenant, err := a.oneTenant(r)
	if err != nil {
		a.promFail(w, err)
		return
	}
	groups, err := a.ruler.Groups(r.Context(), tenant)
	if err != nil {
		a.promFail(w, err)
		return
	}
	out := []promAlert{}
	for _, g := range groups {
		for _, rule := range g.Rules {
			out = append(out, newAlerts(&rule)...)
		}
	}
	writeStatusJSON(w, http.StatusOK, envelope{Status: "success", Data: map[string]any{"alerts": out}})
}

func (a *API) promFail(w http.ResponseWriter, err error) {
	status := statusOf(err)
	kind := "server_error"
	if status < 500 {
		kind = "bad_data"
	}
	writeStatusJSON(w, status, envelope{Status: "error", ErrorType: kind, Error: err.Error()})
}

// canonical is an expression as format_query prints it.
func canonical(text string) string {
	if e, err := rulefile.ParseExpr(text); err == nil {
		return e.Canonical()
	}
	return text
}

func newAlertingRule(r *ruler.Rule) promAlertingRule {
	return promAlertingRule{
		State: r.State, Name: r.Name, Query: canonical(r.Expr),
		Duration: r.Hold.Seconds(), KeepFiringFor: r.KeepFiringFor.Seconds(),
		Labels: r.Labels, Annotations: r.Annotations, Alerts: newAlerts(r),
		Health: r.Health, LastError: r.LastError, Type: "alerting",
		LastEvaluation: r.LastEvaluation, EvaluationTime: r.EvaluationTime.Seconds(),
	}
}

func newRecordingRule(r *ruler.Rule) promRecordingRule {
	return promRecordingRule{
		Name: r.Name, Query: canonical(r.Expr), Labels: r.Labels,
		Health: r.Health, LastError: r.LastError, Type: "recording",
		LastEvaluation: r.LastEvaluation, EvaluationTime: r.EvaluationTime.Seconds(),
	}
}

func newAlerts(r *ruler.Rule) []promAlert {
	out := []promAlert{}
	for _, alert := range r.Alerts {
		p := promAlert{
			Labels: alert.Labels, Annotations: alert.Annotations, State: alert.State,
			ActiveAt: &alert.ActiveAt, Value: strconv.FormatFloat(alert.Value, 'e', -1, 64),
		}
		if !alert.KeepFiringSince.IsZero() {
			p.KeepFiringSince = &alert.KeepFiringSince
		}
		out = append(out, p)
	}
	return out
}
