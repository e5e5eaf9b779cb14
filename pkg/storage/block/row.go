package block

import (
	"github.com/skaldlogs/skald/pkg/model"
)

// The size of blocks. A writer ends a block at TargetBytes or TargetRows; the
// rest are hard limits, which encoder and reader both enforce.
const (
	TargetBytes = 4 << 20 // of lines and metadata
	TargetRows  = 1 << 20

	MaxBytes    = 16 << 20 // of lines and metadata, in a block of more than one row
	MaxRowBytes = 64 << 20 // of the line and metadata of one row
	MaxRows     = 4 << 20
	MaxPairs    = 16 << 20 // of metadata
)

// A Row is an entry and the stream it belongs to. Stream is any number that
// the writer chose for the stream; rows are sorted by it.
type Row struct {
	Stream    uint32
	Timestamp int64 // nanoseconds since the Unix epoch
	Line      string
	Metadata  model.Metadata
}

// A Run is the rows of one stream in a block, which lie together, sorted by time.
type Run struct {
	Stream        uint32
	Rows          int
	Interval      model.Interval // of the first and the last row
	Bytes         int64          // of the lines
	MetadataBytes int64          // of all names and values
}

// An Encoded is a block as bytes, and what its keeper needs to know about it.
type Encoded struct {
	Prune []byte // what Open reads
	Data  []byte // what Decode reads
	Runs  []Run  // in the order of the rows

	Rows          int
	Bytes         int64 // of the lines
	MetadataBytes int64
	Interval      model.Interval
	Duplicates    int // rows that were dropped because an equal one was there
}
