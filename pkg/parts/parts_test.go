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

	if got := parts.NeedFile(t, filepath.Join(dir, "serv*"), "a-server"); got != program {
		t.Errorf("the file is %s, want %s", got, program)
	}

	t.Setenv(parts.Required, "")
	for name, need := range map[string]func(t *testing.T){
		"program": func(t *testing.T) { parts.Need(t, "no-such-server", "a-server") },
		"tool":    func(t *testing.T) { parts.Lacks(t, "it is not there") },
		"file":    func(t *testing.T) { parts.NeedFile(t, filepath.Join(dir, "*.so"), "a-server") },
	} {
		var skipped bool
		t.Run(name, func(t *testing.T) {
			defer func() { skipped = t.Skipped() }()
			need(t)
			t.Error("went on without it")
		})
		if !skipped {
			t.Errorf("a test without its %s was not skipped", name)
		}
	}
}
