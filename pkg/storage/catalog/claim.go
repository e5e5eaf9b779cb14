package catalog

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/go-kit/log/level"
	"github.com/oklog/ulid/v2"

	"github.com/skaldlogs/skald/pkg/encbuf"
	"github.com/skaldlogs/skald/pkg/objstore"
)

const (
	claimsRoot = "claims/"
	claimMagic = "skald-claim"

	// claimFor is how long others respect a claim. Whoever holds one uses it for
	// half of that and then claims anew: the other half is for clocks that differ
	// and for a put that is slow.
	claimFor = 10 * time.Minute

	// dropFor is how long giving a claim back may take: what was done under it is
	// done, and a store that hangs must not keep who did it.
	dropFor = 30 * time.Second
)

// ErrClaimed is wrapped when another process is at work on a segment, or on a
// delete request.
var ErrClaimed = errors.New("another process is at work on it")

// A Claim is the right to replace some segments of a tenant, or to apply some of
// its delete requests, which one process has at a time. It is an object that
// names them. Who wants the right puts one and then looks for those of others: of
// two that want it at the same time at least one sees the other, and whoever sees
// another gives way. So it takes no more of the store than listings that are
// complete. A claim whose process is gone is void after ten minutes, by the clock of
// the store where it has one, or when a process of its name comes back.
//
// A catalog that is its bucket's owner gives claims away without a look.
//
// A Claim belongs to one goroutine.
type Claim struct {
	catalog *Catalog
	tenant  string
	of      []ulid.ULID
	id      ulid.ULID
	began   time.Time // zero: it is lost
}

// Claim returns the right to do something to the live segments and the delete
// requests of these ids. [ErrClaimed] says that another process has it for some,
// and with [ErrNotLive] that it has done its work. The caller closes the claim.
func (c *Catalog) Claim(ctx context.Context, tenant string, of []ulid.ULID) (*Claim, error) {
	cl := &Claim{catalog: c, tenant: tenant, of: slices.SortedFunc(slices.Values(of), ulid.ULID.Compare)}
	if c.mode == Owner {
		return cl, nil
	}
	if err := cl.take(ctx); err != nil {
		return nil, fmt.Errorf("claim %d segments of tenant %s: %w", len(of), tenant, err)
	}
	return cl, nil
}

// Confirm makes sure that nobody else has the right by now, and that all is still
// there. It is called right before the right is used, however long what led to
// it has taken. When it fails the right is lost, and whoever was waiting may have
// it; the next call tries to get it back.
func (cl *Claim) Confirm(ctx context.Context) error {
	if cl.catalog.mode == Owner || cl.age() < claimFor/2 {
		return nil
	}
	old := cl.id
	err := cl.take(ctx)
	cl.drop(old)
	if err != nil {
		return fmt.Errorf("claim segments of tenant %s anew: %w", cl.tenant, err)
	}
	return nil
}

// age is how long ago the claim was made: by the wall clock, which goes on while the
// machine sleeps, or by the other one, which goes on when the wall clock is set back.
func (cl *Claim) age() time.Duration {
	now := time.Now()
	return max(now.Sub(cl.began), now.Round(0).Sub(cl.began.Round(0)))
}

// Close gives the right back. What was done under it is in the catalog by then.
func (cl *Claim) Close() {
	if cl.catalog.mode != Owner {
		cl.drop(cl.id)
	}
}

// take puts a claim and keeps it if it is alone.
func (cl *Claim) take(ctx context.Context) error {
	c := cl.catalog
	cl.began = time.Now()
	id, err := ulid.New(ulid.Timestamp(cl.began), rand.Reader)
	if err != nil {
		return err
	}
	object, err := encodeClaim(claimJSON{ID: id, Tenant: cl.tenant, Process: c.name, Of: cl.of})
	if err != nil {
		return err
	}
	mine := cl.id // the one that this replaces
	cl.id = id
	c.mu.Lock()
	c.claims[id] = struct{}{}
	c.mu.Unlock()
	err = c.bucket.PutIfAbsent(ctx, claimName(cl.tenant, id), object)
	if err == nil {
		err = cl.alone(ctx, mine)
	}
	if err == nil {
		// Whoever was at work until then has entered what came of it.
		err = c.Refresh(ctx, cl.tenant)
	}
	if err == nil {
		err = cl.there()
	}
	if err != nil {
		cl.drop(id)
		cl.began = time.Time{}
	}
	return err
}

// alone looks at the claims of others.
func (cl *Claim) alone(ctx context.Context, mine ulid.ULID) error {
	c := cl.catalog
	listed := map[ulid.ULID]time.Time{} // when each was put, if the store says
	folder := claimFolder(cl.tenant)
	if err := c.bucket.List(ctx, folder, func(i objstore.Info) error {
		if id, err := ulid.ParseStrict(strings.TrimPrefix(i.Name, folder)); err == nil {
			listed[id] = i.Modified
		}
		return nil
	}); err != nil {
		return err
	}
	now := listed[cl.id]
	delete(listed, cl.id)
	delete(listed, mine)
	for id, put := range listed {
		age := now.Sub(put)
		if now.IsZero() || put.IsZero() {
			age = cl.began.Sub(id.Timestamp()) // by the clocks of two processes
		}
		if age >= claimFor {
			cl.drop(id)
			continue
		}
		other, err := c.readClaim(ctx, cl.tenant, id)
		damage := (*damageError)(nil)
		switch {
		case errors.Is(err, objstore.ErrNotFound):
			continue // given back since the listing
		case errors.As(err, &damage):
			return fmt.Errorf("claim %s cannot be read (%w), so it counts for all segments: %w", id, damage.err, ErrClaimed)
		case err != nil:
			return err
		}
		if c.name != "" && other.Process == c.name && !c.claimed(id) {
			cl.drop(id) // of this process, before it was started again
			continue
		}
		if n := slices.IndexFunc(other.Of, cl.has); n >= 0 {
			return fmt.Errorf("%s, by %q since %s: %w", other.Of[n], other.Process, id.Timestamp().UTC().Format(time.RFC3339), ErrClaimed)
		}
	}
	return nil
}

func (cl *Claim) has(id ulid.ULID) bool {
	_, ok := slices.BinarySearchFunc(cl.of, id, ulid.ULID.Compare)
	return ok
}

// there reports what was claimed and is gone.
func (cl *Claim) there() error {
	t := cl.catalog.tenant(cl.tenant)
	for _, id := range cl.of {
		if _, ok := t.live(id); ok {
			continue
		}
		t.mu.RLock()
		_, ok := t.deletes[id]
		t.mu.RUnlock()
		if !ok {
			return fmt.Errorf("%s: %w; it is done: %w", id, ErrClaimed, ErrNotLive)
		}
	}
	return nil
}

// drop removes a claim, also when what it was taken for was cancelled. One that
// stays keeps others waiting for a while, and does no harm.
func (cl *Claim) drop(id ulid.ULID) {
	c := cl.catalog
	ctx, cancel := context.WithTimeout(context.Background(), dropFor)
	defer cancel()
	if err := c.bucket.Delete(ctx, claimName(cl.tenant, id)); err != nil {
		level.Warn(c.logger).Log("msg", "claim on segments could not be given back; it is void in ten minutes", "err", err, "tenant", cl.tenant, "claim", id)
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	delete(c.claims, id)
}

// claimed reports whether a claim is this process's own.
func (c *Catalog) claimed(id ulid.ULID) bool {
	c.mu.RLock()
	defer c.mu.RUnlock()
	_, ok := c.claims[id]
	return ok
}

func claimFolder(tenant string) string { return claimsRoot + objstore.EncodeTenant(tenant) + "/" }

func claimName(tenant string, id ulid.ULID) string { return claimFolder(tenant) + id.String() }

// claimJSON is a claim in its object.
type claimJSON struct {
	ID      ulid.ULID   `json:"id"`
	Tenant  string      `json:"tenant"`
	Process string      `json:"process"`
	Of      []ulid.ULID `json:"of"`
}

func encodeClaim(j claimJSON) ([]byte, error) {
	body, err := json.Marshal(j)
	if err != nil {
		return nil, err
	}
	return encbuf.Frame(claimMagic, version, body), nil
}

// decodeClaim returns the claim whose object is data. All of its errors are damage.
func decodeClaim(data []byte) (claimJSON, error) {
	var j claimJSON
	body, err := encbuf.Unframe(claimMagic, version, data)
	if err == nil {
		err = json.Unmarshal(body, &j)
	}
	return j, err
}

func (c *Catalog) readClaim(ctx context.Context, tenant string, id ulid.ULID) (claimJSON, error) {
	data, err := objstore.ReadAll(ctx, c.bucket, claimName(tenant, id), maxEntrySize)
	switch {
	case errors.Is(err, objstore.ErrTooLarge):
		return claimJSON{}, &damageError{err}
	case err != nil:
		return claimJSON{}, err
	}
	j, err := decodeClaim(data)
	if err == nil && (j.ID != id || j.Tenant != tenant) {
		err = fmt.Errorf("is claim %s of tenant %q", j.ID, j.Tenant)
	}
	if err != nil {
		return claimJSON{}, &damageError{err}
	}
	return j, nil
}
