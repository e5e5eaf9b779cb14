package ingester

import (
	"testing"

	"github.com/go-kit/log"

	"github.com/skaldlogs/skald/pkg/vfs"
)

// TestPrepareShutdown: a stop that was prepared hands everything to the store,
// also where another process had been told.
func TestPrepareShutdown(t *testing.T) {
	fsys := vfs.NewMem()
	start := func() *Ingester {
		i := &Ingester{fs: fsys, cfg: Config{ShutdownMarkerPath: "/marker"}, logger: log.NewNopLogger()}
		i.readMarker()
		return i
	}
	i := start()
	if err := i.PrepareShutdown(true); err != nil || !i.ShutdownPrepared() {
		t.Fatalf("prepared: %v, %v", i.ShutdownPrepared(), err)
	}
	next := start()
	if !next.ShutdownPrepared() {
		t.Error("a restart forgot that a shutdown was prepared")
	}
	for range 2 {
		if err := next.PrepareShutdown(false); err != nil || next.ShutdownPrepared() {
			t.Errorf("taken back: %v, %v", next.ShutdownPrepared(), err)
		}
	}
	if start().ShutdownPrepared() {
		t.Error("prepared again by nobody")
	}
}
