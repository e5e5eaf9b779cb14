package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"path"
	"strings"

	"github.com/oklog/ulid/v2"
	"github.com/prometheus/prometheus/model/labels"

	"github.com/skaldlogs/skald/pkg/model"
	"github.com/skaldlogs/skald/pkg/objstore"
	"github.com/skaldlogs/skald/pkg/scan"
	"github.com/skaldlogs/skald/pkg/storage"
	"github.com/skaldlogs/skald/pkg/storage/catalog"
	"github.com/skaldlogs/skald/pkg/storage/segment"
)

func repairOptions(fs *flag.FlagSet) *bucketOptions {
	o := &bucketOptions{}
	fs.BoolVar(&o.write, "write", false, "do what can be done; without it, only say so")
	fs.BoolVar(&o.adopt, "adopt", false, "enter segments that have no entry: leftovers of a crash, or all that is left of an entry that is gone")
	fs.BoolVar(&o.unreadable, "drop-unreadable", false, "drop segments of which nothing can be read")
	return o
}

// A repair goes through a bucket. Each kind of damage has one way out:
//
//	an entry whose segment is gone      is removed: what it replaced, if it is there still, counts again;
//	                                    of level 0, its ingester replays what its log has
//	an entry that cannot be read        is made anew of its segment's footer
//	blocks that cannot be read          are left out of a segment in the place of the old one
//	a segment without an entry          is entered, if asked for: equal entries count once
//	a segment without a readable index  is dropped, if asked for
type repair struct {
	*bucketJob
	store    *storage.Store // nil unless it writes
	known    map[string]bool
	done     int
	hopeless int
}

// repairBucket says what can be repaired, and does so with -write.
func repairBucket(ctx context.Context, j *bucketJob) (err error) {
	r := &repair{bucketJob: j, known: map[string]bool{}}
	if j.options.write {
		b, closeBucket, err := j.toWrite(ctx)
		if err != nil {
			return err
		}
		defer func() { err = errors.Join(err, closeBucket()) }()
		j.bucket = b
		r.store = storage.New(b, b.catalog, storage.Options{})
	}
	for _, tenant := range j.catalog.Tenants() {
		if err := r.tenant(ctx, tenant); err != nil {
			return fmt.Errorf("tenant %s: %w", tenant, err)
		}
	}
	if err := r.orphans(ctx); err != nil {
		return err
	}
	switch {
	case r.done+r.hopeless == 0:
		fmt.Fprintln(j.stdout, "nothing to repair")
	case j.options.write:
		fmt.Fprintf(j.stdout, "%d repaired, %d left as they are\n", r.done, r.hopeless)
	default:
		fmt.Fprintf(j.stdout, "%d can be repaired (-write), %d cannot\n", r.done, r.hopeless)
	}
	if r.hopeless > 0 || r.done > 0 && !j.options.write {
		return errReported
	}
	return nil
}

// fix says what is done about something, and does it when it may.
func (r *repair) fix(what, how string, do func() error) error {
	r.done++
	fmt.Fprintf(r.stdout, "%s: %s\n", what, how)
	if r.store == nil {
		return nil
	}
	if err := do(); err != nil {
		return fmt.Errorf("%s: %w", what, err)
	}
	return nil
}

// leave says that nothing can be done about something.
func (r *repair) leave(what, why string, args ...any) {
	r.hopeless++
	fmt.Fprintf(r.stderr, "%s: %s\n", what, fmt.Sprintf(why, args...))
}

func (r *repair) tenant(ctx context.Context, tenant string) error {
	snap := r.catalog.Snapshot(tenant)
	for _, e := range r.catalog.Dead(tenant) {
		r.known[e.Object] = true // it goes by itself
	}
	for _, d := range snap.Damaged {
		if err := r.entry(ctx, tenant, d); err != nil {
			return err
		}
	}
	for _, e := range snap.Entries {
		r.known[e.Object] = true
		if err := r.segment(ctx, e); err != nil {
			return err
		}
	}
	return nil
}

// entry is for one that cannot be read.
func (r *repair) entry(ctx context.Context, tenant string, d catalog.Damage) error {
	if d.Delete {
		r.leave(d.Object, "the delete request cannot be read (%v): what it hid is seen. Ask for it again, and remove the object", d.Err)
		return nil
	}
	id, err := ulid.ParseStrict(strings.TrimSuffix(path.Base(d.Object), ".entry"))
	if err != nil {
		return err
	}
	object := storage.ObjectName(tenant, id)
	r.known[object] = true
	s, err := r.open(ctx, tenant, id)
	switch {
	case errors.Is(err, objstore.ErrNotFound):
		return r.fix(d.Object, "it cannot be read, and its segment is gone: the entry is removed", func() error {
			return r.catalog.Remove(ctx, tenant, id)
		})
	case errors.Is(err, scan.ErrDamaged):
		r.leave(d.Object, "neither it nor its segment can be read: %v", err)
		return nil
	case err != nil:
		return err
	}
	return r.fix(d.Object, fmt.Sprintf("it cannot be read: made anew of the footer of its segment, with %d entries", s.Summary().Rows), func() error {
		if err := r.enter(ctx, tenant, s, nil); err != nil {
			return err
		}
		return r.catalog.Remove(ctx, tenant, id)
	})
}

// open opens the segment of an id, which has no entry that could be read.
func (r *repair) open(ctx context.Context, tenant string, id ulid.ULID) (*segment.Reader, error) {
	object := storage.ObjectName(tenant, id)
	info, err := r.Stat(ctx, object)
	if err != nil {
		return nil, err
	}
	return storage.OpenSegment(ctx, r.bucket, &catalog.Entry{ID: id, Tenant: tenant, Object: object, Size: info.Size})
}

// enter writes a segment again, in the place of an entry or of none. What cannot
// be read of it is left out.
func (r *repair) enter(ctx context.Context, tenant string, s *segment.Reader, e *catalog.Entry) error {
	n := storage.NewSegment{
		Tenant: tenant, Level: 1, Sources: s.Summary().Sources,
		Labels: func(ref uint32) labels.Labels { return s.Stream(ref).Labels },
	}
	if e != nil {
		n.Level, n.Sources, n.Replaces = max(1, e.Level), e.Sources, []ulid.ULID{e.ID}
	}
	copying := storage.Copying{Interval: model.Ever, Damaged: func(int, *segment.BlockInfo, error) {}}
	_, err := r.store.Put(ctx, n, func(w *segment.Writer) error { return copying.Copy(ctx, w, s) })
	if errors.Is(err, storage.ErrNoRows) && e != nil {
		_, err = r.store.Drop(ctx, tenant, []ulid.ULID{e.ID})
	}
	return err
}

// segment is for that of a live entry.
func (r *repair) segment(ctx context.Context, e *catalog.Entry) error {
	s, err := storage.OpenSegment(ctx, r.bucket, e)
	switch {
	case errors.Is(err, objstore.ErrNotFound):
		return r.missing(ctx, e)
	case errors.Is(err, scan.ErrDamaged):
		if r.options.unreadable && (e.Level > 0 || e.Released) {
			return r.fix(e.Object, fmt.Sprintf("its index cannot be read (%v): dropped, with %d entries", err, e.Stats.Rows), func() error {
				_, err := r.store.Drop(ctx, e.Tenant, []ulid.ULID{e.ID})
				return err
			})
		}
		r.leave(e.Object, "its index cannot be read (%v), and with it none of its %d entries (-drop-unreadable)", err, e.Stats.Rows)
		return nil
	case err != nil:
		return err
	}
	damages, err := s.Verify(ctx)
	if err != nil || len(damages) == 0 {
		return err
	}
	lost, err := r.lost(ctx, s)
	if err != nil {
		return err
	}
	if e.Level == 0 && !e.Released {
		r.leave(e.Object, "%s; its ingester holds it still: start the server, stop it when it has flushed, and try again", lost)
		return nil
	}
	return r.fix(e.Object, lost, func() error { return r.enter(ctx, e.Tenant, s, e) })
}

// missing is for an entry whose segment is gone.
func (r *repair) missing(ctx context.Context, e *catalog.Entry) error {
	how := fmt.Sprintf("the segment is gone, with %d entries from %s to %s: the entry is removed", e.Stats.Rows, stamp(e.Interval.Mint), stamp(e.Interval.Maxt))
	var back []string
	for _, dead := range r.catalog.Dead(e.Tenant) {
		for _, id := range e.Replaces {
			if dead.ID == id && !dead.Tombstone() {
				back = append(back, id.String())
			}
		}
	}
	switch {
	case len(back) > 0:
		how += "; what it replaced counts again, rows that were removed by then included: " + strings.Join(back, ", ")
	case e.Level == 0 && !e.Released:
		how += "; its ingester replays what its log has"
	}
	return r.fix(e.Object, how, func() error {
		// Not by way of the catalog, which does not let entries live again.
		return r.Delete(ctx, catalog.EntryName(e.Tenant, e.ID))
	})
}

// lost says what cannot be read of a segment.
func (r *repair) lost(ctx context.Context, s *segment.Reader) (string, error) {
	blocks := s.Blocks()
	n, rows := 0, 0
	span := model.Nothing
	streams := map[uint32]bool{}
	for i := range blocks {
		_, err := s.ReadBlock(ctx, i)
		if err == nil {
			continue
		}
		if !errors.Is(err, scan.ErrDamaged) {
			return "", err
		}
		n++
		rows += blocks[i].Rows
		span = span.Union(blocks[i].Interval)
		for _, run := range blocks[i].Runs {
			streams[run.Stream] = true
		}
	}
	if n == 0 {
		return "its header is damaged: written again", nil
	}
	return fmt.Sprintf("%d of %s cannot be read, with %s of %s from %s to %s: written again without them",
		n, count(len(blocks), "block", "blocks"), count(rows, "entry", "entries"), count(len(streams), "stream", "streams"), stamp(span.Mint), stamp(span.Maxt)), nil
}

// orphans are segments without an entry.
func (r *repair) orphans(ctx context.Context) error {
	var found []objstore.Info
	err := r.List(ctx, "segments/", func(i objstore.Info) error {
		if !r.known[i.Name] {
			found = append(found, i)
		}
		return nil
	})
	if err != nil {
		return err
	}
	for _, i := range found {
		folder, name, _ := strings.Cut(strings.TrimPrefix(i.Name, "segments/"), "/")
		tenant, err := objstore.DecodeTenant(folder)
		id, idErr := ulid.ParseStrict(name)
		if err != nil || idErr != nil {
			continue
		}
		if entered, err := r.catalog.Entered(ctx, tenant, id); err != nil || entered {
			if err != nil {
				return err
			}
			continue
		}
		if !r.options.adopt {
			fmt.Fprintf(r.stdout, "%s: it has no entry, and a server removes it when it is a day old (-adopt enters it)\n", i.Name)
			continue
		}
		s, err := r.open(ctx, tenant, id)
		if errors.Is(err, scan.ErrDamaged) {
			r.leave(i.Name, "it has no entry, and cannot be read: %v", err)
			continue
		}
		if err != nil {
			return err
		}
		if damages, err := s.Verify(ctx); err != nil || len(damages) > 0 {
			if err != nil {
				return err
			}
			// A log, or what it was merged of, may have all of it.
			r.leave(i.Name, "it has no entry, and is damaged: %s", damages[0])
			continue
		}
		if err := r.fix(i.Name, fmt.Sprintf("it has no entry: entered, with %d entries", s.Summary().Rows), func() error {
			return r.enter(ctx, tenant, s, nil)
		}); err != nil {
			return err
		}
	}
	return nil
}
