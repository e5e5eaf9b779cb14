package skald

import (
	"context"
	"fmt"
	"net/http"

	"github.com/grafana/dskit/services"
	healthpb "google.golang.org/grpc/health/grpc_health_v1"
)

// A readyCheck is asked when all modules run.
type readyCheck struct {
	module string
	check  func(context.Context) error
}

// ready answers 200 when requests should come here, else 503 and which module
// they would wait for.
func (s *Skald) ready(w http.ResponseWriter, r *http.Request) {
	if err := s.notReady(r.Context()); err != nil {
		http.Error(w, err.Error(), http.StatusServiceUnavailable)
		return
	}
	fmt.Fprintln(w, "ready")
}

// notReady says who is not, and why.
func (s *Skald) notReady(ctx context.Context) error {
	if s.stopping.Load() {
		return fmt.Errorf("Skald not ready: stopping") //nolint:staticcheck // a title
	}
	for _, name := range s.serviceNames() {
		if state := s.services[name].State(); state != services.Running {
			return fmt.Errorf("%s not ready: %s", name, state)
		}
	}
	for _, c := range s.checks {
		if err := c.check(ctx); err != nil {
			return fmt.Errorf("%s not ready: %w", c.module, err)
		}
	}
	return nil
}

// health answers over gRPC what /ready does over HTTP.
type health struct {
	healthpb.UnimplementedHealthServer
	ready func(context.Context) error
}

// Check implements the protocol of gRPC health checks. The name of a service in
// the request does not matter: this process is ready as a whole.
func (h health) Check(ctx context.Context, _ *healthpb.HealthCheckRequest) (*healthpb.HealthCheckResponse, error) {
	if h.ready(ctx) != nil {
		return &healthpb.HealthCheckResponse{Status: healthpb.HealthCheckResponse_NOT_SERVING}, nil
	}
	return &healthpb.HealthCheckResponse{Status: healthpb.HealthCheckResponse_SERVING}, nil
}
