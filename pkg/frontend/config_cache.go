package frontend

import (
	"errors"
	"flag"
	"fmt"
	"time"

	"github.com/go-kit/log"
	"github.com/grafana/dskit/crypto/tls"
	"github.com/grafana/dskit/flagext"
	"github.com/prometheus/client_golang/prometheus"
)

// RangeConfig is about metric queries over time.
type RangeConfig struct {
	// CacheResults keeps the answers of extents.
	CacheResults bool        `yaml:"cache_results"`
	ResultsCache ResultCache `yaml:"results_cache"`
}

// ResultCache says where answers are kept.
type ResultCache struct {
	Cache CacheConfig `yaml:"cache"`
}

// CacheConfig is a cache: memcached where it has an address, else one in this process.
type CacheConfig struct {
	Embedded EmbeddedConfig `yaml:"embedded_cache"`
	// DefaultValidity is how long memcached keeps an answer, unless it has an
	// expiration of its own.
	DefaultValidity time.Duration         `yaml:"default_validity"`
	Background      BackgroundConfig      `yaml:"background"`
	Memcached       MemcachedConfig       `yaml:"memcached"`
	MemcachedClient MemcachedClientConfig `yaml:"memcached_client"`
}

// EmbeddedConfig is a cache in this process.
type EmbeddedConfig struct {
	Enabled   bool          `yaml:"enabled"`
	MaxSizeMB int           `yaml:"max_size_mb"`
	TTL       time.Duration `yaml:"ttl"`
}

// BackgroundConfig bounds what waits to be written.
type BackgroundConfig struct {
	WriteBackGoroutines int `yaml:"writeback_goroutines"`
	WriteBackBuffer     int `yaml:"writeback_buffer"`
}

// MemcachedConfig is how memcached is used.
type MemcachedConfig struct {
	// Expiration, if not 0, is how long an answer is kept.
	Expiration time.Duration `yaml:"expiration"`
	// BatchSize is how many answers are asked for at once, by at most Parallelism
	// requests.
	BatchSize   int `yaml:"batch_size"`
	Parallelism int `yaml:"parallelism"`
}

// MemcachedClientConfig is where memcached is.
type MemcachedClientConfig struct {
	// Addresses are host:port, with dns+, dnssrv+ or dnssrvnoa+ before it those
	// that the name stands for. In its place Host and Service name an SRV record.
	Addresses      flagext.StringSliceCSV `yaml:"addresses"`
	Host           string                 `yaml:"host"`
	Service        string                 `yaml:"service"`
	Timeout        time.Duration          `yaml:"timeout"`
	ConnectTimeout time.Duration          `yaml:"connect_timeout"`
	MaxIdleConns   int                    `yaml:"max_idle_conns"`
	MaxItemSize    int                    `yaml:"max_item_size"` // bytes; 0 for no bound of ours
	UpdateInterval time.Duration          `yaml:"update_interval"`
	TLSEnabled     bool                   `yaml:"tls_enabled"`
	TLS            tls.ClientConfig       `yaml:",inline"`
}

// RegisterFlags adds the settings of c to f, each with its default.
func (c *RangeConfig) RegisterFlags(f *flag.FlagSet) {
	f.BoolVar(&c.CacheResults, "querier.cache-results", true, "Keep the answers to metric queries over time, and use them again as long as nothing they were computed from has changed.")
	cache := &c.ResultsCache.Cache
	f.BoolVar(&cache.Embedded.Enabled, "frontend.embedded-cache.enabled", true, "Keep answers in the memory of this process, unless memcached has an address.")
	f.IntVar(&cache.Embedded.MaxSizeMB, "frontend.embedded-cache.max-size-mb", 100, "MB of memory for answers.")
	f.DurationVar(&cache.Embedded.TTL, "frontend.embedded-cache.ttl", time.Hour, "How long an answer is kept. 0 for as long as there is room.")
	f.DurationVar(&cache.DefaultValidity, "frontend.default-validity", time.Hour, "How long memcached keeps an answer, unless it has an expiration of its own.")
	f.IntVar(&cache.Background.WriteBackGoroutines, "frontend.background.write-back-concurrency", 1, "How many answers are written to memcached at once.")
	f.IntVar(&cache.Background.WriteBackBuffer, "frontend.background.write-back-buffer", 500, "How many answers may wait to be written to memcached; more are not kept.")
	f.DurationVar(&cache.Memcached.Expiration, "frontend.memcached.expiration", 0, "How long memcached keeps an answer. 0 for default_validity.")
	f.IntVar(&cache.Memcached.BatchSize, "frontend.memcached.batchsize", 4, "How many answers are asked of memcached in one request.")
	f.IntVar(&cache.Memcached.Parallelism, "frontend.memcached.parallelism", 5, "How many requests are made to memcached at once.")
	m := &cache.MemcachedClient
	f.Var(&m.Addresses, "frontend.memcached.addresses", "Comma-separated addresses of memcached, host:port; dns+, dnssrv+ or dnssrvnoa+ before one looks its name up.")
	f.StringVar(&m.Host, "frontend.memcached.hostname", "", "Name whose SRV record of the service has the addresses of memcached, where there are no addresses.")
	f.StringVar(&m.Service, "frontend.memcached.service", "memcached", "Service of the SRV record.")
	f.DurationVar(&m.Timeout, "frontend.memcached.timeout", 100*time.Millisecond, "How long memcached may take to answer.")
	f.DurationVar(&m.ConnectTimeout, "frontend.memcached.connect-timeout", 200*time.Millisecond, "How long a connection to memcached may take.")
	f.IntVar(&m.MaxIdleConns, "frontend.memcached.max-idle-conns", 16, "Connections to each memcached that stay open for later.")
	f.IntVar(&m.MaxItemSize, "frontend.memcached.max-item-size", 0, "Bytes of the largest answer that memcached is given. 0 for no bound.")
	f.DurationVar(&m.UpdateInterval, "frontend.memcached.update-interval", time.Minute, "How often names are looked up again.")
	f.BoolVar(&m.TLSEnabled, "frontend.memcached.tls-enabled", false, "Speak TLS with memcached.")
	m.TLS.RegisterFlagsWithPrefix("frontend.memcached.", f)
}

// Validate reports settings that cannot be.
func (c *RangeConfig) Validate() error {
	cache := &c.ResultsCache.Cache
	bad := func(key, want string) error { return fmt.Errorf("results_cache.cache.%s must %s", key, want) }
	m := &cache.MemcachedClient
	switch {
	case cache.Embedded.MaxSizeMB < 0:
		return bad("embedded_cache.max_size_mb", "not be negative")
	case cache.Embedded.TTL < 0:
		return bad("embedded_cache.ttl", "not be negative")
	case !m.used():
		return nil
	case cache.validity() < time.Second:
		return bad("default_validity", "be a second at least, where memcached is used and memcached.expiration is 0")
	case cache.Background.WriteBackGoroutines <= 0:
		return bad("background.writeback_goroutines", "be positive")
	case cache.Background.WriteBackBuffer <= 0:
		return bad("background.writeback_buffer", "be positive")
	case cache.Memcached.BatchSize < 0, cache.Memcached.Parallelism < 0:
		return bad("memcached.batch_size and memcached.parallelism", "not be negative")
	case m.Timeout <= 0, m.ConnectTimeout <= 0, m.UpdateInterval <= 0:
		return bad("memcached_client.timeout, connect_timeout and update_interval", "be positive")
	case len(m.Addresses) == 0 && m.Service == "":
		return errors.New("results_cache.cache.memcached_client.host needs a service")
	}
	return nil
}

func (c *MemcachedClientConfig) used() bool { return len(c.Addresses) > 0 || c.Host != "" }

func (c *CacheConfig) validity() time.Duration {
	if c.Memcached.Expiration > 0 {
		return c.Memcached.Expiration
	}
	return c.DefaultValidity
}

// Open returns the cache that c asks for, nil if it is none, and what is called
// when it is not used any more.
func (c *RangeConfig) Open(logger log.Logger, reg prometheus.Registerer) (cache Cache, stop func(), err error) {
	of := &c.ResultsCache.Cache
	switch {
	case !c.CacheResults:
		return nil, func() {}, nil
	case of.MemcachedClient.used():
		return openMemcached(of, logger, reg)
	case !of.Embedded.Enabled || of.Embedded.MaxSizeMB == 0:
		return nil, func() {}, nil
	}
	return NewMemory(of.Embedded.MaxSizeMB<<20, of.Embedded.TTL), func() {}, nil
}
