package frontend

import (
	"context"
	"fmt"
	"runtime"
	"strings"
	"time"

	"github.com/go-kit/log"
	"github.com/go-kit/log/level"
	"github.com/prometheus/client_golang/prometheus"

	"github.com/skaldlogs/skald/pkg/limits"
	"github.com/skaldlogs/skald/pkg/logql/engine"
	"github.com/skaldlogs/skald/pkg/logql/syntax"
	"github.com/skaldlogs/skald/pkg/model"
	"github.com/skaldlogs/skald/pkg/scan"
)

// A Querier evaluates queries.
type Querier interface {
	// Prepare applies the limits of tenants to a query, before anything is read.
	Prepare(tenants []string, expr syntax.Expr, p engine.Params) (engine.Params, engine.Limits, error)
	// Run evaluates a prepared query, or some of its steps.
	Run(ctx context.Context, tenants []string, expr syntax.Expr, p engine.Params, l engine.Limits) (*engine.Result, error)
	// Holdings names what Run would read of an interval.
	Holdings(ctx context.Context, tenants []string, expr syntax.Expr, in model.Interval) (scan.Holdings, error)
}

// Options are what a [Frontend] is built from beside its config.
type Options struct {
	Querier Querier
	// Cache keeps answers; nil keeps none.
	Cache  Cache
	Limits *limits.Overrides
	// Parallelism is how many parts are evaluated at once. The default is twice
	// the number of processors.
	Parallelism int
	Logger      log.Logger
	Registerer  prometheus.Registerer
}

// A Frontend answers queries.
type Frontend struct {
	cfg     Config
	querier Querier
	limits  *limits.Overrides
	queue   *queue
	slots   int
	flights flights
	keeper  *keeper // nil keeps no answers
	logger  log.Logger
	metrics *metrics
	now     func() time.Time
}

// New returns a frontend.
func New(cfg Config, o Options) *Frontend {
	if o.Parallelism <= 0 {
		o.Parallelism = 2 * runtime.GOMAXPROCS(0)
	}
	f := &Frontend{
		cfg:     cfg,
		querier: o.Querier,
		limits:  o.Limits,
		queue:   newQueue(o.Parallelism, cfg.MaxOutstandingPerTenant),
		slots:   o.Parallelism,
		flights: flights{open: map[string]*flight{}},
		logger:  log.With(o.Logger, "component", "query-frontend"),
		now:     time.Now,
	}
	f.metrics = newMetrics(o.Registerer, func() float64 { return float64(f.queue.length()) })
	if o.Cache != nil {
		f.keeper = newKeeper(o.Cache, f.metrics)
	}
	return f
}

// Running is how many parts of queries are being evaluated.
func (f *Frontend) Running() int { return f.queue.running() }

// Query answers a query in the name of one tenant, or of several. Its errors are
// those of the querier, and [ErrTooManyOutstanding].
func (f *Frontend) Query(ctx context.Context, tenants []string, expr syntax.Expr, p engine.Params) (*engine.Result, error) {
	p, l, err := f.querier.Prepare(tenants, expr, p)
	if err != nil {
		return nil, err
	}
	began := f.now()
	j := f.job(tenants, expr, p, l)
	if err := f.queue.enter(j.owner); err != nil {
		f.metrics.refused.Inc()
		return nil, err
	}
	defer f.queue.leave(j.owner)

	key := fmt.Sprintf("%q %+v %s", tenants, p, expr)
	res, shared, err := f.flights.do(ctx, key, func(ctx context.Context, begin func()) (*engine.Result, error) {
		ctx, cancel := engine.WithTimeout(ctx, l.Timeout)
		defer cancel()
		return j.answer(ctx, begin)
	})
	if shared {
		f.metrics.shared.Inc()
	}
	took := f.now().Sub(began)
	if f.cfg.LogQueriesLongerThan != 0 && took >= f.cfg.LogQueriesLongerThan {
		level.Info(f.logger).Log("msg", "slow query", "tenant", j.owner, "query", expr, "start", p.Start, "end", p.End, "step", p.Step, "took", took, "err", err)
	}
	if err != nil {
		return nil, err
	}
	own := *res // its stats are this query's
	own.Stats.Exec = took
	return &own, nil
}

func (f *Frontend) job(tenants []string, expr syntax.Expr, p engine.Params, l engine.Limits) *job {
	return &job{frontend: f, tenants: tenants, owner: strings.Join(tenants, "|"), expr: expr, params: p, limits: l}
}

// splitBy is how metric queries of these tenants are cut: the shortest of their
// settings, 0 if they are not to be.
func (f *Frontend) splitBy(tenants []string) time.Duration {
	var split time.Duration
	for _, t := range tenants {
		if d := time.Duration(f.limits.For(t).SplitQueriesByInterval); d > 0 && (split == 0 || d < split) {
			split = d
		}
	}
	return split
}
