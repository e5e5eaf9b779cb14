package parts

import (
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"testing"
)

var programs struct {
	sync.Mutex
	dir  string // where they are; empty until one was built
	made map[string]bool
}

// Program returns the path of one of our own programs, such as skald, as it is
// released. It is built once for all tests of a package, whose TestMain is [Main].
func Program(tb testing.TB, name string) string {
	tb.Helper()
	programs.Lock()
	defer programs.Unlock()
	if programs.dir == "" {
		dir, err := os.MkdirTemp("", "skald-test-")
		if err != nil {
			tb.Fatal(err)
		}
		programs.dir, programs.made = dir, map[string]bool{}
	}
	path := filepath.Join(programs.dir, name)
	if !programs.made[name] {
		out, err := exec.Command("go", "build", "-ldflags", "-s -w", "-o", path, "github.com/skaldlogs/skald/cmd/"+name).CombinedOutput()
		if err != nil {
			tb.Fatalf("build %s: %v\n%s", name, err, out)
		}
		programs.made[name] = true
	}
	return path
}

// Main runs the tests of a package, and removes the programs that were built for
// them.
func Main(m *testing.M) {
	m.Run()
	programs.Lock()
	defer programs.Unlock()
	if programs.dir != "" {
		_ = os.RemoveAll(programs.dir) // nobody is left to tell
	}
}
