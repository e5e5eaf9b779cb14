package ruler

import (
	"errors"
	"flag"
	"fmt"
	"net/url"
	"regexp"
	"slices"
	"time"

	"github.com/grafana/dskit/flagext"
	"github.com/grafana/dskit/grpcclient"
	commonconfig "github.com/prometheus/common/config"
	"github.com/prometheus/prometheus/model/labels"
	"github.com/prometheus/prometheus/model/relabel"

	"github.com/skaldlogs/skald/pkg/cluster"
	"github.com/skaldlogs/skald/pkg/limits"
)

// Config of a ruler.
type Config struct {
	// ExternalURL is where links in alerts lead, and DatasourceUID the data source
	// they name there.
	ExternalURL   string `yaml:"external_url"`
	DatasourceUID string `yaml:"datasource_uid"`
	// ExternalLabels are added to every alert.
	ExternalLabels labels.Labels `yaml:"external_labels"`

	EvaluationInterval time.Duration `yaml:"evaluation_interval"`
	PollInterval       time.Duration `yaml:"poll_interval"`
	RulePath           string        `yaml:"rule_path"`
	Storage            StorageConfig `yaml:"storage"`
	EnableAPI          bool          `yaml:"enable_api"`

	Alertmanager    AlertmanagerConfig `yaml:",inline"`
	OutageTolerance time.Duration      `yaml:"for_outage_tolerance"`
	ForGracePeriod  time.Duration      `yaml:"for_grace_period"`
	ResendDelay     time.Duration      `yaml:"resend_delay"`
	EnabledTenants  limits.Strings     `yaml:"enabled_tenants"`
	DisabledTenants limits.Strings     `yaml:"disabled_tenants"`
	Evaluation      EvaluationConfig   `yaml:"evaluation"`
	WAL             WALConfig          `yaml:"wal"`
	WALCleaner      WALCleanerConfig   `yaml:"wal_cleaner"`
	RemoteWrite     RemoteWriteConfig  `yaml:"remote_write"`

	// EnableSharding shares groups out among the rulers of Ring.
	EnableSharding   bool              `yaml:"enable_sharding"`
	ShardingStrategy string            `yaml:"sharding_strategy"`
	ShardingAlgo     string            `yaml:"sharding_algo"`
	Ring             cluster.Config    `yaml:"ring"`
	Client           grpcclient.Config `yaml:"ruler_client"`
}

// ringPrefix is where the ring of rulers lies in its store.
const ringPrefix = "rulers/"

// StorageConfig says where rules are kept.
type StorageConfig struct {
	// Type is where: see [StorageConfig.Kind].
	Type  string      `yaml:"type"`
	Local LocalConfig `yaml:"local"`
}

// The kinds of storage.
const (
	BucketStorage = "bucket" // the bucket of the segments, where the API changes rules
	LocalStorage  = "local"  // a folder of files
)

// remoteStores are types that Loki takes. Each of them means the bucket here,
// wherever that is.
var remoteStores = []string{"s3", "gcs", "azure", "swift", "cos", "alibabacloud", "bos", "filesystem"}

// Kind is where rules are kept: by default in a folder if there is one, and in
// the bucket otherwise.
func (c *StorageConfig) Kind() string {
	switch {
	case c.Type == LocalStorage, c.Type == "" && c.Local.Directory != "":
		return LocalStorage
	}
	return BucketStorage
}

// LocalConfig is a folder of rule files, with a folder for each tenant.
type LocalConfig struct {
	Directory string `yaml:"directory"`
}

// AlertmanagerConfig says where alerts go.
type AlertmanagerConfig struct {
	// URL is a list with commas. Each of them gets every alert.
	URL Address `yaml:"alertmanager_url"`
	// Discovery resolves the hosts of URL as SRV records.
	Discovery       bool          `yaml:"enable_alertmanager_discovery"`
	RefreshInterval time.Duration `yaml:"alertmanager_refresh_interval"`
	// Files name Alertmanagers in the format of Prometheus' file discovery.
	Files               limits.Strings    `yaml:"alertmanager_files"`
	AlertRelabelConfigs []*relabel.Config `yaml:"alert_relabel_configs"`
	QueueCapacity       int               `yaml:"notification_queue_capacity"`
	Timeout             time.Duration     `yaml:"notification_timeout"`
	Client              ClientConfig      `yaml:"alertmanager_client"`
}

// ClientConfig is how Alertmanagers are asked.
type ClientConfig struct {
	BasicAuthUsername string         `yaml:"basic_auth_username"`
	BasicAuthPassword flagext.Secret `yaml:"basic_auth_password"`
	Type              string         `yaml:"type"`
	Credentials       flagext.Secret `yaml:"credentials"`
	CredentialsFile   string         `yaml:"credentials_file"`
	CertPath          string         `yaml:"tls_cert_path"`
	KeyPath           string         `yaml:"tls_key_path"`
	CAPath            string         `yaml:"tls_ca_path"`
	ServerName        string         `yaml:"tls_server_name"`
	Insecure          bool           `yaml:"tls_insecure_skip_verify"`
}

// EvaluationConfig is about evaluating rules.
type EvaluationConfig struct {
	// Mode is [LocalMode], in this process, or [RemoteMode], at Frontend.
	Mode     string         `yaml:"mode"`
	Frontend FrontendConfig `yaml:"query_frontend"`
	// MaxJitter delays the evaluation of each query, by a part of it that depends
	// on the query alone.
	MaxJitter time.Duration `yaml:"max_jitter"`
	// WaitForData is how long after its time an evaluation may wait until its
	// streams have later entries, which says that those up to its time are there.
	WaitForData time.Duration `yaml:"wait_for_data"`
}

// The modes of evaluating.
const (
	LocalMode  = "local"
	RemoteMode = "remote"
)

// WALConfig is about samples that are on their way.
type WALConfig struct {
	Dir               string        `yaml:"dir"`
	TruncateFrequency time.Duration `yaml:"truncate_frequency"`
	MinAge            time.Duration `yaml:"min_age"`
	MaxAge            time.Duration `yaml:"max_age"`
}

// RemoteWriteConfig says where the samples of recording rules go.
type RemoteWriteConfig struct {
	Enabled bool `yaml:"enabled"`
	// Clients are places by id. Client is one more, whose id is [clientID].
	Clients map[string]RemoteWriteClient `yaml:"clients"`
	Client  *RemoteWriteClient           `yaml:"client"`
	// ConfigRefreshPeriod is how often what holds for a tenant is looked at.
	ConfigRefreshPeriod time.Duration `yaml:"config_refresh_period"`
	AddOrgIDHeader      bool          `yaml:"add_org_id_header"`
}

// clientID is the id of the one place that older configurations name.
const clientID = "default"

// InheritRing makes the settings that all rings share those of the rulers' as well.
func (c *Config) InheritRing(common cluster.Config) {
	c.Ring = common
	c.Ring.KVStore.Prefix = ringPrefix
	c.Ring.ReplicationFactor, c.Ring.ZoneAwarenessEnabled = 1, false // a group has one ruler
}

// RegisterFlags adds the settings of c to f, each with its default.
func (c *Config) RegisterFlags(f *flag.FlagSet) {
	f.StringVar(&c.ExternalURL, "ruler.external.url", "", "Where the links in alerts lead.")
	f.StringVar(&c.DatasourceUID, "ruler.datasource-uid", "", "Data source that the links in alerts name.")
	f.DurationVar(&c.EvaluationInterval, "ruler.evaluation-interval", time.Minute, "Interval of groups that have none.")
	f.DurationVar(&c.PollInterval, "ruler.poll-interval", time.Minute, "How often the rules are read anew.")
	f.StringVar(&c.RulePath, "ruler.rule-path", "", "Folder in the names of groups in metrics. The default is rules-temp under common.path_prefix.")
	f.StringVar(&c.Storage.Type, "ruler.storage.type", "", "Where rules are kept: bucket, which the API writes and is that of the segments, or local, a folder of files. The default is local if there is a folder.")
	f.StringVar(&c.Storage.Local.Directory, "ruler.storage.local.directory", "", "Folder of rule files, with a folder for each tenant.")
	f.BoolVar(&c.EnableAPI, "ruler.enable-api", true, "Serve rules over HTTP.")
	f.DurationVar(&c.OutageTolerance, "ruler.for-outage-tolerance", time.Hour, "How old the state of an alert may be to be taken up again after a restart.")
	f.DurationVar(&c.ForGracePeriod, "ruler.for-grace-period", 10*time.Minute, "Alerts that wait for at least as long are taken up again after a restart, and wait for at least as long then.")
	f.DurationVar(&c.ResendDelay, "ruler.resend-delay", time.Minute, "Time after which a firing alert is sent again.")
	f.Var(&c.EnabledTenants, "ruler.enabled-tenants", "Tenants whose rules are evaluated. Empty for all.")
	f.Var(&c.DisabledTenants, "ruler.disabled-tenants", "Tenants whose rules are not evaluated.")
	f.StringVar(&c.Evaluation.Mode, "ruler.evaluation.mode", LocalMode, "Where queries of rules are evaluated: local, in the ruler, or remote, at the query frontend of evaluation.query_frontend.address.")
	c.Evaluation.Frontend.RegisterFlags(f, "ruler.evaluation.query-frontend.")
	f.DurationVar(&c.Evaluation.MaxJitter, "ruler.evaluation.max-jitter", 0, "Longest delay of a query, to spread them out.")
	f.DurationVar(&c.Evaluation.WaitForData, "ruler.evaluation.wait-for-data", 0, "How long after its time an evaluation may wait until the streams that it reads have later entries, so that it sees those up to its time. Less than the interval of groups. 0 to wait for nothing.")
	f.BoolVar(&c.EnableSharding, "ruler.enable-sharding", false, "Share groups out among the rulers of the ring. Off: every ruler evaluates all.")
	f.StringVar(&c.ShardingStrategy, "ruler.sharding-strategy", DefaultStrategy, "default, or shuffle-sharding: the rules of a tenant on ruler_tenant_shard_size rulers only.")
	f.StringVar(&c.ShardingAlgo, "ruler.sharding-algo", ByGroup, "What is shared out: by-group or by-rule.")
	c.Ring.RegisterFlags(f, "ruler.ring.")
	c.Ring.KVStore.Prefix = ringPrefix
	f.Lookup("ruler.ring.prefix").DefValue = ringPrefix
	c.Client.RegisterFlagsWithPrefix("ruler.client", f)
	f.StringVar(&c.WAL.Dir, "ruler.wal.dir", "", "Folder of the samples that are on their way. The default is ruler-wal under common.path_prefix.")
	f.DurationVar(&c.WAL.TruncateFrequency, "ruler.wal.truncate-frequency", time.Hour, "How often samples that were sent are removed.")
	f.DurationVar(&c.WAL.MinAge, "ruler.wal.min-age", 5*time.Minute, "Samples are kept for at least as long.")
	f.DurationVar(&c.WAL.MaxAge, "ruler.wal.max-age", 4*time.Hour, "Samples are kept no longer, sent or not.")
	f.DurationVar(&c.WALCleaner.MinAge, "ruler.wal-cleaner.min-age", 12*time.Hour, "How long nobody must have written to the samples of a tenant without rules before they are removed.")
	f.DurationVar(&c.WALCleaner.Period, "ruler.wal-cleaner.period", 0, "How often to look for samples of tenants without rules. 0 for never.")
	f.BoolVar(&c.RemoteWrite.Enabled, "ruler.remote-write.enabled", false, "Send what rules record to remote_write.clients.")
	f.DurationVar(&c.RemoteWrite.ConfigRefreshPeriod, "ruler.remote-write.config-refresh-period", 10*time.Second, "How often the tenants' own Alertmanagers and places of remote write are taken over from the runtime file.")
	f.BoolVar(&c.RemoteWrite.AddOrgIDHeader, "ruler.remote-write.add-org-id-header", true, "Name the tenant in X-Scope-OrgID.")
	a := &c.Alertmanager
	f.Var(&a.URL, "ruler.alertmanager-url", "Alertmanagers, with commas between them. Each gets every alert.")
	f.BoolVar(&a.Discovery, "ruler.alertmanager-discovery", false, "Resolve the hosts of alertmanager_url as SRV records, named _port._proto.name.")
	f.DurationVar(&a.RefreshInterval, "ruler.alertmanager-refresh-interval", time.Minute, "How often they are resolved.")
	f.Var(&a.Files, "ruler.alertmanager-files", "Files that name Alertmanagers, in the format of Prometheus' file discovery.")
	f.IntVar(&a.QueueCapacity, "ruler.notification-queue-capacity", 10000, "Alerts of a tenant that wait to be sent to an Alertmanager; beyond it the oldest are dropped.")
	f.DurationVar(&a.Timeout, "ruler.notification-timeout", 10*time.Second, "How long an Alertmanager may take.")
	cl := &a.Client
	f.StringVar(&cl.BasicAuthUsername, "ruler.alertmanager-client.basic-auth-username", "", "User for Alertmanagers. The URL may have one instead.")
	f.Var(&cl.BasicAuthPassword, "ruler.alertmanager-client.basic-auth-password", "Its password.")
	f.StringVar(&cl.Type, "ruler.alertmanager-client.type", "Bearer", "Kind of the credentials.")
	f.Var(&cl.Credentials, "ruler.alertmanager-client.credentials", "Credentials for Alertmanagers.")
	f.StringVar(&cl.CredentialsFile, "ruler.alertmanager-client.credentials-file", "", "File with credentials for Alertmanagers.")
	f.StringVar(&cl.CertPath, "ruler.alertmanager-client.tls-cert-path", "", "Certificate to show to Alertmanagers.")
	f.StringVar(&cl.KeyPath, "ruler.alertmanager-client.tls-key-path", "", "Its key.")
	f.StringVar(&cl.CAPath, "ruler.alertmanager-client.tls-ca-path", "", "Certificates that Alertmanagers' are checked by.")
	f.StringVar(&cl.ServerName, "ruler.alertmanager-client.tls-server-name", "", "Name that their certificates must have.")
	f.BoolVar(&cl.Insecure, "ruler.alertmanager-client.tls-insecure-skip-verify", false, "Take any certificate of theirs.")
}

// srv is the name of an SRV record.
var srv = regexp.MustCompile(`^_[^.]+\._[^.]+\..+`)

// Validate reports settings that cannot work.
func (c *Config) Validate() error {
	var errs []error
	wrong := func(format string, args ...any) { errs = append(errs, fmt.Errorf(format, args...)) }
	if c.EvaluationInterval <= 0 || c.PollInterval <= 0 {
		wrong("evaluation_interval and poll_interval must be more than 0")
	}
	switch t := c.Storage.Type; {
	case t == LocalStorage && c.Storage.Local.Directory == "":
		wrong("storage.local.directory is empty")
	case t == "", t == BucketStorage, t == LocalStorage, slices.Contains(remoteStores, t):
	default:
		wrong("storage.type: %q is neither bucket nor local", t)
	}
	if w := c.Evaluation.WaitForData; w < 0 || w > 0 && w >= c.EvaluationInterval {
		wrong("evaluation.wait_for_data: %s is not less than evaluation_interval (%s)", w, c.EvaluationInterval)
	}
	switch c.Evaluation.Mode {
	case LocalMode:
	case RemoteMode:
		if err := c.Evaluation.Frontend.Validate(); err != nil {
			wrong("evaluation.query_frontend.%w", err)
		}
	default:
		wrong("evaluation.mode: %q is neither %s nor %s", c.Evaluation.Mode, LocalMode, RemoteMode)
	}
	if c.RemoteWrite.Enabled && len(c.RemoteWrite.places()) == 0 {
		wrong("remote_write.enabled needs remote_write.clients")
	}
	if c.RemoteWrite.ConfigRefreshPeriod <= 0 {
		wrong("remote_write.config_refresh_period must be more than 0")
	}
	if _, err := url.Parse(c.ExternalURL); err != nil {
		wrong("external_url: %w", err)
	}
	if err := c.Alertmanager.Validate(); err != nil {
		errs = append(errs, err)
	}
	if !slices.Contains([]string{DefaultStrategy, ShuffleSharding}, c.ShardingStrategy) {
		wrong("sharding_strategy: %q is neither %s nor %s", c.ShardingStrategy, DefaultStrategy, ShuffleSharding)
	}
	if !slices.Contains([]string{ByGroup, ByRule}, c.ShardingAlgo) {
		wrong("sharding_algo: %q is neither %s nor %s", c.ShardingAlgo, ByGroup, ByRule)
	}
	if err := c.Ring.Validate(); err != nil && c.EnableSharding {
		wrong("ring: %w", err)
	}
	if err := c.Client.Validate(); err != nil {
		wrong("ruler_client: %w", err)
	}
	return errors.Join(errs...)
}

// Validate reports settings that cannot work.
func (c *AlertmanagerConfig) Validate() error {
	urls, err := c.urls()
	if err != nil {
		return err
	}
	for _, u := range urls {
		if c.Discovery && !srv.MatchString(u.Host) {
			return fmt.Errorf("alertmanager_url: with enable_alertmanager_discovery the host %q must be the name of an SRV record, _port._proto.name", u.Host)
		}
	}
	if c.QueueCapacity <= 0 {
		return errors.New("notification_queue_capacity must be more than 0")
	}
	return nil
}

// http is how Alertmanagers are asked; a user in the URL goes before the settings.
func (c *ClientConfig) http(u *url.URL) commonconfig.HTTPClientConfig {
	out := commonconfig.DefaultHTTPClientConfig
	out.TLSConfig = commonconfig.TLSConfig{
		CAFile: c.CAPath, CertFile: c.CertPath, KeyFile: c.KeyPath, ServerName: c.ServerName, InsecureSkipVerify: c.Insecure,
	}
	user, password := c.BasicAuthUsername, c.BasicAuthPassword.String()
	if u.User != nil {
		user = u.User.Username()
		password, _ = u.User.Password()
	}
	switch {
	case user != "":
		out.BasicAuth = &commonconfig.BasicAuth{Username: user, Password: commonconfig.Secret(password)}
	case c.Credentials.String() != "":
		out.Authorization = &commonconfig.Authorization{Type: c.Type, Credentials: commonconfig.Secret(c.Credentials.String())}
	case c.CredentialsFile != "":
		out.Authorization = &commonconfig.Authorization{Type: c.Type, CredentialsFile: c.CredentialsFile}
	}
	return out
}
