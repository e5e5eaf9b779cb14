package skald

import (
	"context"
	"fmt"
	"net/http"
	"runtime/debug"
	"sync/atomic"
	"time"

	"github.com/go-kit/log"
	"github.com/go-kit/log/level"
	"github.com/grafana/dskit/middleware"
	"github.com/grafana/dskit/server"
	"github.com/grafana/dskit/services"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promauto"
	healthpb "google.golang.org/grpc/health/grpc_health_v1"
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
	cfg.SignalHandler = noSignals{make(chan struct{})}
	cfg.HTTPMiddleware = append(cfg.HTTPMiddleware, recoverPanics(s))

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

// recoverPanics makes a panic the end of one request and not of the process.
func recoverPanics(s *Skald) middleware.Interface {
	panics := promauto.With(s.reg).NewCounter(prometheus.CounterOpts{
		Name: "panic_total",
		Help: "Requests that ended in a panic.",
	})
	return middleware.Func(func(next http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			defer func() {
				p := recover()
				if p == nil {
					return
				}
				if p == http.ErrAbortHandler { //nolint:errorlint // net/http compares it so
					panic(p)
				}
				panics.Inc()
				level.Error(s.logger).Log("msg", "a request ended in a panic", "err", p, "path", r.URL.Path, "stack", string(debug.Stack()))
				http.Error(w, "internal error: the request ended in a panic, and the log says where", http.StatusInternalServerError)
			}()
			next.ServeHTTP(w, r)
		})
	})
}
