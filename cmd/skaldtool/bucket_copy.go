package main

import (
	"context"
	"crypto/rand"
	"errors"
	"flag"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/oklog/ulid/v2"
	"github.com/prometheus/prometheus/model/labels"

	"github.com/skaldlogs/skald/pkg/deletes"
	"github.com/skaldlogs/skald/pkg/model"
	"github.com/skaldlogs/skald/pkg/scan"
	"github.com/skaldlogs/skald/pkg/storage"
	"github.com/skaldlogs/skald/pkg/storage/catalog"
	"github.com/skaldlogs/skald/pkg/storage/segment"
)

// bucketOptions are the options of all commands on buckets; each has some of them.
type bucketOptions struct {
	tenants    string
	from, to   string
	write      bool
	adopt      bool
	unreadable bool
}

func copyOptions(fs *flag.FlagSet) *bucketOptions {
	o := &bucketOptions{}
	fs.StringVar(&o.tenants, "tenant", "", "`tenants` to copy, separated by commas; all without it")
	fs.StringVar(&o.from, "from", "", "copy entries from this `time` on (RFC 3339)")
	fs.StringVar(&o.to, "to", "", "copy entries before this `time` (RFC 3339)")
	return o
}

// interval is the times that are copied.
func (o *bucketOptions) interval() (model.Interval, error) {
	iv := model.Interval{Mint: math.MinInt64, Maxt: math.MaxInt64}
	for _, bound := range []struct {
		name, text string
		set        func(ts int64)
	}{
		{"-from", o.from, func(ts int64) { iv.Mint = ts }},
		{"-to", o.to, func(ts int64) { iv.Maxt = ts - 1 }},
	} {
		if bound.text == "" {
			continue
		}
		t, err := time.Parse(time.RFC3339Nano, bound.text)
		if err != nil {
			return iv, fmt.Errorf("%s: %w", bound.name, err)
		}
		bound.set(t.UnixNano())
	}
	if iv.Empty() {
		return iv, errors.New("-to is not after -from")
	}
	return iv, nil
}

// snapshotBucket copies to a folder that is empty or not there yet.
func snapshotBucket(ctx context.Context, j *bucketJob) error {
	to := j.args[1]
	what, err := j.selected()
	if err != nil {
		return err
	}
	switch there, err := os.ReadDir(to); {
	case errors.Is(err, os.ErrNotExist):
		if err := os.MkdirAll(to, 0o755); err != nil {
			return err
		}
	case err != nil:
		return err
	case len(there) > 0:
		return fmt.Errorf("snapshot to %s: the folder is not empty", to)
	}
	return j.copyTo(ctx, what, folderToWrite(to))
}

// restoreBucket copies into the bucket of a configuration, or of a folder that is
// there.
func restoreBucket(ctx context.Context, j *bucketJob) error {
	what, err := j.selected()
	if err != nil {
		return err
	}
	if j.configured {
		return j.copyTo(ctx, what, j.toWrite)
	}
	to, err := restoredFolder(j.args[1])
	if err != nil {
		return fmt.Errorf("restore to %s: %w", j.args[1], err)
	}
	if from, err := bucketFolder(j.args[0]); err == nil && sameFolder(from, to) {
		return fmt.Errorf("restore to %s: it is the bucket that is restored", j.args[1])
	}
	return j.copyTo(ctx, what, folderToWrite(to))
}

func sameFolder(a, b string) bool {
	ai, err := os.Stat(a)
	if err != nil {
		return false
	}
	bi, err := os.Stat(b)
	return err == nil && os.SameFile(ai, bi)
}

// restoredFolder returns the folder of the bucket in dir. A folder that has none
// yet is taken for a data folder, in which a server looks for a bucket of its own,
// unless it is itself called bucket.
func restoredFolder(dir string) (string, error) {
	to, err := bucketFolder(dir)
	if err != nil {
		return "", err
	}
	abs, err := filepath.Abs(to)
	if err != nil {
		return "", err
	}
	if filepath.Base(abs) == "bucket" {
		return to, nil
	}
	for _, part := range []string{"catalog", "segments"} {
		if _, err := os.Stat(filepath.Join(to, part)); !errors.Is(err, os.ErrNotExist) {
			return to, err
		}
	}
	to = filepath.Join(to, "bucket")
	return to, os.Mkdir(to, 0o755)
}

// A selection is what is copied of a bucket.
type selection struct {
	tenants  []string
	interval model.Interval
}

// selected is what the options ask for. It is called before anything is made where
// the copy goes, so that a mistake leaves nothing there.
func (j *bucketJob) selected() (what selection, err error) {
	if what.interval, err = j.options.interval(); err != nil {
		return what, err
	}
	what.tenants, err = j.tenants()
	return what, err
}

// tenants are those to copy. One that the bucket has nothing of is a mistake: a
// snapshot that lacks a tenant is found out when it is needed.
func (j *bucketJob) tenants() ([]string, error) {
	all := j.catalog.Tenants()
	if j.options.tenants == "" {
		return all, nil
	}
	var wanted []string
	for name := range strings.SplitSeq(j.options.tenants, ",") {
		if name = strings.TrimSpace(name); name == "" {
			continue // a comma at the end
		}
		if !slices.Contains(all, name) {
			return nil, fmt.Errorf("-tenant: the bucket has nothing of tenant %q", name)
		}
		wanted = append(wanted, name)
	}
	if len(wanted) == 0 {
		return nil, fmt.Errorf("-tenant: %q names no tenant", j.options.tenants)
	}
	slices.Sort(wanted)
	return slices.Compact(wanted), nil
}

// copyTo copies segment by segment. The copies have sources of their own: a
// generation of the bucket that they come from has nothing to do with one of the
// same name and number in that to which they go.
func (j *bucketJob) copyTo(ctx context.Context, what selection, toWrite func(context.Context) (*bucket, func() error, error)) (err error) {
	to, closeBucket, err := toWrite(ctx)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, closeBucket()) }()
	run, err := ulid.New(ulid.Now(), rand.Reader)
	if err != nil {
		return err
	}
	c := &copier{
		from: j.bucket, to: storage.New(to, to.catalog, storage.Options{}), interval: what.interval,
		source: "copy-" + run.String(), masks: storage.New(j.bucket, j.catalog, storage.Options{Compile: deletes.Compile}),
	}
	for _, tenant := range what.tenants {
		before := c.total
		if err := c.tenant(ctx, tenant); err != nil {
			return fmt.Errorf("tenant %s: %w", tenant, err)
		}
		if c.total == before {
			continue
		}
		fmt.Fprintf(j.stdout, "%s: %s, %s\n", tenant, count(c.total.segments-before.segments, "segment", "segments"), count(c.total.rows-before.rows, "entry", "entries"))
	}
	return nil
}

type copier struct {
	from     *bucket
	to       *storage.Store
	masks    *storage.Store // over from, for what hides rows
	interval model.Interval
	source   string
	total    struct {
		segments int
		rows     int64
	}
	generation uint64
}

func (c *copier) tenant(ctx context.Context, tenant string) error {
	snap := c.from.catalog.Snapshot(tenant)
	if len(snap.Damaged) > 0 {
		return fmt.Errorf("%s cannot be read (skaldtool bucket repair): %w", snap.Damaged[0].Object, snap.Damaged[0].Err)
	}
	masks, warnings := c.masks.Masks(tenant, c.interval)
	if len(warnings) > 0 {
		return errors.New(warnings[0])
	}
	// In the order of their arrival, as far as it is known.
	entries := slices.Clone(snap.Entries)
	slices.SortFunc(entries, func(a, b *catalog.Entry) int { return a.ID.Compare(b.ID) })
	for _, e := range entries {
		if !e.Interval.Overlaps(c.interval) {
			continue
		}
		if err := c.segment(ctx, e, masks); err != nil {
			return fmt.Errorf("segment %s: %w", e.ID, err)
		}
	}
	return nil
}

func (c *copier) segment(ctx context.Context, e *catalog.Entry, masks []*storage.Mask) error {
	r, err := storage.OpenSegment(ctx, c.from, e)
	if err != nil {
		return err
	}
	copying := storage.Copying{Interval: c.interval}
	for _, m := range masks {
		if m.Touches(e) {
			copying.Masks = append(copying.Masks, m)
		}
	}
	c.generation++
	made, err := c.to.Put(ctx, storage.NewSegment{
		Tenant: e.Tenant, Level: max(1, e.Level),
		Sources: []scan.Generation{{Ingester: c.source, ID: c.generation}},
		Labels:  func(ref uint32) labels.Labels { return r.Stream(ref).Labels },
	}, func(w *segment.Writer) error { return copying.Copy(ctx, w, r) })
	if errors.Is(err, storage.ErrNoRows) {
		return nil
	}
	if err != nil {
		return err
	}
	c.total.segments++
	c.total.rows += made.Stats.Rows
	return nil
}
