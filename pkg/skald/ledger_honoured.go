package skald

// ringKeys are the keys of every ring.
const ringKeys = `
		kvstore.store kvstore.prefix kvstore.consul.host kvstore.consul.acl_token
		kvstore.consul.http_client_timeout kvstore.consul.consistent_reads kvstore.consul.watch_rate_limit
		kvstore.consul.watch_burst_size kvstore.consul.cas_retry_delay kvstore.etcd.endpoints
		kvstore.etcd.dial_timeout kvstore.etcd.max_retries kvstore.etcd.tls_enabled
		kvstore.etcd.tls_cert_path kvstore.etcd.tls_key_path kvstore.etcd.tls_ca_path
		kvstore.etcd.tls_server_name kvstore.etcd.tls_insecure_skip_verify kvstore.etcd.tls_cipher_suites
		kvstore.etcd.tls_min_version kvstore.etcd.username kvstore.etcd.password kvstore.multi.primary
		kvstore.multi.secondary kvstore.multi.mirror_enabled kvstore.multi.mirror_timeout heartbeat_period
		heartbeat_timeout replication_factor zone_awareness_enabled excluded_zones num_tokens
		tokens_file_path observe_period min_ready_duration unregister_on_shutdown autoforget_unhealthy
		instance_id instance_addr instance_port instance_interface_names instance_availability_zone
		instance_enable_ipv6`

// grpcClientKeys are the keys of every client of other processes.
const grpcClientKeys = `
		max_recv_msg_size max_send_msg_size grpc_compression rate_limit rate_limit_burst
		backoff_on_ratelimits backoff_config.min_period backoff_config.max_period backoff_config.max_retries
		initial_stream_window_size initial_connection_window_size tls_enabled tls_cert_path tls_key_path
		tls_ca_path tls_server_name tls_insecure_skip_verify tls_cipher_suites tls_min_version connect_timeout
		connect_backoff_base_delay connect_backoff_max_delay cluster_validation.label`

// The keys of the stores that a bucket may be in.
const (
	s3Keys = `
		s3 s3forcepathstyle bucketnames endpoint region access_key_id secret_access_key session_token insecure
		http_config.timeout http_config.idle_conn_timeout http_config.response_header_timeout
		http_config.insecure_skip_verify http_config.ca_file signature_version storage_class sse.type
		sse.kms_key_id sse.kms_encryption_context backoff_config.min_period backoff_config.max_period
		backoff_config.max_retries`
	gcsKeys = `
		bucket_name service_account chunk_buffer_size request_timeout`
	azureKeys = `
		environment account_name account_key connection_string container_name endpoint_suffix
		use_managed_identity use_federated_token user_assigned_id use_service_principal client_id
		client_secret tenant_id request_timeout max_retries min_retry_delay max_retry_delay`
	objectStoreKeys = `
		storage_prefix s3.endpoint s3.region s3.bucket_name s3.access_key_id s3.secret_access_key
		s3.session_token s3.insecure s3.bucket_lookup_type s3.storage_class s3.sse.type s3.sse.kms_key_id
		s3.sse.kms_encryption_context s3.http.idle_conn_timeout s3.http.response_header_timeout
		s3.http.insecure_skip_verify s3.http.tls_ca_path s3.max_retries gcs.bucket_name gcs.service_account
		gcs.chunk_buffer_size azure.account_name azure.account_key azure.connection_string
		azure.container_name azure.endpoint_suffix azure.user_assigned_id azure.max_retries`
)

// honoured lists the keys that do what they say.
var honoured = []section{
	{verdict: Honoured, keys: `target auth_enabled shutdown_delay metrics_namespace tenant_limits_allow_publish`},
	{verdict: Honoured, under: "server", keys: `
		http_listen_network http_listen_address http_listen_port http_listen_conn_limit
		grpc_listen_network grpc_listen_address grpc_listen_port grpc_listen_conn_limit
		grpc_collect_max_streams_by_conn proxy_protocol_enabled tls_cipher_suites tls_min_version
		http_tls_config.cert http_tls_config.key http_tls_config.client_ca http_tls_config.cert_file
		http_tls_config.key_file http_tls_config.client_auth_type http_tls_config.client_ca_file
		grpc_tls_config.cert grpc_tls_config.key grpc_tls_config.client_ca grpc_tls_config.cert_file
		grpc_tls_config.key_file grpc_tls_config.client_auth_type grpc_tls_config.client_ca_file
		register_instrumentation report_grpc_codes_in_instrumentation_label_enabled
		graceful_shutdown_timeout http_server_read_timeout http_server_read_header_timeout
		http_server_write_timeout http_server_idle_timeout
		http_log_closed_connections_without_response_enabled grpc_server_max_recv_msg_size
		grpc_server_max_send_msg_size grpc_server_max_concurrent_streams grpc_server_max_connection_idle
		grpc_server_max_connection_age grpc_server_max_connection_age_grace grpc_server_keepalive_time
		grpc_server_keepalive_timeout grpc_server_min_time_between_pings
		grpc_server_ping_without_stream_allowed grpc_server_num_workers grpc_server_stats_tracking_enabled
		grpc_server_read_buffer_size grpc_server_write_buffer_size log_format log_level
		log_source_ips_enabled log_source_ips_full log_source_ips_header log_source_ips_regex
		log_request_headers log_request_at_info_level_enabled log_request_exclude_headers_list
		http_path_prefix cluster_validation.label cluster_validation.additional_labels
		cluster_validation.grpc.enabled cluster_validation.grpc.soft_validation
		cluster_validation.http.enabled cluster_validation.http.soft_validation
		cluster_validation.http.excluded_paths cluster_validation.http.excluded_user_agents`},
	{verdict: Honoured, under: "common", keys: `path_prefix persist_tokens`},
	{verdict: Honoured, under: "common.ring", keys: ringKeys},
	{verdict: Honoured, under: "common.storage.s3", keys: s3Keys},
	{verdict: Honoured, under: "common.storage.gcs", keys: gcsKeys},
	{verdict: Honoured, under: "common.storage.azure", keys: azureKeys},
	{verdict: Honoured, under: "common.storage.object_store", keys: objectStoreKeys},
	{verdict: Honoured, under: "storage_config", keys: `index_cache column_cache cache_memory cache_disk use_thanos_objstore named_stores.aws named_stores.gcs named_stores.azure`},
	{verdict: Honoured, under: "storage_config.aws", keys: s3Keys},
	{verdict: Honoured, under: "storage_config.gcs", keys: gcsKeys},
	{verdict: Honoured, under: "storage_config.azure", keys: azureKeys},
	{verdict: Honoured, under: "storage_config.object_store", keys: objectStoreKeys},
	{verdict: Honoured, why: "only object_store of the last period counts: Skald has its own format", under: "schema_config", keys: `configs`},
	{verdict: Honoured, under: "distributor", keys: `
		max_recv_msg_size max_decompressed_size otlp_config.default_resource_attributes_as_index_labels`},
	{verdict: Honoured, under: "ingester", keys: `
		chunk_idle_period max_chunk_age max_returned_stream_errors memory_limit generation_age
		shutdown_marker_path generation_bytes generation_memory group_by wal.enabled wal.dir wal.sync wal.sync_interval
		wal.flush_on_shutdown wal.disk_full_threshold`},
	{verdict: Honoured, under: "ingester.ring", keys: ringKeys},
	{verdict: Honoured, under: "ingester_client", keys: `
		remote_timeout pool_config.client_cleanup_period pool_config.health_check_ingesters
		pool_config.remote_timeout`},
	{verdict: Honoured, under: "ingester_client.grpc_client_config", keys: grpcClientKeys},
	{verdict: Honoured, under: "querier", keys: `max_concurrent per_request_limits_enabled multi_tenant_queries_enabled tail_max_duration query_store_only query_ingester_only`},
	{verdict: Honoured, under: "frontend", keys: `compress_responses max_outstanding_per_tenant log_queries_longer_than max_body_size`},
	{verdict: Honoured, under: "query_range", keys: `
		cache_results results_cache.cache.embedded_cache.enabled results_cache.cache.embedded_cache.max_size_mb
		results_cache.cache.embedded_cache.ttl results_cache.cache.default_validity
		results_cache.cache.background.writeback_goroutines results_cache.cache.background.writeback_buffer
		results_cache.cache.memcached.expiration results_cache.cache.memcached.batch_size
		results_cache.cache.memcached.parallelism`},
	{verdict: Honoured, under: "query_range.results_cache.cache.memcached_client", keys: `
		addresses host service timeout connect_timeout max_idle_conns max_item_size update_interval
		tls_enabled tls_cert_path tls_key_path tls_ca_path tls_server_name tls_insecure_skip_verify
		tls_cipher_suites tls_min_version`},
	{verdict: Honoured, under: "pattern_ingester", keys: `enabled`},
	{verdict: Honoured, under: "limits_config", keys: `
		ingestion_rate_strategy ingestion_rate_mb ingestion_burst_size_mb per_stream_rate_limit
		per_stream_rate_limit_burst max_label_name_length max_label_value_length
		max_label_names_per_series enforced_labels reject_old_samples reject_old_samples_max_age
		creation_grace_period max_line_size max_line_size_truncate max_line_size_truncate_identifier
		increment_duplicate_timestamp unordered_writes allow_structured_metadata
		max_structured_metadata_size max_structured_metadata_entries_count discover_generic_fields.fields
		otlp_config.resource_attributes.ignore_defaults otlp_config.resource_attributes.attributes_config
		otlp_config.scope_attributes otlp_config.log_attributes otlp_config.severity_text_as_label
		discover_service_name discover_log_levels log_level_fields log_level_from_json_max_depth
		block_ingestion_policy_until policy_enforced_labels policy_stream_mapping
		block_ingestion_until block_ingestion_status_code max_streams_per_user max_global_streams_per_user
		max_chunks_per_query max_streams_matchers_per_query max_query_bytes_read max_querier_bytes_read
		required_labels minimum_labels_number blocked_queries
		max_entries_limit_per_query max_query_series max_query_lookback max_query_length max_query_range enable_multi_variant_queries
		query_timeout split_queries_by_interval max_cache_freshness_per_query volume_enabled volume_max_series max_concurrent_tail_requests retention_period
		retention_stream ruler_max_rules_per_rule_group ruler_max_rule_groups_per_tenant ruler_remote_write_disabled
		ruler_tenant_shard_size ruler_remote_write_config ruler_alertmanager_config
		ruler_evaluation_delay_duration ruler_remote_evaluation_timeout
		ruler_remote_evaluation_max_response_size deletion_mode`},
	{verdict: Honoured, under: "compactor", keys: `
		compaction_interval max_compaction_parallelism max_segment_size max_read_rate retention_enabled
		apply_retention_interval retention_delete_delay delete_request_cancel_period max_store_size min_free_disk`},
	{verdict: Honoured, under: "ruler", keys: `
		external_url datasource_uid external_labels evaluation_interval poll_interval rule_path storage.type
		storage.local.directory alertmanager_url enable_alertmanager_discovery alertmanager_refresh_interval
		alertmanager_files alert_relabel_configs notification_queue_capacity notification_timeout
		alertmanager_client.basic_auth_username alertmanager_client.basic_auth_password alertmanager_client.type
		alertmanager_client.credentials alertmanager_client.credentials_file alertmanager_client.tls_cert_path
		alertmanager_client.tls_key_path alertmanager_client.tls_ca_path alertmanager_client.tls_server_name
		alertmanager_client.tls_insecure_skip_verify for_outage_tolerance for_grace_period resend_delay
		enable_api enabled_tenants disabled_tenants evaluation.mode evaluation.query_frontend.address
		evaluation.query_frontend.tls_enabled evaluation.query_frontend.tls_cert_path evaluation.query_frontend.tls_key_path
		evaluation.query_frontend.tls_ca_path evaluation.query_frontend.tls_server_name
		evaluation.query_frontend.tls_insecure_skip_verify evaluation.query_frontend.tls_cipher_suites
		evaluation.query_frontend.tls_min_version evaluation.max_jitter evaluation.wait_for_data wal.dir
		wal.truncate_frequency wal.min_age wal.max_age remote_write.enabled remote_write.clients
		remote_write.add_org_id_header remote_write.client remote_write.config_refresh_period
		wal_cleaner.min_age wal_cleaner.period enable_sharding sharding_strategy sharding_algo`},
	{verdict: Honoured, under: "ruler.ring", keys: ringKeys},
	{verdict: Honoured, under: "ruler.ruler_client", keys: grpcClientKeys},
	{verdict: Honoured, under: "memberlist", keys: `
		node_name randomize_node_name stream_timeout retransmit_factor pull_push_interval gossip_interval
		gossip_nodes gossip_to_dead_nodes_time dead_node_reclaim_time compression_enabled notify_interval
		received_messages_queue_size processed_messages_queue_size compression_algorithm advertise_addr
		advertise_port cluster_label cluster_label_verification_disabled join_members min_join_backoff
		max_join_backoff max_join_retries abort_if_cluster_fast_join_fails
		abort_if_cluster_fast_join_fails_min_nodes abort_if_cluster_join_fails rejoin_interval
		rejoin_seed_nodes left_ingesters_timeout obsolete_entries_timeout leave_timeout
		broadcast_timeout_for_local_updates_on_shutdown message_history_buffer_bytes
		watch_prefix_buffer_size bind_addr bind_port packet_dial_timeout packet_write_timeout
		max_concurrent_writes acquire_writer_timeout tls_enabled tls_cert_path tls_key_path tls_ca_path
		tls_server_name tls_insecure_skip_verify tls_cipher_suites tls_min_version
		zone_aware_routing.enabled zone_aware_routing.instance_availability_zone zone_aware_routing.role
		propagation_delay_tracker.enabled propagation_delay_tracker.beacon_interval
		propagation_delay_tracker.beacon_lifetime
		propagation_delay_tracker.log_beacons_latency_longer_than`},
	{verdict: Honoured, under: "runtime_config", keys: `
		period file http_client_timeout http_client_cluster_validation.label
		http_client_disable_keep_alives`},
}
