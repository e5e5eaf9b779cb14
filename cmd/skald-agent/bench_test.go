package main_test

import (
	"bufio"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/skaldlogs/skald/pkg/parts"
)

// BenchmarkKubernetes asks how many lines one core ships: JSON lines of 216
// bytes in the format of container runtimes, over 100 files, with the labels and
// stages of the usual Kubernetes configuration. The server takes everything at
// once; what is measured is the time from the agent's start to the last
// acknowledgement, and the processor time that the agent took.
func BenchmarkKubernetes(b *testing.B) {
	const files, perFile = 100, 20_000
	dir := b.TempDir()
	writeContainers(b, dir, files, perFile)
	for b.Loop() {
		var bytes atomic.Int64
		server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			n, _ := io.Copy(io.Discard, r.Body)
			bytes.Add(n)
			w.WriteHeader(http.StatusNoContent)
		}))
		port := parts.Port(b)
		file := filepath.Join(dir, "promtail.yaml")
		check(b, os.RemoveAll(filepath.Join(dir, "run")))
		check(b, os.MkdirAll(filepath.Join(dir, "run"), 0o755))
		check(b, os.WriteFile(file, fmt.Appendf(nil, kubernetesConfig, port, dir, server.Listener.Addr(), dir), 0o644))
		agent := parts.NewProcess(b, parts.Program(b, "skald-agent"), "-config.file="+file)
		began := time.Now()
		agent.Env = []string{"GOMAXPROCS=1"}
		agent.Start()
		var rss float64
		agent.Await("done", func() bool {
			time.Sleep(100 * time.Millisecond) // to ask costs the agent time, too
			m := metrics("http://127.0.0.1:" + port + "/metrics")
			rss = max(rss, m["process_resident_memory_bytes"])
			return m["promtail_sent_entries_total"] >= files*perFile
		})
		took := time.Since(began).Seconds()
		m := metrics("http://127.0.0.1:" + port + "/metrics")
		agent.Stop()
		server.Close()
		b.ReportMetric(files*perFile/took, "lines/s")
		b.ReportMetric(files*perFile/m["process_cpu_seconds_total"], "lines/cpu-s")
		b.ReportMetric(rss/(1<<20), "MiB-rss")
		b.ReportMetric(float64(bytes.Load())/(files*perFile), "wire-bytes/line")
	}
}

// BenchmarkMemory asks how much memory the agent takes at 10,000 lines a second.
func BenchmarkMemory(b *testing.B) {
	const files = 100
	dir := b.TempDir()
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(io.Discard, r.Body)
		w.WriteHeader(http.StatusNoContent)
	}))
	defer server.Close()
	var out []*os.File
	for _, name := range writeContainers(b, dir, files, 1) {
		f, err := os.OpenFile(name, os.O_APPEND|os.O_WRONLY, 0)
		check(b, err)
		defer f.Close()
		out = append(out, f)
	}
	port := parts.Port(b)
	file := filepath.Join(dir, "promtail.yaml")
	check(b, os.MkdirAll(filepath.Join(dir, "run"), 0o755))
	check(b, os.WriteFile(file, fmt.Appendf(nil, kubernetesConfig, port, dir, server.Listener.Addr(), dir), 0o644))
	agent := parts.NewProcess(b, parts.Program(b, "skald-agent"), "-config.file="+file)
	agent.Start()
	rnd := rand.New(rand.NewPCG(1, 1))
	for b.Loop() {
		rss := 0.0
		tick := time.NewTicker(10 * time.Millisecond)
		for i := range 2000 { // 20 s, 100 lines each time
			<-tick.C
			for _, f := range out {
				_, err := f.WriteString(containerLine(rnd))
				check(b, err)
			}
			if i%100 == 0 {
				rss = max(rss, metrics("http://127.0.0.1:" + port + "/metrics")["process_resident_memory_bytes"])
			}
		}
		tick.Stop()
		m := metrics("http://127.0.0.1:" + port + "/metrics")
		b.ReportMetric(rss/(1<<20), "MiB-rss")
		b.ReportMetric(m["process_cpu_seconds_total"], "cpu-s")
	}
	agent.Stop()
}

const kubernetesConfig = `
server: {http_listen_address: 127.0.0.1, http_listen_port: %s}
positions: {filename: %s/run/positions.yaml}
clients: [{url: "http://%s/loki/api/v1/push"}]
scrape_configs:
  - job_name: kubernetes-pods
    pipeline_stages: [{cri: {}}]
    file_sd_configs: [{files: ["%s/pods.json"]}]
    relabel_configs:
      - {source_labels: [__meta_kubernetes_pod_label_app], target_label: __service__}
      - {source_labels: [__service__], regex: "", action: drop}
      - {action: labelmap, regex: __meta_kubernetes_pod_label_(.+)}
      - {source_labels: [__meta_kubernetes_namespace, __service__], separator: /, target_label: job}
      - {source_labels: [__meta_kubernetes_namespace], target_label: namespace}
      - {source_labels: [__meta_kubernetes_pod_name], target_label: pod}
      - {source_labels: [__meta_kubernetes_pod_container_name], target_label: container}
      - {source_labels: [__meta_path], target_label: __path__}
`

// writeContainers writes the log files of pods, and what discovery finds of them.
func writeContainers(tb testing.TB, dir string, files, lines int) []string {
	rnd := rand.New(rand.NewPCG(1, 2))
	var names, pods []string
	for i := range files {
		pod := fmt.Sprintf("web-%d", i)
		folder := filepath.Join(dir, "pods", "default_"+pod+"_uid", "app")
		check(tb, os.MkdirAll(folder, 0o755))
		name := filepath.Join(folder, "0.log")
		f, err := os.Create(name)
		check(tb, err)
		w := bufio.NewWriter(f)
		for range lines {
			_, _ = w.WriteString(containerLine(rnd))
		}
		check(tb, w.Flush())
		check(tb, f.Close())
		names = append(names, name)
		pods = append(pods, fmt.Sprintf(`{"targets":["localhost"],"labels":{"__meta_kubernetes_pod_label_app":"web","__meta_kubernetes_namespace":"default","__meta_kubernetes_pod_name":%q,"__meta_kubernetes_pod_container_name":"app","__meta_path":%q}}`,
			pod, filepath.Join(folder, "*.log")))
	}
	check(tb, os.WriteFile(filepath.Join(dir, "pods.json"), []byte("["+strings.Join(pods, ",")+"]"), 0o644))
	return names
}

// containerLine is a line of JSON of 216 bytes, as a container runtime writes it.
func containerLine(rnd *rand.Rand) string {
	line := fmt.Sprintf(`{"level":"info","ts":"%s","caller":"http/server.go:%d","msg":"request served","method":"GET","path":"/api/v1/items/%d","status":200,"duration_ms":%d,"trace_id":"%016x%016x"`,
		time.Now().UTC().Format(time.RFC3339Nano), rnd.IntN(900)+100, rnd.IntN(1_000_000), rnd.IntN(900), rnd.Uint64(), rnd.Uint64())
	if pad := 215 - len(line) - len(`,"p":""`); pad > 0 {
		line += `,"p":"` + strings.Repeat("x", pad) + `"`
	}
	return time.Now().UTC().Format("2006-01-02T15:04:05.000000000Z07:00") + " stdout F " + line + "}\n"
}

// metrics reads a page of metrics, added up by name.
func metrics(url string) map[string]float64 {
	out := map[string]float64{}
	_, body := get(url)
	for line := range strings.Lines(body) {
		if i := strings.LastIndexByte(line, ' '); i > 0 && !strings.HasPrefix(line, "#") {
			name, _, _ := strings.Cut(line[:i], "{")
			v, _ := strconv.ParseFloat(strings.TrimSpace(line[i:]), 64)
			out[name] += v
		}
	}
	return out
}
