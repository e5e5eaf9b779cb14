package main_test

import (
	"fmt"
	"math/rand/v2"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/skaldlogs/skald/pkg/seeds"
)

// TestStopWhileServerFails tells the agent to stop while it has many batches and
// its server begins to refuse some. A line never arrives behind a later one of its
// file for the first time, and after restarts nothing is missing.
func TestStopWhileServerFails(t *testing.T) {
	for _, inFlight := range []int{1, 4} {
		t.Run(fmt.Sprint("in flight ", inFlight), func(t *testing.T) {
			for seed := range seeds.Few(t, 1) {
				stopWhileServerFails(t, inFlight, seed)
			}
		})
	}
}

func stopWhileServerFails(t *testing.T, inFlight int, seed uint64) {
	rnd := rand.New(rand.NewPCG(seed, 11))
	dir, r := t.TempDir(), newReceiver(t)
	agent, _ := newAgent(t, dir, r.Listener.Addr().String())
	file := filepath.Join(dir, "promtail.yaml")
	text, err := os.ReadFile(file)
	check(t, err)
	small := fmt.Sprintf("batchwait: 10ms, batchsize: 1500, max_in_flight: %d", inFlight)
	check(t, os.WriteFile(file, []byte(strings.Replace(string(text), "batchwait: 50ms", small, 1)), 0o644))
	var writers []*writer
	for n := range 3 {
		writers = append(writers, newWriter(t, filepath.Join(dir, "logs"), n))
	}
	lines := func() int {
		n := 0
		for _, w := range writers {
			n += w.lines
		}
		return n
	}
	for range 6 {
		// Some pushes are taken, then they fail by chance, then one fails always: it is
		// in the midst of those that the agent has when it is told to stop. Fewer lines
		// come before it than are written below, so there is one.
		answers := rand.New(rand.NewPCG(seed, rnd.Uint64()))
		r.mu.Lock()
		from := len(r.seen) + rnd.IntN(200)
		r.holdAt, r.held = from+1+rnd.IntN(200), ""
		r.answer = func(int) (int, bool) {
			if len(r.seen) < from || answers.IntN(3) > 0 {
				return 0, false
			}
			return http.StatusServiceUnavailable, answers.IntN(2) == 0
		}
		r.mu.Unlock()
		agent.Start()
		for _, w := range writers {
			w.write(rnd, 200+rnd.IntN(400))
		}
		agent.Await("failing", func() bool { r.mu.Lock(); defer r.mu.Unlock(); return r.held != "" })
		agent.Stop()
	}
	left := lines() - r.lines()
	r.mu.Lock()
	r.answer, r.holdAt = nil, 0
	r.mu.Unlock()
	agent.Start()
	agent.Reach("lines", lines(), r.lines)
	agent.Stop()
	for _, w := range writers {
		checkStream(t, w, r.stream(fmt.Sprintf(` {filename="%s", job="test"}`, w.path)))
	}
	if left == 0 {
		t.Error("everything was sent before the end: nothing is shown")
	}
	t.Logf("%d lines, %d of them were left at the last stop", lines(), left)
}
