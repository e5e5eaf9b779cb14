// Package parts runs programs beside tests: our own, as they are released
// ([Program]), and the real servers that users have ([Need]), each as a [Process]
// that ends with its test, on ports that are its own ([Port]), and if need be on a
// disk that fills ([SmallDisk]). Only tests import it, and what helps them.
package parts

import (
	"os"
	"os/exec"
	"path/filepath"
	"testing"
)

// Required is the environment variable that, set to "require", turns a missing
// program from a reason to skip into a failure. CI sets it after it has
// installed them all.
const Required = "SKALD_TEST_PARTS"

// aside are folders that hold programs which Debian keeps out of the PATH.
var aside = []string{"/usr/sbin", "/lib/systemd", "/usr/lib/systemd"}

// Need returns the path of a program. The test that asks is skipped where there
// is none, unless [Required] forbids it; debian names the package that has it.
func Need(t testing.TB, program, debian string) string {
	t.Helper()
	if path, err := exec.LookPath(program); err == nil {
		return path
	}
	for _, dir := range aside {
		path := filepath.Join(dir, program)
		if info, err := os.Stat(path); err == nil && info.Mode()&0o111 != 0 {
			return path
		}
	}
	missing(t, program, debian)
	return ""
}

// NeedFile is [Need] for what is no program, such as a module of one: pattern is
// where it lies, as of [filepath.Glob].
func NeedFile(t testing.TB, pattern, debian string) string {
	t.Helper()
	if found, err := filepath.Glob(pattern); err == nil && len(found) > 0 {
		return found[0]
	}
	missing(t, filepath.Base(pattern), debian)
	return ""
}

func missing(t testing.TB, what, debian string) {
	t.Helper()
	Lacks(t, "%s is not installed (Debian's package %s has it)", what, debian)
}

// Lacks skips a test for what this machine does not have, unless [Required]
// forbids it.
func Lacks(t testing.TB, format string, args ...any) {
	t.Helper()
	if os.Getenv(Required) == "require" {
		t.Fatalf(format, args...)
	}
	t.Skipf(format, args...)
}
