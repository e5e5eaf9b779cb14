package rules

import (
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/skaldlogs/skald/pkg/seeds"
)

// Each side of a diff is its text again.
func TestDiffLines(t *testing.T) {
	seeds.Check(t, func(t *rapid.T) {
		text := func(name string) string {
			lines := rapid.SliceOfN(rapid.SampledFrom([]string{"a", "b", "c", ""}), 0, 8).Draw(t, name)
			if len(lines) == 0 {
				return ""
			}
			return strings.Join(lines, "\n") + "\n"
		}
		a, b := text("before"), text("after")
		var before, after strings.Builder
		for _, line := range diffLines(a, b) {
			if line[0] != '+' {
				before.WriteString(line[2:] + "\n")
			}
			if line[0] != '-' {
				after.WriteString(line[2:] + "\n")
			}
			if a == b && line[0] != ' ' {
				t.Fatalf("equal texts differ in %q", line)
			}
		}
		if before.String() != a || after.String() != b {
			t.Fatalf("%q and %q became %q and %q", a, b, before.String(), after.String())
		}
	})
}
