package tail

import "github.com/prometheus/client_golang/prometheus"

var (
	readBytesDesc = prometheus.NewDesc("promtail_read_bytes_total", "How far a file was read, in bytes.", []string{"path"}, nil)
	fileBytesDesc = prometheus.NewDesc("promtail_file_bytes_total", "How long a file is, in bytes.", []string{"path"}, nil)
	readLinesDesc = prometheus.NewDesc("promtail_read_lines_total", "Lines read from files.", []string{"path"}, nil)
)

// Describe implements [prometheus.Collector].
func (t *Tailer) Describe(out chan<- *prometheus.Desc) {
	out <- readBytesDesc
	out <- fileBytesDesc
	out <- readLinesDesc
}

// Collect implements [prometheus.Collector]: the metrics of each path are made of
// what its streams know when they are asked for, since there may be hundreds of
// thousands, most of which never change.
func (t *Tailer) Collect(out chan<- prometheus.Metric) {
	all := t.all() // by path
	for len(all) > 0 {
		path, next, size, lines := all[0].path, int64(0), int64(0), int64(0)
		known := false
		for ; len(all) > 0 && all[0].path == path; all = all[1:] { // of several jobs
			s := all[0]
			s.mu.Lock()
			if n := len(s.gens); n > 0 {
				known = true
				next = max(next, s.gens[n-1].next)
				size = max(size, s.gens[n-1].next, s.gens[n-1].id.size)
			}
			lines += s.lines
			s.mu.Unlock()
		}
		if known {
			out <- prometheus.MustNewConstMetric(readBytesDesc, prometheus.GaugeValue, float64(next), path)
			out <- prometheus.MustNewConstMetric(fileBytesDesc, prometheus.GaugeValue, float64(size), path)
			out <- prometheus.MustNewConstMetric(readLinesDesc, prometheus.CounterValue, float64(lines), path)
		}
	}
}
