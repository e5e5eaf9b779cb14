package main_test

import (
	"encoding/pem"
	"fmt"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"

	"github.com/skaldlogs/skald/pkg/parts"
)

// run starts an agent whose configuration is what is said of clients and jobs;
// DIR stands for its folder. Its pages are at the address that it returns.
func run(t *testing.T, dir, text string) (agent *parts.Process, pages, file string) {
	t.Helper()
	port := parts.Port(t)
	check(t, os.MkdirAll(filepath.Join(dir, "run"), 0o755))
	file = filepath.Join(dir, "promtail.yaml")
	head := fmt.Sprintf(`
server: {http_listen_address: 127.0.0.1, http_listen_port: %s, enable_runtime_reload: true}
positions: {filename: DIR/run/positions.yaml, sync_period: 100ms}
target_config: {sync_period: 100ms}
`, port)
	configure(t, dir, head+text)
	agent = parts.NewProcess(t, parts.Program(t, "skald-agent"), "-config.file="+file)
	agent.Start()
	return agent, "http://127.0.0.1:" + port, file
}

// configure writes the configuration in a folder.
func configure(t *testing.T, dir, text string) {
	t.Helper()
	check(t, os.WriteFile(filepath.Join(dir, "promtail.yaml"), []byte(strings.ReplaceAll(text, "DIR", dir)), 0o644))
}

const oneJob = `
scrape_configs:
  - job_name: test
    static_configs: [{labels: {job: test, __path__: DIR/*.log}}]
`

// TestClientsAreIndependent has a server that is away: the others get everything
// meanwhile, and it gets everything when it comes back.
func TestClientsAreIndependent(t *testing.T) {
	dir, good, bad := t.TempDir(), newReceiver(t), newReceiver(t)
	bad.answer = func(int) (int, bool) { return http.StatusServiceUnavailable, false }
	agent, _, _ := run(t, dir, fmt.Sprintf(`
clients:
  - {url: "%s/loki/api/v1/push", name: good, batchwait: 10ms, external_labels: {to: good}}
  - {url: "%s/loki/api/v1/push", name: bad, batchwait: 10ms, backoff_config: {min_period: 10ms, max_period: 50ms}}
`, good.URL, bad.URL)+oneJob)
	f, err := os.Create(filepath.Join(dir, "a.log"))
	check(t, err)
	defer f.Close()
	for i := range 5 {
		_, err := fmt.Fprintf(f, "line %d\n", i)
		check(t, err)
		agent.Await("sent to the good one", func() bool { return good.lines() == i+1 })
	}
	if n := bad.lines(); n != 0 {
		t.Errorf("%d lines came where none were taken", n)
	}
	bad.mu.Lock()
	bad.answer = nil
	bad.mu.Unlock()
	agent.Await("sent to both", func() bool { return bad.lines() == 5 })
	agent.Stop()
	for name, r := range map[string]*receiver{`to="good"`: good, `job="test"`: bad} {
		for stream, got := range r.streams {
			if len(got) != 5 || !strings.Contains(stream, name) {
				t.Errorf("stream %s has %d entries, want 5 and %s", stream, len(got), name)
			}
		}
	}
}

// TestClientAwayForLong has a server that is away until its client's queue on disk
// is full as well: the other gets everything meanwhile, a file that was rotated
// included, and the one that was away gets every line once, in order, in the end.
func TestClientAwayForLong(t *testing.T) {
	dir, good, bad := t.TempDir(), newReceiver(t), newReceiver(t)
	bad.answer = func(int) (int, bool) { return http.StatusServiceUnavailable, false }
	agent, pages, _ := run(t, dir, fmt.Sprintf(`
clients:
  - {url: "%s/push", name: good, batchwait: 10ms, batchsize: 50000}
  - {url: "%s/push", name: bad, batchwait: 10ms, batchsize: 50000, backoff_config: {min_period: 10ms, max_period: 50ms}}
`, good.URL, bad.URL)+strings.Replace(oneJob, "*.log", "a.log", 1))
	// The smallest queue there may be; what is written does not compress.
	agent.Await("started", func() bool { status, _ := get(pages + "/config"); return status == http.StatusOK })
	agent.Stop()
	agent.Args = append(agent.Args, "-target.queue-bytes=1048576")
	agent.Start()
	name := filepath.Join(dir, "a.log")
	f, err := os.Create(name)
	check(t, err)
	rnd := rand.New(rand.NewPCG(1, 8))
	const lines = 8000
	for i := range lines {
		b := make([]byte, 300)
		for j := range b {
			b[j] = byte('!' + rnd.IntN(94))
		}
		_, err := fmt.Fprintf(f, "%05d %s\n", i, b)
		check(t, err)
		if i == lines/2 {
			agent.Await("sent to the good one", func() bool { return good.lines() == i+1 })
			check(t, f.Close())
			check(t, os.Rename(name, name+".1"))
			f, err = os.Create(name)
			check(t, err)
		}
	}
	check(t, f.Close())
	agent.Await("sent to the good one", func() bool { return good.lines() == lines })
	if n := bad.lines(); n != 0 {
		t.Errorf("%d lines came where none were taken", n)
	}
	agent.Await("behind", func() bool { return readLedger(pages).putOff["bad"] > 0 })
	if n := metrics(pages + "/metrics")["skald_agent_client_queue_bytes"]; n < 1<<20 || n > 2<<20 {
		t.Errorf("%v bytes are on disk, want a little more than 1 MiB", n)
	}
	agent.Await("saying that the queue is full", func() bool { return strings.Contains(agent.Log.String(), "the client's queue has no room") })
	bad.mu.Lock()
	bad.answer = nil
	bad.mu.Unlock()
	agent.Await("caught up", func() bool { return bad.lines() == lines })
	checkLedger(t, agent, pages)
	agent.Stop()
	for _, r := range []*receiver{good, bad} {
		for stream, got := range r.streams {
			if len(got) != lines {
				t.Errorf("stream %s has %d entries, want %d", stream, len(got), lines)
			}
			for i, e := range got {
				if e.line[:5] != fmt.Sprintf("%05d", i) {
					t.Errorf("entry %d of %s is %s", i, stream, e.line[:5])
					break
				}
			}
		}
	}
}

// TestClientsShowWhoTheyAre pushes to servers that want passwords, tokens and
// certificates that are known.
func TestClientsShowWhoTheyAre(t *testing.T) {
	dir := t.TempDir()
	heads := make(chan http.Header, 1000)
	server := httptest.NewTLSServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		heads <- r.Header
		w.WriteHeader(http.StatusNoContent)
	}))
	defer server.Close()
	ca := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: server.Certificate().Raw})
	check(t, os.WriteFile(filepath.Join(dir, "ca.pem"), ca, 0o600))
	check(t, os.WriteFile(filepath.Join(dir, "token"), []byte("t2\n"), 0o600))
	check(t, os.WriteFile(filepath.Join(dir, "a.log"), []byte("a line\n"), 0o600))
	agent, pages, _ := run(t, dir, fmt.Sprintf(`
clients:
  - {url: "%[1]s/push", name: basic, tls_config: {ca_file: DIR/ca.pem}, basic_auth: {username: u, password: p}, tenant_id: one, headers: {X-More: m, X-Scope-OrgID: no}}
  - {url: "%[1]s/push", name: bearer, tls_config: {ca_file: DIR/ca.pem}, bearer_token: t1}
  - {url: "%[1]s/push", name: file, tls_config: {ca_file: DIR/ca.pem}, authorization: {credentials_file: DIR/token}}
  - {url: "%[1]s/push", name: stranger, backoff_config: {min_period: 10ms, max_period: 20ms, max_retries: 2}}
`, server.URL)+oneJob)
	var got []string
	for range 3 {
		h := <-heads
		got = append(got, strings.TrimSpace(h.Get("Authorization")+" "+h.Get("X-Scope-OrgID")+" "+h.Get("X-More")))
		if h.Get("Content-Type") != "application/x-protobuf" || !strings.HasPrefix(h.Get("User-Agent"), "skald-agent/") {
			t.Errorf("a push has the headers %v", h)
		}
	}
	slices.Sort(got)
	if want := []string{"Basic dTpw one m", "Bearer t1", "Bearer t2"}; !slices.Equal(got, want) {
		t.Errorf("pushes show %q, want %q", got, want)
	}
	agent.Await("without those of the one that trusts nobody", func() bool {
		return metrics(pages + "/metrics")["promtail_dropped_entries_total"] == 1
	})
	agent.Stop()
	if !strings.Contains(agent.Log.String(), "certificate signed by unknown authority") {
		t.Error("the log does not say why the last client cannot push")
	}
}

// TestReload changes labels while lines come, by a signal and by a request, and
// keeps what is in force when the file is wrong. No line is lost or sent twice.
func TestReload(t *testing.T) {
	dir, r := t.TempDir(), newReceiver(t)
	config := fmt.Sprintf("\nclients: [{url: \"%s/push\", batchwait: 10ms}]\n", r.URL)
	agent, pages, file := run(t, dir, config+oneJob)
	first, err := os.ReadFile(file)
	check(t, err)
	f, err := os.Create(filepath.Join(dir, "a.log"))
	check(t, err)
	defer f.Close()
	written := 0
	write := func() {
		t.Helper()
		_, err := fmt.Fprintf(f, "line %d\n", written)
		check(t, err)
		written++
		agent.Await("sent", func() bool { return r.lines() == written })
	}
	write()
	configure(t, dir, strings.Replace(string(first), "job: test", "job: second", 1))
	agent.Signal(syscall.SIGHUP)
	agent.Await("reloaded", func() bool { return metrics(pages + "/metrics")["promtail_config_reload_success_total"] == 1 })
	write()
	configure(t, dir, strings.Replace(string(first), "job: test", "job: third", 1))
	if status, body := get(pages + "/reload"); status != http.StatusOK {
		t.Errorf("reload: %d %s", status, body)
	}
	write()
	configure(t, dir, "nonsense: 1\n")
	if status, body := get(pages + "/reload"); status != http.StatusInternalServerError || !strings.Contains(body, "failed to reload config: ") || !strings.Contains(body, "nonsense") {
		t.Errorf("reload of a wrong file: %d %s", status, body)
	}
	write()
	m := metrics(pages + "/metrics")
	if m["promtail_config_reload_success_total"] != 2 || m["promtail_config_reload_fail_total"] != 1 {
		t.Errorf("%v reloads and %v failures, want 2 and 1", m["promtail_config_reload_success_total"], m["promtail_config_reload_fail_total"])
	}
	agent.Stop()
	entries := 0
	for stream, want := range map[string]int{"test": 1, "second": 1, "third": 2} {
		for name, got := range r.streams {
			if strings.Contains(name, `job="`+stream+`"`) {
				entries += len(got)
				if len(got) != want {
					t.Errorf("%s has %d entries, want %d", name, len(got), want)
				}
			}
		}
	}
	if entries != written {
		t.Errorf("%d entries came of %d lines", entries, written)
	}
}

// TestMetricsKeepTheirNames looks for all that dashboards and alerts are made of.
func TestMetricsKeepTheirNames(t *testing.T) {
	dir, r := t.TempDir(), newReceiver(t)
	check(t, os.WriteFile(filepath.Join(dir, "a.log"), []byte("a line\nnoise\n"), 0o600))
	agent, pages, _ := run(t, dir, fmt.Sprintf(`
clients: [{url: "%s/push", batchwait: 10ms}]
scrape_configs:
  - job_name: test
    pipeline_stages:
      - {drop: {expression: noise}}
      - {metrics: {lines: {type: Counter, description: d, config: {match_all: true, action: inc}}}}
    static_configs: [{labels: {job: test, __path__: DIR/*.log}}, {labels: {job: nothing}}]
`, r.URL))
	agent.Await("sent", func() bool { return r.lines() == 1 && metrics(pages + "/metrics")["promtail_sent_entries_total"] == 1 })
	host := r.Listener.Addr().String()
	path := filepath.Join(dir, "a.log")
	var text string
	agent.Await("known to be read", func() bool { // what is looked at just now tells older values
		_, text = get(pages + "/metrics")
		return strings.Contains(text, fmt.Sprintf("\npromtail_read_lines_total{path=%q} 2\n", path))
	})
	for _, series := range []string{
		`promtail_encoded_bytes_total{host="HOST"} `, `promtail_sent_bytes_total{host="HOST"} `, `promtail_sent_entries_total{host="HOST"} 1`,
		`promtail_dropped_bytes_total{host="HOST",reason="ingester_error",tenant=""} 0`,
		`promtail_dropped_entries_total{host="HOST",reason="ingester_error",tenant=""} 0`,
		`promtail_dropped_entries_total{host="HOST",reason="rate_limited",tenant=""} 0`,
		`promtail_dropped_entries_total{host="HOST",reason="stream_limited",tenant=""} 0`,
		`promtail_dropped_entries_total{host="HOST",reason="line_too_long",tenant=""} 0`,
		`promtail_mutated_entries_total{host="HOST",reason="line_too_long",tenant=""} 0`,
		`promtail_mutated_bytes_total{host="HOST",reason="line_too_long",tenant=""} 0`,
		`promtail_request_duration_seconds_count{host="HOST",status_code="204"} 1`,
		`promtail_request_duration_seconds_bucket{host="HOST",status_code="204",le="0.005"} `,
		`promtail_batch_retries_total{host="HOST",tenant=""} 0`,
		`promtail_read_bytes_total{path="PATH"} 13`, `promtail_file_bytes_total{path="PATH"} 13`, `promtail_read_lines_total{path="PATH"} 2`,
		`promtail_files_active_total 1`, `promtail_targets_active_total 1`, `promtail_targets_failed_total{reason="no_path"} 1`,
		`promtail_config_reload_success_total 0`, `promtail_config_reload_fail_total 0`,
		`promtail_custom_lines{`, `logentry_dropped_lines_total{reason="drop_stage"} 1`, `promtail_build_info{`,
		`process_resident_memory_bytes `, `go_goroutines `,
	} {
		series = strings.NewReplacer("HOST", host, "PATH", path).Replace(series)
		if !strings.Contains(text, "\n"+series) {
			t.Errorf("there is no %s", series)
		}
	}
	agent.Stop()
}
