package main_test

import (
	"bufio"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/skaldlogs/skald/pkg/parts"
)

func TestMain(m *testing.M) { parts.Main(m) }

// TestThroughAnAgent: without -push the canary's lines go to its output, from there into a file, and an
// agent reads them, which is stopped and started again meanwhile. The canary finds each by
// the tail or by a query, none twice and none that it has not written.
func TestThroughAnAgent(t *testing.T) {
	dir := t.TempDir()
	serverPort := parts.Port(t)
	server := "127.0.0.1:" + serverPort
	skald := parts.NewProcess(t, parts.Program(t, "skald"), "-data.dir="+filepath.Join(dir, "data"), "-ingester.wal-disk-full-threshold=0",
		"-server.http-listen-address=127.0.0.1", "-server.http-listen-port="+serverPort, "-server.grpc-listen-port="+parts.Port(t))
	skald.Start()
	skald.AwaitOK("http://" + server + "/ready")

	agentPort, lines, config := parts.Port(t), filepath.Join(dir, "canary.log"), filepath.Join(dir, "agent.yaml")
	text := fmt.Sprintf(`
server: {http_listen_address: 127.0.0.1, http_listen_port: %s, grpc_listen_port: 0}
positions: {filename: %s, sync_period: 100ms}
clients: [{url: "http://%s/loki/api/v1/push", batchwait: 100ms}]
scrape_configs:
- job_name: canary
  static_configs: [{targets: [localhost], labels: {name: loki-canary, stream: stdout, __path__: %s}}]
`, agentPort, filepath.Join(dir, "positions.yaml"), server, lines)
	for name, text := range map[string]string{config: text, lines: ""} {
		if err := os.WriteFile(name, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	agent := parts.NewProcess(t, parts.Program(t, "skald-agent"), "-config.file="+config)
	agent.Start()
	agent.AwaitOK("http://127.0.0.1:" + agentPort + "/ready")

	port := parts.Port(t)
	canary := parts.NewProcess(t, "sh", "-c", `exec "$0" "$@" >>`+lines, parts.Program(t, "skald-canary"),
		"-addr="+server, "-port="+port, "-interval=50ms", "-wait=60s", "-max-wait=120s", "-pruneinterval=1s", "-spot-check-interval=1h", "-metric-test-interval=1h", "-cache-test-interval=1h")
	canary.Start()
	pages := "http://127.0.0.1:" + port
	found := func() int { return int(metrics(pages)["response_latency_seconds_count"]) }
	canary.Reach("entries found", 20, found)
	agent.Stop()
	agent.Start()
	canary.Reach("entries found with the agent started again", found()+40, found)

	resp, err := http.Get(pages + "/suspend")
	if err != nil {
		t.Fatal(err)
	}
	_ = resp.Body.Close()
	canary.Await("all that was written is found", func() bool {
		m := metrics(pages)
		return m["entries_total"] > 0 && m["response_latency_seconds_count"] >= m["entries_total"]
	})
	m := metrics(pages)
	for _, name := range []string{"missing_entries_total", "websocket_missing_entries_total", "duplicate_entries_total", "unexpected_entries_total", "out_of_order_entries_total"} {
		if n, there := m[name]; !there || n != 0 {
			t.Errorf("%s is %v of %v entries", name, n, m["entries_total"])
		}
	}
}

// metrics are those of the canary, without the beginning of their names.
func metrics(pages string) map[string]float64 {
	out := map[string]float64{}
	resp, err := http.Get(pages + "/metrics")
	if err != nil {
		return out
	}
	defer resp.Body.Close()
	lines := bufio.NewScanner(io.LimitReader(resp.Body, 10<<20))
	for lines.Scan() {
		name, value, _ := strings.Cut(lines.Text(), " ")
		if name, ok := strings.CutPrefix(name, "loki_canary_"); ok {
			if v, err := strconv.ParseFloat(value, 64); err == nil {
				out[name] = v
			}
		}
	}
	return out
}
