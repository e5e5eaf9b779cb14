package rules

import (
	"context"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"time"

	"github.com/prometheus/common/model"
	"github.com/prometheus/prometheus/model/labels"
	"github.com/prometheus/prometheus/model/rulefmt"
	"github.com/prometheus/prometheus/promql"
	"github.com/prometheus/prometheus/promql/parser"
	"github.com/prometheus/prometheus/rules"
	"github.com/prometheus/prometheus/storage"

	"github.com/skaldlogs/skald/pkg/logql/rulefile"
)

// A replay evaluates groups at times of its own choice.
type replay struct {
	groups []*rules.Group
}

// newReplay prepares the groups of namespaces; query answers their expressions.
func newReplay(ctx context.Context, found []rulefile.Namespace, interval time.Duration, external labels.Labels, externalURL string, query rules.QueryFunc) (*replay, error) {
	m := rules.NewManager(&rules.ManagerOptions{
		NameValidationScheme:     model.LegacyValidation,
		QueryFunc:                query,
		NotifyFunc:               func(context.Context, string, ...*rules.Alert) {},
		Context:                  ctx,
		Appendable:               nowhere{},
		Logger:                   slog.New(slog.DiscardHandler),
		GroupLoader:              loader(found),
		RuleDependencyController: rulefile.Independent{},
		DefaultRuleQueryOffset:   func() time.Duration { return 0 },
	})
	var names []string
	for _, ns := range found {
		names = append(names, ns.Name)
	}
	groups, errs := m.LoadGroups(interval, external, externalURL, nil, false, names...)
	if len(errs) > 0 {
		return nil, errs[0]
	}
	r := &replay{}
	for _, g := range groups {
		for _, rule := range g.AlertingRules() {
			rule.SetRestored(true) // nothing was before
		}
		r.groups = append(r.groups, g)
	}
	slices.SortFunc(r.groups, func(a, b *rules.Group) int {
		return strings.Compare(a.File()+"\x00"+a.Name(), b.File()+"\x00"+b.Name())
	})
	return r, nil
}

// step evaluates the groups whose turn it is.
func (r *replay) step(ctx context.Context, at time.Time) error {
	for _, g := range r.groups {
		if at.UnixNano()%int64(g.Interval()) != 0 {
			continue
		}
		g.Eval(ctx, at)
		for _, rule := range g.Rules() {
			if err := rule.LastError(); err != nil {
				return fmt.Errorf("%s, group %s, rule %s at %s: %w", g.File(), g.Name(), rule.Name(), at.UTC().Format(time.RFC3339), err)
			}
		}
	}
	return nil
}

// A loader hands namespaces to a rule manager, by name.
type loader []rulefile.Namespace

func (l loader) Load(name string, _ bool, _ model.ValidationScheme) (*rulefmt.RuleGroups, []error) {
	out := &rulefmt.RuleGroups{}
	for _, ns := range l {
		if ns.Name == name {
			out.Groups = append(out.Groups, ns.Groups...)
		}
	}
	return out, nil
}

func (l loader) Parse(query string) (parser.Expr, error) { return rulefile.ParseExpr(query) }

// nowhere takes what rules record: log queries cannot read it.
type nowhere struct{}

func (nowhere) Appender(context.Context) storage.Appender { return discard{} }

// discard takes numbers, which is all that log queries give; the embedded
// interface stands for what is never called.
type discard struct{ storage.Appender }

func (discard) Append(storage.SeriesRef, labels.Labels, int64, float64) (storage.SeriesRef, error) {
	return 0, nil
}
func (discard) SetOptions(*storage.AppendOptions) {}
func (discard) Commit() error                     { return nil }
func (discard) Rollback() error                   { return nil }

// vectorOf makes a vector of an instant query's result.
func vectorOf(v parser.Value) (promql.Vector, error) {
	switch v := v.(type) {
	case promql.Vector:
		return v, nil
	case promql.Scalar:
		return promql.Vector{{T: v.T, F: v.V, Metric: labels.EmptyLabels()}}, nil
	}
	return nil, fmt.Errorf("rule result is not a vector or scalar but %s", v.Type())
}
