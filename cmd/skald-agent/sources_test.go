package main_test

import (
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/skaldlogs/skald/pkg/parts"
)

// has waits until a server answers a selector with these lines, in any order.
func has(t *testing.T, agent *parts.Process, server, selector string, want ...string) {
	t.Helper()
	slices.Sort(want)
	var got []string
	ok := agent.Poll(func() bool {
		got = got[:0]
		for _, e := range query(t, server, selector, time.Now().Add(-time.Hour)) {
			got = append(got, e.line)
		}
		slices.Sort(got)
		return slices.Equal(got, want)
	})
	if !ok {
		t.Fatalf("%s has %q, want %q\n%s", selector, got, want, agent.Log.Tail())
	}
}

func command(t *testing.T, stdin, program string, args ...string) {
	t.Helper()
	cmd := exec.Command(program, args...)
	cmd.Stdin = strings.NewReader(stdin)
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("%s: %v\n%s", program, err, out)
	}
}

// runRsyslog runs rsyslogd with what is said of forwarding, and returns the socket
// on which it takes messages.
func runRsyslog(t *testing.T, dir, forward string) (socket string) {
	t.Helper()
	rsyslogd := parts.Need(t, "rsyslogd", "rsyslog")
	dir, err := os.MkdirTemp(dir, "rsyslog")
	check(t, err)
	conf, socket := filepath.Join(dir, "rsyslog.conf"), filepath.Join(dir, "log")
	check(t, os.WriteFile(conf, fmt.Appendf(nil, `
global(workDirectory=%q)
module(load="imuxsock" SysSock.Use="off")
input(type="imuxsock" Socket=%q)
%s
`, dir, socket, forward), 0o644))
	daemon := parts.NewProcess(t, rsyslogd, "-n", "-f", conf, "-i", filepath.Join(dir, "rsyslog.pid"))
	daemon.Start()
	daemon.Await("having a socket", func() bool { _, err := os.Stat(socket); return err == nil })
	return socket
}

// TestSyslogToServer sends with logger and rsyslogd, by TCP and UDP, what a
// server then has.
func TestSyslogToServer(t *testing.T) {
	logger := parts.Need(t, "logger", "bsdutils")
	server, dir := startSkald(t), t.TempDir()
	tcp, udp := parts.Port(t), parts.Port(t)
	agent, pages, _ := run(t, dir, fmt.Sprintf(`
clients: [{url: "http://%s/loki/api/v1/push", batchwait: 50ms}]
scrape_configs:
  - job_name: tcp
    syslog: {listen_address: "127.0.0.1:%s", labels: {job: tcp}, label_structured_data: true}
    relabel_configs: &labels
      - {source_labels: [__syslog_message_app_name], target_label: app}
      - {source_labels: [__syslog_message_severity], target_label: level}
  - job_name: udp
    syslog: {listen_address: "127.0.0.1:%s", listen_protocol: udp, syslog_format: rfc3164, labels: {job: udp}}
    relabel_configs: *labels
`, server, tcp, udp))
	agent.Await("ready", func() bool { status, _ := get(pages + "/ready"); return status == http.StatusOK })
	command(t, "", logger, "--tcp", "-n", "127.0.0.1", "-P", tcp, "--rfc5424", "--octet-count", "-t", "counted", "-p", "user.warning", "by tcp")
	command(t, "", logger, "--tcp", "-n", "127.0.0.1", "-P", tcp, "--rfc5424", "-t", "lines", "by tcp, a line")
	command(t, "", logger, "--udp", "-n", "127.0.0.1", "-P", udp, "--rfc3164", "-t", "old", "by udp")
	has(t, agent, server, `{job="tcp", app="counted", level="warning"}`, "by tcp")
	has(t, agent, server, `{job="tcp", app="lines", level="notice"}`, "by tcp, a line")
	has(t, agent, server, `{job="udp", app="old"}`, "by udp")

	socket := runRsyslog(t, dir, fmt.Sprintf(`action(type="omfwd" target="127.0.0.1" port=%q protocol="tcp" TCP_Framing="octet-counted" template="RSYSLOG_SyslogProtocol23Format")`, tcp))
	command(t, "one\ntwo\n", logger, "-u", socket, "-t", "through")
	// The space before a text of the old format is part of it to rsyslog.
	has(t, agent, server, `{job="tcp", app="through"}`, " one", " two")
	agent.Stop()
}

// TestPushToServer pushes to the agent, which is stopped before the server gets
// it, and killed.
func TestPushToServer(t *testing.T) {
	server, dir, port := startSkald(t), t.TempDir(), parts.Port(t)
	agent, pages, _ := run(t, dir, fmt.Sprintf(`
clients: [{url: "http://%s/loki/api/v1/push", batchwait: 50ms}]
scrape_configs:
  - job_name: push
    loki_push_api: {server: {http_listen_address: 127.0.0.1, http_listen_port: %s}, labels: {via: agent}}
`, server, port))
	agent.Await("ready", func() bool { status, _ := get(pages + "/ready"); return status == http.StatusOK })
	for path, body := range map[string]string{
		"/loki/api/v1/push":    `{"streams":[{"stream":{"app":"a"},"values":[["1700000000000000000","pushed"]]}]}`,
		"/promtail/api/v1/raw": "raw one\nraw two\n",
	} {
		resp, err := http.Post("http://127.0.0.1:"+port+path, "application/json", strings.NewReader(body))
		check(t, err)
		_ = resp.Body.Close()
		if resp.StatusCode != http.StatusNoContent {
			t.Errorf("%s: %s", path, resp.Status)
		}
	}
	// What was acknowledged is on disk.
	agent.Kill()
	agent.Start()
	has(t, agent, server, `{via="agent", app="a"}`, "pushed")
	has(t, agent, server, `{via="agent", app=""}`, "raw one", "raw two")
	agent.Stop()
}

// TestJournalToServer reads a journal, and goes on where it was after a restart.
func TestJournalToServer(t *testing.T) {
	parts.Need(t, "journalctl", "systemd")
	remote := parts.Need(t, "systemd-journal-remote", "systemd-journal-remote")
	server, dir := startSkald(t), t.TempDir()
	journal := filepath.Join(dir, "journal")
	check(t, os.MkdirAll(journal, 0o755))
	now := time.Now().UnixMicro()
	entries := 0
	add := func(text string) {
		t.Helper()
		entries++
		command(t, fmt.Sprintf("__REALTIME_TIMESTAMP=%d\n__MONOTONIC_TIMESTAMP=%d\n_BOOT_ID=0123456789abcdef0123456789abcdef\n_SYSTEMD_UNIT=a.service\nPRIORITY=4\nMESSAGE=%s\n\n",
			now-60e6+int64(entries), entries, text), remote, "--output="+filepath.Join(journal, "test.journal"), "-")
	}
	add("first")
	add("second")
	agent, _, _ := run(t, dir, fmt.Sprintf(`
clients: [{url: "http://%s/loki/api/v1/push", batchwait: 50ms}]
scrape_configs:
  - job_name: journal
    journal: {path: DIR/journal, max_age: 12h, labels: {job: journal}}
    relabel_configs:
      - {source_labels: [__journal__systemd_unit], target_label: unit}
      - {source_labels: [__journal_priority_keyword], target_label: level}
`, server))
	const selector = `{job="journal", unit="a.service", level="warning"}`
	has(t, agent, server, selector, "first", "second")
	agent.Stop()
	add("third")
	agent.Start()
	has(t, agent, server, selector, "first", "second", "third")
	agent.Stop()
}
