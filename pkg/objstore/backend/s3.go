package backend

import (
	"errors"
	"flag"
	"fmt"
	"net/url"
	"strings"
	"time"

	"github.com/go-kit/log"
	"github.com/grafana/dskit/backoff"
	"github.com/grafana/dskit/flagext"
	"github.com/prometheus/common/model"
	thanos "github.com/thanos-io/objstore"
	"github.com/thanos-io/objstore/exthttp"
	"github.com/thanos-io/objstore/providers/s3"
)

// S3 is a bucket of Amazon's S3, or of what speaks like it, under the keys of
// storage_config.aws.
type S3 struct {
	// URL says it all in one: s3://key:secret@region/bucket, or a host in place of
	// the region. What the other fields say wins. It may hold a secret.
	URL             flagext.Secret `yaml:"s3"`
	ForcePathStyle  bool           `yaml:"s3forcepathstyle"`
	BucketNames     string         `yaml:"bucketnames"`
	Endpoint        string         `yaml:"endpoint"`
	Region          string         `yaml:"region"`
	AccessKeyID     string         `yaml:"access_key_id"`
	SecretAccessKey flagext.Secret `yaml:"secret_access_key"`
	SessionToken    flagext.Secret `yaml:"session_token"`
	Insecure        bool           `yaml:"insecure"`
	HTTP            HTTP           `yaml:"http_config"`
	Signature       string         `yaml:"signature_version"`
	StorageClass    string         `yaml:"storage_class"`
	SSE             SSE            `yaml:"sse"`
	Backoff         backoff.Config `yaml:"backoff_config"`
}

// SSE says how the store encrypts objects.
type SSE struct {
	Type                 string `yaml:"type"`
	KMSKeyID             string `yaml:"kms_key_id"`
	KMSEncryptionContext string `yaml:"kms_encryption_context"` // JSON
}

// HTTP tunes the client of a store. Zero values stand for the defaults.
type HTTP struct {
	Timeout               time.Duration `yaml:"timeout"`
	IdleConnTimeout       time.Duration `yaml:"idle_conn_timeout"`
	ResponseHeaderTimeout time.Duration `yaml:"response_header_timeout"`
	InsecureSkipVerify    bool          `yaml:"insecure_skip_verify"`
	CAFile                string        `yaml:"ca_file"`
}

// RegisterFlags adds the settings of c to f, with a prefix.
func (c *S3) RegisterFlags(f *flag.FlagSet, prefix string) {
	f.Var(&c.URL, prefix+"url", "S3 bucket as a URL: s3://KEY:SECRET@REGION/BUCKET, or with a host in place of the region. Other settings win over what it says.")
	f.BoolVar(&c.ForcePathStyle, prefix+"force-path-style", false, "Name the bucket in the path of requests, not in their host.")
	f.StringVar(&c.BucketNames, prefix+"buckets", "", "Name of the S3 bucket.")
	f.StringVar(&c.Endpoint, prefix+"endpoint", "", "Host and port of the S3 service. Empty: Amazon's, of the region.")
	f.StringVar(&c.Region, prefix+"region", "", "Region of the bucket.")
	f.StringVar(&c.AccessKeyID, prefix+"access-key-id", "", "Key id. Empty: from the environment, the credentials file or the machine's role.")
	f.Var(&c.SecretAccessKey, prefix+"secret-access-key", "Secret of the key.")
	f.Var(&c.SessionToken, prefix+"session-token", "Token of a session.")
	f.BoolVar(&c.Insecure, prefix+"insecure", false, "Use HTTP, not HTTPS.")
	c.HTTP.registerFlags(f, prefix+"http.")
	f.StringVar(&c.Signature, prefix+"signature-version", "v4", "How requests are signed. v4 is the only way.")
	f.StringVar(&c.StorageClass, prefix+"storage-class", "STANDARD", "Storage class of new objects.")
	c.SSE.registerFlags(f, prefix+"sse.")
	f.DurationVar(&c.Backoff.MinBackoff, prefix+"min-backoff", 100*time.Millisecond, "How long to wait before a failed request is tried again, the first time.")
	f.DurationVar(&c.Backoff.MaxBackoff, prefix+"max-backoff", 3*time.Second, "How long to wait at most.")
	f.IntVar(&c.Backoff.MaxRetries, prefix+"max-retries", 5, "How often a request is tried.")
}

func (c *HTTP) registerFlags(f *flag.FlagSet, prefix string) {
	f.DurationVar(&c.Timeout, prefix+"timeout", 0, "How long a request may take, its body included. 0 for no limit.")
	f.DurationVar(&c.IdleConnTimeout, prefix+"idle-conn-timeout", 90*time.Second, "How long a connection is kept that is not used.")
	f.DurationVar(&c.ResponseHeaderTimeout, prefix+"response-header-timeout", 0, "How long to wait for the beginning of an answer. 0 for two minutes.")
	f.BoolVar(&c.InsecureSkipVerify, prefix+"insecure-skip-verify", false, "Do not check the certificate of the store.")
	f.StringVar(&c.CAFile, prefix+"ca-file", "", "File with the certificates to trust.")
}

func (c *SSE) registerFlags(f *flag.FlagSet, prefix string) {
	f.StringVar(&c.Type, prefix+"type", "", "Encryption by the store: SSE-S3 or SSE-KMS.")
	f.StringVar(&c.KMSKeyID, prefix+"kms-key-id", "", "Key of SSE-KMS.")
	f.StringVar(&c.KMSEncryptionContext, prefix+"kms-encryption-context", "", "Context of SSE-KMS, as a JSON object of strings.")
}

// partSize is how large the parts are that a large object is sent in; each is
// held in memory while it is sent.
const partSize = 16 << 20

// described reports whether there is anything that names a bucket.
func (c *S3) described() bool { return c.URL.String() != "" || c.BucketNames != "" }

// choose makes a choice of c, with names below prefix.
func (c *S3) choose(prefix string) (Choice, error) {
	conf, err := c.client()
	if err != nil {
		return Choice{}, err
	}
	return Choice{
		Kind: "s3", Bucket: conf.Bucket, Endpoint: conf.Endpoint, Prefix: prefix, backoff: c.Backoff,
		open: func(logger log.Logger) (thanos.Bucket, error) {
			return s3.NewBucketWithConfig(logger, conf, component, timeout(c.HTTP.Timeout))
		},
	}, nil
}

// client returns the library's settings.
func (c *S3) client() (s3.Config, error) {
	conf := s3.DefaultConfig
	if err := c.parseURL(&conf); err != nil {
		return conf, err
	}
	set(&conf.Bucket, c.BucketNames)
	set(&conf.Region, c.Region)
	set(&conf.AccessKey, c.AccessKeyID)
	set(&conf.SecretKey, c.SecretAccessKey.String())
	set(&conf.SessionToken, c.SessionToken.String())
	set(&conf.Endpoint, c.Endpoint)
	conf.Insecure = c.Insecure
	if rest, ok := strings.CutPrefix(conf.Endpoint, "http://"); ok {
		conf.Endpoint, conf.Insecure = rest, true
	}
	conf.Endpoint = strings.TrimRight(strings.TrimPrefix(conf.Endpoint, "https://"), "/")
	if conf.Endpoint == "" {
		conf.Endpoint = "s3.amazonaws.com"
		if conf.Region != "" {
			conf.Endpoint = "s3." + conf.Region + ".amazonaws.com"
		}
	}
	switch {
	case strings.Contains(conf.Endpoint, "@"):
		return conf, errors.New("endpoint is a host and a port; credentials go into access_key_id and secret_access_key")
	case conf.Bucket == "":
		return conf, errors.New("bucketnames is empty, and no URL names a bucket")
	case strings.Contains(conf.Bucket, ","):
		return conf, fmt.Errorf("bucketnames is %q: segments are kept in one bucket, name one", conf.Bucket)
	case (conf.AccessKey == "") != (conf.SecretKey == ""):
		return conf, errors.New("access_key_id and secret_access_key belong together, and one of them is empty")
	case c.Signature != "" && c.Signature != "v4":
		return conf, fmt.Errorf("signature_version is %q, and requests are signed by v4 only", c.Signature)
	}
	if c.ForcePathStyle {
		conf.BucketLookupType = s3.PathLookup
	}
	if c.StorageClass != "" && c.StorageClass != "STANDARD" {
		conf.PutUserMetadata = map[string]string{"X-Amz-Storage-Class": c.StorageClass}
	}
	conf.HTTPConfig = c.HTTP.client()
	conf.MaxRetries = 1 // objstore.Retrying does that
	conf.PartSize = partSize
	return conf, c.SSE.apply(&conf)
}

// parseURL takes what the URL says. Its errors do not repeat it: it may hold a secret.
func (c *S3) parseURL(conf *s3.Config) error {
	if c.URL.String() == "" {
		return nil
	}
	u, err := url.Parse(c.URL.String())
	if err != nil || u.Host == "" {
		return errors.New("s3 is no URL of the form s3://key:secret@region/bucket (characters of the secret other than letters and digits are written %hh)")
	}
	if strings.ContainsAny(u.Host, ".:") || u.Scheme == "http" || u.Scheme == "https" {
		conf.Endpoint = strings.TrimSuffix(u.Hostname(), ".")
		if u.Port() != "" {
			conf.Endpoint += ":" + u.Port()
		}
		if u.Scheme == "http" {
			conf.Endpoint = "http://" + conf.Endpoint
		}
	} else {
		conf.Region = u.Host
	}
	if u.User != nil {
		conf.AccessKey = u.User.Username()
		conf.SecretKey, _ = u.User.Password()
	}
	conf.Bucket = strings.Trim(u.Path, "/")
	return nil
}

func (c *SSE) apply(conf *s3.Config) error {
	switch c.Type {
	case "":
		return nil
	case s3.SSES3:
	case s3.SSEKMS:
		if c.KMSKeyID == "" {
			return errors.New("sse: type is SSE-KMS and kms_key_id is empty")
		}
	default:
		return fmt.Errorf("sse: type is %q, want SSE-S3 or SSE-KMS", c.Type)
	}
	conf.SSEConfig = s3.SSEConfig{Type: c.Type, KMSKeyID: c.KMSKeyID}
	if c.KMSEncryptionContext == "" {
		return nil
	}
	if err := decodeStrings(c.KMSEncryptionContext, &conf.SSEConfig.KMSEncryptionContext); err != nil {
		return fmt.Errorf("sse: kms_encryption_context: %w", err)
	}
	return nil
}

// client returns the library's settings.
func (c *HTTP) client() exthttp.HTTPConfig {
	h := exthttp.DefaultHTTPConfig
	if c.IdleConnTimeout > 0 {
		h.IdleConnTimeout = model.Duration(c.IdleConnTimeout)
	}
	if c.ResponseHeaderTimeout > 0 {
		h.ResponseHeaderTimeout = model.Duration(c.ResponseHeaderTimeout)
	}
	h.InsecureSkipVerify = c.InsecureSkipVerify
	h.TLSConfig.CAFile = c.CAFile
	return h
}

// set replaces what s points at, unless by nothing.
func set(s *string, by string) {
	if by != "" {
		*s = by
	}
}
