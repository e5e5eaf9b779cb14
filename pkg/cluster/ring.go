package cluster

import (
	"fmt"

	"github.com/go-kit/log"
	"github.com/go-kit/log/level"
	"github.com/grafana/dskit/ring"
	"github.com/prometheus/client_golang/prometheus"
)

// A Ring has a name, for logs and metrics, and a key in its store.
type Ring struct{ Name, Key string }

// Ingesters is the ring of the processes that hold the newest entries. The key
// is the one that operators know from consul.
var Ingesters = Ring{Name: "ingester", Key: "ring"}

// Distributors is the ring of those that take pushes. It has no streams: it tells
// each of them how many share the rates of tenants.
var Distributors = Ring{Name: "distributor", Key: "distributor"}

// Rulers is the ring of those that evaluate rules, each its share of them.
var Rulers = Ring{Name: "ruler", Key: "ring"}

// NewRing returns a view of the whole ring, a service that follows its changes.
// It also serves the ring's page.
func NewRing(r Ring, cfg Config, logger log.Logger, reg prometheus.Registerer) (*ring.Ring, error) {
	out, err := ring.New(cfg.ringConfig(), r.Name, r.Key, cfg.quiet(log.With(logger, "component", "ring")), reg)
	if err != nil {
		return nil, fmt.Errorf("open ring of %ss: %w", r.Name, err)
	}
	return out, nil
}

// quiet is a logger for the ring: one of this process alone has nothing to say
// about coming and going.
func (c *Config) quiet(l log.Logger) log.Logger {
	if c.Alone() {
		return level.NewFilter(l, level.AllowWarn())
	}
	return level.NewFilter(l, level.AllowInfo()) // each look at the store is a line below that
}
