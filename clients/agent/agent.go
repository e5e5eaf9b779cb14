package agent

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"reflect"
	"sync"
	"time"

	"github.com/go-kit/log"
	"github.com/go-kit/log/level"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/client_golang/prometheus/collectors/version"
	"github.com/prometheus/client_golang/prometheus/promauto"

	"github.com/skaldlogs/skald/clients/agent/config"
	"github.com/skaldlogs/skald/clients/agent/send"
	"github.com/skaldlogs/skald/clients/agent/stage"
	"github.com/skaldlogs/skald/clients/agent/tail"
)

// An Agent is the process.
//
// Its life: [Agent.Run] runs an instance of the configuration, and another one
// after each [Agent.Reload], until its context ends.
type Agent struct {
	stdin  io.Reader
	stdout io.Writer
	stderr io.Writer
	logger *Logger
	reg    *prometheus.Registry
	shared shared
	host   string

	reloads chan chan error

	mu      sync.Mutex // guards the fields below
	loaded  *config.Loaded
	running *instance
}

// shared are the metrics that outlive an instance.
type shared struct {
	tail           *tail.Metrics
	send           *send.Metrics
	stages         *stage.Metrics
	active         prometheus.Gauge
	saveFailures   prometheus.Counter
	reloadsGood    prometheus.Counter
	reloadsInvalid prometheus.Counter
}

// New returns an agent that has not started.
func New(loaded *config.Loaded, stdin io.Reader, stdout, stderr io.Writer) (*Agent, error) {
	logger, err := NewLogger(stderr, loaded.Config.Server.LogFormat, loaded.Config.Server.LogLevel)
	if err != nil {
		return nil, err
	}
	host, err := hostname()
	if err != nil {
		return nil, err
	}
	reg := prometheus.NewRegistry()
	reg.MustRegister(collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}), version.NewCollector("promtail"))
	f := promauto.With(reg)
	counter := func(name, help string) prometheus.Counter {
		return f.NewCounter(prometheus.CounterOpts{Name: name, Help: help})
	}
	return &Agent{
		stdin: stdin, stdout: stdout, stderr: stderr, logger: logger, reg: reg, host: host, loaded: loaded,
		reloads: make(chan chan error),
		shared: shared{
			tail: tail.NewMetrics(reg), send: send.NewMetrics(reg), stages: stage.NewMetrics(reg),
			active:         f.NewGauge(prometheus.GaugeOpts{Name: "promtail_targets_active_total", Help: "Targets that are served."}),
			saveFailures:   counter("skald_agent_positions_failures_total", "Times that positions could not be saved."),
			reloadsGood:    counter("promtail_config_reload_success_total", "Times that the configuration was loaded again."),
			reloadsInvalid: counter("promtail_config_reload_fail_total", "Times that the configuration could not be loaded again, so that the one before stays in force."),
		},
	}, nil
}

// hostname is what __host__ must be.
func hostname() (string, error) {
	if h := os.Getenv("HOSTNAME"); h != "" {
		return h, nil
	}
	return os.Hostname()
}

// Logger is where the agent logs.
func (a *Agent) Logger() log.Logger { return a.logger }

// Config is the configuration in force.
func (a *Agent) Config() *config.Config {
	a.mu.Lock()
	defer a.mu.Unlock()
	return &a.loaded.Config
}

func (a *Agent) current() *instance {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.running
}

// Reload loads the configuration again and waits until it is in force. After an
// error the one before is.
func (a *Agent) Reload(ctx context.Context) error {
	answer := make(chan error, 1)
	select {
	case a.reloads <- answer:
	case <-ctx.Done():
		return context.Cause(ctx)
	}
	select {
	case err := <-answer:
		return err
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

// Run runs until ctx is done, or the end of standard input with -stdin. Then the
// last batches may take until stopping is done.
func (a *Agent) Run(ctx, stopping context.Context) error {
	cfg := a.Config()
	if !cfg.Server.Disable && !a.loaded.Flags.DryRun {
		stop, err := a.serve(&cfg.Server)
		if err != nil {
			return err
		}
		defer stop()
	}
	for {
		again, err := a.runOnce(ctx, stopping)
		if err != nil || !again {
			return err
		}
	}
}

// runOnce runs an instance until its end, or until another one is to follow.
func (a *Agent) runOnce(ctx, stopping context.Context) (again bool, err error) {
	a.mu.Lock()
	loaded := a.loaded
	a.mu.Unlock()
	in, err := a.newInstance(loaded)
	if err != nil {
		return false, err
	}
	a.mu.Lock()
	a.running = in
	a.mu.Unlock()
	instanceCtx, cancel := context.WithCancel(ctx)
	defer cancel()
	ended := make(chan error, 1)
	go func() { ended <- in.run(instanceCtx, stopping) }()
	for {
		select {
		case err := <-ended:
			return false, err
		case <-in.behind:
			cancel()
			if err := <-ended; err != nil {
				return false, err
			}
			return ctx.Err() == nil, nil
		case answer := <-a.reloads:
			next, err := loaded.Again()
			if err == nil {
				err = next.Check()
			}
			if err != nil {
				a.shared.reloadsInvalid.Inc()
				level.Error(a.logger).Log("msg", "configuration not reloaded, the one before stays in force", "err", err)
				answer <- err
				continue
			}
			cancel()
			if err := <-ended; err != nil {
				answer <- err
				return false, err
			}
			a.mu.Lock()
			a.loaded = next
			a.mu.Unlock()
			next.LogWarnings(a.logger)
			if !reflect.DeepEqual(next.Config.Server.Config, loaded.Config.Server.Config) {
				level.Warn(a.logger).Log("msg", "where pages are served changes at the next start, not at a reload")
			}
			_ = a.logger.SetLevel(next.Config.Server.LogLevel)
			a.shared.reloadsGood.Inc()
			level.Info(a.logger).Log("msg", "configuration reloaded")
			answer <- nil
			return true, nil
		}
	}
}

// serve opens the port of the pages. The function that it returns closes it.
func (a *Agent) serve(cfg *config.Server) (stop func(), err error) {
	l, err := cfg.Listen()
	if err != nil {
		return nil, fmt.Errorf("serve pages: %w", err)
	}
	srv := a.server(cfg)
	level.Info(a.logger).Log("msg", "pages are served", "addr", l.Addr())
	done := make(chan struct{})
	go func() {
		defer close(done)
		if err := srv.Serve(l); !errors.Is(err, errClosed) {
			level.Error(a.logger).Log("msg", "pages are served no more", "err", err)
		}
	}()
	return func() {
		ctx, cancel := context.WithTimeout(context.Background(), time.Second)
		defer cancel()
		if srv.Shutdown(ctx) != nil {
			_ = srv.Close()
		}
		<-done
	}, nil
}
