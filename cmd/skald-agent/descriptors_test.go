package main_test

import (
	"fmt"
	"math/rand/v2"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/skaldlogs/skald/pkg/parts"
)

// TestFewDescriptors gives an agent far fewer descriptors than it has files, which
// are rotated while its server is away, and while it is away itself. It never runs
// out of them, and takes no file for lost.
func TestFewDescriptors(t *testing.T) {
	prlimit := parts.Need(t, "prlimit", "util-linux")
	const files, descriptors = 300, 64
	dir, r := t.TempDir(), newReceiver(t)
	agent, pages := newAgent(t, dir, r.Listener.Addr().String())
	agent.In = []string{prlimit, fmt.Sprintf("--nofile=%d:%d", descriptors, descriptors)}
	agent.Env = []string{"GOMAXPROCS=2"} // each reader needs some of its own
	rnd := rand.New(rand.NewPCG(6, 4))
	var writers []*writer
	lines := 0
	for n := range files {
		w := newWriter(t, filepath.Join(dir, "logs"), n)
		check(t, w.f.Close()) // the test has no more descriptors than others
		w.f = nil
		writers = append(writers, w)
	}
	most := 0
	count := func() {
		open, err := os.ReadDir(fmt.Sprintf("/proc/%d/fd", agent.PID()))
		check(t, err)
		most = max(most, len(open))
	}
	each := func(do func(w *writer)) {
		for _, w := range writers {
			w.create()
			do(w)
			if w.f != nil {
				check(t, w.f.Close())
			}
		}
	}
	step := func(rotate bool) {
		lines = 0
		each(func(w *writer) {
			w.write(rnd, 3)
			if rotate {
				w.rotate()
				w.write(rnd, 1)
			}
			lines += w.lines
		})
	}
	all := func() {
		t.Helper()
		agent.Reach("lines", lines, func() int { count(); return r.lines() })
	}
	step(false)
	agent.Start()
	all()
	r.mu.Lock()
	r.answer = func(int) (int, bool) { return http.StatusServiceUnavailable, false }
	r.mu.Unlock()
	step(true)
	agent.Await("failing", func() bool { count(); return metrics(pages + "/metrics")["promtail_batch_retries_total"] > 3 })
	step(true)
	r.mu.Lock()
	r.answer = nil
	r.mu.Unlock()
	all()
	agent.Kill()
	step(true)
	agent.Start()
	all()
	for _, w := range writers {
		checkStream(t, w, r.stream(fmt.Sprintf(` {filename="%s", job="test"}`, w.path)))
	}
	if most > descriptors-8 {
		t.Errorf("%d of %d descriptors were in use", most, descriptors)
	}
	if n := metrics(pages + "/metrics")["skald_agent_files_lost_total"]; n > 0 {
		t.Errorf("%v files count as lost", n)
	}
	if text := agent.Log.String(); strings.Contains(text, "too many open files") {
		t.Errorf("it ran out of descriptors:\n%s", agent.Log.Tail())
	}
	agent.Stop()
	t.Logf("%d lines of %d files, %d descriptors at most", lines, files, most)
}
