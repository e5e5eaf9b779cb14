package cluster

import (
	"context"
	"fmt"
	"net"
	"strconv"
	"sync/atomic"
	"time"

	"github.com/go-kit/log"
	"github.com/grafana/dskit/kv"
	"github.com/grafana/dskit/netutil"
	"github.com/grafana/dskit/ring"
	"github.com/grafana/dskit/services"
	"github.com/prometheus/client_golang/prometheus"
)

// forgetAfter is how many heartbeat timeouts a member may be silent before
// autoforget_unhealthy removes it.
const forgetAfter = 10

// A Member is this process on a ring.
//
// Its life: Starting puts it on the ring as JOINING, Running sends heartbeats,
// Stopping marks it as LEAVING and, unless told otherwise, takes it off.
type Member struct {
	services.Service

	ring       Ring
	lifecycler *ring.BasicLifecycler
	quiet      time.Duration // between being active and saying so
	active     atomic.Int64  // since when, ns since the epoch; 0 for not yet
	now        func() time.Time
}

// NewMember returns a Member that has not joined. Others reach this process at
// the configured port, or at port where none is configured.
func NewMember(r Ring, cfg Config, port int, logger log.Logger, reg prometheus.Registerer) (*Member, error) {
	logger = cfg.quiet(log.With(logger, "component", "ring-member", "ring", r.Name))
	addr, err := cfg.address(port, logger)
	if err != nil {
		return nil, fmt.Errorf("join ring of %ss: %w", r.Name, err)
	}
	store, err := kv.NewClient(cfg.KVStore, ring.GetCodec(), kv.RegistererWithKVName(reg, r.Name+"-lifecycler"), logger)
	if err != nil {
		return nil, fmt.Errorf("join ring of %ss: open %s: %w", r.Name, cfg.KVStore.Store, err)
	}

	m := &Member{ring: r, now: time.Now}
	if !cfg.Alone() {
		m.quiet = cfg.MinReadyDuration
	}
	var delegate ring.BasicLifecyclerDelegate = registration{tokens: cfg.NumTokens}
	delegate = ring.NewTokensPersistencyDelegate(cfg.TokensFilePath, ring.JOINING, delegate, logger)
	delegate = ring.NewLeaveOnStoppingDelegate(delegate, logger)
	if cfg.AutoforgetUnhealthy {
		delegate = ring.NewAutoForgetDelegate(forgetAfter*cfg.HeartbeatTimeout, delegate, logger)
	}
	m.lifecycler, err = ring.NewBasicLifecycler(ring.BasicLifecyclerConfig{
		ID:                              cfg.InstanceID,
		Addr:                            addr,
		Zone:                            cfg.InstanceZone,
		HeartbeatPeriod:                 cfg.HeartbeatPeriod,
		HeartbeatTimeout:                cfg.HeartbeatTimeout,
		TokensObservePeriod:             cfg.ObservePeriod,
		NumTokens:                       cfg.NumTokens,
		KeepInstanceInTheRingOnShutdown: !cfg.UnregisterOnShutdown,
	}, r.Name, r.Key, store, delegate, logger, reg)
	if err != nil {
		return nil, fmt.Errorf("join ring of %ss: %w", r.Name, err)
	}
	m.Service = m.lifecycler
	return m, nil
}

// address is where others reach this process. On a ring of its own nobody does.
func (c *Config) address(port int, logger log.Logger) (string, error) {
	if c.InstancePort != 0 {
		port = c.InstancePort
	}
	host := c.InstanceAddr
	if host == "" && c.Alone() {
		host = "127.0.0.1"
	}
	if host == "" {
		names := []string(c.InstanceInterfaceNames)
		if len(names) == 0 {
			names = append(netutil.PrivateNetworkInterfacesWithFallback([]string{"eth0", "en0"}, logger), loopback()...)
		}
		var err error
		if host, err = netutil.GetFirstAddressOf(names, logger, c.EnableIPv6); err != nil {
			return "", fmt.Errorf("find an address that others can reach (instance_addr, instance_interface_names): %w", err)
		}
	}
	return net.JoinHostPort(host, strconv.Itoa(port)), nil
}

// loopback names the interfaces that lead back to this machine.
func loopback() []string {
	interfaces, err := net.Interfaces()
	if err != nil {
		return nil
	}
	var names []string
	for _, i := range interfaces {
		if i.Flags&net.FlagLoopback != 0 {
			names = append(names, i.Name)
		}
	}
	return names
}

// ID is the name of this process on the ring.
func (m *Member) ID() string { return m.lifecycler.GetInstanceID() }

// Leave says whether the member takes itself off the ring when it stops, whatever
// unregister_on_shutdown says.
func (m *Member) Leave(yes bool) { m.lifecycler.SetKeepInstanceInTheRingOnShutdown(!yes) }

// Activate makes the member take its share of the work.
func (m *Member) Activate(ctx context.Context) error {
	if err := m.lifecycler.ChangeState(ctx, ring.ACTIVE); err != nil {
		return fmt.Errorf("become active in the ring of %ss: %w", m.ring.Name, err)
	}
	m.active.Store(m.now().UnixNano())
	return nil
}

// CheckReady reports why clients should wait, or nil.
func (m *Member) CheckReady(context.Context) error {
	since := m.active.Load()
	if since == 0 {
		return fmt.Errorf("not active in the ring of %ss yet", m.ring.Name)
	}
	if m.now().Sub(time.Unix(0, since)) < m.quiet {
		return fmt.Errorf("waiting for %s after being ready", m.quiet)
	}
	return nil
}

// registration decides how a member comes onto the ring: JOINING, with the
// tokens it had, and new ones for those it lacks.
type registration struct{ tokens int }

func (r registration) OnRingInstanceRegister(l *ring.BasicLifecycler, desc ring.Desc, exists bool, _ string, instance ring.InstanceDesc) (ring.InstanceState, ring.Tokens) {
	var tokens ring.Tokens
	if exists {
		tokens = instance.GetTokens()
	}
	if lack := r.tokens - len(tokens); lack > 0 {
		_, taken := desc.TokensFor(l.GetInstanceID())
		tokens = append(tokens, l.GetTokenGenerator().GenerateTokens(lack, taken)...)
	}
	return ring.JOINING, tokens
}

func (registration) OnRingInstanceTokens(*ring.BasicLifecycler, ring.Tokens) {}
func (registration) OnRingInstanceStopping(*ring.BasicLifecycler)            {}
func (registration) OnRingInstanceHeartbeat(*ring.BasicLifecycler, *ring.Desc, *ring.InstanceDesc) {
}
