package catalog

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/go-kit/log"
	"github.com/go-kit/log/level"
	"github.com/oklog/ulid/v2"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promauto"

	"github.com/skaldlogs/skald/pkg/objstore"
	"github.com/skaldlogs/skald/pkg/scan"
)

// Errors of changes that would break an invariant of the package.
var (
	// ErrUnreleased is wrapped when a change would replace or remove an entry
	// whose ingester may still hold its rows.
	ErrUnreleased = errors.New("not released by its ingester")
	// ErrHas is wrapped when an entry of level 0 is added whose rows are in the
	// catalog already.
	ErrHas = errors.New("the rows of its source are in the catalog already")
	// ErrNotLive is wrapped when a change names an entry that is dead or gone.
	ErrNotLive = errors.New("not a live entry")
)

// Mode says who writes the bucket of a [Catalog].
type Mode int

// The modes.
const (
	Owner    Mode = iota // this process alone
	Follower             // others too
)

// Options tune a [Catalog]. The zero value is ready to use.
type Options struct {
	// Mode is Owner by default.
	Mode Mode
	// Name tells this process from all others that share the bucket, and is the
	// same when it is started again. Without one, claims of a process that died
	// keep all others waiting, itself included, until their time is over.
	Name string
	// Logger hears of damage, once for each entry. The default is silence.
	Logger log.Logger
	// Registerer takes the metrics. The default registers none.
	Registerer prometheus.Registerer
}

// A Catalog is the catalog of one bucket, as this process knows it.
type Catalog struct {
	bucket  objstore.Bucket
	mode    Mode
	name    string
	logger  log.Logger
	damaged prometheus.Gauge

	mu      sync.RWMutex // guards the maps below
	tenants map[string]*tenant
	claims  map[ulid.ULID]struct{} // that this process has, or tries to have
}

// A Snapshot is what a tenant has at one moment. It must not be changed.
type Snapshot struct {
	// Entries are the live ones that have a segment, by their ids.
	Entries []*Entry
	// Deletes are the delete requests that count, in the order of their ids.
	Deletes []*Delete
	// Damaged are the entries and requests that cannot be read, by their objects' names.
	Damaged []Damage
}

// Damage says which entry or delete request cannot be read, and why.
type Damage struct {
	Object string
	Delete bool // it is a delete request
	Err    error
}

// Mode says who writes the bucket.
func (c *Catalog) Mode() Mode { return c.mode }

// Open reads the catalog of bucket.
func Open(ctx context.Context, bucket objstore.Bucket, o Options) (*Catalog, error) {
	if o.Logger == nil {
		o.Logger = log.NewNopLogger()
	}
	c := &Catalog{
		bucket: bucket,
		mode:   o.Mode,
		name:   o.Name,
		logger: o.Logger,
		damaged: promauto.With(o.Registerer).NewGauge(prometheus.GaugeOpts{
			Name: "catalog_damaged_entries",
			Help: "Entries and delete requests of the catalog that cannot be read: answers are incomplete, or have what was deleted.",
		}),
		tenants: map[string]*tenant{},
		claims:  map[ulid.ULID]struct{}{},
	}
	if err := c.load(ctx); err != nil {
		return nil, fmt.Errorf("open catalog: %w", err)
	}
	return c, nil
}

// Snapshot returns what tenant has.
func (c *Catalog) Snapshot(tenant string) *Snapshot {
	if t := c.known(tenant); t != nil {
		return t.snapshot.Load()
	}
	return &Snapshot{}
}

// Tenants are those with an entry or a delete request, be it dead or damaged; sorted.
func (c *Catalog) Tenants() []string {
	c.mu.RLock()
	defer c.mu.RUnlock()
	var names []string
	for name, t := range c.tenants {
		if t.inUse.Load() {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	return names
}

// Has reports whether the rows of tenant in generation g are in the catalog, so
// that a replay skips them.
func (c *Catalog) Has(tenant string, g scan.Generation) bool {
	for _, e := range c.Snapshot(tenant).Entries {
		// Entries of level 0 are live until they are released, and what is
		// released is not replayed: looking at live ones is enough.
		if slices.Contains(e.Sources, g) {
			return true
		}
	}
	return false
}

// Unreleased returns the entries of level 0 that were made from memtables of
// ingester and not yet released, by tenant and id.
func (c *Catalog) Unreleased(ingester string) []*Entry {
	var found []*Entry
	for _, name := range c.Tenants() {
		for _, e := range c.Snapshot(name).Entries {
			if e.Level == 0 && !e.Released && slices.ContainsFunc(e.Sources, func(g scan.Generation) bool { return g.Ingester == ingester }) {
				found = append(found, e)
			}
		}
	}
	return found
}

// Dead returns the entries of a tenant that others replace, and the tombstones,
// in an order in which they may be removed.
func (c *Catalog) Dead(tenant string) []*Entry {
	if t := c.known(tenant); t != nil {
		return t.dead()
	}
	return nil
}

func (c *Catalog) known(name string) *tenant {
	c.mu.RLock()
	defer c.mu.RUnlock()
	return c.tenants[name]
}

func (c *Catalog) tenant(name string) *tenant {
	if t := c.known(name); t != nil {
		return t
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	t, ok := c.tenants[name]
	if !ok {
		t = newTenant(name)
		c.tenants[name] = t
	}
	return t
}

// A tenant is what is known of one tenant's catalog.
type tenant struct {
	name     string
	changing chan struct{} // holds one token; who has it may change the catalog and the fields below
	retried  time.Time     // when what is damaged was last read again; whose is the token, is this
	snapshot atomic.Pointer[Snapshot]
	inUse    atomic.Bool // an entry or a delete request is there, be it dead or damaged

	refreshes struct {
		sync.Mutex
		begun, done uint64 // Invariant: done <= begun. Number of the last listing begun, and of the last that succeeded.
	}

	mu      sync.RWMutex // guards the fields below; held for no I/O
	entries map[ulid.ULID]*Entry
	deletes map[ulid.ULID]*Delete
	damaged map[ulid.ULID]Damage   // of either kind: no two objects share an id
	marked  map[ulid.ULID]struct{} // released, whether the entry is there or not
	void    map[ulid.ULID]struct{} // entries that do not count; see voidLocked
}

func newTenant(name string) *tenant {
	t := &tenant{
		name:     name,
		changing: make(chan struct{}, 1),
		entries:  map[ulid.ULID]*Entry{},
		deletes:  map[ulid.ULID]*Delete{},
		damaged:  map[ulid.ULID]Damage{},
		marked:   map[ulid.ULID]struct{}{},
		void:     map[ulid.ULID]struct{}{},
	}
	t.changing <- struct{}{}
	t.snapshot.Store(&Snapshot{})
	return t
}

// lock waits for the right to change t. The caller calls unlock when err is nil.
func (t *tenant) lock(ctx context.Context) error {
	select {
	case <-t.changing:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

func (t *tenant) unlock() { t.changing <- struct{}{} }

// update changes what is known and publishes the snapshot that follows from it.
func (t *tenant) update(change func()) {
	t.mu.Lock()
	defer t.mu.Unlock()
	change()
	s := &Snapshot{}
	t.void = t.voidLocked()
	replaced := t.replacedLocked()
	for id, e := range t.entries {
		if _, released := t.marked[id]; released != e.Released {
			marked := *e
			marked.Released = released
			e = &marked
			t.entries[id] = e
		}
		_, void := t.void[id]
		if _, dead := replaced[id]; !dead && !void && !e.Tombstone() {
			s.Entries = append(s.Entries, e)
		}
	}
	slices.SortFunc(s.Entries, byID)
	for _, d := range t.deletes {
		s.Deletes = append(s.Deletes, d)
	}
	slices.SortFunc(s.Deletes, func(a, b *Delete) int { return a.ID.Compare(b.ID) })
	for _, d := range t.damaged {
		s.Damaged = append(s.Damaged, d)
	}
	slices.SortFunc(s.Damaged, func(a, b Damage) int { return strings.Compare(a.Object, b.Object) })
	t.snapshot.Store(s)
	t.inUse.Store(len(t.entries)+len(t.deletes)+len(t.damaged) > 0)
}

func byID(a, b *Entry) int { return a.ID.Compare(b.ID) }

// voidLocked returns the merges that do not count, those that join rows which a
// delete request deletes with rows that came after it. Where two processes merge
// and accept at the same time, neither may see the other before it is done; what
// the merge replaces is there still, and every process finds the same by what is
// in the bucket.
func (t *tenant) voidLocked() map[ulid.ULID]struct{} {
	void := map[ulid.ULID]struct{}{}
	if len(t.deletes) == 0 {
		return void
	}
	for id, e := range t.entries {
		if len(e.Replaces) < 2 || e.Tombstone() {
			continue
		}
		var inputs []*Entry
		for _, id := range e.Replaces {
			if input, ok := t.entries[id]; ok {
				inputs = append(inputs, input)
			}
		}
		for _, d := range t.deletes {
			if d.mixes(inputs) {
				void[id] = struct{}{}
				break
			}
		}
	}
	return void
}

func (t *tenant) isVoid(id ulid.ULID) bool {
	t.mu.RLock()
	defer t.mu.RUnlock()
	_, void := t.void[id]
	return void
}

// replacedLocked returns what some entry replaces that counts.
func (t *tenant) replacedLocked() map[ulid.ULID]struct{} {
	replaced := map[ulid.ULID]struct{}{}
	for _, e := range t.entries {
		if _, void := t.void[e.ID]; void {
			continue
		}
		for _, id := range e.Replaces {
			if id != e.ID {
				replaced[id] = struct{}{}
			}
		}
	}
	return replaced
}

func (t *tenant) get(id ulid.ULID) (*Entry, bool) {
	t.mu.RLock()
	defer t.mu.RUnlock()
	e, ok := t.entries[id]
	return e, ok
}

// live returns the entry of that id if it is live.
func (t *tenant) live(id ulid.ULID) (*Entry, bool) {
	entries := t.snapshot.Load().Entries
	i, ok := slices.BinarySearchFunc(entries, id, func(e *Entry, id ulid.ULID) int { return e.ID.Compare(id) })
	if !ok {
		return nil, false
	}
	return entries[i], true
}

// standing returns those of the entries listed that are still there.
func (t *tenant) standing(ids []ulid.ULID) []ulid.ULID {
	t.mu.RLock()
	defer t.mu.RUnlock()
	var there []ulid.ULID
	for _, id := range ids {
		if _, ok := t.entries[id]; ok {
			there = append(there, id)
		}
	}
	return there
}

// dead sorts the replaced entries, and the tombstones, so that each comes after
// all that it replaces.
func (t *tenant) dead() []*Entry {
	t.mu.RLock()
	defer t.mu.RUnlock()
	replaced := t.replacedLocked()
	var order []*Entry
	visited := map[ulid.ULID]struct{}{}
	var visit func(id ulid.ULID)
	visit = func(id ulid.ULID) {
		e, there := t.entries[id]
		if _, again := visited[id]; again || !there {
			return
		}
		visited[id] = struct{}{}
		for _, older := range e.Replaces {
			visit(older)
		}
		if _, dead := replaced[id]; dead || e.Tombstone() {
			order = append(order, e)
		}
	}
	for _, id := range slices.SortedFunc(maps.Keys(t.entries), ulid.ULID.Compare) {
		visit(id)
	}
	return order
}

// report tells of damage, once.
func (c *Catalog) report(t *tenant, d Damage) {
	c.damaged.Inc()
	if d.Delete {
		level.Error(c.logger).Log("msg", "delete request cannot be read; answers may hold what it deleted", "err", d.Err, "tenant", t.name, "object", d.Object)
		return
	}
	level.Error(c.logger).Log("msg", "entry of the catalog cannot be read; answers are incomplete", "err", d.Err, "tenant", t.name, "object", d.Object)
}
