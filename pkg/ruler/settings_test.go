package ruler

import (
	"flag"
	"strings"
	"testing"
	"time"

	"go.yaml.in/yaml/v3"

	"github.com/skaldlogs/skald/pkg/limits"
)

// newConfig reads a ruler block over the defaults.
func newConfig(t *testing.T, text string) *Config {
	t.Helper()
	var c Config
	c.RegisterFlags(flag.NewFlagSet("", flag.ContinueOnError))
	c.WAL.Dir = t.TempDir()
	if err := yaml.Unmarshal([]byte(text), &c); err != nil {
		t.Fatal(err)
	}
	return &c
}

func newLimits(t *testing.T, text string) *limits.Limits {
	t.Helper()
	var l limits.Limits
	if err := yaml.Unmarshal([]byte(text), &l); err != nil {
		t.Fatal(err)
	}
	return &l
}

func TestSettingsOfTenants(t *testing.T) {
	c := newConfig(t, `
alertmanager_url: http://all
notification_timeout: 7s
remote_write:
  enabled: true
  client: {url: "http://old/write"}
  clients:
    a:
      url: http://a/write
      remote_timeout: 5s
      headers: {X-One: "1"}
      basic_auth: {username: u, password: secret}
      queue_config: {capacity: 77, max_shards: 3}
`)
	s, err := c.forTenant(newLimits(t, "{}"))
	if err != nil || len(s.clients) != 2 || s.clients["default"].URL.Host != "old" || s.alertmanager.URL != "http://all" {
		t.Errorf("a tenant without values of its own has %+v, %v", s, err)
	}
	s, err = c.forTenant(newLimits(t, `
ruler_alertmanager_config: {alertmanager_url: http://mine, alertmanager_client: {basic_auth_username: me}}
ruler_remote_write_config:
  a: {remote_timeout: 9s, headers: {X-Two: "2"}, queue_config: {capacity: 78}}
  b: {url: "http://b/write"}
`))
	if err != nil {
		t.Fatal(err)
	}
	a := s.clients["a"]
	if len(s.clients) != 3 || a.URL.Host != "a" || time.Duration(a.RemoteTimeout) != 9*time.Second || len(a.Headers) != 1 || a.Headers["X-Two"] != "2" ||
		a.QueueConfig.Capacity != 78 || a.QueueConfig.MaxShards != 3 || a.HTTPClientConfig.BasicAuth.Password != "secret" {
		t.Errorf("merged clients %+v", s.clients)
	}
	if am := s.alertmanager; am.URL != "http://mine" || am.Timeout != 7*time.Second || am.Client.BasicAuthUsername != "me" || c.Alertmanager.URL != "http://all" {
		t.Errorf("merged Alertmanagers %+v", am)
	}
	s, err = c.forTenant(newLimits(t, "ruler_remote_write_disabled: true"))
	if err != nil || len(s.clients) != 0 {
		t.Errorf("a tenant without remote write has %+v, %v", s.clients, err)
	}
	for _, tc := range []struct{ text, want string }{
		{"ruler_alertmanager_config: {alertmanager_url: nowhere}", "ruler_alertmanager_config: alertmanager_url"},
		{"ruler_alertmanager_config: {nosuch: 1}", "nosuch"},
		{"ruler_remote_write_config: {b: {remote_timeout: 3s}}", "ruler_remote_write_config.b: url for remote_write is empty"},
		{"ruler_remote_write_config: [1]", "want places by their id"},
	} {
		if err := c.CheckLimits(newLimits(t, tc.text)); err == nil || !strings.Contains(err.Error(), tc.want) {
			t.Errorf("%s: %v, want %s", tc.text, err, tc.want)
		}
	}
	text, err := yaml.Marshal(newLimits(t, "ruler_remote_write_config: {a: {basic_auth: {password: secret}}}"))
	if err != nil || strings.Contains(string(text), "secret") {
		t.Errorf("a secret is shown: %s, %v", text, err)
	}
}
