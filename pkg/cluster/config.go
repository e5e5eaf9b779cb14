package cluster

import (
	"flag"
	"fmt"
	"os"
	"slices"
	"time"

	"github.com/grafana/dskit/kv"
	"github.com/grafana/dskit/ring"

	"github.com/skaldlogs/skald/pkg/limits"
)

// The key-value stores a ring may lie in.
const (
	InMemory   = "inmemory"
	Memberlist = "memberlist"
)

var stores = []string{"", InMemory, Memberlist, "consul", "etcd", "multi"}

// Config of a ring and of this process on it. Every ring has one, which takes
// from common.ring what it is not told itself.
type Config struct {
	// KVStore is where the ring lies. An empty store is chosen by [Config.Resolve].
	KVStore           kv.Config     `yaml:"kvstore"`
	HeartbeatPeriod   time.Duration `yaml:"heartbeat_period"`
	HeartbeatTimeout  time.Duration `yaml:"heartbeat_timeout"`
	ReplicationFactor int           `yaml:"replication_factor"`

	ZoneAwarenessEnabled bool           `yaml:"zone_awareness_enabled"`
	ExcludedZones        limits.Strings `yaml:"excluded_zones"`

	NumTokens            int           `yaml:"num_tokens"`
	TokensFilePath       string        `yaml:"tokens_file_path"`
	ObservePeriod        time.Duration `yaml:"observe_period"`
	MinReadyDuration     time.Duration `yaml:"min_ready_duration"`
	UnregisterOnShutdown bool          `yaml:"unregister_on_shutdown"`
	AutoforgetUnhealthy  bool          `yaml:"autoforget_unhealthy"`

	InstanceID             string         `yaml:"instance_id"`
	InstanceAddr           string         `yaml:"instance_addr"`
	InstancePort           int            `yaml:"instance_port"`
	InstanceInterfaceNames limits.Strings `yaml:"instance_interface_names"`
	InstanceZone           string         `yaml:"instance_availability_zone"`
	EnableIPv6             bool           `yaml:"instance_enable_ipv6"`
}

// RegisterFlags adds the settings of c to f, each with its default. The prefix
// ends with a dot.
func (c *Config) RegisterFlags(f *flag.FlagSet, prefix string) {
	c.KVStore.Consul.RegisterFlags(f, prefix)
	c.KVStore.Etcd.RegisterFlagsWithPrefix(f, prefix)
	c.KVStore.Multi.RegisterFlagsWithPrefix(f, prefix)
	f.StringVar(&c.KVStore.Store, prefix+"store", "", "Where the ring lies: inmemory, memberlist, consul, etcd or multi. Empty: memberlist where memberlist.join_members is set, else inmemory, a ring of this process alone.")
	f.StringVar(&c.KVStore.Prefix, prefix+"prefix", "collectors/", "Prefix of the ring's keys in the store.")

	f.DurationVar(&c.HeartbeatPeriod, prefix+"heartbeat-period", 5*time.Second, "How often this process says that it is alive.")
	f.DurationVar(&c.HeartbeatTimeout, prefix+"heartbeat-timeout", time.Minute, "Silence after which a member counts as dead.")
	f.IntVar(&c.ReplicationFactor, prefix+"replication-factor", 3, "Members that each stream lies on. In an in-memory ring it is 1.")
	f.BoolVar(&c.ZoneAwarenessEnabled, prefix+"zone-awareness-enabled", false, "Put the replicas of a stream into different zones.")
	f.Var(&c.ExcludedZones, prefix+"excluded-zones", "Zones whose members are left out.")

	f.IntVar(&c.NumTokens, prefix+"num-tokens", 128, "Tokens of this process on the ring.")
	f.StringVar(&c.TokensFilePath, prefix+"tokens-file-path", "", "File that keeps the tokens over a restart. Empty: they are not kept.")
	f.DurationVar(&c.ObservePeriod, prefix+"observe-period", 0, "How long to watch for collisions of new tokens before starting.")
	f.DurationVar(&c.MinReadyDuration, prefix+"min-ready-duration", 15*time.Second, "How long to wait between being ready and saying so, for the others to notice. Not with an in-memory ring.")
	f.BoolVar(&c.UnregisterOnShutdown, prefix+"unregister-on-shutdown", true, "Leave the ring when stopping.")
	f.BoolVar(&c.AutoforgetUnhealthy, prefix+"autoforget-unhealthy", false, "Remove members from the ring that were silent for ten heartbeat timeouts.")

	f.StringVar(&c.InstanceID, prefix+"instance-id", "", "Name of this process on the ring, the same after a restart. Empty: the host's name, or skald where the ring lies in memory.")
	f.StringVar(&c.InstanceAddr, prefix+"instance-addr", "", "Address that others reach this process at. Empty: the first one of instance_interface_names.")
	f.IntVar(&c.InstancePort, prefix+"instance-port", 0, "Port that others reach this process at. 0: server.grpc_listen_port.")
	f.Var(&c.InstanceInterfaceNames, prefix+"instance-interface-names", "Network interfaces to take the address from. Empty: those with a private address, then the loopback.")
	f.StringVar(&c.InstanceZone, prefix+"instance-availability-zone", "", "Zone that this process is in.")
	f.BoolVar(&c.EnableIPv6, prefix+"instance-enable-ipv6", false, "Allow an IPv6 address.")
}

// Resolve fills in what was left open: the store, from whether processes are
// joined by gossip, and the name. A ring in memory has one replica.
func (c *Config) Resolve(gossip bool) error {
	switch {
	case c.KVStore.Store == "" && gossip:
		c.KVStore.Store = Memberlist
	case c.KVStore.Store == "":
		c.KVStore.Store = InMemory
	}
	if c.Alone() {
		c.ReplicationFactor = 1
		c.ZoneAwarenessEnabled = false
	}
	if c.InstanceID == "" && c.Alone() {
		// Not the host's name: each new container has another, and what the last one
		// put into the catalog would wait for it for ever.
		c.InstanceID = aloneID
	}
	if c.InstanceID == "" {
		host, err := os.Hostname()
		if err != nil {
			return fmt.Errorf("name this process on its ring (instance_id): %w", err)
		}
		c.InstanceID = host
	}
	return nil
}

// aloneID names the one member of a ring that lies in this process.
const aloneID = "skald"

// Alone reports whether the ring lies in this process.
func (c *Config) Alone() bool { return c.KVStore.Store == InMemory }

// Validate reports settings that cannot work together.
func (c *Config) Validate() error {
	switch {
	case !slices.Contains(stores, c.KVStore.Store):
		return fmt.Errorf("kvstore.store: %q is none of %q", c.KVStore.Store, stores[1:])
	case c.ReplicationFactor < 1:
		return fmt.Errorf("replication_factor: %d is less than 1", c.ReplicationFactor)
	case c.NumTokens < 1:
		return fmt.Errorf("num_tokens: %d is less than 1", c.NumTokens)
	case c.HeartbeatTimeout > 0 && c.HeartbeatTimeout <= c.HeartbeatPeriod:
		return fmt.Errorf("heartbeat_timeout (%s) is not longer than heartbeat_period (%s)", c.HeartbeatTimeout, c.HeartbeatPeriod)
	case c.ZoneAwarenessEnabled && c.InstanceZone == "":
		return fmt.Errorf("zone_awareness_enabled needs instance_availability_zone")
	}
	return nil
}

// ringConfig is c in dskit's words.
func (c *Config) ringConfig() ring.Config {
	return ring.Config{
		KVStore:              c.KVStore,
		HeartbeatTimeout:     c.HeartbeatTimeout,
		ReplicationFactor:    c.ReplicationFactor,
		ZoneAwarenessEnabled: c.ZoneAwarenessEnabled,
		ExcludedZones:        []string(c.ExcludedZones),
	}
}
