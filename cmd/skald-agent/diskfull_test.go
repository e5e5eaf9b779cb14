package main_test

import (
	"bytes"
	"errors"
	"fmt"
	"math/rand/v2"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/skaldlogs/skald/pkg/parts"
)

// TestPositionsDiskFull fills the disk of the positions, and of the buffer of what
// is pushed, under an agent that is killed meanwhile. What it reads and takes then
// waits, and when there is room again every line comes: once to a server that drops
// exact copies, and in order to one that does not.
func TestPositionsDiskFull(t *testing.T) {
	t.Run("receiver", func(t *testing.T) {
		r := newReceiver(t)
		d := newDiskFull(t, r.Listener.Addr().String())
		d.arrived = func() int { return r.lines() }
		d.run()
		for _, w := range d.written {
			checkStream(t, w, r.stream(fmt.Sprintf(` {filename="%s", job="test"}`, w.path)))
		}
		got := r.stream(` {app="pushed"}`)
		checkStream(t, d.pushed, got)
	})
	t.Run("skald", func(t *testing.T) {
		server, begin := startSkald(t), time.Now().Add(-time.Minute)
		d := newDiskFull(t, server)
		stored := func(selector string) []received { return query(t, server, selector, begin) }
		d.arrived = func() int { return len(stored(`{job="test"}`)) + len(stored(`{app="pushed"}`)) }
		d.run()
		for _, w := range d.written {
			got := stored(fmt.Sprintf(`{filename=%q}`, w.path))
			if checkStream(t, w, got); len(got) != w.lines {
				t.Errorf("%s: the server has %d entries, want %d", w.path, len(got), w.lines)
			}
		}
		got := stored(`{app="pushed"}`)
		if checkStream(t, d.pushed, got); len(got) != d.pushed.lines {
			t.Errorf("the server has %d entries that were pushed, want %d", len(got), d.pushed.lines)
		}
	})
}

// A diskFull is an agent whose positions lie on a disk that is filled.
type diskFull struct {
	*testing.T
	rnd     *rand.Rand
	disk    string
	port    string // of pushes
	agent   *parts.Process
	pages   string
	written []*writer
	pushed  *writer
	pushing sync.WaitGroup
	last    <-chan struct{} // closed when the last push was taken; nil before the first
	arrived func() int
}

func newDiskFull(t *testing.T, server string) *diskFull {
	d := &diskFull{
		T: t, rnd: rand.New(rand.NewPCG(8, 1)), port: parts.Port(t), pushed: &writer{label: "pushed", style: "push"},
		disk: parts.SmallDisk(t, 8<<20, "the tests of clients/agent/position fill one that is simulated"),
	}
	dir, pages := t.TempDir(), parts.Port(t)
	logs := filepath.Join(dir, "logs")
	check(t, os.MkdirAll(logs, 0o755))
	configure(t, dir, fmt.Sprintf(`
server: {http_listen_address: 127.0.0.1, http_listen_port: %s}
positions: {filename: %s/run/positions.yaml, sync_period: 100ms}
clients: [{url: "http://%s/loki/api/v1/push", batchwait: 20ms, backoff_config: {min_period: 20ms, max_period: 100ms}}]
target_config: {sync_period: 200ms}
scrape_configs:
  - job_name: test
    static_configs: [{labels: {job: test, __path__: DIR/logs/*.log}}]
  - job_name: push
    loki_push_api: {use_incoming_timestamp: true, server: {http_listen_address: 127.0.0.1, http_listen_port: %s}}
`, pages, d.disk, server, d.port))
	d.agent = parts.NewProcess(t, parts.Program(t, "skald-agent"), "-config.file="+filepath.Join(dir, "promtail.yaml"))
	d.pages = "http://127.0.0.1:" + pages
	for n := range 5 { // each style of rotation
		d.written = append(d.written, newWriter(t, logs, n))
	}
	return d
}

// fill takes every byte that the disk has left.
func (d *diskFull) fill() {
	d.Helper()
	f, err := os.OpenFile(filepath.Join(d.disk, "ballast"), os.O_CREATE|os.O_WRONLY|os.O_APPEND, 0o644)
	check(d, err)
	defer f.Close()
	for page := make([]byte, 4<<10); err == nil; {
		_, err = f.Write(page)
	}
	if !errors.Is(err, syscall.ENOSPC) {
		d.Fatalf("the disk is not full, but: %v", err)
	}
}

// lines are all that were written and pushed.
func (d *diskFull) lines() int {
	n := d.pushed.lines
	for _, w := range d.written {
		n += w.lines
	}
	return n
}

// push has a client push a line, after the one before, until it is taken.
func (d *diskFull) push() {
	line := fmt.Sprintf("pushed line %d", d.pushed.lines)
	body := fmt.Sprintf(`{"streams":[{"stream":{"app":"pushed"},"values":[["%d","%s"]]}]}`, time.Now().UnixNano(), line)
	d.pushed.lines++
	ctx, before, done := d.Context(), d.last, make(chan struct{})
	d.last = done
	d.pushing.Go(func() {
		defer close(done)
		if before != nil {
			<-before
		}
		for ctx.Err() == nil {
			req, err := http.NewRequestWithContext(ctx, http.MethodPost, "http://127.0.0.1:"+d.port+"/loki/api/v1/push", strings.NewReader(body))
			if err != nil {
				d.Error(err)
				return
			}
			req.Header.Set("Content-Type", "application/json")
			if resp, err := http.DefaultClient.Do(req); err == nil {
				_ = resp.Body.Close()
				if resp.StatusCode == http.StatusNoContent {
					return
				}
			}
			time.Sleep(20 * time.Millisecond) // the agent is away, or its disk is full
		}
	})
}

func (d *diskFull) write() {
	for _, w := range d.written {
		w.write(d.rnd, 20)
	}
}

func (d *diskFull) positions() string {
	text, err := os.ReadFile(filepath.Join(d.disk, "run", "positions.yaml"))
	check(d, err)
	return string(text)
}

// intact checks that the positions are whole, and of all files.
func (d *diskFull) intact(when string) {
	d.Helper()
	text := d.positions()
	_, positions, _ := strings.Cut(text, "\npositions:\n")
	for _, w := range d.written {
		if !strings.HasSuffix(text, "\n") || !strings.Contains(positions, w.path+`": "`) {
			d.Errorf("%s: the positions have no %s\n%s", when, w.path, text)
		}
	}
}

// run writes while there is room, while there is none, through crashes, and when
// there is room again.
func (d *diskFull) run() {
	d.write()
	d.agent.Start()
	d.agent.AwaitOK("http://127.0.0.1:" + d.port + "/ready")
	d.push()
	d.pushing.Wait() // in the order of their lines
	d.agent.Await("all", func() bool { return d.arrived() == d.lines() })
	d.agent.Await("saved", func() bool {
		text, err := os.ReadFile(filepath.Join(d.disk, "run", "positions.yaml"))
		return err == nil && bytes.Count(text, []byte(".log\": \"")) == len(d.written)
	})
	waited := false // something, for room
	for crash := range 2 {
		// What the agent has on the disk may have room for a little more, and what
		// it removes makes some.
		d.agent.Await("out of room", func() bool {
			d.fill()
			d.write()
			return slices.ContainsFunc(strings.Split(d.agent.Log.String(), "\n"), func(line string) bool {
				return strings.Contains(line, "positions cannot be written, and nothing new is sent") && strings.Contains(line, "no space left on device")
			})
		})
		if n := metrics(d.pages + "/metrics")["skald_agent_positions_failures_total"]; n == 0 {
			d.Error("skald_agent_positions_failures_total counts nothing")
		}
		for _, w := range d.written {
			w.rotate()
		}
		d.write()
		d.push()
		waited = waited || d.arrived() < d.lines()
		d.agent.Kill()
		d.intact(fmt.Sprint("after crash ", crash))
		d.agent.Start()
	}
	d.agent.Await("out of room", func() bool {
		d.fill()
		return metrics(d.pages + "/metrics")["skald_agent_positions_failures_total"] > 0
	})
	if !waited {
		d.Error("all was sent, though the disk is full: nothing is shown")
	}
	check(d, os.Remove(filepath.Join(d.disk, "ballast")))
	d.agent.Await("saving again", func() bool { return strings.Contains(d.agent.Log.String(), "positions are saved again") })
	d.agent.Reach("lines", d.lines(), d.arrived)
	d.pushing.Wait()
	checkLedger(d, d.agent, d.pages)
	d.agent.Stop()
	d.Logf("%d lines, %d of them pushed", d.lines(), d.pushed.lines)
}
