package skald

import (
	"fmt"
	"slices"

	"github.com/go-kit/log"
	"github.com/grafana/dskit/dns"
	"github.com/grafana/dskit/kv/codec"
	"github.com/grafana/dskit/kv/memberlist"
	"github.com/grafana/dskit/modules"
	"github.com/grafana/dskit/ring"
	"github.com/grafana/dskit/services"
	"github.com/prometheus/client_golang/prometheus"

	"github.com/skaldlogs/skald/pkg/cluster"
	"github.com/skaldlogs/skald/pkg/limits"
)

// The modules.
const (
	Server          = "server"
	Memberlist      = "memberlist-kv"
	RuntimeConfig   = "runtime-config"
	Overrides       = "overrides"
	Ring            = "ring"
	DistributorRing = "distributor-ring"
	Store           = "store"
	IngesterClients = "ingester-clients"
	Ingester        = "ingester"
	Distributor     = "distributor"
	Querier         = "querier"
	QueryFrontend   = "query-frontend"
	Compactor       = "compactor"
	Ruler           = "ruler"
)

// A module is a part of the program. One with a role may be a target; one
// without init only stands for those it needs.
type module struct {
	name  string
	needs []string
	init  func(*Skald) (services.Service, error)
	role  string
}

// table is the program. What the roles answer over HTTP is registered once all
// are built: see [Skald.registerAPI].
var table = []module{
	{Server, nil, (*Skald).initServer, ""},
	{Memberlist, []string{Server}, (*Skald).initMemberlist, ""},
	{RuntimeConfig, nil, (*Skald).initRuntimeConfig, ""},
	{Overrides, []string{RuntimeConfig}, (*Skald).initOverrides, ""},
	{Ring, []string{Server, Memberlist, RuntimeConfig}, (*Skald).initRing, ""},
	{Store, nil, (*Skald).initStore, ""},
	{Ingester, []string{Server, Ring, Overrides, Store}, (*Skald).initIngester, "holds the newest entries, and hands them to the store"},
	{IngesterClients, []string{Ring}, (*Skald).initIngesterClients, ""},
	{DistributorRing, []string{Server, Memberlist, RuntimeConfig}, (*Skald).initDistributorRing, ""},
	{Distributor, []string{Server, Ring, DistributorRing, Overrides, IngesterClients}, (*Skald).initDistributor, "takes pushes, and hands them to ingesters"},
	{Querier, []string{Server, Ring, Overrides, Store, IngesterClients}, (*Skald).initQuerier, "answers queries over ingesters and store"},
	{QueryFrontend, []string{Querier}, nil, "the same as querier, which has a frontend: each process shares out and keeps what it is asked"},
	{Compactor, []string{Server, Ring, Overrides, Store, IngesterClients}, (*Skald).initCompactor, "merges segments, and deletes what is past retention or asked for"},
	{Ruler, []string{Server, Memberlist, RuntimeConfig, Overrides, Store, Querier}, (*Skald).initRuler, "evaluates rules, and sends alerts"},
	{Write, []string{Distributor, Ingester}, nil, "what pushes need"},
	{Read, []string{Querier}, nil, "what queries need"},
	{Backend, []string{Compactor, Ruler}, nil, "what goes on by itself"},
	{All, []string{Write, Read, Backend}, nil, "everything in one process"},
}

// buildModules makes dskit's graph of the table.
func (s *Skald) buildModules() (*modules.Manager, error) {
	m := modules.NewManager(onlyWarnings(s.logger))
	for _, mod := range table {
		var init func() (services.Service, error)
		if mod.init != nil {
			init = func() (services.Service, error) { return mod.init(s) }
		}
		m.RegisterModule(mod.name, init)
	}
	for _, mod := range table {
		if err := m.AddDependency(mod.name, mod.needs...); err != nil {
			return nil, fmt.Errorf("module %s: %w", mod.name, err)
		}
	}
	// Modules stop before those they need. An ingester that shares the process
	// with its callers must stay until their pushes and queries are done.
	for _, target := range s.cfg.Target {
		if !slices.Contains(reach(target), Ingester) {
			continue
		}
		if err := m.AddDependency(Distributor, Ingester); err != nil {
			return nil, fmt.Errorf("module %s: %w", Distributor, err)
		}
		if err := m.AddDependency(Querier, Ingester); err != nil {
			return nil, fmt.Errorf("module %s: %w", Querier, err)
		}
		break
	}
	return m, nil
}

// initMemberlist prepares gossip, which starts when a ring first asks for it.
func (s *Skald) initMemberlist() (services.Service, error) {
	cfg := s.cfg.Memberlist
	cfg.Codecs = []codec.Codec{ring.GetCodec()}
	logger := log.With(s.logger, "component", "memberlist")
	lookup := dns.NewProvider(dns.GolangResolverType, 0, logger, s.reg)
	gossip := memberlist.NewKVInitService(&cfg, logger, lookup, s.registry)
	s.cfg.Ingester.Ring.KVStore.MemberlistKV = gossip.GetMemberlistKV
	s.cfg.Ruler.Ring.KVStore.MemberlistKV = gossip.GetMemberlistKV
	s.server.HTTP.Path("/memberlist").Handler(gossip)
	return gossip, nil
}

// initRuntimeConfig reads the runtime file, where there is one.
func (s *Skald) initRuntimeConfig() (services.Service, error) {
	cfg := s.cfg.RuntimeConfig
	if len(cfg.LoadPath) == 0 {
		return nil, nil
	}
	check := &runtimeCheck{logger: s.logger, ruler: &s.cfg.Ruler, warned: map[string]bool{}}
	cfg.Preprocessor = check.check
	r, err := limits.NewRuntime(cfg, &s.cfg.Limits, s.logger, s.reg)
	if err != nil {
		return nil, err
	}
	s.runtime = r
	return r, nil
}

func (s *Skald) initOverrides() (services.Service, error) {
	var current func() *limits.File
	if s.runtime != nil {
		current = s.runtime.Current
	}
	s.overrides = limits.NewOverrides(&s.cfg.Limits, current)
	return nil, nil
}

// initRing follows the ring of ingesters. Its metrics have the name that
// dashboards know from the program that dskit comes from.
func (s *Skald) initRing() (services.Service, error) {
	if s.runtime != nil {
		s.cfg.Ingester.Ring.KVStore.Multi.ConfigProvider = s.runtime.MultiKV
	}
	r, err := cluster.NewRing(cluster.Ingesters, s.cfg.Ingester.Ring, s.logger, prometheus.WrapRegistererWithPrefix("cortex_", s.registry))
	if err != nil {
		return nil, err
	}
	s.ring = r
	s.server.HTTP.Path("/ring").Methods("GET", "POST").Handler(r)
	return r, nil
}

// initDistributorRing follows the ring of distributors, which lies where that of
// the ingesters does.
func (s *Skald) initDistributorRing() (services.Service, error) {
	if s.runtime != nil {
		s.cfg.Ingester.Ring.KVStore.Multi.ConfigProvider = s.runtime.MultiKV
	}
	r, err := cluster.NewRing(cluster.Distributors, s.cfg.Ingester.Ring, s.logger, prometheus.WrapRegistererWithPrefix("cortex_", s.registry))
	if err != nil {
		return nil, err
	}
	s.distributorRing = r
	s.server.HTTP.Path("/distributor/ring").Methods("GET", "POST").Handler(r)
	return r, nil
}
