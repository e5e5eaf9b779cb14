package compactor

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"strconv"
	"sync"
	"sync/atomic"
	"time"

	"github.com/go-kit/log"
	"github.com/go-kit/log/level"
	"github.com/grafana/dskit/services"
	"github.com/oklog/ulid/v2"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/prometheus/model/labels"
	"golang.org/x/sync/errgroup"

	"github.com/skaldlogs/skald/pkg/guard"
	"github.com/skaldlogs/skald/pkg/limits"
	"github.com/skaldlogs/skald/pkg/model"
	"github.com/skaldlogs/skald/pkg/scan"
	"github.com/skaldlogs/skald/pkg/storage"
	"github.com/skaldlogs/skald/pkg/storage/block"
	"github.com/skaldlogs/skald/pkg/storage/catalog"
	"github.com/skaldlogs/skald/pkg/storage/segment"
	"github.com/skaldlogs/skald/pkg/vfs"
)

// Options are what a [Compactor] works with.
type Options struct {
	Store  *storage.Store
	Limits TenantLimits
	// Defaults are the values of a tenant that has none of its own, whose rules
	// count for the others as well.
	Defaults *limits.Limits
	// Ingesters hold what is not in the store yet. Without them no delete request
	// is accepted, and none is done with.
	Ingesters Ingesters
	// Usage tells how full the disk of the bucket is. Without it min_free_disk
	// has no meaning.
	Usage func() (vfs.Usage, error)
	// Mine reports whether the bucket is this process's to compact, where several
	// share it; it is asked before each pass. Without it, it is.
	Mine func() bool
	// Busy reports whether the process has something more urgent to do, behind which
	// merges stay. Without it nothing is.
	Busy func() bool
	// Ages say how long other processes may read what is dead. The zero value is
	// for a bucket that only this process reads.
	Ages storage.Ages
	// Fault is what [storage.Options] has, for the steps of a delete. The default
	// goes on.
	Fault      func(storage.Step) error
	Logger     log.Logger
	Registerer prometheus.Registerer
}

// A Compactor merges the segments of a bucket and applies retention to them.
//
// Its life: Starting checks the rules, Running makes a pass every
// CompactionInterval, Stopping ends a merge that is under way, whose inputs stay.
type Compactor struct {
	services.Service

	cfg       Config
	store     *storage.Store
	limits    TenantLimits
	defaults  *limits.Limits
	ingesters Ingesters
	fault     func(storage.Step) error
	usage     func() (vfs.Usage, error)
	mine      func() bool
	ages      storage.Ages
	logger    log.Logger
	metrics   *metrics
	pace      *pacer
	now       func() time.Time
	slice     int64
	encoders  sync.Pool // of *block.Encoder, which are worth keeping

	passing chan struct{} // holds an item while a pass runs, which owns the fields below

	retained   time.Time               // when retention was last applied
	judged     map[ulid.ULID]time.Time // when retention looked into a segment in vain
	failing    map[ulid.ULID]struct{}  // segments that deletes could not be applied to in this pass
	yielded    atomic.Pointer[error]   // why something was left to another process in this pass
	unreadable sync.Map                // why, by id, of segments that merges leave alone
	tidied     bool                    // steps of requests that are gone were removed

	progressMu sync.Mutex // guards the field below
	progress   progress

	cleanMu sync.Mutex            // guards the fields below
	clean   map[cleanKey]struct{} // what deletes have nothing to remove from
	waits   map[ulid.ULID]string  // what delete requests waited for in the last pass
}

// New returns a Compactor that has not started.
func New(cfg Config, o Options) *Compactor {
	if o.Fault == nil {
		o.Fault = func(storage.Step) error { return nil }
	}
	if o.Mine == nil {
		o.Mine = func() bool { return true }
	}
	o.Ages.Orphaned = max(o.Ages.Orphaned, orphanFor)
	c := &Compactor{
		cfg:       cfg,
		store:     o.Store,
		limits:    o.Limits,
		defaults:  o.Defaults,
		ingesters: o.Ingesters,
		fault:     o.Fault,
		usage:     o.Usage,
		mine:      o.Mine,
		ages:      o.Ages,
		logger:    log.With(o.Logger, "component", "compactor"),
		metrics:   newMetrics(o.Registerer),
		now:       time.Now,
		slice:     sliceBytes,
		encoders:  sync.Pool{New: func() any { return new(block.Encoder) }},
		passing:   make(chan struct{}, 1),
		judged:    map[ulid.ULID]time.Time{},
		clean:     map[cleanKey]struct{}{},
		waits:     map[ulid.ULID]string{},
	}
	c.pace = newPacer(&cfg, o.Busy, c.metrics.rested)
	c.Service = services.NewTimerService(cfg.CompactionInterval, c.starting, c.running, c.stopping)
	return c
}

func (c *Compactor) starting(context.Context) error {
	if _, err := compileRules(c.defaults.RetentionStream); err != nil {
		return fmt.Errorf("limits_config: retention_stream: %w", err)
	}
	c.metrics.running.Set(1)
	return nil
}

func (c *Compactor) running(ctx context.Context) error {
	if !c.mine() {
		return nil
	}
	// A mistake that one segment brings to light must not end a process that has
	// more to do than to compact.
	switch err := guard.Do(func() error { return c.pass(ctx, false) }); {
	case err == nil || ctx.Err() != nil:
	case yields(err):
		level.Info(c.logger).Log("msg", "some segments were left to another process", "why", err)
	default:
		level.Error(c.logger).Log("msg", "compaction is not complete; what is left is tried again", "err", err)
	}
	return nil
}

func (c *Compactor) stopping(error) error {
	c.metrics.running.Set(0)
	return nil
}

// Compact merges until nothing is left to merge, as if all time were over,
// applies retention to the row, and deletes what no query can read any more.
// [ErrNotOwner] says that it is for another process to do, and
// [catalog.ErrClaimed] that one is doing some of it.
func (c *Compactor) Compact(ctx context.Context) error {
	if !c.mine() {
		return ErrNotOwner
	}
	err := guard.Do(func() error { return c.pass(ctx, true) })
	if err == nil || yields(err) {
		err = cmp.Or(c.sweep(ctx), err)
	}
	if err != nil {
		return fmt.Errorf("compact: %w", err)
	}
	return nil
}

// orphanFor is how old objects without an entry are when they go: longer than
// any put takes.
const orphanFor = 24 * time.Hour

// sweep deletes the dead, at once where no other process reads the bucket: what
// queries of this one read is left.
func (c *Compactor) sweep(ctx context.Context) error {
	return guard.Do(func() error { return c.store.Sweep(ctx, c.ages) })
}

// pass does all there is to do, once. With all it does also what could wait.
// Trouble with one tenant or one merge does not keep the others from theirs.
func (c *Compactor) pass(ctx context.Context, all bool) (err error) {
	select {
	case c.passing <- struct{}{}:
	case <-ctx.Done():
		return ctx.Err()
	}
	defer func() { <-c.passing }()
	began := c.now()
	c.note(func(p *progress) { p.Running = began })
	defer func() {
		c.note(func(p *progress) {
			p.Running, p.Last = time.Time{}, Pass{Began: began, Ended: c.now()}
			if err != nil {
				p.Last.Error = err.Error()
			}
		})
	}()

	if err := c.store.Catalog().RefreshAll(ctx); err != nil {
		c.metrics.passes.WithLabelValues(status(err)).Inc()
		return err
	}
	var errs []error
	c.failing = map[ulid.ULID]struct{}{}
	c.yielded.Store(nil)
	for _, tenant := range c.store.Catalog().Tenants() {
		if err := c.store.Catalog().RemoveVoid(ctx, tenant); err != nil {
			c.metrics.passes.WithLabelValues(status(err)).Inc()
			return err
		}
	}
	if c.cfg.RetentionEnabled {
		// First of all: what becomes of a segment that a delete begins with is
		// written down before it happens.
		if err := c.applyDeletes(ctx); err != nil {
			errs = append(errs, fmt.Errorf("apply delete requests: %w", err))
		}
	}
	if c.cfg.RetentionEnabled && (all || c.now().Sub(c.retained) >= c.cfg.ApplyRetentionInterval) {
		errs = append(errs, c.applyRetention(ctx, all))
	}
	errs = append(errs, c.mergeAll(ctx, all), c.makeRoom(ctx))
	c.count()

	err = errors.Join(errs...)
	if ctx.Err() != nil {
		return ctx.Err()
	}
	c.metrics.passes.WithLabelValues(status(err)).Inc()
	c.metrics.passSeconds.Set(c.now().Sub(began).Seconds())
	if err == nil {
		c.metrics.passLast.Set(float64(c.now().UnixNano()) / 1e9)
	}
	if why := c.yielded.Load(); err == nil && why != nil {
		return *why
	}
	return err
}

// yields reports whether something was not done because another process does it,
// or has just done so.
func yields(err error) bool { return errors.Is(err, catalog.ErrClaimed) }

// yield notes what is left to another process. It returns all other errors.
func (c *Compactor) yield(err error) error {
	if !yields(err) {
		return err
	}
	c.yielded.Store(&err)
	return nil
}

// claim makes segments or delete requests this process's to change, until the claim
// is closed.
func (c *Compactor) claim(ctx context.Context, tenant string, of []ulid.ULID) (*catalog.Claim, error) {
	claim, err := c.store.Catalog().Claim(ctx, tenant, of)
	if err != nil {
		return nil, err
	}
	if err := c.fault(Claimed); err != nil {
		return nil, err // the claim stays, as those of the dead do
	}
	return claim, nil
}

func status(err error) string {
	if err != nil {
		return "failure"
	}
	return "success"
}

// mergeAll plans and merges until there is nothing left to merge.
func (c *Compactor) mergeAll(ctx context.Context, all bool) error {
	var mu sync.Mutex // guards what follows
	var errs []error
	failed := map[ulid.ULID]struct{}{} // inputs of merges that failed in this pass
	skip := func(id ulid.ULID) bool {
		_, failed := failed[id]
		_, failing := c.failing[id]
		_, unreadable := c.unreadable.Load(id)
		return failed || failing || unreadable
	}
	for ctx.Err() == nil && c.mine() {
		p := planner{now: c.now(), maxBytes: int64(c.cfg.MaxSegmentSize.Int()), all: all, skip: skip}
		var jobs []job
		for _, tenant := range c.store.Catalog().Tenants() {
			snap := c.store.Catalog().Snapshot(tenant)
			p.deletes = snap.Deletes
			jobs = append(jobs, p.plan(tenant, snap.Entries)...)
		}
		if len(jobs) == 0 {
			break
		}
		var g errgroup.Group
		g.SetLimit(c.cfg.MaxCompactionParallelism)
		for i := range jobs {
			g.Go(func() error {
				err := guard.Do(func() error { return c.merge(ctx, &jobs[i]) })
				if err == nil {
					return nil
				}
				mu.Lock()
				defer mu.Unlock()
				if c.blame(err) {
					return nil // the others are tried without the damaged one
				}
				if errors.Is(err, catalog.ErrMixed) {
					return nil // a delete request came meanwhile, which the next plan knows
				}
				errs = append(errs, c.yield(err))
				for _, id := range jobs[i].ids() {
					failed[id] = struct{}{}
				}
				return nil
			})
		}
		_ = g.Wait() // every merge answers for itself
	}
	return errors.Join(errs...)
}

// blame takes a damaged segment out of all merges, and reports whether that is
// what went wrong.
func (c *Compactor) blame(err error) bool {
	var se *storage.SegmentError
	if !errors.As(err, &se) || !errors.Is(err, scan.ErrDamaged) && !errors.Is(err, segment.ErrUnsupported) && !errors.Is(err, block.ErrUnsupported) {
		return false
	}
	if _, again := c.unreadable.LoadOrStore(se.ID, se.Err.Error()); !again {
		c.metrics.unreadable.Inc()
		level.Error(c.logger).Log("msg", "segment cannot be read whole and is left out of merges", "err", se.Err, "tenant", se.Tenant, "segment", se.ID)
	}
	return true
}

// merge runs one job.
func (c *Compactor) merge(ctx context.Context, j *job) (err error) {
	began := time.Now()
	defer func() {
		if ctx.Err() == nil && !yields(err) {
			c.metrics.merges.WithLabelValues(j.reason, status(err)).Inc()
			c.metrics.mergeSeconds.Observe(time.Since(began).Seconds())
		}
		if err != nil {
			err = fmt.Errorf("merge %d segments of tenant %s: %w", len(j.inputs), j.tenant, err)
		}
	}()
	keepFrom, err := c.keepFrom(j.tenant)
	if err != nil {
		return err
	}
	claim, err := c.claim(ctx, j.tenant, j.ids())
	if err != nil {
		return err
	}
	defer claim.Close()
	held, err := c.store.Hold(ctx, j.tenant, j.ids())
	if err != nil {
		return err
	}
	defer held.Close()
	m := newMerge(j, held, keepFrom)
	m.slice, m.pace, m.claim = c.slice, c.pace, claim
	m.encoder = c.encoders.Get().(*block.Encoder)
	defer c.encoders.Put(m.encoder)
	merged, err := m.run(ctx, c.store)
	if err != nil {
		return err
	}
	if merged == nil {
		return c.dropClaimed(ctx, claim, j.tenant, j.inputs, byRetention)
	}

	var size, raw int64
	for _, e := range j.inputs {
		size += e.Size
		raw += e.Stats.Bytes + e.Stats.MetadataBytes
	}
	c.metrics.mergedSegments.Add(float64(len(j.inputs)))
	c.metrics.readBytes.Add(float64(size))
	c.metrics.rawBytes.Add(float64(raw))
	c.metrics.duplicates.Add(float64(m.duplicates))
	expired := m.expired()
	if expired > 0 {
		c.metrics.droppedRows.WithLabelValues(j.tenant, byRetention).Add(float64(expired))
	}
	level.Info(c.logger).Log("msg", "merged segments", "tenant", j.tenant, "reason", j.reason, "level", merged.Level, "segment", merged.ID,
		"inputs", len(j.inputs), "input_bytes", size, "bytes", merged.Size, "raw_bytes", raw, "entries", merged.Stats.Rows,
		"duplicates", m.duplicates, "past_retention", expired, "took", time.Since(began))
	return nil
}

// keepFrom returns before which time the rows of a tenant's streams go.
func (c *Compactor) keepFrom(tenant string) (func(labels.Labels) int64, error) {
	r := &retention{}
	if c.cfg.RetentionEnabled {
		var err error
		if r, err = retentionOf(c.limits.For(tenant), c.defaults); err != nil {
			return nil, err
		}
	}
	now := c.now()
	return func(l labels.Labels) int64 { return r.cutoff(now, l) }, nil
}

// count shows what is in the bucket.
func (c *Compactor) count() {
	c.metrics.segments.Reset()
	c.metrics.storeBytes.Reset()
	c.metrics.pendingInputs.Reset()
	c.metrics.oldest.Reset()
	live := map[ulid.ULID]struct{}{}
	pending, oldest := 0, c.now()
	for _, tenant := range c.store.Catalog().Tenants() {
		snap := c.store.Catalog().Snapshot(tenant)
		inputs := 0
		for _, j := range c.planned(tenant, snap, c.now()) {
			inputs += len(j.inputs)
		}
		c.metrics.pendingInputs.WithLabelValues(tenant).Set(float64(inputs))
		first := model.Nothing
		for _, e := range snap.Entries {
			first = first.Union(e.Interval)
		}
		if !first.Empty() {
			c.metrics.oldest.WithLabelValues(tenant).Set(float64(first.Mint) / 1e9)
		}
		for _, d := range snap.Deletes {
			pending++
			if d.Created.Before(oldest) {
				oldest = d.Created
			}
		}
		for _, e := range c.store.Catalog().Snapshot(tenant).Entries {
			live[e.ID] = struct{}{}
			l := strconv.Itoa(e.Level)
			c.metrics.segments.WithLabelValues(tenant, l).Inc()
			c.metrics.storeBytes.WithLabelValues(tenant, l).Add(float64(e.Size))
		}
	}
	c.metrics.deletesPending.Set(float64(pending))
	c.metrics.deletesOldest.Set(c.now().Sub(oldest).Seconds())
	for id := range c.judged {
		if _, ok := live[id]; !ok {
			delete(c.judged, id)
		}
	}
	c.cleanMu.Lock()
	defer c.cleanMu.Unlock()
	for k := range c.clean {
		if _, ok := live[k.segment]; !ok {
			delete(c.clean, k)
		}
	}
	c.unreadable.Range(func(id, _ any) bool {
		if _, ok := live[id.(ulid.ULID)]; !ok {
			c.unreadable.Delete(id)
			c.metrics.unreadable.Dec()
		}
		return true
	})
}
