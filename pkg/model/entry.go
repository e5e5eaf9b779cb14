package model

import (
	"hash/maphash"
	"unsafe"

	"github.com/prometheus/prometheus/model/labels"
)

// Metadata is the structured metadata of an entry: name and value pairs in the
// order they are stored. Names need not be unique.
type Metadata []labels.Label

// Bytes is the length of all names and values.
func (m Metadata) Bytes() int {
	n := 0
	for _, l := range m {
		n += len(l.Name) + len(l.Value)
	}
	return n
}

// Equal reports whether both hold the same pairs in the same order.
func (m Metadata) Equal(o Metadata) bool {
	if len(m) != len(o) {
		return false
	}
	for i := range m {
		if m[i] != o[i] {
			return false
		}
	}
	return true
}

// derived is the metadata that the server adds to an entry by itself. Copies of
// one entry may differ in it: what another version or another limit derived.
const derived = "detected_level"

// SameMetadata reports whether the client sent the same metadata with two
// entries. What the server derived is left out.
func SameMetadata(a, b Metadata) bool {
	if a.Equal(b) {
		return true
	}
	i, j := 0, 0
	for {
		for i < len(a) && a[i].Name == derived {
			i++
		}
		for j < len(b) && b[j].Name == derived {
			j++
		}
		if i == len(a) || j == len(b) {
			return i == len(a) && j == len(b)
		}
		if a[i] != b[j] {
			return false
		}
		i++
		j++
	}
}

// HashTo adds to h what [SameMetadata] compares: metadata that it calls the same
// adds the same.
func (m Metadata) HashTo(h *maphash.Hash) {
	for i := range m {
		if m[i].Name == derived {
			continue
		}
		_ = h.WriteByte(0)
		_, _ = h.WriteString(m[i].Name)
		_ = h.WriteByte(0)
		_, _ = h.WriteString(m[i].Value)
	}
}

// An Entry is one log line of a stream.
type Entry struct {
	Timestamp int64 // nanoseconds since the Unix epoch
	Line      string
	Metadata  Metadata
}

// Bytes is what an entry counts for in limits and sizes: line and metadata.
func (e *Entry) Bytes() int { return len(e.Line) + e.Metadata.Bytes() }

// A Stream is a run of entries that share a set of labels.
type Stream struct {
	// Labels is the canonical text of the label set, as [labels.Labels.String]
	// writes it: sorted by name, {a="b", c="d"}. It is the identity of the
	// stream within its tenant.
	Labels string
	// Hash is the stable hash of the label set (labels.StableHash): the place of
	// the stream on the ring. Two streams may share it; their Labels tell them apart.
	Hash uint64
	// Entries are in the order in which they arrived.
	Entries []Entry
}

// A Batch is what one push holds for one tenant.
type Batch struct {
	Tenant  string
	Streams []Stream
}

// Entries counts the entries of all streams.
func (b *Batch) Entries() int {
	n := 0
	for i := range b.Streams {
		n += len(b.Streams[i].Entries)
	}
	return n
}

// Bytes adds up the lines and the metadata of all entries.
func (b *Batch) Bytes() int {
	n := 0
	for i := range b.Streams {
		for j := range b.Streams[i].Entries {
			n += b.Streams[i].Entries[j].Bytes()
		}
	}
	return n
}

// Borrow returns b as a string without copying it. The string is valid for as
// long as b is neither changed nor reused.
func Borrow(b []byte) string { return unsafe.String(unsafe.SliceData(b), len(b)) }

// BorrowBytes returns s as bytes without copying it. The bytes must not be changed.
func BorrowBytes(s string) []byte { return unsafe.Slice(unsafe.StringData(s), len(s)) }
