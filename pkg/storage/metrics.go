package storage

import (
	"strconv"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promauto"

	"github.com/skaldlogs/skald/pkg/storage/block"
	"github.com/skaldlogs/skald/pkg/storage/catalog"
	"github.com/skaldlogs/skald/pkg/storage/segment"
)

// metrics of a [Store].
type metrics struct {
	segments, segmentBytes, rawBytes *prometheus.CounterVec
	indexHits, indexMisses           prometheus.Counter
	indexBytes                       prometheus.Gauge
	unreadable                       prometheus.Counter
	swept                            *prometheus.CounterVec
}

func newMetrics(reg prometheus.Registerer, hot *block.Hot, opened *segment.Opened) *metrics {
	f := promauto.With(reg)
	f.NewGaugeFunc(prometheus.GaugeOpts{
		Name: "store_segment_prune_bytes",
		Help: "Memory that the kept prune parts of blocks take, opened: their templates, columns and filters.",
	}, func() float64 { return float64(opened.Bytes()) })
	f.NewGaugeFunc(prometheus.GaugeOpts{
		Name: "store_hot_column_bytes",
		Help: "Memory that the columns of blocks take which are kept decompressed.",
	}, func() float64 { return float64(hot.Stats().Bytes) })
	for result, count := range map[string]func(block.HotStats) uint64{
		"hit":  func(s block.HotStats) uint64 { return s.Hits },
		"miss": func(s block.HotStats) uint64 { return s.Misses },
	} {
		f.NewCounterFunc(prometheus.CounterOpts{
			Name:        "store_hot_column_lookups_total",
			Help:        "How often a column of a block was wanted, by whether it was kept in memory (hit) or not (miss).",
			ConstLabels: prometheus.Labels{"result": result},
		}, func() float64 { return float64(count(hot.Stats())) })
	}
	lookups := f.NewCounterVec(prometheus.CounterOpts{
		Name: "store_segment_index_lookups_total",
		Help: "How often the index of a segment was wanted, by whether it was in memory (hit) or had to be read (miss).",
	}, []string{"result"})
	return &metrics{
		segments: f.NewCounterVec(prometheus.CounterOpts{
			Name: "store_segments_put_total",
			Help: "Segments written and entered in the catalog, by level.",
		}, []string{"level"}),
		segmentBytes: f.NewCounterVec(prometheus.CounterOpts{
			Name: "store_segment_bytes_put_total",
			Help: "Bytes of the segments written, as they are in the bucket, by level.",
		}, []string{"level"}),
		rawBytes: f.NewCounterVec(prometheus.CounterOpts{
			Name: "store_raw_bytes_put_total",
			Help: "Bytes of lines and structured metadata in the segments written, before compression, by level.",
		}, []string{"level"}),
		indexHits:   lookups.WithLabelValues("hit"),
		indexMisses: lookups.WithLabelValues("miss"),
		indexBytes: f.NewGauge(prometheus.GaugeOpts{
			Name: "store_segment_index_bytes",
			Help: "Memory that the kept indexes of segments take.",
		}),
		unreadable: f.NewCounter(prometheus.CounterOpts{
			Name: "store_unreadable_segments_total",
			Help: "How often a query had to do without a segment because it is damaged or gone.",
		}),
		swept: f.NewCounterVec(prometheus.CounterOpts{
			Name: "store_segments_swept_total",
			Help: "Segments deleted from the bucket, by reason: dead (replaced by a merge) or orphan (never entered in the catalog).",
		}, []string{"reason"}),
	}
}

func (m *metrics) put(e *catalog.Entry) {
	level := strconv.Itoa(e.Level)
	m.segments.WithLabelValues(level).Inc()
	m.segmentBytes.WithLabelValues(level).Add(float64(e.Size))
	m.rawBytes.WithLabelValues(level).Add(float64(e.Stats.Bytes + e.Stats.MetadataBytes))
}
