package main_test

import (
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/skaldlogs/skald/pkg/parts"
)

// An outage drives an agent over one file while something is wrong.
type outage struct {
	*testing.T
	r     *receiver
	agent *parts.Process
	pages string
	dir   string
	log   *os.File
	lines int
}

func newOutage(t *testing.T) *outage {
	o := &outage{T: t, r: newReceiver(t), dir: t.TempDir()}
	o.agent, o.pages = newAgent(t, o.dir, o.r.Listener.Addr().String())
	var err error
	o.log, err = os.Create(filepath.Join(o.dir, "logs", "a.log"))
	check(t, err)
	t.Cleanup(func() { _ = o.log.Close() })
	return o
}

func (o *outage) write(n int) {
	for range n {
		_, err := fmt.Fprintf(o.log, "a line %d x\n", o.lines)
		check(o, err)
		o.lines++
	}
}

// all waits until every line came, and checks each came once and in order.
func (o *outage) all() {
	o.Helper()
	o.agent.Await("done", func() bool { return o.r.lines() == o.lines })
	o.r.mu.Lock()
	defer o.r.mu.Unlock()
	for _, s := range o.r.streams {
		for i, e := range s {
			if want := fmt.Sprintf("a line %d x", i); e.line != want {
				o.Fatalf("entry %d is %q, want %q", i, e.line, want)
			}
		}
	}
}

// set changes how pushes are answered.
func (o *outage) set(answer func(n int) (int, bool)) {
	o.r.mu.Lock()
	defer o.r.mu.Unlock()
	o.r.answer = answer
}

func (o *outage) metric(name string) float64 { return metrics(o.pages + "/metrics")[name] }

// While the server is away files are not read further than the agent may hold,
// and afterwards nothing is missing.
func TestServerAway(t *testing.T) {
	o := newOutage(t)
	o.set(func(int) (int, bool) { return http.StatusServiceUnavailable, false })
	o.write(150_000)
	o.agent.Start()
	o.agent.Await("full", func() bool {
		return o.metric("promtail_batch_retries_total") > 3
	})
	if read := o.metric("promtail_read_lines_total"); read >= 150_000 {
		t.Errorf("%v lines were read while nothing could be sent", read)
	}
	o.set(nil)
	o.all()
	o.agent.Stop()
}

// 429 is waited out; so is a server that takes its time.
func TestRateLimitedAndSlowServer(t *testing.T) {
	o := newOutage(t)
	var n atomic.Int64
	o.set(func(int) (int, bool) {
		if n.Add(1)%2 == 1 {
			return http.StatusTooManyRequests, false
		}
		time.Sleep(20 * time.Millisecond) // it is slow
		return 0, false
	})
	o.agent.Start()
	o.write(100)
	o.all()
	o.write(100)
	o.all()
	if got := o.metric("promtail_dropped_entries_total"); got != 0 {
		t.Errorf("%v entries dropped", got)
	}
	o.agent.Stop()
}

// An entry that the server refuses for good is dropped with its words, and the
// next ones go on.
func TestRefusedBatch(t *testing.T) {
	o := newOutage(t)
	o.set(func(n int) (int, bool) {
		if n == 1 {
			return http.StatusBadRequest, false
		}
		return 0, false
	})
	o.write(10) // before it looks: they are one batch
	o.agent.Start()
	o.agent.Await("dropped", func() bool { return o.metric("promtail_dropped_entries_total") == 10 })
	o.write(10)
	o.agent.Await("done", func() bool { return o.r.lines() == 10 })
	o.agent.Await("saying that a batch was dropped", func() bool { return strings.Contains(o.agent.Log.String(), "batch dropped") })
	o.agent.Stop()
	// What was refused is not tried again by the next process.
	o.agent.Start()
	o.write(1)
	o.agent.Await("done", func() bool { return o.r.lines() == 11 })
	o.agent.Stop()
}

// Where positions cannot be written the agent says so and goes on, and when
// they can be again it catches up.
func TestPositionsCannotBeWritten(t *testing.T) {
	o := newOutage(t)
	run := filepath.Join(o.dir, "run")
	o.agent.Start()
	o.write(10)
	o.all()
	// A folder where the file is to be renamed to is as good as a full disk: it
	// fails for root, too.
	o.agent.Await("saved", func() bool { _, err := os.Stat(filepath.Join(run, "positions.yaml")); return err == nil })
	check(t, os.Rename(filepath.Join(run, "positions.yaml"), filepath.Join(run, "kept")))
	check(t, os.MkdirAll(filepath.Join(run, "positions.yaml", "x"), 0o755))
	o.write(10)
	o.all()
	o.agent.Await("failing", func() bool { return o.metric("skald_agent_positions_failures_total") > 0 })
	o.write(10)
	o.all()
	check(t, os.RemoveAll(filepath.Join(run, "positions.yaml")))
	o.agent.Await("saved again", func() bool { return strings.Contains(o.agent.Log.String(), "positions are saved again") })
	o.agent.Kill()
	o.agent.Start()
	o.write(10)
	o.all()
	o.agent.Stop()
}

// A line that the runtime wrote in pieces is one entry, though the file was
// rotated between them and the agent was killed.
func TestPartialLineAcrossRotationAndCrash(t *testing.T) {
	o := newOutage(t)
	file := filepath.Join(o.dir, "promtail.yaml")
	text, err := os.ReadFile(file)
	check(t, err)
	check(t, os.WriteFile(file, []byte(strings.Replace(string(text), "- job_name: test", "- job_name: test\n    pipeline_stages: [{cri: {}}]", 1)), 0o644))
	say := func(format string, args ...any) {
		_, err := fmt.Fprintf(o.log, "2026-11-22T10:00:00.1Z stdout "+format+"\n", args...)
		check(t, err)
	}
	o.agent.Start()
	say("F one")
	say("P first ")
	o.agent.Await("read", func() bool { return o.r.lines() == 1 && o.metric("promtail_read_lines_total") == 2 })
	name := o.log.Name()
	check(t, os.Rename(name, name+".1"))
	o.log, err = os.Create(name)
	check(t, err)
	say("P second ")
	o.agent.Await("read", func() bool { return o.metric("promtail_read_lines_total") == 3 })
	o.agent.Kill()
	say("F third")
	o.agent.Start()
	o.agent.Await("done", func() bool { return o.r.lines() == 2 })
	o.agent.Stop()
	for key, s := range o.r.streams {
		if len(s) != 2 || s[1].line != "first second third" {
			t.Errorf("%s has %v", key, s)
		}
	}
}
