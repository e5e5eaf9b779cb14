package compactor

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/go-kit/log/level"
	"github.com/oklog/ulid/v2"

	"github.com/skaldlogs/skald/pkg/storage/catalog"
)

// Why segments go.
const (
	byRetention = "retention"
	bySize      = "store_size"
	byDisk      = "free_disk"
)

// drop takes segments away, and tells of it.
func (c *Compactor) drop(ctx context.Context, tenant string, entries []*catalog.Entry, reason string) error {
	// An entry of the catalog has room for some 250,000 ids.
	for some := range slices.Chunk(entries, 10_000) {
		claim, err := c.claim(ctx, tenant, idsOf(some))
		if err == nil {
			err = c.dropClaimed(ctx, claim, tenant, some, reason)
			claim.Close()
		}
		if err := c.yield(err); err != nil {
			return err
		}
	}
	return nil
}

// dropClaimed does so with segments that are this process's to drop.
func (c *Compactor) dropClaimed(ctx context.Context, claim *catalog.Claim, tenant string, entries []*catalog.Entry, reason string) error {
	if err := claim.Confirm(ctx); err != nil {
		return err
	}
	gone, err := c.store.Drop(ctx, tenant, idsOf(entries))
	if err != nil {
		return err
	}
	size := int64(0)
	for _, e := range entries {
		size += e.Size
	}
	c.metrics.droppedSegments.WithLabelValues(tenant, reason).Add(float64(len(entries)))
	c.metrics.droppedRows.WithLabelValues(tenant, reason).Add(float64(gone.Stats.Rows))
	level.Info(c.logger).Log("msg", "dropped segments", "reason", reason, "tenant", tenant, "segments", len(entries), "entries", gone.Stats.Rows,
		"bytes", size, "from", time.Unix(0, gone.Interval.Mint).UTC(), "to", time.Unix(0, gone.Interval.Maxt).UTC())
	return nil
}

// applyRetention drops what is past retention, in whole segments where it can.
func (c *Compactor) applyRetention(ctx context.Context, all bool) error {
	began := time.Now()
	var errs []error
	for _, tenant := range c.store.Catalog().Tenants() {
		if ctx.Err() != nil {
			return ctx.Err()
		}
		if err := c.retain(ctx, tenant, all); err != nil {
			errs = append(errs, fmt.Errorf("apply retention to tenant %s: %w", tenant, err))
		}
	}
	err := errors.Join(errs...)
	c.metrics.retentions.WithLabelValues(status(err)).Inc()
	c.metrics.retentionSeconds.Observe(time.Since(began).Seconds())
	if err == nil {
		c.retained = c.now()
		c.note(func(p *progress) { p.Retained = c.retained })
		c.metrics.retentionLast.Set(float64(c.retained.UnixNano()) / 1e9)
	}
	return err
}

func (c *Compactor) retain(ctx context.Context, tenant string, all bool) error {
	rules, err := retentionOf(c.limits.For(tenant), c.defaults)
	if err != nil {
		return err
	}
	now := c.now()
	someBefore, allBefore := rules.bounds(now)
	var past []*catalog.Entry
	var jobs []job
	for _, e := range c.store.Catalog().Snapshot(tenant).Entries {
		switch {
		case e.Level == 0 && !e.Released:
		case c.isFailing(e.ID):
		case e.Interval.Maxt < allBefore:
			past = append(past, e)
		case e.Interval.Mint < someBefore:
			fate, err := c.judge(ctx, rules, now, e, all)
			if err != nil && !c.blame(err) {
				return err
			}
			switch fate {
			case vanishes:
				past = append(past, e)
			case shrinks:
				jobs = append(jobs, job{tenant: tenant, inputs: []*catalog.Entry{e}, level: max(1, e.Level), reason: byRetention})
			}
		}
	}
	if err := c.drop(ctx, tenant, past, byRetention); err != nil {
		return err
	}
	var errs []error
	for i := range jobs {
		if err := c.yield(c.merge(ctx, &jobs[i])); err != nil && !c.blame(err) {
			errs = append(errs, err)
		}
	}
	return errors.Join(errs...)
}

// judge looks into a segment, if it was not looked into lately.
func (c *Compactor) judge(ctx context.Context, rules *retention, now time.Time, e *catalog.Entry, all bool) (fate, error) {
	if _, ok := c.unreadable.Load(e.ID); ok {
		return stays, nil
	}
	if last, ok := c.judged[e.ID]; ok && !all && now.Sub(last) < rules.lookAgain() {
		return stays, nil
	}
	held, err := c.store.Hold(ctx, e.Tenant, []ulid.ULID{e.ID})
	if err != nil {
		return stays, err
	}
	defer held.Close()
	f := rules.judge(now, held.Segments[0], all)
	if f == stays {
		c.judged[e.ID] = now
	}
	return f, nil
}

// makeRoom drops the oldest segments when the bucket is larger, or its disk
// fuller, than it may be.
func (c *Compactor) makeRoom(ctx context.Context) error {
	excess, _, err := c.excess(false)
	if err != nil || excess <= 0 {
		return err
	}
	// The dead go first: they are in nobody's way.
	if err := c.sweep(ctx); err != nil {
		return fmt.Errorf("make room: %w", err)
	}
	excess, reason, err := c.excess(true)
	if err != nil || excess <= 0 {
		return err
	}
	var oldest []*catalog.Entry
	for _, tenant := range c.store.Catalog().Tenants() {
		for _, e := range c.store.Catalog().Snapshot(tenant).Entries {
			if e.Level > 0 || e.Released {
				oldest = append(oldest, e)
			}
		}
	}
	slices.SortFunc(oldest, func(a, b *catalog.Entry) int {
		return cmp.Or(cmp.Compare(a.Interval.Maxt, b.Interval.Maxt), a.ID.Compare(b.ID))
	})
	byTenant := map[string][]*catalog.Entry{}
	for _, e := range oldest {
		if excess <= 0 {
			break
		}
		excess -= e.Size
		byTenant[e.Tenant] = append(byTenant[e.Tenant], e)
	}
	for _, tenant := range c.store.Catalog().Tenants() {
		if err := c.drop(ctx, tenant, byTenant[tenant], reason); err != nil {
			return fmt.Errorf("make room: %w", err)
		}
	}
	if excess > 0 {
		level.Error(c.logger).Log("msg", "the bucket has no segments left that could go to make room", "reason", reason, "missing_bytes", excess)
	}
	if err := c.sweep(ctx); err != nil {
		return fmt.Errorf("make room: %w", err)
	}
	return nil
}

// excess is by how many bytes the segments must become less, and why. Once the
// bucket was swept, what is dead still is as good as gone: it waits for queries.
func (c *Compactor) excess(swept bool) (bytes int64, reason string, err error) {
	var live, dead int64
	for _, tenant := range c.store.Catalog().Tenants() {
		for _, e := range c.store.Catalog().Snapshot(tenant).Entries {
			live += e.Size
		}
		for _, e := range c.store.Catalog().Dead(tenant) {
			dead += e.Size
		}
	}
	if !swept {
		live, dead = live+dead, 0
	}
	if limit := c.cfg.MaxStoreSize; limit > 0 {
		bytes, reason = live-int64(limit.Int()), bySize
	}
	if c.cfg.MinFreeDisk == 0 || c.usage == nil {
		return bytes, reason, nil
	}
	u, err := c.usage()
	if err != nil {
		return 0, "", fmt.Errorf("make room: %w", err)
	}
	if missing := int64(c.cfg.MinFreeDisk.Int()) - int64(min(u.Free, 1<<62)) - dead; missing > bytes {
		bytes, reason = missing, byDisk
	}
	return bytes, reason, nil
}
