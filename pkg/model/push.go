package model

import (
	"fmt"
	"strings"
	"time"
)

// Ack is how safe the entries of a push are when it is acknowledged. Higher is safer.
type Ack uint8

// The levels of acknowledgement.
const (
	AckMemory Ack = iota // in memory, and on its way to disk: a crash of the machine may lose it
	AckDisk              // on disk, and synced: a crash loses nothing
)

// String is the level's name, as in the X-Skald-Ack header.
func (a Ack) String() string {
	if a == AckDisk {
		return "disk"
	}
	return "memory"
}

// ParseAck is the reverse of [Ack.String]. The empty string asks for no more
// than the server gives, which is AckMemory.
func ParseAck(s string) (Ack, error) {
	switch s {
	case "", "memory":
		return AckMemory, nil
	case "disk":
		return AckDisk, nil
	}
	return 0, fmt.Errorf("unknown acknowledgement level %q: use memory or disk", s)
}

// Class says whose fault a rejection is, and so what a client should do.
type Class uint8

// The classes of rejections.
const (
	Invalid Class = iota // the entry will never be taken: do not send it again
	Limited              // a limit of the tenant was reached: send it again later
	Blocked              // the operator stopped this tenant's writes
)

// A Rejection tells why entries of one stream were not taken. Rejections are
// data, so that they travel between processes like everything else.
type Rejection struct {
	Class  Class
	Reason string // for the metric label `reason`, like line_too_long
	Text   string // for the tenant: what, how much, which setting, what to do
	// Stream is the number of the stream in the batch that was pushed.
	Stream int
	// Errors is how many errors Text stands for; it is that of the first.
	Errors int
	// Entries and Bytes is how much was not taken.
	Entries, Bytes int
}

// MaxRejectedTexts bounds how many entries an ingester names one by one.
const MaxRejectedTexts = 10

// A RejectedEntry is one entry that an ingester did not take, and why.
type RejectedEntry struct {
	Timestamp int64
	Text      string
}

// RejectedEntriesText lists entries of a stream that were not taken, in the
// form that clients of the push API know.
func RejectedEntriesText(tenant, stream string, entries []RejectedEntry, ignored, total int) string {
	var b strings.Builder
	for _, e := range entries {
		fmt.Fprintf(&b, "entry with timestamp %s ignored, reason: '%s',\n", time.Unix(0, e.Timestamp).UTC(), e.Text)
	}
	fmt.Fprintf(&b, "user '%s', total ignored: %d out of %d for stream: %s", tenant, ignored, total, stream)
	return b.String()
}

// A PushResult is what became of a push.
type PushResult struct {
	Ack Ack // the level that was reached
	// Rejections are the entries that were not taken, in the order of the push;
	// all others are stored.
	Rejections []Rejection
}
