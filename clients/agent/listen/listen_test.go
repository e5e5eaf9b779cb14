package listen_test

import (
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"

	"go.yaml.in/yaml/v3"

	"github.com/skaldlogs/skald/clients/agent/listen"
)

// block is a server block that is also about something else than HTTP.
type block struct {
	listen.Config `yaml:",inline"`

	Disable bool `yaml:"disable"`
	ignored []listen.Key
}

func (b *block) UnmarshalYAML(n *yaml.Node) error {
	type plain block
	ignored, err := listen.Decode(n, (*plain)(b), "log_level")
	b.ignored = ignored
	return err
}

func TestDecode(t *testing.T) {
	for _, tc := range []struct{ name, text, ignored, err string }{
		{"served", "{http_listen_port: 1, http_tls_config: {cert_file: a, key_file: b}, disable: true}", "", ""},
		{"without effect", "{grpc_listen_port: 0, log_level: info, log_source_ips_regex: x}", "grpc_listen_port:1 log_level:1 log_source_ips_regex:1", ""},
		{"unknown", "{http_listen_prot: 1}", "", `line 1: server: unknown setting "http_listen_prot", perhaps "http_listen_port"`},
		{"unknown of TLS", "{http_tls_config: {certfile: a}}", "", `line 1: server: http_tls_config: unknown setting "certfile", perhaps "cert_file"`},
		{"one that would be wrong to ignore", "{proxy_protocol_enabled: true}", "", "line 1: server: proxy_protocol_enabled is not served"},
		{"one that is off", "{proxy_protocol_enabled: false}", "proxy_protocol_enabled:1", ""},
		{"no mapping", "[1]", "", "line 1: server: want settings by name, a mapping"},
	} {
		var b block
		err := yaml.Unmarshal([]byte(tc.text), &b)
		if (err != nil || tc.err != "") && (err == nil || err.Error() != tc.err) {
			t.Errorf("%s: %v, want %q", tc.name, err, tc.err)
		}
		var ignored []string
		for _, k := range b.ignored {
			ignored = append(ignored, fmt.Sprintf("%s:%d", k.Name, k.Line))
		}
		if got := strings.Join(ignored, " "); err == nil && got != tc.ignored {
			t.Errorf("%s: %q have no effect, want %q", tc.name, got, tc.ignored)
		}
	}
}

func TestValidate(t *testing.T) {
	for _, tc := range []struct {
		name string
		set  func(c *listen.Config)
		want string
	}{
		{"defaults", func(*listen.Config) {}, ""},
		{"no port", func(c *listen.Config) { c.HTTPListenPort = 70000 }, "http_listen_port: 70000 is no port"},
		{"connections", func(c *listen.Config) { c.HTTPConnLimit = -1 }, "http_listen_conn_limit is -1"},
		{"half of TLS", func(c *listen.Config) { c.TLS.CertFile = "a" }, "belong together"},
		{"TLS of text", func(c *listen.Config) { c.TLS.Cert, c.TLS.Key = "a", "b" }, ""},
	} {
		c := listen.Default()
		tc.set(&c)
		if err := c.Validate(); (err == nil) != (tc.want == "") || err != nil && !strings.Contains(err.Error(), tc.want) {
			t.Errorf("%s: %v, want %q", tc.name, err, tc.want)
		}
	}
}

// TestListen serves, and says what is wrong with a certificate.
func TestListen(t *testing.T) {
	c := listen.Default()
	c.HTTPListenAddress, c.HTTPListenPort, c.HTTPConnLimit = "127.0.0.1", 0, 10
	l, err := c.Listen()
	if err != nil {
		t.Fatal(err)
	}
	srv := c.Server(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, "ready") }))
	done := make(chan error, 1)
	go func() { done <- srv.Serve(l) }()
	resp, err := http.Get("http://" + l.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	text, err := io.ReadAll(resp.Body)
	_ = resp.Body.Close()
	if err != nil || string(text) != "ready" {
		t.Errorf("got %q, %v", text, err)
	}
	if err := srv.Close(); err != nil {
		t.Fatal(err)
	}
	<-done
	c.TLS = listen.TLS{CertFile: "none", KeyFile: "none"}
	if _, err := c.Listen(); err == nil || !strings.Contains(err.Error(), "http_tls_config") {
		t.Errorf("a certificate that is not there: %v", err)
	}
}
