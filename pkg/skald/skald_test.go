package skald

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"
	healthpb "google.golang.org/grpc/health/grpc_health_v1"
)

// A running is a whole Skald in this process.
type running struct {
	url  string
	grpc string // host:port
	stop func()
}

// start runs Skald on free ports until stop or the end of the test, and waits
// until it is ready.
func start(t testing.TB, args ...string) *running {
	t.Helper()
	l, err := Load(append([]string{"-server.http-listen-port=0", "-server.grpc-listen-port=0", "-log.level=error"}, args...), os.Getenv)
	if err != nil {
		t.Fatal(err)
	}
	s, err := New(l.Config, func(reg prometheus.Registerer) *Logger {
		return NewLogger(os.Stderr, l.Config.Server.LogFormat, l.Config.Server.LogLevel, reg)
	})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- s.Run(ctx) }()
	stopped := false
	r := &running{
		grpc: "127.0.0.1:" + fmt.Sprint(s.server.GRPCListenAddr().(*net.TCPAddr).Port),
		url:  "http://127.0.0.1:" + fmt.Sprint(s.server.HTTPListenAddr().(*net.TCPAddr).Port),
		stop: func() {
			if stopped {
				return
			}
			stopped = true
			cancel()
			select {
			case err := <-done:
				if err != nil {
					t.Error(err)
				}
			case <-time.After(time.Minute):
				t.Error("it does not stop")
			}
		},
	}
	t.Cleanup(r.stop)
	for deadline := time.Now().Add(2 * time.Minute); ; {
		status, body := r.get(t, l.Config.Server.PathPrefix+"/ready")
		if status == http.StatusOK && body == "ready\n" {
			return r
		}
		if time.Now().After(deadline) {
			t.Fatalf("not ready after two minutes: %s", body)
		}
		if !strings.Contains(body, " not ready: ") {
			t.Fatalf("/ready answers %d %q, want it to name a module", status, body)
		}
	}
}

func (r *running) get(t testing.TB, path string, header ...string) (int, string) {
	t.Helper()
	return r.do(t, http.MethodGet, path, "", header...)
}

func (r *running) do(t testing.TB, method, path, body string, header ...string) (int, string) {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), method, r.url+path, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	for i := 0; i+1 < len(header); i += 2 {
		req.Header.Set(header[i], header[i+1])
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	text, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	return resp.StatusCode, string(text)
}

// push stores a line now, in the stream {app="shop"}.
func (r *running) push(t *testing.T, line string, header ...string) {
	t.Helper()
	body := fmt.Sprintf(`{"streams":[{"stream":{"app":"shop"},"values":[["%d",%q]]}]}`, time.Now().UnixNano(), line)
	status, text := r.do(t, http.MethodPost, "/loki/api/v1/push", body, append(header, "Content-Type", "application/json")...)
	if status != http.StatusNoContent {
		t.Fatalf("push answers %d %s", status, text)
	}
}

// lines are those of {app="shop"}, oldest first.
func (r *running) lines(t *testing.T, header ...string) []string {
	t.Helper()
	q := url.Values{"query": {`{app="shop"}`}, "direction": {"forward"}}
	status, text := r.get(t, "/loki/api/v1/query_range?"+q.Encode(), header...)
	if status != http.StatusOK {
		t.Fatalf("query answers %d %s", status, text)
	}
	var answer struct {
		Data struct {
			Result []struct{ Values [][2]string }
		}
	}
	if err := json.Unmarshal([]byte(text), &answer); err != nil {
		t.Fatal(err)
	}
	var out []string
	for _, s := range answer.Data.Result {
		for _, v := range s.Values {
			out = append(out, v[1])
		}
	}
	return out
}

func TestLinesOutliveTheProcess(t *testing.T) {
	dir := t.TempDir()
	r := start(t, "-data.dir="+dir)
	r.push(t, "first")
	r.stop()
	r = start(t, "-data.dir="+dir)
	r.push(t, "second")
	if status, text := r.do(t, http.MethodPost, "/flush", ""); status != http.StatusNoContent {
		t.Fatalf("/flush answers %d %s", status, text)
	}
	r.stop()
	r = start(t, "-data.dir="+dir)
	r.push(t, "third")
	if got := fmt.Sprint(r.lines(t)); got != "[first second third]" {
		t.Errorf("the lines are %s, want [first second third]", got)
	}
}

func TestTenantsAreApart(t *testing.T) {
	dir := t.TempDir()
	file := filepath.Join(dir, "c.yaml")
	runtime := filepath.Join(dir, "runtime.yaml")
	write(t, runtime, "overrides: {b: {max_line_size: 10B}}\n")
	write(t, file, "server: {http_listen_address: 127.0.0.1, grpc_listen_address: 127.0.0.1, http_path_prefix: /logs}\n"+
		"common: {path_prefix: "+dir+", replication_factor: 3, ring: {kvstore: {store: inmemory}}}\n"+
		"runtime_config: {file: "+runtime+"}\n")
	r := start(t, "-config.file="+file)
	r.url += "/logs"
	r.push(t, "of a", "X-Scope-OrgID", "a")
	if got := r.lines(t, "X-Scope-OrgID", "b"); len(got) != 0 {
		t.Errorf("b sees %v", got)
	}
	if got := fmt.Sprint(r.lines(t, "X-Scope-OrgID", "a")); got != "[of a]" {
		t.Errorf("a sees %s, want [of a]", got)
	}
	for _, tc := range []struct {
		tenant, want string
		status       int
	}{
		{"", "no org id\n", http.StatusUnauthorized},
		{"a", "max_line_size: 256KB\n", http.StatusOK},
		{"b", "max_line_size: 10B\n", http.StatusOK},
		{"a b", "unsupported character", http.StatusBadRequest},
	} {
		status, text := r.get(t, "/config/tenant/v1/limits", "X-Scope-OrgID", tc.tenant)
		if status != tc.status || !strings.Contains(text, tc.want) {
			t.Errorf("the limits of %q: %d, want %d and %q in\n%s", tc.tenant, status, tc.status, tc.want, text)
		}
	}
}

func write(t *testing.T, file, text string) {
	t.Helper()
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}

func TestAdmin(t *testing.T) {
	r := start(t, "-data.dir="+t.TempDir(), "-ingester.ring.etcd.password=sesame", "-s3.secret-access-key=sesame", "-azure.account-key=sesame", "-gcs.service-account=sesame", "-querier.max-concurrent=3")
	for _, tc := range []struct {
		method, path string
		status       int
		want         string
	}{
		{"GET", "/services", 200, "ingester => Running\n"},
		{"GET", "/config", 200, "http_listen_address: 127.0.0.1"},
		{"GET", "/config?mode=defaults", 200, "auth_enabled: true"},
		{"GET", "/config?mode=diff", 200, "querier:\n    max_concurrent: 3\n"},
		{"GET", "/config?mode=odd", 400, "unknown mode"},
		{"GET", "/log_level", 200, `{"message":"Current log level is error"}`},
		{"POST", "/log_level?log_level=warn", 200, `{"message":"Log level set to warn","status":"success"}`},
		{"POST", "/log_level?log_level=loud", 400, `"status":"failed"`},
		{"GET", "/loki/api/v1/status/buildinfo", 200, `"goVersion":"go`},
		{"GET", "/ring", 200, "ACTIVE"},
		{"GET", "/memberlist", 200, "memberlist"},
		{"GET", "/debug/pprof/", 200, "goroutine"},
		{"GET", "/metrics", 200, `loki_request_duration_seconds_count{method="GET",route="loki_api_v1_status_buildinfo",status_code="200",ws="false"} 1`},
		{"GET", "/metrics", 200, "loki_build_info{"},
		{"GET", "/metrics", 200, `cortex_ring_members{name="ingester",state="ACTIVE"} 1`},
		{"GET", "/metrics", 200, "loki_panic_total 0"},
		{"GET", "/", 404, "404 page not found\n"},
		{"POST", "/ready", 405, ""},
		{"GET", "/loki/api/v1/label/app/values", 200, "success"},
		{"GET", "/metrics", 200, `route="loki_api_v1_label_name_values"`},
	} {
		status, text := r.do(t, tc.method, tc.path, "")
		if status != tc.status || !strings.Contains(text, tc.want) {
			if len(text) > 500 {
				text = text[:500] + "…"
			}
			t.Errorf("%s %s: %d, want %d and %q in\n%s", tc.method, tc.path, status, tc.status, tc.want, text)
		}
	}
	conn, err := grpc.NewClient(r.grpc, grpc.WithTransportCredentials(insecure.NewCredentials()))
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	health, err := healthpb.NewHealthClient(conn).Check(t.Context(), &healthpb.HealthCheckRequest{})
	if err != nil || health.Status != healthpb.HealthCheckResponse_SERVING {
		t.Errorf("the health check over gRPC answers %v (%v), want SERVING", health, err)
	}
	if _, text := r.get(t, "/config"); strings.Contains(text, "sesame") {
		t.Error("/config shows a secret")
	}
}

// TestRolesApart: a process with some roles serves their routes alone.
func TestRolesApart(t *testing.T) {
	for _, tc := range []struct {
		target      string
		push, query int
	}{
		{"write", http.StatusNoContent, http.StatusNotFound},
		{"read", http.StatusNotFound, 0},
	} {
		t.Run(tc.target, func(t *testing.T) {
			r := start(t, "-target="+tc.target, "-data.dir="+t.TempDir())
			body := fmt.Sprintf(`{"streams":[{"stream":{"app":"a"},"values":[["%d","x"]]}]}`, time.Now().UnixNano())
			if status, text := r.do(t, http.MethodPost, "/loki/api/v1/push", body, "Content-Type", "application/json"); status != tc.push {
				t.Errorf("a push answers %d %s, want %d", status, text, tc.push)
			}
			if status, text := r.get(t, "/loki/api/v1/labels"); tc.query != 0 && status != tc.query || tc.query == 0 && status == http.StatusNotFound {
				t.Errorf("labels answers %d %s", status, text)
			}
		})
	}
}

func TestPortInUse(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	loaded, err := Load([]string{fmt.Sprintf("-server.http-listen-port=%d", l.Addr().(*net.TCPAddr).Port), "-data.dir=" + t.TempDir()}, os.Getenv)
	if err != nil {
		t.Fatal(err)
	}
	_, err = New(loaded.Config, func(reg prometheus.Registerer) *Logger {
		return NewLogger(io.Discard, "logfmt", loaded.Config.Server.LogLevel, reg)
	})
	if err == nil || !strings.Contains(err.Error(), "address already in use") || !strings.Contains(err.Error(), "server.http_listen_port") {
		t.Errorf("a second Skald on the same port: %v, want it to say so and name the setting", err)
	}
}
