package rpc

import (
	"fmt"

	"github.com/go-kit/log"
	"github.com/grafana/dskit/ring"
	"github.com/grafana/dskit/ring/client"
	"github.com/grafana/dskit/services"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promauto"
	"google.golang.org/grpc"
	"google.golang.org/grpc/health/grpc_health_v1"
)

// graceChecks is how many health checks an ingester may fail before its
// connection is closed: closing ends the calls under way, and one that starts
// or is busy may be late once.
const graceChecks = 2

// A Pool has a client for each ingester that was asked for, over one connection
// each.
//
// Its life: Running closes connections to ingesters that are gone. Those left at
// the end go with the process.
type Pool struct {
	services.Service

	cfg    Config
	faults Faults
	pool   *client.Pool
}

// NewPool returns a Pool that has not started. It keeps connections to the
// addresses that members returns.
func NewPool(cfg Config, members client.PoolServiceDiscovery, faults Faults, logger log.Logger, reg prometheus.Registerer) *Pool {
	p := &Pool{cfg: cfg, faults: faults}
	connections := promauto.With(reg).NewGauge(prometheus.GaugeOpts{
		Name: "ingester_clients",
		Help: "Connections to ingesters of other processes.",
	})
	p.pool = client.NewPool("ingester", client.PoolConfig{
		CheckInterval:          cfg.Pool.ClientCleanupPeriod,
		HealthCheckEnabled:     cfg.Pool.HealthCheckIngesters,
		HealthCheckTimeout:     cfg.Pool.RemoteTimeout,
		HealthCheckGracePeriod: graceChecks * cfg.Pool.ClientCleanupPeriod,
	}, members, client.PoolAddrFunc(p.dial), connections, log.With(logger, "component", "ingester-clients"))
	p.Service = p.pool.Service
	return p
}

// Client returns the client of an ingester on the ring. It does not wait for a
// connection.
func (p *Pool) Client(i ring.InstanceDesc) (*Client, error) {
	c, err := p.pool.GetClientForInstance(i)
	if err != nil {
		return nil, err
	}
	return c.(*pooled).Client, nil
}

// A pooled client has a connection of its own, which can be checked and closed.
type pooled struct {
	*Client
	grpc_health_v1.HealthClient
	conn *grpc.ClientConn
}

func (p *pooled) Close() error { return p.conn.Close() }

func (p *Pool) dial(addr string) (client.PoolClient, error) {
	opts, err := p.cfg.GRPC.DialOption(nil, nil, nil)
	if err != nil {
		return nil, fmt.Errorf("connect to ingester %s: %w", addr, err)
	}
	// Roles reach each other directly; a proxy is for the world outside.
	conn, err := grpc.NewClient(addr, append(opts, grpc.WithNoProxy())...)
	if err != nil {
		return nil, fmt.Errorf("connect to ingester %s: %w", addr, err)
	}
	return &pooled{
		Client:       NewClient(conn, p.cfg.RemoteTimeout, p.faults),
		HealthClient: grpc_health_v1.NewHealthClient(conn),
		conn:         conn,
	}, nil
}
