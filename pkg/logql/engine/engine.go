package engine

import (
	"context"
	"errors"
	"runtime"
	"slices"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promauto"

	"github.com/skaldlogs/skald/pkg/logql/syntax"
	"github.com/skaldlogs/skald/pkg/scan"
)

// Options tune an [Engine]. The zero value is ready to use.
type Options struct {
	// Concurrency is how many blocks all queries together work on at once. The
	// default is twice the number of processors: some of the blocks are waited for.
	Concurrency int
	// QueryConcurrency is how many blocks one query works on at once, unless its
	// limits say fewer. The default is Concurrency.
	QueryConcurrency int
	// MaxMemoryBytes is how much one query may hold for its series, samples and
	// rows. The default is 512 MiB.
	MaxMemoryBytes int64
	// Registerer gets the metrics; nil for none.
	Registerer prometheus.Registerer
}

// An Engine runs queries.
type Engine struct {
	opts  Options
	slots chan struct{} // one for each block that is worked on
	// blocks counts blocks by how they were answered.
	blocks *prometheus.CounterVec
}

// New returns an engine.
func New(opts Options) *Engine {
	if opts.Concurrency <= 0 {
		opts.Concurrency = 2 * runtime.GOMAXPROCS(0)
	}
	if opts.QueryConcurrency <= 0 || opts.QueryConcurrency > opts.Concurrency {
		opts.QueryConcurrency = opts.Concurrency
	}
	if opts.MaxMemoryBytes <= 0 {
		opts.MaxMemoryBytes = 512 << 20
	}
	return &Engine{
		opts:  opts,
		slots: make(chan struct{}, opts.Concurrency),
		blocks: promauto.With(opts.Registerer).NewCounterVec(prometheus.CounterOpts{
			Name: "query_blocks_total",
			Help: "Blocks that queries asked, by how they were answered: from what is known of them as a whole (header), from columns, from lines (rows), or not at all because enough was found in others (skipped).",
		}, []string{"how"}),
	}
}

// count adds to the metrics what a scan has done.
func (e *Engine) count(s *Stats) {
	for how, n := range map[string]int64{"header": s.BlocksDirectory + s.BlocksSchema, "columns": s.BlocksColumns, "rows": s.BlocksRows, "skipped": s.BlocksSkipped} {
		e.blocks.WithLabelValues(how).Add(float64(n))
	}
}

// Exec answers a query over the entries of a tenant in source.
//
// The error is a [*LimitError], [*PipelineError], [*MatchError],
// [*pipeline.StageError], [*TimeoutError], [ErrInstantLogs], that of ctx, or one
// of source.
func (e *Engine) Exec(ctx context.Context, source scan.Source, tenant string, expr syntax.Expr, p Params, l Limits) (*Result, error) {
	began := time.Now()
	if err := Check(expr, &p, &l); err != nil {
		return nil, err
	}
	ctx, cancel := WithTimeout(ctx, l.Timeout)
	defer cancel()
	q := &query{engine: e, source: source, tenant: tenant, params: p, limits: l, budget: &budget{max: e.opts.MaxMemoryBytes}}
	res, err := q.exec(ctx, expr)
	if err != nil {
		return nil, cause(ctx, err)
	}
	res.Stats = q.stats
	res.Stats.Entries = countEntries(res.Data)
	res.Stats.Exec = time.Since(began)
	slices.Sort(q.warnings)
	res.Warnings = slices.Compact(q.warnings)
	return res, nil
}

// WithTimeout returns a context for a query that may take that long, or as long
// as it likes where d is 0. What ends for it does so with a [*TimeoutError].
func WithTimeout(ctx context.Context, d time.Duration) (context.Context, context.CancelFunc) {
	if d <= 0 {
		return context.WithCancel(ctx)
	}
	return context.WithTimeoutCause(ctx, d, &TimeoutError{Timeout: d, cause: context.DeadlineExceeded})
}

// cause returns the timeout of this query in place of the bare error of its context.
func cause(ctx context.Context, err error) error {
	var timeout *TimeoutError
	if errors.Is(err, context.DeadlineExceeded) && errors.As(context.Cause(ctx), &timeout) {
		return timeout
	}
	return err
}

// A query is one call of Exec. Its leaves are run one after the other, so only
// the workers of one scan share it.
type query struct {
	engine *Engine
	source scan.Source
	tenant string
	params Params
	limits Limits
	budget *budget

	stats    Stats
	warnings []string
}

func (q *query) exec(ctx context.Context, expr syntax.Expr) (*Result, error) {
	switch expr := expr.(type) {
	case *syntax.LogSelector:
		if q.params.Instant() && q.params.Start == q.params.End {
			return nil, ErrInstantLogs
		}
		return q.logs(ctx, expr)
	case *syntax.Variants:
		return q.variants(ctx, expr)
	default:
		return q.metric(ctx, expr.(syntax.MetricExpr))
	}
}

// parallelism is how many workers a scan has.
func (q *query) parallelism() int {
	n := q.engine.opts.QueryConcurrency
	if q.limits.Parallelism > 0 {
		n = min(n, q.limits.Parallelism)
	}
	return n
}
