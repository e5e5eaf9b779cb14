package send

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/cespare/xxhash/v2"
	"github.com/prometheus/common/config"
	"github.com/prometheus/common/model"
	"go.yaml.in/yaml/v3"
)

// Config is one of the clients in the configuration file.
type Config struct {
	// Name is in logs and metrics. The default is a hash of the other settings.
	Name string `yaml:"name,omitempty"`
	// URL is the whole address that pushes go to.
	URL config.URL `yaml:"url"`
	// BatchWait is how old a batch gets before it is sent.
	BatchWait time.Duration `yaml:"batchwait"`
	// BatchSize is how many bytes of lines a batch holds.
	BatchSize int `yaml:"batchsize"`
	// Timeout is for one request.
	Timeout time.Duration `yaml:"timeout"`
	// TenantID is the tenant of entries that name none.
	TenantID string `yaml:"tenant_id,omitempty"`
	// Headers are sent with each request, unless the agent sets them itself.
	Headers map[string]string `yaml:"headers,omitempty"`
	// ExternalLabels are given to entries that have no label of that name.
	ExternalLabels LabelSet      `yaml:"external_labels,omitempty"`
	Backoff        BackoffConfig `yaml:"backoff_config"`
	// MaxInFlight is how many batches may be on their way at once.
	MaxInFlight int `yaml:"max_in_flight"`
	// DropRateLimited drops a batch that gets status 429.
	DropRateLimited bool `yaml:"drop_rate_limited_batches"`

	HTTP config.HTTPClientConfig `yaml:",inline"`
}

// LabelSet are labels as a map.
type LabelSet map[string]string

// UnmarshalYAML checks names and values.
func (s *LabelSet) UnmarshalYAML(n *yaml.Node) error {
	var m map[string]string
	if err := n.Decode(&m); err != nil {
		return err
	}
	for _, name := range slices.Sorted(maps.Keys(m)) {
		if !model.LegacyValidation.IsValidLabelName(name) {
			return fmt.Errorf("line %d: %q is not a label name", n.Line, name)
		}
	}
	*s = m
	return nil
}

// BackoffConfig says how long to wait between tries.
type BackoffConfig struct {
	MinPeriod time.Duration `yaml:"min_period"`
	MaxPeriod time.Duration `yaml:"max_period"`
	// MaxRetries is after how many tries a batch is dropped; 0 is never.
	MaxRetries int `yaml:"max_retries"`
}

// DefaultConfig is what a client has that says nothing but its URL.
func DefaultConfig() Config {
	return Config{
		BatchWait:   time.Second,
		BatchSize:   1 << 20,
		Timeout:     10 * time.Second,
		MaxInFlight: 1,
		Backoff:     BackoffConfig{MinPeriod: 500 * time.Millisecond, MaxPeriod: 5 * time.Minute},
		HTTP:        config.DefaultHTTPClientConfig,
	}
}

// UnmarshalYAML reads a client over the defaults.
func (c *Config) UnmarshalYAML(unmarshal func(any) error) error {
	type plain Config
	*c = DefaultConfig()
	return unmarshal((*plain)(c))
}

// Validate reports settings that cannot work, and names a client that has no name.
func (c *Config) Validate() error {
	switch {
	case c.URL.URL == nil || c.URL.Host == "":
		return errors.New("url is missing: the whole address to push to, such as http://localhost:3100/loki/api/v1/push")
	case c.BatchSize <= 0:
		return fmt.Errorf("batchsize is %d: give a number of bytes above 0", c.BatchSize)
	case c.BatchWait <= 0:
		return fmt.Errorf("batchwait is %s: give a time above 0", c.BatchWait)
	case c.Timeout <= 0:
		return fmt.Errorf("timeout is %s: give a time above 0", c.Timeout)
	case c.MaxInFlight < 1 || c.MaxInFlight > 64:
		return fmt.Errorf("max_in_flight is %d: give a number from 1 to 64", c.MaxInFlight)
	case c.Backoff.MinPeriod <= 0 || c.Backoff.MaxPeriod < c.Backoff.MinPeriod:
		return fmt.Errorf("backoff_config: min_period %s and max_period %s: give times above 0, the second not below the first", c.Backoff.MinPeriod, c.Backoff.MaxPeriod)
	case c.Backoff.MaxRetries < 0:
		return fmt.Errorf("backoff_config: max_retries is %d: give a number of tries, or 0 to never stop", c.Backoff.MaxRetries)
	}
	if err := c.HTTP.Validate(); err != nil {
		return err
	}
	if c.Name == "" {
		text, err := yaml.Marshal(struct {
			URL    string
			Tenant string
			Labels LabelSet
			Wait   time.Duration
			Size   int
		}{c.URL.String(), c.TenantID, c.ExternalLabels, c.BatchWait, c.BatchSize})
		if err != nil {
			return err
		}
		c.Name = fmt.Sprintf("%06x", xxhash.Sum64(text)&0xffffff)
	}
	return nil
}

// ValidateAll is [Config.Validate] for all clients together.
func ValidateAll(clients []Config) error {
	seen := map[string]int{}
	for i := range clients {
		if err := clients[i].Validate(); err != nil {
			return fmt.Errorf("clients: number %d: %w", i+1, err)
		}
		if first, dup := seen[clients[i].Name]; dup {
			return fmt.Errorf("clients: number %d and %d are both called %q: give each a name of its own", first+1, i+1, clients[i].Name)
		}
		seen[clients[i].Name] = i
	}
	return nil
}

// host is what metrics call the server.
func (c *Config) host() string { return strings.TrimSpace(c.URL.Host) }
