package block

import (
	"math/rand/v2"
	"testing"

	"github.com/skaldlogs/skald/pkg/seeds"
)

// What is found out about all places of a needle at once is what a look at each finds.
func TestPlacesOfEdges(t *testing.T) {
	for seed := range seeds.Few(t, 20_000) {
		r := rand.New(rand.NewPCG(seed, 71))
		letters := "ab" + pick(r, "", "c", "AB")
		text := func(n int) (out []byte) {
			for range n {
				out = append(out, letters[r.IntN(len(letters))])
			}
			return out
		}
		some := func() (out []uint64) {
			for range r.IntN(3) {
				edge := uint64(0)
				for j, b := range text(1 + r.IntN(edgeLen)) {
					edge |= uint64(b) << (8 * j)
				}
				out = append(out, edge)
			}
			return out
		}
		f := finder{fold: r.IntN(2) == 0}
		if f.fold {
			letters = "ab"
		}
		f.needle = string(text(1 + r.IntN(pick(r, 4, 12, 64))))
		f.noteBytes()
		if f.fold {
			letters = "abAB"
		}
		e := &edges{heads: some(), tails: some()}
		want := f.mayCross(e, 0, len(f.needle))
		f.places = placesOf(f.needle, f.fold)
		if got := f.mayCross(e, 0, len(f.needle)); got != want {
			t.Fatalf("seed %d: %q may cross %x, %x: %v, want %v", seed, f.needle, e.heads, e.tails, got, want)
		}
	}
}
