package api

import (
	"context"
	"net/http"
	"time"

	"github.com/go-kit/log"
	"github.com/gorilla/mux"
	"github.com/prometheus/prometheus/model/labels"

	"github.com/skaldlogs/skald/pkg/distributor"
	"github.com/skaldlogs/skald/pkg/limits"
	"github.com/skaldlogs/skald/pkg/loghttp"
	"github.com/skaldlogs/skald/pkg/logql/engine"
	"github.com/skaldlogs/skald/pkg/logql/syntax"
	"github.com/skaldlogs/skald/pkg/model"
	"github.com/skaldlogs/skald/pkg/querier"
	"github.com/skaldlogs/skald/pkg/scan"
)

// A Pusher takes pushes: a distributor.
type Pusher interface {
	// Enter comes before a push is read, and leave after it is answered.
	Enter() (leave func(), err error)
	Push(ctx context.Context, req *distributor.Request) (model.PushResult, error)
}

// A Querier answers questions in the name of one tenant or several.
type Querier interface {
	Query(ctx context.Context, tenants []string, expr syntax.Expr, p engine.Params) (*engine.Result, error)
	LabelNames(ctx context.Context, tenants []string, req *scan.Request) ([]string, error)
	LabelValues(ctx context.Context, tenants []string, req *scan.Request, name string) ([]string, error)
	Series(ctx context.Context, tenants []string, req *scan.Request) ([]labels.Labels, error)
}

var _ Querier = (*querier.Querier)(nil)

// A Flusher hands everything in memory to the store.
type Flusher interface {
	Flush(ctx context.Context) error
}

// Config of an [API].
type Config struct {
	// MultiTenancy takes the tenant from X-Scope-OrgID; without it everything
	// belongs to [NoAuthTenant].
	MultiTenancy bool
	// MultiTenantQueries lets a query name several tenants.
	MultiTenantQueries bool
	PushLimits         loghttp.PushLimits
}

// An API serves what the roles of this process can answer: the fields of the
// roles that it has not are nil, and their routes are not there.
type API struct {
	cfg     Config
	limits  *limits.Overrides
	pusher  Pusher
	querier Querier
	flusher Flusher
	logger  log.Logger
	now     func() time.Time
}

// Roles are the parts of Skald behind the routes.
type Roles struct {
	Pusher  Pusher
	Querier Querier
	Flusher Flusher
}

// New returns the API over these roles.
func New(cfg Config, roles Roles, l *limits.Overrides, logger log.Logger) *API {
	return &API{
		cfg:     cfg,
		limits:  l,
		pusher:  roles.Pusher,
		querier: roles.Querier,
		flusher: roles.Flusher,
		logger:  log.With(logger, "component", "api"),
		now:     time.Now,
	}
}

// Register adds the routes to r. Their names become the label `route` of the
// request metrics.
func (a *API) Register(r *mux.Router) {
	route := func(path string, h http.HandlerFunc, methods ...string) {
		r.Path(path).Methods(methods...).Handler(h)
	}
	if a.pusher != nil {
		route("/loki/api/v1/push", a.push(loghttp.ReadPush), http.MethodPost)
		route("/api/prom/push", a.push(loghttp.ReadLegacyPush), http.MethodPost)
	}
	if a.querier != nil {
		read := []string{http.MethodGet, http.MethodPost}
		route("/loki/api/v1/query", a.query, read...)
		route("/loki/api/v1/query_range", a.queryRange, read...)
		route("/loki/api/v1/labels", a.labelNames, read...)
		route("/loki/api/v1/label", a.labelNames, read...)
		route("/loki/api/v1/label/{name}/values", a.labelValues, read...)
		route("/loki/api/v1/series", a.series, read...)
		route("/loki/api/v1/format_query", a.formatQuery, read...)
	}
	if a.flusher != nil {
		route("/flush", a.flush, http.MethodGet, http.MethodPost)
	}
}

// flush answers when everything pushed before it is in the store.
func (a *API) flush(w http.ResponseWriter, r *http.Request) {
	if err := a.flusher.Flush(r.Context()); err != nil {
		a.fail(w, r, err, true)
		return
	}
	w.WriteHeader(http.StatusNoContent)
}
