package main

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/oklog/ulid/v2"

	"github.com/skaldlogs/skald/pkg/deletes"
	"github.com/skaldlogs/skald/pkg/objstore"
	"github.com/skaldlogs/skald/pkg/scan"
	"github.com/skaldlogs/skald/pkg/storage/catalog"
	"github.com/skaldlogs/skald/pkg/storage/segment"
)

// A verification is what was found in a bucket.
type verification struct {
	*bucketJob

	segments, blocks int
	rows, bytes      int64
	damaged          int
	known            map[string]bool // objects of segments that have an entry
	unreadable       map[string]bool // ids whose entries cannot be read
}

// verifyBucket reads everything. Damage goes to stderr; what belongs to nothing
// is no damage, since a server sweeps it, and goes to stdout.
func verifyBucket(ctx context.Context, j *bucketJob) error {
	v := &verification{bucketJob: j, known: map[string]bool{}, unreadable: map[string]bool{}}
	for _, tenant := range j.catalog.Tenants() {
		snap := j.catalog.Snapshot(tenant)
		for _, d := range snap.Damaged {
			v.damage("%s: entry cannot be read: %v", d.Object, d.Err)
			_, id, _ := strings.Cut(strings.TrimPrefix(d.Object, "catalog/"), "/")
			v.unreadable[strings.TrimSuffix(id, ".entry")] = true
		}
		for _, e := range snap.Entries {
			if err := v.segment(ctx, e, true); err != nil {
				return err
			}
		}
		for _, e := range j.catalog.Dead(tenant) {
			if e.Tombstone() {
				continue
			}
			if err := v.segment(ctx, e, false); err != nil {
				return err
			}
		}
	}
	if err := v.orphans(ctx); err != nil {
		return err
	}
	if err := v.deletes(ctx); err != nil {
		return err
	}
	fmt.Fprintf(v.stdout, "%s, %s, %s, %s", count(v.segments, "segment", "segments"), count(v.blocks, "block", "blocks"), count(v.rows, "entry", "entries"), count(v.bytes, "byte", "bytes"))
	if v.damaged > 0 {
		fmt.Fprintf(v.stdout, "\n")
		fmt.Fprintf(v.stderr, "%s in all\n", count(v.damaged, "damaged part", "damaged parts"))
		return errReported
	}
	fmt.Fprintf(v.stdout, ": all sound\n")
	return nil
}

func (v *verification) damage(format string, args ...any) {
	v.damaged++
	fmt.Fprintf(v.stderr, format+"\n", args...)
}

// segment verifies the segment of an entry. A server that runs may have swept a
// dead one meanwhile. Damage of a dead one is told, and is nobody's loss.
func (v *verification) segment(ctx context.Context, e *catalog.Entry, live bool) error {
	v.known[e.Object] = true
	damage := v.damage
	if !live {
		damage = func(format string, args ...any) {
			fmt.Fprintf(v.stdout, format+"; it is dead, and a server removes it\n", args...)
		}
	}
	r, err := segment.Open(ctx, objectFile{v.bucket, e.Object}, e.Size, e.IndexSize)
	if errors.Is(err, objstore.ErrNotFound) {
		entered, statErr := v.stillThere(ctx, e)
		switch {
		case statErr != nil:
			return statErr
		case entered && live:
			damage("%s: the segment of a live entry is not there: %d entries are lost", e.Object, e.Stats.Rows)
		case entered:
			fmt.Fprintf(v.stdout, "%s: the segment of a dead entry is not there\n", e.Object)
		}
		return nil
	}
	if err != nil {
		damage("%s: %v", e.Object, err)
		return nil
	}
	s := r.Summary()
	got := catalog.Stats{Streams: s.Streams, Blocks: s.Blocks, Rows: s.Rows, Bytes: s.Bytes, MetadataBytes: s.MetadataBytes}
	switch {
	case s.ID != e.ID || s.Tenant != e.Tenant:
		damage("%s: it is segment %s of tenant %s, its entry says %s of %s", e.Object, s.ID, s.Tenant, e.ID, e.Tenant)
	case got != e.Stats || s.Interval != e.Interval:
		damage("%s: it holds %+v from %s to %s, its entry says %+v from %s to %s", e.Object,
			got, stamp(s.Interval.Mint), stamp(s.Interval.Maxt), e.Stats, stamp(e.Interval.Mint), stamp(e.Interval.Maxt))
	}
	damages, err := r.Verify(ctx)
	if err != nil {
		return err
	}
	for _, d := range damages {
		damage("%s: %s", e.Object, d)
	}
	v.segments++
	v.blocks += s.Blocks
	v.rows += s.Rows
	v.bytes += s.Size
	return nil
}

// stillThere reports whether an entry is in the bucket now.
func (v *verification) stillThere(ctx context.Context, e *catalog.Entry) (bool, error) {
	return v.bucket.catalog.Entered(ctx, e.Tenant, e.ID)
}

// orphans names the objects of segments that have no entry.
func (v *verification) orphans(ctx context.Context) error {
	return v.bucket.List(ctx, "segments/", func(i objstore.Info) error {
		folder, name, _ := strings.Cut(strings.TrimPrefix(i.Name, "segments/"), "/")
		tenant, err := objstore.DecodeTenant(folder)
		id, idErr := ulid.ParseStrict(name)
		switch {
		case v.known[i.Name]:
		case err != nil || idErr != nil:
			fmt.Fprintf(v.stdout, "%s: it is not the name of a segment\n", i.Name)
		case v.unreadable[name]:
			fmt.Fprintf(v.stdout, "%s: %d bytes whose entry cannot be read\n", i.Name, i.Size)
		default:
			// A server that runs may have entered it since the catalog was read.
			entered, err := v.bucket.catalog.Entered(ctx, tenant, id)
			if err != nil {
				return err
			}
			if !entered {
				fmt.Fprintf(v.stdout, "%s: %d bytes without an entry\n", i.Name, i.Size)
			}
		}
		return nil
	})
}

// deletes reads what was written about delete requests; the requests themselves are in
// the catalog.
func (v *verification) deletes(ctx context.Context) error {
	tenants, err := deletes.Tenants(ctx, v.bucket)
	if err != nil {
		return err
	}
	for _, tenant := range tenants {
		ids, err := deletes.Receipts(ctx, v.bucket, tenant)
		if err != nil {
			return err
		}
		for _, id := range ids {
			_, err := deletes.ReadReceipt(ctx, v.bucket, tenant, id)
			if err := v.readable(err); err != nil {
				return err
			}
		}
	}
	for _, tenant := range v.catalog.Tenants() {
		for _, d := range v.catalog.Snapshot(tenant).Deletes {
			ids, err := deletes.Steps(ctx, v.bucket, tenant, d.ID)
			if err != nil {
				return err
			}
			for _, id := range ids {
				_, err := deletes.ReadStep(ctx, v.bucket, tenant, d.ID, id)
				if err := v.readable(err); err != nil {
					return err
				}
			}
		}
	}
	return nil
}

// readable makes damage of an error that is one. What is gone since it was listed is
// none.
func (v *verification) readable(err error) error {
	switch {
	case errors.Is(err, scan.ErrDamaged):
		v.damage("%v", err)
	case !errors.Is(err, objstore.ErrNotFound):
		return err
	}
	return nil
}

// An objectFile is the bytes of an object.
type objectFile struct {
	bucket objstore.Bucket
	name   string
}

// ReadAt implements [segment.Source].
func (o objectFile) ReadAt(ctx context.Context, p []byte, off int64) (int, error) {
	if err := objstore.ReadRange(ctx, o.bucket, o.name, p, off); err != nil {
		return 0, err
	}
	return len(p), nil
}
