package frontend

import (
	"context"
	"fmt"
	"time"

	"github.com/go-kit/log"
	"github.com/grafana/dskit/cache"
	"github.com/prometheus/client_golang/prometheus"
)

// A memcached keeps answers in servers that several frontends share. One that
// does not answer keeps nothing: its answers are computed again.
type memcached struct {
	client   *cache.MemcachedClient
	validity time.Duration
}

// keyPrefix is what our keys begin with in servers that others use as well.
const keyPrefix = "skald-result-"

// openMemcached connects to memcached, and returns what ends the connections.
func openMemcached(c *CacheConfig, logger log.Logger, reg prometheus.Registerer) (Cache, func(), error) {
	m := &c.MemcachedClient
	cfg := cache.MemcachedClientConfig{
		Addresses:                            m.Addresses,
		AddressesLookupPeriod:                m.UpdateInterval,
		Timeout:                              m.Timeout,
		ConnectTimeout:                       m.ConnectTimeout,
		MinIdleConnectionsHeadroomPercentage: -1,
		MaxIdleConnections:                   m.MaxIdleConns,
		MaxAsyncConcurrency:                  c.Background.WriteBackGoroutines,
		MaxAsyncBufferSize:                   c.Background.WriteBackBuffer,
		MaxGetMultiConcurrency:               c.Memcached.Parallelism,
		MaxGetMultiBatchSize:                 c.Memcached.BatchSize,
		MaxItemSize:                          m.MaxItemSize,
		TLSEnabled:                           m.TLSEnabled,
		TLS:                                  m.TLS,
	}
	if len(cfg.Addresses) == 0 {
		cfg.Addresses = []string{"dnssrv+_" + m.Service + "._tcp." + m.Host}
	}
	client, err := cache.NewMemcachedClientWithConfig(log.With(logger, "component", "results-cache"), "frontend", cfg, reg)
	if err != nil {
		return nil, nil, fmt.Errorf("open the results cache in memcached: %w", err)
	}
	return &memcached{client, c.validity()}, client.Stop, nil
}

// Get implements [Cache].
func (m *memcached) Get(ctx context.Context, names []string) map[string][]byte {
	keys := make([]string, len(names))
	for i, name := range names {
		keys[i] = keyPrefix + name
	}
	found := m.client.GetMulti(ctx, keys)
	out := make(map[string][]byte, len(found))
	for i, key := range keys {
		if value, ok := found[key]; ok {
			out[names[i]] = value
		}
	}
	return out
}

// Put implements [Cache]. Answers are written in the background.
func (m *memcached) Put(_ context.Context, answers map[string][]byte) {
	for name, value := range answers {
		m.client.SetAsync(keyPrefix+name, value, m.validity)
	}
}
