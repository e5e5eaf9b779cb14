package catalog

import (
	"context"
	"errors"
	"slices"
	"testing"

	"github.com/oklog/ulid/v2"

	"github.com/skaldlogs/skald/pkg/objstore"
	"github.com/skaldlogs/skald/pkg/scan"
)

// A meddledBucket lets something happen before it puts the next object, and may
// be gone from then on.
type meddledBucket struct {
	objstore.Bucket
	before func()
	dies   error // it is what every call says then
	dead   error
}

func (b *meddledBucket) PutIfAbsent(ctx context.Context, name string, data []byte) error {
	if before := b.before; before != nil {
		b.before = nil
		before()
	}
	err := b.Bucket.PutIfAbsent(ctx, name, data)
	b.dead = b.dies
	return err
}

func (b *meddledBucket) List(ctx context.Context, prefix string, fn func(objstore.Info) error) error {
	if b.dead != nil {
		return b.dead
	}
	return b.Bucket.List(ctx, prefix, fn)
}

func (b *meddledBucket) Delete(ctx context.Context, name string) error {
	if b.dead != nil {
		return b.dead
	}
	return b.Bucket.Delete(ctx, name)
}

// One process merges while another accepts a delete request, and neither sees the
// other before its put: covered rows are never in one segment with later ones
// that counts, for nobody. The merge or the request is to be made again.
func TestMergeRacesDelete(t *testing.T) {
	dead := errors.New("the process is dead")
	for _, tc := range []struct {
		name            string
		mergeIsFirst    bool
		dies            error // of the one who merges, right after its put
		merged, deleted error
	}{
		{name: "the request is put first", merged: ErrMixed},
		{name: "the merge is put first", mergeIsFirst: true, deleted: ErrMixed},
		{name: "who merged dies", dies: dead, merged: dead},
	} {
		t.Run(tc.name, func(t *testing.T) {
			ctx, bucket := t.Context(), &objstore.Memory{}
			mergerBucket := &meddledBucket{Bucket: bucket}
			merger, accepter, reader := follower(t, mergerBucket), follower(t, bucket), follower(t, bucket)
			add := func(e Entry) {
				if err := merger.Add(ctx, e); err != nil {
					t.Fatal(err)
				}
				if err := merger.Release(ctx, "t", e.ID); err != nil {
					t.Fatal(err)
				}
			}
			add(newEntry(1, 0, 1, 10, 20))
			merged := make(chan error, 1)
			merge := func() {
				mergerBucket.dies = tc.dies
				e := newEntry(3, 1, 2, 10, 30)
				e.Replaces = []ulid.ULID{{1: 1}, {1: 2}}
				merged <- merger.Add(ctx, e)
			}
			accepted := make(chan struct{})
			d := sampleDelete
			deleted := accepter.AddDelete(ctx, &d, func(context.Context) ([]scan.Generation, error) {
				// What comes now is not covered.
				add(newEntry(2, 0, 2, 15, 30))
				if tc.mergeIsFirst {
					merge()
				} else {
					ready := make(chan struct{})
					mergerBucket.before = func() {
						close(ready)
						<-accepted
					}
					go merge()
					<-ready
				}
				return []scan.Generation{{Ingester: "i", ID: 1}}, nil
			})
			close(accepted)
			if err := <-merged; !errors.Is(err, tc.merged) {
				t.Errorf("merge: %v, want %v", err, tc.merged)
			}
			if !errors.Is(deleted, tc.deleted) {
				t.Errorf("delete: %v, want %v", deleted, tc.deleted)
			}

			want := []ulid.ULID{{1: 1}, {1: 2}}
			if tc.mergeIsFirst {
				want = []ulid.ULID{{1: 3}}
			}
			check := func(when string) {
				t.Helper()
				for name, c := range map[string]*Catalog{"accepter": accepter, "reader": reader} {
					if err := c.Refresh(ctx, "t"); err != nil {
						t.Fatal(err)
					}
					if got := liveIDs(c); !slices.Equal(got, want) {
						t.Errorf("%s the %s sees %v, want %v", when, name, got, want)
					}
				}
			}
			check("after the race")
			if err := reader.RemoveVoid(ctx, "t"); err != nil {
				t.Fatal(err)
			}
			if err := reader.RemoveDelete(ctx, "t", d.ID); err != nil {
				t.Fatal(err)
			}
			check("when the request does not count any more")
		})
	}
}

func follower(t *testing.T, b objstore.Bucket) *Catalog {
	t.Helper()
	c, err := Open(t.Context(), b, Options{Mode: Follower})
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func liveIDs(c *Catalog) []ulid.ULID {
	var ids []ulid.ULID
	for _, e := range c.Snapshot("t").Entries {
		ids = append(ids, e.ID)
	}
	return ids
}
