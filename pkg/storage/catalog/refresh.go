package catalog

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"time"

	"github.com/oklog/ulid/v2"
	"golang.org/x/sync/errgroup"

	"github.com/skaldlogs/skald/pkg/objstore"
)

// readers is how many entries are read at once. Reading is waiting, for a
// remote store.
const readers = 16

// retryDamage is how long what is known to be damaged is taken to be so. Every query
// of a Follower refreshes.
const retryDamage = 10 * time.Second

// Refresh brings what is known of a tenant up to date with the bucket: what
// others had added, released or removed before the call is seen. For an Owner
// there is nothing to do.
func (c *Catalog) Refresh(ctx context.Context, tenant string) error {
	if c.mode == Owner {
		return nil
	}
	t := c.tenant(tenant)
	t.refreshes.Lock()
	wanted := t.refreshes.begun + 1
	t.refreshes.Unlock()

	if err := t.lock(ctx); err != nil {
		return fmt.Errorf("refresh the catalog of tenant %s: %w", tenant, err)
	}
	defer t.unlock()
	t.refreshes.Lock()
	fresh := t.refreshes.done >= wanted // by a listing that began after this call
	if !fresh {
		t.refreshes.begun++
	}
	number := t.refreshes.begun
	t.refreshes.Unlock()
	if fresh {
		return nil
	}
	if err := c.look(ctx, t); err != nil {
		return fmt.Errorf("refresh the catalog of tenant %s: %w", tenant, err)
	}
	t.refreshes.Lock()
	t.refreshes.done = number
	t.refreshes.Unlock()
	return nil
}

// look makes t what is in the bucket. The caller may change t.
func (c *Catalog) look(ctx context.Context, t *tenant) error {
	found := newListing()
	err := c.bucket.List(ctx, folderOf(t.name), func(i objstore.Info) error {
		found.add(strings.TrimPrefix(i.Name, folderOf(t.name)))
		return nil
	})
	if err == nil {
		err = c.apply(ctx, t, found)
	}
	return err
}

// RefreshAll does the same for all tenants, those not yet known included.
func (c *Catalog) RefreshAll(ctx context.Context) error {
	if c.mode == Owner {
		return nil
	}
	names := map[string]struct{}{}
	for _, name := range c.Tenants() {
		names[name] = struct{}{}
	}
	found, err := c.list(ctx)
	if err != nil {
		return fmt.Errorf("refresh the catalog: %w", err)
	}
	for name := range found {
		names[name] = struct{}{}
	}
	g, gctx := errgroup.WithContext(ctx)
	g.SetLimit(readers)
	for name := range names {
		g.Go(func() error { return c.Refresh(gctx, name) })
	}
	return g.Wait()
}

// load reads the whole catalog, before anyone else uses it.
func (c *Catalog) load(ctx context.Context) error {
	found, err := c.list(ctx)
	if err != nil {
		return err
	}
	for name, l := range found {
		if err := c.apply(ctx, c.tenant(name), l); err != nil {
			return err
		}
	}
	return nil
}

// list returns the listings of all tenants.
func (c *Catalog) list(ctx context.Context) (map[string]*listing, error) {
	tenants := map[string]*listing{}
	err := c.bucket.List(ctx, root, func(i objstore.Info) error {
		folder, name, _ := strings.Cut(strings.TrimPrefix(i.Name, root), "/")
		tenant, err := objstore.DecodeTenant(folder)
		if err != nil {
			return nil // put there by others
		}
		if tenants[tenant] == nil {
			tenants[tenant] = newListing()
		}
		tenants[tenant].add(name)
		return nil
	})
	return tenants, err
}

// A listing is the names of one tenant's objects, understood.
type listing struct {
	entries map[ulid.ULID]struct{}
	deletes map[ulid.ULID]struct{}
	marked  map[ulid.ULID]struct{}
}

func newListing() *listing {
	return &listing{entries: map[ulid.ULID]struct{}{}, deletes: map[ulid.ULID]struct{}{}, marked: map[ulid.ULID]struct{}{}}
}

// add takes the last element of an object's name. Names that are not ours mean
// nothing.
func (l *listing) add(name string) {
	for suffix, set := range map[string]map[ulid.ULID]struct{}{entrySuffix: l.entries, deleteSuffix: l.deletes, markSuffix: l.marked} {
		text, ok := strings.CutSuffix(name, suffix)
		if id, err := ulid.ParseStrict(text); ok && err == nil && id.String() == text {
			set[id] = struct{}{}
		}
	}
}

// apply makes t what a listing says. The caller may change t.
func (c *Catalog) apply(ctx context.Context, t *tenant, l *listing) error {
	var (
		mu      sync.Mutex // guards the maps below
		entries = map[ulid.ULID]*Entry{}
		deletes = map[ulid.ULID]*Delete{}
		damaged = map[ulid.ULID]Damage{}
	)
	g, gctx := errgroup.WithContext(ctx)
	g.SetLimit(readers)
	retry := time.Since(t.retried) >= retryDamage
	if retry {
		t.retried = time.Now()
	}
	// try reads an object unless that was done, and notes damage. What is damaged is
	// read again now and then: it may have been mended.
	try := func(id ulid.ULID, d Damage, read func() error) {
		whole, damage := t.tried(id)
		if whole || damage && !retry {
			return
		}
		g.Go(func() error {
			err := read()
			switch found := (*damageError)(nil); {
			case err == nil, errors.Is(err, objstore.ErrNotFound): // removed since the listing
			case errors.As(err, &found):
				d.Err = found.err
				mu.Lock()
				defer mu.Unlock()
				damaged[id] = d
			case damage: // as far as anybody knows it still is
			default:
				return err
			}
			return nil
		})
	}
	for id := range l.deletes {
		try(id, Damage{Object: deleteName(t.name, id), Delete: true}, func() error {
			d, err := c.readDelete(gctx, t.name, id)
			if err == nil {
				mu.Lock()
				defer mu.Unlock()
				deletes[id] = d
			}
			return err
		})
	}
	for id := range l.entries {
		try(id, Damage{Object: EntryName(t.name, id)}, func() error {
			e, err := c.read(gctx, t.name, id)
			if err == nil {
				mu.Lock()
				defer mu.Unlock()
				entries[id] = e
			}
			return err
		})
	}
	if err := g.Wait(); err != nil {
		return err
	}
	t.forgetKnown(damaged)
	if len(entries)+len(deletes)+len(damaged) == 0 && t.as(l) {
		return nil // as most often: what is known need not be put together again
	}
	t.update(func() {
		for id := range t.entries {
			if _, there := l.entries[id]; !there {
				delete(t.entries, id)
			}
		}
		for id := range t.deletes {
			if _, there := l.deletes[id]; !there {
				delete(t.deletes, id)
			}
		}
		for id, d := range t.damaged {
			_, there := l.entries[id]
			if d.Delete {
				_, there = l.deletes[id]
			}
			_, entry := entries[id]
			_, request := deletes[id]
			if !there || entry || request {
				delete(t.damaged, id)
				c.damaged.Dec()
			}
		}
		for id, e := range entries {
			t.entries[id] = e
		}
		for id, d := range deletes {
			t.deletes[id] = d
		}
		for id, d := range damaged {
			t.damaged[id] = d
			c.report(t, d)
		}
		t.marked = l.marked
	})
	return nil
}

// as reports whether a listing says no more and no less than what is known.
func (t *tenant) as(l *listing) bool {
	t.mu.RLock()
	defer t.mu.RUnlock()
	if len(l.entries)+len(l.deletes) != len(t.entries)+len(t.deletes)+len(t.damaged) || len(l.marked) != len(t.marked) {
		return false
	}
	for id := range l.entries {
		_, entry := t.entries[id]
		if d, damage := t.damaged[id]; !entry && (!damage || d.Delete) {
			return false
		}
	}
	for id := range l.deletes {
		_, request := t.deletes[id]
		if d, damage := t.damaged[id]; !request && (!damage || !d.Delete) {
			return false
		}
	}
	for id := range l.marked {
		if _, ok := t.marked[id]; !ok {
			return false
		}
	}
	return true
}

// tried reports whether the object of that id was read before, and whether that was
// tried and it is damaged.
func (t *tenant) tried(id ulid.ULID) (whole, damage bool) {
	t.mu.RLock()
	defer t.mu.RUnlock()
	_, entry := t.entries[id]
	_, request := t.deletes[id]
	_, damage = t.damaged[id]
	return entry || request, damage
}

// forgetKnown leaves of damage what was not known.
func (t *tenant) forgetKnown(damaged map[ulid.ULID]Damage) {
	t.mu.RLock()
	defer t.mu.RUnlock()
	for id := range t.damaged {
		delete(damaged, id)
	}
}

// A damageError says that an entry was reached and is not what was written.
type damageError struct{ err error }

func (e *damageError) Error() string { return e.err.Error() }

// read returns the entry of a segment from the bucket.
func (c *Catalog) read(ctx context.Context, tenant string, id ulid.ULID) (*Entry, error) {
	name := EntryName(tenant, id)
	data, err := objstore.ReadAll(ctx, c.bucket, name, maxEntrySize)
	switch {
	case errors.Is(err, objstore.ErrTooLarge):
		return nil, &damageError{err}
	case err != nil:
		return nil, err
	}
	e, err := decode(data)
	switch {
	case err != nil:
		return nil, &damageError{err}
	case e.ID != id || e.Tenant != tenant:
		return nil, &damageError{fmt.Errorf("is the entry of segment %s of tenant %q", e.ID, e.Tenant)}
	}
	return &e, nil
}
