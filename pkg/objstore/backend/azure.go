package backend

import (
	"errors"
	"flag"
	"fmt"
	"strings"
	"time"

	"github.com/go-kit/log"
	"github.com/grafana/dskit/backoff"
	"github.com/grafana/dskit/flagext"
	thanos "github.com/thanos-io/objstore"
	"github.com/thanos-io/objstore/providers/azure"
)

// Azure is a container of Azure Blob Storage, under the keys of storage_config.azure.
type Azure struct {
	Environment      string         `yaml:"environment"`
	AccountName      string         `yaml:"account_name"`
	AccountKey       flagext.Secret `yaml:"account_key"`
	ConnectionString flagext.Secret `yaml:"connection_string"`
	ContainerName    string         `yaml:"container_name"`
	EndpointSuffix   string         `yaml:"endpoint_suffix"`
	// The ways to be known without a key. Without any of them, and without a key,
	// the client looks at its environment.
	UseManagedIdentity  bool           `yaml:"use_managed_identity"`
	UseFederatedToken   bool           `yaml:"use_federated_token"`
	UserAssignedID      string         `yaml:"user_assigned_id"`
	UseServicePrincipal bool           `yaml:"use_service_principal"`
	ClientID            string         `yaml:"client_id"`
	ClientSecret        flagext.Secret `yaml:"client_secret"`
	TenantID            string         `yaml:"tenant_id"`
	RequestTimeout      time.Duration  `yaml:"request_timeout"`
	MaxRetries          int            `yaml:"max_retries"`
	MinRetryDelay       time.Duration  `yaml:"min_retry_delay"`
	MaxRetryDelay       time.Duration  `yaml:"max_retry_delay"`
}

// suffixes are where the blobs of Azure's clouds are.
var suffixes = map[string]string{
	"AzureGlobal":       "blob.core.windows.net",
	"AzureChinaCloud":   "blob.core.chinacloudapi.cn",
	"AzureGermanCloud":  "blob.core.cloudapi.de",
	"AzureUSGovernment": "blob.core.usgovcloudapi.net",
}

// RegisterFlags adds the settings of c to f, with a prefix.
func (c *Azure) RegisterFlags(f *flag.FlagSet, prefix string) {
	f.StringVar(&c.Environment, prefix+"environment", "AzureGlobal", "Cloud that the account is in: AzureGlobal, AzureChinaCloud, AzureGermanCloud or AzureUSGovernment.")
	f.StringVar(&c.AccountName, prefix+"account-name", "", "Name of the Azure storage account.")
	f.Var(&c.AccountKey, prefix+"account-key", "Key of the storage account.")
	f.Var(&c.ConnectionString, prefix+"connection-string", "Connection string of the storage account, in place of its key.")
	f.StringVar(&c.ContainerName, prefix+"container-name", "loki", "Name of the blob container.")
	f.StringVar(&c.EndpointSuffix, prefix+"endpoint-suffix", "", "Host of the blobs without the account's name. Empty: that of the environment.")
	f.BoolVar(&c.UseManagedIdentity, prefix+"use-managed-identity", false, "Use the machine's identity.")
	f.BoolVar(&c.UseFederatedToken, prefix+"use-federated-token", false, "Use the token of a workload identity.")
	f.StringVar(&c.UserAssignedID, prefix+"user-assigned-id", "", "Client id of a managed identity that was assigned.")
	f.BoolVar(&c.UseServicePrincipal, prefix+"use-service-principal", false, "Use a service principal: tenant_id, client_id and client_secret.")
	f.StringVar(&c.ClientID, prefix+"client-id", "", "Client id of the service principal.")
	f.Var(&c.ClientSecret, prefix+"client-secret", "Secret of the service principal.")
	f.StringVar(&c.TenantID, prefix+"tenant-id", "", "Azure tenant of the service principal.")
	f.DurationVar(&c.RequestTimeout, prefix+"request-timeout", 30*time.Second, "How long a request may take, its body included. 0 for no limit.")
	f.IntVar(&c.MaxRetries, prefix+"max-retries", 5, "How often a request is tried.")
	f.DurationVar(&c.MinRetryDelay, prefix+"min-retry-delay", 10*time.Millisecond, "How long to wait before a failed request is tried again, the first time.")
	f.DurationVar(&c.MaxRetryDelay, prefix+"max-retry-delay", 500*time.Millisecond, "How long to wait at most.")
}

func (c *Azure) described() bool {
	return c.AccountName != "" || c.ConnectionString.String() != ""
}

func (c *Azure) choose(prefix string) (Choice, error) {
	conf, err := c.client()
	if err != nil {
		return Choice{}, err
	}
	return Choice{
		Kind: "azure", Bucket: conf.ContainerName, Endpoint: conf.StorageAccountName + "." + conf.Endpoint, Prefix: prefix,
		backoff: backoff.Config{MinBackoff: c.MinRetryDelay, MaxBackoff: c.MaxRetryDelay, MaxRetries: c.MaxRetries},
		open: func(logger log.Logger) (thanos.Bucket, error) {
			return azure.NewBucketWithConfig(logger, conf, component, timeout(c.RequestTimeout))
		},
	}, nil
}

// client returns the library's settings.
func (c *Azure) client() (azure.Config, error) {
	conf := azure.DefaultConfig
	conf.StorageAccountName = c.AccountName
	conf.StorageAccountKey = c.AccountKey.String()
	conf.StorageConnectionString = c.ConnectionString.String()
	conf.ContainerName = c.ContainerName
	conf.StorageCreateContainer = false
	conf.PipelineConfig.MaxTries = 1 // the least; objstore.Retrying does the rest
	if conf.ContainerName == "" {
		conf.ContainerName = "loki"
	}
	environment := c.Environment
	if environment == "" {
		environment = "AzureGlobal"
	}
	suffix, ok := suffixes[environment]
	switch {
	case c.EndpointSuffix != "":
		// Some write it with the dot that joins it to the account's name.
		conf.Endpoint = strings.TrimPrefix(c.EndpointSuffix, ".")
	case ok:
		conf.Endpoint = suffix
	default:
		return conf, fmt.Errorf("environment is %q, want AzureGlobal, AzureChinaCloud, AzureGermanCloud or AzureUSGovernment", c.Environment)
	}
	if conf.StorageAccountName == "" {
		conf.StorageAccountName = accountOf(conf.StorageConnectionString)
	}
	switch {
	case conf.StorageAccountName == "":
		return conf, errors.New("account_name is empty, and no connection_string names an account")
	case conf.StorageAccountKey != "" && conf.StorageConnectionString != "":
		return conf, errors.New("account_key and connection_string are both given: leave one of them")
	}
	keyed := conf.StorageAccountKey != "" || conf.StorageConnectionString != ""
	switch {
	case c.UseServicePrincipal:
		if c.TenantID == "" || c.ClientID == "" || c.ClientSecret.String() == "" {
			return conf, errors.New("use_service_principal wants tenant_id, client_id and client_secret")
		}
		conf.AzTenantID, conf.ClientID, conf.ClientSecret = c.TenantID, c.ClientID, c.ClientSecret.String()
	case c.UserAssignedID != "":
		conf.UserAssignedID = c.UserAssignedID
	}
	// A managed identity without an id and a federated token are found by the
	// client, which looks for them when it has no key.
	if keyed && (c.UseServicePrincipal || c.UserAssignedID != "" || c.UseManagedIdentity || c.UseFederatedToken) {
		return conf, errors.New("a key and an identity are both given: leave account_key and connection_string out, or the use_… and user_assigned_id keys")
	}
	return conf, nil
}

// accountOf finds the account in a connection string.
func accountOf(s string) string {
	for part := range strings.SplitSeq(s, ";") {
		if name, ok := strings.CutPrefix(strings.TrimSpace(part), "AccountName="); ok {
			return name
		}
	}
	return ""
}
