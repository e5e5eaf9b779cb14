package distributor

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/go-kit/log"
	"github.com/go-kit/log/level"
	"github.com/grafana/dskit/limiter"
	"github.com/grafana/dskit/ring"
	"github.com/grafana/dskit/services"
	"github.com/prometheus/client_golang/prometheus"

	"github.com/skaldlogs/skald/pkg/fields"
	"github.com/skaldlogs/skald/pkg/limits"
	"github.com/skaldlogs/skald/pkg/loghttp"
	"github.com/skaldlogs/skald/pkg/model"
)

// An Ingester takes the entries that a distributor accepted: one in this
// process, or another one over the network. All values that pass have a form in
// protobuf.
type Ingester interface {
	// Push stores the entries that are not among the result's rejections. It
	// keeps nothing of b. The tenant travels in b.
	Push(ctx context.Context, b *model.Batch, want model.Ack) (model.PushResult, error)
}

// Ingesters finds the ingester that a ring instance speaks for.
type Ingesters interface {
	Ingester(instance ring.InstanceDesc) (Ingester, error)
}

// Options are what a [Distributor] is built from beside its config.
type Options struct {
	Ring      ring.DoBatchRing
	Ingesters Ingesters
	Limits    *limits.Overrides
	// Distributors is how many distributors there are, this one included: they
	// share the rates of tenants. Nil is one.
	Distributors func() int
	Logger       log.Logger
	Registerer   prometheus.Registerer
}

// A Distributor checks pushes and hands them to ingesters. It has no state that
// a crash could lose.
//
// Its life: Starting does nothing, Running only serves pushes and
// forgets tenants that are idle, Stopping lets
// those in flight finish.
type Distributor struct {
	services.Service

	cfg       Config
	ring      ring.DoBatchRing
	ingesters Ingesters
	limits    *limits.Overrides
	rate      *limiter.RateLimiter
	cache     *labelCache
	rules     rulesCache
	metrics   *metrics
	activity  activity
	logger    log.Logger
	now       func() time.Time

	inflight sync.WaitGroup
	mu       sync.RWMutex // guards closed
	closed   bool
}

// New returns a Distributor that has not started.
func New(cfg Config, o Options) *Distributor {
	d := &Distributor{
		cfg:       cfg,
		ring:      o.Ring,
		ingesters: o.Ingesters,
		limits:    o.Limits,
		cache:     newLabelCache(),
		metrics:   newMetrics(o.Registerer),
		logger:    log.With(o.Logger, "component", "distributor"),
		now:       time.Now,
	}
	distributors := o.Distributors
	if distributors == nil || o.Limits.IngestionRateStrategy() == limits.LocalRate {
		distributors = func() int { return 1 }
	}
	d.rate = limiter.NewRateLimiter(rateStrategy{o.Limits, distributors}, 10*time.Second)
	d.Service = services.NewTimerService(idlePoll, nil, d.dropIdle, d.stopping)
	return d
}

// stopping refuses new pushes and waits for those in flight.
func (d *Distributor) stopping(error) error {
	d.mu.Lock()
	d.closed = true
	d.mu.Unlock()
	d.inflight.Wait()
	return nil
}

// Why a push as a whole failed.
var (
	// ErrStopping says that this distributor takes no pushes any more.
	ErrStopping = errors.New("distributor is stopping")
	// ErrNoStreams says that the push named no stream at all.
	ErrNoStreams = errors.New("error at least one valid stream is required for ingestion")
)

// A LabelsError says that a stream's label text is not one. Nothing of the push
// was stored.
type LabelsError struct {
	Text string // as the client sent it
	Err  error  // with the position
}

func (e *LabelsError) Error() string { return fmt.Sprintf("couldn't parse labels: %v", e.Err) }

// Unwrap returns the parser's error.
func (e *LabelsError) Unwrap() error { return e.Err }

// A RateError says that the tenant's rate limit does not allow the push now.
// Nothing of it was stored.
type RateError struct{ Text string }

func (e *RateError) Error() string { return e.Text }

// A Request is one push of one tenant, decoded.
type Request struct {
	// Batch holds the entries. Labels are the client's text, and Hash is not set
	// yet. Push changes the batch, and owns it until Release.
	Batch *model.Batch
	// Format is what the client sent, for metrics: protobuf, json, …
	Format string
	// Ack is the level that the client asks for at least.
	Ack model.Ack
	// Refused, unless it is nil, is told of each entry that breaks a limit: by its
	// stream and its number in the batch, and which of the result's rejections it
	// counts for. What ingesters refuse is in the rejections alone.
	Refused func(stream, entry, rejection int)
	// Release is called once, when nothing reads the batch any more.
	Release func()
	// Entered says that the caller entered before it read the push, and leaves
	// no sooner than Push returns. See [Distributor.Enter].
	Entered bool
}

// Enter counts a push in whose body is still to be read, so that a distributor
// that is stopping finishes it as well. Unless there is an error, leave must be
// called once.
func (d *Distributor) Enter() (leave func(), err error) {
	if !d.enter() {
		return nil, ErrStopping
	}
	return d.inflight.Done, nil
}

// Push checks the entries and stores those that pass. The result says which do
// not; an error says that the push as a whole was not acknowledged.
func (d *Distributor) Push(ctx context.Context, req *Request) (model.PushResult, error) {
	p := newPush(req)
	if req.Entered {
		d.inflight.Add(1)
	} else if !d.enter() {
		p.free()
		return model.PushResult{}, ErrStopping
	}
	if len(req.Batch.Streams) == 0 {
		d.leave(p)
		return model.PushResult{}, ErrNoStreams
	}

	now := d.now()
	d.activity.touch(req.Batch.Tenant, now)
	t := d.rulesOf(req.Batch.Tenant)
	if r := blocked(t.limits, p, now); r != nil {
		d.metrics.discard(req.Batch.Tenant, req.Format, t, []model.Rejection{*r})
		d.leave(p)
		return model.PushResult{Rejections: []model.Rejection{*r}}, nil
	}
	if err := d.validate(p, t, now); err != nil {
		d.leave(p)
		return model.PushResult{}, err
	}
	rejected := p.rejections
	d.metrics.discard(req.Batch.Tenant, req.Format, t, rejected)
	if len(p.batch.Streams) == 0 {
		d.leave(p)
		return model.PushResult{Ack: model.AckDisk, Rejections: rejected}, nil
	}

	d.metrics.receive(p, t)
	if !d.rate.AllowN(now, req.Batch.Tenant, p.bytes) {
		err := d.rateExceeded(p, t, now)
		d.leave(p)
		return model.PushResult{}, err
	}

	tenant, format := req.Batch.Tenant, req.Format // the request may be gone after send
	result, err := d.send(ctx, p)
	d.metrics.discard(tenant, format, t, result.Rejections)
	result.Rejections = append(rejected, result.Rejections...)
	return result, err
}

// enter counts a push in, unless the distributor is stopping.
func (d *Distributor) enter() bool {
	d.mu.RLock()
	defer d.mu.RUnlock()
	if d.closed {
		return false
	}
	d.inflight.Add(1)
	return true
}

// leave counts a push out: nothing reads its batch any more.
func (d *Distributor) leave(p *push) {
	p.free()
	d.inflight.Done()
}

func (d *Distributor) rateExceeded(p *push, t *tenantRules, now time.Time) error {
	d.metrics.discard(p.batch.Tenant, p.req.Format, t, []model.Rejection{{Reason: "rate_limited", Entries: p.entries, Bytes: p.bytes}})
	return &RateError{Text: fmt.Sprintf(
		"ingestion rate limit exceeded for user %s (limit: %.0f bytes/sec) while attempting to ingest '%d' lines totaling '%d' bytes, reduce log volume or contact your operator to see if the limit can be increased (ingestion_rate_mb, ingestion_burst_size_mb)",
		p.batch.Tenant, d.rate.Limit(now, p.batch.Tenant), p.entries, p.bytes)}
}

// rateStrategy tells the limiter this distributor's share of a tenant's rate.
// The burst is not shared: each of them must take the largest push.
type rateStrategy struct {
	limits       *limits.Overrides
	distributors func() int
}

func (s rateStrategy) Limit(tenant string) float64 {
	return s.limits.IngestionRateBytes(tenant) / float64(max(1, s.distributors()))
}

func (s rateStrategy) Burst(tenant string) int { return s.limits.IngestionBurstBytes(tenant) }

// tenantRules are a tenant's limits and what is built from them once.
type tenantRules struct {
	limits *limits.Limits
	levels *fields.LevelDetector
	fields *fields.Discoverer // nil when there is nothing to discover
	otlp   *loghttp.OTLPMapping
	// policies are the tenant's, in the order in which they are looked at.
	policies []policy
}

// maxRules bounds the cache of rules; each change of the limits adds one for
// each tenant that has limits of its own.
const maxRules = 4096

// A rulesCache has the rules of the limits that are in force.
type rulesCache struct {
	mu   sync.RWMutex // guards byPt
	byPt map[*limits.Limits]*tenantRules
}

// rulesOf returns the rules of a tenant as they are now.
func (d *Distributor) rulesOf(tenant string) *tenantRules {
	l := d.limits.For(tenant)
	d.rules.mu.RLock()
	t := d.rules.byPt[l]
	d.rules.mu.RUnlock()
	if t != nil {
		return t
	}
	t = &tenantRules{limits: l, levels: fields.NewLevelDetector(l.LogLevelFields, l.LogLevelFromJSONMaxDepth)}
	if len(l.DiscoverGenericFields.Fields) > 0 {
		t.fields = fields.NewDiscoverer(l.DiscoverGenericFields.Fields)
	}
	var err error
	if t.otlp, err = otlpMapping(d.cfg.OTLP.DefaultIndexAttributes, &l.OTLPConfig); err != nil {
		// Limits are validated before they are in force, so this is no rule of theirs.
		level.Error(d.logger).Log("msg", "attributes of log records become structured metadata, all of them", "err", err, "tenant", tenant)
		t.otlp = &loghttp.OTLPMapping{}
	}
	if t.policies, err = policiesOf(l.PolicyStreamMapping); err != nil {
		level.Error(d.logger).Log("msg", "streams are in no policy for selectors that are none", "err", err, "tenant", tenant)
	}
	d.rules.mu.Lock()
	defer d.rules.mu.Unlock()
	if d.rules.byPt == nil || len(d.rules.byPt) >= maxRules {
		d.rules.byPt = map[*limits.Limits]*tenantRules{}
	}
	d.rules.byPt[l] = t
	return t
}
