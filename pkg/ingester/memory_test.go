package ingester

import (
	"context"
	"runtime"
	"strings"
	"testing"
	"weak"

	"github.com/skaldlogs/skald/pkg/vfs"
)

// What the bound counts as given back must be free for the garbage collector.
func TestGivenBackIsFree(t *testing.T) {
	m := newRig(t, vfs.NewMem(), nil)
	m.mustOn()
	m.mustPush("acme", streamOf(`{pod="quiet from now on"}`, entry(1, strings.Repeat("x", sealBytes))))
	gen, buf := func() (weak.Pointer[generation], weak.Pointer[buffer]) {
		gen := m.ing.current
		h := gen.find("acme")
		buf := h.groupList()[0].open
		if err := m.ing.sealers.sealAll(h); err != nil {
			t.Fatal(err)
		}
		return weak.Make(gen), weak.Make(buf)
	}()
	runtime.GC()
	if buf.Value() != nil {
		t.Error("a buffer is in memory though it is sealed")
	}
	if err := m.ing.Flush(context.Background()); err != nil {
		t.Fatal(err)
	}
	runtime.GC()
	if gen.Value() != nil {
		t.Error("a generation is in memory though it is flushed")
	}
	m.mustPush("acme", streamOf(`{pod="quiet from now on"}`, entry(2, "back again")))
	if got := len(m.read("acme")); got != 2 {
		t.Errorf("%d rows, want 2", got)
	}
}
