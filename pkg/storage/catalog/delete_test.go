package catalog

import (
	"context"
	"errors"
	"reflect"
	"testing"
	"time"

	"github.com/oklog/ulid/v2"

	"github.com/skaldlogs/skald/pkg/encbuf"
	"github.com/skaldlogs/skald/pkg/model"
	"github.com/skaldlogs/skald/pkg/objstore"
	"github.com/skaldlogs/skald/pkg/scan"
)

var sampleDelete = Delete{
	ID: ulid.MustParse("01J9ZK00000000000000000009"), Tenant: "t", Query: `{app="web"} |= "x"`,
	Interval: model.Interval{Mint: 10, Maxt: 20}, Created: time.Unix(3, 4).UTC(),
}

func newEntry(n byte, level int, generation uint64, mint, maxt int64) Entry {
	return Entry{
		ID: ulid.ULID{1: n}, Tenant: "t", Object: "segments/t/x", Size: 1, Level: level, Created: time.Unix(1, 0),
		Interval: model.Interval{Mint: mint, Maxt: maxt}, Sources: []scan.Generation{{Ingester: "i", ID: generation}},
	}
}

// What was there when a request is accepted is covered, whether in the catalog
// or in an ingester; and nothing that it touches is joined with what came later.
func TestDeleteCovers(t *testing.T) {
	ctx, bucket := t.Context(), &objstore.Memory{}
	c, err := Open(ctx, bucket, Options{})
	if err != nil {
		t.Fatal(err)
	}
	add := func(e Entry) error {
		err := c.Add(ctx, e)
		if err == nil && e.Level == 0 {
			err = c.Release(ctx, "t", e.ID)
		}
		return err
	}
	if err := add(newEntry(1, 0, 1, 10, 20)); err != nil {
		t.Fatal(err)
	}
	d := sampleDelete
	if err := c.AddDelete(ctx, &d, func(context.Context) ([]scan.Generation, error) {
		return []scan.Generation{{Ingester: "j", ID: 5}}, nil
	}); err != nil {
		t.Fatal(err)
	}
	want := []scan.Generation{{Ingester: "i", ID: 1}, {Ingester: "j", ID: 5}}
	if !reflect.DeepEqual(d.Covers, want) {
		t.Fatalf("covers %v, want %v", d.Covers, want)
	}
	for _, e := range []Entry{newEntry(2, 0, 2, 15, 30), newEntry(3, 0, 3, 30, 40)} {
		if err := add(e); err != nil {
			t.Fatal(err)
		}
	}
	merged := newEntry(4, 1, 2, 10, 30)
	merged.Replaces = []ulid.ULID{{1: 1}, {1: 2}}
	if err := add(merged); !errors.Is(err, ErrMixed) {
		t.Errorf("merging covered rows with later ones: %v, want %v", err, ErrMixed)
	}
	later := newEntry(5, 1, 3, 15, 40)
	later.Replaces = []ulid.ULID{{1: 2}, {1: 3}}
	if err := add(later); err != nil {
		t.Errorf("merging rows that came later: %v", err)
	}

	// Whoever opens the catalog knows the request, until it is removed.
	for _, mode := range []Mode{Owner, Follower} {
		other, err := Open(ctx, bucket, Options{Mode: mode})
		if err != nil {
			t.Fatal(err)
		}
		if got := other.Snapshot("t").Deletes; len(got) != 1 || !reflect.DeepEqual(*got[0], d) {
			t.Errorf("mode %d: requests are %v, want %v", mode, got, d)
		}
		if other.Snapshot("t").DeleteVersion() == "" {
			t.Errorf("mode %d: no version", mode)
		}
	}
	follower, err := Open(ctx, bucket, Options{Mode: Follower})
	if err != nil {
		t.Fatal(err)
	}
	if err := c.RemoveDelete(ctx, "t", d.ID); err != nil {
		t.Fatal(err)
	}
	if err := follower.Refresh(ctx, "t"); err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]*Catalog{"owner": c, "follower": follower} {
		if got := c.Snapshot("t").Deletes; len(got) != 0 {
			t.Errorf("%s: requests are %v after they were removed", name, got)
		}
	}
	merged.Replaces = []ulid.ULID{{1: 1}, {1: 5}}
	if err := add(merged); err != nil {
		t.Errorf("merging when no request counts: %v", err)
	}
}

// An ingester that does not answer keeps a request from being accepted.
func TestDeleteNeedsCover(t *testing.T) {
	bucket := &objstore.Memory{}
	c, err := Open(t.Context(), bucket, Options{})
	if err != nil {
		t.Fatal(err)
	}
	d, broken := sampleDelete, errors.New("broken")
	if err := c.AddDelete(t.Context(), &d, func(context.Context) ([]scan.Generation, error) { return nil, broken }); !errors.Is(err, broken) {
		t.Errorf("AddDelete: %v, want %v", err, broken)
	}
	if _, err := bucket.Stat(t.Context(), deleteName("t", d.ID)); !errors.Is(err, objstore.ErrNotFound) {
		t.Errorf("its object: %v, want none", err)
	}
}

// A request that cannot be read is said, and can be removed.
func TestDamagedDelete(t *testing.T) {
	ctx, bucket := t.Context(), &objstore.Memory{}
	if err := bucket.PutIfAbsent(ctx, deleteName("t", sampleDelete.ID), []byte("no")); err != nil {
		t.Fatal(err)
	}
	c, err := Open(ctx, bucket, Options{})
	if err != nil {
		t.Fatal(err)
	}
	if got := c.Snapshot("t").Damaged; len(got) != 1 || !got[0].Delete {
		t.Fatalf("damage is %v, want one request", got)
	}
	if err := c.RemoveDelete(ctx, "t", sampleDelete.ID); err != nil {
		t.Fatal(err)
	}
	if got := c.Snapshot("t").Damaged; len(got) != 0 {
		t.Errorf("damage is %v after it was removed", got)
	}
}

func FuzzDecodeDelete(f *testing.F) {
	d := sampleDelete
	d.Covers = []scan.Generation{{Ingester: "i", ID: 7}}
	good, err := d.encode()
	if err != nil {
		f.Fatal(err)
	}
	body, err := encbuf.Unframe(deleteMagic, version, good)
	if err != nil {
		f.Fatal(err)
	}
	f.Add(good)
	f.Add(body)
	f.Fuzz(func(t *testing.T, data []byte) {
		for _, object := range [][]byte{data, encbuf.Frame(deleteMagic, version, data)} {
			d, err := decodeDelete(object)
			if err != nil {
				continue
			}
			again, err := d.encode()
			if err != nil {
				t.Fatalf("decoded, but cannot be encoded: %v", err)
			}
			if back, err := decodeDelete(again); err != nil || !reflect.DeepEqual(back, d) {
				t.Fatalf("decoded %+v, then %+v, %v", d, back, err)
			}
		}
	})
}
