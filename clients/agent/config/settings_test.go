package config_test

import (
	"fmt"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/skaldlogs/skald/clients/agent/config"
)

// verdicts say of each setting what becomes of it: it has an effect, or what
// makes it have none is said at start. A setting that is added finds its place
// here; one that belongs to a library of Prometheus' is the library's.
const verdicts = `
global.file_watch_config.min_poll_frequency: effect
global.file_watch_config.max_poll_frequency: said
server.http_listen_network: effect
server.http_listen_address: effect
server.http_listen_port: effect
server.http_listen_conn_limit: effect
server.http_path_prefix: effect
server.http_server_read_timeout: effect
server.http_server_read_header_timeout: effect
server.http_server_write_timeout: effect
server.http_server_idle_timeout: effect
server.http_tls_config.cert: effect
server.http_tls_config.key: effect
server.http_tls_config.client_ca: effect
server.http_tls_config.cert_file: effect
server.http_tls_config.key_file: effect
server.http_tls_config.client_auth_type: effect
server.http_tls_config.client_ca_file: effect
server.graceful_shutdown_timeout: effect
server.disable: effect
server.log_level: effect
server.log_format: effect
server.external_url: effect
server.health_check_target: effect
server.profiling_enabled: effect
server.enable_runtime_reload: effect
client: effect
clients.name: effect
clients.url: effect
clients.batchwait: effect
clients.batchsize: effect
clients.timeout: effect
clients.tenant_id: effect
clients.headers: effect
clients.external_labels: effect
clients.backoff_config.min_period: effect
clients.backoff_config.max_period: effect
clients.backoff_config.max_retries: effect
clients.max_in_flight: effect
clients.drop_rate_limited_batches: effect
positions.filename: effect
positions.sync_period: effect
positions.ignore_invalid_yaml: effect
positions.journal_sync: effect
positions.when_unwritable: effect
scrape_configs.job_name: effect
scrape_configs.pipeline_stages: effect
scrape_configs.relabel_configs: effect
scrape_configs.static_configs.targets: effect
scrape_configs.static_configs.labels: effect
scrape_configs.file_sd_configs: effect
scrape_configs.kubernetes_sd_configs: effect
scrape_configs.encoding: effect
scrape_configs.decompression.enabled: effect
scrape_configs.decompression.initial_delay: effect
scrape_configs.decompression.format: effect
scrape_configs.syslog: effect
scrape_configs.journal: effect
scrape_configs.loki_push_api: effect
scrape_configs.kubernetes_events: effect
scrape_configs.docker_sd_configs: unserved
scrape_configs.dns_sd_configs: unserved
scrape_configs.consul_sd_configs: unserved
scrape_configs.consulagent_sd_configs: unserved
scrape_configs.digitalocean_sd_configs: unserved
scrape_configs.dockerswarm_sd_configs: unserved
scrape_configs.serverset_sd_configs: unserved
scrape_configs.nerve_sd_configs: unserved
scrape_configs.marathon_sd_configs: unserved
scrape_configs.gce_sd_configs: unserved
scrape_configs.ec2_sd_configs: unserved
scrape_configs.openstack_sd_configs: unserved
scrape_configs.azure_sd_configs: unserved
scrape_configs.triton_sd_configs: unserved
scrape_configs.gcplog: unserved
scrape_configs.windows_events: unserved
scrape_configs.kafka: unserved
scrape_configs.azure_event_hubs: unserved
scrape_configs.gelf: unserved
scrape_configs.cloudflare: unserved
scrape_configs.heroku_drain: unserved
target_config.sync_period: effect
target_config.stdin: effect
target_config.unserved: effect
target_config.buffer_bytes: effect
target_config.buffer_sync: effect
target_config.queue_bytes: effect
limits_config.readline_rate_enabled: effect
limits_config.readline_rate: effect
limits_config.readline_burst: effect
limits_config.readline_rate_drop: effect
limits_config.max_streams: effect
limits_config.max_line_size: effect
limits_config.max_line_size_truncate: effect
options: said
tracing: said
wal.enabled: said
wal.dir: said
wal.cleanSegmentsOlderThan: said
wal.watchConfig.minReadFrequency: said
wal.watchConfig.maxReadFrequency: said
`

// settings lists the settings of a struct by their paths, as far as the structs
// of this package and those of clients and servers go.
func settings(t reflect.Type, prefix string) []string {
	var out []string
	for f := range t.Fields() {
		name, options, _ := strings.Cut(f.Tag.Get("yaml"), ",")
		of := f.Type
		if of.Kind() == reflect.Slice {
			of = of.Elem()
		}
		pkg := of.PkgPath()
		ours := of.Kind() == reflect.Struct && (of.Name() == "" || strings.HasSuffix(pkg, "agent/config") ||
			strings.HasSuffix(pkg, "agent/listen") || strings.HasSuffix(pkg, "agent/send"))
		switch {
		case !f.IsExported():
		case options == "inline" && ours:
			out = append(out, settings(of, prefix)...)
		case options == "inline":
			// The settings of a client of Prometheus' library.
		case ours:
			out = append(out, settings(of, prefix+name+".")...)
		default:
			out = append(out, prefix+name)
		}
	}
	return out
}

func TestEverySettingHasAVerdict(t *testing.T) {
	var want []string
	for line := range strings.Lines(strings.TrimSpace(verdicts)) {
		name, _, _ := strings.Cut(line, ":")
		want = append(want, name)
	}
	got := settings(reflect.TypeFor[config.Config](), "")
	for _, name := range got {
		if !slices.Contains(want, name) {
			t.Errorf("%s has no verdict: make it work, or say at start that it has no effect", name)
		}
	}
	for _, name := range want {
		if !slices.Contains(got, name) {
			t.Errorf("%s has a verdict and is no setting", name)
		}
	}
}

const job = "clients: [{url: http://a/push}]\nscrape_configs:\n  - job_name: j\n    static_configs: [{labels: {__path__: /x}}]\n"

// warned loads a file and returns the settings of which it is said that they
// have no effect.
func warned(t *testing.T, text string) (*config.Loaded, string) {
	t.Helper()
	file := filepath.Join(t.TempDir(), "promtail.yaml")
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	l, err := config.Load([]string{"-config.file=" + file}, os.Getenv)
	if err != nil {
		t.Fatal(err)
	}
	var out []string
	for _, w := range l.Warnings {
		out = append(out, w.What)
	}
	return l, strings.Join(out, ", ")
}

func TestSettingsWithoutEffectAreSaid(t *testing.T) {
	for _, tc := range []struct{ text, want string }{
		{job, ""},
		{job + "wal: {enabled: true}", "wal"},
		{job + "wal: {dir: /x}", "wal"},
		{job + "wal: {watchConfig: {minReadFrequency: 1s}}", "wal"},
		{job + "tracing: {enabled: true}", "tracing"},
		{job + "options: {stream_lag_labels: a}", "options"},
		{job + "global: {file_watch_config: {min_poll_frequency: 1s, max_poll_frequency: 1s}}", ""},
		{job + "global: {file_watch_config: {min_poll_frequency: 1s}}", ""},
		{job + "global: {file_watch_config: {max_poll_frequency: 1s}}", "global.file_watch_config.max_poll_frequency"},
		{job + "server: {grpc_listen_port: 0, http_server_read_header_timeout: 1s, trace_request_headers: true}", "server.grpc_listen_port, server.trace_request_headers"},
		{job + "limits_config: {readline_rate: 5}", "limits_config.readline_rate"},
		{job + "limits_config: {max_line_size_truncate: true}", "limits_config.max_line_size_truncate"},
		{job + "    decompression: {format: gz}", "decompression of job j"},
		{"scrape_configs: [{job_name: s, encoding: utf-16, syslog: {listen_address: ':1'}}]", "encoding of job s"},
		{"scrape_configs: [{job_name: s, decompression: {enabled: true, format: gz}, journal: {}}]", "decompression of job s"},
		{"scrape_configs: [{job_name: s}]", "scrape_configs: job s"},
	} {
		if _, got := warned(t, tc.text); got != tc.want {
			t.Errorf("%s\nwarns of %q, want %q", tc.text, got, tc.want)
		}
	}
}

func TestStdinOfTheFileIsTheFlag(t *testing.T) {
	for _, on := range []bool{true, false} {
		l, _ := warned(t, job+fmt.Sprintf("target_config: {stdin: %t}", on))
		if l.Flags.Stdin != on {
			t.Errorf("stdin: %t reads standard input: %t", on, l.Flags.Stdin)
		}
	}
}

// TestUnknownSettingsAreErrors puts a setting that nobody knows into each block.
func TestUnknownSettingsAreErrors(t *testing.T) {
	in := func(scrape string) string {
		return "scrape_configs: [{job_name: j, " + scrape + "}]"
	}
	for _, text := range []string{
		"nonsense: 1",
		"global: {nonsense: 1}", "global: {file_watch_config: {nonsense: 1}}",
		"server: {nonsense: 1}", "server: {http_tls_config: {nonsense: 1}}",
		"client: {url: http://a, nonsense: 1}",
		"clients: [{url: http://a, nonsense: 1}]", "clients: [{url: http://a, backoff_config: {nonsense: 1}}]",
		"clients: [{url: http://a, basic_auth: {nonsense: 1}}]", "clients: [{url: http://a, tls_config: {nonsense: 1}}]",
		"clients: [{url: http://a, oauth2: {nonsense: 1}}]",
		"positions: {nonsense: 1}", "target_config: {nonsense: 1}", "limits_config: {nonsense: 1}",
		"wal: {nonsense: 1}", "wal: {watchConfig: {nonsense: 1}}",
		in("nonsense: 1"), in("pipeline_stages: [{nonsense: {}}]"), in("pipeline_stages: [{cri: {nonsense: 1}}]"),
		in("relabel_configs: [{nonsense: 1}]"), in("static_configs: [{nonsense: 1}]"),
		in("file_sd_configs: [{files: [a.json], nonsense: 1}]"), in("kubernetes_sd_configs: [{role: pod, nonsense: 1}]"),
		in("decompression: {nonsense: 1}"),
		in("syslog: {listen_address: ':1', nonsense: 1}"), in("syslog: {listen_address: ':1', tls_config: {nonsense: 1}}"),
		in("journal: {nonsense: 1}"), in("kubernetes_events: {nonsense: 1}"), in("kubernetes_events: {lease: {nonsense: 1}}"),
		in("loki_push_api: {nonsense: 1}"), in("loki_push_api: {server: {nonsense: 1}}"),
	} {
		file := filepath.Join(t.TempDir(), "promtail.yaml")
		if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		_, err := config.Load([]string{"-config.file=" + file}, os.Getenv)
		if err == nil || !strings.Contains(err.Error(), "nonsense") {
			t.Errorf("%s\nis taken, with %v", text, err)
		}
	}
}

// TestGuesses has settings that are nearly right, each with its line and with what
// was meant.
func TestGuesses(t *testing.T) {
	for _, tc := range []struct{ text, want string }{
		{"positons: {}", `line 1: unknown setting "positons", perhaps "positions"`},
		{"scrape_configs:\n- job_name: j\n  static_config: []", `line 3: unknown setting "static_config", perhaps "static_configs"`},
		{"clients:\n- url: http://a\n  batch_wait: 1s", `line 3: unknown setting "batch_wait", perhaps "batchwait"`},
		{"clients:\n- url: http://a\n  backoff_config:\n    max_retry: 1", `line 4: unknown setting "max_retry", perhaps "max_retries"`},
		{"limits_config:\n  max_line_sise: 1", `line 2: unknown setting "max_line_sise", perhaps "max_line_size"`},
		{"target_config:\n  zzzzzz: 1", `line 2: unknown setting "zzzzzz"`},
	} {
		file := filepath.Join(t.TempDir(), "promtail.yaml")
		if err := os.WriteFile(file, []byte(tc.text), 0o600); err != nil {
			t.Fatal(err)
		}
		_, err := config.Load([]string{"-config.file=" + file}, os.Getenv)
		if err == nil || !strings.HasSuffix(err.Error(), tc.want) {
			t.Errorf("%s\nerror is %v, want %s", tc.text, err, tc.want)
		}
	}
}
