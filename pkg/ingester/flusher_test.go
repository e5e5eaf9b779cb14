package ingester

import (
	"strings"
	"sync"
	"testing"

	"github.com/skaldlogs/skald/pkg/limits"
	"github.com/skaldlogs/skald/pkg/vfs"
)

// A store that hangs must not keep the current generation from being frozen: it
// would grow past what a segment can hold.
func TestFreezesWhileTheStoreHangs(t *testing.T) {
	begun := make(chan struct{}, 100)
	fs := vfs.NewFaulty(vfs.NewMem(), func(op vfs.Op, name string) error {
		if op == vfs.OpRename && strings.HasSuffix(name, ".counter") {
			begun <- struct{}{}
		}
		return nil
	})
	m := newRig(t, fs, func(c *Config, _ *limits.Limits) { c.GenerationBytes = 10 })
	hangs, goOn := make(chan struct{}), make(chan struct{})
	var once sync.Once
	m.failAt(func(string) error {
		once.Do(func() {
			close(hangs)
			<-goOn
		})
		return nil
	})
	m.mustOn()
	m.mustPush("acme", streamOf(`{app="a"}`, entry(1, "the first generation")))
	<-hangs
	<-begun // the second
	m.mustPush("acme", streamOf(`{app="a"}`, entry(2, "the second generation")))
	<-begun // the third
	close(goOn)
	if err := m.ing.Flush(t.Context()); err != nil {
		t.Fatal(err)
	}
	m.wantRows("acme", `{app="a"} 1 the first generation`, `{app="a"} 2 the second generation`)
}

// Rows that no block can be made of stay in memory and in the log, and the process
// goes on with those of all others.
func TestPanicWhileSealing(t *testing.T) {
	m := newRig(t, vfs.NewMem(), nil)
	m.mustOn()
	m.mustPush("acme", streamOf(`{app="a"}`, entry(1, "a line")))
	m.mustPush("other", streamOf(`{app="a"}`, entry(1, "of another tenant")))
	gen := m.ing.current
	r := &gen.heads["acme"].groupList()[0].open.rows[0]
	r.length = 1 << 30 // which no arena has
	if err := m.ing.Flush(t.Context()); err == nil || !strings.Contains(err.Error(), "panic") || !strings.Contains(err.Error(), "acme") {
		t.Errorf("flush: %v, want the panic and whose it is", err)
	}
	m.wantRows("other", `{app="a"} 1 of another tenant`)
	m.off()
	m.mustOn()
	m.wantRows("acme", `{app="a"} 1 a line`)
}
