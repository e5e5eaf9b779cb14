package catalog

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/cespare/xxhash/v2"
	"github.com/oklog/ulid/v2"

	"github.com/skaldlogs/skald/pkg/encbuf"
	"github.com/skaldlogs/skald/pkg/model"
	"github.com/skaldlogs/skald/pkg/objstore"
	"github.com/skaldlogs/skald/pkg/scan"
)

// A Delete is a request to delete what a query selects, as far as it was there
// when the request was accepted. From then on no answer has these rows, and
// none of them is merged with a row that came later. It never changes.
type Delete struct {
	ID     ulid.ULID
	Tenant string
	// Query is a log query in the words of its author. The catalog does not read it.
	Query    string
	Interval model.Interval
	// Created is when it was accepted, by the clock of who did.
	Created time.Time
	// Covers are the last generations of all ingesters that were there: rows of
	// these and of earlier ones are covered, and no others.
	Covers []scan.Generation
}

// CoversGeneration reports whether rows of a memtable were there when d was accepted.
func (d *Delete) CoversGeneration(g scan.Generation) bool {
	for _, last := range d.Covers {
		if last.Ingester == g.Ingester {
			return g.ID <= last.ID
		}
	}
	return false
}

// CoversEntry reports whether the rows of a segment were there when d was
// accepted. A segment has rows of one kind only, as far as d touches them: see
// [Catalog.Add].
func (d *Delete) CoversEntry(e *Entry) bool {
	for _, g := range e.Sources {
		if !d.CoversGeneration(g) {
			return false
		}
	}
	return true
}

// Touches reports whether a segment may have rows that d deletes.
func (d *Delete) Touches(e *Entry) bool {
	return d.Interval.Overlaps(e.Interval) && d.CoversEntry(e)
}

// DeleteVersion names the delete requests that count: a result that was computed
// under another one may have other rows. It is empty when none does.
func (s *Snapshot) DeleteVersion() string {
	if len(s.Deletes) == 0 {
		return ""
	}
	h := xxhash.New()
	for _, d := range s.Deletes {
		_, _ = h.Write(d.ID[:])
	}
	return fmt.Sprintf("%016x", h.Sum64())
}

// ErrMixed is wrapped when a merge would join rows that a delete request deletes
// with rows that came after it: they could not be told apart any more.
var ErrMixed = errors.New("only some of the segments were there when a delete request was accepted")

// mixes reports whether d keeps entries from becoming one segment.
func (d *Delete) mixes(entries []*Entry) bool {
	touched, uncovered := false, false
	for _, e := range entries {
		touched = touched || d.Touches(e)
		uncovered = uncovered || !d.CoversEntry(e)
	}
	return touched && uncovered
}

const (
	deleteSuffix = ".delete"
	deleteMagic  = "skald-delete"
	// maxQuery is how long a query may be in an object, in bytes.
	maxQuery = 1 << 20
)

func deleteName(tenant string, id ulid.ULID) string {
	return folderOf(tenant) + id.String() + deleteSuffix
}

// deleteJSON is a Delete in its object.
type deleteJSON struct {
	ID      ulid.ULID    `json:"id"`
	Tenant  string       `json:"tenant"`
	Query   string       `json:"query"`
	Mint    int64        `json:"mint"`
	Maxt    int64        `json:"maxt"`
	Created int64        `json:"created"`
	Covers  []sourceJSON `json:"covers"`
}

func (d *Delete) encode() ([]byte, error) {
	j := deleteJSON{
		ID: d.ID, Tenant: d.Tenant, Query: d.Query, Mint: d.Interval.Mint, Maxt: d.Interval.Maxt,
		Created: d.Created.UnixNano(), Covers: []sourceJSON{},
	}
	for _, g := range d.Covers {
		j.Covers = append(j.Covers, sourceJSON{g.Ingester, g.ID})
	}
	body, err := json.Marshal(j)
	if err != nil {
		return nil, err
	}
	return encbuf.Frame(deleteMagic, version, body), nil
}

// decodeDelete returns the delete request whose object is data. All of its errors
// are damage.
func decodeDelete(data []byte) (Delete, error) {
	body, err := encbuf.Unframe(deleteMagic, version, data)
	if err != nil {
		return Delete{}, err
	}
	var j deleteJSON
	if err := json.Unmarshal(body, &j); err != nil {
		return Delete{}, err
	}
	d := Delete{
		ID: j.ID, Tenant: j.Tenant, Query: j.Query,
		Interval: model.Interval{Mint: j.Mint, Maxt: j.Maxt}, Created: time.Unix(0, j.Created).UTC(),
	}
	for _, c := range j.Covers {
		d.Covers = append(d.Covers, scan.Generation{Ingester: c.Ingester, ID: c.Generation})
	}
	return d, d.check()
}

// check reports what no delete request can be.
func (d *Delete) check() error {
	switch {
	case d.ID == ulid.ULID{}:
		return errors.New("no id")
	case d.Query == "" || len(d.Query) > maxQuery || !utf8.ValidString(d.Query):
		return fmt.Errorf("query of %d bytes, want text of 1 to %d", len(d.Query), maxQuery)
	case d.Interval.Empty():
		return fmt.Errorf("interval from %d to %d is empty", d.Interval.Mint, d.Interval.Maxt)
	case !utf8.ValidString(d.Tenant):
		return fmt.Errorf("tenant %q is not UTF-8", d.Tenant)
	}
	seen := map[string]bool{}
	for _, g := range d.Covers {
		if !utf8.ValidString(g.Ingester) || seen[g.Ingester] {
			return fmt.Errorf("ingester %q is not UTF-8, or there twice", g.Ingester)
		}
		seen[g.Ingester] = true
	}
	return nil
}

// AddDelete makes a delete request count, in one step. cover says up to which
// generation the ingesters have rows that were acknowledged before; what is in
// the catalog is covered as well. In this process nothing becomes visible, or is
// merged, between the two, so that no row is on both sides. Should another process
// merge what came meanwhile with what is covered, [ErrMixed] says so: the
// request is to be made again under another id. AddDelete sets d.Covers.
//
// When it fails the request does not count here, and is removed from the bucket
// as far as that can be done.
func (c *Catalog) AddDelete(ctx context.Context, d *Delete, cover func(context.Context) ([]scan.Generation, error)) error {
	if err := c.addDelete(ctx, d, cover); err != nil {
		return fmt.Errorf("add delete request %s of tenant %s to the catalog: %w", d.ID, d.Tenant, err)
	}
	return nil
}

func (c *Catalog) addDelete(ctx context.Context, d *Delete, cover func(context.Context) ([]scan.Generation, error)) error {
	// Segments of ingesters that are gone are covered as well.
	if err := c.Refresh(ctx, d.Tenant); err != nil {
		return err
	}
	t := c.tenant(d.Tenant)
	if err := t.lock(ctx); err != nil {
		return err
	}
	defer t.unlock()
	covers, err := cover(ctx)
	if err != nil {
		return err
	}
	last := map[string]uint64{}
	for _, g := range covers {
		last[g.Ingester] = max(last[g.Ingester], g.ID)
	}
	for _, e := range t.snapshot.Load().Entries {
		for _, g := range e.Sources {
			last[g.Ingester] = max(last[g.Ingester], g.ID)
		}
	}
	d.Covers = nil
	for ingester, id := range last {
		d.Covers = append(d.Covers, scan.Generation{Ingester: ingester, ID: id})
	}
	slices.SortFunc(d.Covers, func(a, b scan.Generation) int { return strings.Compare(a.Ingester, b.Ingester) })
	if err := d.check(); err != nil {
		return err
	}
	object, err := d.encode()
	if err != nil {
		return err
	}
	name := deleteName(d.Tenant, d.ID)
	if err := c.bucket.PutIfAbsent(ctx, name, object); err != nil {
		if !errors.Is(err, objstore.ErrExists) {
			// The put may have happened for all that.
			err = errors.Join(err, c.bucket.Delete(context.WithoutCancel(ctx), name))
		}
		return err
	}
	own := *d
	own.Covers = slices.Clone(d.Covers)
	t.update(func() { t.deletes[d.ID] = &own })
	if c.mode == Owner {
		return nil
	}
	// Whoever merged before the put is seen now; who does so later sees d.
	err = c.look(ctx, t)
	if err == nil && t.voids(d) {
		err = ErrMixed
	}
	if err != nil {
		undone := c.bucket.Delete(context.WithoutCancel(ctx), name)
		if undone == nil {
			t.update(func() { delete(t.deletes, d.ID) })
		}
		err = errors.Join(err, undone)
	}
	return err
}

// voids reports whether a merge does not count because of d.
func (t *tenant) voids(d *Delete) bool {
	t.mu.RLock()
	defer t.mu.RUnlock()
	for id := range t.void {
		var inputs []*Entry
		for _, input := range t.entries[id].Replaces {
			if e, ok := t.entries[input]; ok {
				inputs = append(inputs, e)
			}
		}
		if d.mixes(inputs) {
			return true
		}
	}
	return false
}

// RemoveDelete takes a delete request away: what it has hidden and what is still
// there is seen again. One that is not there is no error; a damaged one is
// removed without further questions.
func (c *Catalog) RemoveDelete(ctx context.Context, tenant string, id ulid.ULID) error {
	t := c.tenant(tenant)
	err := t.lock(ctx)
	if err == nil {
		defer t.unlock()
		err = c.bucket.Delete(ctx, deleteName(tenant, id))
	}
	if err != nil {
		return fmt.Errorf("remove delete request %s of tenant %s from the catalog: %w", id, tenant, err)
	}
	t.update(func() {
		delete(t.deletes, id)
		if _, ok := t.damaged[id]; ok {
			delete(t.damaged, id)
			c.damaged.Dec()
		}
	})
	return nil
}

// readDelete returns a delete request from the bucket.
func (c *Catalog) readDelete(ctx context.Context, tenant string, id ulid.ULID) (*Delete, error) {
	data, err := objstore.ReadAll(ctx, c.bucket, deleteName(tenant, id), maxEntrySize)
	switch {
	case errors.Is(err, objstore.ErrTooLarge):
		return nil, &damageError{err}
	case err != nil:
		return nil, err
	}
	d, err := decodeDelete(data)
	switch {
	case err != nil:
		return nil, &damageError{err}
	case d.ID != id || d.Tenant != tenant:
		return nil, &damageError{fmt.Errorf("is delete request %s of tenant %q", d.ID, d.Tenant)}
	}
	return &d, nil
}
