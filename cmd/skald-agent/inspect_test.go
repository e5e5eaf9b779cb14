package main_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/skaldlogs/skald/pkg/parts"
)

// TestInspectInATerminal has colours where there is a terminal, and none where
// somebody asks for none.
func TestInspectInATerminal(t *testing.T) {
	script := parts.Need(t, "script", "bsdutils")
	dir := t.TempDir()
	configure(t, dir, `
positions: {filename: DIR/positions.yaml}
scrape_configs:
  - job_name: a
    pipeline_stages: [{cri: {}}]
    static_configs: [{labels: {job: a, __path__: /x}}]
`)
	in := filepath.Join(dir, "in")
	check(t, os.WriteFile(in, []byte("2026-11-22T10:00:00.1Z stdout F hello\n"), 0o600))
	line := parts.Program(t, "skald-agent") + " -config.file=" + filepath.Join(dir, "promtail.yaml") + " -stdin -dry-run -inspect < " + in
	for _, tc := range []struct{ env, want, not string }{
		{"NO_COLOR=", "\x1b[32m+line: hello\x1b[0m", "panic"},
		{"NO_COLOR=1", "+line: hello", "\x1b["},
	} {
		cmd := exec.Command(script, "-qec", line, os.DevNull)
		cmd.Env = append(os.Environ(), tc.env, "TERM=xterm")
		out, err := cmd.CombinedOutput()
		check(t, err)
		text := string(out)
		if !strings.Contains(text, tc.want) || strings.Contains(text, tc.not) || !strings.Contains(text, "\thello") {
			t.Errorf("%s: %q has no %q, or has %q", tc.env, text, tc.want, tc.not)
		}
	}
	if _, err := os.Stat(filepath.Join(dir, "positions.yaml")); err == nil {
		t.Error("a dry run wrote positions")
	}
}
