package ruler

import (
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/prometheus/config"
	"github.com/prometheus/prometheus/storage"
	"github.com/prometheus/prometheus/storage/remote"
	"github.com/prometheus/prometheus/tsdb/agent"

	"github.com/skaldlogs/skald/pkg/objstore"
)

// flushDeadline is how long a stop waits for samples to be sent; what is left
// stays in the WAL.
const flushDeadline = 10 * time.Second

// A writer keeps the samples of one tenant in a WAL of its own until every place
// of remote write has them.
type writer struct {
	cfg      *Config
	tenant   string
	remote   *remote.Storage
	wal      *agent.DB
	registry *prometheus.Registry
	metrics  *walMetrics
	series   *walSeries
}

// newWriter opens the WAL of a tenant. Samples that were not sent are sent now.
func newWriter(cfg *Config, clients map[string]config.RemoteWriteConfig, tenant string, logger *slog.Logger) (*writer, error) {
	w := &writer{cfg: cfg, tenant: tenant, registry: prometheus.NewRegistry()}
	reg := prometheus.WrapRegistererWithPrefix("ruler_wal_", w.registry)
	dir := filepath.Join(cfg.WAL.Dir, objstore.EncodeTenant(tenant))
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return nil, fmt.Errorf("the WAL of recorded samples: %w", err)
	}
	w.series = &walSeries{Registerer: reg}
	w.metrics = &walMetrics{dir: dir, registry: w.registry, series: w.series}
	begin := func() (int64, error) { return time.Now().UnixMilli(), nil }
	r := remote.NewStorage(logger, reg, begin, dir, flushDeadline, nil, false)
	wal, err := agent.Open(logger, w.series, r, dir, &agent.Options{
		TruncateFrequency: cfg.WAL.TruncateFrequency,
		MinWALTime:        cfg.WAL.MinAge.Milliseconds(),
		MaxWALTime:        cfg.WAL.MaxAge.Milliseconds(),
		StripeSize:        1 << 8, // a tenant records few series
	})
	if err != nil {
		return nil, errors.Join(fmt.Errorf("the WAL of recorded samples in %s: %w", dir, err), r.Close())
	}
	wal.SetWriteNotified(r)
	w.series.opened()
	w.remote, w.wal = r, wal
	if err := w.apply(clients); err != nil {
		return nil, errors.Join(err, w.stop())
	}
	return w, nil
}

// apply makes these the places that samples go to.
func (w *writer) apply(clients map[string]config.RemoteWriteConfig) error {
	conf := &config.Config{}
	conf.GlobalConfig.ExternalLabels = w.cfg.ExternalLabels
	for _, id := range slices.Sorted(maps.Keys(clients)) {
		rw := clients[id]
		rw.Name = w.tenant + "-rw-" + id
		headers := maps.Clone(rw.Headers)
		if headers == nil {
			headers = map[string]string{}
		}
		if w.cfg.RemoteWrite.AddOrgIDHeader {
			for name := range headers {
				if strings.EqualFold(name, "X-Scope-OrgID") {
					delete(headers, name)
				}
			}
			headers["X-Scope-OrgID"] = w.tenant
		}
		rw.Headers = headers
		rw.QueueConfig = queueOf(rw.QueueConfig)
		conf.RemoteWriteConfigs = append(conf.RemoteWriteConfigs, &rw)
	}
	if err := w.remote.ApplyConfig(conf); err != nil {
		return fmt.Errorf("remote_write: %w", err)
	}
	return nil
}

// queueOf is the queue of a tenant and client. A queue has room for whole batches all
// the time, some 2 MB by Prometheus' defaults, which are for the only queue of a
// process with many series; tenants record few. Whether a user wrote these defaults is
// not known here: if both are just that, they are taken for not written.
func queueOf(c config.QueueConfig) config.QueueConfig {
	if c.MaxSamplesPerSend == config.DefaultQueueConfig.MaxSamplesPerSend && c.Capacity == config.DefaultQueueConfig.Capacity {
		c.MaxSamplesPerSend, c.Capacity = 200, 2000
	}
	return c
}

// appendable takes samples.
func (w *writer) appendable() storage.Appendable { return counted{w.wal, w.series} }

func (w *writer) stop() error { return errors.Join(w.remote.Close(), w.wal.Close()) }
