package main_test

import (
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// Limits of a tenant change while the process runs: of what it may ask and push,
// and of how long its entries are kept, which holds for answers before anything
// is removed. A file that cannot be used changes nothing.
func TestLimitsChangeWhileRunning(t *testing.T) {
	file := filepath.Join(t.TempDir(), "runtime.yaml")
	write := func(text string) {
		t.Helper()
		if err := os.WriteFile(file+".new", []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		if err := os.Rename(file+".new", file); err != nil {
			t.Fatal(err)
		}
	}
	write("overrides: {}\n")
	s := newServer(t, t.TempDir(), "-auth.enabled=true", "-runtime-config.file="+file, "-runtime-config.reload-period=20ms",
		"-compactor.retention-enabled=true", "-compactor.compaction-interval=1h")
	s.start()
	old, now := time.Now().Add(-30*time.Minute).UnixNano(), time.Now().Add(-time.Minute).UnixNano()
	for _, tenant := range []string{"a", "b"} {
		for _, app := range []string{"short", "long"} {
			s.pushAs(tenant, `{"app":"`+app+`"}`, old, []string{app + " old"})
			s.must(tenant, "POST", "/flush")
			s.pushAs(tenant, `{"app":"`+app+`"}`, now, []string{app + " new"})
		}
	}
	ask := func(tenant, limit string) (int, string) {
		t.Helper()
		status, text, err := s.request(tenant, "GET", "/loki/api/v1/query_range", "query", `{app=~".+"}`, "start", fmt.Sprint(old-1), "limit", limit)
		if err != nil {
			t.Fatal(err)
		}
		return status, text
	}
	lines := func(tenant string) string {
		_, text := ask(tenant, "100")
		var found []string
		for _, line := range []string{"short old", "short new", "long old", "long new"} {
			if strings.Contains(text, line) {
				found = append(found, line)
			}
		}
		return strings.Join(found, ", ")
	}
	const all = "short old, short new, long old, long new"
	if got := lines("a"); got != all {
		t.Fatalf("lines are %q, want %q", got, all)
	}

	write(`overrides: {a: {max_entries_limit_per_query: 10, retention_stream: [{selector: '{app="short"}', priority: 1, period: 10m}]}}`)
	s.Await("a lower limit", func() bool { status, _ := ask("a", "11"); return status == http.StatusBadRequest })
	s.Await("a shorter retention", func() bool {
		_, text := ask("a", "10")
		return strings.Contains(text, "short new") && !strings.Contains(text, "short old") && strings.Contains(text, "long old")
	})
	if got := lines("b"); got != all {
		t.Errorf("lines of another tenant are %q, want %q", got, all)
	}
	write("overrides: {a: {max_entries_limit_per_query: many}}")
	s.Await("a bad file", func() bool { return strings.Contains(s.Log.String(), "many") })
	if status, _ := ask("a", "11"); status != http.StatusBadRequest {
		t.Errorf("with a bad file the limit is another: status %d", status)
	}
	write("overrides: {}\n")
	s.Await("no limits of its own", func() bool { return lines("a") == all })
}
