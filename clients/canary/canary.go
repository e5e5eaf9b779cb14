package canary

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"strconv"
	"sync/atomic"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promhttp"
	"golang.org/x/sync/errgroup"

	"github.com/skaldlogs/skald/clients/api"
)

// A Canary writes entries and reads them back.
type Canary struct {
	cfg      Config
	logger   *slog.Logger
	reg      *prometheus.Registry
	m        *metrics
	client   *api.Client
	uncached *api.Client
	pusher   *pusher // nil where entries go to stdout
	emit     func(ctx context.Context, ts int64) error
	selector string
	query    string

	ledger    *ledger
	spot      *spotList
	counts    *counts
	started   int64 // nanoseconds; older entries are of others
	suspended atomic.Bool
}

// New returns a canary that has not started. Entries go to stdout, unless they
// are pushed.
func New(cfg Config, stdout io.Writer, logger *slog.Logger) (*Canary, error) {
	if err := cfg.Validate(); err != nil {
		return nil, err
	}
	ls, err := cfg.labels()
	if err != nil {
		return nil, err
	}
	c := &Canary{cfg: cfg, logger: logger, reg: prometheus.NewRegistry(), selector: ls.String()}
	c.query = c.selector
	if cfg.QueryAppend != "" {
		c.query += " " + cfg.QueryAppend
	}
	if c.client, err = cfg.client("loki-canary", cfg.QueryTimeout, false); err != nil {
		return nil, err
	}
	if c.uncached, err = cfg.client("loki-canary", cfg.QueryTimeout, true); err != nil {
		return nil, err
	}
	c.emit = toStdout(stdout, cfg.Size)
	if cfg.Push {
		client, err := cfg.client("canary-push", cfg.WriteTimeout, false)
		if err != nil {
			return nil, err
		}
		c.pusher = &pusher{c: c, client: client, labels: c.selector, entries: make(chan int64, 1000)}
		c.emit = c.pusher.emit
	}
	c.m = newMetrics(cfg.Buckets, c.reg)
	c.started = time.Now().UnixNano()
	c.ledger = newLedger(cfg.Wait, cfg.MaxWait, c.started, c.m)
	c.spot = &spotList{every: cfg.SpotCheckInterval, keep: cfg.SpotCheckMax}
	c.counts = &counts{keep: int64(cfg.MetricTestRange / time.Second), bySecond: map[int64]int64{}}
	return c, nil
}

// Handler serves /metrics, /suspend and /resume.
func (c *Canary) Handler() http.Handler {
	mux := http.NewServeMux()
	mux.Handle("/metrics", promhttp.HandlerFor(c.reg, promhttp.HandlerOpts{}))
	for path, suspended := range map[string]bool{"/suspend": true, "/resume": false} {
		mux.HandleFunc(path, func(w http.ResponseWriter, _ *http.Request) {
			if c.suspended.Swap(suspended) != suspended {
				c.logger.Info("asked by a request", "path", path)
			}
			w.WriteHeader(http.StatusOK)
		})
	}
	return mux
}

// Run writes, reads and serves until ctx is done.
func (c *Canary) Run(ctx context.Context) error {
	l, err := net.Listen("tcp", ":"+strconv.Itoa(c.cfg.Port))
	if err != nil {
		return fmt.Errorf("serve metrics: %w", err)
	}
	server := &http.Server{Handler: c.Handler(), ReadHeaderTimeout: 10 * time.Second}
	g, ctx := errgroup.WithContext(ctx)
	g.Go(func() error {
		if err := server.Serve(l); !errors.Is(err, http.ErrServerClosed) {
			return fmt.Errorf("serve metrics: %w", err)
		}
		return nil
	})
	g.Go(func() error {
		<-ctx.Done()
		return server.Close()
	})
	work := []func(context.Context){c.write, c.tail, c.compare, c.spotCheck, c.metricTest, c.cacheTest}
	if c.pusher != nil {
		work = append(work, c.pusher.run)
	}
	for _, fn := range work {
		g.Go(func() error { fn(ctx); return nil })
	}
	return g.Wait()
}
