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
	// MaxBodySize bounds the form of a question in its body.
	MaxBodySize int64 `yaml:"max_body_size"`
}

// RegisterFlags adds the settings of c to f, each with its default.
func (c *Config) RegisterFlags(f *flag.FlagSet) {
	f.BoolVar(&c.CompressResponses, "querier.compress-http-responses", false, "Answer queries in gzip where the client takes it.")
	f.IntVar(&c.MaxOutstandingPerTenant, "querier.max-outstanding-requests-per-tenant", 2048, "Queries of a tenant that may be unanswered at once; more get status 429. 0 for no limit.")
	f.DurationVar(&c.LogQueriesLongerThan, "frontend.log-queries-longer-than", 0, "Log queries that took at least as long. 0 for none, less than 0 for all.")
	f.Int64Var(&c.MaxBodySize, "frontend.max-body-size", 10<<20, "Bytes that the parameters of a question may have in its body; more get status 413.")
}

// Validate reports settings that cannot be.
func (c *Config) Validate() error {
	switch {
	case c.MaxOutstandingPerTenant < 0:
		return errors.New("max_outstanding_per_tenant must not be negative")
	case c.MaxBodySize <= 0:
		return errors.New("max_body_size must be positive")
	}
	return nil
}
