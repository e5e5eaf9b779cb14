package wal

import (
	"fmt"
	"time"

	"github.com/go-kit/log"
	"github.com/prometheus/client_golang/prometheus"

	"github.com/skaldlogs/skald/pkg/vfs"
)

// Sync says when records are synced, and so what a push waits for. It is a
// flag.Value, and text in YAML.
type Sync uint8

// The ways to sync.
const (
	// Group lets every append wait for a sync; appends that arrive together share one.
	Group Sync = iota
	// Interval syncs every so often, and lets appends wait for the write alone.
	Interval
	// Off syncs when asked, and lets appends wait for the write alone.
	Off
)

var syncNames = [...]string{Group: "group", Interval: "interval", Off: "off"}

func (s Sync) String() string {
	if int(s) < len(syncNames) {
		return syncNames[s]
	}
	return fmt.Sprintf("sync %d", uint8(s))
}

// Set implements flag.Value.
func (s *Sync) Set(text string) error {
	for i, name := range syncNames {
		if text == name {
			*s = Sync(i)
			return nil
		}
	}
	return fmt.Errorf("unknown sync %q: want group, interval or off", text)
}

// MarshalText implements encoding.TextMarshaler.
func (s Sync) MarshalText() ([]byte, error) { return []byte(s.String()), nil }

// UnmarshalText implements encoding.TextUnmarshaler.
func (s *Sync) UnmarshalText(text []byte) error { return s.Set(string(text)) }

// Level is the level that an acknowledgement reaches without asking for more.
func (s Sync) Level() Level {
	if s == Group {
		return Disk
	}
	return Memory
}

// Level says how far a record got. More is larger.
type Level uint8

// The levels of an acknowledgement.
const (
	// Memory: the operating system has the record. It survives the death of the
	// process, not that of the machine.
	Memory Level = iota
	// Disk: the record was synced, and survives both.
	Disk
)

func (l Level) String() string {
	if l == Memory {
		return "memory"
	}
	return "disk"
}

// ParseLevel is the inverse of [Level.String].
func ParseLevel(text string) (Level, error) {
	switch text {
	case "memory":
		return Memory, nil
	case "disk":
		return Disk, nil
	}
	return 0, fmt.Errorf("unknown level %q: want memory or disk", text)
}

// Options tune a [Log]. The zero value is ready to use.
type Options struct {
	// FS is where the log lives. The default is vfs.OS.
	FS vfs.FS
	// Sync says when records are synced. The default is [Group].
	Sync Sync
	// Interval is the time between syncs with [Interval]. The default is 100 ms.
	Interval time.Duration
	// FileSize is how large a file may grow, in bytes, before the next is begun; the
	// record that reaches it still goes there. The default is 64 MiB.
	FileSize int64
	// MaxRecord is how large a record may be, in bytes, before compression and
	// after. Readers hold records to it too, so it must not shrink below what was
	// written. The default, and the most, is 1 GiB.
	MaxRecord int64
	// After is a generation number known from elsewhere, the catalog: new ones
	// are higher, even when the folder was emptied. The default is 0.
	After uint64
	// Logger is told of damage, torn tails and failed background syncs. The
	// default is silence.
	Logger log.Logger
	// Registerer gets the metrics, named without a namespace. The default is nobody.
	Registerer prometheus.Registerer
}

const maxRecord = 1 << 30

func (o Options) withDefaults() Options {
	if o.FS == nil {
		o.FS = vfs.OS
	}
	if o.Interval <= 0 {
		o.Interval = 100 * time.Millisecond
	}
	if o.FileSize <= 0 {
		o.FileSize = 64 << 20
	}
	if o.MaxRecord <= 0 || o.MaxRecord > maxRecord {
		o.MaxRecord = maxRecord
	}
	if o.Logger == nil {
		o.Logger = log.NewNopLogger()
	}
	return o
}
