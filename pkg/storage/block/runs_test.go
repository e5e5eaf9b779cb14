package block

import (
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/skaldlogs/skald/pkg/seeds"
)

func TestRuns(t *testing.T) {
	var r runs
	for _, v := range []string{"pod-859ae1395-2589e", "GET /api/v1/orders/12345", "", "é", strings.Repeat("z", 300)} {
		r.add([]byte(v))
	}
	if want := (runs{5, 9, 255}); r != want {
		t.Errorf("runs are %v, want %v", r, want)
	}
	for text, want := range map[string]bool{
		"123456": true, "12345": false, "0badc0de00": true, "0badc0de0-0badc0de0": false, strings.Repeat("x", 400): false, "": false,
	} {
		if got := r.lacks(text); got != want {
			t.Errorf("a text like %.20q is lacking: %v, want %v", text, got, want)
		}
	}
	if (*runs)(nil).lacks("123456") {
		t.Error("something is lacking where nothing is known")
	}
}

// A part of a value is never lacking.
func TestRunsOfParts(t *testing.T) {
	for seed := range seeds.Few(t, 300) {
		rnd := rand.New(rand.NewPCG(seed, 1))
		value := make([]byte, rnd.IntN(40))
		for i := range value {
			value[i] = pick[byte](rnd, '0', '9', 'a', 'F', 'g', 'Z', '_', ' ', '-', 0x80, 0xff, 0)
		}
		var r runs
		r.add(value)
		from := rnd.IntN(len(value) + 1)
		to := from + rnd.IntN(len(value)-from+1)
		if r.lacks(string(value[from:to])) {
			t.Fatalf("seed %d: %q has the runs %v, and %q is lacking", seed, value, r, value[from:to])
		}
	}
}
