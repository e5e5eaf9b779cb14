package skald

// Reasons that many keys share.
const (
	notServed   = "not served yet"
	exactTopK   = "does not apply: approx_topk works without it, and is exact"
	automatic   = "does not apply: Skald decides this by itself"
	ownFormat   = "does not apply: Skald has its own format, under common.path_prefix"
	otherStores = "not served: a bucket is a folder, S3, GCS or Azure"
	ourClient   = "not served: the client of the store does not have it, or decides it by itself"
	experiments = "does not apply: an experiment of Loki's"
	noTraces    = "does not apply: Skald makes no traces"
	removed     = "removed: Loki has dropped it as well"
)

// ignored lists the keys that are accepted and have no effect. A line is the key
// and its flags; a * at the end stands for whatever follows. A key without a
// star takes everything below it along.
var ignored = []section{
	{verdict: Ignored, why: automatic, keys: `
		ballast_bytes      -config.ballast-bytes
		- -log.use-buffered -log.use-sync -config.log-config-reverse-order -log-config-reverse-order
		http_prefix        -http.prefix
	`},
	{verdict: Ignored, why: notServed, keys: `
		operational_config           -operation-config.*
		internal_server              -internal-server.*
	`},
	{verdict: Ignored, why: "does not apply: nothing is reported to anybody", keys: `
		analytics  -reporting.*
		profiling  -profiling.*
	`},
	{verdict: Ignored, why: "does not apply: the web page has no settings", keys: `
		ui  -ui.*
	`},
	{verdict: Ignored, why: noTraces, keys: `
		tracing  -tracing.*
	`},
	{verdict: Ignored, why: noTraces, under: "server", keys: `
		create_new_traces                    -server.create-new-traces
		trace_request_headers                -server.trace-request-headers
		trace_request_exclude_headers_list   -server.trace-request-headers-exclude-list
	`},
	{verdict: Ignored, why: removed, under: "server", keys: `
		grpc_server_recv_buffer_pools_enabled  -server.grpc.recv-buffer-pools-enabled
	`},
	{verdict: Ignored, why: experiments, keys: `
		bloom_build    -bloom-build.*
		bloom_gateway  -bloom-gateway.*
		bloom_compactor -bloom-compactor.*
		query_engine   -query-engine.*
		kafka_config   -kafka.*
		dataobj        -dataobj.* -dataobj-*
		ingest_limits  -ingest-limits.*
		ingest_limits_frontend         -ingest-limits-frontend.*
		ingest_limits_frontend_client  -ingest-limits-frontend-client.*
		- -bloom.*
	`},

	{verdict: Ignored, why: otherStores, under: "common", keys: `
		storage.*  -common.storage.*
	`},
	{verdict: Ignored, why: ownFormat, under: "common", keys: `
		storage.filesystem.*  -common.storage.filesystem.*
	`},
	{verdict: Ignored, why: otherStores, under: "common", keys: `
		storage.object_store.*
		storage.hedging
		storage.congestion_control
	`},
	{verdict: Ignored, why: ourClient, under: "common", keys: `
		storage.s3.*
		storage.s3.http_config.*
		storage.gcs.*
		storage.azure.*
		storage.object_store.s3.*
		storage.object_store.s3.http.*
		storage.object_store.gcs.*
		storage.object_store.azure.*
	`},
	{verdict: Ignored, why: notServed, under: "common", keys: `
		compactor_address       -common.compactor-address
		compactor_grpc_address  -common.compactor-grpc-address
	`},

	{verdict: Ignored, why: automatic, under: "distributor", keys: `
		push_worker_count  -distributor.push-worker-count
		rate_store         -distributor.rate-store.*
		extend_writes      -distributor.extend-writes
		client_cleanup_period
	`},
	{verdict: Ignored, why: notServed, under: "distributor", keys: `
		write_failures_logging  -distributor.write-failures-logging.*
	`},
	{verdict: Ignored, why: "does not apply: limits_config.policy_stream_mapping holds for every tenant that has none of its own", under: "distributor", keys: `
		default_policy_stream_mapping
	`},
	{verdict: Ignored, why: "does not apply: the ring of distributors lies where that of the ingesters does", under: "distributor", keys: `
		ring                    -distributor.ring.* -distributor.consul.* -distributor.etcd.* -distributor.multi.*
	`},
	{verdict: Ignored, why: experiments, under: "distributor", keys: `
		kafka_writes_enabled      -distributor.kafka-writes-enabled
		ingester_writes_enabled   -distributor.ingester-writes-enabled
		ingest_limits_enabled     -distributor.ingest-limits-enabled
		ingest_limits_dry_run_enabled  -distributor.ingest-limits-dry-run-enabled
		kafka_config
		tenant_topic              -distributor.tenant-topic*
		dataobj_tee               -distributor.dataobj-tee.*
	`},

	{verdict: Ignored, why: "does not apply: memory goes to the store in generations (ingester.generation_age, generation_bytes, generation_memory), and blocks are cut by size", under: "ingester", keys: `
		chunk_target_size    -ingester.chunk-target-size
		chunk_block_size     -ingester.chunks-block-size
		chunk_encoding       -ingester.chunk-encoding
		chunk_retain_period  -ingester.chunks-retain-period
		chunk_filterer
		flush_check_period   -ingester.flush-check-period
		sync_period          -ingester.sync-period
		sync_min_utilization -ingester.sync-min-utilization
	`},
	{verdict: Ignored, why: automatic, under: "ingester", keys: `
		concurrent_flushes    -ingester.concurrent-flushes
		flush_op_backoff      -ingester.flush-op-backoff-*
		flush_op_timeout      -ingester.flush-op-timeout
		index_shards          -ingester.index-shards
		max_dropped_streams   -ingester.tailer.max-dropped-streams
		owned_streams_check_interval  -ingester.owned-streams-check-interval
		lifecycler.join_after -ingester.join-after
		lifecycler.final_sleep  -ingester.final-sleep
		lifecycler.readiness_check_ring_health  -ingester.readiness-check-ring-health
	`},
	{verdict: Ignored, why: "does not apply: queries see memory and store as one, without a gap or a double", under: "ingester", keys: `
		query_store_max_look_back_period  -ingester.query-store-max-look-back-period
	`},
	{verdict: Ignored, why: "does not apply: the log is dropped with the generation it belongs to, and replay keeps to ingester.memory_limit", under: "ingester", keys: `
		wal.checkpoint_duration     -ingester.checkpoint-duration
		wal.replay_memory_ceiling   -ingester.wal-replay-memory-ceiling
		wal.recover                 -ingester.recover-from-wal
	`},
	{verdict: Ignored, why: experiments, under: "ingester", keys: `
		kafka_ingestion  -ingester.kafka-ingestion*
	`},
	{verdict: Ignored, why: removed, under: "ingester", keys: `
		max_transfer_retries  -ingester.max-transfer-retries
	`},
	{verdict: Ignored, why: notServed, keys: `
		- -ingester-client.* -ingester.partition-ring.*
	`},

	{verdict: Ignored, why: "does not apply: ingesters are asked whenever they hold entries of the range", under: "querier", keys: `
		query_ingesters_within  -querier.query-ingesters-within
		extra_query_delay       -querier.extra-query-delay
		ingester_query_store_max_lookback_period
	`},
	{verdict: Ignored, why: experiments, under: "querier", keys: `
		engine                       -querier.engine.*
		engine_v2                    -querier.engine-v2.*
		query_partition_ingesters    -querier.query-partition-ingesters
	`},
	{verdict: Ignored, why: removed, under: "querier", keys: `
		query_timeout
	`},

	{verdict: Ignored, why: exactTopK, under: "query_range", keys: `
		shard_aggregations  -querier.shard-aggregations
	`},
	{verdict: Ignored, why: exactTopK, under: "limits_config", keys: `
		shard_aggregations
	`},
	{verdict: Ignored, why: notServed, under: "query_range", keys: `
		align_queries_with_step        -querier.align-querier-with-step
		max_retries                    -querier.max-retries-per-request
		parallelise_shardable_queries  -querier.parallelise-shardable-queries
		cache_instant_metric_results   -querier.cache-instant-metric-results
		instant_metric_query_split_align  -querier.instant-metric-query-split-align
		results_cache.cache.redis      -frontend.redis.*
		instant_metric_results_cache   -frontend.instant-metric-results-cache.*
		*
	`},
	{verdict: Ignored, why: "does not apply: these answers are read off the index each time", under: "query_range", keys: `
		cache_index_stats_results      -querier.cache-index-stats-results
		cache_volume_results           -querier.cache-volume-results
		cache_series_results           -querier.cache-series-results
		cache_label_results            -querier.cache-label-results
		index_stats_results_cache      -frontend.index-stats-results-cache.*
		volume_results_cache           -frontend.volume-results-cache.*
		series_results_cache           -frontend.series-results-cache.*
		label_results_cache            -frontend.label-results-cache.*
	`},
	{verdict: Ignored, why: automatic, under: "query_range", keys: `
		results_cache.compression      -frontend.compression
		results_cache.cache.background.*  -frontend.background.*
		results_cache.cache.memcached.*
		results_cache.cache.memcached_client.*  -frontend.memcached.*
		results_cache.cache.*          -frontend.cache.*
		results_cache.*
	`},
	{verdict: Ignored, why: removed, under: "query_range", keys: `
		split_queries_by_interval
	`},
	{verdict: Ignored, why: notServed, under: "frontend", keys: `
		query_stats_enabled          -frontend.query-stats-enabled
		scheduler_address            -frontend.scheduler-address
		scheduler_dns_lookup_period  -frontend.scheduler-dns-lookup-period
		scheduler_worker_concurrency -frontend.scheduler-worker-concurrency
		grpc_client_config           -frontend.grpc-client-config.*
		downstream_url               -frontend.downstream-url
		tail_proxy_url               -frontend.tail-proxy-url
		tail_tls_config              -frontend.tail-tls-config.*
		encoding                     -frontend.encoding
		graceful_shutdown_timeout    -frontend.graceful-shutdown-timeout
		querier_forget_delay         -query-frontend.querier-forget-delay
		instance_interface_names     -frontend.instance-interface-names
		address                      -frontend.instance-addr
		port                         -frontend.instance-port
		instance_enable_ipv6         -frontend.instance-enable-ipv6
		*                            -frontend.* -query-frontend.*
	`},
	{verdict: Ignored, why: notServed, under: "frontend_worker", keys: `
		frontend_address           -querier.frontend-address
		scheduler_address          -querier.scheduler-address
		dns_lookup_duration        -querier.dns-lookup-period
		id                         -querier.id
		parallelism                -querier.worker-parallelism
		match_max_concurrent       -querier.worker-match-max-concurrent
		grpc_client_config         -querier.frontend-client.*
		query_frontend_grpc_client -querier.frontend-grpc-client.*
		query_scheduler_grpc_client -querier.scheduler-grpc-client.*
		*
	`},
	{verdict: Ignored, why: notServed, under: "query_scheduler", keys: `
		max_outstanding_requests_per_tenant  -query-scheduler.max-outstanding-requests-per-tenant
		use_scheduler_ring                   -query-scheduler.use-scheduler-ring
		scheduler_ring                       -query-scheduler.ring.*
		max_queue_hierarchy_levels           -query-scheduler.max-queue-hierarchy-levels
		querier_forget_delay                 -query-scheduler.querier-forget-delay
		grpc_client_config                   -query-scheduler.grpc-client-config.*
		*                                    -query-scheduler.*
	`},

	{verdict: Ignored, why: "does not apply: rules are kept in the bucket of the segments, or in a folder", under: "ruler", keys: `
		storage.*                      -ruler.storage.*
	`},
	{verdict: Ignored, why: "does not apply: Alertmanagers are asked by version 2 of their API, the only one that they still have", under: "ruler", keys: `
		enable_alertmanager_v2         -ruler.alertmanager-use-v2
	`},
	{verdict: Ignored, why: automatic, under: "ruler", keys: `
		search_pending_for             -ruler.search-pending-for
		flush_period                   -ruler.flush-period
		query_stats_enabled            -ruler.query-stats-enabled
		disable_rule_group_label       -ruler.disable-rule-group-label
	`},
	{verdict: Ignored, why: notServed, under: "ruler", keys: `
		remote_write.*                 -ruler.remote-write.*
		wal.*                          -ruler.wal.*
		*                              -ruler.*
	`},
	{verdict: Ignored, why: "does not apply: rules are kept in the bucket of the segments, or in a folder", under: "ruler_storage", keys: `
		*                     -ruler-storage.*
	`},
	{verdict: Ignored, why: notServed, keys: `
		compactor_grpc_client -compactor.grpc-client.*
		- -overrides-exporter.*
	`},
	{verdict: Ignored, why: "happens by itself: delete requests lie in the bucket, and are applied to it segment by segment", under: "compactor", keys: `
		delete_request_store             -compactor.delete-request-store
		delete_request_store_key_prefix  -compactor.delete-request-store.key-prefix
		delete_request_store_db_type     -compactor.delete-request-store.db-type
		delete_batch_size                -compactor.delete-batch-size
		delete_max_interval              -compactor.delete-max-interval
	`},
	{verdict: Ignored, why: automatic, under: "compactor", keys: `
		working_directory                -compactor.working-directory
		retention_delete_worker_count    -compactor.retention-delete-worker-count
		retention_table_timeout          -compactor.retention-table-timeout
		retention_backoff_config         -compactor.retention-backoff-config.*
		upload_parallelism               -compactor.upload-parallelism
		tables_to_compact                -compactor.tables-to-compact
		skip_latest_n_tables             -compactor.skip-latest-n-tables
	`},
	{verdict: Ignored, why: "does not apply: a bucket has one compactor; where every process has one, the first of the ring compacts", under: "compactor", keys: `
		compactor_ring                   -compactor.ring.* -compactor.consul.* -compactor.etcd.* -compactor.multi.*
		horizontal_scaling_mode          -compactor.horizontal-scaling-mode
		worker_config                    -compactor.worker.*
		jobs_config                      -compactor.jobs.*
	`},
	{verdict: Ignored, why: notServed, under: "compactor", keys: `
		*  -compactor.* -boltdb.shipper.compactor.*
	`},
	{verdict: Ignored, why: removed, under: "compactor", keys: `
		shared_store             -compactor.shared-store -boltdb.shipper.compactor.shared-store
		shared_store_key_prefix  -compactor.shared-store.key-prefix
		deletion_mode
	`},
	{verdict: Ignored, why: notServed, under: "pattern_ingester", keys: `
		max_clusters              -pattern-ingester.max-clusters
		max_allowed_line_length   -pattern-ingester.max-allowed-line-length
		retain_for                -pattern-ingester.retain-for
		pattern_sample_interval   -pattern-ingester.sample-interval
		lifecycler                -pattern-ingester.lifecycler.* -pattern-ingester.distributor.* -pattern-ingester.ring.*
		client_config             -pattern-ingester.client.*
		*                         -pattern-ingester.*
	`},

	{verdict: Ignored, why: ownFormat, keys: `
		- -schema-config-file
		index_gateway       -index-gateway.*
		table_manager       -table-manager.*
	`},
	{verdict: Ignored, why: ownFormat, under: "chunk_store_config", keys: `
		chunk_cache_config       -store.chunks-cache.*
		chunk_cache_config_l2    -store.chunks-cache-l2.*
		write_dedupe_cache_config  -store.index-cache-write.*
		skip_query_writeback_cache_older_than  -store.skip-query-writeback-older-than
		cache_lookups_older_than -store.cache-lookups-older-than
		l2_chunk_cache_handoff   -store.chunks-cache-l2.handoff
		max_look_back_period
		*
	`},
	{verdict: Ignored, why: ownFormat, under: "storage_config", keys: `
		tsdb_shipper                 -tsdb.*
		boltdb_shipper               -boltdb.shipper.*
		boltdb                       -boltdb.dir
		index_queries_cache_config   -store.index-cache-read.*
		index_cache_validity         -store.index-cache-validity
		disable_broad_index_queries  -store.disable-broad-index-queries
		max_parallel_get_chunk       -store.max-parallel-get-chunk
		max_chunk_batch_size         -store.max-chunk-batch-size
		bloom_shipper                -bloom.shipper.*
		congestion_control           -store.congestion-control.*
		hedging                      -store.hedging.*
		object_prefix                -store.object-prefix
		cassandra                    -cassandra.*
		bigtable                     -bigtable.*
		grpc_store                   -grpc-store.*
		filesystem                   -local.chunk-directory
		*
	`},
	{verdict: Ignored, why: otherStores, under: "storage_config", keys: `
		swift            -swift.*
		cos              -cos.*
		bos              -bos.*
		alibabacloud     -alibabacloud.* -oss.*
		named_stores.*
		object_store.*   -object-store.*
	`},
	{verdict: Ignored, why: ourClient, under: "storage_config", keys: `
		aws.*            -s3.* -dynamodb.* -metrics.*
		aws.http_config.*
		gcs.*            -gcs.*
		azure.*          -azure.*
		object_store.s3.*
		object_store.s3.http.*
		object_store.gcs.*
		object_store.azure.*
	`},

	{verdict: Ignored, why: "does not apply: an index finds any number of streams; max_query_series and max_query_bytes_read bound what queries do with them", under: "limits_config", keys: `
		cardinality_limit
	`},
	{verdict: Ignored, why: notServed, under: "limits_config", keys: `
		use_owned_stream_count
		max_query_parallelism
		tsdb_max_query_parallelism
		tsdb_max_bytes_per_shard
		tsdb_sharding_strategy
		min_sharding_lookback
		split_metadata_queries_by_interval
		split_recent_metadata_queries_by_interval
		recent_metadata_query_window
		split_instant_metric_queries_by_interval
		split_ingester_queries_by_interval
		max_metadata_cache_freshness
		max_stats_cache_freshness
		max_queriers_per_tenant
		max_query_capacity
		pattern_ingester_tokenizable_json_fields_default
		pattern_ingester_tokenizable_json_fields_append
		pattern_ingester_tokenizable_json_fields_delete
		metric_aggregation_enabled
		pattern_persistence_enabled
		pattern_persistence_granularity
		pattern_rate_threshold
		s3_sse_type
		s3_sse_kms_key_id
		s3_sse_kms_encryption_context
	`},
	{verdict: Ignored, why: "does not apply: it is an older form of ruler_remote_write_config, which says the same for each place by its id", under: "limits_config", keys: `
		ruler_remote_write_url
		ruler_remote_write_timeout
		ruler_remote_write_headers
		ruler_remote_write_relabel_configs
		ruler_remote_write_queue_*
		ruler_remote_write_sigv4_config
	`},
	{verdict: Ignored, why: automatic, under: "limits_config", keys: `
		ruler_enable_wal_replay
		query_ready_index_num_days
		tsdb_precompute_chunks  -querier.tsdb-precompute-chunks
		shard_streams.enabled
		shard_streams.desired_rate
		shard_streams.time_sharding_enabled        -shard-streams.time-sharding-enabled
		shard_streams.time_sharding_ignore_recent  -shard-streams.time-sharding-ignore-recent
		shard_streams.logging_enabled              -shard-streams.logging-enabled
		index_gateway_shard_size    -index-gateway.shard-size
		index_gateway_max_capacity  -index-gateway.max-capacity
	`},
	{verdict: Ignored, why: experiments, under: "limits_config", keys: `
		simulated_push_latency                     -limits.simulated-push-latency
		engine_results_cache_time_bucket_interval  -querier.engine-results-cache-time-bucket-interval
		ingestion_partitions_tenant_shard_size     -limits.ingestion-partition-tenant-shard-size
		max_scan_task_parallelism                  -limits.max-scan-task-parallelism
		debug_engine_tasks                         -limits.debug-engine-tasks
		debug_engine_streams                       -limits.debug-engine-streams
		bloom_*                                    -bloom-*
	`},
	{verdict: Ignored, why: removed, under: "limits_config", keys: `
		allow_deletes
		enforce_metric_name
	`},
}
