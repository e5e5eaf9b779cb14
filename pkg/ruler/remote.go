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
	remote *remote.Storage
	wal    *agent.DB
}

// newWriter opens the WAL of a tenant. Samples that were not sent are sent now.
func newWriter(cfg *Config, clients map[string]config.RemoteWriteConfig, tenant string, logger *slog.Logger, reg prometheus.Registerer) (*writer, error) {
	dir := filepath.Join(cfg.WAL.Dir, objstore.EncodeTenant(tenant))
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return nil, fmt.Errorf("the WAL of recorded samples: %w", err)
	}
	conf := &config.Config{}
	conf.GlobalConfig.ExternalLabels = cfg.ExternalLabels
	for _, id := range slices.Sorted(maps.Keys(clients)) {
		rw := clients[id]
		rw.Name = tenant + "-rw-" + id
		headers := maps.Clone(rw.Headers)
		if headers == nil {
			headers = map[string]string{}
		}
		if cfg.RemoteWrite.AddOrgIDHeader {
			for name := range headers {
				if strings.EqualFold(name, "X-Scope-OrgID") {
					delete(headers, name)
				}
			}
			headers["X-Scope-OrgID"] = tenant
		}
		rw.Headers = headers
		conf.RemoteWriteConfigs = append(conf.RemoteWriteConfigs, &rw)
	}
	begin := func() (int64, error) { return time.Now().UnixMilli(), nil }
	r := remote.NewStorage(logger, reg, begin, dir, flushDeadline, nil, false)
	wal, err := agent.Open(logger, reg, r, dir, &agent.Options{
		TruncateFrequency: cfg.WAL.TruncateFrequency,
		MinWALTime:        cfg.WAL.MinAge.Milliseconds(),
		MaxWALTime:        cfg.WAL.MaxAge.Milliseconds(),
		StripeSize:        1 << 8, // a tenant records few series
	})
	if err != nil {
		return nil, errors.Join(fmt.Errorf("the WAL of recorded samples in %s: %w", dir, err), r.Close())
	}
	wal.SetWriteNotified(r)
	w := &writer{remote: r, wal: wal}
	if err := r.ApplyConfig(conf); err != nil {
		return nil, errors.Join(fmt.Errorf("remote_write: %w", err), w.stop())
	}
	return w, nil
}

// appendable takes samples.
func (w *writer) appendable() storage.Appendable { return w.wal }

func (w *writer) stop() error { return errors.Join(w.remote.Close(), w.wal.Close()) }
