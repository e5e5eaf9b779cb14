package skald

import (
	"context"
	"net/http"

	"github.com/grafana/dskit/ring"
	"github.com/grafana/dskit/services"
	"github.com/prometheus/client_golang/prometheus"

	"github.com/skaldlogs/skald/pkg/cluster"
	"github.com/skaldlogs/skald/pkg/ruler"
)

// initRuler builds the ruler over the querier of this process, and its place on
// the ring where groups are shared out.
func (s *Skald) initRuler() (services.Service, error) {
	cfg := s.cfg.Ruler
	o := ruler.Options{
		Store:      ruler.NewBucketStore(s.bucket),
		Querier:    s.querier,
		Bucket:     s.bucket,
		Instance:   cfg.Ring.InstanceID,
		Limits:     s.overrides,
		Logger:     s.logger,
		Registerer: s.reg,
	}
	if cfg.Evaluation.Mode == ruler.RemoteMode {
		f, err := ruler.NewFrontend(&cfg.Evaluation.Frontend, s.overrides, s.reg)
		if err != nil {
			return nil, err
		}
		o.Querier = f
	}
	if cfg.Storage.Kind() == ruler.LocalStorage {
		o.Store = ruler.NewLocalStore(cfg.Storage.Local.Directory, s.logger)
	}
	if !cfg.EnableSharding {
		s.server.HTTP.Path("/ruler/ring").Methods(http.MethodGet, http.MethodPost).
			HandlerFunc(noRing("without ruler.enable_sharding this process evaluates all rules"))
		s.ruler = ruler.New(cfg, o)
		return s.ruler, nil
	}
	if s.runtime != nil {
		cfg.Ring.KVStore.Multi.ConfigProvider = s.runtime.MultiKV
	}
	member, err := cluster.NewMember(cluster.Rulers, cfg.Ring, s.cfg.Server.GRPCListenPort, s.logger, s.reg)
	if err != nil {
		return nil, err
	}
	all, err := cluster.NewRing(cluster.Rulers, cfg.Ring, s.logger, prometheus.WrapRegistererWithPrefix("cortex_", s.registry))
	if err != nil {
		return nil, err
	}
	s.server.HTTP.Path("/ruler/ring").Methods(http.MethodGet, http.MethodPost).Handler(all)
	o.Shards = ruler.NewShards(&cfg, all, member.ID(), s.overrides)
	o.Peers = ruler.NewPeers(cfg.Client, all, onlyWarnings(s.logger))
	s.ruler = ruler.New(cfg, o)
	s.ruler.Register(s.server.GRPC)
	return shardedRuler(member, all, o.Peers, s.ruler), nil
}

// shardedRuler runs a ruler and its place on the ring as one: it evaluates once
// it is on the ring, and it has stopped, with its states saved, before it leaves
// its groups to others.
func shardedRuler(member *cluster.Member, all *ring.Ring, parts ...services.Service) services.Service {
	order := append([]services.Service{all, member}, parts...)
	failures := services.NewFailureWatcher()
	for _, svc := range order {
		failures.WatchService(svc)
	}
	start := func(ctx context.Context) error {
		for i, svc := range order {
			if err := services.StartAndAwaitRunning(ctx, svc); err != nil {
				return err
			}
			if i != 1 {
				continue
			}
			if err := member.Activate(ctx); err != nil {
				return err
			}
			if err := ring.WaitInstanceState(ctx, all, member.ID(), ring.ACTIVE); err != nil {
				return err
			}
		}
		return nil
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
		var failed error
		for i := len(order) - 1; i >= 0; i-- {
			if err := services.StopAndAwaitTerminated(context.Background(), order[i]); failed == nil {
				failed = err
			}
		}
		return failed
	}
	return services.NewBasicService(start, run, stop)
}
