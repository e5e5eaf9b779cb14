package push

import (
	"bytes"
	"cmp"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"path"
	"reflect"
	"slices"
	"strconv"
	"strings"

	"github.com/grafana/dskit/flagext"
	"github.com/grafana/dskit/server"
	"github.com/prometheus/common/config"
	"github.com/prometheus/exporter-toolkit/web"
	"go.yaml.in/yaml/v3"
	"golang.org/x/net/netutil"
)

// A Config is the loki_push_api block of a scrape config. Zero values stand for
// the defaults.
type Config struct {
	// Server says where to listen. It has the keys of every server block; those
	// about HTTP are served: there is no gRPC here.
	Server server.Config `yaml:"server"`
	// Labels are set on each entry.
	Labels map[string]string `yaml:"labels,omitempty"`
	// UseIncomingTimestamp keeps the times of entries, rather than giving them
	// that of their arrival.
	UseIncomingTimestamp bool `yaml:"use_incoming_timestamp"`
	// MaxSendMsgSize bounds a body, in bytes: 100 MiB.
	MaxSendMsgSize int64 `yaml:"max_send_msg_size"`
}

const (
	defaultMaxSendMsgSize = 100 << 20
	// pushesAtOnce is how many bodies of the largest size may be held at once.
	pushesAtOnce = 4
	// minBudget is what all bodies may take together, however small the largest.
	minBudget = 64 << 20
)

// Validate checks the config and fills in its defaults.
func (c *Config) Validate() error {
	var d server.Config
	flagext.DefaultValues(&d)
	s := &c.Server
	s.HTTPListenNetwork = cmp.Or(s.HTTPListenNetwork, d.HTTPListenNetwork)
	s.HTTPServerReadTimeout = cmp.Or(s.HTTPServerReadTimeout, d.HTTPServerReadTimeout)
	s.HTTPServerIdleTimeout = cmp.Or(s.HTTPServerIdleTimeout, d.HTTPServerIdleTimeout)
	s.ServerGracefulShutdownTimeout = cmp.Or(s.ServerGracefulShutdownTimeout, d.ServerGracefulShutdownTimeout)
	if s.LogLevel.String() == "" {
		s.LogLevel = d.LogLevel // an empty one cannot be read again
	}
	c.MaxSendMsgSize = cmp.Or(c.MaxSendMsgSize, defaultMaxSendMsgSize)
	switch {
	case s.HTTPListenPort < 0 || s.HTTPListenPort > 65535:
		return fmt.Errorf("loki_push_api: server: http_listen_port: %d is no port", s.HTTPListenPort)
	case s.ProxyProtocolEnabled:
		return errors.New("loki_push_api: server: proxy_protocol_enabled is not served")
	case c.MaxSendMsgSize < 0:
		return errors.New("loki_push_api: max_send_msg_size: want more than nothing")
	}
	return nil
}

// served are the keys of the server block that have an effect here.
var served = []string{
	"http_listen_network", "http_listen_address", "http_listen_port", "http_listen_conn_limit", "http_tls_config",
	"http_path_prefix", "http_server_read_timeout", "http_server_read_header_timeout", "http_server_idle_timeout",
	"graceful_shutdown_timeout",
}

// unused are the keys of the server block that are set and have no effect.
func (c *Config) unused() []string {
	var keys []string
	var d server.Config
	flagext.DefaultValues(&d)
	v, defaults := reflect.ValueOf(c.Server), reflect.ValueOf(d)
	for f := range v.Type().Fields() {
		key, _, _ := strings.Cut(f.Tag.Get("yaml"), ",")
		set := v.FieldByIndex(f.Index)
		if key == "" || key == "-" || slices.Contains(served, key) || set.IsZero() {
			continue
		}
		// As YAML, since some are not comparable.
		text, err := yaml.Marshal(set.Interface())
		usual, _ := yaml.Marshal(defaults.FieldByIndex(f.Index).Interface())
		if err != nil || !bytes.Equal(text, usual) {
			keys = append(keys, key)
		}
	}
	return keys
}

// listen opens the port.
func (c *Config) listen() (net.Listener, error) {
	s := &c.Server
	l, err := net.Listen(s.HTTPListenNetwork, net.JoinHostPort(s.HTTPListenAddress, strconv.Itoa(s.HTTPListenPort)))
	if err != nil {
		return nil, err
	}
	if s.HTTPConnLimit > 0 {
		l = netutil.LimitListener(l, s.HTTPConnLimit)
	}
	t := s.HTTPTLSConfig
	if (t.TLSCert == "" && t.TLSCertPath == "") || (t.TLSKey == "" && t.TLSKeyPath == "") {
		return l, nil
	}
	tlsConfig, err := web.ConfigToTLSConfig(&web.TLSConfig{
		TLSCert: t.TLSCert, TLSCertPath: t.TLSCertPath,
		TLSKey: config.Secret(t.TLSKey), TLSKeyPath: t.TLSKeyPath,
		ClientAuth: t.ClientAuth, ClientCAs: t.ClientCAs, ClientCAsText: t.ClientCAsText,
	})
	if err != nil {
		_ = l.Close()
		return nil, fmt.Errorf("http_tls_config: %w", err)
	}
	return tls.NewListener(l, tlsConfig), nil
}

// route is a path below the prefix.
func (c *Config) route(p string) string { return path.Join("/", c.Server.PathPrefix, p) }
