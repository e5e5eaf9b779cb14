package main_test

import (
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/skaldlogs/skald/pkg/model"
	"github.com/skaldlogs/skald/pkg/parts"
)

// TestDiskFull fills a small disk under the process. Pushes fail with a text
// that says why, what was acknowledged is there all the while and after a crash,
// and pushes are taken again, by themselves, once there is room.
func TestDiskFull(t *testing.T) {
	for _, tc := range []struct {
		name string
		args []string
		text string // of the refusal
	}{
		{"to the last byte", nil, "no space left on device"},
		{"to the threshold", []string{"-ingester.wal-disk-full-threshold=0.6"}, "disk"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			disk := parts.SmallDisk(t, 24<<20, "the tests of pkg/ingester fill one that is simulated")
			ballast := filepath.Join(disk, "ballast")
			if err := os.WriteFile(ballast, make([]byte, 10<<20), 0o644); err != nil {
				t.Fatal(err)
			}
			s := newServer(t, filepath.Join(disk, "data"), append(append([]string{}, lifted...), tc.args...)...)
			s.start()

			start := time.Now().Add(-time.Minute).UnixNano()
			next, acked := start, map[string]bool{}
			rnd := rand.New(rand.NewPCG(1, 2))
			push := func() error {
				var entries []model.Entry
				for range 500 {
					next++
					entries = append(entries, model.Entry{Timestamp: next, Line: fmt.Sprintf("line %d %x %x %x %x", next, rnd.Uint64(), rnd.Uint64(), rnd.Uint64(), rnd.Uint64())})
				}
				err := s.push(t.Context(), `{app="full"}`, entries)
				if err == nil {
					for _, e := range entries {
						acked[e.Line] = true
					}
				}
				return err
			}
			all := func(when string) {
				t.Helper()
				seen := map[string]int{}
				for _, e := range s.read(`{app="full"}`, start, next+1) {
					seen[e.Line]++
				}
				lost := 0
				for line := range acked {
					if seen[line] != 1 {
						lost++
					}
				}
				if lost > 0 {
					t.Errorf("%s: %d of %d acknowledged lines are not there exactly once", when, lost, len(acked))
				}
			}

			refused := 0
			for n := 0; refused < 5; n++ {
				if n > 3000 {
					t.Fatal("the disk does not fill")
				}
				if err := push(); err != nil {
					refused++
					if !strings.Contains(err.Error(), tc.text) || !strings.Contains(err.Error(), "push: 5") {
						t.Fatalf("a push on a full disk: %v, want a 5xx that says %q", err, tc.text)
					}
				}
			}
			if len(acked) == 0 {
				t.Fatal("nothing was acknowledged, so nothing is shown")
			}
			all("while the disk is full")

			if err := os.Remove(ballast); err != nil {
				t.Fatal(err)
			}
			s.Await("taking pushes again", func() bool { return push() == nil })
			all("with room again")
			s.Kill()
			s.start()
			all("after a crash")
			t.Logf("%d lines acknowledged", len(acked))
		})
	}
}
