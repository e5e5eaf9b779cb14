package skald

// mapped lists the keys that mean the same as another one. A line is the key,
// its flags, and after the arrow the key that takes the value.
var mapped = []section{
	{verdict: Mapped, why: "common settings of rings are in common.ring", under: "common", keys: `
		replication_factor        -common.replication-factor -> common.ring.replication_factor
		instance_addr             -common.instance-addr -> common.ring.instance_addr
		instance_interface_names  -common.instance-interface-names -> common.ring.instance_interface_names
		instance_enable_ipv6      -common.instance-enable-ipv6 -> common.ring.instance_enable_ipv6
	`},
	{verdict: Mapped, why: "the same folder under another name", keys: `
		- -common.path-prefix -> common.path_prefix
	`},
	{verdict: Mapped, why: "the same switch under another name", keys: `
		- -auth.enabled -> auth_enabled
	`},
	{verdict: Mapped, why: "every ring has the same settings", under: "ingester", keys: `
		lifecycler.ring.kvstore                 -> ingester.ring.kvstore
		lifecycler.ring.heartbeat_timeout       -ring.heartbeat-timeout -> ingester.ring.heartbeat_timeout
		lifecycler.ring.replication_factor      -distributor.replication-factor -> ingester.ring.replication_factor
		lifecycler.ring.zone_awareness_enabled  -distributor.zone-awareness-enabled -> ingester.ring.zone_awareness_enabled
		lifecycler.ring.excluded_zones          -distributor.excluded-zones -> ingester.ring.excluded_zones
		lifecycler.num_tokens                   -ingester.num-tokens -> ingester.ring.num_tokens
		lifecycler.heartbeat_period             -ingester.heartbeat-period -> ingester.ring.heartbeat_period
		lifecycler.heartbeat_timeout            -ingester.heartbeat-timeout -> ingester.ring.heartbeat_timeout
		lifecycler.observe_period               -ingester.observe-period -> ingester.ring.observe_period
		lifecycler.min_ready_duration           -ingester.min-ready-duration -> ingester.ring.min_ready_duration
		lifecycler.interface_names              -ingester.lifecycler.interface -> ingester.ring.instance_interface_names
		lifecycler.enable_inet6                 -ingester.enable-inet6 -> ingester.ring.instance_enable_ipv6
		lifecycler.tokens_file_path             -ingester.tokens-file-path -> ingester.ring.tokens_file_path
		lifecycler.availability_zone            -ingester.availability-zone -> ingester.ring.instance_availability_zone
		lifecycler.unregister_on_shutdown       -ingester.unregister-on-shutdown -> ingester.ring.unregister_on_shutdown
		lifecycler.address                      -ingester.lifecycler.addr -> ingester.ring.instance_addr
		lifecycler.port                         -ingester.lifecycler.port -> ingester.ring.instance_port
		lifecycler.id                           -ingester.lifecycler.ID -> ingester.ring.instance_id
		autoforget_unhealthy                    -ingester.autoforget-unhealthy -> ingester.ring.autoforget_unhealthy
	`},
	{verdict: Mapped, why: "every ring has the same settings", keys: `
		- -ring.store                   -> ingester.ring.kvstore.store
		- -ring.prefix                  -> ingester.ring.kvstore.prefix
		- -consul.hostname              -> ingester.ring.kvstore.consul.host
		- -consul.acl-token             -> ingester.ring.kvstore.consul.acl_token
		- -consul.client-timeout        -> ingester.ring.kvstore.consul.http_client_timeout
		- -consul.consistent-reads      -> ingester.ring.kvstore.consul.consistent_reads
		- -consul.watch-rate-limit      -> ingester.ring.kvstore.consul.watch_rate_limit
		- -consul.watch-burst-size      -> ingester.ring.kvstore.consul.watch_burst_size
		- -etcd.endpoints               -> ingester.ring.kvstore.etcd.endpoints
		- -etcd.dial-timeout            -> ingester.ring.kvstore.etcd.dial_timeout
		- -etcd.max-retries             -> ingester.ring.kvstore.etcd.max_retries
		- -etcd.username                -> ingester.ring.kvstore.etcd.username
		- -etcd.password                -> ingester.ring.kvstore.etcd.password
		- -multi.primary                -> ingester.ring.kvstore.multi.primary
		- -multi.secondary              -> ingester.ring.kvstore.multi.secondary
		- -multi.mirror-enabled         -> ingester.ring.kvstore.multi.mirror_enabled
		- -multi.mirror-timeout         -> ingester.ring.kvstore.multi.mirror_timeout
	`},
	{verdict: Mapped, why: "where rules are kept is in ruler.storage", keys: `
		ruler_storage.backend          -ruler-storage.backend -> ruler.storage.type
		ruler_storage.local.directory  -ruler-storage.local.directory -> ruler.storage.local.directory
		common.storage.filesystem.rules_directory  -common.storage.filesystem.rules-directory -> ruler.storage.local.directory
	`},
	{verdict: Mapped, why: "the old place of the runtime file", under: "limits_config", keys: `
		per_tenant_override_config  -limits.per-user-override-config -> runtime_config.file
		per_tenant_override_period  -limits.per-user-override-period -> runtime_config.period
	`},
}
