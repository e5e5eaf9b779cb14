package config

import (
	"go.yaml.in/yaml/v3"

	"github.com/skaldlogs/skald/clients/agent/listen"
)

// Server is the block server.
type Server struct {
	listen.Config `yaml:",inline"`

	Disable             bool   `yaml:"disable"`
	LogLevel            string `yaml:"log_level"`
	LogFormat           string `yaml:"log_format"`
	ExternalURL         string `yaml:"external_url,omitempty"`
	HealthCheckTarget   bool   `yaml:"health_check_target"`
	ProfilingEnabled    bool   `yaml:"profiling_enabled"`
	EnableRuntimeReload bool   `yaml:"enable_runtime_reload"`

	// ignored are the settings that are known and have no effect.
	ignored []listen.Key
}

func (s *Server) setDefaults() {
	*s = Server{Config: listen.Default(), LogLevel: "info", LogFormat: "logfmt", HealthCheckTarget: true, ProfilingEnabled: true}
}

// UnmarshalYAML reads the block over the defaults, and notes the settings that
// have no effect.
func (s *Server) UnmarshalYAML(n *yaml.Node) error {
	type plain Server
	ignored, err := listen.Decode(n, (*plain)(s))
	s.ignored = ignored
	return err
}
