package compactor

import (
	"context"
	"errors"
	"fmt"
	"math"
	"slices"
	"time"

	"github.com/go-kit/log/level"
	"github.com/oklog/ulid/v2"
	"github.com/prometheus/prometheus/model/labels"

	"github.com/skaldlogs/skald/pkg/deletes"
	"github.com/skaldlogs/skald/pkg/objstore"
	"github.com/skaldlogs/skald/pkg/scan"
	"github.com/skaldlogs/skald/pkg/storage"
	"github.com/skaldlogs/skald/pkg/storage/block"
	"github.com/skaldlogs/skald/pkg/storage/catalog"
	"github.com/skaldlogs/skald/pkg/storage/digest"
	"github.com/skaldlogs/skald/pkg/storage/segment"
)

// byDelete is why rows go that a delete request selects.
const byDelete = "delete"

// A cleanKey is a request and a segment from which it has nothing to remove.
type cleanKey struct{ request, segment ulid.ULID }

func (c *Compactor) isClean(request, segment ulid.ULID) bool {
	c.cleanMu.Lock()
	defer c.cleanMu.Unlock()
	_, ok := c.clean[cleanKey{request, segment}]
	return ok
}

func (c *Compactor) setClean(request, segment ulid.ULID) {
	c.cleanMu.Lock()
	defer c.cleanMu.Unlock()
	c.clean[cleanKey{request, segment}] = struct{}{}
}

// waitOf returns what a request waited for in the last pass.
func (c *Compactor) waitOf(request ulid.ULID) string {
	c.cleanMu.Lock()
	defer c.cleanMu.Unlock()
	return c.waits[request]
}

// waitFor notes what a request waits for, for others to see. Operators hear of it
// once.
func (c *Compactor) waitFor(d *catalog.Delete, format string, args ...any) {
	why := fmt.Sprintf(format, args...)
	c.cleanMu.Lock()
	again := c.waits[d.ID] == why
	c.waits[d.ID] = why
	c.cleanMu.Unlock()
	if !again {
		level.Info(c.logger).Log("msg", "a delete request waits", "tenant", d.Tenant, "request", d.ID, "for", why)
	}
}

// waitsNoMore forgets what a request waited for.
func (c *Compactor) waitsNoMore(request ulid.ULID) {
	c.cleanMu.Lock()
	defer c.cleanMu.Unlock()
	delete(c.waits, request)
}

// isFailing reports whether a delete could not be applied to a segment in this pass.
func (c *Compactor) isFailing(segment ulid.ULID) bool {
	_, ok := c.failing[segment]
	return ok
}

// applyDeletes removes what the requests select that can no longer be
// cancelled, and finishes those of which nothing is left. Trouble with a tenant
// or a segment does not keep the others.
func (c *Compactor) applyDeletes(ctx context.Context) error {
	began := time.Now()
	var errs []error
	if !c.tidied {
		err := deletes.Tidy(ctx, c.store.Bucket(), func(tenant string, request ulid.ULID) bool {
			return slices.ContainsFunc(c.store.Catalog().Snapshot(tenant).Deletes, func(d *catalog.Delete) bool { return d.ID == request })
		})
		c.tidied = err == nil
		errs = append(errs, err)
	}
	for _, tenant := range c.store.Catalog().Tenants() {
		if !c.removes(tenant) {
			continue
		}
		if err := c.applyTenant(ctx, tenant); err != nil {
			errs = append(errs, fmt.Errorf("tenant %s: %w", tenant, err))
		}
		if ctx.Err() != nil {
			return ctx.Err()
		}
	}
	err := errors.Join(errs...)
	c.metrics.deleteRuns.WithLabelValues(status(err)).Inc()
	c.metrics.deleteSeconds.Observe(time.Since(began).Seconds())
	return err
}

func (c *Compactor) applyTenant(ctx context.Context, tenant string) error {
	snap := c.store.Catalog().Snapshot(tenant)
	var masks []*storage.Mask
	now := c.now()
	for _, d := range snap.Deletes {
		if now.Before(c.due(d)) {
			continue
		}
		deletion, err := deletes.Compile(d.Query)
		if err != nil {
			level.Error(c.logger).Log("msg", "a delete request cannot be understood; nothing of it is removed", "err", err, "tenant", tenant, "request", d.ID)
			continue
		}
		masks = append(masks, &storage.Mask{Delete: d, Deletion: deletion})
	}
	if len(masks) == 0 {
		return nil
	}
	var requests []ulid.ULID
	for _, m := range masks {
		requests = append(requests, m.ID)
	}
	claim, err := c.claim(ctx, tenant, requests)
	if err == nil {
		defer claim.Close()
		err = c.forgetSteps(ctx, snap, masks)
	}
	if err != nil {
		for _, e := range snap.Entries {
			c.failing[e.ID] = struct{}{} // nothing may become of them before
		}
		return c.yield(err)
	}
	var errs []error
	waiting := map[ulid.ULID][]*catalog.Entry{}  // by request: segments that it is not done with
	unreadable := map[ulid.ULID][]deletes.Left{} // by request: those that it cannot be done with
	for n, e := range snap.Entries {
		if ctx.Err() != nil {
			return ctx.Err()
		}
		var touching []*storage.Mask
		for _, m := range masks {
			if m.Touches(e) && !c.isClean(m.ID, e.ID) {
				touching = append(touching, m)
			}
		}
		if len(touching) == 0 {
			continue
		}
		var err error
		released := e.Level > 0 || e.Released
		if released && !c.isUnreadable(e.ID) {
			if err := claim.Confirm(ctx); err != nil {
				// Whoever has the requests now may cancel them.
				for _, e := range snap.Entries[n:] {
					c.failing[e.ID] = struct{}{}
				}
				return errors.Join(append(errs, c.yield(err))...)
			}
			if err = c.deleteFrom(ctx, claim, e, touching); err == nil {
				continue
			}
		}
		blamed := err != nil && c.blame(err)
		why, damaged := c.unreadable.Load(e.ID)
		for _, m := range touching {
			if damaged && released {
				unreadable[m.ID] = append(unreadable[m.ID], deletes.Left{ID: e.ID, Object: e.Object, Why: why.(string)})
			} else {
				waiting[m.ID] = append(waiting[m.ID], e)
			}
		}
		if err != nil && !blamed {
			c.failing[e.ID] = struct{}{}
			errs = append(errs, c.yield(err))
		}
	}
	if err := claim.Confirm(ctx); err != nil {
		return errors.Join(append(errs, c.yield(err))...)
	}
	for _, m := range masks {
		if held := waiting[m.ID]; len(held) > 0 {
			e := held[0]
			if e.Level == 0 && !e.Released {
				c.waitFor(m.Delete, "%d segments, of which ingester %s may still answer for segment %s", len(held), e.Sources[0].Ingester, e.ID)
			} else {
				c.waitFor(m.Delete, "%d segments that could not be written again in this pass, segment %s for one", len(held), e.ID)
			}
			continue
		}
		if err := c.finish(ctx, m.Delete, unreadable[m.ID]); err != nil {
			errs = append(errs, fmt.Errorf("finish delete request %s: %w", m.ID, err))
		}
	}
	return errors.Join(errs...)
}

// forgetSteps removes what was written about segments that are there still:
// whoever began with them did not come to the end.
func (c *Compactor) forgetSteps(ctx context.Context, snap *catalog.Snapshot, masks []*storage.Mask) error {
	live := map[ulid.ULID]bool{}
	for _, e := range snap.Entries {
		live[e.ID] = true
	}
	for _, m := range masks {
		ids, err := deletes.Steps(ctx, c.store.Bucket(), m.Tenant, m.ID)
		if err != nil {
			return err
		}
		for _, id := range ids {
			if !live[id] {
				continue
			}
			if err := deletes.RemoveStep(ctx, c.store.Bucket(), m.Tenant, m.ID, id); err != nil {
				return err
			}
		}
	}
	return nil
}

// deleteFrom writes a segment again without what masks delete, whose requests asked
// is the claim of.
func (c *Compactor) deleteFrom(ctx context.Context, asked *catalog.Claim, e *catalog.Entry, touching []*storage.Mask) (err error) {
	began := time.Now()
	defer func() {
		if err != nil {
			err = fmt.Errorf("delete from segment %s: %w", e.ID, err)
		}
	}()
	claim, err := c.claim(ctx, e.Tenant, []ulid.ULID{e.ID})
	if err != nil {
		return err
	}
	defer claim.Close()
	held, err := c.store.Hold(ctx, e.Tenant, []ulid.ULID{e.ID})
	if err != nil {
		return err
	}
	defer held.Close()
	var masks []*storage.Mask
	for _, m := range touching {
		some, err := m.Any(ctx, held.Segments[0])
		if err != nil {
			return &storage.SegmentError{Tenant: e.Tenant, ID: e.ID, Err: err}
		}
		if some {
			masks = append(masks, m)
		}
	}
	if len(masks) == 0 {
		for _, m := range touching {
			c.setClean(m.ID, e.ID)
		}
		return nil
	}
	before, err := c.sum(ctx, e.ID, e.Object, e.Size)
	if err != nil {
		return err
	}
	j := &job{tenant: e.Tenant, inputs: []*catalog.Entry{e}, level: max(1, e.Level), reason: byDelete}
	m := newMerge(j, held, func(labels.Labels) int64 { return math.MinInt64 })
	m.slice, m.pace, m.claim, m.asked = c.slice, c.pace, claim, asked
	m.encoder = c.encoders.Get().(*block.Encoder)
	defer c.encoders.Put(m.encoder)
	m.deleting(masks)
	m.check = func(ctx context.Context, r *segment.Reader) error {
		s := r.Summary()
		after, err := c.sum(ctx, s.ID, storage.ObjectName(e.Tenant, s.ID), s.Size)
		if err != nil {
			return err
		}
		after.Rows = deletes.Rows(m.want)
		if err := m.keep(ctx); err != nil {
			return err
		}
		return c.putSteps(ctx, m, before, after)
	}
	merged, err := m.run(ctx, c.store)
	if err != nil {
		return err
	}
	if merged == nil {
		if err := m.keep(ctx); err != nil {
			return err
		}
		if err := c.putSteps(ctx, m, before, nil); err != nil {
			return err
		}
		if _, err := c.store.Drop(ctx, e.Tenant, []ulid.ULID{e.ID}); err != nil {
			return err
		}
	} else {
		for _, mask := range touching {
			c.setClean(mask.ID, merged.ID)
		}
	}
	var removed int64
	for n := range masks {
		removed += m.removed[n].Rows
	}
	c.metrics.merges.WithLabelValues(byDelete, "success").Inc()
	c.metrics.droppedRows.WithLabelValues(e.Tenant, byDelete).Add(float64(removed))
	c.metrics.deletedLines.WithLabelValues(e.Tenant).Add(float64(removed))
	level.Info(c.logger).Log("msg", "deleted from a segment", "tenant", e.Tenant, "segment", e.ID, "requests", len(masks), "removed", removed,
		"left", m.want.Rows, "took", time.Since(began))
	return nil
}

// sum is what a receipt says of a segment, its rows left out.
func (c *Compactor) sum(ctx context.Context, id ulid.ULID, object string, size int64) (*deletes.Segment, error) {
	sum, err := deletes.SumObject(ctx, c.store.Bucket(), object)
	if err != nil {
		return nil, err
	}
	return &deletes.Segment{ID: id, Object: object, Size: size, SHA256: sum}, nil
}

// putSteps writes what a rewriting is about to do, for each request.
func (c *Compactor) putSteps(ctx context.Context, m *merge, before, after *deletes.Segment) error {
	if want := m.held.Segments[0].Summary().Rows; m.all.Rows != want {
		return fmt.Errorf("%w: %d rows were read of %d", digest.ErrMismatch, m.all.Rows, want)
	}
	before.Rows = deletes.Rows(m.all)
	for n, mask := range m.masks {
		s := &deletes.Step{
			Request: mask.ID, Before: *before, After: after,
			Removed: deletes.Rows(m.removed[n]),
			Others:  deletes.Rows(m.all.Minus(m.want).Minus(m.removed[n])),
		}
		if err := deletes.PutStep(ctx, c.store.Bucket(), m.job.tenant, s); err != nil {
			return err
		}
		if err := c.fault(StepWritten); err != nil {
			return err
		}
	}
	return nil
}

// The steps of a pass beside those of the store, at which a crash is of interest.
const (
	Claimed        storage.Step = "claimed"         // segments or requests are this process's to change, and nothing is done yet
	StepWritten    storage.Step = "step written"    // what is about to be done to a segment
	ReceiptWritten storage.Step = "receipt written" // the request is done, and counts still
	RequestRemoved storage.Step = "request removed" // it does not count any more
)

// finish ends a request of which nothing is left: its receipt is written, and
// then its object goes. As long as a generation that it covers can come back
// from a log, it waits. Where segments are left that cannot be read the receipt
// names them, and the object stays, so that they are hidden.
func (c *Compactor) finish(ctx context.Context, d *catalog.Delete, left []deletes.Left) error {
	if c.ingesters == nil {
		return nil
	}
	oldest, err := c.ingesters.Oldest(ctx)
	if errors.Is(err, ErrNoIngesters) {
		c.waitFor(d, "what logs of ingesters may bring back: %v", err)
		return nil
	}
	if err != nil {
		return err
	}
	for _, g := range oldest {
		if d.CoversGeneration(g) {
			c.waitFor(d, "ingester %s, whose memory or log may have entries of it (generation %d): it flushes them in time, or at POST /flush", g.Ingester, g.ID)
			return nil
		}
	}
	// A generation may have become a segment since the catalog was looked at.
	for _, e := range c.store.Catalog().Snapshot(d.Tenant).Entries {
		if d.Touches(e) && !c.isClean(d.ID, e.ID) && !slices.ContainsFunc(left, func(l deletes.Left) bool { return l.ID == e.ID }) {
			return nil
		}
	}
	bucket := c.store.Bucket()
	r := &deletes.Receipt{Request: *d, Finished: c.now().UTC(), Steps: []deletes.Step{}, Left: left}
	ids, err := deletes.Steps(ctx, bucket, d.Tenant, d.ID)
	if err != nil {
		return err
	}
	for _, id := range ids {
		s, err := deletes.ReadStep(ctx, bucket, d.Tenant, d.ID, id)
		switch {
		case errors.Is(err, scan.ErrDamaged):
			// What it says cannot be found out again: the segment is gone.
			level.Error(c.logger).Log("msg", "what a delete request has removed from a segment is not known any more", "err", err, "tenant", d.Tenant, "request", d.ID)
			r.Lost = append(r.Lost, deletes.Left{ID: id, Object: deletes.StepName(d.Tenant, d.ID, id), Why: err.Error()})
			continue
		case err != nil:
			return err
		}
		r.Steps = append(r.Steps, *s)
	}
	if len(left) > 0 {
		return c.finishPartly(ctx, r)
	}
	if err := deletes.PutReceipt(ctx, bucket, r); err != nil {
		return err
	}
	if err := c.fault(ReceiptWritten); err != nil {
		return err
	}
	if err := c.store.Catalog().RemoveDelete(ctx, d.Tenant, d.ID); err != nil {
		return err
	}
	if err := c.fault(RequestRemoved); err != nil {
		return err
	}
	c.waitsNoMore(d.ID)
	c.metrics.deletesProcessed.WithLabelValues(d.Tenant).Inc()
	level.Info(c.logger).Log("msg", "a delete request is processed", "tenant", d.Tenant, "request", d.ID, "segments", len(r.Steps), "removed", r.Removed())
	return c.removeSteps(ctx, d.Tenant, d.ID)
}

// finishPartly writes the receipt of a request that cannot be applied to some
// segments, unless that was said already.
func (c *Compactor) finishPartly(ctx context.Context, r *deletes.Receipt) error {
	d := &r.Request
	c.waitFor(d, "%s", unreadableText(r.Left))
	old, err := deletes.ReadReceipt(ctx, c.store.Bucket(), d.Tenant, d.ID)
	switch {
	case err == nil && len(old.Steps) == len(r.Steps) && len(old.Lost) == len(r.Lost) && slices.EqualFunc(old.Left, r.Left, func(a, b deletes.Left) bool { return a.ID == b.ID }):
		return nil
	case err != nil && !errors.Is(err, objstore.ErrNotFound) && !errors.Is(err, scan.ErrDamaged):
		return err
	}
	return deletes.PutReceipt(ctx, c.store.Bucket(), r)
}

func (c *Compactor) removeSteps(ctx context.Context, tenant string, request ulid.ULID) error {
	ids, err := deletes.Steps(ctx, c.store.Bucket(), tenant, request)
	if err != nil {
		return err
	}
	for _, id := range ids {
		if err := deletes.RemoveStep(ctx, c.store.Bucket(), tenant, request, id); err != nil {
			return err
		}
	}
	return nil
}
