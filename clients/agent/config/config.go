package config

import (
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/prometheus/common/model"
	"github.com/prometheus/prometheus/discovery/file"
	"github.com/prometheus/prometheus/discovery/kubernetes"
	"github.com/prometheus/prometheus/model/relabel"
	"go.yaml.in/yaml/v3"

	"github.com/skaldlogs/skald/clients/agent/send"
	"github.com/skaldlogs/skald/clients/agent/stage"
	"github.com/skaldlogs/skald/clients/agent/tail"
	"github.com/skaldlogs/skald/clients/agent/target/events"
	"github.com/skaldlogs/skald/clients/agent/target/journal"
	"github.com/skaldlogs/skald/clients/agent/target/push"
	"github.com/skaldlogs/skald/clients/agent/target/syslog"
)

// Config is promtail.yaml.
type Config struct {
	Global    Global            `yaml:"global,omitempty"`
	Server    Server            `yaml:"server,omitempty"`
	Client    *send.Config      `yaml:"client,omitempty"` // deprecated: one more of Clients
	Clients   []send.Config     `yaml:"clients,omitempty"`
	Positions Positions         `yaml:"positions,omitempty"`
	Scrape    []Scrape          `yaml:"scrape_configs,omitempty"`
	Target    TargetConfig      `yaml:"target_config,omitempty"`
	Limits    send.LimitsConfig `yaml:"limits_config,omitempty"`
	Options   map[string]any    `yaml:"options,omitempty"`
	Tracing   *Block            `yaml:"tracing,omitempty"`
	WAL       WAL               `yaml:"wal,omitempty"`
}

// Global is the block global.
type Global struct {
	FileWatch FileWatch `yaml:"file_watch_config,omitempty"`
}

// FileWatch says how often files are polled.
type FileWatch struct {
	MinPollFrequency time.Duration `yaml:"min_poll_frequency"`
	MaxPollFrequency time.Duration `yaml:"max_poll_frequency"`
}

// Positions is the block positions.
type Positions struct {
	Filename          string        `yaml:"filename"`
	SyncPeriod        time.Duration `yaml:"sync_period"`
	IgnoreInvalidYAML bool          `yaml:"ignore_invalid_yaml"`
	// JournalSync has a batch reach the disk before it is sent for the first time.
	JournalSync bool `yaml:"journal_sync"`
	// WhenUnwritable is what becomes of batches that cannot be written to the
	// journal, as on a full disk: they wait, or are sent all the same.
	WhenUnwritable string `yaml:"when_unwritable"`
}

// What becomes of batches that cannot be written to the journal.
const (
	UnwritableWait = "wait"
	UnwritableSend = "send"
)

// TargetConfig is the block target_config.
type TargetConfig struct {
	SyncPeriod time.Duration `yaml:"sync_period"`
	Stdin      bool          `yaml:"stdin"`
	// Unserved is what to do about blocks of targets that are not served yet:
	// ignore or refuse.
	Unserved string `yaml:"unserved"`
	// BufferBytes is how much is kept on disk for each source that cannot wait.
	BufferBytes int64 `yaml:"buffer_bytes"`
	// BufferSync is when what lies in these buffers reaches the disk: auto, which is
	// before a push is answered and each second for syslog, always (before a sender
	// is answered or read on), interval (each second) or never.
	BufferSync string `yaml:"buffer_sync"`
	// QueueBytes is how much is kept on disk for each of several clients that
	// cannot take it yet.
	QueueBytes int64 `yaml:"queue_bytes"`
}

// WAL is the block wal. The agent's journal does what it is for.
type WAL struct {
	Enabled       bool          `yaml:"enabled"`
	Dir           string        `yaml:"dir,omitempty"`
	MaxSegmentAge time.Duration `yaml:"cleanSegmentsOlderThan,omitempty"`
	Watch         struct {
		MinReadFrequency time.Duration `yaml:"minReadFrequency,omitempty"`
		MaxReadFrequency time.Duration `yaml:"maxReadFrequency,omitempty"`
	} `yaml:"watchConfig,omitempty"`
}

// Scrape is one of scrape_configs.
type Scrape struct {
	JobName  string            `yaml:"job_name"`
	Pipeline stage.Config      `yaml:"pipeline_stages,omitempty"`
	Relabel  []*relabel.Config `yaml:"relabel_configs,omitempty"`

	Static     []Static               `yaml:"static_configs,omitempty"`
	Files      []*file.SDConfig       `yaml:"file_sd_configs,omitempty"`
	Kubernetes []*kubernetes.SDConfig `yaml:"kubernetes_sd_configs,omitempty"`

	Encoding      string        `yaml:"encoding,omitempty"`
	Decompression Decompression `yaml:"decompression,omitempty"`

	Syslog  *syslog.Config  `yaml:"syslog,omitempty"`
	Journal *journal.Config `yaml:"journal,omitempty"`
	Push    *push.Config    `yaml:"loki_push_api,omitempty"`
	Events  *events.Config  `yaml:"kubernetes_events,omitempty"`

	Unserved `yaml:",inline"`
}

// Unserved are the blocks of a scrape config that are parsed and not served yet.
type Unserved struct {
	Docker        *Block `yaml:"docker_sd_configs,omitempty"`
	DNS           *Block `yaml:"dns_sd_configs,omitempty"`
	Consul        *Block `yaml:"consul_sd_configs,omitempty"`
	ConsulAgent   *Block `yaml:"consulagent_sd_configs,omitempty"`
	DigitalOcean  *Block `yaml:"digitalocean_sd_configs,omitempty"`
	DockerSwarm   *Block `yaml:"dockerswarm_sd_configs,omitempty"`
	Serverset     *Block `yaml:"serverset_sd_configs,omitempty"`
	Nerve         *Block `yaml:"nerve_sd_configs,omitempty"`
	Marathon      *Block `yaml:"marathon_sd_configs,omitempty"`
	GCE           *Block `yaml:"gce_sd_configs,omitempty"`
	EC2           *Block `yaml:"ec2_sd_configs,omitempty"`
	OpenStack     *Block `yaml:"openstack_sd_configs,omitempty"`
	Azure         *Block `yaml:"azure_sd_configs,omitempty"`
	Triton        *Block `yaml:"triton_sd_configs,omitempty"`
	GCPLog        *Block `yaml:"gcplog,omitempty"`
	WindowsEvents *Block `yaml:"windows_events,omitempty"`
	Kafka         *Block `yaml:"kafka,omitempty"`
	EventHubs     *Block `yaml:"azure_event_hubs,omitempty"`
	GELF          *Block `yaml:"gelf,omitempty"`
	Cloudflare    *Block `yaml:"cloudflare,omitempty"`
	Heroku        *Block `yaml:"heroku_drain,omitempty"`
}

// A Block is part of a file that is kept as it is, whatever it holds.
type Block struct{ yaml.Node }

// UnmarshalYAML keeps a node.
func (b *Block) UnmarshalYAML(n *yaml.Node) error {
	b.Node = *n
	return nil
}

// MarshalYAML returns the node that was kept.
func (b *Block) MarshalYAML() (any, error) { return &b.Node, nil }

// Static is one of static_configs.
type Static struct {
	Targets []string          `yaml:"targets,omitempty"`
	Labels  map[string]string `yaml:"labels,omitempty"`
}

// Decompression says that files are compressed, and read once.
type Decompression struct {
	Enabled      bool          `yaml:"enabled"`
	InitialDelay time.Duration `yaml:"initial_delay"`
	Format       tail.Format   `yaml:"format"`
}

// Default is what an empty file means.
func Default() Config {
	c := Config{
		Positions: Positions{Filename: "/var/log/positions.yaml", SyncPeriod: 10 * time.Second, WhenUnwritable: UnwritableWait},
		Target:    TargetConfig{SyncPeriod: 10 * time.Second, Unserved: Ignore, BufferBytes: 256 << 20, BufferSync: SyncAuto, QueueBytes: 256 << 20},
		Limits:    send.LimitsConfig{ReadlineRate: 10_000, ReadlineBurst: 10_000, ReadlineRateDrop: true},
	}
	c.Global.FileWatch = FileWatch{MinPollFrequency: 250 * time.Millisecond, MaxPollFrequency: 250 * time.Millisecond}
	c.Server.setDefaults()
	return c
}

// What to do about targets that are not served yet.
const (
	Ignore = "ignore"
	Refuse = "refuse"
)

// When buffers are synced.
const (
	SyncAuto     = "auto"
	SyncAlways   = "always"
	SyncInterval = "interval"
	SyncNever    = "never"
)

// Validate checks what cannot be told from one value alone, and completes c.
func (c *Config) Validate() error {
	if c.Client != nil {
		c.Clients = append([]send.Config{*c.Client}, c.Clients...)
		c.Client = nil
	}
	if err := send.ValidateAll(c.Clients); err != nil {
		return err
	}
	switch {
	case c.Positions.SyncPeriod <= 0:
		return fmt.Errorf("positions: sync_period is %s: give a time above 0", c.Positions.SyncPeriod)
	case c.Positions.Filename == "":
		return errors.New("positions: filename is empty: say where to keep positions")
	case c.Positions.WhenUnwritable != UnwritableWait && c.Positions.WhenUnwritable != UnwritableSend:
		return fmt.Errorf("positions: when_unwritable is %q: use %s or %s", c.Positions.WhenUnwritable, UnwritableWait, UnwritableSend)
	case c.Target.SyncPeriod <= 0:
		return fmt.Errorf("target_config: sync_period is %s: give a time above 0", c.Target.SyncPeriod)
	case c.Target.Unserved != Ignore && c.Target.Unserved != Refuse:
		return fmt.Errorf("target_config: unserved is %q: use %s or %s", c.Target.Unserved, Ignore, Refuse)
	case c.Target.BufferBytes < 1<<20:
		return fmt.Errorf("target_config: buffer_bytes is %d: give at least 1048576", c.Target.BufferBytes)
	case !slices.Contains([]string{SyncAuto, SyncAlways, SyncInterval, SyncNever}, c.Target.BufferSync):
		return fmt.Errorf("target_config: buffer_sync is %q: use %s, %s, %s or %s", c.Target.BufferSync, SyncAuto, SyncAlways, SyncInterval, SyncNever)
	case c.Target.QueueBytes < 1<<20:
		return fmt.Errorf("target_config: queue_bytes is %d: give at least 1048576", c.Target.QueueBytes)
	case c.Global.FileWatch.MinPollFrequency <= 0:
		return fmt.Errorf("global: file_watch_config: min_poll_frequency is %s: give a time above 0", c.Global.FileWatch.MinPollFrequency)
	}
	if err := c.Limits.Validate(); err != nil {
		return err
	}
	if err := c.Server.Validate(); err != nil {
		return fmt.Errorf("server: %w", err)
	}
	seen := map[string]bool{}
	for i := range c.Scrape {
		s := &c.Scrape[i]
		if s.JobName == "" {
			return fmt.Errorf("scrape_configs: number %d: job_name is missing", i+1)
		}
		if seen[s.JobName] {
			return fmt.Errorf("scrape_configs: two are called %q: give each job a name of its own", s.JobName)
		}
		seen[s.JobName] = true
		if err := s.validate(); err != nil {
			return fmt.Errorf("scrape_configs: job %s: %w", s.JobName, err)
		}
	}
	return nil
}

func (s *Scrape) validate() error {
	for i, r := range s.Relabel {
		if err := r.Validate(model.LegacyValidation); err != nil {
			return fmt.Errorf("relabel_configs: number %d: %w", i+1, err)
		}
	}
	if _, err := tail.ParseEncoding(s.Encoding); err != nil {
		return err
	}
	if s.Syslog != nil {
		if err := s.Syslog.Validate(); err != nil {
			return err
		}
	}
	if s.Journal != nil {
		if err := s.Journal.Validate(); err != nil {
			return err
		}
	}
	if s.Push != nil {
		if err := s.Push.Validate(); err != nil {
			return err
		}
	}
	if s.Events != nil {
		if err := s.Events.Validate(); err != nil {
			return err
		}
	}
	if d := s.Decompression; d.Enabled {
		switch d.Format {
		case tail.Gzip, tail.Zlib, tail.Bzip2, tail.Zstd:
		default:
			return fmt.Errorf("decompression: unknown format %q: use gz, z, bz2 or zst", d.Format)
		}
	}
	return nil
}
