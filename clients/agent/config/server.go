package config

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"go.yaml.in/yaml/v3"
)

// Server is the block server.
type Server struct {
	Disable             bool          `yaml:"disable"`
	HTTPListenAddress   string        `yaml:"http_listen_address"`
	HTTPListenPort      int           `yaml:"http_listen_port"`
	HTTPPathPrefix      string        `yaml:"http_path_prefix"`
	ReadTimeout         time.Duration `yaml:"http_server_read_timeout"`
	WriteTimeout        time.Duration `yaml:"http_server_write_timeout"`
	IdleTimeout         time.Duration `yaml:"http_server_idle_timeout"`
	TLS                 ServerTLS     `yaml:"http_tls_config,omitempty"`
	LogLevel            string        `yaml:"log_level"`
	LogFormat           string        `yaml:"log_format"`
	ExternalURL         string        `yaml:"external_url,omitempty"`
	HealthCheckTarget   bool          `yaml:"health_check_target"`
	ProfilingEnabled    bool          `yaml:"profiling_enabled"`
	EnableRuntimeReload bool          `yaml:"enable_runtime_reload"`
	// ShutdownTimeout is how long the last batches may take at the end.
	ShutdownTimeout time.Duration `yaml:"graceful_shutdown_timeout"`

	// ignored are the keys that are known and have no effect.
	ignored []ignoredKey
}

type ignoredKey struct {
	name string
	line int
}

// ServerTLS are the certificate and key of the HTTP server.
type ServerTLS struct {
	CertFile string `yaml:"cert_file,omitempty"`
	KeyFile  string `yaml:"key_file,omitempty"`
}

func (s *Server) setDefaults() {
	*s = Server{
		HTTPListenPort: 80, ReadTimeout: 30 * time.Second, WriteTimeout: 30 * time.Second, IdleTimeout: 2 * time.Minute,
		LogLevel: "info", LogFormat: "logfmt", HealthCheckTarget: true, ProfilingEnabled: true, ShutdownTimeout: 30 * time.Second,
	}
}

// unused are the keys of the block that the agent has no use for: it speaks no
// gRPC, and its few pages need no tuning.
var unused = []string{
	"cluster_validation", "grpc_", "http_listen_conn_limit", "http_listen_network", "http_log_closed_connections_without_response_enabled",
	"http_server_read_header_timeout", "log_request_at_info_level_enabled", "log_request_exclude_headers_list", "log_request_headers",
	"log_source_ips_", "proxy_protocol_enabled", "register_instrumentation", "report_grpc_codes_in_instrumentation_label_enabled",
	"throughput_", "tls_cipher_suites", "tls_min_version", "trace_request_",
}

// UnmarshalYAML reads the block over the defaults, and notes the keys that have
// no effect.
func (s *Server) UnmarshalYAML(n *yaml.Node) error {
	type plain Server
	if n.Kind != yaml.MappingNode {
		return fmt.Errorf("line %d: server: want settings by name, a mapping", n.Line)
	}
	kept := *n
	kept.Content = nil
	var ignored []ignoredKey
	for i := 0; i+1 < len(n.Content); i += 2 {
		name := n.Content[i].Value
		if slices.ContainsFunc(unused, func(u string) bool { return name == u || strings.HasSuffix(u, "_") && strings.HasPrefix(name, u) }) {
			ignored = append(ignored, ignoredKey{name, n.Content[i].Line})
			continue
		}
		kept.Content = append(kept.Content, n.Content[i], n.Content[i+1])
	}
	if err := known(&kept, s, "server"); err != nil {
		return err
	}
	if err := kept.Decode((*plain)(s)); err != nil {
		return err
	}
	s.ignored = ignored
	return nil
}
