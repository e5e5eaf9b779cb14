package frontend

import (
	"errors"
	"flag"
	"time"
)

// Config of a frontend, beside its cache.
type Config struct {
	// CompressResponses answers questions in gzip where the client takes it.
	CompressResponses bool `yaml:"compress_responses"`
	// MaxOutstandingPerTenant is how many queries of a tenant may be unanswered
	// at once; more get status 429. 0 is no limit.
	MaxOutstandingPerTenant int `yaml:"max_outstanding_per_tenant"`
	// LogQueriesLongerThan logs queries that took at least as long. 0 logs none,
	// less than 0 all.
	LogQueriesLongerThan time.Duration `yaml:"log_queries_longer_than"`
}

// RegisterFlags adds the settings of c to f, each with its default.
func (c *Config) RegisterFlags(f *flag.FlagSet) {
	f.BoolVar(&c.CompressResponses, "querier.compress-http-responses", false, "Answer queries in gzip where the client takes it.")
	f.IntVar(&c.MaxOutstandingPerTenant, "querier.max-outstanding-requests-per-tenant", 2048, "Queries of a tenant that may be unanswered at once; more get status 429. 0 for no limit.")
	f.DurationVar(&c.LogQueriesLongerThan, "frontend.log-queries-longer-than", 0, "Log queries that took at least as long. 0 for none, less than 0 for all.")
}

// Validate reports settings that cannot be.
func (c *Config) Validate() error {
	if c.MaxOutstandingPerTenant < 0 {
		return errors.New("max_outstanding_per_tenant must not be negative")
	}
	return nil
}

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

// CacheConfig is a cache.
type CacheConfig struct {
	Embedded EmbeddedConfig `yaml:"embedded_cache"`
}

// EmbeddedConfig is a cache in this process.
type EmbeddedConfig struct {
	Enabled   bool          `yaml:"enabled"`
	MaxSizeMB int           `yaml:"max_size_mb"`
	TTL       time.Duration `yaml:"ttl"`
}

// RegisterFlags adds the settings of c to f, each with its default.
func (c *RangeConfig) RegisterFlags(f *flag.FlagSet) {
	f.BoolVar(&c.CacheResults, "querier.cache-results", true, "Keep the answers to metric queries over time, and use them again as long as nothing they were computed from has changed.")
	e := &c.ResultsCache.Cache.Embedded
	f.BoolVar(&e.Enabled, "frontend.embedded-cache.enabled", true, "Keep answers in the memory of this process.")
	f.IntVar(&e.MaxSizeMB, "frontend.embedded-cache.max-size-mb", 100, "MB of memory for answers.")
	f.DurationVar(&e.TTL, "frontend.embedded-cache.ttl", time.Hour, "How long an answer is kept. 0 for as long as there is room.")
}

// Validate reports settings that cannot be.
func (c *RangeConfig) Validate() error {
	switch e := &c.ResultsCache.Cache.Embedded; {
	case e.MaxSizeMB < 0:
		return errors.New("results_cache.cache.embedded_cache.max_size_mb must not be negative")
	case e.TTL < 0:
		return errors.New("results_cache.cache.embedded_cache.ttl must not be negative")
	}
	return nil
}

// Open returns the cache that c asks for, nil if it is none.
func (c *RangeConfig) Open() Cache {
	e := &c.ResultsCache.Cache.Embedded
	if !c.CacheResults || !e.Enabled || e.MaxSizeMB == 0 {
		return nil
	}
	return NewMemory(e.MaxSizeMB<<20, e.TTL)
}
