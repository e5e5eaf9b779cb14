package parts_test

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/skaldlogs/skald/pkg/parts"
)

func TestNeed(t *testing.T) {
	dir := t.TempDir()
	program := filepath.Join(dir, "server")
	if err := os.WriteFile(program, []byte("#!/bin/sh\n"), 0o755); err != nil {
		t.Fatal(err)
	}
	t.Setenv("PATH", dir)
	if got := parts.Need(t, "server", "a-server"); got != program {
		t.Errorf("the program is %s, want %s", got, program)
	}

	t.Setenv(parts.Required, "")
	var skipped bool
	t.Run("missing", func(t *testing.T) {
		defer func() { skipped = t.Skipped() }()
		parts.Need(t, "no-such-server", "a-server")
		t.Error("went on without the program")
	})
	if !skipped {
		t.Error("a test without its program was not skipped")
	}
}
