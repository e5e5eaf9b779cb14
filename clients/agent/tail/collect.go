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

// A collected is what a stream told of itself when it was last asked.
type collected struct {
	file              bool // it has one
	next, size, lines int64
}

// collect asks a stream; ok is false while somebody else has it.
func (s *stream) collect() (c collected, ok bool) {
	if !s.mu.TryLock() {
		return c, false
	}
	defer s.mu.Unlock()
	c.lines = s.lines
	if n := len(s.gens); n > 0 {
		g := s.gens[n-1]
		c.file, c.next, c.size = true, g.next, max(g.next, g.id.size)
	}
	return c, true
}

// Collect implements [prometheus.Collector]: the metrics of each path are made of
// what its streams know when they are asked for, since there may be hundreds of
// thousands, most of which never change. Of a stream that is busy the values are
// those that it told last: one whose file system hangs keeps away no other's.
func (t *Tailer) Collect(out chan<- prometheus.Metric) {
	t.collecting.Lock()
	defer t.collecting.Unlock()
	all := t.all() // by path
	told := make(map[*stream]collected, len(all))
	for len(all) > 0 {
		path, sum := all[0].path, collected{}
		for ; len(all) > 0 && all[0].path == path; all = all[1:] { // of several jobs
			c, ok := all[0].collect()
			if !ok {
				c = t.told[all[0]] // nothing, if it was never asked
			}
			told[all[0]] = c
			sum.file = sum.file || c.file
			sum.next, sum.size, sum.lines = max(sum.next, c.next), max(sum.size, c.size), sum.lines+c.lines
		}
		if sum.file {
			out <- prometheus.MustNewConstMetric(readBytesDesc, prometheus.GaugeValue, float64(sum.next), path)
			out <- prometheus.MustNewConstMetric(fileBytesDesc, prometheus.GaugeValue, float64(sum.size), path)
			out <- prometheus.MustNewConstMetric(readLinesDesc, prometheus.CounterValue, float64(sum.lines), path)
		}
	}
	t.told = told
}
