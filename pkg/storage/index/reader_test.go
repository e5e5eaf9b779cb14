package index_test

import (
	"errors"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/prometheus/prometheus/model/labels"

	"github.com/skaldlogs/skald/pkg/scan"
	"github.com/skaldlogs/skald/pkg/seeds"
	"github.com/skaldlogs/skald/pkg/storage/index"
)

func open(t testing.TB, sets []labels.Labels) (*index.Reader, []labels.Labels) {
	t.Helper()
	data, refs := index.Append(nil, sets)
	r, err := index.Open(data)
	if err != nil {
		t.Fatal(err)
	}
	sorted := make([]labels.Labels, len(sets))
	for i, ref := range refs {
		sorted[ref] = sets[i]
	}
	return r, sorted
}

// The reader answers every question as the head does.
func TestReaderIsHead(t *testing.T) {
	for seed := range seeds.Few(t, 300) {
		rnd := rand.New(rand.NewPCG(seed, 2))
		r, sets := open(t, randomStreams(rnd, 100))
		if r.Len() != len(sets) {
			t.Fatalf("seed %d: %d streams, want %d", seed, r.Len(), len(sets))
		}
		for ref, want := range sets {
			if got, hash := r.Labels(uint32(ref)); !labels.Equal(got, want) || hash != labels.StableHash(want) {
				t.Fatalf("seed %d: stream %d is %v with hash %x, want %v", seed, ref, got, hash, want)
			}
		}
		h := newHead(sets)
		ms := randomMatchers(rnd)
		found := r.Select(ms)
		if got, want := found.ToArray(), naive(sets, ms); !slices.Equal(got, want) {
			t.Fatalf("seed %d: %v selects %v, want %v", seed, ms, got, want)
		}
		if len(ms) == 0 {
			found = nil
		}
		if got, want := r.LabelNames(found), h.LabelNames(ms); !slices.Equal(got, want) {
			t.Fatalf("seed %d: names for %v are %v, want %v", seed, ms, got, want)
		}
		for _, name := range []string{"a", "b", "nope"} {
			if got, want := r.LabelValues(name, found), h.LabelValues(name, ms); !slices.Equal(got, want) {
				t.Fatalf("seed %d: values of %s for %v are %v, want %v", seed, name, ms, got, want)
			}
		}
	}
}

func TestAlikeStreamsLieTogether(t *testing.T) {
	var sets []labels.Labels
	for _, pod := range []string{"p1", "p2", "p3", "p4", "p5", "p6"} {
		env := map[bool]string{true: "prod", false: "dev"}[len(sets)%2 == 0]
		sets = append(sets, labels.FromStrings("a_pod", pod, "env", env))
	}
	r, _ := open(t, sets)
	prod := r.Select(matchers(t, "env", "=", "prod")).ToArray()
	if want := []uint32{3, 4, 5}; !slices.Equal(prod, want) {
		t.Errorf("streams of one env are %v, want %v", prod, want)
	}
}

// Whatever the bytes are, they are refused or answer without a panic.
func FuzzOpen(f *testing.F) {
	for seed := range uint64(4) {
		data, _ := index.Append(nil, randomStreams(rand.New(rand.NewPCG(seed, 3)), 1<<(2*seed)))
		f.Add(data)
	}
	f.Add([]byte{})
	ms := matchers(f, "a", "!=", "v1", "b", "=~", "v.+")
	f.Fuzz(func(t *testing.T, data []byte) {
		r, err := index.Open(data)
		if err != nil {
			if !errors.Is(err, scan.ErrDamaged) {
				t.Fatalf("the error is not one of damage: %v", err)
			}
			return
		}
		r.Select(ms).Iterate(func(ref uint32) bool {
			r.Labels(ref)
			return true
		})
		for _, name := range r.LabelNames(nil) {
			r.LabelValues(name, nil)
		}
		all := r.Select(nil)
		r.LabelNames(all)
		r.LabelValues("a", all)
	})
}
