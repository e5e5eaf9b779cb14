package rpc

import (
	"flag"
	"fmt"
	"time"

	"github.com/grafana/dskit/grpcclient"
)

// Config of the calls to ingesters of other processes.
type Config struct {
	// RemoteTimeout bounds each call; of a scan, the time until it is open.
	RemoteTimeout time.Duration     `yaml:"remote_timeout"`
	Pool          PoolConfig        `yaml:"pool_config"`
	GRPC          grpcclient.Config `yaml:"grpc_client_config"`
}

// PoolConfig of the connections that are kept.
type PoolConfig struct {
	// ClientCleanupPeriod is how often connections are looked over: those to
	// ingesters that are gone from the ring are closed.
	ClientCleanupPeriod time.Duration `yaml:"client_cleanup_period"`
	// HealthCheckIngesters closes those as well whose ingester does not answer
	// a health check within RemoteTimeout.
	HealthCheckIngesters bool          `yaml:"health_check_ingesters"`
	RemoteTimeout        time.Duration `yaml:"remote_timeout"`
}

// RegisterFlags adds the settings of c to f, each with its default.
func (c *Config) RegisterFlags(f *flag.FlagSet) {
	f.DurationVar(&c.RemoteTimeout, "ingester.client.timeout", 5*time.Second, "How long a call to an ingester of another process may take.")
	f.DurationVar(&c.Pool.ClientCleanupPeriod, "distributor.client-cleanup-period", 15*time.Second, "How often to close connections to ingesters that are gone.")
	f.BoolVar(&c.Pool.HealthCheckIngesters, "distributor.health-check-ingesters", true, "Close connections to ingesters that fail a health check, too.")
	f.DurationVar(&c.Pool.RemoteTimeout, "ingester.client.healthcheck-timeout", time.Second, "How long a health check may take.")
	c.GRPC.RegisterFlagsWithPrefix("ingester.client", f)
}

// Validate reports settings that cannot work together.
func (c *Config) Validate() error {
	switch {
	case c.RemoteTimeout <= 0:
		return fmt.Errorf("remote_timeout: %s is not more than 0", c.RemoteTimeout)
	case c.Pool.ClientCleanupPeriod <= 0:
		return fmt.Errorf("pool_config.client_cleanup_period: %s is not more than 0", c.Pool.ClientCleanupPeriod)
	case c.Pool.RemoteTimeout <= 0:
		return fmt.Errorf("pool_config.remote_timeout: %s is not more than 0", c.Pool.RemoteTimeout)
	}
	if err := c.GRPC.Validate(); err != nil {
		return fmt.Errorf("grpc_client_config: %w", err)
	}
	return nil
}
