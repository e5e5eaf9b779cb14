package main_test

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/rogpeppe/go-internal/testscript"

	"github.com/skaldlogs/skald/pkg/parts"
)

// TestCommandLine drives the binary as its users do, a behaviour in each script.
func TestCommandLine(t *testing.T) {
	dir := filepath.Dir(parts.Program(t, "skald-agent"))
	testscript.Run(t, testscript.Params{
		Dir: "testdata",
		Setup: func(e *testscript.Env) error {
			e.Setenv("PATH", dir+string(os.PathListSeparator)+e.Getenv("PATH"))
			e.Setenv("HOSTNAME", "node-1")
			e.Setenv("FILE", filepath.Join(e.WorkDir, "promtail.yaml"))
			return nil
		},
		RequireUniqueNames: true,
		UpdateScripts:      os.Getenv("SKALD_UPDATE_SCRIPTS") != "",
	})
}
