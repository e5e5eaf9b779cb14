package ruler

import (
	"cmp"
	"context"
	"maps"
	"slices"
	"time"

	"github.com/prometheus/prometheus/model/labels"
	"github.com/prometheus/prometheus/rules"
	"golang.org/x/sync/errgroup"
)

// A Group is a group as it was last evaluated. Times are the zero time where that
// has not happened.
type Group struct {
	Namespace, Name string
	Interval        time.Duration
	Limit           int
	LastEvaluation  time.Time
	EvaluationTime  time.Duration
	Rules           []Rule
}

// A Rule is an alerting or a recording rule as it was last evaluated.
type Rule struct {
	Alerting       bool
	Name, Expr     string
	Labels         labels.Labels
	Health         string // ok, err or unknown
	LastError      string
	LastEvaluation time.Time
	EvaluationTime time.Duration

	// Of an alerting rule.
	State         string // inactive, pending or firing
	Hold          time.Duration
	KeepFiringFor time.Duration
	Annotations   labels.Labels
	Alerts        []Alert
}

// An Alert is one that is active.
type Alert struct {
	Labels, Annotations labels.Labels
	State               string
	ActiveAt            time.Time
	KeepFiringSince     time.Time
	Value               float64
}

// Groups are those of a tenant that all rulers evaluate, by namespace and name.
// Every one of them must answer.
func (r *Ruler) Groups(ctx context.Context, tenant string) ([]Group, error) {
	if r.o.Shards == nil {
		return merge(r.Own(tenant)), nil
	}
	members, err := r.o.Shards.Members()
	if err != nil {
		return nil, err
	}
	answers := make([][]Group, len(members))
	g, ctx := errgroup.WithContext(ctx)
	for i, m := range members {
		if m.Id == r.o.Shards.instance {
			answers[i] = r.Own(tenant)
			continue
		}
		g.Go(func() (err error) {
			answers[i], err = r.o.Peers.groups(ctx, m, tenant)
			return err
		})
	}
	if err := g.Wait(); err != nil {
		return nil, err
	}
	return merge(slices.Concat(answers...)), nil
}

// merge makes one group again of what was shared out rule by rule, and puts
// groups into order.
func merge(in []Group) []Group {
	type key struct{ namespace, name string }
	at := map[key]int{}
	var out []Group
	for _, g := range in {
		split := g.Name
		g.Name = unsharded(g.Name)
		k := key{g.Namespace, g.Name}
		i, ok := at[k]
		if !ok || split == g.Name {
			at[k] = len(out)
			out = append(out, g)
			continue
		}
		whole := &out[i]
		whole.Rules = append(whole.Rules, g.Rules...)
		slices.SortStableFunc(whole.Rules, func(a, b Rule) int { return cmp.Or(cmp.Compare(a.Name, b.Name), cmp.Compare(a.Expr, b.Expr)) })
		whole.EvaluationTime += g.EvaluationTime
		if g.LastEvaluation.After(whole.LastEvaluation) {
			whole.LastEvaluation = g.LastEvaluation
		}
	}
	slices.SortStableFunc(out, func(a, b Group) int {
		return cmp.Or(cmp.Compare(a.Namespace, b.Namespace), cmp.Compare(a.Name, b.Name))
	})
	return out
}

// Own are the groups of a tenant that this ruler evaluates.
func (r *Ruler) Own(name string) []Group {
	r.mu.Lock()
	t := r.tenants[name]
	r.mu.Unlock()
	if t == nil {
		return nil
	}
	t.mu.Lock()
	names := maps.Clone(t.namespaces)
	t.mu.Unlock()
	var out []Group
	for _, g := range t.manager.RuleGroups() {
		if ns, ok := names[g.File()]; ok {
			out = append(out, newGroup(ns, g))
		}
	}
	return out
}

func newGroup(namespace string, g *rules.Group) Group {
	out := Group{
		Namespace: namespace, Name: g.Name(), Interval: g.Interval(), Limit: g.Limit(),
		LastEvaluation: g.GetLastEvaluation().UTC(), EvaluationTime: g.GetEvaluationTime(),
	}
	for _, rule := range g.Rules() {
		r := Rule{
			Name: rule.Name(), Expr: rule.Query().String(), Labels: rule.Labels(), Health: string(rule.Health()),
			LastEvaluation: rule.GetEvaluationTimestamp().UTC(), EvaluationTime: rule.GetEvaluationDuration(),
		}
		if r.Health == "" {
			r.Health = string(rules.HealthUnknown)
		}
		if err := rule.LastError(); err != nil {
			r.LastError = err.Error()
		}
		if a, ok := rule.(*rules.AlertingRule); ok {
			r.Alerting, r.State, r.Hold, r.KeepFiringFor, r.Annotations = true, a.State().String(), a.HoldDuration(), a.KeepFiringFor(), a.Annotations()
			for _, alert := range a.ActiveAlerts() {
				r.Alerts = append(r.Alerts, Alert{
					Labels: alert.Labels, Annotations: alert.Annotations, State: alert.State.String(),
					ActiveAt: alert.ActiveAt.UTC(), KeepFiringSince: alert.KeepFiringSince.UTC(), Value: alert.Value,
				})
			}
		}
		out.Rules = append(out.Rules, r)
	}
	return out
}
