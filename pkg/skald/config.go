package skald

import (
	"errors"
	"flag"
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/grafana/dskit/kv/memberlist"
	"github.com/grafana/dskit/runtimeconfig"
	"github.com/grafana/dskit/server"

	"github.com/skaldlogs/skald/pkg/api"
	"github.com/skaldlogs/skald/pkg/cluster"
	"github.com/skaldlogs/skald/pkg/compactor"
	"github.com/skaldlogs/skald/pkg/distributor"
	"github.com/skaldlogs/skald/pkg/frontend"
	"github.com/skaldlogs/skald/pkg/ingester"
	"github.com/skaldlogs/skald/pkg/limits"
	"github.com/skaldlogs/skald/pkg/machine"
	"github.com/skaldlogs/skald/pkg/objstore/backend"
	"github.com/skaldlogs/skald/pkg/querier"
	"github.com/skaldlogs/skald/pkg/rpc"
	"github.com/skaldlogs/skald/pkg/ruler"
)

// Config of the whole program: one struct per component, under the names that
// Loki's configuration file has for them.
type Config struct {
	Target           limits.Strings `yaml:"target"`
	AuthEnabled      bool           `yaml:"auth_enabled"`
	ShutdownDelay    time.Duration  `yaml:"shutdown_delay"`
	MetricsNamespace string         `yaml:"metrics_namespace"`
	PublishedLimits  limits.Strings `yaml:"tenant_limits_allow_publish"`

	Server          server.Config         `yaml:"server"`
	Common          CommonConfig          `yaml:"common"`
	Distributor     distributor.Config    `yaml:"distributor"`
	Ingester        ingester.Config       `yaml:"ingester"`
	IngesterClient  rpc.Config            `yaml:"ingester_client"`
	Querier         querier.Config        `yaml:"querier"`
	Compactor       compactor.Config      `yaml:"compactor"`
	Frontend        frontend.Config       `yaml:"frontend"`
	QueryRange      frontend.RangeConfig  `yaml:"query_range"`
	Ruler           ruler.Config          `yaml:"ruler"`
	PatternIngester querier.PatternConfig `yaml:"pattern_ingester"`
	Limits          limits.Limits         `yaml:"limits_config"`
	Storage         StorageConfig         `yaml:"storage_config"`
	Schema          backend.Schema        `yaml:"schema_config"`
	Memberlist      memberlist.KVConfig   `yaml:"memberlist"`
	RuntimeConfig   runtimeconfig.Config  `yaml:"runtime_config"`
}

// CommonConfig is what components take when they are not told otherwise.
type CommonConfig struct {
	// PathPrefix is the folder under which everything lies that Skald writes.
	PathPrefix string `yaml:"path_prefix"`
	// PersistTokens keeps a ring's tokens in PathPrefix over a restart.
	PersistTokens bool           `yaml:"persist_tokens"`
	Ring          cluster.Config `yaml:"ring"`
	// Storage is the remote store of what components keep.
	Storage backend.Common `yaml:"storage"`
}

// StorageConfig says where segments are kept, and what of them is kept near.
type StorageConfig struct {
	backend.Config `yaml:",inline"`
	// IndexCache is how much memory the indexes of segments and the prune parts of
	// their blocks may take while no query uses them.
	IndexCache limits.Bytes `yaml:"index_cache"`
	// ColumnCache is how much memory may be taken by columns that queries have read,
	// decompressed, for other queries.
	ColumnCache limits.Bytes `yaml:"column_cache"`
	// The pages of a remote bucket that are kept in memory and in common.path_prefix.
	CacheMemory limits.Bytes `yaml:"cache_memory"`
	CacheDisk   limits.Bytes `yaml:"cache_disk"`
}

// RegisterFlags adds the settings of c to f, each with its default.
func (c *StorageConfig) RegisterFlags(f *flag.FlagSet) {
	c.Config.RegisterFlags(f)
	memory := machine.Memory()
	c.IndexCache, c.ColumnCache, c.CacheMemory, c.CacheDisk = cacheShare(memory, 128<<20), cacheShare(memory, 64<<20), 64<<20, 4<<30
	f.Var(&c.IndexCache, "store.index-cache", "How much memory the indexes of segments may take, with the templates, columns and filters of their blocks, while no query uses them. The default is a 32nd of the memory of the container or machine, and 128MB at least; an eighth below 1GB.")
	f.Var(&c.ColumnCache, "store.column-cache", "How much memory may be taken by columns of blocks that queries have read, decompressed, for other queries. 0 for none. The default is a 32nd of the memory of the container or machine, and 64MB at least; a 16th below 1GB.")
	for _, name := range []string{"store.index-cache", "store.column-cache"} {
		f.Lookup(name).DefValue = "" // it differs from machine to machine
	}
	f.Var(&c.CacheMemory, "store.cache-memory", "How much of a remote bucket is kept in memory.")
	f.Var(&c.CacheDisk, "store.cache-disk", "How much of a remote bucket is kept on the local disk, in cache/pages of common.path_prefix. 0 for nothing.")
}

// cacheShare is how large a cache of the store is by default, where memory is a share of
// what there is: at least so much, but for small machines. Caches take what is used of
// them: where little is stored and asked, it is less.
func cacheShare(memory, least int64) limits.Bytes {
	return limits.Bytes(max(memory/32, min(least, least*memory/(1<<30))))
}

// RegisterFlags adds the settings of c to f, each with its default.
func (c *Config) RegisterFlags(f *flag.FlagSet) {
	c.Target = limits.Strings{All}
	f.Var(&c.Target, "target", "Roles that this process takes on. See -list-targets.")
	f.BoolVar(&c.AuthEnabled, "auth.multitenancy-enabled", true, "Take the tenant of a request from its X-Scope-OrgID header, and refuse requests without one. Off: there is one tenant.")
	f.DurationVar(&c.ShutdownDelay, "shutdown-delay", 0, "How long to go on serving after being told to stop, with /ready saying no, so that clients turn to others.")
	f.StringVar(&c.MetricsNamespace, "metrics-namespace", "loki", "What the names of metrics begin with. Dashboards for Loki expect the default.")
	c.PublishedLimits = slices.Clone(api.PublishedLimits)
	f.Var(&c.PublishedLimits, "limits.tenant-limits-allow-publish", "Keys of limits_config that /loki/api/v1/drilldown-limits tells a tenant.")

	c.Server.RegisterFlags(f)
	c.Server.HTTPListenPort = 3100
	f.Lookup("server.http-listen-port").DefValue = "3100"
	// What roles send each other: a push as large as one over HTTP may be, a
	// block with one huge row. Clients ping more often than dskit's server allows.
	c.Server.GRPCServerMaxRecvMsgSize = 100 << 20
	c.Server.GRPCServerMaxSendMsgSize = 100 << 20
	c.Server.GRPCServerMinTimeBetweenPings = 10 * time.Second
	c.Server.GRPCServerPingWithoutStreamAllowed = true
	for name, def := range map[string]string{
		"server.grpc-max-recv-msg-size-bytes":               "104857600",
		"server.grpc-max-send-msg-size-bytes":               "104857600",
		"server.grpc.keepalive.min-time-between-pings":      "10s",
		"server.grpc.keepalive.ping-without-stream-allowed": "true",
	} {
		f.Lookup(name).DefValue = def
	}

	f.StringVar(&c.Common.PathPrefix, "data.dir", "./skald-data", "Folder that everything is kept in.")
	f.BoolVar(&c.Common.PersistTokens, "common.persist-tokens", false, "Keep this process's ring tokens in common.path_prefix over a restart.")
	c.Common.Ring.RegisterFlags(f, "common.ring.")
	c.Common.Storage.RegisterFlags(f, "common.storage.")
	c.Storage.RegisterFlags(f)
	c.Distributor.RegisterFlags(f)
	c.Ingester.RegisterFlags(f)
	c.IngesterClient.RegisterFlags(f)
	c.Querier.RegisterFlags(f)
	c.Compactor.RegisterFlags(f)
	c.Frontend.RegisterFlags(f)
	c.QueryRange.RegisterFlags(f)
	c.Ruler.RegisterFlags(f)
	c.PatternIngester.RegisterFlags(f)
	c.Limits.RegisterFlags(f)
	c.Memberlist.RegisterFlags(f)
	c.RuntimeConfig.RegisterFlags(f)
}

// local makes the defaults those of a process without a configuration file,
// which somebody tries out on their machine: nobody else reaches it, and there
// is one tenant.
func (c *Config) local() {
	c.Server.HTTPListenAddress = "127.0.0.1"
	c.Server.GRPCListenAddress = "127.0.0.1"
	c.AuthEnabled = false
}

// inherit makes what the common block says the default of every component.
func (c *Config) inherit(common CommonConfig) {
	c.Ingester.Ring = common.Ring
	c.Ruler.InheritRing(common.Ring)
	c.Storage.Inherit(common.Storage)
	c.Memberlist.AdvertiseAddr = common.Ring.InstanceAddr
	if common.PersistTokens {
		c.Ingester.Ring.TokensFilePath = filepath.Join(common.PathPrefix, "ingester.tokens")
	}
}

// resolve fills in what was left open, once everything was read.
func (c *Config) resolve() error {
	gossip := len(c.Memberlist.JoinMembers) > 0
	for _, r := range []*cluster.Config{&c.Common.Ring, &c.Ingester.Ring, &c.Ruler.Ring} {
		if err := r.Resolve(gossip); err != nil {
			return err
		}
	}
	if c.Ruler.RulePath == "" {
		c.Ruler.RulePath = filepath.Join(c.Common.PathPrefix, "rules-temp")
	}
	if c.Ruler.WAL.Dir == "" {
		c.Ruler.WAL.Dir = filepath.Join(c.Common.PathPrefix, "ruler-wal")
	}
	if c.Ingester.WAL.Dir == "" {
		c.Ingester.WAL.Dir = filepath.Join(c.Common.PathPrefix, "wal")
	}
	return nil
}

// Validate reports settings that cannot work, all of them.
func (c *Config) Validate() error {
	var errs []error
	wrong := func(where string, err error) {
		if err != nil {
			errs = append(errs, fmt.Errorf("%s: %w", where, err))
		}
	}
	wrong("target", checkTargets(c.Target))
	if c.Common.PathPrefix == "" {
		wrong("common", errors.New("path_prefix is empty"))
	}
	wrong("common.ring", c.Common.Ring.Validate())
	if !slices.Contains([]string{"logfmt", "json"}, c.Server.LogFormat) {
		wrong("server", fmt.Errorf("log_format: %q is neither logfmt nor json", c.Server.LogFormat))
	}
	if p := c.Server.PathPrefix; p != "" && (!strings.HasPrefix(p, "/") || strings.HasSuffix(p, "/")) {
		wrong("server", fmt.Errorf("http_path_prefix: %q does not begin with / or ends with one", p))
	}
	wrong("distributor", c.Distributor.Validate())
	wrong("ingester", c.Ingester.Validate())
	wrong("ingester_client", c.IngesterClient.Validate())
	wrong("querier", c.Querier.Validate())
	wrong("compactor", c.Compactor.Validate())
	wrong("common.storage", c.Common.Storage.Validate())
	_, err := backend.Choose(&c.Storage.Config, c.Schema)
	wrong("storage_config", err)
	wrong("frontend", c.Frontend.Validate())
	wrong("query_range", c.QueryRange.Validate())
	wrong("ruler", c.Ruler.Validate())
	wrong("limits_config", c.Limits.Validate())
	wrong("limits_config", c.Ruler.CheckLimits(&c.Limits))
	if c.RuntimeConfig.ReloadPeriod <= 0 {
		wrong("runtime_config", fmt.Errorf("period: %s is not more than 0", c.RuntimeConfig.ReloadPeriod))
	}
	return errors.Join(errs...)
}
