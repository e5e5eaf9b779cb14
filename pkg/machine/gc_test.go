package machine

import (
	"os"
	"runtime/debug"
	"testing"
)

func TestGarbageIsBounded(t *testing.T) {
	const mib = 1 << 20
	for _, tc := range []struct {
		name string
		live uint64
		want int
	}{
		{"nothing is known to be in use", 0, gcPercent},
		{"little is in use", 20 * mib, gcPercent},
		{"much is in use", 320 * mib, 20},
		{"very much is in use", 64 << 30, leastPercent},
	} {
		if got := percentFor(tc.live, 64*mib); got != tc.want {
			t.Errorf("%s: %d percent, want %d", tc.name, got, tc.want)
		}
	}
}

func TestBoundGarbageLeavesWhatTheUserSet(t *testing.T) {
	if os.Getenv("GOGC") != "" {
		t.Skip("GOGC is set")
	}
	before := debug.SetGCPercent(77)
	defer debug.SetGCPercent(before)
	t.Setenv("GOGC", "77")
	BoundGarbage(1 << 20)
	if now := debug.SetGCPercent(77); now != 77 {
		t.Errorf("%d percent, though the user set 77", now)
	}
}
