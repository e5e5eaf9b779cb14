package catalog

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"

	"github.com/oklog/ulid/v2"

	"github.com/skaldlogs/skald/pkg/objstore"
)

// Add makes the segment of e visible, and those that e replaces dead, in one
// step. Its object must be durable.
//
// What e replaces must be live, released entries: [ErrNotLive] and
// [ErrUnreleased] say that it is not. [ErrMixed] says that a delete request
// covers some of them only. A (generation, tenant) pair has one entry of
// level 0; [ErrHas] says that it has one. When Add fails the entry is not visible
// here, and is removed from the bucket as far as that can be done.
func (c *Catalog) Add(ctx context.Context, e Entry) error {
	if err := c.add(ctx, e); err != nil {
		return fmt.Errorf("add segment %s of tenant %s to the catalog: %w", e.ID, e.Tenant, err)
	}
	return nil
}

func (c *Catalog) add(ctx context.Context, e Entry) error {
	if len(e.Replaces) > 1 {
		// Another process may have accepted a delete request.
		if err := c.Refresh(ctx, e.Tenant); err != nil {
			return err
		}
	}
	t := c.tenant(e.Tenant)
	if err := t.lock(ctx); err != nil {
		return err
	}
	defer t.unlock()

	if _, again := t.get(e.ID); again {
		return objstore.ErrExists
	}
	e.Sources = slices.Clone(e.Sources)
	e.Replaces = slices.Clone(e.Replaces)
	e.Released = false
	for _, g := range e.Sources {
		if e.Level == 0 && c.Has(e.Tenant, g) {
			return fmt.Errorf("generation %d of %s: %w", g.ID, g.Ingester, ErrHas)
		}
	}
	var replaced []*Entry
	for _, id := range e.Replaces {
		old, ok := t.live(id)
		switch {
		case !ok:
			return fmt.Errorf("replace %s: %w", id, ErrNotLive)
		case old.Level == 0 && !old.Released:
			return fmt.Errorf("replace %s: %w", id, ErrUnreleased)
		}
		// Should this entry be the only one that can be read of a chain, the
		// whole chain stays dead.
		e.Replaces = append(e.Replaces, t.standing(old.Replaces)...)
		replaced = append(replaced, old)
	}
	for _, d := range t.snapshot.Load().Deletes {
		// A tombstone joins nothing.
		if !e.Tombstone() && d.mixes(replaced) {
			return fmt.Errorf("delete request %s: %w", d.ID, ErrMixed)
		}
	}
	slices.SortFunc(e.Replaces, ulid.ULID.Compare)
	e.Replaces = slices.Compact(e.Replaces)
	if err := e.check(); err != nil {
		return err
	}
	object, err := e.encode()
	if err != nil {
		return err
	}
	name := EntryName(e.Tenant, e.ID)
	if err := c.bucket.PutIfAbsent(ctx, name, object); err != nil {
		if !errors.Is(err, objstore.ErrExists) {
			// The put may have happened for all that. An entry that nobody here
			// knows of would count beside the one that the caller adds next.
			err = errors.Join(err, c.bucket.Delete(context.WithoutCancel(ctx), name))
		}
		return err
	}
	t.update(func() { t.entries[e.ID] = &e })
	if len(e.Replaces) > 1 {
		return c.confirm(ctx, t, &e)
	}
	return nil
}

// confirm takes a merge back that became void before others could see it: another
// process accepted a delete request meanwhile.
func (c *Catalog) confirm(ctx context.Context, t *tenant, e *Entry) error {
	if c.mode == Owner {
		return nil
	}
	err := c.look(ctx, t)
	if err == nil && t.isVoid(e.ID) {
		err = ErrMixed
	}
	if err != nil {
		err = errors.Join(err, c.withdraw(context.WithoutCancel(ctx), t, e.ID))
	}
	return err
}

// withdraw takes an entry away that nobody read: what it replaces counts.
func (c *Catalog) withdraw(ctx context.Context, t *tenant, id ulid.ULID) error {
	if err := c.bucket.Delete(ctx, EntryName(t.name, id)); err != nil {
		return err
	}
	t.update(func() { delete(t.entries, id) })
	return nil
}

// RemoveVoid takes the merges of a tenant away that do not count, since they
// join rows that a delete request deletes with others: a process ended before it
// could take them back. Whoever applies the request calls it before, since one
// whose inputs were written again without them would bring rows back.
func (c *Catalog) RemoveVoid(ctx context.Context, tenant string) error {
	t := c.tenant(tenant)
	if err := t.lock(ctx); err != nil {
		return fmt.Errorf("remove void merges of tenant %s: %w", tenant, err)
	}
	defer t.unlock()
	t.mu.RLock()
	ids := slices.Collect(maps.Keys(t.void))
	t.mu.RUnlock()
	for _, id := range ids {
		if err := c.withdraw(ctx, t, id); err != nil {
			return fmt.Errorf("remove the void merge %s of tenant %s: %w", id, tenant, err)
		}
	}
	return nil
}

// Release marks entries of level 0 whose ingesters have dropped the memory and
// the WAL of their sources: from then on they may be merged and removed.
func (c *Catalog) Release(ctx context.Context, tenant string, ids ...ulid.ULID) error {
	t := c.tenant(tenant)
	if err := t.lock(ctx); err != nil {
		return fmt.Errorf("release segments of tenant %s: %w", tenant, err)
	}
	defer t.unlock()
	var marked []ulid.ULID
	var err error
	for _, id := range ids {
		if err = c.mark(ctx, t, id); err != nil {
			err = fmt.Errorf("release segment %s of tenant %s: %w", id, tenant, err)
			break
		}
		marked = append(marked, id)
	}
	t.update(func() {
		for _, id := range marked {
			t.marked[id] = struct{}{}
		}
	})
	return err
}

func (c *Catalog) mark(ctx context.Context, t *tenant, id ulid.ULID) error {
	e, ok := t.live(id)
	switch {
	case !ok:
		return ErrNotLive
	case e.Level > 0:
		return errors.New("a merged segment has no ingester")
	case e.Released:
		return nil
	}
	err := c.bucket.PutIfAbsent(ctx, markName(t.name, id), []byte(markContent))
	if errors.Is(err, objstore.ErrExists) {
		return nil
	}
	return err
}

// Remove takes an entry away, dead or live; its segment is no longer in any
// snapshot taken afterwards, and its object may be deleted once the snapshots
// taken before are done with. One that is not there is no error; a damaged one is
// removed without further questions.
//
// An entry of level 0 must have been released ([ErrUnreleased]), and what the
// entry replaces must have been removed before it, or it would live again.
func (c *Catalog) Remove(ctx context.Context, tenant string, id ulid.ULID) error {
	if err := c.remove(ctx, tenant, id); err != nil {
		return fmt.Errorf("remove segment %s of tenant %s from the catalog: %w", id, tenant, err)
	}
	return nil
}

func (c *Catalog) remove(ctx context.Context, tenant string, id ulid.ULID) error {
	t := c.tenant(tenant)
	if err := t.lock(ctx); err != nil {
		return err
	}
	defer t.unlock()
	if e, ok := t.get(id); ok {
		if e.Level == 0 && !e.Released {
			return ErrUnreleased
		}
		if left := t.standing(e.Replaces); len(left) > 0 {
			return fmt.Errorf("%s, which it replaces, is still there", left[0])
		}
	}
	if err := c.bucket.Delete(ctx, EntryName(tenant, id)); err != nil {
		return err
	}
	t.update(func() {
		delete(t.entries, id)
		if _, ok := t.damaged[id]; ok {
			delete(t.damaged, id)
			c.damaged.Dec()
		}
	})
	// A mark alone means nothing, so a crash before this is harmless.
	if err := c.bucket.Delete(ctx, markName(tenant, id)); err != nil {
		return err
	}
	t.update(func() { delete(t.marked, id) })
	return nil
}

// Entered reports whether the bucket itself has an entry for a segment, be it
// dead, damaged, or not known here.
func (c *Catalog) Entered(ctx context.Context, tenant string, id ulid.ULID) (bool, error) {
	_, err := c.bucket.Stat(ctx, EntryName(tenant, id))
	switch {
	case err == nil:
		return true, nil
	case errors.Is(err, objstore.ErrNotFound):
		return false, nil
	}
	return false, fmt.Errorf("look for segment %s of tenant %s in the catalog: %w", id, tenant, err)
}
