package deletes

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/oklog/ulid/v2"

	"github.com/skaldlogs/skald/pkg/objstore"
	"github.com/skaldlogs/skald/pkg/scan"
	"github.com/skaldlogs/skald/pkg/storage"
	"github.com/skaldlogs/skald/pkg/storage/catalog"
	"github.com/skaldlogs/skald/pkg/storage/digest"
)

// A Finding is what was found about a receipt.
type Finding struct {
	// Wrong says that the receipt and the bucket contradict each other; other
	// findings say what could not be told, or what is still to come.
	Wrong bool
	Text  string
}

// Verify compares a receipt with the bucket that it is of, as far as the bucket
// still shows what was done.
func Verify(ctx context.Context, b objstore.Bucket, c *catalog.Catalog, r *Receipt) ([]Finding, error) {
	v := &verification{bucket: b, receipt: r, tenant: r.Request.Tenant, live: map[string]bool{}}
	entries := c.Snapshot(v.tenant).Entries
	for _, e := range entries {
		v.live[e.Object] = true
	}
	seen := map[ulid.ULID]bool{}
	for i := range r.Steps {
		if id := r.Steps[i].Before.ID; seen[id] {
			v.wrong("segment %s: the receipt names it twice", id)
			continue
		}
		seen[r.Steps[i].Before.ID] = true
		if err := v.step(ctx, &r.Steps[i]); err != nil {
			return nil, err
		}
	}
	for _, l := range r.Lost {
		v.note("segment %s: how many entries were removed from it is not known: %s", l.ID, l.Why)
	}
	if err := v.left(ctx, entries); err != nil {
		return nil, err
	}
	return v.findings, nil
}

type verification struct {
	bucket   objstore.Bucket
	receipt  *Receipt
	tenant   string
	live     map[string]bool // objects of live segments
	findings []Finding
}

func (v *verification) wrong(format string, args ...any) {
	v.findings = append(v.findings, Finding{true, fmt.Sprintf(format, args...)})
}

func (v *verification) note(format string, args ...any) {
	v.findings = append(v.findings, Finding{false, fmt.Sprintf(format, args...)})
}

func (v *verification) step(ctx context.Context, s *Step) error {
	if s.Request != v.receipt.Request.ID {
		v.wrong("segment %s: the step is of request %s", s.Before.ID, s.Request)
	}
	sum := digest.Digest(s.Removed).Plus(digest.Digest(s.Others))
	if s.After != nil {
		sum = sum.Plus(digest.Digest(s.After.Rows))
	}
	if before := digest.Digest(s.Before.Rows); sum != before {
		v.wrong("segment %s: %s went and stayed, it had %s", s.Before.ID, sum, before)
	}
	if s.Before.Object != storage.ObjectName(v.tenant, s.Before.ID) {
		v.wrong("segment %s: its object is named %s", s.Before.ID, s.Before.Object)
		return nil
	}
	if v.live[s.Before.Object] {
		v.wrong("segment %s: it was replaced, and is live", s.Before.ID)
	}
	switch _, err := v.bucket.Stat(ctx, s.Before.Object); {
	case err == nil:
		v.note("segment %s: it was replaced, and its object is in the bucket until it is swept", s.Before.ID)
	case !errors.Is(err, objstore.ErrNotFound):
		return err
	}
	if s.After == nil {
		return nil
	}
	return v.written(ctx, s.After)
}

// written looks at a segment that was written in the place of another one.
func (v *verification) written(ctx context.Context, s *Segment) error {
	if s.Object != storage.ObjectName(v.tenant, s.ID) {
		v.wrong("segment %s: its object is named %s", s.ID, s.Object)
		return nil
	}
	switch sum, err := SumObject(ctx, v.bucket, s.Object); {
	case errors.Is(err, objstore.ErrNotFound):
		if v.live[s.Object] {
			v.wrong("segment %s: it is live, and its object is not there", s.ID)
		} else {
			v.note("segment %s: it was merged or dropped since", s.ID)
		}
		return nil
	case err != nil:
		return err
	case sum != s.SHA256:
		v.wrong("segment %s: its SHA-256 is %s, the receipt says %s", s.ID, sum, s.SHA256)
		return nil
	}
	seg, err := storage.OpenSegment(ctx, v.bucket, &catalog.Entry{ID: s.ID, Tenant: v.tenant, Object: s.Object, Size: s.Size})
	if err == nil {
		err = digest.Digest(s.Rows).Check(ctx, seg, nil)
	}
	return v.damage("segment "+s.ID.String(), err)
}

// damage makes a finding of damage, and leaves other errors.
func (v *verification) damage(what string, err error) error {
	if errors.Is(err, scan.ErrDamaged) || errors.Is(err, digest.ErrMismatch) {
		v.wrong("%s: %v", what, err)
		return nil
	}
	return err
}

// left looks for rows that the request should have removed.
func (v *verification) left(ctx context.Context, entries []*catalog.Entry) error {
	d := &v.receipt.Request
	deletion, err := Compile(d.Query)
	if err != nil {
		v.wrong("the request cannot be understood: %v", err)
		return nil
	}
	mask := &storage.Mask{Delete: d, Deletion: deletion}
	later := 0
	for _, e := range entries {
		switch {
		case !e.Interval.Overlaps(d.Interval):
			continue
		case !d.CoversEntry(e):
			later++
			continue
		}
		if n := slices.IndexFunc(v.receipt.Left, func(l Left) bool { return l.ID == e.ID }); n >= 0 {
			v.note("segment %s: it could not be written again (%s), as the receipt says; what it has is hidden", e.ID, v.receipt.Left[n].Why)
			continue
		}
		seg, err := storage.OpenSegment(ctx, v.bucket, e)
		var rows int64
		if err == nil {
			rows, err = mask.Count(ctx, seg)
		}
		if errors.Is(err, objstore.ErrNotFound) {
			v.wrong("segment %s: it is live, and its object is not there", e.ID)
			continue
		}
		if err := v.damage("segment "+e.ID.String(), err); err != nil {
			return err
		}
		if rows > 0 {
			v.wrong("segment %s: %d rows are left that the request covers", e.ID, rows)
		}
	}
	if later > 0 {
		v.note("%d segments of that time have rows that came after the request, and were not looked at", later)
	}
	return nil
}
