package skald

import (
	"context"
	"fmt"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/grafana/dskit/concurrency"
	"github.com/grafana/dskit/ring"
	"github.com/grafana/dskit/ring/client"
	"github.com/grafana/dskit/services"

	"github.com/skaldlogs/skald/pkg/api"
	"github.com/skaldlogs/skald/pkg/cluster"
	"github.com/skaldlogs/skald/pkg/compactor"
	"github.com/skaldlogs/skald/pkg/distributor"
	"github.com/skaldlogs/skald/pkg/explain"
	"github.com/skaldlogs/skald/pkg/frontend"
	"github.com/skaldlogs/skald/pkg/ingester"
	"github.com/skaldlogs/skald/pkg/loghttp"
	"github.com/skaldlogs/skald/pkg/logql/engine"
	"github.com/skaldlogs/skald/pkg/logql/syntax"
	"github.com/skaldlogs/skald/pkg/machine"
	"github.com/skaldlogs/skald/pkg/querier"
	"github.com/skaldlogs/skald/pkg/rpc"
	"github.com/skaldlogs/skald/pkg/scan"
	"github.com/skaldlogs/skald/pkg/storage"
	"github.com/skaldlogs/skald/pkg/vfs"
)

// codedCalls is the environment variable that makes calls to the ingester of this
// process take their protobuf form, as those to another one do. End-to-end tests
// run both ways.
const codedCalls = "SKALD_TEST_CODED_CALLS"

// faults are what the errors of ingesters mean to the roles that ask them.
var faults = rpc.Faults{
	NotRunning: ingester.ErrNotRunning,
	Overloaded: ingester.ErrOverloaded,
	NotDurable: ingester.ErrNotDurable,
}

// initIngester builds the ingester and its place on the ring, and serves it to
// other processes.
func (s *Skald) initIngester() (services.Service, error) {
	cfg := s.cfg.Ingester
	member, err := cluster.NewMember(cluster.Ingesters, cfg.Ring, s.cfg.Server.GRPCListenPort, s.logger, s.reg)
	if err != nil {
		return nil, err
	}
	s.ingester = ingester.New(cfg, ingester.Options{
		Name:       member.ID(),
		Dir:        s.cfg.Common.PathPrefix,
		FS:         vfs.OS,
		Store:      s.store,
		Limits:     s.overrides,
		Shares:     s.shares,
		Logger:     s.logger,
		Registerer: s.reg,
	})
	s.own = s.ingester
	if os.Getenv(codedCalls) != "" {
		s.own = rpc.Coded(s.ingester, faults)
	}
	others := rpc.NewServer(s.ingester, faults)
	others.Register(s.server.GRPC)
	s.checks = append(s.checks,
		readyCheck{"Ingester", s.ingester.CheckReady},
		readyCheck{"Ingester", member.CheckReady},
		readyCheck{"Ingester", func(context.Context) error { return s.onRing(member.ID()) }})
	s.member = member
	s.ingesterLife = onRing(member, s.ingester, others.Stop)
	return s.ingesterLife, nil
}

// shares is how many ingesters share the streams of a tenant, and on how many
// of them each lies.
func (s *Skald) shares() (ingesters, replicas int) {
	return s.ring.InstancesCount(), s.cfg.Ingester.Ring.ReplicationFactor
}

// onRing reports whether the ring, as this process sees it, has the instance.
func (s *Skald) onRing(id string) error {
	state, err := s.ring.GetInstanceState(id)
	if err != nil {
		return err
	}
	if state != ring.ACTIVE {
		return fmt.Errorf("%s in the ring", state)
	}
	return nil
}

// onRing runs an ingester and its place on the ring as one: others see it
// coming, it takes streams once it has replayed its log, and it leaves before it
// stops. In the end, stopped is called.
func onRing(member *cluster.Member, ing services.Service, stopped func()) services.Service {
	failures := services.NewFailureWatcher()
	failures.WatchService(member)
	failures.WatchService(ing)
	start := func(ctx context.Context) error {
		for _, svc := range []services.Service{member, ing} {
			if err := services.StartAndAwaitRunning(ctx, svc); err != nil {
				return err
			}
		}
		return member.Activate(ctx)
	}
	run := func(ctx context.Context) error {
		select {
		case <-ctx.Done():
			return nil
		case err := <-failures.Chan():
			return err
		}
	}
	stop := func(error) error {
		defer stopped()
		left := services.StopAndAwaitTerminated(context.Background(), member)
		if err := services.StopAndAwaitTerminated(context.Background(), ing); err != nil {
			return err
		}
		return left
	}
	return services.NewBasicService(start, run, stop)
}

func (s *Skald) initDistributor() (services.Service, error) {
	cfg := s.cfg.Ingester.Ring
	cfg.NumTokens, cfg.TokensFilePath = 1, "" // it has no share of streams
	member, err := cluster.NewMember(cluster.Distributors, cfg, s.cfg.Server.GRPCListenPort, s.logger, s.reg)
	if err != nil {
		return nil, err
	}
	s.distributor = distributor.New(s.cfg.Distributor, distributor.Options{
		Ring:         s.ring,
		Ingesters:    pushIngesters{s},
		Limits:       s.overrides,
		Distributors: s.distributors,
		Logger:       s.logger,
		Registerer:   s.reg,
	})
	return onRing(member, s.distributor, func() {}), nil
}

// distributors counts those that are alive.
func (s *Skald) distributors() int {
	set, err := s.distributorRing.GetAllHealthy(ring.WriteNoExtend)
	if err != nil {
		return 1
	}
	return len(set.Instances)
}

func (s *Skald) initQuerier() (services.Service, error) {
	results, stop, err := s.cfg.QueryRange.Open(s.logger, s.reg)
	if err != nil {
		return nil, err
	}
	s.querier = querier.New(s.cfg.Querier, querier.Options{
		Ring:      s.ring,
		Ingesters: sourceIngesters{s},
		Store:     s.store,
		Expiry:    s.expiry,
		Gone:      ingester.ErrNotRunning,
		Engine:    engine.New(engine.Options{Concurrency: s.cfg.Querier.MaxConcurrent, Registerer: s.reg}),
		Limits:    s.overrides,
		Logger:    s.logger,
	})
	s.frontend = frontend.New(s.cfg.Frontend, frontend.Options{
		Querier:     s.querier,
		Cache:       results,
		Limits:      s.overrides,
		Parallelism: s.cfg.Querier.MaxConcurrent,
		Logger:      s.logger,
		Registerer:  s.reg,
	})
	stopped := func(services.State) { stop() }
	s.querier.AddListener(services.NewListener(nil, nil, nil, stopped, func(from services.State, _ error) { stopped(from) }))
	return s.querier, nil
}

// expiry says what of a tenant is past retention now, where retention is on.
func (s *Skald) expiry(tenant string) (storage.Expiry, error) {
	if !s.cfg.Compactor.RetentionEnabled {
		return storage.Expiry{}, nil
	}
	return compactor.Expiry(s.overrides.For(tenant), &s.cfg.Limits, time.Now())
}

// A reader answers queries through the frontend, and asks the querier all else.
type reader struct {
	*querier.Querier
	frontend *frontend.Frontend
}

// Query implements [api.Querier].
func (r reader) Query(ctx context.Context, tenants []string, expr syntax.Expr, p engine.Params) (*engine.Result, error) {
	return r.frontend.Query(ctx, tenants, expr, p)
}

// Explain implements [api.Querier].
func (r reader) Explain(ctx context.Context, tenants []string, expr syntax.Expr, p engine.Params, analyze bool) (*explain.Query, error) {
	return r.frontend.Explain(ctx, tenants, expr, p, analyze)
}

// allIngesters are those of the ring, all of which may hold entries.
type allIngesters struct{ s *Skald }

// Cover implements [compactor.Ingesters].
func (a allIngesters) Cover(ctx context.Context) ([]scan.Generation, error) {
	return a.each(ctx, rpc.Ingester.Cover)
}

// Oldest implements [compactor.Ingesters].
func (a allIngesters) Oldest(ctx context.Context) ([]scan.Generation, error) {
	return a.each(ctx, rpc.Ingester.Oldest)
}

// each asks every ingester. One that does not answer may hold anything.
func (a allIngesters) each(ctx context.Context, ask func(rpc.Ingester, context.Context) (scan.Generation, error)) ([]scan.Generation, error) {
	healthy, err := a.s.ring.GetAllHealthy(ring.Reporting)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", compactor.ErrNoIngesters, err)
	}
	if all := a.s.ring.InstancesCount(); len(healthy.Instances) != all {
		return nil, fmt.Errorf("%w: %d of %d on the ring are healthy, without %s; start what is down, or forget at /ring what is gone for good with its log",
			compactor.ErrNoIngesters, len(healthy.Instances), all, strings.Join(a.s.silent(ctx, healthy), ", "))
	}
	out := make([]scan.Generation, len(healthy.Instances))
	err = concurrency.ForEachJob(ctx, len(out), len(out), func(ctx context.Context, n int) error {
		instance := healthy.Instances[n]
		ing, err := a.s.ingesterOf(instance)
		if err == nil {
			out[n], err = ask(ing, ctx)
		}
		if err != nil {
			return fmt.Errorf("%w: ask ingester %s: %w", compactor.ErrNoIngesters, instance.Addr, err)
		}
		return nil
	})
	return out, err
}

// silent names the ingesters of the ring that are not among the healthy ones.
func (s *Skald) silent(ctx context.Context, healthy ring.ReplicationSet) []string {
	value, err := s.ring.KVClient.Get(ctx, cluster.Ingesters.Key)
	all, ok := value.(*ring.Desc)
	if err != nil || !ok {
		return []string{"others"} // they are on the page of the ring
	}
	var names []string
	for id := range all.Ingesters {
		if !slices.ContainsFunc(healthy.Instances, func(i ring.InstanceDesc) bool { return i.Id == id }) {
			names = append(names, id)
		}
	}
	slices.Sort(names)
	return names
}

// minPushBudget is how much memory the bodies of pushes may take at least: one of
// the largest that agents send, compressed and not.
const minPushBudget = 256 << 20

// registerAPI serves what the roles of this process can answer.
func (s *Skald) registerAPI() {
	var roles api.Roles
	if s.distributor != nil {
		roles.Pusher = s.distributor
	}
	if s.querier != nil {
		roles.Querier = reader{s.querier, s.frontend}
	}
	if s.ingester != nil {
		roles.Flusher = s.ingester
	}
	if s.compactor != nil {
		roles.Compactor = s.compactor
		if s.cfg.Compactor.RetentionEnabled {
			roles.Deleter = s.compactor
		}
	}
	if s.ruler != nil && s.cfg.Ruler.EnableAPI {
		roles.Ruler = s.ruler
	}
	a := api.New(api.Config{
		MultiTenancy:       s.cfg.AuthEnabled,
		MultiTenantQueries: s.cfg.Querier.MultiTenantQueriesEnabled,
		PushLimits: loghttp.PushLimits{
			Received:     int64(s.cfg.Distributor.MaxRecvMsgSize.Int()),
			Decompressed: int64(s.cfg.Distributor.MaxDecompressedSize.Int()),
			Budget:       loghttp.NewBudget(max(minPushBudget, machine.Memory()/16)),
		},
		CompressResponses: s.cfg.Frontend.CompressResponses,
		MaxFormBytes:      s.cfg.Frontend.MaxBodySize,
		RequestLimits:     s.cfg.Querier.PerRequestLimitsEnabled,
		PublishedLimits:   s.cfg.PublishedLimits,
		Patterns:          s.cfg.PatternIngester.Enabled,
		TailMaxDuration:   s.cfg.Querier.TailMaxDuration,
	}, roles, s.overrides, s.logger)
	a.Register(s.server.HTTP)
	a.RegisterGRPC(s.server.GRPC)
}

// initIngesterClients prepares connections to ingesters of other processes.
func (s *Skald) initIngesterClients() (services.Service, error) {
	s.clients = rpc.NewPool(s.cfg.IngesterClient, client.NewRingServiceDiscovery(s.ring), faults, onlyWarnings(s.logger), s.reg)
	return s.clients, nil
}

// pushIngesters and sourceIngesters find the ingester behind an instance of the
// ring: a call in this process for its own, a connection for others.
type (
	pushIngesters   struct{ s *Skald }
	sourceIngesters struct{ s *Skald }
)

func (p pushIngesters) Ingester(i ring.InstanceDesc) (distributor.Ingester, error) {
	return p.s.ingesterOf(i)
}

func (p sourceIngesters) Source(i ring.InstanceDesc) (querier.Source, error) {
	return p.s.ingesterOf(i)
}

func (s *Skald) ingesterOf(i ring.InstanceDesc) (rpc.Ingester, error) {
	if s.own != nil && i.Id == s.cfg.Ingester.Ring.InstanceID {
		return s.own, nil
	}
	return s.clients.Client(i)
}
