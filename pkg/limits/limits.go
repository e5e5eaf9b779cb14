package limits

import "github.com/grafana/dskit/flagext"

// Limits are the values of one tenant. A size or count of zero means no limit
// unless the field says otherwise.
type Limits struct {
	// Rates of a push.
	IngestionRateStrategy   string  `yaml:"ingestion_rate_strategy"` // global or local; one for the process
	IngestionRateMB         float64 `yaml:"ingestion_rate_mb"`       // MiB per second, lines and structured metadata
	IngestionBurstSizeMB    float64 `yaml:"ingestion_burst_size_mb"` // MiB; must hold the largest push
	PerStreamRateLimit      Bytes   `yaml:"per_stream_rate_limit"`   // per second
	PerStreamRateLimitBurst Bytes   `yaml:"per_stream_rate_limit_burst"`

	// Labels of a stream.
	MaxLabelNameLength     int     `yaml:"max_label_name_length"`
	MaxLabelValueLength    int     `yaml:"max_label_value_length"`
	MaxLabelNamesPerSeries int     `yaml:"max_label_names_per_series"` // service_name is not counted
	EnforcedLabels         Strings `yaml:"enforced_labels"`

	// Entries.
	RejectOldSamples              bool     `yaml:"reject_old_samples"`
	RejectOldSamplesMaxAge        Duration `yaml:"reject_old_samples_max_age"`
	CreationGracePeriod           Duration `yaml:"creation_grace_period"` // how far in the future a timestamp may lie
	MaxLineSize                   Bytes    `yaml:"max_line_size"`
	MaxLineSizeTruncate           bool     `yaml:"max_line_size_truncate"`
	MaxLineSizeTruncateIdentifier string   `yaml:"max_line_size_truncate_identifier"` // ends a cut line, within the limit
	IncrementDuplicateTimestamp   bool     `yaml:"increment_duplicate_timestamp"`
	UnorderedWrites               bool     `yaml:"unordered_writes"`

	// Structured metadata of an entry.
	AllowStructuredMetadata           bool  `yaml:"allow_structured_metadata"`
	MaxStructuredMetadataSize         Bytes `yaml:"max_structured_metadata_size"`
	MaxStructuredMetadataEntriesCount int   `yaml:"max_structured_metadata_entries_count"`

	// What is derived from an entry.
	DiscoverGenericFields    GenericFields `yaml:"discover_generic_fields"`
	DiscoverServiceName      Strings       `yaml:"discover_service_name"` // empty: not derived
	DiscoverLogLevels        bool          `yaml:"discover_log_levels"`
	LogLevelFields           Strings       `yaml:"log_level_fields"`
	LogLevelFromJSONMaxDepth int           `yaml:"log_level_from_json_max_depth"` // 0 or less: no limit
	OTLPConfig               OTLPConfig    `yaml:"otlp_config"`

	// A stop of all pushes, and rules by policy.
	BlockIngestionUntil       flagext.Time  `yaml:"block_ingestion_until"`
	BlockIngestionStatusCode  int           `yaml:"block_ingestion_status_code"`  // 200: dropped in silence
	BlockIngestionPolicyUntil PolicyTimes   `yaml:"block_ingestion_policy_until"` // by policy
	PolicyEnforcedLabels      PolicyLabels  `yaml:"policy_enforced_labels"`
	PolicyStreamMapping       PolicyStreams `yaml:"policy_stream_mapping"`

	// Streams.
	UseOwnedStreamCount     bool         `yaml:"use_owned_stream_count"`
	MaxStreamsPerUser       int          `yaml:"max_streams_per_user"`        // active ones, of one ingester
	MaxGlobalStreamsPerUser int          `yaml:"max_global_streams_per_user"` // active ones, of all ingesters
	ShardStreams            ShardStreams `yaml:"shard_streams"`

	// Queries.
	MaxEntriesLimitPerQuery    int          `yaml:"max_entries_limit_per_query"`
	MaxQuerySeries             int          `yaml:"max_query_series"`
	MaxQueryLookback           Duration     `yaml:"max_query_lookback"` // moves the start forward
	MaxQueryLength             Duration     `yaml:"max_query_length"`   // end − start
	MaxQueryRange              Duration     `yaml:"max_query_range"`    // of a [range] in a query
	QueryTimeout               Duration     `yaml:"query_timeout"`
	MaxChunksPerQuery          int          `yaml:"max_chunks_per_query"`
	MaxStreamsMatchersPerQuery int          `yaml:"max_streams_matchers_per_query"`
	MaxConcurrentTailRequests  int          `yaml:"max_concurrent_tail_requests"`
	MaxQueryBytesRead          Bytes        `yaml:"max_query_bytes_read"`   // of a query, estimated
	MaxQuerierBytesRead        Bytes        `yaml:"max_querier_bytes_read"` // of a sub-query, estimated
	CardinalityLimit           int          `yaml:"cardinality_limit"`
	RequiredLabels             Strings      `yaml:"required_labels"`       // a selector must use them
	MinimumLabelsNumber        int          `yaml:"minimum_labels_number"` // a selector must have as many matchers
	BlockedQueries             []BlockQuery `yaml:"blocked_queries"`
	EnableMultiVariantQueries  bool         `yaml:"enable_multi_variant_queries"`
	ShardAggregations          Strings      `yaml:"shard_aggregations"`
	VolumeEnabled              bool         `yaml:"volume_enabled"`
	VolumeMaxSeries            int          `yaml:"volume_max_series"`

	// How a query is cut up and what of it is kept.
	MaxQueryParallelism                  int      `yaml:"max_query_parallelism"`
	TSDBMaxQueryParallelism              int      `yaml:"tsdb_max_query_parallelism"`
	TSDBMaxBytesPerShard                 Bytes    `yaml:"tsdb_max_bytes_per_shard"`
	TSDBShardingStrategy                 string   `yaml:"tsdb_sharding_strategy"`
	MinShardingLookback                  Duration `yaml:"min_sharding_lookback"`
	SplitQueriesByInterval               Duration `yaml:"split_queries_by_interval"`
	SplitMetadataQueriesByInterval       Duration `yaml:"split_metadata_queries_by_interval"`
	SplitRecentMetadataQueriesByInterval Duration `yaml:"split_recent_metadata_queries_by_interval"`
	RecentMetadataQueryWindow            Duration `yaml:"recent_metadata_query_window"`
	SplitInstantMetricQueriesByInterval  Duration `yaml:"split_instant_metric_queries_by_interval"`
	SplitIngesterQueriesByInterval       Duration `yaml:"split_ingester_queries_by_interval"`
	MaxCacheFreshnessPerQuery            Duration `yaml:"max_cache_freshness_per_query"`
	MaxMetadataCacheFreshness            Duration `yaml:"max_metadata_cache_freshness"`
	MaxStatsCacheFreshness               Duration `yaml:"max_stats_cache_freshness"`
	MaxQueriersPerTenant                 int      `yaml:"max_queriers_per_tenant"`
	MaxQueryCapacity                     float64  `yaml:"max_query_capacity"`
	QueryReadyIndexNumDays               int      `yaml:"query_ready_index_num_days"`

	// Retention and deletes.
	RetentionPeriod Duration          `yaml:"retention_period"` // 0: for ever
	RetentionStream []StreamRetention `yaml:"retention_stream"`
	DeletionMode    string            `yaml:"deletion_mode"`

	// Rules.
	RulerMaxRulesPerRuleGroup            int      `yaml:"ruler_max_rules_per_rule_group"`
	RulerMaxRuleGroupsPerTenant          int      `yaml:"ruler_max_rule_groups_per_tenant"`
	RulerTenantShardSize                 int      `yaml:"ruler_tenant_shard_size"`
	RulerEnableWALReplay                 bool     `yaml:"ruler_enable_wal_replay"`
	RulerRemoteWriteDisabled             bool     `yaml:"ruler_remote_write_disabled"`
	RulerRemoteWriteConfig               Block    `yaml:"ruler_remote_write_config"`       // by id, over ruler.remote_write.clients
	RulerAlertmanagerConfig              Block    `yaml:"ruler_alertmanager_config"`       // over the keys of ruler
	RulerEvaluationDelayDuration         Duration `yaml:"ruler_evaluation_delay_duration"` // of groups without a query_offset
	RulerRemoteEvaluationTimeout         Duration `yaml:"ruler_remote_evaluation_timeout"`
	RulerRemoteEvaluationMaxResponseSize int64    `yaml:"ruler_remote_evaluation_max_response_size"`

	// Patterns, and aggregates written back as streams.
	PatternIngesterTokenizableJSONDefault Strings  `yaml:"pattern_ingester_tokenizable_json_fields_default"`
	PatternIngesterTokenizableJSONAppend  Strings  `yaml:"pattern_ingester_tokenizable_json_fields_append"`
	PatternIngesterTokenizableJSONDelete  Strings  `yaml:"pattern_ingester_tokenizable_json_fields_delete"`
	MetricAggregationEnabled              bool     `yaml:"metric_aggregation_enabled"`
	PatternPersistenceEnabled             bool     `yaml:"pattern_persistence_enabled"`
	PatternPersistenceGranularity         Duration `yaml:"pattern_persistence_granularity"`
	PatternRateThreshold                  float64  `yaml:"pattern_rate_threshold"`

	// Encryption of a tenant's objects.
	S3SSEType                 string `yaml:"s3_sse_type"`
	S3SSEKMSKeyID             string `yaml:"s3_sse_kms_key_id"`
	S3SSEKMSEncryptionContext string `yaml:"s3_sse_kms_encryption_context"`
}
