package querier

import (
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/go-kit/log"
	"github.com/grafana/dskit/concurrency"
	"github.com/grafana/dskit/ring"
	"github.com/grafana/dskit/services"
	"github.com/prometheus/prometheus/model/labels"

	"github.com/skaldlogs/skald/pkg/explain"
	"github.com/skaldlogs/skald/pkg/limits"
	"github.com/skaldlogs/skald/pkg/logql/engine"
	"github.com/skaldlogs/skald/pkg/model"
	"github.com/skaldlogs/skald/pkg/scan"
	"github.com/skaldlogs/skald/pkg/storage"
)

// A Source answers scans, and questions about the labels of its streams. The
// request's matchers and interval hold for all of them.
type Source interface {
	scan.Source
	// LabelNames returns the names that the selected streams use, in no order.
	LabelNames(ctx context.Context, req *scan.Request) ([]string, error)
	// LabelValues returns the values of the label name among them, in no order.
	LabelValues(ctx context.Context, req *scan.Request, name string) ([]string, error)
	// Series returns the labels of the selected streams, each once, in no order.
	Series(ctx context.Context, req *scan.Request) ([]labels.Labels, error)
}

// A Ring says which ingesters there are.
type Ring interface {
	GetReplicationSetForOperation(op ring.Operation) (ring.ReplicationSet, error)
}

// Ingesters finds the ingester that a ring instance speaks for.
type Ingesters interface {
	Source(instance ring.InstanceDesc) (Source, error)
}

// Store is what a querier asks of the segments.
type Store interface {
	// Open leaves out the segments that were made from the generations of
	// exclude, whose rows an ingester answers for.
	Open(ctx context.Context, req *scan.Request, exclude []scan.Generation) (scan.Snapshot, error)
	// Holdings names what Open would read of an interval.
	Holdings(ctx context.Context, tenant string, interval model.Interval, exclude []scan.Generation) (scan.Holdings, error)
	// Masks are what hides rows of a tenant, as far as the store has heard; what is
	// to be said to users Open says as well.
	Masks(tenant string, interval model.Interval) ([]*storage.Mask, []string)
	// LabelNames, LabelValues and Series also tell what they had to leave out.
	LabelNames(ctx context.Context, req *scan.Request) (names, gaps []string, err error)
	LabelValues(ctx context.Context, req *scan.Request, name string) (values, gaps []string, err error)
	Series(ctx context.Context, req *scan.Request) (series []labels.Labels, gaps []string, err error)
}

// Options are what a [Querier] is built from beside its config.
type Options struct {
	Ring      Ring
	Ingesters Ingesters
	Store     Store
	Engine    *engine.Engine
	Limits    *limits.Overrides
	// Expiry tells what of a tenant is past retention now. Without it nothing is.
	Expiry func(tenant string) (storage.Expiry, error)
	// Gone is the error of an ingester that does not answer any more.
	Gone   error
	Logger log.Logger
}

// A Querier answers queries. Its life: it only runs.
type Querier struct {
	services.Service

	cfg       Config
	ring      Ring
	ingesters Ingesters
	store     Store
	engine    *engine.Engine
	limits    *limits.Overrides
	expiry    func(tenant string) (storage.Expiry, error)
	gone      error
	logger    log.Logger
	now       func() time.Time
}

// New returns a Querier that has not started.
func New(cfg Config, o Options) *Querier {
	if o.Expiry == nil {
		o.Expiry = func(string) (storage.Expiry, error) { return storage.Expiry{}, nil }
	}
	if cfg.QueryIngesterOnly {
		o.Store = blindStore{o.Store}
	}
	q := &Querier{
		cfg:       cfg,
		ring:      o.Ring,
		ingesters: o.Ingesters,
		store:     o.Store,
		engine:    o.Engine,
		limits:    o.Limits,
		expiry:    o.Expiry,
		gone:      o.Gone,
		logger:    log.With(o.Logger, "component", "querier"),
		now:       time.Now,
	}
	q.Service = services.NewIdleService(nil, nil)
	return q
}

// Open implements [scan.Source] over ingesters and store together. Rows that a
// delete request hides are left out, and those that are past retention.
func (q *Querier) Open(ctx context.Context, req *scan.Request) (scan.Snapshot, error) {
	expiry, err := q.expiry(req.Tenant)
	if err != nil {
		return nil, fmt.Errorf("retention of tenant %s: %w", req.Tenant, err)
	}
	// Requests that are done with before the store is looked at may have rows in
	// the memory that was looked at earlier.
	masks, _ := q.store.Masks(req.Tenant, req.Interval)
	snaps, err := fromIngesters(ctx, q, func(ctx context.Context, s Source) (scan.Snapshot, error) {
		began := time.Now()
		snap, err := s.Open(ctx, req)
		if trace := explain.ScanFrom(ctx); trace != nil && err == nil {
			explainIngester(trace, snap.Directory(), time.Since(began))
		}
		return snap, err
	}, func(s scan.Snapshot) { _ = s.Close() })
	if err != nil {
		return nil, err
	}
	var generations []scan.Generation
	for _, s := range snaps {
		generations = append(generations, s.Directory().Generations...)
	}
	stored, err := q.store.Open(ctx, req, generations)
	if err != nil {
		for _, s := range snaps {
			_ = s.Close()
		}
		return nil, fmt.Errorf("open the store: %w", err)
	}
	later, _ := q.store.Masks(req.Tenant, req.Interval)
	for _, m := range later {
		if !slices.ContainsFunc(masks, func(o *storage.Mask) bool { return o.ID == m.ID }) {
			masks = append(masks, m)
		}
	}
	for n, s := range snaps {
		snaps[n] = inMemory(hide(s, masks))
	}
	// The store is older than memory, so its blocks come first.
	joined := scan.Join(append([]scan.Snapshot{stored}, snaps...)...)
	if req.Interval.Mint >= expiry.Latest() {
		return joined, nil
	}
	return expiry.Clip(joined), nil
}

// explainIngester notes what an ingester has.
func explainIngester(trace *explain.Scan, dir *scan.Directory, took time.Duration) {
	name := "ingester"
	if len(dir.Generations) > 0 {
		name += " " + dir.Generations[0].Ingester // all are of one
	}
	trace.AddSource(explain.Source{Name: name, Blocks: len(dir.Blocks), Seconds: explain.Seconds(took)})
}

// inMemory says of all blocks of a snapshot that they are an ingester's.
func inMemory(s scan.Snapshot) scan.Snapshot {
	dir := *s.Directory()
	dir.Blocks = slices.Clone(dir.Blocks)
	for i := range dir.Blocks {
		dir.Blocks[i].Memory = true
	}
	return &labelled{Snapshot: s, dir: &dir}
}

// hide hides what is deleted of an ingester's memory.
func hide(s scan.Snapshot, masks []*storage.Mask) scan.Snapshot {
	dir := s.Directory()
	if len(masks) == 0 || len(dir.Generations) == 0 {
		return s
	}
	ingester := dir.Generations[0].Ingester // all are of one
	return storage.Hide(s, masks, func(m *storage.Mask, b *scan.Block) bool {
		return m.CoversGeneration(scan.Generation{Ingester: ingester, ID: b.Order.Generation})
	})
}

// labelNames asks for one tenant.
func (q *Querier) labelNames(ctx context.Context, req *scan.Request) ([]string, error) {
	return q.strings(ctx,
		func(ctx context.Context, s Source) ([]string, error) { return s.LabelNames(ctx, req) },
		func() ([]string, []string, error) { return q.store.LabelNames(ctx, req) })
}

func (q *Querier) labelValues(ctx context.Context, req *scan.Request, name string) ([]string, error) {
	return q.strings(ctx,
		func(ctx context.Context, s Source) ([]string, error) { return s.LabelValues(ctx, req, name) },
		func() ([]string, []string, error) { return q.store.LabelValues(ctx, req, name) })
}

// strings asks ingesters and then the store, and returns what they say, sorted.
func (q *Querier) strings(ctx context.Context, ask func(context.Context, Source) ([]string, error), store func() (list, gaps []string, err error)) ([]string, error) {
	lists, err := fromIngesters(ctx, q, ask, nil)
	if err != nil {
		return nil, err
	}
	stored, gaps, err := store()
	if err != nil {
		return nil, fmt.Errorf("ask the store: %w", err)
	}
	tellGaps(ctx, gaps...)
	out := slices.Concat(append(lists, stored)...)
	slices.Sort(out)
	return slices.Compact(out), nil
}

func (q *Querier) series(ctx context.Context, req *scan.Request) ([]labels.Labels, error) {
	lists, err := fromIngesters(ctx, q, func(ctx context.Context, s Source) ([]labels.Labels, error) {
		return s.Series(ctx, req)
	}, nil)
	if err != nil {
		return nil, err
	}
	stored, gaps, err := q.store.Series(ctx, req)
	if err != nil {
		return nil, fmt.Errorf("ask the store: %w", err)
	}
	tellGaps(ctx, gaps...)
	out := slices.Concat(append(lists, stored)...)
	slices.SortFunc(out, labels.Compare)
	return slices.CompactFunc(out, labels.Equal), nil
}

// fromIngesters asks every ingester on the ring at once. As many may fail as
// leave every stream with an answer; drop gets the answers that are not
// returned after all.
func fromIngesters[T any](ctx context.Context, q *Querier, ask func(context.Context, Source) (T, error), drop func(T)) ([]T, error) {
	if q.cfg.QueryStoreOnly {
		return nil, nil
	}
	set, err := q.ring.GetReplicationSetForOperation(ring.Read)
	if err != nil {
		return nil, fmt.Errorf("find the ingesters: %w", err)
	}
	type answer struct {
		value T
		err   error
	}
	answers := make([]answer, len(set.Instances))
	_ = concurrency.ForEachJob(ctx, len(set.Instances), len(set.Instances), func(ctx context.Context, n int) error {
		s, err := q.ingesters.Source(set.Instances[n])
		if err == nil {
			answers[n].value, err = ask(ctx, s)
		}
		if err != nil {
			answers[n].err = fmt.Errorf("ask ingester %s: %w", set.Instances[n].Addr, err)
		}
		return nil
	})
	var out []T
	failed := 0
	for _, a := range answers {
		if a.err != nil {
			failed++
			err = a.err
			continue
		}
		out = append(out, a.value)
	}
	if cause := context.Cause(ctx); cause != nil {
		err, failed = cause, len(answers)+1
	}
	if failed > set.MaxErrors {
		if drop != nil {
			for _, v := range out {
				drop(v)
			}
		}
		return nil, err
	}
	return out, nil
}
