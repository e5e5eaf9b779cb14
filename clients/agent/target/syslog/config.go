package syslog

import (
	"errors"
	"fmt"
	"time"

	"github.com/prometheus/common/config"
	"github.com/prometheus/common/model"
)

// A Config is the syslog block of a scrape config. Zero values stand for the
// defaults, which Validate fills in.
type Config struct {
	// ListenAddress is the address and port to listen on.
	ListenAddress string `yaml:"listen_address"`
	// ListenProtocol is tcp, the default, or udp.
	ListenProtocol string `yaml:"listen_protocol,omitempty"`
	// IdleTimeout is how long a connection may be silent: 120s.
	IdleTimeout model.Duration `yaml:"idle_timeout,omitempty"`
	// LabelStructuredData makes labels of the parameters of structured data:
	// __syslog_message_sd_<id>_<name>.
	LabelStructuredData bool `yaml:"label_structured_data,omitempty"`
	// Labels are added to each entry.
	Labels map[string]string `yaml:"labels,omitempty"`
	// UseIncomingTimestamp takes the time of the message rather than that of its
	// arrival, where it has one.
	UseIncomingTimestamp bool `yaml:"use_incoming_timestamp,omitempty"`
	// UseRFC5424Message makes the whole message the line, not only its text.
	UseRFC5424Message bool `yaml:"use_rfc5424_message,omitempty"`
	// MaxMessageLength is how many bytes of a message are kept: 8192.
	MaxMessageLength int `yaml:"max_message_length,omitempty"`
	// SyslogFormat is rfc5424, the default, or rfc3164.
	SyslogFormat string `yaml:"syslog_format,omitempty"`
	// TLSConfig makes a TCP listener one of TLS, with cert_file and key_file.
	// With ca_file, senders must show a certificate that it has signed.
	TLSConfig config.TLSConfig `yaml:"tls_config,omitempty"`
}

const (
	tcp     = "tcp"
	udp     = "udp"
	rfc5424 = "rfc5424"
	rfc3164 = "rfc3164"
)

// Defaults of a Config.
const (
	defaultIdleTimeout      = 120 * time.Second
	defaultMaxMessageLength = 8192
	// maxMaxMessageLength is the most that a message may be let grow to.
	maxMaxMessageLength = 64 << 20
)

// Validate checks the config and fills in its defaults.
func (c *Config) Validate() error {
	switch c.ListenProtocol {
	case "":
		c.ListenProtocol = tcp
	case tcp, udp:
	default:
		return fmt.Errorf("syslog: listen_protocol: unknown protocol %q, want tcp or udp", c.ListenProtocol)
	}
	switch c.SyslogFormat {
	case "":
		c.SyslogFormat = rfc5424
	case rfc5424, rfc3164:
	default:
		return fmt.Errorf("syslog: syslog_format: unknown format %q, want rfc5424 or rfc3164", c.SyslogFormat)
	}
	if c.IdleTimeout == 0 {
		c.IdleTimeout = model.Duration(defaultIdleTimeout)
	}
	if c.MaxMessageLength == 0 {
		c.MaxMessageLength = defaultMaxMessageLength
	}
	switch {
	case c.ListenAddress == "":
		return errors.New("syslog: listen_address is required")
	case c.IdleTimeout < 0:
		return errors.New("syslog: idle_timeout: want more than nothing")
	case c.MaxMessageLength < 1 || c.MaxMessageLength > maxMaxMessageLength:
		return fmt.Errorf("syslog: max_message_length: want 1 to %d bytes", maxMaxMessageLength)
	case c.ListenProtocol == udp && c.usesTLS():
		return errors.New("syslog: tls_config: there is no TLS over udp")
	}
	return c.TLSConfig.Validate()
}

// usesTLS reports whether the listener is one of TLS.
func (c *Config) usesTLS() bool {
	t := c.TLSConfig
	return t.CertFile != "" || t.KeyFile != "" || t.CAFile != "" || t.Cert != "" || t.Key != "" || t.CA != ""
}
