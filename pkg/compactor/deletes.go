package compactor

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/go-kit/log/level"
	"github.com/oklog/ulid/v2"

	"github.com/skaldlogs/skald/pkg/deletes"
	"github.com/skaldlogs/skald/pkg/limits"
	"github.com/skaldlogs/skald/pkg/model"
	"github.com/skaldlogs/skald/pkg/objstore"
	"github.com/skaldlogs/skald/pkg/scan"
	"github.com/skaldlogs/skald/pkg/storage/catalog"
)

// Ingesters are all that may hold rows which are not in the store yet.
type Ingesters interface {
	// Cover returns a generation of each such that all that was acknowledged
	// before the call is in that or an earlier one, and all that is pushed
	// after it is in a later one.
	Cover(ctx context.Context) ([]scan.Generation, error)
	// Oldest returns the first generation of each that it holds in memory or in
	// its log.
	Oldest(ctx context.Context) ([]scan.Generation, error)
}

// Errors that are the client's to do something about.
var (
	// ErrNoRequest says that there is no request of that id.
	ErrNoRequest = errors.New("could not find delete request with given id")
	// ErrTooLate says that a request cannot be cancelled any more.
	ErrTooLate = errors.New("the delete request can no longer be cancelled")
	// ErrNoIngesters says that nobody knows what is not in the store yet.
	ErrNoIngesters = errors.New("delete requests need all ingesters to answer")
	// ErrNotOwner says that the bucket is another process's to compact.
	ErrNotOwner = errors.New("another process compacts the bucket, the first healthy ingester of the ring by its name: ask that one (/ring)")
)

// A DeleteState is how far a request is.
type DeleteState struct {
	catalog.Delete
	// Finished is when all that it covers was removed; zero before that.
	Finished time.Time
	// Due is when removing begins, unless the tenant's deletes only hide.
	Due      time.Time
	HideOnly bool
	// Done and Left are how many segments were rewritten, and how many may have to be.
	Done, Left int
	// Removed is how many rows it has removed; known once it is finished.
	Removed int64
	// Unreadable are segments that it cannot be applied to before they are repaired:
	// their rows are hidden, and all else is done.
	Unreadable []deletes.Left
	// Waits says what the request waits for, as far as this process knows.
	Waits string
}

// Status is the state in the words of the API.
func (s *DeleteState) Status(now time.Time) string {
	switch {
	case !s.Finished.IsZero():
		return "processed"
	case len(s.Unreadable) > 0:
		return fmt.Sprintf("processed, but for %d damaged segments", len(s.Unreadable))
	case now.Before(s.Due) || s.HideOnly:
		return "received"
	}
	percent := 0
	if all := s.Done + s.Left; all > 0 {
		percent = min(99, 100*s.Done/all) // it is done when its receipt is there
	}
	return fmt.Sprintf("%d%% Complete", percent)
}

// WaitsFor says what keeps a request from being finished, other than time; empty
// for nothing. It is in the bucket why segments cannot be read, so that any
// process can tell; the rest is known to the one that compacts.
func (s *DeleteState) WaitsFor() string {
	if s.Finished.IsZero() && len(s.Unreadable) > 0 {
		return unreadableText(s.Unreadable)
	}
	return s.Waits
}

func unreadableText(left []deletes.Left) string {
	return fmt.Sprintf("%d segments that cannot be read (skaldtool bucket repair), segment %s for one: %s", len(left), left[0].ID, left[0].Why)
}

// Delete accepts a request: when it returns, no query that begins finds what
// the request selects of all that was acknowledged before. What is pushed later
// is found, even if it is the same.
func (c *Compactor) Delete(ctx context.Context, tenant, query string, interval model.Interval) (ulid.ULID, error) {
	id, err := c.accept(ctx, tenant, query, interval)
	if err != nil {
		return id, fmt.Errorf("accept a delete request of tenant %s: %w", tenant, err)
	}
	return id, nil
}

func (c *Compactor) accept(ctx context.Context, tenant, query string, interval model.Interval) (ulid.ULID, error) {
	if _, err := deletes.Compile(query); err != nil {
		return ulid.ULID{}, err
	}
	if c.ingesters == nil {
		return ulid.ULID{}, ErrNoIngesters
	}
	now := c.now()
	d := &catalog.Delete{Tenant: tenant, Query: query, Interval: interval, Created: now.UTC()}
	for again := acceptTries; ; again-- {
		var err error
		if d.ID, err = ulid.New(ulid.Timestamp(now), rand.Reader); err != nil {
			return d.ID, err
		}
		err = c.store.Catalog().AddDelete(ctx, d, c.ingesters.Cover)
		if err == nil {
			break
		}
		// Another process merged what came meanwhile: it is covered the next time.
		if again == 1 || !errors.Is(err, catalog.ErrMixed) {
			return d.ID, err
		}
	}
	id := d.ID
	c.metrics.deletesReceived.WithLabelValues(tenant).Inc()
	level.Info(c.logger).Log("msg", "accepted a delete request", "tenant", tenant, "request", id, "query", query,
		"from", time.Unix(0, interval.Mint).UTC(), "to", time.Unix(0, interval.Maxt).UTC(), "removed_from", c.due(d))
	return id, nil
}

// acceptTries is how often a request is tried to be accepted beside merges of other processes.
const acceptTries = 5

// due is when removing begins.
func (c *Compactor) due(d *catalog.Delete) time.Time {
	return d.Created.Add(c.cfg.DeleteRequestCancelPeriod)
}

// CancelDelete takes a request back: what it has hidden is found again. Once
// its period is over that takes force, and what was removed by then is gone.
func (c *Compactor) CancelDelete(ctx context.Context, tenant string, id ulid.ULID, force bool) error {
	if err := c.store.Catalog().Refresh(ctx, tenant); err != nil {
		return err
	}
	found := c.request(tenant, id)
	if found != nil && !c.now().Before(c.due(found).Add(-time.Minute)) {
		// A pass may be at work on it, or begin with it any moment.
		select {
		case c.passing <- struct{}{}:
		case <-ctx.Done():
			return ctx.Err()
		}
		defer func() { <-c.passing }()
		// Or one of another process, which would go on removing what it began with.
		claim, err := c.store.Catalog().Claim(ctx, tenant, []ulid.ULID{id})
		switch {
		case err == nil:
			defer claim.Close()
		case errors.Is(err, catalog.ErrNotLive): // it is done, or cancelled
		case errors.Is(err, catalog.ErrClaimed):
			return fmt.Errorf("what the delete request selects is being removed: %w", err)
		default:
			return fmt.Errorf("cancel delete request %s: %w", id, err)
		}
		found = c.request(tenant, id)
	}
	switch {
	case found == nil:
		_, err := deletes.ReadReceipt(ctx, c.store.Bucket(), tenant, id)
		if errors.Is(err, objstore.ErrNotFound) {
			return ErrNoRequest
		}
		return fmt.Errorf("%w: it is processed", ErrTooLate)
	case !force && !c.now().Before(c.due(found)):
		return fmt.Errorf("%w: it was accepted at %s, and its %s are over (delete_request_cancel_period); force=true keeps what is not removed yet",
			ErrTooLate, found.Created.Format(time.RFC3339), c.cfg.DeleteRequestCancelPeriod)
	}
	if err := c.store.Catalog().RemoveDelete(ctx, tenant, id); err != nil {
		return err
	}
	if err := c.removeSteps(ctx, tenant, id); err != nil {
		// They mean nothing without their request.
		level.Warn(c.logger).Log("msg", "steps of a cancelled delete request could not be removed", "err", err, "tenant", tenant, "request", id)
	}
	c.metrics.deletesCancelled.WithLabelValues(tenant).Inc()
	level.Info(c.logger).Log("msg", "cancelled a delete request", "tenant", tenant, "request", id, "force", force)
	return nil
}

// request returns the request of that id if it counts.
func (c *Compactor) request(tenant string, id ulid.ULID) *catalog.Delete {
	for _, d := range c.store.Catalog().Snapshot(tenant).Deletes {
		if d.ID == id {
			return d
		}
	}
	return nil
}

// Deletes returns the requests of a tenant, the oldest first.
func (c *Compactor) Deletes(ctx context.Context, tenant string) ([]DeleteState, error) {
	states, err := c.deleteStates(ctx, tenant)
	if err != nil {
		return nil, fmt.Errorf("list the delete requests of tenant %s: %w", tenant, err)
	}
	return states, nil
}

func (c *Compactor) deleteStates(ctx context.Context, tenant string) ([]DeleteState, error) {
	if err := c.store.Catalog().Refresh(ctx, tenant); err != nil {
		return nil, err
	}
	bucket := c.store.Bucket()
	snap := c.store.Catalog().Snapshot(tenant)
	var states []DeleteState
	partial := map[ulid.ULID]*deletes.Receipt{} // of requests that could not be applied to all segments
	finished, err := deletes.Receipts(ctx, bucket, tenant)
	if err != nil {
		return nil, err
	}
	for _, id := range finished {
		r, err := deletes.ReadReceipt(ctx, bucket, tenant, id)
		if err != nil {
			level.Error(c.logger).Log("msg", "receipt of a delete request cannot be read", "err", err, "tenant", tenant, "request", id)
			continue
		}
		if len(r.Left) > 0 {
			partial[id] = r
			if slices.ContainsFunc(snap.Deletes, func(d *catalog.Delete) bool { return d.ID == id }) {
				continue // it counts, and is listed below
			}
		}
		states = append(states, DeleteState{Delete: r.Request, Finished: r.Finished, Due: c.due(&r.Request), Done: len(r.Steps), Removed: r.Removed()})
	}
	open, err := c.openDeletes(ctx, tenant, snap)
	if err != nil {
		return nil, err
	}
	for _, s := range open {
		switch r, finished := partial[s.ID], slices.Contains(finished, s.ID); {
		case r != nil:
			s.Unreadable, s.Removed = r.Left, r.Removed()
			states = append(states, s)
		case !finished: // else its object is about to go
			states = append(states, s)
		}
	}
	slices.SortFunc(states, func(a, b DeleteState) int { return a.ID.Compare(b.ID) })
	return states, nil
}

// openDeletes returns the requests that count.
func (c *Compactor) openDeletes(ctx context.Context, tenant string, snap *catalog.Snapshot) ([]DeleteState, error) {
	var states []DeleteState
	live := map[ulid.ULID]bool{}
	for _, e := range snap.Entries {
		live[e.ID] = true
	}
	for _, d := range snap.Deletes {
		s := DeleteState{Delete: *d, Due: c.due(d), HideOnly: !c.removes(tenant), Waits: c.waitOf(d.ID)}
		for _, e := range snap.Entries {
			if d.Touches(e) && !c.isClean(d.ID, e.ID) {
				s.Left++
			}
		}
		steps, err := deletes.Steps(ctx, c.store.Bucket(), tenant, d.ID)
		if err != nil {
			return nil, err
		}
		for _, segment := range steps {
			if !live[segment] {
				s.Done++
			}
		}
		states = append(states, s)
	}
	return states, nil
}

// removes reports whether what a tenant's requests select is removed, rather than
// hidden and no more.
func (c *Compactor) removes(tenant string) bool {
	mode := c.limits.For(tenant).DeletionMode
	return mode != limits.DeletionFilter && mode != limits.DeletionDisabled
}

// DeleteVersion changes whenever what is deleted of a tenant does, without new
// rows or segments.
func (c *Compactor) DeleteVersion(tenant string) string {
	return c.store.Catalog().Snapshot(tenant).DeleteVersion()
}
