package skald

import (
	"context"
	"errors"
	"fmt"
	"net"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync/atomic"
	"time"

	"github.com/go-kit/log"
	"github.com/go-kit/log/level"
	"github.com/grafana/dskit/modules"
	"github.com/grafana/dskit/ring"
	"github.com/grafana/dskit/server"
	"github.com/grafana/dskit/services"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	versioncollector "github.com/prometheus/client_golang/prometheus/collectors/version"

	"github.com/skaldlogs/skald/pkg/cluster"
	"github.com/skaldlogs/skald/pkg/compactor"
	"github.com/skaldlogs/skald/pkg/distributor"
	"github.com/skaldlogs/skald/pkg/frontend"
	"github.com/skaldlogs/skald/pkg/ingester"
	"github.com/skaldlogs/skald/pkg/limits"
	"github.com/skaldlogs/skald/pkg/objstore"
	"github.com/skaldlogs/skald/pkg/objstore/backend"
	"github.com/skaldlogs/skald/pkg/querier"
	"github.com/skaldlogs/skald/pkg/rpc"
	"github.com/skaldlogs/skald/pkg/ruler"
	"github.com/skaldlogs/skald/pkg/storage"
)

// A Skald is the whole program, or the part of it that its targets name.
type Skald struct {
	cfg      Config
	logger   *Logger
	registry *prometheus.Registry
	reg      prometheus.Registerer // the registry under metrics_namespace

	ingests    bool           // an ingester is among the modules
	compacting bool           // a compactor is
	queries    bool           // a querier is
	remote     backend.Choice // where the bucket is
	bucket     objstore.Bucket
	ruler      *ruler.Ruler

	// Modules, in the order in which they are built; nil where the targets do
	// not need them.
	server          *server.Server
	runtime         *limits.Runtime
	overrides       *limits.Overrides
	ring            *ring.Ring      // of the ingesters
	member          *cluster.Member // of this process's ingester on it
	distributorRing *ring.Ring
	store           *storage.Store
	ingester        *ingester.Ingester
	ingesterLife    services.Service // with its place on the ring
	own             rpc.Ingester     // the same, as the roles of this process ask it
	clients         *rpc.Pool        // of the others
	distributor     *distributor.Distributor
	querier         *querier.Querier
	frontend        *frontend.Frontend
	compactor       *compactor.Compactor

	services map[string]services.Service
	checks   []readyCheck
	stopping atomic.Bool
	quit     chan struct{} // takes one word: stop
}

// New builds the modules that cfg's targets name. The ports are open when it
// returns, and nothing runs yet.
func New(cfg Config, newLogger func(prometheus.Registerer) *Logger) (*Skald, error) {
	s := &Skald{cfg: cfg, registry: prometheus.NewRegistry(), quit: make(chan struct{}, 1)}
	s.reg = prometheus.WrapRegistererWithPrefix(cfg.MetricsNamespace+"_", s.registry)
	s.registry.MustRegister(
		collectors.NewGoCollector(),
		collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}),
		versioncollector.NewCollector(cfg.MetricsNamespace),
	)
	s.logger = newLogger(s.reg)

	m, err := s.buildModules()
	if err != nil {
		return nil, err
	}
	has := func(module string) bool {
		return slices.ContainsFunc(cfg.Target, func(t string) bool { return slices.Contains(reach(t), module) })
	}
	s.ingests, s.compacting, s.queries = has(Ingester), has(Compactor), has(Querier)
	s.services, err = m.InitModuleServices(cfg.Target...)
	if err != nil {
		return nil, fmt.Errorf("build modules: %w", err)
	}
	s.registerAPI()
	if s.ingester != nil {
		s.registerShutdown(s.server.HTTP)
	}
	return s, nil
}

// Logger is the program's logger.
func (s *Skald) Logger() log.Logger { return s.logger }

// Run runs the modules until ctx ends or one of them fails, then stops them
// all. It returns why one failed, or nil.
func (s *Skald) Run(ctx context.Context) error {
	var all []services.Service
	for _, svc := range s.services {
		all = append(all, svc)
	}
	manager, err := services.NewManager(all...)
	if err != nil {
		return fmt.Errorf("start modules: %w", err)
	}
	failed := make(chan struct{}, 1)
	manager.AddListener(services.NewManagerListener(
		func() { level.Info(s.logger).Log("msg", "ready") },
		nil,
		func(services.Service) {
			select {
			case failed <- struct{}{}:
			default:
			}
		},
	))
	s.banner()
	if err := manager.StartAsync(context.Background()); err != nil {
		return fmt.Errorf("start modules: %w", err)
	}

	select {
	case <-failed:
	case <-s.quit:
	case <-ctx.Done():
		s.stopping.Store(true)
		if d := s.cfg.ShutdownDelay; d > 0 {
			level.Info(s.logger).Log("msg", "serving on until clients have turned to others", "shutdown_delay", d)
			select {
			case <-time.After(d):
			case <-failed:
			}
		}
	}
	s.stopping.Store(true)
	if s.ingester != nil && s.ingester.ShutdownPrepared() {
		s.member.Leave(true)
	}
	manager.StopAsync()
	if err := manager.AwaitStopped(context.Background()); err != nil {
		return fmt.Errorf("stop modules: %w", err)
	}
	err = s.failure()
	if err == nil {
		level.Info(s.logger).Log("msg", "stopped")
	}
	return err
}

// failure says which modules failed, and why.
func (s *Skald) failure() error {
	var errs []error
	for name, svc := range s.services {
		if err := svc.FailureCase(); err != nil && !errors.Is(err, modules.ErrStopProcess) {
			errs = append(errs, fmt.Errorf("module %s: %w", name, err))
		}
	}
	return errors.Join(errs...)
}

// banner says what a person wants to know who has just started Skald.
func (s *Skald) banner() {
	auth := "off, everybody is the tenant \"" + noAuthTenant + "\""
	if s.cfg.AuthEnabled {
		auth = "on, by X-Scope-OrgID"
	}
	dir, err := filepath.Abs(s.cfg.Common.PathPrefix)
	if err != nil {
		dir = s.cfg.Common.PathPrefix
	}
	level.Info(s.logger).Log("msg", "starting Skald", "version", programVersion(), "target", strings.Join(s.cfg.Target, ","))
	level.Info(s.logger).Log("msg", "data is kept in", "dir", dir)
	level.Info(s.logger).Log("msg", "listening", "http", hostPort(s.server.HTTPListenAddr()), "grpc", hostPort(s.server.GRPCListenAddr()), "multitenancy", auth)
}

// hostPort is an address as one would type it.
func hostPort(a net.Addr) string {
	if t, ok := a.(*net.TCPAddr); ok && t.IP.IsUnspecified() {
		return net.JoinHostPort("", strconv.Itoa(t.Port))
	}
	return a.String()
}

// onlyWarnings hides what a library says at lower levels.
func onlyWarnings(l log.Logger) log.Logger { return level.NewFilter(l, level.AllowWarn()) }
