package encbuf

import (
	"encoding/binary"
	"errors"
	"fmt"

	"github.com/skaldlogs/skald/pkg/model"
)

// ErrShort marks input that ends before what was asked of it.
var ErrShort = errors.New("input is too short")

// ErrLimit marks a number that is larger than its reader allows, or than the
// input could hold.
var ErrLimit = errors.New("over the limit")

// A Decoder reads values off the front of a slice. Its first error stays: every
// later read returns zero, and [Decoder.Err] tells what went wrong and where.
//
// The zero value is an empty input. What a Decoder returns as strings or bytes
// points into the input and lives as long as it.
type Decoder struct {
	b   []byte // the whole input
	off int    // Invariant: 0 <= off <= len(b).
	err error
}

// NewDecoder returns a Decoder that reads b.
func NewDecoder(b []byte) Decoder { return Decoder{b: b} }

// Reset makes d read b from its start, without an error.
func (d *Decoder) Reset(b []byte) { *d = Decoder{b: b} }

// Err is the first error met, or nil. It wraps [ErrShort] or [ErrLimit], or is
// what [Decoder.Fail] was given.
func (d *Decoder) Err() error { return d.err }

// Fail makes err the error of d, with the offset added, unless there already is one.
func (d *Decoder) Fail(err error) {
	if d.err == nil {
		d.err = fmt.Errorf("at byte %d: %w", d.off, err)
	}
}

// Len is the number of bytes not yet read; it is 0 after an error.
func (d *Decoder) Len() int {
	if d.err != nil {
		return 0
	}
	return len(d.b) - d.off
}

// Offset is the number of bytes read so far.
func (d *Decoder) Offset() int { return d.off }

// Rest reads all bytes that are left. They are borrowed, and their capacity is
// their length.
func (d *Decoder) Rest() []byte { return d.Bytes(d.Len()) }

// End fails unless everything was read, and returns the error of d.
func (d *Decoder) End() error {
	if n := d.Len(); n > 0 {
		d.Fail(fmt.Errorf("%d bytes too many", n))
	}
	return d.err
}

// Uvarint reads an unsigned varint.
func (d *Decoder) Uvarint() uint64 {
	if d.err != nil {
		return 0
	}
	// Most numbers in our formats are below 128.
	if d.off < len(d.b) && d.b[d.off] < 0x80 {
		v := d.b[d.off]
		d.off++
		return uint64(v)
	}
	v, n := binary.Uvarint(d.b[d.off:])
	switch {
	case n > 0:
		d.off += n
		return v
	case n == 0:
		d.Fail(fmt.Errorf("varint: %w", ErrShort))
	default:
		d.Fail(fmt.Errorf("varint of more than 64 bits: %w", ErrLimit))
	}
	return 0
}

// Varint reads a signed (zigzag) varint, as binary.AppendVarint writes it.
func (d *Decoder) Varint() int64 {
	u := d.Uvarint()
	v := int64(u >> 1)
	if u&1 != 0 {
		v = ^v
	}
	return v
}

// U8 reads one byte.
func (d *Decoder) U8() uint8 {
	if d.err != nil || d.off == len(d.b) {
		d.short(1)
		return 0
	}
	v := d.b[d.off]
	d.off++
	return v
}

// U16 reads 2 bytes, little endian.
func (d *Decoder) U16() uint16 {
	if b := d.Bytes(2); b != nil {
		return binary.LittleEndian.Uint16(b)
	}
	return 0
}

// U32 reads 4 bytes, little endian.
func (d *Decoder) U32() uint32 {
	if b := d.Bytes(4); b != nil {
		return binary.LittleEndian.Uint32(b)
	}
	return 0
}

// U64 reads 8 bytes, little endian.
func (d *Decoder) U64() uint64 {
	if b := d.Bytes(8); b != nil {
		return binary.LittleEndian.Uint64(b)
	}
	return 0
}

// Bytes reads n bytes. They are borrowed, and their capacity is their length.
// The result is nil after an error and when n is negative.
func (d *Decoder) Bytes(n int) []byte {
	if d.err != nil || n < 0 || n > len(d.b)-d.off {
		d.short(n)
		return nil
	}
	b := d.b[d.off : d.off+n : d.off+n]
	d.off += n
	return b
}

// Skip passes over n bytes.
func (d *Decoder) Skip(n int) { d.Bytes(n) }

// LenBytes reads a uvarint length and that many bytes, as [AppendBytes] writes
// them. They are borrowed.
func (d *Decoder) LenBytes() []byte {
	n := d.Uvarint()
	if d.err != nil {
		return nil
	}
	if n > uint64(len(d.b)-d.off) {
		d.Fail(fmt.Errorf("want %d bytes, have %d: %w", n, len(d.b)-d.off, ErrShort))
		return nil
	}
	return d.Bytes(int(n))
}

// String reads a uvarint length and that many bytes, as [AppendString] writes
// them, as a string that is borrowed from the input.
func (d *Decoder) String() string { return model.Borrow(d.LenBytes()) }

// Count reads a uvarint that says how many items follow. It fails when there are
// more than limit, or more than the bytes that are left could hold at minSize
// bytes each: what it returns is safe to allocate for. A minSize below 1 counts
// as 1, so that items without bytes cannot be claimed for free.
func (d *Decoder) Count(limit, minSize int) int {
	n := d.Uvarint()
	if d.err != nil {
		return 0
	}
	if n > uint64(max(limit, 0)) {
		d.Fail(fmt.Errorf("count %d, at most %d allowed: %w", n, limit, ErrLimit))
		return 0
	}
	if left := len(d.b) - d.off; n > uint64(left/max(minSize, 1)) {
		d.Fail(fmt.Errorf("count %d with %d bytes left: %w", n, left, ErrLimit))
		return 0
	}
	return int(n)
}

func (d *Decoder) short(n int) {
	if d.err == nil {
		d.Fail(fmt.Errorf("want %d bytes, have %d: %w", n, len(d.b)-d.off, ErrShort))
	}
}
