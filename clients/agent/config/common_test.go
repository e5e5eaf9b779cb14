package config_test

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/prometheus/prometheus/model/labels"
	"github.com/prometheus/prometheus/model/relabel"

	"github.com/skaldlogs/skald/clients/agent/config"
	"github.com/skaldlogs/skald/clients/agent/stage"
)

// load loads a file as the agent does.
func load(t *testing.T, file string, args ...string) *config.Loaded {
	t.Helper()
	l, err := config.Load(append(args, "-config.file="+file), func(string) string { return "" })
	if err != nil {
		t.Fatal(err)
	}
	for i := range l.Config.Scrape {
		p, err := stage.New(l.Config.Scrape[i].Pipeline, stage.Options{})
		if err != nil {
			t.Fatal(err)
		}
		p.Close()
	}
	return l
}

const production = "../../../production/kubernetes"

// TestCommonConfigurationsLoad loads what people have.
func TestCommonConfigurationsLoad(t *testing.T) {
	for _, tc := range []struct {
		file     string
		jobs     int
		clients  int
		unserved []string
	}{
		{"testdata/common/minimal.yaml", 4, 1, []string{"docker_sd_configs of job docker"}},
		{"testdata/common/everything.yaml", 6, 3, nil},
		{"testdata/common/kubernetes.yaml", 5, 1, nil},
		{"testdata/common/unserved.yaml", 9, 1, []string{
			"azure_event_hubs of job hubs", "cloudflare of job cloudflare", "consul_sd_configs of job consul",
			"docker_sd_configs of job docker", "gcplog of job gcplog", "gelf of job gelf", "heroku_drain of job heroku",
			"kafka of job kafka", "windows_events of job windows",
		}},
		{production + "/agent/promtail.yaml", 1, 1, nil},
		{production + "/events/promtail.yaml", 1, 1, nil},
	} {
		l := load(t, tc.file)
		if got := len(l.Config.Scrape); got != tc.jobs {
			t.Errorf("%s: %d jobs, want %d", tc.file, got, tc.jobs)
		}
		if got := len(l.Config.Clients); got != tc.clients {
			t.Errorf("%s: %d clients, want %d", tc.file, got, tc.clients)
		}
		slices.Sort(l.Unserved)
		if got := strings.Join(l.Unserved, ", "); got != strings.Join(tc.unserved, ", ") {
			t.Errorf("%s: not served are %s; want %v", tc.file, got, tc.unserved)
		}
		if err := l.Check(); err != nil {
			t.Errorf("%s: refused, though it is to go on: %v", tc.file, err)
		}
	}
	refusing := load(t, "testdata/common/unserved.yaml", "-target.unserved=refuse")
	if err := refusing.Check(); err == nil || !strings.Contains(err.Error(), "kafka of job kafka") {
		t.Errorf("an agent that is to refuse says %v", err)
	}
}

// TestConfigurationInForceLoads prints each configuration and loads what was
// printed.
func TestConfigurationInForceLoads(t *testing.T) {
	files, err := filepath.Glob("testdata/common/*.yaml")
	if err != nil || len(files) == 0 {
		t.Fatal(files, err)
	}
	for _, file := range append(files, production+"/agent/promtail.yaml") {
		text, err := load(t, file).Config.Text()
		if err != nil {
			t.Fatal(err)
		}
		again := filepath.Join(t.TempDir(), "again.yaml")
		if err := os.WriteFile(again, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		if _, err := config.Load([]string{"-config.file=" + again}, os.Getenv); err != nil {
			t.Errorf("%s: what is in force does not load: %v", file, err)
		}
	}
}

// TestKubernetesPodsAreLabelled relabels pods as discovery finds them.
func TestKubernetesPodsAreLabelled(t *testing.T) {
	const meta = "__meta_kubernetes_"
	pod := func(more ...string) labels.Labels {
		return labels.FromStrings(append([]string{
			meta + "namespace", "shop", meta + "pod_name", "web-7d4b9c6f5-x2x4z", meta + "pod_uid", "u-1",
			meta + "pod_container_name", "web", meta + "pod_node_name", "node-1",
		}, more...)...)
	}
	replicaSet := []string{meta + "pod_controller_name", "web-7d4b9c6f5"}
	for _, tc := range []struct {
		name, file, job string
		pod             labels.Labels
		want            string // empty when the job leaves the pod to another
	}{
		{
			"ours, by a ReplicaSet", production + "/agent/promtail.yaml", "kubernetes-pods", pod(replicaSet...),
			`app=web container=web job=shop/web namespace=shop node_name=node-1 pod=web-7d4b9c6f5-x2x4z at /var/log/pods/*u-1/web/*.log`,
		},
		{
			"ours, with labels", production + "/agent/promtail.yaml", "kubernetes-pods",
			pod(append(replicaSet, meta+"pod_label_app", "front", meta+"pod_label_app_kubernetes_io_component", "ui")...),
			`app=front component=ui container=web job=shop/front namespace=shop node_name=node-1 pod=web-7d4b9c6f5-x2x4z at /var/log/pods/*u-1/web/*.log`,
		},
		{
			"ours, of the kubelet's own", production + "/agent/promtail.yaml", "kubernetes-pods",
			pod(meta+"pod_annotationpresent_kubernetes_io_config_mirror", "true", meta+"pod_annotation_kubernetes_io_config_mirror", "h-1"),
			`app=web-7d4b9c6f5-x2x4z container=web job=shop/web-7d4b9c6f5-x2x4z namespace=shop node_name=node-1 pod=web-7d4b9c6f5-x2x4z at /var/log/pods/*h-1/web/*.log`,
		},
		{
			"with the label name", "testdata/common/kubernetes.yaml", "kubernetes-pods-name", pod(meta+"pod_label_name", "n"),
			`container=web job=shop/n name=n namespace=shop pod=web-7d4b9c6f5-x2x4z at /var/log/pods/*u-1/web/*.log`,
		},
		{"without it", "testdata/common/kubernetes.yaml", "kubernetes-pods-name", pod(), ""},
		{
			"by a ReplicaSet", "testdata/common/kubernetes.yaml", "kubernetes-pods-indirect-controller", pod(replicaSet...),
			`job=shop/web pod=web-7d4b9c6f5-x2x4z at /var/log/pods/*u-1/web/*.log`,
		},
		{"by a ReplicaSet, seen by another job", "testdata/common/kubernetes.yaml", "kubernetes-pods-direct-controllers", pod(replicaSet...), ""},
	} {
		l := load(t, tc.file)
		i := slices.IndexFunc(l.Config.Scrape, func(s config.Scrape) bool { return s.JobName == tc.job })
		b := labels.NewBuilder(tc.pod)
		got := ""
		if relabel.ProcessBuilder(b, l.Config.Scrape[i].Relabel...) {
			var pairs []string
			b.Labels().Range(func(lb labels.Label) {
				if !strings.HasPrefix(lb.Name, "__") {
					pairs = append(pairs, lb.Name+"="+lb.Value)
				}
			})
			got = fmt.Sprintf("%s at %s", strings.Join(pairs, " "), b.Get("__path__"))
		}
		if got != tc.want {
			t.Errorf("%s:\n got %s\nwant %s", tc.name, got, tc.want)
		}
	}
}
