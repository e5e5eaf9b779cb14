package block

import (
	"encoding/binary"

	"github.com/klauspost/compress/zstd"

	"github.com/skaldlogs/skald/pkg/encbuf"
)

// Where the bytes of a stream are.
const (
	placeSmall  = 0 // in the small frame
	placeFrame  = 1 // in a zstd frame of its own
	placeStored = 2 // as they are
)

// smallStream is the length below which a stream shares the small frame: a
// frame of its own would cost more than reading the others.
const smallStream = 512

// A streamWriter places streams in the data part and describes them in the schema.
type streamWriter struct {
	zstd   *zstd.Encoder
	schema []byte
	small  []byte // streams of the small frame
	big    []byte // all others, as stored
	raw    int    // bytes of all streams
}

func (w *streamWriter) reset() {
	w.schema, w.small, w.big, w.raw = w.schema[:0], w.small[:0], w.big[:0], 0
}

// add places raw as the next stream.
func (w *streamWriter) add(raw []byte) {
	w.raw += len(raw)
	describe := func(place uint64) {
		w.schema = binary.AppendUvarint(w.schema, uint64(len(raw))<<2|place)
	}
	if len(raw) < smallStream {
		describe(placeSmall)
		w.small = append(w.small, raw...)
		return
	}
	start := len(w.big)
	w.big = w.zstd.EncodeAll(raw, w.big)
	// A frame that saves less than a thirty-second is not worth decompressing.
	if stored := len(w.big) - start; stored < len(raw)-len(raw)/32 {
		describe(placeFrame)
		w.schema = binary.AppendUvarint(w.schema, uint64(stored))
	} else {
		describe(placeStored)
		w.big = append(w.big[:start], raw...)
	}
	w.schema = binary.LittleEndian.AppendUint32(w.schema, encbuf.Checksum(w.big[start:]))
}

// appendFrame appends raw compressed if that is shorter, and as it is if not:
// a reader knows which by comparing the lengths.
func appendFrame(dst, raw []byte, e *zstd.Encoder) []byte {
	start := len(dst)
	if len(raw) >= 64 {
		dst = e.EncodeAll(raw, dst)
	}
	if n := len(dst) - start; n == 0 || n >= len(raw) {
		dst = append(dst[:start], raw...)
	}
	return dst
}

// A stream is where a reader finds the bytes of a column. Of those that blocks in
// memory have there are millions, so it is small.
type stream struct {
	rawLen    uint32
	offset    uint32 // in the data part, or in the small frame's raw bytes
	storedLen uint32 // in the data part; 0 in the small frame
	crc       uint32
	place     uint8
}

// raw is the length of the stream once it is decompressed.
func (s *stream) raw() int { return int(s.rawLen) }

// off is where it begins in the data part, or in the small frame's raw bytes.
func (s *stream) off() int { return int(s.offset) }

// stored is its length in the data part, 0 in the small frame.
func (s *stream) stored() int { return int(s.storedLen) }

// A layout adds up the places of streams while a schema is read.
type layout struct {
	small int // raw bytes in the small frame so far
	end   int // of the last stream in the data part

	runs bool // columns of texts say how long their runs are
}

// read reads the description of the next stream, which has at most limit raw bytes.
func (l *layout) read(d *encbuf.Decoder, limit int) stream {
	v := d.Uvarint()
	s := stream{place: uint8(v & 3)}
	if d.Err() != nil {
		return stream{}
	}
	if v>>2 > uint64(limit) || v>>2 > maxStream {
		d.Fail(damagedf("a stream of %d bytes, at most %d allowed", v>>2, min(limit, maxStream)))
		return stream{}
	}
	s.rawLen = uint32(v >> 2)
	switch s.place {
	case placeSmall:
		if s.rawLen >= smallStream {
			d.Fail(damagedf("a stream of %d bytes in the small frame", s.rawLen))
		}
		s.offset = uint32(l.small)
		l.small += s.raw()
		return s
	case placeFrame:
		stored := d.Uvarint()
		if stored >= uint64(s.rawLen) {
			d.Fail(damagedf("a stream of %d bytes compressed to %d", s.rawLen, stored))
			return stream{}
		}
		s.storedLen = uint32(stored)
	case placeStored:
		s.storedLen = s.rawLen
	default:
		d.Fail(damagedf("a stream in unknown place %d", s.place))
	}
	s.crc = d.U32()
	s.offset = uint32(l.end)
	if l.end += s.stored(); l.end > maxStream {
		d.Fail(damagedf("a data part of %d bytes, at most %d allowed", l.end, maxStream))
		return stream{}
	}
	return s
}

// maxStream bounds the places and lengths of streams, far above what the limits on
// blocks leave.
const maxStream = 1<<31 - 1
