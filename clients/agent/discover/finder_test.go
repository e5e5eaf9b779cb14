package discover_test

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/common/config"
	"github.com/prometheus/common/model"
	"github.com/prometheus/prometheus/discovery"
	"github.com/prometheus/prometheus/discovery/kubernetes"
	"github.com/prometheus/prometheus/model/relabel"
	"go.yaml.in/yaml/v3"

	"github.com/skaldlogs/skald/clients/agent/discover"
)

// An api is the API server of a cluster, as far as listing and watching pods go.
type api struct {
	mu        sync.Mutex
	version   int
	pods      map[string]map[string]any
	watchers  []chan map[string]any
	selectors map[string]bool // that were asked for
}

func pod(name, node, app string) map[string]any {
	return map[string]any{
		"apiVersion": "v1", "kind": "Pod",
		"metadata": map[string]any{"name": name, "namespace": "default", "uid": "uid-" + name, "labels": map[string]any{"app": app}},
		"spec":     map[string]any{"nodeName": node, "containers": []any{map[string]any{"name": "main", "image": "i"}}},
		"status":   map[string]any{"phase": "Running", "podIP": "10.0.0.1", "hostIP": "10.0.0.2"},
	}
}

// change adds a pod or takes it away, and tells those who watch.
func (a *api) change(kind string, p map[string]any) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.version++
	meta := p["metadata"].(map[string]any)
	meta["resourceVersion"] = fmt.Sprint(a.version)
	if kind == "DELETED" {
		delete(a.pods, meta["name"].(string))
	} else {
		a.pods[meta["name"].(string)] = p
	}
	for _, w := range a.watchers {
		w <- map[string]any{"type": kind, "object": p}
	}
}

func (a *api) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if !strings.HasSuffix(r.URL.Path, "/pods") {
		http.NotFound(w, r)
		return
	}
	w.Header().Set("Content-Type", "application/json")
	q := r.URL.Query()
	if q.Get("sendInitialEvents") != "" {
		w.WriteHeader(http.StatusUnprocessableEntity) // older servers know only lists
		_ = json.NewEncoder(w).Encode(map[string]any{"kind": "Status", "apiVersion": "v1", "status": "Failure", "reason": "Invalid", "code": 422})
		return
	}
	a.mu.Lock()
	a.selectors[q.Get("fieldSelector")] = true
	if q.Get("watch") == "" {
		items := []any{}
		for _, p := range a.pods {
			items = append(items, p)
		}
		_ = json.NewEncoder(w).Encode(map[string]any{"kind": "PodList", "apiVersion": "v1", "metadata": map[string]any{"resourceVersion": fmt.Sprint(a.version)}, "items": items})
		a.mu.Unlock()
		return
	}
	events := make(chan map[string]any, 100)
	a.watchers = append(a.watchers, events)
	a.mu.Unlock()
	w.(http.Flusher).Flush()
	for {
		select {
		case <-r.Context().Done():
			return
		case e := <-events:
			_ = json.NewEncoder(w).Encode(e)
			w.(http.Flusher).Flush()
		}
	}
}

const relabelling = `
- {source_labels: [__meta_kubernetes_pod_node_name], target_label: __host__}
- {source_labels: [__meta_kubernetes_pod_label_app], target_label: __service__}
- {source_labels: [__service__], regex: "", action: drop}
- {action: labelmap, regex: __meta_kubernetes_pod_label_(.+)}
- {source_labels: [__meta_kubernetes_namespace, __service__], separator: /, target_label: job}
- {source_labels: [__meta_kubernetes_namespace], target_label: namespace}
- {source_labels: [__meta_kubernetes_pod_name], target_label: pod}
- {source_labels: [__meta_kubernetes_pod_container_name], target_label: container}
- {source_labels: [__meta_kubernetes_pod_uid, __meta_kubernetes_pod_container_name], separator: /, target_label: __path__, replacement: /var/log/pods/*$1/*.log}
`

// TestPodsComeAndGo follows the pods of one node through the usual relabelling.
func TestPodsComeAndGo(t *testing.T) {
	a := &api{pods: map[string]map[string]any{}, selectors: map[string]bool{}, version: 1}
	a.change("ADDED", pod("one", "node-1", "web"))
	a.change("ADDED", pod("bare", "node-1", ""))
	server := httptest.NewServer(a)
	defer server.Close()

	var rules []*relabel.Config
	if err := yaml.Unmarshal([]byte(relabelling), &rules); err != nil {
		t.Fatal(err)
	}
	for _, r := range rules {
		if err := r.Validate(model.LegacyValidation); err != nil {
			t.Fatal(err)
		}
	}
	var address config.URL
	if err := yaml.Unmarshal([]byte(server.URL), &address); err != nil {
		t.Fatal(err)
	}
	sd := kubernetes.DefaultSDConfig
	sd.Role, sd.APIServer = kubernetes.RolePod, address
	f, err := discover.New([]discover.Job{{Name: "pods", Configs: discovery.Configs{&sd}, Relabel: rules}}, "node-1",
		slog.New(slog.NewTextHandler(io.Discard, nil)), prometheus.NewRegistry())
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	found := make(chan []discover.Target)
	done := make(chan error, 1)
	go func() {
		done <- f.Run(ctx, func(_ string, targets []discover.Target) {
			select {
			case found <- targets:
			case <-ctx.Done():
			}
		})
	}()
	await := func(want ...string) {
		t.Helper()
		var got []string
		slices.Sort(want)
		for range 5 {
			got = got[:0]
			for _, target := range <-found {
				if target.Dropped != "" {
					got = append(got, target.Discovered.Get("__meta_kubernetes_pod_name")+" "+target.Dropped)
				} else {
					got = append(got, target.Labels.String()+" "+target.Path)
				}
			}
			slices.Sort(got)
			if slices.Equal(got, want) {
				return
			}
		}
		t.Fatalf("targets are\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
	labels := func(pod, app string) string {
		return fmt.Sprintf(`{app=%q, container="main", job="default/%s", namespace="default", pod=%q} /var/log/pods/*uid-%s/main/*.log`, app, app, pod, pod)
	}
	await("bare dropped", labels("one", "web"))
	a.change("ADDED", pod("two", "node-1", "api"))
	await("bare dropped", labels("one", "web"), labels("two", "api"))
	a.change("DELETED", pod("one", "node-1", "web"))
	await("bare dropped", labels("two", "api"))
	a.change("ADDED", pod("three", "node-2", "api"))
	await("bare dropped", "three wrong_host", labels("two", "api"))
	cancel()
	if err := <-done; err != nil {
		t.Fatal(err)
	}
	if len(a.selectors) != 1 || !a.selectors["spec.nodeName=node-1"] {
		t.Errorf("pods were asked for with %v, want those of the node alone", a.selectors)
	}
}
