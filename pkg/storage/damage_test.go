package storage_test

import (
	"bytes"
	"context"
	"errors"
	"io"
	"math/rand/v2"
	"strings"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"github.com/skaldlogs/skald/pkg/model"
	"github.com/skaldlogs/skald/pkg/objstore"
	"github.com/skaldlogs/skald/pkg/objstore/pagecache"
	"github.com/skaldlogs/skald/pkg/scan"
	"github.com/skaldlogs/skald/pkg/storage"
	"github.com/skaldlogs/skald/pkg/storage/catalog"
	"github.com/skaldlogs/skald/pkg/vfs"
)

var (
	errNoSpace = syscall.ENOSPC
	someMeta   = model.Metadata{{Name: "k", Value: "v"}}
)

// A brokenBucket takes no large objects.
type brokenBucket struct {
	objstore.Bucket
	err error
}

func (b brokenBucket) Put(context.Context, string, io.Reader, int64) error { return b.err }

// change rewrites an object.
func change(t *testing.T, b objstore.Bucket, name string, fn func([]byte) []byte) {
	t.Helper()
	data, err := objstore.ReadAll(t.Context(), b, name, 1<<30)
	if err != nil {
		t.Fatal(err)
	}
	if err := b.Put(t.Context(), name, bytes.NewReader(fn(data)), -1); err != nil {
		t.Fatal(err)
	}
}

func flip(at int) func([]byte) []byte {
	return func(data []byte) []byte {
		data[at] ^= 0x10
		return data
	}
}

// A segment that cannot be opened is a warning that names it; the others answer.
func TestDamagedSegment(t *testing.T) {
	rnd := rand.New(rand.NewPCG(1, 10))
	for _, tc := range []struct {
		name   string
		damage func(t *testing.T, b objstore.Bucket, e, other *catalog.Entry)
		want   string
	}{
		{"a flipped byte in the index", func(t *testing.T, b objstore.Bucket, e, _ *catalog.Entry) {
			change(t, b, e.Object, flip(int(e.Size)-30))
		}, "checksum"},
		{"cut short", func(t *testing.T, b objstore.Bucket, e, _ *catalog.Entry) {
			change(t, b, e.Object, func(data []byte) []byte { return data[:len(data)-1] })
		}, "damaged"},
		{"emptied", func(t *testing.T, b objstore.Bucket, e, _ *catalog.Entry) {
			change(t, b, e.Object, func([]byte) []byte { return nil })
		}, "damaged"},
		{"gone", func(t *testing.T, b objstore.Bucket, e, _ *catalog.Entry) {
			if err := b.Delete(t.Context(), e.Object); err != nil {
				t.Fatal(err)
			}
		}, "not found"},
		{"another tenant's", func(t *testing.T, b objstore.Bucket, e, other *catalog.Entry) {
			data, err := objstore.ReadAll(t.Context(), b, other.Object, 1<<30)
			if err != nil {
				t.Fatal(err)
			}
			change(t, b, e.Object, func([]byte) []byte { return data })
		}, "damaged"},
		{"an entry of another version", func(t *testing.T, b objstore.Bucket, e, _ *catalog.Entry) {
			change(t, b, "catalog/t/"+e.ID.String()+".entry", func(data []byte) []byte {
				return bytes.Replace(data, []byte("catalog 1"), []byte("catalog 9"), 1)
			})
		}, "version 9"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			bucket := &objstore.Memory{}
			s := open(t, bucket, storage.Options{})
			bad := put(t, s, "t", 1, someRows(rnd, 200, 0))
			rest := someRows(rnd, 200, 500)
			put(t, s, "t", 2, rest)
			other := put(t, s, "u", 1, someRows(rnd, 200, 0))
			tc.damage(t, bucket, bad, other)

			after := open(t, bucket, storage.Options{})
			snap, err := after.Open(t.Context(), everything("t"), nil)
			if err != nil {
				t.Fatal(err)
			}
			defer snap.Close()
			warnings := snap.Directory().Warnings
			if len(warnings) != 1 || !strings.Contains(warnings[0], tc.want) || !strings.Contains(warnings[0], bad.ID.String()) || !strings.Contains(warnings[0], "incomplete") {
				t.Errorf("warnings %q, want one that names %s and says %q", warnings, bad.ID, tc.want)
			}
			got, errs := answer(t, snap)
			if rendered(got) != rendered(rest) || len(errs) > 0 {
				t.Errorf("%d rows, %v, want %d", len(got), errs, len(rest))
			}
			if names, _, err := after.LabelNames(t.Context(), everything("t")); err != nil || len(names) != 3 {
				t.Errorf("label names %v, %v, want those of what is left", names, err)
			}
		})
	}
}

// A damaged block is the error of its read, and costs its own rows only.
func TestDamagedBlock(t *testing.T) {
	rnd := rand.New(rand.NewPCG(1, 11))
	for range 40 {
		bucket := &objstore.Memory{}
		s := open(t, bucket, storage.Options{})
		rows := someRows(rnd, 500, 0)
		e := put(t, s, "t", 1, rows)
		change(t, bucket, e.Object, flip(20+rnd.IntN(int(e.Size)/3)))
		snap, err := s.Open(t.Context(), everything("t"), nil)
		if err != nil {
			t.Fatal(err)
		}
		got, errs := answer(t, snap)
		if len(errs) != 1 || !errors.Is(errs[0], scan.ErrDamaged) || !strings.Contains(errs[0].Error(), e.ID.String()) {
			t.Errorf("reads: %v, want one that is damaged and names %s", errs, e.ID)
		}
		if len(got) != 400 {
			t.Errorf("%d rows, want the 400 of the blocks that are whole", len(got))
		}
		if err := snap.Close(); err != nil {
			t.Error(err)
		}
	}
}

// What was mended in its place is read again, and what is damaged not each time.
func TestMended(t *testing.T) {
	for _, tc := range []struct {
		name string
		at   func(e *catalog.Entry) int
	}{
		{"data", func(*catalog.Entry) int { return 40 }},
		{"prune part", func(e *catalog.Entry) int { return int(e.Size - e.IndexSize - 20) }},
		{"index", func(e *catalog.Entry) int { return int(e.Size) - 30 }},
	} {
		t.Run(tc.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				bucket := &objstore.Memory{}
				rows := someRows(rand.New(rand.NewPCG(1, 14)), 500, 0)
				e := put(t, open(t, bucket, storage.Options{}), "t", 1, rows)
				whole, err := objstore.ReadAll(t.Context(), bucket, e.Object, 1<<30)
				if err != nil {
					t.Fatal(err)
				}
				change(t, bucket, e.Object, flip(tc.at(e)))

				cache, err := pagecache.Open(vfs.NewMem(), "cache", bucket, pagecache.Options{Memory: 1 << 20, Disk: 1 << 20})
				if err != nil {
					t.Fatal(err)
				}
				defer cache.Close()
				s := open(t, bucket, storage.Options{Cache: cache})
				ask := func() (rows int, whole bool) {
					t.Helper()
					snap, err := s.Open(t.Context(), everything("t"), nil)
					if err != nil {
						t.Fatal(err)
					}
					defer snap.Close()
					got, errs := answer(t, snap)
					return len(got), len(errs)+len(snap.Directory().Warnings) == 0
				}
				for range 3 { // the first forgets what it has read, the others what is read for ten seconds
					if n, ok := ask(); ok || n == len(rows) {
						t.Fatalf("%d rows, whole %v, want damage", n, ok)
					}
				}
				change(t, bucket, e.Object, func([]byte) []byte { return whole })
				if _, ok := ask(); ok {
					t.Error("what is known to be damaged is read from the bucket each time")
				}
				time.Sleep(11 * time.Second)
				_, _ = ask() // meets the damage that is kept, and forgets it
				if n, ok := ask(); !ok || n != len(rows) {
					t.Errorf("%d rows, whole %v, want all %d", n, ok, len(rows))
				}
			})
		})
	}
}

// An object that vanishes under an open snapshot is damage, not an empty answer.
func TestObjectGoneWhileReading(t *testing.T) {
	bucket := &objstore.Memory{}
	s := open(t, bucket, storage.Options{})
	e := put(t, s, "t", 1, someRows(rand.New(rand.NewPCG(1, 12)), 50, 0))
	snap, err := s.Open(t.Context(), everything("t"), nil)
	if err != nil {
		t.Fatal(err)
	}
	defer snap.Close()
	if err := bucket.Delete(t.Context(), e.Object); err != nil {
		t.Fatal(err)
	}
	if _, errs := answer(t, snap); len(errs) != 1 || !errors.Is(errs[0], scan.ErrDamaged) {
		t.Errorf("reads: %v, want %v", errs, scan.ErrDamaged)
	}
}

// A bucket that is out of reach is an error: an answer without warnings would be
// wrong, and one with warnings would be taken for damage.
func TestBucketOutOfReach(t *testing.T) {
	bucket := &objstore.Memory{}
	s := open(t, bucket, storage.Options{})
	put(t, s, "t", 1, someRows(rand.New(rand.NewPCG(1, 13)), 50, 0))
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := s.Open(ctx, everything("t"), nil); !errors.Is(err, context.Canceled) {
		t.Errorf("Open: %v", err)
	}
	if _, _, err := s.Series(ctx, everything("t")); !errors.Is(err, context.Canceled) {
		t.Errorf("Series: %v", err)
	}
	wantRows := 50
	snap, err := s.Open(t.Context(), everything("t"), nil)
	if err != nil {
		t.Fatal(err)
	}
	defer snap.Close()
	if _, err := snap.Read(ctx, 0, allOf); !errors.Is(err, context.Canceled) || errors.Is(err, scan.ErrDamaged) {
		t.Errorf("Read: %v", err)
	}
	if got, errs := answer(t, snap); len(got) != wantRows || len(errs) > 0 {
		t.Errorf("%d rows, %v, want %d", len(got), errs, wantRows)
	}
}
