package querier

import (
	"errors"
	"flag"
	"time"
)

// Config of a querier.
type Config struct {
	// MaxConcurrent is how many blocks are worked on at once, by all queries
	// together. 0 is twice the number of processors.
	MaxConcurrent int `yaml:"max_concurrent"`
	// MultiTenantQueriesEnabled lets a query name several tenants.
	MultiTenantQueriesEnabled bool `yaml:"multi_tenant_queries_enabled"`
	// PerRequestLimitsEnabled lets requests put limits on themselves.
	PerRequestLimitsEnabled bool `yaml:"per_request_limits_enabled"`
	// TailMaxDuration ends tails that last longer. 0 lets them go on.
	TailMaxDuration time.Duration `yaml:"tail_max_duration"`
	// QueryStoreOnly and QueryIngesterOnly leave the other half of the entries out
	// of all answers; at most one of them.
	QueryStoreOnly    bool `yaml:"query_store_only"`
	QueryIngesterOnly bool `yaml:"query_ingester_only"`
}

// RegisterFlags adds the settings of c to f, each with its default.
func (c *Config) RegisterFlags(f *flag.FlagSet) {
	f.IntVar(&c.MaxConcurrent, "querier.max-concurrent", 0, "Blocks that are worked on at once, by all queries together. 0 for twice the number of processors.")
	f.BoolVar(&c.MultiTenantQueriesEnabled, "querier.multi-tenant-queries-enabled", false, "Let a query ask several tenants, named in its header with | between them.")
	f.BoolVar(&c.PerRequestLimitsEnabled, "querier.per-request-limits-enabled", false, "Let a request put limits on itself, in its header X-Loki-Query-Limits, where they are stricter than its tenant's.")
	f.DurationVar(&c.TailMaxDuration, "querier.tail-max-duration", time.Hour, "Tails that last longer are closed. 0 for no limit.")
	f.BoolVar(&c.QueryStoreOnly, "querier.query-store-only", false, "Answer of the store alone: nothing is found that ingesters did not flush. Tails are as ever.")
	f.BoolVar(&c.QueryIngesterOnly, "querier.query-ingester-only", false, "Answer of ingesters' memory alone: nothing is found that they handed to the store.")
}

// Validate reports settings that cannot work together.
func (c *Config) Validate() error {
	if c.MaxConcurrent < 0 {
		return errors.New("max_concurrent must not be negative")
	}
	if c.TailMaxDuration < 0 {
		return errors.New("tail_max_duration must not be negative")
	}
	if c.QueryStoreOnly && c.QueryIngesterOnly {
		return errors.New("query_store_only and query_ingester_only leave nothing to answer of")
	}
	return nil
}

// PatternConfig is about the patterns of lines.
type PatternConfig struct {
	// Enabled serves them.
	Enabled bool `yaml:"enabled"`
}

// RegisterFlags adds the settings of c to f, each with its default.
func (c *PatternConfig) RegisterFlags(f *flag.FlagSet) {
	f.BoolVar(&c.Enabled, "pattern-ingester.enabled", false, "Serve /loki/api/v1/patterns: what the lines of a range have in common, and how many there are of each kind.")
}
