package ruler

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/go-kit/log"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/testutil"

	"github.com/skaldlogs/skald/pkg/objstore"
)

func TestWALsOfFormerTenants(t *testing.T) {
	dir := t.TempDir()
	now := time.Now()
	for name, age := range map[string]time.Duration{"here": 24 * time.Hour, "gone": 24 * time.Hour, "fresh": time.Minute} {
		wal := filepath.Join(dir, objstore.EncodeTenant(name), "wal")
		if err := os.MkdirAll(wal, 0o755); err != nil {
			t.Fatal(err)
		}
		for _, path := range []string{wal, filepath.Dir(wal)} {
			if err := os.Chtimes(path, time.Time{}, now.Add(-age)); err != nil {
				t.Fatal(err)
			}
		}
	}
	if err := os.WriteFile(filepath.Join(dir, "a file"), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	r := &Ruler{metrics: newMetrics(prometheus.NewRegistry()), logger: log.NewNopLogger(), tenants: map[string]*tenant{"here": nil}}
	r.tenants["here"] = &tenant{}
	r.cfg.WAL.Dir, r.cfg.WALCleaner.MinAge = dir, time.Hour
	r.cleanWALs(now)
	entries, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	var left []string
	for _, e := range entries {
		left = append(left, e.Name())
	}
	if len(left) != 3 || strings.Contains(strings.Join(left, " "), objstore.EncodeTenant("gone")) {
		t.Errorf("left are %q", left)
	}
	r.cfg.WAL.Dir = filepath.Join(dir, "nosuch")
	r.cleanWALs(now)
	if removed, abandoned := testutil.ToFloat64(r.metrics.cleaned), testutil.ToFloat64(r.metrics.abandoned); removed != 1 || abandoned != 1 {
		t.Errorf("metrics say %v are removed and %v left, want 1 and 1", removed, abandoned)
	}
}
