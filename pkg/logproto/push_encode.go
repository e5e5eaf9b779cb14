package logproto

import (
	"google.golang.org/protobuf/encoding/protowire"

	"github.com/skaldlogs/skald/pkg/model"
)

// AppendPush appends b to dst as a PushRequest, and returns it. The tenant is
// not part of it. Hashes of 0 are left out.
func AppendPush(dst []byte, b *model.Batch) []byte {
	for i := range b.Streams {
		s := &b.Streams[i]
		dst = append(dst, 1<<3|2)
		dst = protowire.AppendVarint(dst, uint64(streamSize(s)))
		dst = appendString(dst, 1, s.Labels)
		for j := range s.Entries {
			dst = appendEntry(dst, &s.Entries[j])
		}
		if s.Hash != 0 {
			dst = append(dst, 3<<3)
			dst = protowire.AppendVarint(dst, s.Hash)
		}
	}
	return dst
}

// PushSize is how many bytes AppendPush would append.
func PushSize(b *model.Batch) int {
	n := 0
	for i := range b.Streams {
		n += 1 + protowire.SizeBytes(streamSize(&b.Streams[i]))
	}
	return n
}

func streamSize(s *model.Stream) int {
	n := stringSize(s.Labels)
	for i := range s.Entries {
		n += 1 + protowire.SizeBytes(entrySize(&s.Entries[i]))
	}
	if s.Hash != 0 {
		n += 1 + protowire.SizeVarint(s.Hash)
	}
	return n
}

func entrySize(e *model.Entry) int {
	n := 2 + timestampSize(e.Timestamp) + stringSize(e.Line)
	for _, l := range e.Metadata {
		n += 1 + protowire.SizeBytes(stringSize(l.Name)+stringSize(l.Value))
	}
	return n
}

func appendEntry(dst []byte, e *model.Entry) []byte {
	dst = append(dst, 2<<3|2)
	dst = protowire.AppendVarint(dst, uint64(entrySize(e)))

	seconds, nanos := splitNano(e.Timestamp)
	dst = append(dst, 1<<3|2, byte(timestampSize(e.Timestamp)))
	if seconds != 0 {
		dst = append(dst, 1<<3)
		dst = protowire.AppendVarint(dst, uint64(seconds))
	}
	if nanos != 0 {
		dst = append(dst, 2<<3)
		dst = protowire.AppendVarint(dst, uint64(nanos))
	}

	dst = appendString(dst, 2, e.Line)
	for _, l := range e.Metadata {
		dst = append(dst, 3<<3|2)
		dst = protowire.AppendVarint(dst, uint64(stringSize(l.Name)+stringSize(l.Value)))
		dst = appendString(dst, 1, l.Name)
		dst = appendString(dst, 2, l.Value)
	}
	return dst
}

// timestampSize is at most 17, and so takes one byte itself.
func timestampSize(ts int64) int {
	seconds, nanos := splitNano(ts)
	n := 0
	if seconds != 0 {
		n += 1 + protowire.SizeVarint(uint64(seconds))
	}
	if nanos != 0 {
		n += 1 + protowire.SizeVarint(uint64(nanos))
	}
	return n
}

// stringSize is the size of a string field with a number below 16, which an
// empty string leaves out.
func stringSize(s string) int {
	if s == "" {
		return 0
	}
	return 1 + protowire.SizeBytes(len(s))
}

func appendString(dst []byte, num byte, s string) []byte {
	if s == "" {
		return dst
	}
	dst = append(dst, num<<3|2)
	dst = protowire.AppendVarint(dst, uint64(len(s)))
	return append(dst, s...)
}
