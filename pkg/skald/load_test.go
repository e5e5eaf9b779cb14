package skald

import (
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"time"

	"go.yaml.in/yaml/v3"

	"github.com/skaldlogs/skald/pkg/storage/wal"
)

// load reads a file of this text, and flags after it.
func load(t *testing.T, text string, args ...string) (*Loaded, error) {
	t.Helper()
	file := filepath.Join(t.TempDir(), "c.yaml")
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return Load(append([]string{"-config.file=" + file}, args...), func(string) string { return "" })
}

func mustLoad(t *testing.T, text string, args ...string) *Loaded {
	t.Helper()
	l, err := load(t, text, args...)
	if err != nil {
		t.Fatal(err)
	}
	return l
}

func TestWithoutAFileNobodyElseIsLetIn(t *testing.T) {
	l, err := Load(nil, nil)
	if err != nil {
		t.Fatal(err)
	}
	c := l.Config
	if c.AuthEnabled || c.Server.HTTPListenAddress != "127.0.0.1" || c.Server.GRPCListenAddress != "127.0.0.1" {
		t.Errorf("auth %v on %q and %q, want none, on 127.0.0.1", c.AuthEnabled, c.Server.HTTPListenAddress, c.Server.GRPCListenAddress)
	}
	if c.Server.HTTPListenPort != 3100 || c.Server.GRPCListenPort != 9095 || c.Common.PathPrefix != "./skald-data" {
		t.Errorf("ports %d and %d, data in %s", c.Server.HTTPListenPort, c.Server.GRPCListenPort, c.Common.PathPrefix)
	}
	if r := c.Ingester.Ring; r.KVStore.Store != "inmemory" || r.ReplicationFactor != 1 {
		t.Errorf("ring in %s with %d replicas, want inmemory and 1", r.KVStore.Store, r.ReplicationFactor)
	}
	if c.Ingester.WAL.Dir != filepath.Join("./skald-data", "wal") {
		t.Errorf("the log is in %s", c.Ingester.WAL.Dir)
	}
}

func TestWithAFileTheDefaultsAreLokis(t *testing.T) {
	c := mustLoad(t, "").Config
	if !c.AuthEnabled || c.Server.HTTPListenAddress != "" {
		t.Errorf("auth %v on %q, want it on, on all interfaces", c.AuthEnabled, c.Server.HTTPListenAddress)
	}
}

func TestPrecedence(t *testing.T) {
	const file = `
auth_enabled: true
server: {http_listen_port: 3200}
common: {path_prefix: /common, ring: {heartbeat_period: 7s, num_tokens: 4}}
ingester: {lifecycler: {num_tokens: 8}}
`
	for _, tc := range []struct {
		name string
		args []string
		get  func(*Config) any
		want any
	}{
		{"file over default", nil, func(c *Config) any { return c.Server.HTTPListenPort }, 3200},
		{"flag over file", []string{"-server.http-listen-port=3300"}, func(c *Config) any { return c.Server.HTTPListenPort }, 3300},
		{"common over default", nil, func(c *Config) any { return c.Ingester.Ring.HeartbeatPeriod }, 7 * time.Second},
		{"component over common", nil, func(c *Config) any { return c.Ingester.Ring.NumTokens }, 8},
		{"flag over component", []string{"-ingester.num-tokens", "16"}, func(c *Config) any { return c.Ingester.Ring.NumTokens }, 16},
		{"common by flag", []string{"--common.ring.num-tokens=32", "-ingester.heartbeat-period=30s"}, func(c *Config) any { return c.Common.Ring.NumTokens }, 32},
		{"folder", nil, func(c *Config) any { return c.Ingester.WAL.Dir }, "/common/wal"},
		{"folder by flag", []string{"-data.dir=/flag"}, func(c *Config) any { return c.Ingester.WAL.Dir }, "/flag/wal"},
		{"auth by its short name", []string{"-auth.enabled=false"}, func(c *Config) any { return c.AuthEnabled }, false},
		{"auth by its long name", []string{"-auth.multitenancy-enabled=false"}, func(c *Config) any { return c.AuthEnabled }, false},
		{"days in a flag of Go's kind", []string{"-server.http-idle-timeout=1d"}, func(c *Config) any { return c.Server.HTTPServerIdleTimeout }, 24 * time.Hour},
	} {
		c := mustLoad(t, file, tc.args...).Config
		if got := tc.get(&c); !reflect.DeepEqual(got, tc.want) {
			t.Errorf("%s: %v, want %v", tc.name, got, tc.want)
		}
	}
}

func TestFileOfLokiIsReadAsItIs(t *testing.T) {
	l := mustLoad(t, `
auth_enabled: false
server: {http_listen_port: 3100, http_server_read_timeout: 1d12h, log_level: warn}
common:
  path_prefix: /var/loki
  replication_factor: 3
  ring: {kvstore: {store: inmemory}}
  storage: {filesystem: {chunks_directory: /var/loki/chunks, rules_directory: /var/loki/rules}}
schema_config:
  configs:
    - &period {from: 2020-05-15, store: tsdb, object_store: filesystem, schema: v13}
    - {<<: *period, from: 2024-05-15}
storage_config:
  tsdb_shipper:
ingester:
  lifecycler: {ring: {kvstore: {store: memberlist}}, min_ready_duration: 1m}
  chunk_encoding: snappy
  wal: {dir: /fast/wal, sync: interval}
limits_config:
  reject_old_samples_max_age: 1w
  max_line_size: 1mb
  per_tenant_override_config: /etc/overrides.yaml
  bloom_creation_enabled: true
  discover_service_name: []
memberlist:
  join_members: [a:7946, "b:7946"]
`, "-querier.query-ingesters-within", "0", "-ruler.some-later-flag", "-log.use-buffered")
	c := l.Config
	for _, tc := range []struct {
		what      string
		got, want any
	}{
		{"durations in both manners", c.Server.HTTPServerReadTimeout, 36 * time.Hour},
		{"ring of the ingesters", c.Ingester.Ring.KVStore.Store, "memberlist"},
		{"its replicas", c.Ingester.Ring.ReplicationFactor, 3},
		{"a lifecycler's setting", c.Ingester.Ring.MinReadyDuration, time.Minute},
		{"the common ring, in memory", c.Common.Ring.ReplicationFactor, 1},
		{"the log's folder", c.Ingester.WAL.Dir, "/fast/wal"},
		{"the log's sync", c.Ingester.WAL.Sync, wal.Interval},
		{"a week", time.Duration(c.Limits.RejectOldSamplesMaxAge), 7 * 24 * time.Hour},
		{"a size", c.Limits.MaxLineSize.Int(), 1 << 20},
		{"an empty list", len(c.Limits.DiscoverServiceName), 0},
		{"the runtime file by its old name", c.RuntimeConfig.LoadPath.String(), "/etc/overrides.yaml"},
		{"the folder of rules", c.Ruler.Storage.Local.Directory, "/var/loki/rules"},
		{"the ring of rulers", c.Ruler.Ring.KVStore.Prefix + c.Ruler.Ring.KVStore.Store, "rulers/inmemory"},
		{"members", c.Memberlist.JoinMembers.String(), "a:7946,b:7946"},
	} {
		if !reflect.DeepEqual(tc.got, tc.want) {
			t.Errorf("%s: %v, want %v", tc.what, tc.got, tc.want)
		}
	}
	var ignored []string
	for _, w := range l.Warnings {
		if w.Why == "" {
			t.Errorf("%s is ignored without a reason", w.What)
		}
		ignored = append(ignored, w.What)
	}
	want := []string{
		"-querier.query-ingesters-within", "-ruler.some-later-flag", "-log.use-buffered",
		"common.storage.filesystem.chunks_directory", "schema_config.configs", "storage_config.tsdb_shipper", "ingester.chunk_encoding",
		"limits_config.bloom_creation_enabled",
	}
	if !reflect.DeepEqual(ignored, want) {
		t.Errorf("ignored are\n%q, want\n%q", ignored, want)
	}
}

func TestMistakesAreNamed(t *testing.T) {
	for _, tc := range []struct{ name, file, want string }{
		{"unknown key", "limits_config:\n  max_lime_size: 5\n", `c.yaml:2: unknown key "limits_config.max_lime_size", perhaps "max_line_size"`},
		{"unknown block", "limit_config: {}\n", `c.yaml:1: unknown key "limit_config", perhaps "limits_config"`},
		{"key in another block", "max_line_size: 5\n", `perhaps "limits_config.max_line_size"`},
		{"typo where unknown keys pass", "ruler: {evaluation_intervall: 5s}\n", `unknown key "ruler.evaluation_intervall", perhaps "evaluation_interval"`},
		{"unknown key below a mapped one", "ingester: {lifecycler: {ring: {kvstore: {sture: x}}}}\n", `unknown key "ingester.ring.kvstore.sture", perhaps "store"`},
		{"value for a block", "server: 5\n", "c.yaml:1: server is a block of keys"},
		{"wrong kind", "server:\n  http_listen_port: many\n", "c.yaml:2: server.http_listen_port: cannot unmarshal"},
		{"wrong duration", "server: {http_server_idle_timeout: 5}\n", "server.http_server_idle_timeout: duration \"5\""},
		{"wrong size", "limits_config: {max_line_size: big}\n", `limits_config.max_line_size: size "big"`},
		{"wrong word", "\ningester: {wal: {sync: grup}}\n", `c.yaml:2: ingester.wal.sync: unknown sync "grup"`},
		{"wrong store", "common: {ring: {kvstore: {store: paper}}}\n", `common.ring: kvstore.store: "paper" is none of`},
		{"impossible", "limits_config: {retention_period: 1h, deletion_mode: x, ingestion_rate_strategy: x}\n", "ingestion_rate_strategy"},
		{"wrong target", "target: rulr\n", "unknown target"},
		{"key twice", "target: all\ntarget: all\n", "already defined"},
		{"no YAML", "a: [\n", "c.yaml: yaml:"},
		{"a list", "- a\n", "want keys and values"},
		{"a bomb of aliases", bomb(), "too large"},
	} {
		_, err := load(t, tc.file)
		if err == nil || !strings.Contains(err.Error(), tc.want) {
			t.Errorf("%s: %v, want it to say %q", tc.name, err, tc.want)
		}
	}
	for _, tc := range []struct {
		arg, want string
	}{
		{"-traget=all", "unknown flag -traget, perhaps -target"},
		{"-server.http-idle-timeout=5", `invalid value "5"`},
		{"all", `unexpected argument "all"`},
		{"-config.file=/nowhere/a.yaml,/nowhere/b.yaml", "there is no file /nowhere/a.yaml, nor /nowhere/b.yaml"},
	} {
		if _, err := Load([]string{tc.arg}, nil); err == nil || !strings.Contains(err.Error(), tc.want) {
			t.Errorf("%s: %v, want it to say %q", tc.arg, err, tc.want)
		}
	}
}

// bomb is a short file that stands for 10^9 words.
func bomb() string {
	var b strings.Builder
	b.WriteString("a0: &a0 [x, x, x, x, x, x, x, x, x, x]\n")
	for i := 1; i < 10; i++ {
		a, c := string(rune('0'+i-1)), string(rune('0'+i))
		b.WriteString("a" + c + ": &a" + c + " [" + strings.Repeat("*a"+a+", ", 9) + "*a" + a + "]\n")
	}
	return b.String()
}

func TestTheFirstFileThatExistsIsRead(t *testing.T) {
	file := filepath.Join(t.TempDir(), "b.yaml")
	if err := os.WriteFile(file, []byte("server: {http_listen_port: 4000}"), 0o600); err != nil {
		t.Fatal(err)
	}
	l, err := Load([]string{"-config.file=/nowhere/a.yaml," + file}, nil)
	if err != nil || l.File != file || l.Config.Server.HTTPListenPort != 4000 {
		t.Errorf("read %v (%v), want %s", l, err, file)
	}
}

func TestEnvironment(t *testing.T) {
	env := map[string]string{"PORT": "4001", "DIR": "/from/env"}
	for _, tc := range []struct {
		text string
		want string
	}{
		{"common: {path_prefix: '${DIR}'}", "/from/env"},
		{"common: {path_prefix: '${NONE:-/a}'}", "/a"},
		{"common: {path_prefix: '/x${NONE}'}", "/x"},
		{"common: {path_prefix: '${DIR^^}'}", "/FROM/ENV"},
		{"common: {path_prefix: '$${DIR}'}", "${DIR}"},
		{"common: {path_prefix: '$DIR'}", "$DIR"},
	} {
		file := filepath.Join(t.TempDir(), "c.yaml")
		if err := os.WriteFile(file, []byte(tc.text), 0o600); err != nil {
			t.Fatal(err)
		}
		l, err := Load([]string{"-config.expand-env", "-config.file=" + file}, func(k string) string { return env[k] })
		if err != nil || l.Config.Common.PathPrefix != tc.want {
			t.Errorf("%s: %v (%v), want %s", tc.text, l, err, tc.want)
		}
	}
}

// TestPrintedConfigurationLoads: what -print-config prints is a file that means
// the same.
func TestPrintedConfigurationLoads(t *testing.T) {
	first := mustLoad(t, "limits_config: {retention_period: 0s}\ncommon: {path_prefix: /x}\n").Config
	text, err := yaml.Marshal(&first)
	if err != nil {
		t.Fatal(err)
	}
	second := mustLoad(t, string(text)).Config
	again, err := yaml.Marshal(&second)
	if err != nil {
		t.Fatal(err)
	}
	if string(text) != string(again) {
		t.Errorf("printed, loaded and printed:\n%s\nwant\n%s", again, text)
	}
}

func TestRuntimeFile(t *testing.T) {
	r := &runtimeCheck{logger: discard{}, warned: map[string]bool{}}
	out, err := r.check([]byte("overrides: {a: {max_line_size: 1kb, bloom_x: 1, per_tenant_override_period: 1s}}\nconfigs: {a: {log_push_request: true}}\n"))
	if err != nil {
		t.Fatal(err)
	}
	if want := "overrides: {a: {max_line_size: 1kb}}\n"; string(out) != want {
		t.Errorf("the file becomes %q, want %q", out, want)
	}
	if len(r.warned) != 3 {
		t.Errorf("warned about %v, want three settings", r.warned)
	}
	for _, tc := range []struct{ file, want string }{
		{"overrides: {a: {max_lime_size: 1}}", `unknown key "limits_config.max_lime_size", perhaps "max_line_size"`},
		{"overide: {}", `unknown key "overide", perhaps "overrides"`},
		{"overrides: {a: {max_line_size: big}}", `overrides.a.max_line_size: size "big"`},
	} {
		if _, err := r.check([]byte(tc.file)); err == nil || !strings.Contains(err.Error(), tc.want) {
			t.Errorf("%s: %v, want it to say %q", tc.file, err, tc.want)
		}
	}
}

type discard struct{}

func (discard) Log(...any) error { return nil }

func FuzzTree(f *testing.F) {
	f.Add("server: {http_listen_port: 3100}\nlimits_config: {max_line_size: 5}")
	f.Add("ingester: {lifecycler: {ring: {kvstore: {store: x}}}}")
	f.Add("a: &a {b: c}\nserver: {<<: *a, log_level: debug}")
	f.Add(bomb())
	f.Fuzz(func(t *testing.T, text string) {
		r := &runtimeCheck{logger: discard{}, warned: map[string]bool{}}
		_, _ = r.check([]byte(text))
		tr, err := parseTree("f", []byte(text))
		if err != nil {
			return
		}
		tr.judge(theLedger())
		tr.conform(tr.root, reflect.TypeFor[Config](), "")
		if len(tr.errs) > 0 {
			return
		}
		var c Config
		newFlagSet(&c, &programFlags{}, theLedger())
		if err := tr.decode(&c); err != nil && !strings.Contains(err.Error(), "already defined") {
			t.Fatalf("%q conforms and does not decode: %v", text, err)
		}
	})
}
