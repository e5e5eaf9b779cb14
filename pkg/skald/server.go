package skald

import (
	"context"
	"fmt"
	"sync/atomic"
	"time"

	"github.com/go-kit/log"
	"github.com/grafana/dskit/middleware"
	"github.com/grafana/dskit/server"
	"github.com/grafana/dskit/services"
	healthpb "google.golang.org/grpc/health/grpc_health_v1"

	"github.com/skaldlogs/skald/pkg/api"
)

// answerTime is how long an answer may take to be written once a query ended.
const answerTime = 30 * time.Second

// initServer opens the ports. They answer from the start of the server on: the
// routes of this package right away, those of others as far as they are ready.
func (s *Skald) initServer() (services.Service, error) {
	cfg := s.cfg.Server
	cfg.MetricsNamespace = s.cfg.MetricsNamespace
	cfg.Registerer = s.registry
	cfg.Gatherer = s.registry
	logger := &later{next: s.logger}
	cfg.Log = logger
	if need := time.Duration(s.cfg.Limits.QueryTimeout) + answerTime; cfg.HTTPServerWriteTimeout > 0 && cfg.HTTPServerWriteTimeout < need {
		// A client would find its connection closed where it should read that its
		// query took too long.
		cfg.HTTPServerWriteTimeout = need
	}
	cfg.Router = api.NewRouter()
	cfg.SignalHandler = noSignals{make(chan struct{})}
	panics := newPanics(s.logger, s.reg)
	cfg.HTTPMiddleware = append(cfg.HTTPMiddleware, middleware.Func(panics.http))
	cfg.GRPCMiddleware = append(cfg.GRPCMiddleware, panics.unary)
	cfg.GRPCStreamMiddleware = append(cfg.GRPCStreamMiddleware, panics.stream)

	srv, err := server.New(cfg)
	if err != nil {
		return nil, fmt.Errorf("open ports (server.http_listen_port, server.grpc_listen_port): %w", err)
	}
	logger.on.Store(true)
	s.server = srv
	healthpb.RegisterHealthServer(srv.GRPC, health{ready: s.notReady})
	s.registerRoutes(srv.HTTP)

	run := func(ctx context.Context) error {
		done := make(chan error, 1)
		go func() { done <- srv.Run() }()
		select {
		case <-ctx.Done():
			return nil
		case err := <-done:
			if err == nil {
				err = fmt.Errorf("it ended without being told to")
			}
			return fmt.Errorf("serve: %w", err)
		}
	}
	stop := func(error) error {
		srv.Shutdown()
		return nil
	}
	return services.NewBasicService(nil, run, stop), nil
}

// later is silent until it is on: where the server listens is said once, with
// the rest of what is said at start.
type later struct {
	next log.Logger
	on   atomic.Bool
}

func (l *later) Log(keyvals ...any) error {
	if !l.on.Load() {
		return nil
	}
	return l.next.Log(keyvals...)
}

// noSignals keeps dskit's server from listening to signals: Run's caller does.
type noSignals struct{ stopped chan struct{} }

func (n noSignals) Loop() { <-n.stopped }
func (n noSignals) Stop() { close(n.stopped) }
