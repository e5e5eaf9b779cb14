package agent

import (
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/prometheus/prometheus/model/labels"

	"github.com/skaldlogs/skald/clients/agent/config"
	"github.com/skaldlogs/skald/clients/agent/discover"
)

// pagesOf makes the pages of an agent that has not started, of which an instance is
// there if made is set.
func pagesOf(t *testing.T, text string, made bool) (*Agent, http.Handler) {
	t.Helper()
	t.Setenv("HOSTNAME", "node-1")
	dir := t.TempDir()
	file := filepath.Join(dir, "promtail.yaml")
	if err := os.WriteFile(file, []byte(strings.ReplaceAll(text, "DIR", dir)), 0o600); err != nil {
		t.Fatal(err)
	}
	loaded, err := config.Load([]string{"-config.file=" + file, "-positions.file=" + filepath.Join(dir, "positions.yaml")}, os.Getenv)
	if err != nil {
		t.Fatal(err)
	}
	a, err := New(loaded, strings.NewReader(""), t.Output(), t.Output())
	if err != nil {
		t.Fatal(err)
	}
	if made {
		in, err := a.newInstance(loaded)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() {
			if err := in.close(); err != nil {
				t.Error(err)
			}
		})
		a.running = in
	}
	return a, a.server(&loaded.Config.Server).Handler
}

func getPage(h http.Handler, path string) (int, string) {
	w := httptest.NewRecorder()
	h.ServeHTTP(w, httptest.NewRequest(http.MethodGet, path, nil))
	return w.Code, w.Body.String() + w.Header().Get("Location")
}

const pagesConfig = `
server: {http_path_prefix: /agent, enable_runtime_reload: false}
clients: [{url: "http://user:secret@localhost:1/push", name: main}]
scrape_configs:
  - job_name: files
    static_configs: [{labels: {job: a, __path__: DIR/*.log}}]
  - job_name: push
    loki_push_api: {server: {http_listen_address: 127.0.0.1, http_listen_port: 0}, labels: {via: "<b>"}}
`

func TestPages(t *testing.T) {
	a, h := pagesOf(t, pagesConfig, true)
	a.running.sync("files", []discover.Target{
		{Discovered: labels.FromStrings("__path__", "/x/*.log"), Labels: labels.FromStrings("job", "a"), Path: "/x/*.log"},
		{Discovered: labels.FromStrings("__meta_pod", "<script>"), Dropped: "dropped"},
	})
	for _, tc := range []struct {
		path   string
		status int
		want   []string
		not    string
	}{
		{"/agent/", http.StatusFound, []string{"/agent/targets"}, ""},
		{"/agent/targets", http.StatusOK, []string{"/agent/static/style.css", "Push", "&lt;b&gt;", "127.0.0.1:", "Acknowledged", "main"}, "<b>"},
		{"/agent/service-discovery", http.StatusOK, []string{"files (1 active, 1 dropped)", "&lt;script&gt;", "/x/*.log"}, "<script>"},
		{"/agent/config", http.StatusOK, []string{"job_name: files", "http_path_prefix: /agent"}, "secret"},
		{"/agent/ready", http.StatusOK, []string{"Ready"}, ""},
		{"/agent/metrics", http.StatusOK, []string{
			"promtail_targets_active_total 2", `promtail_targets_failed_total{reason="dropped"} 1`, `skald_agent_lines_total{reason="",state="read"} 0`,
			"promtail_config_reload_success_total 0", "promtail_files_active_total 0",
		}, ""},
		{"/agent/static/style.css", http.StatusOK, []string{"{"}, ""},
		{"/agent/reload", http.StatusNotFound, nil, ""},
		{"/targets", http.StatusNotFound, nil, ""},
	} {
		status, body := getPage(h, tc.path)
		if status != tc.status {
			t.Errorf("%s: status %d, want %d", tc.path, status, tc.status)
		}
		for _, want := range tc.want {
			if !strings.Contains(body, want) {
				t.Errorf("%s has no %q:\n%s", tc.path, want, body)
			}
		}
		if tc.not != "" && strings.Contains(body, tc.not) {
			t.Errorf("%s has %q:\n%s", tc.path, tc.not, body)
		}
	}
}

func TestPagesBeforeTheStart(t *testing.T) {
	_, h := pagesOf(t, pagesConfig, false)
	for path, want := range map[string]int{
		"/agent/targets": http.StatusServiceUnavailable, "/agent/service-discovery": http.StatusServiceUnavailable,
		"/agent/ready": http.StatusInternalServerError, "/agent/metrics": http.StatusOK, "/agent/config": http.StatusOK,
	} {
		if status, body := getPage(h, path); status != want {
			t.Errorf("%s: status %d, want %d: %s", path, status, want, body)
		}
	}
}

// TestReady has the words that Promtail's users wait for, and a setting that asks
// for no targets.
func TestReady(t *testing.T) {
	const none = "clients: [{url: 'http://localhost:1/push'}]\nserver: {health_check_target: HEALTH}"
	for health, want := range map[string]string{"true": "Not ready: Unable to find any logs to tail.", "false": "Ready"} {
		_, h := pagesOf(t, strings.Replace(none, "HEALTH", health, 1), true)
		if _, body := getPage(h, "/ready"); !strings.HasPrefix(body, want) {
			t.Errorf("health_check_target %s: %q, want %q", health, body, want)
		}
	}
}
