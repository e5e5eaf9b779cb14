package distributor

import (
	"errors"
	"flag"
	"slices"

	"github.com/skaldlogs/skald/pkg/limits"
)

// Config of the path that a push takes.
type Config struct {
	// MaxRecvMsgSize bounds the body of a push as it arrives.
	MaxRecvMsgSize limits.Bytes `yaml:"max_recv_msg_size"`
	// MaxDecompressedSize bounds it once it is decompressed.
	MaxDecompressedSize limits.Bytes `yaml:"max_decompressed_size"`
	OTLP                OTLPConfig   `yaml:"otlp_config"`
}

// OTLPConfig is about pushes of OpenTelemetry clients.
type OTLPConfig struct {
	// DefaultIndexAttributes are the attributes of a resource that become labels
	// where a tenant's otlp_config does not say otherwise.
	DefaultIndexAttributes limits.Strings `yaml:"default_resource_attributes_as_index_labels"`
}

// RegisterFlags adds the settings of c to f, each with its default.
func (c *Config) RegisterFlags(f *flag.FlagSet) {
	c.MaxRecvMsgSize = 100 << 20
	f.Var(&c.MaxRecvMsgSize, "distributor.max-recv-msg-size", "Largest body of a push, as it arrives.")
	c.MaxDecompressedSize = 5000 << 20
	f.Var(&c.MaxDecompressedSize, "distributor.max-decompressed-size", "Largest body of a push, once it is decompressed. Whatever it says, all pushes together take no more than a sixteenth of the memory, and no body beyond 64 MiB may grow more than a hundredfold.")
	c.OTLP.DefaultIndexAttributes = slices.Clone(defaultIndexAttributes)
	f.Var(&c.OTLP.DefaultIndexAttributes, "distributor.otlp.default_resource_attributes_as_index_labels", "Attributes of an OpenTelemetry resource that become labels of its streams. A tenant's otlp_config may add to them, or leave them out.")
}

// Validate reports settings that cannot work together.
func (c *Config) Validate() error {
	if c.MaxRecvMsgSize == 0 || c.MaxDecompressedSize == 0 {
		return errors.New("max_recv_msg_size and max_decompressed_size must not be 0")
	}
	return nil
}
