package querier

import (
	"errors"
	"flag"
)

// Config of a querier.
type Config struct {
	// MaxConcurrent is how many blocks are read at once, by all queries together.
	MaxConcurrent int `yaml:"max_concurrent"`
	// MultiTenantQueriesEnabled lets a query name several tenants.
	MultiTenantQueriesEnabled bool `yaml:"multi_tenant_queries_enabled"`
}

// RegisterFlags adds the settings of c to f, each with its default.
func (c *Config) RegisterFlags(f *flag.FlagSet) {
	f.IntVar(&c.MaxConcurrent, "querier.max-concurrent", 4, "Parts of queries that are worked on at once.")
	f.BoolVar(&c.MultiTenantQueriesEnabled, "querier.multi-tenant-queries-enabled", false, "Let a query ask several tenants, named in its header with | between them.")
}

// Validate reports settings that cannot work together.
func (c *Config) Validate() error {
	if c.MaxConcurrent < 1 {
		return errors.New("max_concurrent must be 1 or more")
	}
	return nil
}
