package storage_test

import (
	"errors"
	"math/rand/v2"
	"testing"

	"github.com/skaldlogs/skald/pkg/objstore"
	"github.com/skaldlogs/skald/pkg/scan"
	"github.com/skaldlogs/skald/pkg/seeds"
	"github.com/skaldlogs/skald/pkg/storage"
	"github.com/skaldlogs/skald/pkg/storage/segment"
	"github.com/skaldlogs/skald/pkg/vfs"
)

func TestPutDescribesTheSegment(t *testing.T) {
	bucket := &objstore.Memory{}
	s := open(t, bucket, storage.Options{})
	rows := []row{{labels: testStreams[3], ts: -5, line: "abc"}, {labels: testStreams[4], ts: 7, line: "de", meta: someMeta}}
	e := put(t, s, "Team", 9, rows)
	info, err := bucket.Stat(t.Context(), e.Object)
	if err != nil || info.Size != e.Size {
		t.Errorf("object %s: %+v, %v, want %d bytes", e.Object, info, err, e.Size)
	}
	if e.Interval.Mint != -5 || e.Interval.Maxt != 7 || e.Stats.Rows != 2 || e.Stats.Streams != 2 || e.Stats.Blocks != 1 || e.Stats.Bytes != 5 || e.Stats.MetadataBytes != 2 {
		t.Errorf("entry %+v", e)
	}
	if !s.Catalog().Has("Team", scan.Generation{Ingester: "i", ID: 9}) {
		t.Error("the catalog does not have the generation")
	}
}

// A put that fails leaves nothing that a query sees, and does not hang.
func TestPutFails(t *testing.T) {
	broken := errors.New("broken")
	rows := someRows(rand.New(rand.NewPCG(1, 6)), 5000, 0)
	for _, tc := range []struct {
		name  string
		seg   storage.NewSegment
		build func(*segment.Writer) error
		want  error
	}{
		{"nothing added", newSegment("t", 1), func(*segment.Writer) error { return nil }, nil},
		{"build fails at once", newSegment("t", 1), func(*segment.Writer) error { return broken }, broken},
		{"build fails in the middle", newSegment("t", 1), func(w *segment.Writer) error {
			return errors.Join(adding(1, rows, 100)(w), broken)
		}, broken},
		{"no source", storage.NewSegment{Tenant: "t", Labels: newSegment("t", 1).Labels}, adding(1, rows, 100), nil},
	} {
		bucket := &objstore.Memory{}
		s := open(t, bucket, storage.Options{})
		_, err := s.Put(t.Context(), tc.seg, tc.build)
		if err == nil || tc.want != nil && !errors.Is(err, tc.want) {
			t.Errorf("%s: %v", tc.name, err)
		}
		if err := bucket.List(t.Context(), "", func(i objstore.Info) error {
			t.Errorf("%s: left %s", tc.name, i.Name)
			return nil
		}); err != nil {
			t.Error(err)
		}
	}
}

// A full disk fails the put with the disk's own error, wherever it fills up.
func TestPutOnAFullDisk(t *testing.T) {
	rows := someRows(rand.New(rand.NewPCG(1, 7)), 3_000, 0)
	size := put(t, open(t, &objstore.Memory{}, storage.Options{}), "t", 1, rows).Size
	// The last leaves room for the segment, but not for its entry.
	for _, budget := range []int64{0, 10, size / 2, size - 1, size + 10} {
		fs := vfs.NewFaulty(vfs.NewMem(), nil)
		s := open(t, openFolder(t, fs), storage.Options{})
		fs.SetBudget(budget)
		if _, err := s.Put(t.Context(), newSegment("t", 1), adding(1, rows, 100)); !errors.Is(err, errNoSpace) {
			t.Errorf("%d bytes left: %v, want %v", budget, err, errNoSpace)
		}
		wantAnswer(t, s, everything("t"), nil, nil)
		fs.SetBudget(1 << 30)
		put(t, s, "t", 1, rows)
		wantAnswer(t, s, everything("t"), nil, rows)
	}
}

// At whatever step of a put the power fails, the segment is there whole or not at
// all, and there once the put has returned.
func TestPutCrashes(t *testing.T) {
	crash := errors.New("crash")
	for seed := range seeds.Few(t, 150) {
		rnd := rand.New(rand.NewPCG(seed, 8))
		mem := vfs.NewMem()
		left := 20 + rnd.IntN(60)
		faulty := vfs.NewFaulty(mem, func(vfs.Op, string) error {
			if left--; left < 0 {
				return crash
			}
			return nil
		})
		dieAt := []storage.Step{storage.SegmentWritten, storage.EntryWritten, ""}[rnd.IntN(3)]
		s := open(t, openFolder(t, faulty), storage.Options{Fault: func(at storage.Step) error {
			if at == dieAt && rnd.IntN(3) == 0 {
				left = 0
				return crash
			}
			return nil
		}})
		var done [][]row
		var last []row
		for generation := uint64(1); left >= 0; generation++ {
			last = someRows(rnd, 1+rnd.IntN(50), 0)
			if _, err := s.Put(t.Context(), newSegment("t", generation), adding(generation, last, 20)); err != nil {
				break
			}
			done = append(done, last)
			last = nil
		}
		after := open(t, openFolder(t, mem.Crash(rnd)), storage.Options{})
		var want []row
		for i, rows := range done {
			want = append(want, rows...)
			if !after.Catalog().Has("t", scan.Generation{Ingester: "i", ID: uint64(i + 1)}) {
				t.Errorf("seed %d: generation %d is not in the catalog", seed, i+1)
			}
		}
		if after.Catalog().Has("t", scan.Generation{Ingester: "i", ID: uint64(len(done) + 1)}) {
			want = append(want, last...)
		}
		wantAnswer(t, after, everything("t"), nil, want)
		if t.Failed() {
			t.Fatalf("seed %d", seed)
		}
	}
}

// A bucket that fails while the writer still writes must not leave it waiting.
func TestPutToABrokenBucket(t *testing.T) {
	broken := errors.New("broken")
	s := open(t, brokenBucket{&objstore.Memory{}, broken}, storage.Options{})
	rows := someRows(rand.New(rand.NewPCG(1, 9)), 5000, 0)
	if _, err := s.Put(t.Context(), newSegment("t", 1), adding(1, rows, 100)); !errors.Is(err, broken) {
		t.Errorf("put: %v, want %v", err, broken)
	}
}
