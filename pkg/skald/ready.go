package skald

import (
	"context"
	"fmt"
	"net/http"

	"github.com/grafana/dskit/services"
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
