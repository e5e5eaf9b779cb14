package storage_test

import (
	"context"
	"errors"
	"math/rand/v2"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"github.com/oklog/ulid/v2"

	"github.com/skaldlogs/skald/pkg/objstore"
	"github.com/skaldlogs/skald/pkg/scan"
	"github.com/skaldlogs/skald/pkg/storage"
	"github.com/skaldlogs/skald/pkg/storage/catalog"
	"github.com/skaldlogs/skald/pkg/storage/segment"
)

// What is dropped is in no answer from then on, and in the bucket until no query
// can be reading it.
func TestDrop(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		rnd := rand.New(rand.NewPCG(1, 20))
		bucket := &objstore.Memory{}
		s := open(t, bucket, storage.Options{})
		a, b, c := someRows(rnd, 50, 0), someRows(rnd, 50, 0), someRows(rnd, 50, 0)
		one, two, three := put(t, s, "t", 1, a), put(t, s, "t", 2, b), put(t, s, "t", 3, c)
		if _, err := s.Drop(t.Context(), "t", []ulid.ULID{one.ID, two.ID}); !errors.Is(err, catalog.ErrUnreleased) {
			t.Errorf("dropping what an ingester holds: %v", err)
		}
		wantAnswer(t, s, everything("t"), nil, slices.Concat(a, b, c))

		release(t, s, one, two)
		older, err := s.Open(t.Context(), everything("t"), nil)
		if err != nil {
			t.Fatal(err)
		}
		gone, err := s.Drop(t.Context(), "t", []ulid.ULID{one.ID, two.ID})
		if err != nil {
			t.Fatal(err)
		}
		if !gone.Tombstone() || gone.Stats.Rows != 100 || !slices.Equal(gone.Sources, []scan.Generation{{Ingester: "i", ID: 2}}) {
			t.Errorf("entry %+v", gone)
		}
		wantAnswer(t, s, everything("t"), nil, c)
		wantAnswer(t, open(t, bucket, storage.Options{}), everything("t"), nil, c)
		if _, err := s.Drop(t.Context(), "t", []ulid.ULID{one.ID}); !errors.Is(err, catalog.ErrNotLive) {
			t.Errorf("dropping it again: %v", err)
		}

		time.Sleep(deadFor + time.Second)
		sweep(t, s)
		if got := objects(t, bucket); len(got) != 3 {
			t.Errorf("when only what was replaced is due: %v, want all three", got)
		}
		time.Sleep(droppedFor - deadFor)
		sweep(t, s)
		if got := objects(t, bucket); len(got) != 3 {
			t.Errorf("while a query reads them: %v, want all three", got)
		}
		if rows, errs := answer(t, older); len(errs) > 0 || rendered(rows) != rendered(slices.Concat(a, b, c)) {
			t.Errorf("the older query: %d rows, %v", len(rows), errs)
		}
		if err := older.Close(); err != nil {
			t.Error(err)
		}
		sweep(t, s)
		if got := objects(t, bucket); !slices.Equal(got, []string{three.Object}) {
			t.Errorf("in the end: %v, want %s", got, three.Object)
		}
		if dead := s.Catalog().Dead("t"); len(dead) > 0 {
			t.Errorf("dead in the end: %v", dead)
		}
		wantAnswer(t, open(t, bucket, storage.Options{}), everything("t"), nil, c)
	})
}

// A check sees the segment as it is in the bucket, before anybody else does.
func TestPutChecks(t *testing.T) {
	bucket := &objstore.Memory{}
	s := open(t, bucket, storage.Options{})
	rows := someRows(rand.New(rand.NewPCG(1, 21)), 50, 0)
	broken := errors.New("broken")
	n := newSegment("t", 1)
	n.Check = func(_ context.Context, r *segment.Reader) error {
		if got := r.Summary().Rows; got != 50 {
			t.Errorf("the check finds %d rows, want 50", got)
		}
		wantAnswer(t, s, everything("t"), nil, nil)
		return broken
	}
	if _, err := s.Put(t.Context(), n, adding(1, rows, 20)); !errors.Is(err, broken) {
		t.Errorf("put: %v, want what the check says", err)
	}
	if got := objects(t, bucket); len(got) > 0 {
		t.Errorf("left %v", got)
	}
	n.Check = func(context.Context, *segment.Reader) error { return nil }
	if _, err := s.Put(t.Context(), n, adding(1, rows, 20)); err != nil {
		t.Fatal(err)
	}
	wantAnswer(t, s, everything("t"), nil, rows)
}

func TestHold(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		rnd := rand.New(rand.NewPCG(1, 22))
		bucket := &objstore.Memory{}
		s := open(t, bucket, storage.Options{})
		rows := someRows(rnd, 50, 0)
		one, two := put(t, s, "t", 1, rows), put(t, s, "t", 2, rows)
		release(t, s, one, two)
		held, err := s.Hold(t.Context(), "t", []ulid.ULID{two.ID, one.ID})
		if err != nil {
			t.Fatal(err)
		}
		if held.Segments[0].ID() != two.ID || held.Segments[1].ID() != one.ID {
			t.Error("the segments are not in the order that was asked for")
		}
		merged := merge(t, s, "t", rows, one, two)
		time.Sleep(deadFor + time.Second)
		sweep(t, s)
		if got := objects(t, bucket); len(got) != 3 {
			t.Errorf("while they are held: %v", got)
		}
		held.Close()
		held.Close()
		sweep(t, s)
		if got := objects(t, bucket); !slices.Equal(got, []string{merged.Object}) {
			t.Errorf("in the end: %v, want %s", got, merged.Object)
		}

		if _, err := s.Hold(t.Context(), "t", []ulid.ULID{one.ID}); !errors.Is(err, catalog.ErrNotLive) {
			t.Errorf("hold what is gone: %v", err)
		}
		change(t, bucket, merged.Object, flip(int(merged.Size)-1))
		_, err = s.Hold(t.Context(), "t", []ulid.ULID{merged.ID})
		var se *storage.SegmentError
		if !errors.As(err, &se) || se.ID != merged.ID || !errors.Is(err, scan.ErrDamaged) {
			t.Errorf("hold what is damaged: %v", err)
		}
	})
}
