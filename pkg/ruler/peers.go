package ruler

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/go-kit/log"
	"github.com/grafana/dskit/grpcclient"
	"github.com/grafana/dskit/ring"
	"github.com/grafana/dskit/ring/client"
	"github.com/grafana/dskit/services"
	dskittenant "github.com/grafana/dskit/tenant"
	"github.com/grafana/dskit/user"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/health/grpc_health_v1"
	"google.golang.org/grpc/status"

	"github.com/skaldlogs/skald/pkg/logproto"
)

// peerTimeout is how long another ruler may take to tell its groups.
const peerTimeout = 10 * time.Second

// Peers ask the other rulers of a ring, over one connection each.
//
// Its life: Running closes connections to rulers that are gone.
type Peers struct {
	services.Service

	cfg  grpcclient.Config
	pool *client.Pool
}

// NewPeers returns Peers that have not started, on the members of r.
func NewPeers(cfg grpcclient.Config, r ring.ReadRing, logger log.Logger) *Peers {
	p := &Peers{cfg: cfg}
	p.pool = client.NewPool("ruler", client.PoolConfig{
		CheckInterval: peerTimeout, HealthCheckEnabled: true, HealthCheckTimeout: peerTimeout,
	}, client.NewRingServiceDiscovery(r), client.PoolAddrFunc(p.dial), nil, log.With(logger, "component", "ruler-clients"))
	p.Service = p.pool.Service
	return p
}

// A peer is a connection to another ruler.
type peer struct {
	logproto.RulerClient
	grpc_health_v1.HealthClient
	conn *grpc.ClientConn
}

func (p *peer) Close() error { return p.conn.Close() }

func (p *Peers) dial(addr string) (client.PoolClient, error) {
	opts, err := p.cfg.DialOption(nil, nil, nil)
	if err != nil {
		return nil, err
	}
	// Roles reach each other directly; a proxy is for the world outside.
	conn, err := grpc.NewClient(addr, append(opts, grpc.WithNoProxy())...)
	if err != nil {
		return nil, err
	}
	return &peer{logproto.NewRulerClient(conn), grpc_health_v1.NewHealthClient(conn), conn}, nil
}

// groups asks another ruler for the groups of a tenant that it evaluates.
func (p *Peers) groups(ctx context.Context, m ring.InstanceDesc, tenant string) ([]Group, error) {
	ctx, cancel := context.WithTimeout(ctx, peerTimeout)
	defer cancel()
	ctx, err := user.InjectIntoGRPCRequest(user.InjectOrgID(ctx, tenant))
	if err != nil {
		return nil, err
	}
	c, err := p.pool.GetClientForInstance(m)
	if err != nil {
		return nil, fmt.Errorf("ask ruler %s: %w", m.Id, err)
	}
	answer, err := c.(*peer).RuleGroups(ctx, &logproto.RuleGroupsRequest{})
	if err != nil {
		return nil, fmt.Errorf("ask ruler %s: %w", m.Id, errors.New(status.Convert(err).Message()))
	}
	return decodeGroups(answer), nil
}

// A server lets other rulers ask this one.
type server struct {
	logproto.UnimplementedRulerServer
	own func(tenant string) []Group
}

// Register makes g tell other rulers what r evaluates. It must be called before g
// serves.
func (r *Ruler) Register(g grpc.ServiceRegistrar) {
	logproto.RegisterRulerServer(g, &server{own: r.Own})
}

// RuleGroups implements [logproto.RulerServer].
func (s *server) RuleGroups(ctx context.Context, _ *logproto.RuleGroupsRequest) (*logproto.RuleGroupsResponse, error) {
	id, _, err := user.ExtractFromGRPCRequest(ctx)
	if err == nil {
		err = dskittenant.ValidTenantID(id)
	}
	if err != nil {
		return nil, status.Error(codes.InvalidArgument, "tenant in x-scope-orgid: "+err.Error())
	}
	return encodeGroups(s.own(id)), nil
}
