package ingester

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/go-kit/log"
	"github.com/go-kit/log/level"
	"github.com/grafana/dskit/services"
	"github.com/prometheus/client_golang/prometheus"

	"github.com/skaldlogs/skald/pkg/limits"
	"github.com/skaldlogs/skald/pkg/scan"
	"github.com/skaldlogs/skald/pkg/storage/wal"
	"github.com/skaldlogs/skald/pkg/vfs"
)

// TenantLimits gives the limits of a tenant as they are now. The value is
// shared, and must not be changed.
type TenantLimits interface {
	For(tenant string) *limits.Limits
}

// Options are what an [Ingester] is built from beside its config.
type Options struct {
	// Name tells this ingester from others, and stays the same over restarts.
	Name string
	// Dir is where its log and its scratch files lie.
	Dir    string
	FS     vfs.FS
	Store  Store
	Limits TenantLimits
	// Shares is how many healthy ingesters share the streams of a tenant, and
	// on how many of them each stream lies. Nil means one of each.
	Shares     func() (ingesters, replicas int)
	Logger     log.Logger
	Registerer prometheus.Registerer
	// Fault is called at named points of a flush; an error stops it there.
	// Crash tests set it.
	Fault func(point string) error
}

// An Ingester holds the newest entries of its streams, in memory and in a
// write-ahead log, and hands them to the store in segments.
//
// Its life: Starting replays the log, Running takes pushes and flushes
// generations, Stopping finishes the pushes in flight and closes the log, whose
// entries are there at the next start.
type Ingester struct {
	services.Service

	cfg     Config
	name    string
	walDir  string
	dir     string
	fs      vfs.FS
	store   Store
	limits  TenantLimits
	shares  func() (int, int)
	logger  log.Logger
	metrics *metrics
	fault   func(string) error
	now     func() time.Time
	reg     prometheus.Registerer

	memory           *memory
	generationMemory int64 // footprint at which a generation is frozen
	tenants          tenants
	tails            tails
	sealers          *sealers
	flusher          *flusher
	log              *wal.Log
	diskFull         atomic.Bool
	leaving          atomic.Bool // the next stop is one for good

	mu      sync.RWMutex  // guards the fields below
	current *generation   // nil before Running and after Stopping
	frozen  []*generation // oldest first
}

// New returns an Ingester that has not started: no file is opened and no
// goroutine runs before StartAsync.
func New(cfg Config, o Options) *Ingester {
	if o.FS == nil {
		o.FS = vfs.OS
	}
	if o.Shares == nil {
		o.Shares = func() (int, int) { return 1, 1 }
	}
	if o.Fault == nil {
		o.Fault = func(string) error { return nil }
	}
	limit := int64(cfg.MemoryLimit)
	if limit == 0 {
		limit = defaultMemoryLimit()
	}
	walDir := cfg.WAL.Dir
	if walDir == "" {
		walDir = filepath.Join(o.Dir, "wal")
	}
	i := &Ingester{
		cfg:              cfg,
		name:             o.Name,
		dir:              o.Dir,
		walDir:           walDir,
		fs:               o.FS,
		store:            o.Store,
		limits:           o.Limits,
		shares:           o.Shares,
		logger:           log.With(o.Logger, "component", "ingester"),
		fault:            o.Fault,
		now:              time.Now,
		reg:              o.Registerer,
		memory:           &memory{limit: limit},
		generationMemory: min(int64(cfg.GenerationMemory), limit/4),
		tenants:          tenants{byID: map[string]*tenant{}},
	}
	i.metrics = newMetrics(o.Registerer, i)
	i.sealers = newSealers(i)
	i.flusher = newFlusher(i)
	i.Service = services.NewBasicService(i.starting, i.running, i.stopping)
	return i
}

func (i *Ingester) starting(ctx context.Context) error {
	i.readMarker()
	i.sealers.start()
	if err := i.clearSpills(); err != nil {
		return err
	}
	var err error
	// A log that is turned off takes no records. It still numbers generations,
	// and what an earlier run left in it is replayed.
	i.log, err = wal.Open(i.walDir, wal.Options{
		FS:         i.fs,
		Sync:       i.cfg.WAL.Sync,
		Interval:   i.cfg.WAL.SyncInterval,
		After:      i.lastStored(),
		Logger:     i.logger,
		Registerer: i.reg,
	})
	if err != nil {
		return fmt.Errorf("open write-ahead log: %w", err)
	}
	if err := i.replay(ctx); err != nil {
		return fmt.Errorf("replay write-ahead log: %w", err)
	}
	gen, err := i.begin()
	if err != nil {
		return err
	}
	i.mu.Lock()
	i.current = gen
	i.mu.Unlock()
	if err := i.flusher.releaseGone(ctx); err != nil {
		level.Warn(i.logger).Log("msg", "entries of the catalog could not be released yet; they are not compacted until then", "err", err)
	}
	i.flusher.wake() // for what was replayed
	return nil
}

// lastStored is the highest generation of this ingester that the catalog names
// as a source. New ones must be above it even when the folder of the log is
// gone: rows of a generation that is in the catalog already would not be seen.
func (i *Ingester) lastStored() uint64 {
	var last uint64
	c := i.store.Catalog()
	for _, tenant := range c.Tenants() {
		for _, e := range c.Snapshot(tenant).Entries {
			for _, s := range e.Sources {
				if s.Ingester == i.name {
					last = max(last, s.ID)
				}
			}
		}
	}
	return last
}

// begin makes the generation that will take writes.
func (i *Ingester) begin() (*generation, error) {
	w, err := i.log.Begin()
	if err != nil {
		return nil, fmt.Errorf("begin a generation of the write-ahead log: %w", err)
	}
	gen := newGeneration(w.Generation(), i.memory, i.cfg.GroupBy, i.now())
	gen.wal = w
	return gen, nil
}

// pin returns the generation that takes writes, which will not be flushed
// before its pin is done.
func (i *Ingester) pin() (*generation, error) {
	i.mu.RLock()
	defer i.mu.RUnlock()
	if i.current == nil {
		return nil, fmt.Errorf("push: %w", ErrNotRunning)
	}
	i.current.pins.Add(1)
	return i.current, nil
}

// freeze ends the current generation and begins the next; it waits until every
// row of the old one is in its heads. An empty generation goes on.
func (i *Ingester) freeze(reason string) error {
	i.mu.RLock()
	idle := i.current != nil && i.current.empty()
	i.mu.RUnlock()
	if idle {
		return nil
	}
	next, err := i.begin()
	if err != nil {
		return err
	}
	i.mu.Lock()
	old := i.current
	if old == nil {
		i.mu.Unlock()
		return errors.Join(ErrNotRunning, next.wal.Close())
	}
	old.reason = reason
	i.current = next
	i.frozen = append(i.frozen, old)
	i.mu.Unlock()
	old.pins.Wait()
	return nil
}

// generations returns what queries must look at, oldest first, each retained.
func (i *Ingester) generations() []*generation {
	i.mu.RLock()
	defer i.mu.RUnlock()
	out := append([]*generation(nil), i.frozen...)
	if i.current != nil {
		out = append(out, i.current)
	}
	for _, g := range out {
		g.retain()
	}
	return out
}

// drop forgets a generation whose rows the catalog has.
func (i *Ingester) drop(gen *generation) {
	i.mu.Lock()
	if n := slices.Index(i.frozen, gen); n >= 0 {
		i.frozen = slices.Delete(i.frozen, n, n+1)
	}
	i.mu.Unlock()
	for _, h := range gen.headList() {
		h.tenant.leave(gen)
		h.release()
	}
	gen.release()
}

func (i *Ingester) running(ctx context.Context) error {
	return i.flusher.run(ctx)
}

// stopping ends the pushes: those in flight are finished first.
func (i *Ingester) stopping(error) error {
	i.mu.Lock()
	gen := i.current
	i.current = nil
	if gen != nil {
		gen.reason = "shutdown"
		i.frozen = append(i.frozen, gen)
	}
	ending := slices.Clone(i.frozen)
	i.mu.Unlock()
	for _, gen := range ending {
		gen.pins.Wait() // a push may have pinned it before it was frozen
	}
	var err error
	if i.cfg.WAL.FlushOnShutdown || !i.cfg.WAL.Enabled || i.leaving.Load() {
		level.Info(i.logger).Log("msg", "flushing everything in memory before the stop")
		err = i.flusher.flushFrozen(context.Background())
	}
	i.flusher.close()
	i.sealers.stop()
	i.mu.RLock()
	defer i.mu.RUnlock()
	for _, gen := range i.frozen {
		if gen.wal != nil {
			err = errors.Join(err, gen.wal.Close())
		}
	}
	if i.log != nil {
		err = errors.Join(err, i.log.Close())
	}
	return err
}

// CheckReady reports why the ingester cannot serve yet, or nil.
func (i *Ingester) CheckReady(context.Context) error {
	if s := i.State(); s != services.Running {
		return fmt.Errorf("ingester is %s", s)
	}
	return nil
}

// streamLimit is how many streams of a tenant may be active here; 0 is no limit.
func (i *Ingester) streamLimit(l *limits.Limits) int {
	limit := l.MaxStreamsPerUser
	if global := l.MaxGlobalStreamsPerUser; global > 0 {
		ingesters, replicas := i.shares()
		local := max(1, global*replicas/max(1, ingesters))
		if limit == 0 || local < limit {
			limit = local
		}
	}
	return limit
}

// self names a generation of this ingester to others.
func (i *Ingester) self(g *generation) scan.Generation {
	return scan.Generation{Ingester: i.name, ID: g.id}
}
