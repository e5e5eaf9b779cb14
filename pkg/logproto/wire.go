package logproto

import (
	"errors"
	"fmt"
	"math"

	"google.golang.org/protobuf/encoding/protowire"
)

// ErrMalformed marks bytes or text that do not follow their format. It comes
// wrapped with what is wrong and where.
var ErrMalformed = errors.New("malformed")

// A malformedError is an ErrMalformed whose text says what is wrong, and so
// need not say "malformed" as well.
type malformedError string

func (e malformedError) Error() string { return string(e) }
func (e malformedError) Unwrap() error { return ErrMalformed }

// A wireReader takes fields off a protobuf message that lies in src[pos:end].
// Positions are offsets in the whole message, for errors. The first error
// sticks, and ends the message.
type wireReader struct {
	src []byte
	pos int
	err error
}

func (r *wireReader) fail(at int, format string, args ...any) {
	if r.err == nil {
		r.err = malformedError(fmt.Sprintf("protobuf: %s at offset %d", fmt.Sprintf(format, args...), at))
	}
}

// uvarint reads a varint that ends before end.
func (r *wireReader) uvarint(end int) uint64 {
	if r.pos < end && r.src[r.pos] < 0x80 {
		r.pos++
		return uint64(r.src[r.pos-1])
	}
	v, n := protowire.ConsumeVarint(r.src[r.pos:end])
	if n < 0 {
		r.fail(r.pos, "a number is cut short or too long")
		r.pos = end
		return 0
	}
	r.pos += n
	return v
}

// field reads the tag of a field. After an error the number is 0.
func (r *wireReader) field(end int) (protowire.Number, protowire.Type) {
	at := r.pos
	tag := r.uvarint(end)
	if r.err != nil {
		return 0, 0
	}
	if num := tag >> 3; num == 0 || num > uint64(protowire.MaxValidNumber) {
		r.fail(at, "field number %d", num)
		r.pos = end
		return 0, 0
	}
	return protowire.Number(tag >> 3), protowire.Type(tag & 7)
}

// length reads the length of what follows and returns where that ends.
func (r *wireReader) length(end int) int {
	at := r.pos
	n := r.uvarint(end)
	if n > uint64(end-r.pos) {
		r.fail(at, "a length of %d where %d bytes are left", n, end-r.pos)
		r.pos = end
		return end
	}
	return r.pos + int(n)
}

// bytes reads a string of at most limit bytes, as part of src.
func (r *wireReader) bytes(end, limit int, what string) []byte {
	at := r.pos
	stop := r.length(end)
	if stop-r.pos > limit {
		r.fail(at, "a %s of %d bytes, more than %d", what, stop-r.pos, limit)
	}
	b := r.src[r.pos:stop:stop]
	r.pos = stop
	return b
}

// other passes over the value of a field that is not known. Those up to last are,
// but not with this wire type: what they hold would be lost.
func (r *wireReader) other(end int, num protowire.Number, typ protowire.Type, last protowire.Number) {
	at := r.pos
	if r.skip(end, num, typ); num <= last {
		r.fail(at, "field %d has wire type %d", num, typ)
		r.pos = end
	}
}

// skip passes over the value of a field that is not known.
func (r *wireReader) skip(end int, num protowire.Number, typ protowire.Type) {
	n := protowire.ConsumeFieldValue(num, typ, r.src[r.pos:end])
	if n < 0 {
		r.fail(r.pos, "field %d of wire type %d does not end", num, typ)
		r.pos = end
		return
	}
	r.pos += n
}

const nanosPerSecond = 1_000_000_000

// timestamp reads a google.protobuf.Timestamp up to end, over what an earlier
// occurrence of the field said: as anywhere in protobuf, the two merge.
func (r *wireReader) timestamp(end int, seconds *int64, nanos *int32) {
	for r.pos < end {
		num, typ := r.field(end)
		switch {
		case num == 1 && typ == protowire.VarintType:
			*seconds = int64(r.uvarint(end))
		case num == 2 && typ == protowire.VarintType:
			*nanos = int32(r.uvarint(end))
		case num == 0:
			return
		default:
			r.other(end, num, typ, 2)
		}
	}
}

// unixNano joins the halves of a timestamp, and reports whether they are one
// that nanoseconds can express.
func unixNano(seconds int64, nanos int32) (int64, bool) {
	if nanos < 0 || nanos >= nanosPerSecond {
		return 0, false
	}
	const maxSeconds = math.MaxInt64 / nanosPerSecond
	if seconds < -maxSeconds || seconds >= maxSeconds {
		return 0, false
	}
	return seconds*nanosPerSecond + int64(nanos), true
}

// splitNano is the reverse of unixNano: nanos are never negative.
func splitNano(ts int64) (seconds int64, nanos int32) {
	seconds, rest := ts/nanosPerSecond, ts%nanosPerSecond
	if rest < 0 {
		seconds, rest = seconds-1, rest+nanosPerSecond
	}
	return seconds, int32(rest)
}
