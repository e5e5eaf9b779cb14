package backend

import (
	"flag"
	"time"

	"github.com/grafana/dskit/backoff"
	"github.com/grafana/dskit/flagext"
)

// An ObjectStore is stores under the keys of Loki's newer clients: the block
// object_store.
type ObjectStore struct {
	S3            S3Store    `yaml:"s3"`
	GCS           GCSStore   `yaml:"gcs"`
	Azure         AzureStore `yaml:"azure"`
	StoragePrefix string     `yaml:"storage_prefix"`
}

// An S3Store is S3 under the keys of object_store.s3.
type S3Store struct {
	Endpoint        string         `yaml:"endpoint"`
	Region          string         `yaml:"region"`
	BucketName      string         `yaml:"bucket_name"`
	AccessKeyID     string         `yaml:"access_key_id"`
	SecretAccessKey flagext.Secret `yaml:"secret_access_key"`
	SessionToken    flagext.Secret `yaml:"session_token"`
	Insecure        bool           `yaml:"insecure"`
	Lookup          string         `yaml:"bucket_lookup_type"`
	StorageClass    string         `yaml:"storage_class"`
	SSE             SSE            `yaml:"sse"`
	HTTP            StoreHTTP      `yaml:"http"`
	MaxRetries      int            `yaml:"max_retries"`
}

// StoreHTTP tunes the client of an [S3Store].
type StoreHTTP struct {
	IdleConnTimeout       time.Duration `yaml:"idle_conn_timeout"`
	ResponseHeaderTimeout time.Duration `yaml:"response_header_timeout"`
	InsecureSkipVerify    bool          `yaml:"insecure_skip_verify"`
	CAPath                string        `yaml:"tls_ca_path"`
}

// A GCSStore is GCS under the keys of object_store.gcs.
type GCSStore struct {
	BucketName      string         `yaml:"bucket_name"`
	ServiceAccount  flagext.Secret `yaml:"service_account"`
	ChunkBufferSize int            `yaml:"chunk_buffer_size"`
}

// An AzureStore is Azure under the keys of object_store.azure.
type AzureStore struct {
	AccountName      string         `yaml:"account_name"`
	AccountKey       flagext.Secret `yaml:"account_key"`
	ConnectionString flagext.Secret `yaml:"connection_string"`
	ContainerName    string         `yaml:"container_name"`
	EndpointSuffix   string         `yaml:"endpoint_suffix"`
	UserAssignedID   string         `yaml:"user_assigned_id"`
	MaxRetries       int            `yaml:"max_retries"`
}

// RegisterFlags adds the settings of c to f, with a prefix.
func (c *ObjectStore) RegisterFlags(f *flag.FlagSet, prefix string) {
	c.S3.registerFlags(f, prefix+"s3.")
	c.GCS.registerFlags(f, prefix+"gcs.")
	c.Azure.registerFlags(f, prefix+"azure.")
	f.StringVar(&c.StoragePrefix, prefix+"storage-prefix", "", "What the names of all objects begin with.")
}

func (c *S3Store) registerFlags(f *flag.FlagSet, prefix string) {
	f.StringVar(&c.Endpoint, prefix+"endpoint", "", "Host and port of the S3 service. Empty: Amazon's, of the region.")
	f.StringVar(&c.Region, prefix+"region", "", "Region of the bucket.")
	f.StringVar(&c.BucketName, prefix+"bucket-name", "", "Name of the S3 bucket.")
	f.StringVar(&c.AccessKeyID, prefix+"access-key-id", "", "Key id. Empty: from the environment, the credentials file or the machine's role.")
	f.Var(&c.SecretAccessKey, prefix+"secret-access-key", "Secret of the key.")
	f.Var(&c.SessionToken, prefix+"session-token", "Token of a session.")
	f.BoolVar(&c.Insecure, prefix+"insecure", false, "Use HTTP, not HTTPS.")
	f.StringVar(&c.Lookup, prefix+"bucket-lookup-type", "auto", "Where requests name the bucket: auto, virtual-hosted or path.")
	f.StringVar(&c.StorageClass, prefix+"storage-class", "", "Storage class of new objects.")
	c.SSE.registerFlags(f, prefix+"sse.")
	f.DurationVar(&c.HTTP.IdleConnTimeout, prefix+"http.idle-conn-timeout", 90*time.Second, "How long a connection is kept that is not used.")
	f.DurationVar(&c.HTTP.ResponseHeaderTimeout, prefix+"http.response-header-timeout", 2*time.Minute, "How long to wait for the beginning of an answer.")
	f.BoolVar(&c.HTTP.InsecureSkipVerify, prefix+"http.insecure-skip-verify", false, "Do not check the certificate of the store.")
	f.StringVar(&c.HTTP.CAPath, prefix+"http.tls-ca-path", "", "File with the certificates to trust.")
	f.IntVar(&c.MaxRetries, prefix+"max-retries", 10, "How often a request is tried.")
}

func (c *GCSStore) registerFlags(f *flag.FlagSet, prefix string) {
	f.StringVar(&c.BucketName, prefix+"bucket-name", "", "Name of the GCS bucket.")
	f.Var(&c.ServiceAccount, prefix+"service-account", "JSON of the service account or of other credentials. Empty: the file that GOOGLE_APPLICATION_CREDENTIALS names, or the machine's account.")
	f.IntVar(&c.ChunkBufferSize, prefix+"chunk-buffer-size", 0, "How much of an object is sent at once, in bytes. 0 for the library's default.")
}

func (c *AzureStore) registerFlags(f *flag.FlagSet, prefix string) {
	f.StringVar(&c.AccountName, prefix+"account-name", "", "Name of the Azure storage account.")
	f.Var(&c.AccountKey, prefix+"account-key", "Key of the storage account.")
	f.Var(&c.ConnectionString, prefix+"connection-string", "Connection string of the storage account, in place of its key.")
	f.StringVar(&c.ContainerName, prefix+"container-name", "", "Name of the blob container.")
	f.StringVar(&c.EndpointSuffix, prefix+"endpoint-suffix", "", "Host of the blobs without the account's name. Empty: that of Azure's global cloud.")
	f.StringVar(&c.UserAssignedID, prefix+"user-assigned-id", "", "Client id of a managed identity that was assigned.")
	f.IntVar(&c.MaxRetries, prefix+"max-retries", 20, "How often a request is tried.")
}

// described are the stores that the block names a bucket or an account of.
func (c *ObjectStore) described() []string {
	var names []string
	if c.S3.BucketName != "" {
		names = append(names, "s3")
	}
	if c.GCS.BucketName != "" {
		names = append(names, "gcs")
	}
	if c.Azure.AccountName != "" || c.Azure.ConnectionString.String() != "" {
		names = append(names, "azure")
	}
	return names
}

func (c *S3Store) choose(prefix string) (Choice, error) {
	s := S3{
		BucketNames: c.BucketName, Endpoint: c.Endpoint, Region: c.Region, AccessKeyID: c.AccessKeyID,
		SecretAccessKey: c.SecretAccessKey, SessionToken: c.SessionToken, Insecure: c.Insecure,
		ForcePathStyle: c.Lookup == "path", StorageClass: c.StorageClass, SSE: c.SSE,
		HTTP: HTTP{
			IdleConnTimeout: c.HTTP.IdleConnTimeout, ResponseHeaderTimeout: c.HTTP.ResponseHeaderTimeout,
			InsecureSkipVerify: c.HTTP.InsecureSkipVerify, CAFile: c.HTTP.CAPath,
		},
		Backoff: backoff.Config{MaxRetries: c.MaxRetries},
	}
	return s.choose(prefix)
}

func (c *GCSStore) choose(prefix string) (Choice, error) {
	g := GCS{BucketName: c.BucketName, ServiceAccount: c.ServiceAccount, ChunkBufferSize: c.ChunkBufferSize}
	return g.choose(prefix)
}

func (c *AzureStore) choose(prefix string) (Choice, error) {
	a := Azure{
		AccountName: c.AccountName, AccountKey: c.AccountKey, ConnectionString: c.ConnectionString,
		ContainerName: c.ContainerName, EndpointSuffix: c.EndpointSuffix, UserAssignedID: c.UserAssignedID,
		MaxRetries: c.MaxRetries,
	}
	return a.choose(prefix)
}
