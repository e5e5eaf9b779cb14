package ruler

import (
	"context"
	"errors"
	"fmt"
	"hash/fnv"
	"log/slog"
	"math"
	"net/url"
	"path/filepath"
	"strconv"
	"sync"
	"time"

	"github.com/go-kit/log"
	"github.com/go-kit/log/level"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/common/model"
	"github.com/prometheus/prometheus/config"
	"github.com/prometheus/prometheus/model/labels"
	"github.com/prometheus/prometheus/model/rulefmt"
	"github.com/prometheus/prometheus/notifier"
	"github.com/prometheus/prometheus/promql"
	"github.com/prometheus/prometheus/promql/parser"
	"github.com/prometheus/prometheus/rules"

	"github.com/skaldlogs/skald/pkg/logql/rulefile"
	"github.com/skaldlogs/skald/pkg/objstore"
)

// A tenant runs the groups of one tenant.
type tenant struct {
	cfg     *Config
	name    string
	eval    *evaluator
	states  *states
	sender  *sender
	samples *samples
	manager *rules.Manager
	logger  log.Logger
	now     func() time.Time
	running chan struct{}
	cancel  context.CancelFunc
	shared  bool // groups may come from other rulers, and go there

	mu         sync.Mutex
	groups     map[string][]rulefile.Group // by the namespace's path
	namespaces map[string]string           // by path

	registry *prometheus.Registry
	slogger  *slog.Logger
	setting  sync.Mutex // guards the fields below
	applied  string     // the version of the settings
	writer   *writer    // nil without remote write
}

// tenantOptions are what a tenant is built from.
type tenantOptions struct {
	querier  Querier
	bucket   objstore.Bucket
	instance string
	shared   bool // others evaluate groups of this tenant too
	settings *settings
	// delay is how far back groups look that do not say it themselves.
	delay   func() time.Duration
	logger  log.Logger
	metrics *metrics
}

// newTenant starts a tenant that has no groups yet. Stop must follow.
func newTenant(ctx context.Context, cfg *Config, name string, o tenantOptions) (t *tenant, err error) {
	logger := log.With(o.logger, "tenant", name)
	slogger := slog.New(logHandler{logger})
	t = &tenant{
		cfg:        cfg,
		name:       name,
		states:     newStates(o.bucket, name, o.instance, cfg.OutageTolerance),
		logger:     logger,
		now:        time.Now,
		running:    make(chan struct{}),
		groups:     map[string][]rulefile.Group{},
		namespaces: map[string]string{},
		shared:     o.shared,
		registry:   prometheus.NewRegistry(),
		slogger:    slogger,
		applied:    o.settings.version,
	}
	t.eval = &evaluator{tenant: name, querier: o.querier, logger: logger, queries: o.metrics.query, wait: cfg.Evaluation.WaitForData, now: time.Now}
	if err := t.states.load(ctx); err != nil {
		// An alert that waits anew is better than a tenant without rules.
		level.Error(logger).Log("msg", "alerts that were waiting begin to wait anew", "err", err)
	}
	if t.sender, err = newSender(cfg.ExternalLabels, &o.settings.alertmanager, name, slogger, t.registry); err != nil {
		return nil, err
	}
	t.samples = &samples{states: t.states, moving: o.shared}
	if err := t.write(o.settings.clients); err != nil {
		t.sender.stop()
		return nil, err
	}
	external, err := url.Parse(cfg.ExternalURL)
	if err != nil {
		external = &url.URL{}
	}
	run, cancel := context.WithCancel(context.Background())
	t.cancel = cancel
	t.manager = rules.NewManager(&rules.ManagerOptions{
		NameValidationScheme:     model.LegacyValidation,
		ExternalURL:              external,
		QueryFunc:                t.query,
		NotifyFunc:               t.notify,
		Context:                  run,
		Appendable:               t.samples,
		Queryable:                t.states,
		Logger:                   slogger,
		Registerer:               t.registry,
		OutageTolerance:          cfg.OutageTolerance,
		ForGracePeriod:           cfg.ForGracePeriod,
		ResendDelay:              cfg.ResendDelay,
		GroupLoader:              t,
		RuleDependencyController: rulefile.Independent{},
		DefaultRuleQueryOffset:   o.delay,
		RestoreNewRuleGroups:     true, // a group may come from another ruler
	})
	go func() {
		defer close(t.running)
		t.manager.Run()
	}()
	return t, nil
}

// stop ends the evaluation of all groups. The states of alerts stay.
func (t *tenant) stop() {
	t.manager.Stop()
	<-t.running
	t.cancel()
	t.sender.stop()
	t.setting.Lock()
	defer t.setting.Unlock()
	if err := t.write(nil); err != nil {
		level.Error(t.logger).Log("msg", "recorded samples were not closed well", "err", err)
	}
	if err := t.states.save(context.Background(), t.now()); err != nil {
		level.Error(t.logger).Log("msg", "alerts that wait will begin to wait anew", "err", err)
	}
}

// apply takes over settings that have changed. Alerts that fire or wait go on.
func (t *tenant) apply(s *settings) error {
	t.setting.Lock()
	defer t.setting.Unlock()
	if s.version == t.applied {
		return nil
	}
	if err := errors.Join(t.sender.apply(&s.alertmanager), t.write(s.clients)); err != nil {
		return err
	}
	t.applied = s.version
	level.Info(t.logger).Log("msg", "alerts and samples of a tenant go elsewhere from now on")
	return nil
}

// write makes these the places of recorded samples.
func (t *tenant) write(clients map[string]config.RemoteWriteConfig) (err error) {
	switch {
	case len(clients) > 0 && t.writer != nil:
		return t.writer.apply(clients)
	case len(clients) > 0:
		if t.writer, err = newWriter(t.cfg, clients, t.name, t.slogger); err != nil {
			return err
		}
		t.samples.to(t.writer.appendable())
	case t.writer != nil:
		t.samples.to(nil)
		err = t.writer.stop()
		t.writer = nil
	}
	return err
}

// collect gives the metrics of the tenant's parts.
func (t *tenant) collect(ch chan<- prometheus.Metric) {
	t.registry.Collect(ch)
	t.setting.Lock()
	w := t.writer
	t.setting.Unlock()
	if w != nil {
		w.registry.Collect(ch)
		w.metrics.Collect(ch)
	}
}

// path is the name of a namespace in metrics and logs.
func (t *tenant) path(namespace string) string {
	return filepath.Join(t.cfg.RulePath, objstore.EncodeTenant(t.name)) + "/" + url.PathEscape(namespace)
}

// update makes these the groups that are evaluated. Those that are as before go on.
func (t *tenant) update(ctx context.Context, namespaces []rulefile.Namespace) error {
	groups, names := map[string][]rulefile.Group{}, map[string]string{}
	var paths []string
	known := map[string]bool{}
	t.mu.Lock()
	for p, list := range t.groups {
		for _, g := range list {
			known[rules.GroupKey(p, g.Name)] = true
		}
	}
	t.mu.Unlock()
	added := false
	for _, ns := range namespaces {
		p := t.path(ns.Name)
		for _, g := range ns.Groups {
			added = added || !known[rules.GroupKey(p, g.Name)]
		}
		if _, ok := groups[p]; !ok {
			paths = append(paths, p)
		}
		groups[p] = append(groups[p], ns.Groups...)
		names[p] = ns.Name
	}
	if t.shared && added && len(known) > 0 {
		// They may come from another ruler, which knows since when their alerts are active.
		if err := t.states.load(ctx); err != nil {
			level.Error(t.logger).Log("msg", "alerts that were waiting begin to wait anew", "err", err)
		}
	}
	t.mu.Lock()
	t.groups, t.namespaces = groups, names
	t.mu.Unlock()
	return t.manager.Update(t.cfg.EvaluationInterval, paths, t.cfg.ExternalLabels, t.cfg.ExternalURL, t.iterate)
}

// Load implements [rules.GroupLoader].
func (t *tenant) Load(path string, _ bool, _ model.ValidationScheme) (*rulefmt.RuleGroups, []error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	var errs []error
	out := &rulefmt.RuleGroups{}
	for _, g := range t.groups[path] {
		if wrong := rulefile.Validate(g); len(wrong) > 0 {
			// Other groups go on; what is stored was checked, so this is an older
			// version's, or was changed by hand.
			level.Error(t.logger).Log("msg", "a rule group is not evaluated", "group", g.Name, "namespace", t.namespaces[path], "err", errors.Join(wrong...))
			continue
		}
		out.Groups = append(out.Groups, g)
	}
	return out, errs
}

// Parse implements [rules.GroupLoader].
func (t *tenant) Parse(query string) (parser.Expr, error) { return rulefile.ParseExpr(query) }

// iterate evaluates a group once, and then makes the states of its alerts durable.
func (t *tenant) iterate(ctx context.Context, g *rules.Group, at time.Time) {
	rules.DefaultEvalIterationFunc(context.WithValue(ctx, evaluation{}, true), g, at)
	if err := t.states.save(ctx, at); err != nil && ctx.Err() == nil {
		level.Warn(t.logger).Log("msg", "the states of alerts are saved with the next evaluation", "err", err)
	}
}

// query evaluates an expression, after the delay that it always has.
func (t *tenant) query(ctx context.Context, text string, at time.Time) (promql.Vector, error) {
	if jitter := t.cfg.Evaluation.MaxJitter; jitter > 0 {
		h := fnv.New32a()
		_, _ = h.Write([]byte(text))
		timer := time.NewTimer(time.Duration(float64(jitter) * float64(h.Sum32()) / math.MaxUint32))
		defer timer.Stop()
		select {
		case <-timer.C:
		case <-ctx.Done():
			return nil, ctx.Err()
		}
	}
	return t.eval.query(ctx, text, at)
}

// notify sends alerts on their way.
func (t *tenant) notify(ctx context.Context, expr string, alerts ...*rules.Alert) {
	out := make([]*notifier.Alert, 0, len(alerts))
	for _, a := range alerts {
		n := &notifier.Alert{
			StartsAt:     a.FiredAt,
			EndsAt:       a.ValidUntil,
			Labels:       a.Labels,
			Annotations:  a.Annotations,
			GeneratorURL: t.cfg.generatorURL(expr),
		}
		if !a.ResolvedAt.IsZero() {
			n.EndsAt = a.ResolvedAt
		}
		n.Annotations = t.withEvidence(ctx, expr, a)
		out = append(out, n)
	}
	if len(out) > 0 {
		t.sender.notifier.Send(out...)
	}
}

// withEvidence puts the last lines behind an alert in the place of the number of
// lines that its rule asks for.
func (t *tenant) withEvidence(ctx context.Context, expr string, a *rules.Alert) labels.Labels {
	text := a.Annotations.Get(Evidence)
	if text == "" {
		return a.Annotations
	}
	b := labels.NewBuilder(a.Annotations)
	n, err := strconv.Atoi(text)
	if err == nil && n <= 0 {
		err = fmt.Errorf("%d lines", n)
	}
	lines := ""
	if err == nil {
		at := a.LastSentAt
		if at.IsZero() || !a.ResolvedAt.IsZero() {
			at = t.now()
		}
		lines, err = t.eval.evidence(ctx, expr, a.Labels, at, n)
	}
	if err != nil {
		t.eval.lost(fmt.Errorf("%s: %w", Evidence, err), a.Labels)
	}
	return b.Set(Evidence, lines).Labels()
}
