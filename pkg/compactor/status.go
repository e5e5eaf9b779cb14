package compactor

import (
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/oklog/ulid/v2"

	"github.com/skaldlogs/skald/pkg/model"
	"github.com/skaldlogs/skald/pkg/storage/catalog"
)

// A Status is what is in the bucket and what is ahead, as far as this process
// knows it. Times that are zero are of what did not happen yet.
type Status struct {
	// Compacting says that this process compacts the bucket; another one may.
	Compacting bool
	// Interval is how often passes begin. Last is the one that ended last, Running
	// when the one began that is under way.
	Interval time.Duration
	Running  time.Time
	Last     Pass
	// Retention and deletes are applied only where RetentionEnabled. Retained is
	// when retention was last applied to all tenants.
	RetentionEnabled bool
	Retained         time.Time
	Tenants          []TenantStatus
}

// A Pass is one look at everything.
type Pass struct {
	Began, Ended time.Time
	Error        string // empty when nothing was wrong
}

// A TenantStatus is what a tenant has.
type TenantStatus struct {
	Tenant string
	Levels []LevelStatus // those that have segments, in their order
	// Held are segments of level 0 that their ingesters may still answer for: they
	// wait to be merged. Merges and Inputs are the merges that would begin now.
	Held           int
	Merges, Inputs int
	// Dead are segments that no new query reads, and that wait to be deleted.
	Dead, DeadBytes int64
	// Damaged are entries and delete requests that cannot be read, Unreadable are
	// segments that no merge takes.
	Damaged, Unreadable int
	// Retention is how long streams without a rule are kept, 0 for ever; Rules is
	// how many rules there are beside it. Past are segments of which all rows are
	// past every rule, and wait for the next pass.
	Retention time.Duration
	Rules     int
	Past      int
	Deletes   []DeleteState // those that are not finished
	// Error says why some of the above is not known.
	Error string
}

// A LevelStatus adds up the live segments of a level.
type LevelStatus struct {
	Level    int
	Segments int
	Bytes    int64 // in the bucket
	RawBytes int64 // of lines and metadata
	Entries  int64
	Interval model.Interval
}

// Oldest is the earliest time of a tenant's rows; false when it has none.
func (t *TenantStatus) Oldest() (time.Time, bool) {
	iv := model.Nothing
	for _, l := range t.Levels {
		iv = iv.Union(l.Interval)
	}
	return time.Unix(0, iv.Mint).UTC(), !iv.Empty()
}

// Status looks at the catalog; it reads no segment.
func (c *Compactor) Status(ctx context.Context) (*Status, error) {
	if err := c.store.Catalog().RefreshAll(ctx); err != nil {
		return nil, fmt.Errorf("look at the bucket: %w", err)
	}
	s := &Status{Compacting: c.mine(), Interval: c.cfg.CompactionInterval, RetentionEnabled: c.cfg.RetentionEnabled}
	c.progressMu.Lock()
	s.Running, s.Last, s.Retained = c.progress.Running, c.progress.Last, c.progress.Retained
	c.progressMu.Unlock()
	for _, tenant := range c.store.Catalog().Tenants() {
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		s.Tenants = append(s.Tenants, c.tenantStatus(ctx, tenant))
	}
	return s, nil
}

// progress is how far this process is, for others to see.
type progress struct {
	Running  time.Time
	Last     Pass
	Retained time.Time
}

// note changes what others see.
func (c *Compactor) note(change func(*progress)) {
	c.progressMu.Lock()
	defer c.progressMu.Unlock()
	change(&c.progress)
}

func (c *Compactor) tenantStatus(ctx context.Context, tenant string) TenantStatus {
	snap := c.store.Catalog().Snapshot(tenant)
	t := TenantStatus{Tenant: tenant, Damaged: len(snap.Damaged)}
	now := c.now()
	rules, err := retentionOf(c.limits.For(tenant), c.defaults)
	if err != nil {
		t.Error = err.Error()
		rules = &retention{}
	}
	t.Retention, t.Rules = rules.period, len(rules.own)+len(rules.global)
	_, allBefore := rules.bounds(now)
	byLevel := map[int]*LevelStatus{}
	for _, e := range snap.Entries {
		l := byLevel[e.Level]
		if l == nil {
			l = &LevelStatus{Level: e.Level, Interval: model.Nothing}
			byLevel[e.Level] = l
		}
		l.Segments++
		l.Bytes += e.Size
		l.RawBytes += e.Stats.Bytes + e.Stats.MetadataBytes
		l.Entries += e.Stats.Rows
		l.Interval = l.Interval.Union(e.Interval)
		if e.Level == 0 && !e.Released {
			t.Held++
		}
		if c.cfg.RetentionEnabled && e.Interval.Maxt < allBefore {
			t.Past++
		}
		if c.isUnreadable(e.ID) {
			t.Unreadable++
		}
	}
	for _, l := range byLevel {
		t.Levels = append(t.Levels, *l)
	}
	slices.SortFunc(t.Levels, func(a, b LevelStatus) int { return a.Level - b.Level })
	for _, e := range c.store.Catalog().Dead(tenant) {
		if !e.Tombstone() {
			t.Dead++
			t.DeadBytes += e.Size
		}
	}
	for _, j := range c.planned(tenant, snap, now) {
		t.Merges++
		t.Inputs += len(j.inputs)
	}
	if t.Deletes, err = c.openDeletes(ctx, tenant, snap); err != nil {
		t.Error = err.Error()
	}
	return t
}

// planned are the merges that would begin now.
func (c *Compactor) planned(tenant string, snap *catalog.Snapshot, now time.Time) []job {
	p := planner{now: now, maxBytes: int64(c.cfg.MaxSegmentSize.Int()), skip: c.isUnreadable, deletes: snap.Deletes}
	return p.plan(tenant, snap.Entries)
}

func (c *Compactor) isUnreadable(id ulid.ULID) bool {
	_, ok := c.unreadable.Load(id)
	return ok
}
