package backend

import (
	"context"
	"errors"
	"flag"
	"time"

	"github.com/go-kit/log"
	"github.com/grafana/dskit/flagext"
	thanos "github.com/thanos-io/objstore"
	"github.com/thanos-io/objstore/providers/gcs"
)

// GCS is a bucket of Google Cloud Storage, under the keys of storage_config.gcs.
type GCS struct {
	BucketName      string         `yaml:"bucket_name"`
	ServiceAccount  flagext.Secret `yaml:"service_account"` // JSON
	ChunkBufferSize int            `yaml:"chunk_buffer_size"`
	RequestTimeout  time.Duration  `yaml:"request_timeout"`
}

// RegisterFlags adds the settings of c to f, with a prefix.
func (c *GCS) RegisterFlags(f *flag.FlagSet, prefix string) {
	f.StringVar(&c.BucketName, prefix+"bucketname", "", "Name of the GCS bucket.")
	f.Var(&c.ServiceAccount, prefix+"service-account", "JSON of the service account or of other credentials. Empty: the file that GOOGLE_APPLICATION_CREDENTIALS names, or the machine's account.")
	f.IntVar(&c.ChunkBufferSize, prefix+"chunk-buffer-size", 0, "How much of an object is sent at once, in bytes. 0 for the library's default.")
	f.DurationVar(&c.RequestTimeout, prefix+"request-timeout", 0, "How long a request may take. 0 for no limit.")
}

func (c *GCS) described() bool { return c.BucketName != "" }

func (c *GCS) choose(prefix string) (Choice, error) {
	if c.BucketName == "" {
		return Choice{}, errors.New("bucket_name is empty")
	}
	conf := gcs.DefaultConfig
	conf.Bucket, conf.ServiceAccount, conf.ChunkSizeBytes = c.BucketName, c.ServiceAccount.String(), c.ChunkBufferSize
	conf.MaxRetries = 1 // objstore.Retrying does that
	return Choice{
		Kind: "gcs", Bucket: c.BucketName, Prefix: prefix,
		open: func(logger log.Logger) (thanos.Bucket, error) {
			return gcs.NewBucketWithConfig(context.Background(), logger, conf, component, timeout(c.RequestTimeout))
		},
	}, nil
}
