package ruler

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"

	"github.com/go-kit/log"
	"github.com/go-kit/log/level"
	"github.com/grafana/dskit/services"
	"github.com/prometheus/client_golang/prometheus"

	"github.com/skaldlogs/skald/pkg/limits"
	"github.com/skaldlogs/skald/pkg/logql/rulefile"
	"github.com/skaldlogs/skald/pkg/objstore"
)

// Options are what a [Ruler] is built from beside its config.
type Options struct {
	Store   RuleStore
	Querier Querier
	// Bucket keeps the states of alerts.
	Bucket objstore.Bucket
	// Instance names this ruler among those that share the bucket.
	Instance string
	// Shards choose the groups that this ruler evaluates, and Peers ask the rulers
	// that evaluate the others. Nil Shards: this ruler evaluates all.
	Shards     *Shards
	Peers      *Peers
	Limits     *limits.Overrides
	Logger     log.Logger
	Registerer prometheus.Registerer
}

// A Ruler evaluates the rules of all tenants. Its life: it reads the rules, and
// again every poll interval; when it stops, evaluations end and alerts that wait
// to be sent are.
type Ruler struct {
	services.Service

	cfg     Config
	o       Options
	logger  log.Logger
	metrics *metrics
	syncs   chan string // reasons

	mu      sync.Mutex // held while tenants come and go, or change
	tenants map[string]*tenant
}

// ringCheck is how often the ring is looked at for rulers that came or went.
const ringCheck = 5 * time.Second

// New returns a ruler that has not started.
func New(cfg Config, o Options) *Ruler {
	r := &Ruler{
		cfg:     cfg,
		o:       o,
		logger:  log.With(o.Logger, "component", "ruler"),
		metrics: newMetrics(o.Registerer),
		syncs:   make(chan string, 1),
		tenants: map[string]*tenant{},
	}
	r.Service = services.NewBasicService(nil, r.run, r.stopAll)
	return r
}

func (r *Ruler) run(ctx context.Context) error {
	poll := time.NewTicker(r.cfg.PollInterval)
	defer poll.Stop()
	look := time.NewTicker(min(ringCheck, r.cfg.PollInterval))
	defer look.Stop()
	refresh := time.NewTicker(r.cfg.RemoteWrite.ConfigRefreshPeriod)
	defer refresh.Stop()
	clean := make(<-chan time.Time)
	if p := r.cfg.WALCleaner.Period; p > 0 {
		ticker := time.NewTicker(p)
		defer ticker.Stop()
		clean = ticker.C
	}
	version := ""
	for reason := "initial"; ; {
		if reason != "" {
			if r.o.Shards != nil {
				version = r.o.Shards.version()
			}
			r.sync(ctx, reason)
			reason = ""
		}
		select {
		case <-look.C:
			if r.o.Shards != nil && r.o.Shards.version() != version {
				reason = "ring-change"
			}
		case <-ctx.Done():
			return nil
		case <-poll.C:
			reason = "periodic"
		case <-clean:
			r.cleanWALs(time.Now())
		case <-refresh.C:
			r.refresh()
		case reason = <-r.syncs:
		}
	}
}

// Sync asks for the rules to be read soon, since something has changed.
func (r *Ruler) Sync(reason string) {
	select {
	case r.syncs <- reason:
	default: // it is asked for already
	}
}

func (r *Ruler) stopAll(error) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	var wg sync.WaitGroup
	for _, t := range r.tenants {
		wg.Go(t.stop)
	}
	wg.Wait()
	return nil
}

// evaluates reports whether the rules of a tenant are evaluated at all.
func (r *Ruler) evaluates(tenant string) bool {
	return (len(r.cfg.EnabledTenants) == 0 || slices.Contains(r.cfg.EnabledTenants, tenant)) && !slices.Contains(r.cfg.DisabledTenants, tenant)
}

// sync reads the rules of all tenants. What cannot be read stays as it was.
func (r *Ruler) sync(ctx context.Context, reason string) {
	r.metrics.syncs.WithLabelValues(reason).Inc()
	names, err := r.o.Store.Tenants(ctx)
	if err != nil {
		if ctx.Err() == nil {
			level.Error(r.logger).Log("msg", "the rules stay as they are", "err", err)
		}
		return
	}
	names = slices.DeleteFunc(names, func(t string) bool { return !r.evaluates(t) })
	for _, name := range names {
		if err := r.syncTenant(ctx, name); err != nil && ctx.Err() == nil {
			level.Error(r.logger).Log("msg", "the rules of a tenant stay as they are", "tenant", name, "err", err)
		}
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	for name := range r.tenants {
		if !slices.Contains(names, name) {
			r.drop(name)
		}
	}
}

// syncTenant makes what is stored for a tenant what is evaluated.
func (r *Ruler) syncTenant(ctx context.Context, name string) (err error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	defer func() {
		loaded := 1.0
		if err != nil {
			loaded = 0
		}
		r.metrics.loaded.WithLabelValues(name).Set(loaded)
	}()
	found, err := r.o.Store.Load(ctx, name)
	if err == nil && r.o.Shards != nil {
		if found, err = r.o.Shards.owns(name, found); err != nil {
			r.metrics.ringErrors.Inc()
		}
	}
	if err != nil {
		return err
	}
	t := r.tenants[name]
	if t == nil {
		if !slices.ContainsFunc(found, func(ns rulefile.Namespace) bool { return len(ns.Groups) > 0 }) {
			return nil
		}
		if t, err = r.begin(ctx, name); err != nil {
			return err
		}
	}
	return t.update(ctx, found)
}

// begin starts a tenant.
func (r *Ruler) begin(ctx context.Context, name string) (*tenant, error) {
	settings, err := r.cfg.forTenant(r.o.Limits.For(name))
	if err != nil {
		return nil, err
	}
	t, err := newTenant(ctx, &r.cfg, name, tenantOptions{
		querier:  r.o.Querier,
		bucket:   r.o.Bucket,
		instance: r.o.Instance,
		shared:   r.o.Shards != nil,
		settings: settings,
		delay:    func() time.Duration { return time.Duration(r.o.Limits.For(name).RulerEvaluationDelayDuration) },
		logger:   r.logger,
		metrics:  r.metrics,
	})
	if err != nil {
		return nil, fmt.Errorf("start evaluating: %w", err)
	}
	r.tenants[name] = t
	r.metrics.tenants.add(t)
	r.metrics.managers.Set(float64(len(r.tenants)))
	return t, nil
}

// drop stops a tenant.
func (r *Ruler) drop(name string) {
	t := r.tenants[name]
	delete(r.tenants, name)
	t.stop()
	r.metrics.tenants.remove(t)
	r.metrics.loaded.DeleteLabelValues(name)
	r.metrics.managers.Set(float64(len(r.tenants)))
}

// refresh takes over what tenants have changed about where alerts and samples go.
func (r *Ruler) refresh() {
	r.mu.Lock()
	defer r.mu.Unlock()
	for name, t := range r.tenants {
		s, err := r.cfg.forTenant(r.o.Limits.For(name))
		if err == nil {
			err = t.apply(s)
		}
		if err != nil {
			level.Error(r.logger).Log("msg", "alerts and samples of a tenant go where they went", "tenant", name, "err", err)
		}
	}
}

// Rules returns what is stored for a tenant.
func (r *Ruler) Rules(ctx context.Context, tenant string) ([]rulefile.Namespace, error) {
	return r.o.Store.Load(ctx, tenant)
}

// A LimitError refuses a group that is one too many, or too large.
type LimitError struct{ text string }

func (e *LimitError) Error() string { return e.text }

// A RulesError refuses a group whose rules are wrong.
type RulesError struct{ errs []error }

func (e *RulesError) Error() string { return errors.Join(e.errs...).Error() }

// SetGroup creates or replaces a group. The error is a [*RulesError], a
// [*LimitError], [ErrReadOnly], or one of the store.
func (r *Ruler) SetGroup(ctx context.Context, tenant, namespace string, g rulefile.Group) error {
	if errs := rulefile.Validate(g); len(errs) > 0 {
		return &RulesError{errs}
	}
	l := r.o.Limits.For(tenant)
	if n := l.RulerMaxRulesPerRuleGroup; n > 0 && len(g.Rules) > n {
		return &LimitError{fmt.Sprintf("per-user rules per rule group limit (limit: %d actual: %d) exceeded", n, len(g.Rules))}
	}
	if limit := l.RulerMaxRuleGroupsPerTenant; limit > 0 {
		found, err := r.o.Store.Load(ctx, tenant)
		if err != nil {
			return err
		}
		n := 1
		for _, ns := range found {
			for _, old := range ns.Groups {
				if ns.Name != namespace || old.Name != g.Name {
					n++
				}
			}
		}
		if n > limit {
			return &LimitError{fmt.Sprintf("per-user rule groups limit (limit: %d actual: %d) exceeded", limit, n)}
		}
	}
	if err := r.o.Store.Put(ctx, tenant, namespace, g); err != nil {
		return err
	}
	r.Sync("api")
	return nil
}

// DeleteRules removes a group, or a namespace where group is empty.
func (r *Ruler) DeleteRules(ctx context.Context, tenant, namespace, group string) error {
	if err := r.o.Store.Delete(ctx, tenant, namespace, group); err != nil {
		return err
	}
	r.Sync("api")
	return nil
}
