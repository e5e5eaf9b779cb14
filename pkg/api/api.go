package api

import (
	"context"
	"net/http"
	"net/url"
	"time"

	"github.com/go-kit/log"
	"github.com/gorilla/mux"
	"github.com/prometheus/prometheus/model/labels"

	"github.com/skaldlogs/skald/pkg/compactor"
	"github.com/skaldlogs/skald/pkg/distributor"
	"github.com/skaldlogs/skald/pkg/explain"
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
	// OTLPMapping says what becomes of a tenant's OpenTelemetry records.
	OTLPMapping(tenant string) *loghttp.OTLPMapping
}

// A Querier answers questions in the name of one tenant or several.
type Querier interface {
	Query(ctx context.Context, tenants []string, expr syntax.Expr, p engine.Params) (*engine.Result, error)
	// Explain tells how a query would be answered, or with analyze how it was.
	Explain(ctx context.Context, tenants []string, expr syntax.Expr, p engine.Params, analyze bool) (*explain.Query, error)
	// Admit decides whether a query may be run, and how.
	Admit(ctx context.Context, tenants []string, d *querier.Demand) (engine.Params, error)
	// CheckSelectors decides whether a request may have that many.
	CheckSelectors(tenants []string, n int) error
	LabelNames(ctx context.Context, tenants []string, req *scan.Request) ([]string, error)
	LabelValues(ctx context.Context, tenants []string, req *scan.Request, name string) ([]string, error)
	Series(ctx context.Context, tenants []string, req *scan.Request) ([]labels.Labels, error)
	IndexStats(ctx context.Context, tenants []string, req *scan.Request) (loghttp.IndexStatsResponse, error)
	Volume(ctx context.Context, tenants []string, req *querier.VolumeRequest) ([]querier.Volume, error)
	DetectedLabels(ctx context.Context, tenants []string, req *scan.Request) ([]loghttp.DetectedLabel, error)
	DetectedFields(ctx context.Context, tenants []string, req *querier.FieldsRequest) ([]loghttp.DetectedField, error)
	DetectedFieldValues(ctx context.Context, tenants []string, req *querier.FieldsRequest, name string) ([]string, error)
	Patterns(ctx context.Context, tenants []string, req *scan.Request, step time.Duration) ([]loghttp.Pattern, error)
	Tail(ctx context.Context, tenant string, req *querier.TailRequest) (*querier.Tail, error)
}

// A Flusher hands everything in memory to the store.
type Flusher interface {
	Flush(ctx context.Context) error
}

// A Compactor merges what can be merged and deletes what no query can read.
type Compactor interface {
	Compact(ctx context.Context) error
	// Status says what there is and what is ahead.
	Status(ctx context.Context) (*compactor.Status, error)
}

// Config of an [API].
type Config struct {
	// MultiTenancy takes the tenant from X-Scope-OrgID; without it everything
	// belongs to [NoAuthTenant].
	MultiTenancy bool
	// MultiTenantQueries lets a query name several tenants.
	MultiTenantQueries bool
	PushLimits         loghttp.PushLimits
	// CompressResponses answers questions in gzip where the client takes it.
	CompressResponses bool
	// MaxFormBytes bounds the form of a question in its body. The default is 10 MiB.
	MaxFormBytes int64
	// RequestLimits lets requests put limits on themselves.
	RequestLimits bool
	// PublishedLimits are the keys of limits_config that /drilldown-limits tells.
	PublishedLimits []string
	// Patterns serves /patterns.
	Patterns bool
	// TailMaxDuration ends tails that last longer; 0 lets them go on.
	TailMaxDuration time.Duration
}

// An API serves what the roles of this process can answer: the fields of the
// roles that it has not are nil, and their routes are not there.
type API struct {
	cfg       Config
	limits    *limits.Overrides
	pusher    Pusher
	querier   Querier
	flusher   Flusher
	compactor Compactor
	deleter   Deleter
	ruler     Ruler
	logger    log.Logger
	now       func() time.Time
	tails     tails
}

// Roles are the parts of Skald behind the routes.
type Roles struct {
	Pusher    Pusher
	Querier   Querier
	Flusher   Flusher
	Compactor Compactor
	Deleter   Deleter
	Ruler     Ruler
}

// New returns the API over these roles.
func New(cfg Config, roles Roles, l *limits.Overrides, logger log.Logger) *API {
	if cfg.MaxFormBytes <= 0 {
		cfg.MaxFormBytes = 10 << 20
	}
	return &API{
		cfg:       cfg,
		limits:    l,
		pusher:    roles.Pusher,
		querier:   roles.Querier,
		flusher:   roles.Flusher,
		compactor: roles.Compactor,
		ruler:     roles.Ruler,
		deleter:   roles.Deleter,
		logger:    log.With(logger, "component", "api"),
		now:       time.Now,
	}
}

// NewRouter returns a router for [API.Register], whose paths have their escapes: a
// name in one may have slashes, and is no path.
func NewRouter() *mux.Router { return mux.NewRouter().UseEncodedPath() }

// pathVar is a name in the path of a request, unescaped.
func pathVar(r *http.Request, name string) string {
	value := mux.Vars(r)[name]
	if plain, err := url.PathUnescape(value); err == nil {
		return plain
	}
	return value
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
		route("/otlp/v1/logs", a.otlp, http.MethodPost)
		route("/skald/api/v1/jsonlines", a.jsonLines, http.MethodPost)
		a.registerElastic(r)
	}
	if a.querier != nil {
		read := func(path string, h http.HandlerFunc) {
			if a.cfg.CompressResponses {
				h = compressed(h)
			}
			route(path, h, http.MethodGet, http.MethodPost)
		}
		read("/loki/api/v1/query", a.reading(a.query))
		read("/loki/api/v1/query_range", a.reading(a.queryRange))
		read("/loki/api/v1/explain", a.reading(a.explain))
		read("/loki/api/v1/labels", a.reading(a.labelNames))
		read("/loki/api/v1/label", a.reading(a.labelNames))
		read("/loki/api/v1/label/{name}/values", a.reading(a.labelValues))
		read("/loki/api/v1/series", a.reading(a.series))
		read("/loki/api/v1/format_query", a.formatQuery)
		read("/loki/api/v1/index/stats", a.reading(a.indexStats))
		read("/loki/api/v1/index/shards", a.reading(a.indexShards))
		read("/loki/api/v1/index/volume", a.reading(a.volume(false)))
		read("/loki/api/v1/index/volume_range", a.reading(a.volume(true)))
		read("/loki/api/v1/detected_labels", a.reading(a.detectedLabels))
		read("/loki/api/v1/detected_fields", a.reading(a.detectedFields))
		read("/loki/api/v1/detected_field/{name}/values", a.reading(a.detectedFieldValues))
		read("/loki/api/v1/patterns", a.reading(a.patterns))
		read("/loki/api/v1/drilldown-limits", a.drilldownLimits)
		read("/api/prom/query", a.reading(a.legacyQuery))
		read("/api/prom/label", a.reading(a.legacyLabelNames))
		read("/api/prom/label/{name}/values", a.reading(a.legacyLabelValues))
		read("/api/prom/series", a.reading(a.series))
		route("/loki/api/v1/tail", a.tail(loghttp.AppendTailFrame), http.MethodGet, http.MethodPost)
		route("/api/prom/tail", a.tail(loghttp.AppendLegacyTail), http.MethodGet, http.MethodPost)
	}
	if a.ruler != nil {
		a.registerRules(route)
	}
	if a.flusher != nil {
		route("/flush", a.flush, http.MethodGet, http.MethodPost)
	}
	if a.compactor != nil {
		route("/compact", a.compact, http.MethodPost)
		route("/compactor", a.compactorStatus, http.MethodGet)
	}
	if a.deleter != nil {
		route("/loki/api/v1/delete", a.deleting(a.createDelete), http.MethodPost, http.MethodPut)
		route("/loki/api/v1/delete", a.deleting(a.listDeletes), http.MethodGet)
		route("/loki/api/v1/delete", a.deleting(a.cancelDelete), http.MethodDelete)
		route("/loki/api/v1/cache/generation_numbers", a.deleting(a.generationNumbers), http.MethodGet)
	} else {
		route("/loki/api/v1/delete", noDeletes, http.MethodGet, http.MethodPost, http.MethodPut, http.MethodDelete)
	}
}

// noDeletes answers for delete requests that nobody here would apply.
func noDeletes(w http.ResponseWriter, _ *http.Request) {
	http.Error(w, "no delete requests are taken here: that is for a process that compacts, with compactor.retention_enabled: true", http.StatusNotFound)
}

// flush answers when everything pushed before it is in the store.
func (a *API) flush(w http.ResponseWriter, r *http.Request) {
	if err := a.flusher.Flush(r.Context()); err != nil {
		a.fail(w, r, err, true)
		return
	}
	w.WriteHeader(http.StatusNoContent)
}

// compact answers when nothing is left to merge, and to delete.
func (a *API) compact(w http.ResponseWriter, r *http.Request) {
	if err := a.compactor.Compact(r.Context()); err != nil {
		a.fail(w, r, err, true)
		return
	}
	w.WriteHeader(http.StatusNoContent)
}
