// Package listen is the server block of configuration files, as far as it is
// about HTTP: where the agent's pages and the sources that are pushed to listen.
//
//	Config   the settings that have an effect, and the listener that they make
//	Decode   reads a block and says which of its settings have none
//
// The block has many more settings where it was first used. Those that are
// known and have no effect here are returned, to be said at start; any other is
// an error with its line.
//
// The agent and its sources may use this package; it knows none of them. Its
// values are not to be changed while they are used.
package listen

import (
	"crypto/tls"
	"fmt"
	"net"
	"net/http"
	"strconv"
	"time"

	"github.com/prometheus/common/config"
	"github.com/prometheus/exporter-toolkit/web"
	"golang.org/x/net/netutil"
)

// Config says where an HTTP server listens, and how long it waits for others.
type Config struct {
	HTTPListenNetwork string `yaml:"http_listen_network"`
	HTTPListenAddress string `yaml:"http_listen_address"`
	HTTPListenPort    int    `yaml:"http_listen_port"`
	// HTTPConnLimit is how many connections there may be; 0 is no limit.
	HTTPConnLimit     int           `yaml:"http_listen_conn_limit"`
	HTTPPathPrefix    string        `yaml:"http_path_prefix"`
	ReadTimeout       time.Duration `yaml:"http_server_read_timeout"`
	ReadHeaderTimeout time.Duration `yaml:"http_server_read_header_timeout"`
	WriteTimeout      time.Duration `yaml:"http_server_write_timeout"`
	IdleTimeout       time.Duration `yaml:"http_server_idle_timeout"`
	TLS               TLS           `yaml:"http_tls_config,omitempty"`
	// ShutdownTimeout is how long what was begun may take at the end.
	ShutdownTimeout time.Duration `yaml:"graceful_shutdown_timeout"`
}

// TLS makes a server one of HTTPS. Certificate and key are given as text or as
// files.
type TLS struct {
	Cert       string        `yaml:"cert,omitempty"`
	Key        config.Secret `yaml:"key,omitempty"`
	ClientCA   string        `yaml:"client_ca,omitempty"`
	CertFile   string        `yaml:"cert_file,omitempty"`
	KeyFile    string        `yaml:"key_file,omitempty"`
	ClientAuth string        `yaml:"client_auth_type,omitempty"`
	ClientCAs  string        `yaml:"client_ca_file,omitempty"`
}

// Default is what a block has that says nothing.
func Default() Config {
	return Config{
		HTTPListenNetwork: "tcp", HTTPListenPort: 80, ReadTimeout: 30 * time.Second, WriteTimeout: 30 * time.Second,
		IdleTimeout: 2 * time.Minute, ShutdownTimeout: 30 * time.Second,
	}
}

// Validate reports settings that cannot work.
func (c *Config) Validate() error {
	switch {
	case c.HTTPListenPort < 0 || c.HTTPListenPort > 65535:
		return fmt.Errorf("http_listen_port: %d is no port", c.HTTPListenPort)
	case c.HTTPConnLimit < 0:
		return fmt.Errorf("http_listen_conn_limit is %d: give a number, or 0 for no limit", c.HTTPConnLimit)
	case c.TLS.given() && (c.TLS.Cert == "" && c.TLS.CertFile == "" || c.TLS.Key == "" && c.TLS.KeyFile == ""):
		return fmt.Errorf("http_tls_config: a certificate and its key belong together: give cert_file and key_file")
	}
	return nil
}

func (t *TLS) given() bool { return *t != TLS{} }

// Listen opens the port; the caller closes it.
func (c *Config) Listen() (net.Listener, error) {
	l, err := net.Listen(c.HTTPListenNetwork, net.JoinHostPort(c.HTTPListenAddress, strconv.Itoa(c.HTTPListenPort)))
	if err != nil {
		return nil, err
	}
	if c.HTTPConnLimit > 0 {
		l = netutil.LimitListener(l, c.HTTPConnLimit)
	}
	if !c.TLS.given() {
		return l, nil
	}
	tlsConfig, err := web.ConfigToTLSConfig(&web.TLSConfig{
		TLSCert: c.TLS.Cert, TLSCertPath: c.TLS.CertFile, TLSKey: c.TLS.Key, TLSKeyPath: c.TLS.KeyFile,
		ClientAuth: c.TLS.ClientAuth, ClientCAs: c.TLS.ClientCAs, ClientCAsText: c.TLS.ClientCA,
	})
	if err != nil {
		_ = l.Close()
		return nil, fmt.Errorf("http_tls_config: %w", err)
	}
	return tls.NewListener(l, tlsConfig), nil
}

// Server returns a server with the block's timeouts.
func (c *Config) Server(h http.Handler) *http.Server {
	return &http.Server{
		Handler: h, ReadTimeout: c.ReadTimeout, ReadHeaderTimeout: c.ReadHeaderTimeout,
		WriteTimeout: c.WriteTimeout, IdleTimeout: c.IdleTimeout,
	}
}
