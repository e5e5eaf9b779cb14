package ruler

import (
	"io/fs"
	"path/filepath"

	"github.com/prometheus/client_golang/prometheus"
)

// walMetrics are those of a tenant's WAL of recorded samples under the names that
// dashboards know. Most are those of Prometheus' own parts; the size on disk is looked
// up when it is asked for.
type walMetrics struct {
	dir      string
	registry *prometheus.Registry // has those of Prometheus' parts
	series   *walSeries
}

// The metrics of a WAL.
var (
	walReady    = walDesc("appender_ready", "Whether samples can be written.")
	walSamples  = walDesc("samples_appended_total", "Samples that were written.")
	walActive   = walDesc("storage_active_series", "Series with samples in the WAL.")
	walCreated  = walDesc("storage_created_series_total", "Series that the WAL had at the start, and those that began since.")
	walRemoved  = walDesc("storage_removed_series_total", "Series that had no samples any more, and were forgotten.")
	walDisk     = walDesc("disk_size", "Bytes on disk.")
	walReplay   = walDesc("replay_duration", "Seconds that it took to read the WAL at the start.")
	walCorrupt  = walDesc("corruptions_total", "Places in the WAL that were found damaged, and cut off.")
	walDamaging = walDesc("corruptions_repair_failed_total", "Damage that could not be cut off. A WAL that is open has none.")
)

func walDesc(name, help string) *prometheus.Desc {
	return prometheus.NewDesc("ruler_wal_"+name, help, nil, nil)
}

// Describe implements [prometheus.Collector].
func (*walMetrics) Describe(chan<- *prometheus.Desc) {}

// Collect implements [prometheus.Collector].
func (m *walMetrics) Collect(ch chan<- prometheus.Metric) {
	found := map[string]float64{}
	families, err := m.registry.Gather()
	if err != nil {
		return // the same registry is gathered for the answer, which tells
	}
	for _, f := range families {
		for _, s := range f.GetMetric() {
			found[f.GetName()] += s.GetGauge().GetValue() + s.GetCounter().GetValue()
		}
	}
	created, active := m.series.counts()

	gauge := func(d *prometheus.Desc, v float64) { ch <- prometheus.MustNewConstMetric(d, prometheus.GaugeValue, v) }
	counter := func(d *prometheus.Desc, v float64) {
		ch <- prometheus.MustNewConstMetric(d, prometheus.CounterValue, v)
	}
	gauge(walReady, 1)
	gauge(walActive, float64(active))
	gauge(walDisk, float64(m.size()))
	gauge(walReplay, found["ruler_wal_prometheus_agent_data_replay_duration_seconds"])
	counter(walSamples, found["ruler_wal_prometheus_agent_samples_appended_total"])
	counter(walCreated, float64(created))
	counter(walRemoved, float64(created-active))
	counter(walCorrupt, found["ruler_wal_prometheus_agent_corruptions_total"])
	counter(walDamaging, 0)
}

// size is how many bytes the files of the WAL have. Files that go meanwhile have none.
func (m *walMetrics) size() (bytes int64) {
	_ = filepath.WalkDir(m.dir, func(_ string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return nil
		}
		if info, err := d.Info(); err == nil {
			bytes += info.Size()
		}
		return nil
	})
	return bytes
}
