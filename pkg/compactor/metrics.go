package compactor

import (
	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promauto"
)

// metrics of a [Compactor]. Those of a pass have the names that dashboards and
// alerts for Loki know.
type metrics struct {
	running prometheus.Gauge

	passes      *prometheus.CounterVec
	passSeconds prometheus.Gauge
	passLast    prometheus.Gauge

	retentions       *prometheus.CounterVec
	retentionSeconds prometheus.Histogram
	retentionLast    prometheus.Gauge

	deletesReceived, deletesProcessed, deletesCancelled *prometheus.CounterVec
	deletesPending, deletesOldest                       prometheus.Gauge
	deletedLines, deleteRuns                            *prometheus.CounterVec
	deleteSeconds                                       prometheus.Histogram

	merges               *prometheus.CounterVec
	mergeSeconds         prometheus.Histogram
	mergedSegments       prometheus.Counter
	readBytes, rawBytes  prometheus.Counter
	duplicates, rested   prometheus.Counter
	unreadable           prometheus.Gauge
	droppedSegments      *prometheus.CounterVec
	droppedRows          *prometheus.CounterVec
	segments, storeBytes *prometheus.GaugeVec
	pendingInputs        *prometheus.GaugeVec
	oldest               *prometheus.GaugeVec
}

func newMetrics(reg prometheus.Registerer) *metrics {
	f := promauto.With(reg)
	return &metrics{
		running: f.NewGauge(prometheus.GaugeOpts{
			Name: "boltdb_shipper_compactor_running",
			Help: "1 while this process compacts its bucket. No bucket has two.",
		}),
		passes: f.NewCounterVec(prometheus.CounterOpts{
			Name: "boltdb_shipper_compact_tables_operation_total",
			Help: "Looks at the whole bucket for segments to merge, by how they ended: success or failure.",
		}, []string{"status"}),
		passSeconds: f.NewGauge(prometheus.GaugeOpts{
			Name: "boltdb_shipper_compact_tables_operation_duration_seconds",
			Help: "How long the last look took, with the merges that came of it.",
		}),
		passLast: f.NewGauge(prometheus.GaugeOpts{
			Name: "boltdb_shipper_compact_tables_operation_last_successful_run_timestamp_seconds",
			Help: "When the last look ended that found nothing wrong, in Unix seconds.",
		}),
		retentions: f.NewCounterVec(prometheus.CounterOpts{
			Name: "compactor_apply_retention_operation_total",
			Help: "How often retention was applied to all tenants, by how it ended: success or failure.",
		}, []string{"status"}),
		retentionSeconds: f.NewHistogram(prometheus.HistogramOpts{
			Name:    "compactor_apply_retention_operation_duration_seconds",
			Help:    "How long it took to apply retention to all tenants.",
			Buckets: prometheus.ExponentialBuckets(0.01, 4, 10),
		}),
		retentionLast: f.NewGauge(prometheus.GaugeOpts{
			Name: "compactor_apply_retention_last_successful_run_timestamp_seconds",
			Help: "When retention was last applied to all tenants without an error, in Unix seconds.",
		}),
		deletesReceived: f.NewCounterVec(prometheus.CounterOpts{
			Name: "compactor_delete_requests_received_total",
			Help: "Delete requests that were accepted, by tenant.",
		}, []string{"user"}),
		deletesProcessed: f.NewCounterVec(prometheus.CounterOpts{
			Name: "compactor_delete_requests_processed_total",
			Help: "Delete requests of which everything was removed, by tenant.",
		}, []string{"user"}),
		deletesCancelled: f.NewCounterVec(prometheus.CounterOpts{
			Name: "compactor_delete_requests_cancelled_total",
			Help: "Delete requests that were taken back, by tenant.",
		}, []string{"user"}),
		deletesPending: f.NewGauge(prometheus.GaugeOpts{
			Name: "compactor_pending_delete_requests_count",
			Help: "Delete requests that are not processed: those that can be cancelled, and those being removed.",
		}),
		deletesOldest: f.NewGauge(prometheus.GaugeOpts{
			Name: "compactor_oldest_pending_delete_request_age_seconds",
			Help: "How long ago the oldest of them was accepted.",
		}),
		deletedLines: f.NewCounterVec(prometheus.CounterOpts{
			Name: "compactor_deleted_lines",
			Help: "Entries that delete requests removed, by tenant.",
		}, []string{"user"}),
		deleteRuns: f.NewCounterVec(prometheus.CounterOpts{
			Name: "compactor_load_pending_requests_attempts_total",
			Help: "How often delete requests were applied to all tenants, by how it ended: success or failure.",
		}, []string{"status"}),
		deleteSeconds: f.NewHistogram(prometheus.HistogramOpts{
			Name:    "compactor_apply_deletes_duration_seconds",
			Help:    "How long it took to apply delete requests to all tenants.",
			Buckets: prometheus.ExponentialBuckets(0.01, 4, 10),
		}),
		merges: f.NewCounterVec(prometheus.CounterOpts{
			Name: "compactor_merges_total",
			Help: "Merges of segments, by why (hours, day, retention, delete) and how they ended (success or failure).",
		}, []string{"reason", "status"}),
		mergeSeconds: f.NewHistogram(prometheus.HistogramOpts{
			Name:    "compactor_merge_duration_seconds",
			Help:    "How long a merge took, from opening its inputs to having replaced them.",
			Buckets: prometheus.ExponentialBuckets(0.01, 4, 10),
		}),
		mergedSegments: f.NewCounter(prometheus.CounterOpts{
			Name: "compactor_merged_segments_total",
			Help: "Segments that merges replaced.",
		}),
		readBytes: f.NewCounter(prometheus.CounterOpts{
			Name: "compactor_merged_segment_bytes_total",
			Help: "Bytes of those segments, as they were in the bucket.",
		}),
		rawBytes: f.NewCounter(prometheus.CounterOpts{
			Name: "compactor_merged_raw_bytes_total",
			Help: "Bytes of lines and structured metadata in those segments, before compression.",
		}),
		duplicates: f.NewCounter(prometheus.CounterOpts{
			Name: "compactor_duplicate_entries_dropped_total",
			Help: "Entries that merges left out because an equal one was there.",
		}),
		rested: f.NewCounter(prometheus.CounterOpts{
			Name: "compactor_merge_rest_seconds_total",
			Help: "How long merges rested because queries ran, or entries waited for being sealed.",
		}),
		unreadable: f.NewGauge(prometheus.GaugeOpts{
			Name: "compactor_unreadable_segments",
			Help: "Segments that are left out of all merges because they are damaged.",
		}),
		droppedSegments: f.NewCounterVec(prometheus.CounterOpts{
			Name: "compactor_dropped_segments_total",
			Help: "Segments that went as a whole, by tenant and reason: retention, store_size (max_store_size) or free_disk (min_free_disk).",
		}, []string{"tenant", "reason"}),
		droppedRows: f.NewCounterVec(prometheus.CounterOpts{
			Name: "compactor_dropped_entries_total",
			Help: "Entries that went, in whole segments or out of those that stay, by tenant and reason, which may be delete as well.",
		}, []string{"tenant", "reason"}),
		pendingInputs: f.NewGaugeVec(prometheus.GaugeOpts{
			Name: "compactor_pending_merge_segments",
			Help: "Segments that merges of the next pass would take, by tenant.",
		}, []string{"tenant"}),
		oldest: f.NewGaugeVec(prometheus.GaugeOpts{
			Name: "compactor_oldest_entry_timestamp_seconds",
			Help: "The earliest time of an entry in the bucket, by tenant: how far retention is.",
		}, []string{"tenant"}),
		segments: f.NewGaugeVec(prometheus.GaugeOpts{
			Name: "compactor_segments",
			Help: "Live segments in the bucket, by tenant and level.",
		}, []string{"tenant", "level"}),
		storeBytes: f.NewGaugeVec(prometheus.GaugeOpts{
			Name: "compactor_segment_bytes",
			Help: "Bytes of the live segments in the bucket, by tenant and level.",
		}, []string{"tenant", "level"}),
	}
}
