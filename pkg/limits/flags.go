package limits

import (
	"flag"
	"slices"
	"time"
)

// The values of ingestion_rate_strategy.
const (
	GlobalRate = "global" // the rate is shared by all distributors
	LocalRate  = "local"  // each distributor grants the whole rate
)

// The values of deletion_mode.
const (
	DeletionDisabled  = "disabled"
	DeletionFilter    = "filter-only"
	DeletionFilterAnd = "filter-and-delete"
)

const day = 24 * time.Hour

// defaultServiceNames are the labels that name a service, the likeliest first.
var defaultServiceNames = []string{
	"service", "app", "application", "app_name", "name", "app_kubernetes_io_name",
	"container", "container_name", "k8s_container_name", "component", "workload", "job", "k8s_job_name",
}

// defaultLevelFields are the names under which programs write a level.
var defaultLevelFields = []string{
	"level", "LEVEL", "Level", "log.level", "severity", "SEVERITY", "Severity", "SeverityText",
	"lvl", "LVL", "Lvl", "severity_text", "Severity_Text", "SEVERITY_TEXT",
}

// RegisterFlags adds the settings of l to f, each with its default.
func (l *Limits) RegisterFlags(f *flag.FlagSet) {
	l.registerPush(f)
	l.registerDiscovery(f)
	l.registerQueries(f)
	l.registerSplitting(f)
	l.registerKeeping(f)
}

func (l *Limits) registerPush(f *flag.FlagSet) {
	f.StringVar(&l.IngestionRateStrategy, "distributor.ingestion-rate-limit-strategy", GlobalRate, "Whether ingestion_rate_mb is shared by all distributors (global) or granted by each (local). A burst is granted by each.")
	f.Float64Var(&l.IngestionRateMB, "distributor.ingestion-rate-limit-mb", 4, "Lines and structured metadata a tenant may push, in MiB per second.")
	f.Float64Var(&l.IngestionBurstSizeMB, "distributor.ingestion-burst-size-mb", 6, "How far a tenant may exceed ingestion_rate_mb for a moment, in MiB. It must hold the largest push.")
	bytesVar(f, &l.PerStreamRateLimit, "ingester.per-stream-rate-limit", 3<<20, "Bytes per second that one stream may receive.")
	bytesVar(f, &l.PerStreamRateLimitBurst, "ingester.per-stream-rate-limit-burst", 15<<20, "How far one stream may exceed per_stream_rate_limit for a moment.")

	f.IntVar(&l.MaxLabelNameLength, "validation.max-length-label-name", 1024, "Longest label name, in bytes.")
	f.IntVar(&l.MaxLabelValueLength, "validation.max-length-label-value", 2048, "Longest label value, in bytes.")
	f.IntVar(&l.MaxLabelNamesPerSeries, "validation.max-label-names-per-series", 15, "Most labels of a stream, service_name not counted.")
	stringsVar(f, &l.EnforcedLabels, "validation.enforced-labels", nil, "Labels that every stream must have.")

	f.BoolVar(&l.RejectOldSamples, "validation.reject-old-samples", true, "Refuse entries older than reject_old_samples_max_age.")
	durationVar(f, &l.RejectOldSamplesMaxAge, "validation.reject-old-samples.max-age", 7*day, "Age of the oldest entry that is accepted.")
	durationVar(f, &l.CreationGracePeriod, "validation.create-grace-period", 10*time.Minute, "How far in the future the timestamp of an entry may lie.")
	bytesVar(f, &l.MaxLineSize, "distributor.max-line-size", 256<<10, "Longest line. 0 for no limit.")
	f.BoolVar(&l.MaxLineSizeTruncate, "distributor.max-line-size-truncate", false, "Cut lines longer than max_line_size instead of refusing them.")
	f.StringVar(&l.MaxLineSizeTruncateIdentifier, "distributor.max-line-size-truncate-identifier", "", "Text that a cut line ends with. It counts for max_line_size.")
	f.BoolVar(&l.IncrementDuplicateTimestamp, "validation.increment-duplicate-timestamps", false, "Move an entry by 1 ns when its stream has another line at the same time.")
	f.BoolVar(&l.UnorderedWrites, "ingester.unordered-writes", true, "Accept the entries of a stream in any order, within half of ingester.max_chunk_age. Deprecated: leave it on.")

	f.BoolVar(&l.AllowStructuredMetadata, "validation.allow-structured-metadata", true, "Accept entries with structured metadata.")
	bytesVar(f, &l.MaxStructuredMetadataSize, "limits.max-structured-metadata-size", 64<<10, "Largest structured metadata of an entry.")
	f.IntVar(&l.MaxStructuredMetadataEntriesCount, "limits.max-structured-metadata-entries-count", 128, "Most pairs of structured metadata of an entry.")

	f.Var(&l.BlockIngestionUntil, "limits.block-ingestion-until", "Refuse all pushes until this time (RFC 3339). 0 for never.")
	f.IntVar(&l.BlockIngestionStatusCode, "limits.block-ingestion-status-code", 260, "Status code of a push refused by block_ingestion_until. With 200 it is dropped in silence.")

	f.BoolVar(&l.UseOwnedStreamCount, "ingester.use-owned-stream-count", false, "Count only the streams that the ring gives to this ingester.")
	f.IntVar(&l.MaxStreamsPerUser, "ingester.max-streams-per-user", 0, "Most active streams of a tenant in one ingester. 0 for no limit.")
	f.IntVar(&l.MaxGlobalStreamsPerUser, "ingester.max-global-streams-per-user", 5000, "Most active streams of a tenant in all ingesters. 0 for no limit.")
	f.BoolVar(&l.ShardStreams.Enabled, "shard-streams.enabled", true, "Split streams that are written too fast, out of sight of queries.")
	bytesVar(f, &l.ShardStreams.DesiredRate, "shard-streams.desired-rate", 1536<<10, "Bytes per second beyond which a stream is split.")
}

func (l *Limits) registerDiscovery(f *flag.FlagSet) {
	stringsVar(f, &l.DiscoverServiceName, "validation.discover-service-name", defaultServiceNames, "Labels that service_name is taken from when a stream has none, the first present one wins. Empty: no service_name is added.")
	f.BoolVar(&l.DiscoverLogLevels, "validation.discover-log-levels", true, "Find the level of each entry and keep it as structured metadata detected_level.")
	stringsVar(f, &l.LogLevelFields, "validation.log-level-fields", defaultLevelFields, "Names of labels, structured metadata and fields that hold a level, in order.")
	f.IntVar(&l.LogLevelFromJSONMaxDepth, "validation.log-level-from-json-max-depth", 2, "How deep in a JSON line to look for a level. 0 for no limit.")

	l.PatternIngesterTokenizableJSONDefault = Strings{"log", "message", "msg", "msg_", "_msg", "content"}
	f.Var(&l.PatternIngesterTokenizableJSONDefault, "limits.pattern-ingester-tokenizable-json-fields", "JSON fields whose text is searched for patterns.")
	stringsVar(f, &l.PatternIngesterTokenizableJSONAppend, "limits.pattern-ingester-tokenizable-json-fields-append", nil, "More fields for pattern_ingester_tokenizable_json_fields_default.")
	stringsVar(f, &l.PatternIngesterTokenizableJSONDelete, "limits.pattern-ingester-tokenizable-json-fields-delete", nil, "Fields to take from pattern_ingester_tokenizable_json_fields_default.")
	f.BoolVar(&l.MetricAggregationEnabled, "limits.aggregation-enabled", false, "Write counts of bytes and lines back as streams.")
	f.BoolVar(&l.PatternPersistenceEnabled, "limits.pattern-persistence-enabled", false, "Write patterns back as streams.")
	durationVar(f, &l.PatternPersistenceGranularity, "limits.pattern-persistence-granularity", 0, "Distance of the samples of patterns written back.")
	f.Float64Var(&l.PatternRateThreshold, "limits.pattern-rate-threshold", 1, "Samples per second below which a pattern is not written back.")
}

func (l *Limits) registerQueries(f *flag.FlagSet) {
	f.IntVar(&l.MaxEntriesLimitPerQuery, "validation.max-entries-limit", 5000, "Most entries that a log query may ask for.")
	f.IntVar(&l.MaxQuerySeries, "querier.max-query-series", 500, "Most series that a metric query may return.")
	durationVar(f, &l.MaxQueryLookback, "querier.max-query-lookback", 0, "How far back a query may reach; an earlier start is moved. 0 for no limit.")
	durationVar(f, &l.MaxQueryLength, "store.max-query-length", 30*day+time.Hour, "Longest time range of a query. 0 for no limit.")
	durationVar(f, &l.MaxQueryRange, "querier.max-query-range", 0, "Longest [range] within a query. 0 for no limit.")
	durationVar(f, &l.QueryTimeout, "querier.query-timeout", time.Minute, "How long a query may take.")
	f.IntVar(&l.MaxChunksPerQuery, "store.query-chunk-limit", 2e6, "Most chunks that a query may fetch.")
	f.IntVar(&l.MaxStreamsMatchersPerQuery, "querier.max-streams-matcher-per-query", 1000, "Most selectors in one request.")
	f.IntVar(&l.MaxConcurrentTailRequests, "querier.max-concurrent-tail-requests", 10, "Most tails of a tenant at once.")
	bytesVar(f, &l.MaxQueryBytesRead, "frontend.max-query-bytes-read", 0, "Most bytes that a query may read, by estimate. 0 for no limit.")
	bytesVar(f, &l.MaxQuerierBytesRead, "frontend.max-querier-bytes-read", 150<<30, "Most bytes that a part of a query may read, by estimate. 0 for no limit.")
	f.IntVar(&l.CardinalityLimit, "store.cardinality-limit", 1e5, "Most streams that one lookup in an index may find.")
	f.BoolVar(&l.EnableMultiVariantQueries, "limits.enable-multi-variant-queries", false, "Allow variants() in queries.")
	f.BoolVar(&l.VolumeEnabled, "limits.volume-enabled", true, "Serve the volume endpoints.")
	f.IntVar(&l.VolumeMaxSeries, "limits.volume-max-series", 1000, "Most series in an answer about volumes.")
}

func (l *Limits) registerSplitting(f *flag.FlagSet) {
	f.IntVar(&l.MaxQueryParallelism, "querier.max-query-parallelism", 32, "Most parts of a query that run at once.")
	f.IntVar(&l.TSDBMaxQueryParallelism, "querier.tsdb-max-query-parallelism", 128, "Most parts of a query that run at once where an index gives statistics.")
	bytesVar(f, &l.TSDBMaxBytesPerShard, "querier.tsdb-max-bytes-per-shard", 600<<20, "Size of a shard when a query is split by streams.")
	f.StringVar(&l.TSDBShardingStrategy, "limits.tsdb-sharding-strategy", "power_of_two", "How the number of shards is chosen: power_of_two or bounded.")
	durationVar(f, &l.MinShardingLookback, "frontend.min-sharding-lookback", 0, "Age below which entries are not queried in shards.")
	durationVar(f, &l.SplitQueriesByInterval, "querier.split-queries-by-interval", time.Hour, "Length of the parts of a range query. 0 for no splitting and no alignment to the step.")
	durationVar(f, &l.SplitMetadataQueriesByInterval, "querier.split-metadata-queries-by-interval", day, "Length of the parts of a query for labels or series.")
	durationVar(f, &l.SplitRecentMetadataQueriesByInterval, "experimental.querier.split-recent-metadata-queries-by-interval", time.Hour, "The same within recent_metadata_query_window.")
	durationVar(f, &l.RecentMetadataQueryWindow, "experimental.querier.recent-metadata-query-window", 0, "Age up to which split_recent_metadata_queries_by_interval holds. 0 for off.")
	durationVar(f, &l.SplitInstantMetricQueriesByInterval, "querier.split-instant-metric-queries-by-interval", time.Hour, "Length of the parts of a long [range] in an instant query.")
	durationVar(f, &l.SplitIngesterQueriesByInterval, "querier.split-ingester-queries-by-interval", 0, "Length of the parts of a query that ingesters answer. 0 for split_queries_by_interval.")
	durationVar(f, &l.MaxCacheFreshnessPerQuery, "frontend.max-cache-freshness", 10*time.Minute, "Age below which results are not cached.")
	durationVar(f, &l.MaxMetadataCacheFreshness, "frontend.max-metadata-cache-freshness", day, "Age below which labels and series are not cached.")
	durationVar(f, &l.MaxStatsCacheFreshness, "frontend.max-stats-cache-freshness", 10*time.Minute, "Age below which statistics are not cached.")
	f.IntVar(&l.MaxQueriersPerTenant, "frontend.max-queriers-per-tenant", 0, "Most queriers that serve one tenant. 0 for all.")
	f.Float64Var(&l.MaxQueryCapacity, "frontend.max-query-capacity", 0, "Share of the queriers that one tenant may occupy. 0 for all.")
	f.IntVar(&l.QueryReadyIndexNumDays, "store.query-ready-index-num-days", 0, "Days of index kept at hand.")
}

func (l *Limits) registerKeeping(f *flag.FlagSet) {
	durationVar(f, &l.RetentionPeriod, "store.retention", 0, "How long entries are kept, a minute or more. 0 for ever.")
	f.StringVar(&l.DeletionMode, "compactor.deletion-mode", DeletionFilterAnd, "What a delete request does: disabled, filter-only or filter-and-delete.")
	f.IntVar(&l.RulerMaxRulesPerRuleGroup, "ruler.max-rules-per-rule-group", 0, "Most rules in a group. 0 for no limit.")
	f.IntVar(&l.RulerMaxRuleGroupsPerTenant, "ruler.max-rule-groups-per-tenant", 0, "Most groups of rules of a tenant. 0 for no limit.")
	f.IntVar(&l.RulerTenantShardSize, "ruler.tenant-shard-size", 0, "Most rulers that evaluate the rules of one tenant. 0 for all.")
	f.Var(&l.RulerEvaluationDelayDuration, "ruler.evaluation-delay-duration", "How far back rules look at the logs, so that late lines count: the query_offset of groups that have none.")
	f.BoolVar(&l.RulerEnableWALReplay, "ruler.enable-wal-replay", true, "Replay the log of recording rules at start.")
}

func durationVar(f *flag.FlagSet, d *Duration, name string, value time.Duration, usage string) {
	*d = Duration(value)
	f.Var(d, name, usage)
}

func bytesVar(f *flag.FlagSet, b *Bytes, name string, value Bytes, usage string) {
	*b = value
	f.Var(b, name, usage)
}

func stringsVar(f *flag.FlagSet, s *Strings, name string, value []string, usage string) {
	*s = slices.Clone(value)
	f.Var(s, name, usage)
}
