package compactor

import (
	"errors"
	"flag"
	"time"

	"github.com/skaldlogs/skald/pkg/limits"
)

// Config of a [Compactor].
type Config struct {
	CompactionInterval time.Duration `yaml:"compaction_interval"`
	// MaxCompactionParallelism is how many merges run at once.
	MaxCompactionParallelism int `yaml:"max_compaction_parallelism"`
	// MaxSegmentSize bounds what the inputs of a merge take in the bucket, and so
	// how large a merged segment gets.
	MaxSegmentSize limits.Bytes `yaml:"max_segment_size"`
	// MaxReadRate is how much lines and metadata all merges together read a
	// second. 0 is no bound.
	MaxReadRate limits.Bytes `yaml:"max_read_rate"`

	RetentionEnabled bool `yaml:"retention_enabled"`
	// ApplyRetentionInterval is how often retention is applied; 0 is with every
	// compaction.
	ApplyRetentionInterval time.Duration `yaml:"apply_retention_interval"`
	// RetentionDeleteDelay is how long the objects of dropped segments stay.
	RetentionDeleteDelay time.Duration `yaml:"retention_delete_delay"`
	// DeleteRequestCancelPeriod is how long a delete request can be cancelled:
	// until then its rows are hidden, and none is removed.
	DeleteRequestCancelPeriod time.Duration `yaml:"delete_request_cancel_period"`

	// MaxStoreSize and MinFreeDisk bound the bucket whatever retention says: the
	// oldest segments go, of whichever tenant. 0 is no bound.
	MaxStoreSize limits.Bytes `yaml:"max_store_size"`
	MinFreeDisk  limits.Bytes `yaml:"min_free_disk"`
}

// RegisterFlags adds the settings of c to f, each with its default.
func (c *Config) RegisterFlags(f *flag.FlagSet) {
	f.DurationVar(&c.CompactionInterval, "compactor.compaction-interval", 10*time.Minute, "How often to look for segments to merge.")
	f.IntVar(&c.MaxCompactionParallelism, "compactor.max-compaction-parallelism", 1, "Merges at once.")
	c.MaxSegmentSize = 512 << 20
	f.Var(&c.MaxSegmentSize, "compactor.max-segment-size", "How large a segment may get by merging, as it is in the bucket.")
	f.Var(&c.MaxReadRate, "compactor.max-read-rate", "Bytes of lines and metadata that merges read a second, before compression. 0 for no bound.")

	f.BoolVar(&c.RetentionEnabled, "compactor.retention-enabled", false, "Delete what is past limits_config.retention_period and retention_stream, and serve delete requests.")
	f.DurationVar(&c.ApplyRetentionInterval, "compactor.apply-retention-interval", 0, "How often to apply retention. 0 for with every compaction.")
	f.DurationVar(&c.RetentionDeleteDelay, "compactor.retention-delete-delay", 2*time.Hour, "How long the objects of segments stay that retention took out of answers.")
	f.DurationVar(&c.DeleteRequestCancelPeriod, "compactor.delete-request-cancel-period", 24*time.Hour, "How long a delete request can be cancelled. Its entries are hidden at once, and removed when this is over.")

	f.Var(&c.MaxStoreSize, "compactor.max-store-size", "How large all segments together may get. Beyond it the oldest go, of whichever tenant. 0 for no bound.")
	f.Var(&c.MinFreeDisk, "compactor.min-free-disk", "How much of the disk must stay free. When it is less the oldest segments go, of whichever tenant. 0 for no bound.")
}

// Validate reports settings that cannot work together.
func (c *Config) Validate() error {
	switch {
	case c.CompactionInterval <= 0:
		return errors.New("compaction_interval must be more than 0")
	case c.ApplyRetentionInterval < 0 || c.RetentionDeleteDelay < 0:
		return errors.New("apply_retention_interval and retention_delete_delay must not be negative")
	case c.DeleteRequestCancelPeriod < 0:
		return errors.New("delete_request_cancel_period must not be negative")
	case c.MaxCompactionParallelism < 1:
		return errors.New("max_compaction_parallelism must be 1 or more")
	case c.MaxSegmentSize < 1<<20 || c.MaxSegmentSize > 1<<30:
		return errors.New("max_segment_size must be from 1MB to 1GB")
	}
	return nil
}
