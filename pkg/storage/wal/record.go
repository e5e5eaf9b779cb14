package wal

import (
	"encoding/binary"
	"fmt"
	"sync"

	"github.com/klauspost/compress/s2"

	"github.com/skaldlogs/skald/pkg/encbuf"
	"github.com/skaldlogs/skald/pkg/model"
)

// recordKind says what a record holds.
type recordKind uint8

const (
	batchRecord   recordKind = 1
	streamsRecord recordKind = 2
)

// codec says how the body of a record is packed.
type codec uint8

const (
	plainCodec codec = 0
	s2Codec    codec = 1
)

// StreamState is what outlives the entries of a stream: a memtable that begins
// remembers it of the one before.
type StreamState struct {
	Labels   string // as in model.Stream
	Hash     uint64 // as in model.Stream
	Newest   int64  // timestamp of the newest entry, ns
	LastSeen int64  // wall clock at the last accepted push, ns
}

// An encoder turns batches into records. What it returns lives until it is used
// again or given back.
type encoder struct {
	plain, packed []byte
}

var encoders = sync.Pool{New: func() any { return new(encoder) }}

// keepBytes is the largest buffer that stays in a pool, in bytes.
const keepBytes = 8 << 20

func (e *encoder) release() {
	if cap(e.plain)+cap(e.packed) <= keepBytes {
		encoders.Put(e)
	}
}

// Upper bounds of what surrounds the bytes of names and lines.
const (
	perRecord = 2 + 4*binary.MaxVarintLen64
	perStream = 8 + 2*binary.MaxVarintLen64
	perEntry  = 3 * binary.MaxVarintLen64
	perPair   = 2 * binary.MaxVarintLen64
)

func (e *encoder) batch(b *model.Batch, limit int64) ([]byte, error) {
	size, entries, pairs := int64(perRecord+len(b.Tenant)), 0, 0
	for i := range b.Streams {
		s := &b.Streams[i]
		size += int64(perStream + len(s.Labels) + perEntry*len(s.Entries))
		entries += len(s.Entries)
		for j := range s.Entries {
			size += int64(s.Entries[j].Bytes() + perPair*len(s.Entries[j].Metadata))
			pairs += len(s.Entries[j].Metadata)
		}
	}
	if err := e.begin(batchRecord, b.Tenant, size, limit); err != nil {
		return nil, err
	}
	dst := e.plain
	body := len(dst)
	dst = binary.AppendUvarint(dst, uint64(len(b.Streams)))
	dst = binary.AppendUvarint(dst, uint64(entries))
	dst = binary.AppendUvarint(dst, uint64(pairs))
	var before int64
	for i := range b.Streams {
		s := &b.Streams[i]
		dst = encbuf.AppendString(dst, s.Labels)
		dst = binary.LittleEndian.AppendUint64(dst, s.Hash)
		dst = binary.AppendUvarint(dst, uint64(len(s.Entries)))
		for j := range s.Entries {
			entry := &s.Entries[j]
			dst = binary.AppendVarint(dst, entry.Timestamp-before)
			before = entry.Timestamp
			dst = encbuf.AppendString(dst, entry.Line)
			dst = binary.AppendUvarint(dst, uint64(len(entry.Metadata)))
			for _, l := range entry.Metadata {
				dst = encbuf.AppendString(dst, l.Name)
				dst = encbuf.AppendString(dst, l.Value)
			}
		}
	}
	e.plain = dst
	return e.pack(body, limit)
}

func (e *encoder) streams(tenant string, states []StreamState, limit int64) ([]byte, error) {
	size := int64(perRecord + len(tenant))
	for i := range states {
		size += int64(perStream + len(states[i].Labels) + 2*binary.MaxVarintLen64)
	}
	if err := e.begin(streamsRecord, tenant, size, limit); err != nil {
		return nil, err
	}
	dst := e.plain
	body := len(dst)
	dst = binary.AppendUvarint(dst, uint64(len(states)))
	for i := range states {
		s := &states[i]
		dst = encbuf.AppendString(dst, s.Labels)
		dst = binary.LittleEndian.AppendUint64(dst, s.Hash)
		dst = binary.AppendVarint(dst, s.Newest)
		dst = binary.AppendVarint(dst, s.LastSeen)
	}
	e.plain = dst
	return e.pack(body, limit)
}

// begin makes room for size bytes, an upper bound, and writes what comes before
// the body. The bound is generous by some bytes per entry, so it only refuses
// what is too large beyond doubt; pack has the last word.
func (e *encoder) begin(kind recordKind, tenant string, size, limit int64) error {
	if size > 8*limit {
		return fmt.Errorf("about %d bytes, at most %d allowed: %w", size, limit, ErrTooLarge)
	}
	if int64(cap(e.plain)) < size {
		e.plain = make([]byte, 0, size)
	}
	e.plain = append(e.plain[:0], byte(kind), byte(plainCodec))
	e.plain = encbuf.AppendString(e.plain, tenant)
	return nil
}

// minPacked is the length of a body, in bytes, below which packing is not tried.
const minPacked = 256

// pack compresses the body, which begins at off of e.plain, if that pays: if it
// saves an eighth.
func (e *encoder) pack(off int, limit int64) ([]byte, error) {
	if int64(len(e.plain)) > limit {
		return nil, fmt.Errorf("%d bytes, at most %d allowed: %w", len(e.plain), limit, ErrTooLarge)
	}
	head, body := e.plain[:off], e.plain[off:]
	if len(body) < minPacked {
		return e.plain, nil
	}
	bound := s2.MaxEncodedLen(len(body))
	if bound < 0 {
		return e.plain, nil
	}
	if cap(e.packed) < off+bound {
		e.packed = make([]byte, 0, off+bound)
	}
	e.packed = append(e.packed[:0], head...)
	e.packed[1] = byte(s2Codec)
	packed := s2.Encode(e.packed[off:off+bound], body)
	if len(packed) > len(body)-len(body)/8 {
		return e.plain, nil
	}
	return e.packed[:off+len(packed)], nil
}
