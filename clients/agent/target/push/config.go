package push

import (
	"cmp"
	"errors"
	"fmt"
	"path"

	"go.yaml.in/yaml/v3"

	"github.com/skaldlogs/skald/clients/agent/listen"
)

// A Config is the loki_push_api block of a scrape config. Zero values stand for
// the defaults.
type Config struct {
	// Server says where to listen. It has the keys of every server block; those
	// about HTTP are served: there is no gRPC here.
	Server Server `yaml:"server"`
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

// Server is the server block of a source that is pushed to.
type Server struct {
	listen.Config `yaml:",inline"`

	unused []listen.Key
}

// UnmarshalYAML reads the block, and notes the settings that have no effect.
func (s *Server) UnmarshalYAML(n *yaml.Node) error {
	type plain Server
	unused, err := listen.Decode(n, (*plain)(s), "log_level", "log_format", "http_server_write_timeout")
	s.unused = unused
	return err
}

// Validate checks the config and fills in its defaults.
func (c *Config) Validate() error {
	d, s := listen.Default(), &c.Server
	s.HTTPListenNetwork = cmp.Or(s.HTTPListenNetwork, d.HTTPListenNetwork)
	s.ReadTimeout = cmp.Or(s.ReadTimeout, d.ReadTimeout)
	s.IdleTimeout = cmp.Or(s.IdleTimeout, d.IdleTimeout)
	s.ShutdownTimeout = cmp.Or(s.ShutdownTimeout, d.ShutdownTimeout)
	s.WriteTimeout = 0 // a push may wait for room as long as it takes
	c.MaxSendMsgSize = cmp.Or(c.MaxSendMsgSize, defaultMaxSendMsgSize)
	if c.MaxSendMsgSize < 0 {
		return errors.New("loki_push_api: max_send_msg_size: want more than nothing")
	}
	if err := s.Validate(); err != nil {
		return fmt.Errorf("loki_push_api: server: %w", err)
	}
	return nil
}

// route is a path below the prefix.
func (c *Config) route(p string) string { return path.Join("/", c.Server.HTTPPathPrefix, p) }
