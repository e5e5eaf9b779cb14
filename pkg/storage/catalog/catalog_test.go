package catalog

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"strconv"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/cockroachdb/datadriven"
	"github.com/oklog/ulid/v2"

	"github.com/skaldlogs/skald/pkg/model"
	"github.com/skaldlogs/skald/pkg/objstore"
	"github.com/skaldlogs/skald/pkg/scan"
)

// testID makes the id that a transcript calls n.
func testID(n int) ulid.ULID {
	var id ulid.ULID
	id[0], id[15] = 1, byte(n)
	return id
}

func testEntry(tenant string, n, level int) Entry {
	return Entry{
		ID: testID(n), Tenant: tenant, Object: fmt.Sprintf("segments/%s/%s", objstore.EncodeTenant(tenant), testID(n)),
		Size: int64(100 * n), Level: level, Interval: model.Interval{Mint: int64(10 * n), Maxt: int64(10*n + 9)},
	}
}

// TestTranscripts runs the catalog's states as scripts. Verbs, one a block:
//
//	open name=… [follower] [dying=n]   opens a catalog over the bucket; dying: its n-th write and all later ones fail
//	add in=… tenant=… id=n [level=n] [sources=(ingester/generation,…)] [replaces=(n,…)] [tombstone]
//	release, remove in=… tenant=… id=(n,…)
//	refresh in=… [tenant=…]
//	show in=… tenant=…                 live, dead, damaged
//	has in=… tenant=… source=ingester/generation
//	unreleased in=… ingester=…
//	tenants in=…
//	damage tenant=… id=n               changes a byte of an entry in the bucket
//	cut, restore                       nothing in the bucket can be read, or all again
//	wait                               until what is damaged is read again
//	bucket                             lists the bucket
func TestTranscripts(t *testing.T) {
	datadriven.Walk(t, "testdata/transcripts", func(t *testing.T, path string) {
		bucket := &objstore.Memory{}
		catalogs := map[string]*Catalog{}
		synctest.Test(t, func(t *testing.T) {
			datadriven.RunTest(t, path, func(t *testing.T, d *datadriven.TestData) string {
				return step(t, d, bucket, catalogs)
			})
		})
	})
}

func step(t *testing.T, d *datadriven.TestData, bucket *objstore.Memory, catalogs map[string]*Catalog) string {
	ctx := t.Context()
	var in, tenant string
	d.MaybeScanArgs(t, "in", &in)
	d.MaybeScanArgs(t, "tenant", &tenant)
	c := catalogs[in]
	switch d.Cmd {
	case "open":
		var name string
		d.ScanArgs(t, "name", &name)
		o := Options{}
		if d.HasArg("follower") {
			o.Mode = Follower
		}
		dying := 1 << 30
		d.MaybeScanArgs(t, "dying", &dying)
		opened, err := Open(ctx, &dyingBucket{Bucket: bucket, left: dying}, o)
		if err != nil {
			return said(err)
		}
		catalogs[name] = opened
		return "ok"
	case "add":
		var level int
		d.MaybeScanArgs(t, "level", &level)
		e := testEntry(tenant, ids(t, d, "id")[0], level)
		for _, text := range values(d, "sources") {
			e.Sources = append(e.Sources, generation(t, text))
		}
		if d.HasArg("tombstone") {
			e.Object, e.Size = "", 0
		}
		for _, n := range ids(t, d, "replaces") {
			e.Replaces = append(e.Replaces, testID(n))
		}
		return said(c.Add(ctx, e))
	case "release":
		var all []ulid.ULID
		for _, n := range ids(t, d, "id") {
			all = append(all, testID(n))
		}
		return said(c.Release(ctx, tenant, all...))
	case "remove":
		for _, n := range ids(t, d, "id") {
			if err := c.Remove(ctx, tenant, testID(n)); err != nil {
				return said(err)
			}
		}
		return "ok"
	case "refresh":
		if tenant == "" {
			return said(c.RefreshAll(ctx))
		}
		return said(c.Refresh(ctx, tenant))
	case "show":
		return show(c, tenant)
	case "has":
		var source string
		d.ScanArgs(t, "source", &source)
		return fmt.Sprint(c.Has(tenant, generation(t, source)))
	case "unreleased":
		var ingester string
		d.ScanArgs(t, "ingester", &ingester)
		var b strings.Builder
		for _, e := range c.Unreleased(ingester) {
			fmt.Fprintf(&b, "%s %s\n", e.Tenant, describe(e))
		}
		return b.String()
	case "tenants":
		return strings.Join(c.Tenants(), "\n")
	case "damage":
		name := EntryName(tenant, testID(ids(t, d, "id")[0]))
		data, err := objstore.ReadAll(ctx, bucket, name, maxEntrySize)
		if err != nil {
			return said(err)
		}
		data[len(data)/2] ^= 1
		return said(bucket.Put(ctx, name, bytes.NewReader(data), -1))
	case "cut", "restore":
		for _, c := range catalogs {
			c.bucket.(*dyingBucket).cut = d.Cmd == "cut"
		}
		return "ok"
	case "wait":
		time.Sleep(retryDamage)
		return "ok"
	case "bucket":
		var b strings.Builder
		_ = bucket.List(ctx, "", func(i objstore.Info) error {
			fmt.Fprintln(&b, short(i.Name))
			return nil
		})
		return b.String()
	}
	d.Fatalf(t, "unknown verb %s", d.Cmd)
	return ""
}

func show(c *Catalog, tenant string) string {
	var b strings.Builder
	s := c.Snapshot(tenant)
	for _, e := range s.Entries {
		fmt.Fprintf(&b, "live %s\n", describe(e))
	}
	for _, e := range c.Dead(tenant) {
		fmt.Fprintf(&b, "dead %s\n", describe(e))
	}
	for _, d := range s.Damaged {
		fmt.Fprintf(&b, "damaged %s: %v\n", short(d.Object), d.Err)
	}
	return b.String()
}

func describe(e *Entry) string {
	text := fmt.Sprintf("%d level=%d", e.ID[15], e.Level)
	for _, g := range e.Sources {
		text += fmt.Sprintf(" source=%s/%d", g.Ingester, g.ID)
	}
	for _, id := range e.Replaces {
		text += fmt.Sprintf(" replaces=%d", id[15])
	}
	if e.Released {
		text += " released"
	}
	return text
}

// said is an error as a transcript shows it.
func said(err error) string {
	if err == nil {
		return "ok"
	}
	return "error: " + short(err.Error())
}

// short writes ids as the transcript does.
func short(text string) string {
	for n := range 20 {
		text = strings.ReplaceAll(text, testID(n).String(), strconv.Itoa(n))
	}
	return text
}

func values(d *datadriven.TestData, key string) []string {
	for _, arg := range d.CmdArgs {
		if arg.Key == key {
			return arg.Vals
		}
	}
	return nil
}

func ids(t *testing.T, d *datadriven.TestData, key string) []int {
	var ns []int
	for _, text := range values(d, key) {
		n, err := strconv.Atoi(text)
		if err != nil {
			d.Fatalf(t, "%s: %v", key, err)
		}
		ns = append(ns, n)
	}
	return ns
}

func generation(t *testing.T, text string) scan.Generation {
	ingester, number, _ := strings.Cut(text, "/")
	id, err := strconv.ParseUint(number, 10, 64)
	if err != nil {
		t.Fatal(err)
	}
	return scan.Generation{Ingester: ingester, ID: id}
}

var errDead = errors.New("the process is dead")

// A dyingBucket belongs to a process that dies after so many writes.
type dyingBucket struct {
	objstore.Bucket
	left int
	cut  bool // objects are listed, and cannot be read
}

func (b *dyingBucket) die() error {
	if b.left--; b.left < 0 {
		return errDead
	}
	return nil
}

func (b *dyingBucket) Get(ctx context.Context, name string) (io.ReadCloser, error) {
	if b.cut {
		return nil, errors.New("403 forbidden")
	}
	return b.Bucket.Get(ctx, name)
}

func (b *dyingBucket) Put(ctx context.Context, name string, r io.Reader, size int64) error {
	if err := b.die(); err != nil {
		return err
	}
	return b.Bucket.Put(ctx, name, r, size)
}

func (b *dyingBucket) PutIfAbsent(ctx context.Context, name string, data []byte) error {
	if err := b.die(); err != nil {
		return err
	}
	return b.Bucket.PutIfAbsent(ctx, name, data)
}

func (b *dyingBucket) Delete(ctx context.Context, name string) error {
	if err := b.die(); err != nil {
		return err
	}
	return b.Bucket.Delete(ctx, name)
}
