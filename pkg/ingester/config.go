package ingester

import (
	"errors"
	"flag"
	"fmt"
	"time"

	"github.com/skaldlogs/skald/pkg/cluster"
	"github.com/skaldlogs/skald/pkg/limits"
	"github.com/skaldlogs/skald/pkg/storage/wal"
)

// Config of an [Ingester].
type Config struct {
	Ring cluster.Config `yaml:"ring"`

	// ChunkIdlePeriod is how long a stream counts as active after its last entry.
	ChunkIdlePeriod time.Duration `yaml:"chunk_idle_period"`
	// MaxChunkAge bounds how far entries may come out of order: an entry may lie
	// half of it behind the newest of its stream. 0 is no bound.
	MaxChunkAge time.Duration `yaml:"max_chunk_age"`
	// MaxReturnedStreamErrors is how many refused entries of a stream are named
	// to the client one by one.
	MaxReturnedStreamErrors int `yaml:"max_returned_stream_errors"`

	// MemoryLimit bounds what all entries in memory take; beyond it pushes are
	// put off. 0 is a quarter of what the container or the machine has.
	MemoryLimit limits.Bytes `yaml:"memory_limit"`
	// A generation is handed to the store when it is GenerationAge old, holds
	// GenerationBytes of lines and metadata, or takes GenerationMemory in memory.
	GenerationAge    time.Duration `yaml:"generation_age"`
	GenerationBytes  limits.Bytes  `yaml:"generation_bytes"`
	GenerationMemory limits.Bytes  `yaml:"generation_memory"`
	// GroupBy names the labels whose streams share blocks.
	GroupBy limits.Strings `yaml:"group_by"`

	WAL WALConfig `yaml:"wal"`
	// ShutdownMarkerPath is the folder where a prepared shutdown is noted. Empty: it
	// is forgotten at a restart.
	ShutdownMarkerPath string `yaml:"shutdown_marker_path"`
}

// WALConfig of the write-ahead log of an [Ingester].
type WALConfig struct {
	// Enabled may be turned off where losing the newest entries in a crash is
	// fine. What an earlier run left in the log is replayed all the same.
	Enabled bool `yaml:"enabled"`
	// Dir is wal in common.path_prefix when it is empty.
	Dir string `yaml:"dir"`
	// Sync says what a push waits for, SyncInterval how often a log with
	// sync: interval is synced.
	Sync         wal.Sync      `yaml:"sync"`
	SyncInterval time.Duration `yaml:"sync_interval"`
	// FlushOnShutdown hands everything to the store before stopping.
	FlushOnShutdown bool `yaml:"flush_on_shutdown"`
	// DiskFullThreshold is the part of the disk that may be full, from 0 to 1,
	// before pushes are refused. 0 turns the check off.
	DiskFullThreshold float64 `yaml:"disk_full_threshold"`
}

// RegisterFlags adds the settings of c to f, each with its default.
func (c *Config) RegisterFlags(f *flag.FlagSet) {
	f.StringVar(&c.ShutdownMarkerPath, "ingester.shutdown-marker-path", "", "Folder where /ingester/prepare_shutdown notes that the next stop is one for good. Empty: it is forgotten at a restart.")
	c.Ring.RegisterFlags(f, "ingester.ring.")
	f.DurationVar(&c.ChunkIdlePeriod, "ingester.chunks-idle-period", 30*time.Minute, "How long a stream counts as active after its last entry.")
	f.DurationVar(&c.MaxChunkAge, "ingester.max-chunk-age", 2*time.Hour, "Half of it is how far an entry may lie behind the newest of its stream. 0 for no bound.")
	f.IntVar(&c.MaxReturnedStreamErrors, "ingester.max-ignored-stream-errors", 10, "Refused entries of a stream that are named to the client one by one.")

	f.Var(&c.MemoryLimit, "ingester.memory-limit", "Memory for entries that are not in the store yet. Beyond it, pushes are put off with status 503. 0 for a quarter of the memory of the container or machine.")
	f.DurationVar(&c.GenerationAge, "ingester.generation-age", 5*time.Minute, "Age at which the entries in memory go to the store.")
	c.GenerationBytes = 512 << 20
	f.Var(&c.GenerationBytes, "ingester.generation-bytes", "Bytes of lines and metadata at which the entries in memory go to the store.")
	c.GenerationMemory = 128 << 20
	f.Var(&c.GenerationMemory, "ingester.generation-memory", "Memory that entries take, once compressed, at which they go to the store.")
	c.GroupBy = limits.Strings{"service_name", "container"}
	f.Var(&c.GroupBy, "ingester.group-by", "Labels whose streams share blocks, because their lines are alike.")

	c.WAL.RegisterFlags(f)
}

// RegisterFlags adds the settings of c to f, each with its default.
func (c *WALConfig) RegisterFlags(f *flag.FlagSet) {
	f.BoolVar(&c.Enabled, "ingester.wal-enabled", true, "Write entries to a log before acknowledging them.")
	f.StringVar(&c.Dir, "ingester.wal-dir", "", "Folder of the log. Empty: wal in common.path_prefix.")
	f.Var(&c.Sync, "ingester.wal-sync", "What an acknowledged push has waited for: group, its sync to disk, which serves all pushes that wait; interval, its write, synced every wal.sync_interval; off, its write.")
	f.DurationVar(&c.SyncInterval, "ingester.wal-sync-interval", 100*time.Millisecond, "How often the log is synced with wal.sync: interval.")
	f.BoolVar(&c.FlushOnShutdown, "ingester.flush-on-shutdown", false, "Hand everything in memory to the store before stopping. The log keeps it otherwise.")
	f.Float64Var(&c.DiskFullThreshold, "ingester.wal-disk-full-threshold", 0.9, "Part of the log's disk that may be full, from 0 to 1, before pushes are refused. 0 turns the check off.")
}

// Validate reports settings that cannot work together.
func (c *Config) Validate() error {
	if err := c.Ring.Validate(); err != nil {
		return fmt.Errorf("ring: %w", err)
	}
	switch {
	case c.GenerationAge <= 0 || c.GenerationBytes == 0 || c.GenerationMemory == 0:
		return errors.New("generation_age, generation_bytes and generation_memory must be more than 0")
	case c.MaxChunkAge < 0 || c.ChunkIdlePeriod < 0:
		return errors.New("max_chunk_age and chunk_idle_period must not be negative")
	case c.WAL.SyncInterval <= 0:
		return fmt.Errorf("wal: sync_interval: %s is not more than 0", c.WAL.SyncInterval)
	case c.WAL.DiskFullThreshold < 0 || c.WAL.DiskFullThreshold > 1:
		return fmt.Errorf("wal: disk_full_threshold: %g is not between 0 and 1", c.WAL.DiskFullThreshold)
	}
	return nil
}
