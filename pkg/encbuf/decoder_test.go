package encbuf_test

import (
	"encoding/binary"
	"errors"
	"math"
	"testing"

	"pgregory.net/rapid"

	"github.com/skaldlogs/skald/pkg/encbuf"
	"github.com/skaldlogs/skald/pkg/seeds"
)

func TestRoundTrip(t *testing.T) {
	seeds.Check(t, func(t *rapid.T) {
		u := rapid.Uint64().Draw(t, "u")
		i := rapid.Int64().Draw(t, "i")
		s := rapid.String().Draw(t, "s")
		raw := rapid.SliceOf(rapid.Byte()).Draw(t, "raw")

		var b []byte
		b = binary.AppendUvarint(b, u)
		if got, want := len(b), encbuf.UvarintLen(u); got != want {
			t.Fatalf("UvarintLen(%d) is %d, %d bytes were written", u, want, got)
		}
		b = binary.AppendVarint(b, i)
		b = encbuf.AppendString(b, s)
		b = encbuf.AppendBytes(b, raw)
		b = append(b, byte(u))
		b = binary.LittleEndian.AppendUint16(b, uint16(u))
		b = binary.LittleEndian.AppendUint32(b, uint32(u))
		b = binary.LittleEndian.AppendUint64(b, u)
		b = append(b, raw...)

		d := encbuf.NewDecoder(b)
		if got := d.Uvarint(); got != u {
			t.Errorf("Uvarint: got %d, want %d", got, u)
		}
		if got := d.Varint(); got != i {
			t.Errorf("Varint: got %d, want %d", got, i)
		}
		if got := d.String(); got != s {
			t.Errorf("String: got %q, want %q", got, s)
		}
		if got := d.LenBytes(); string(got) != string(raw) {
			t.Errorf("LenBytes: got %q, want %q", got, raw)
		}
		if got := d.U8(); got != byte(u) {
			t.Errorf("U8: got %d, want %d", got, byte(u))
		}
		if got := d.U16(); got != uint16(u) {
			t.Errorf("U16: got %d, want %d", got, uint16(u))
		}
		if got := d.U32(); got != uint32(u) {
			t.Errorf("U32: got %d, want %d", got, uint32(u))
		}
		if got := d.U64(); got != u {
			t.Errorf("U64: got %d, want %d", got, u)
		}
		if got := d.Rest(); string(got) != string(raw) {
			t.Errorf("Rest: got %q, want %q", got, raw)
		}
		if err := d.End(); err != nil {
			t.Errorf("End: %v", err)
		}
	})
}

func TestFirstErrorStays(t *testing.T) {
	long := []byte{0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x01}
	for _, tc := range []struct {
		name  string
		input []byte
		read  func(*encbuf.Decoder)
		want  error
	}{
		{"uvarint of nothing", nil, func(d *encbuf.Decoder) { d.Uvarint() }, encbuf.ErrShort},
		{"uvarint cut", []byte{0x80}, func(d *encbuf.Decoder) { d.Uvarint() }, encbuf.ErrShort},
		{"uvarint too long", long, func(d *encbuf.Decoder) { d.Uvarint() }, encbuf.ErrLimit},
		{"varint too long", long, func(d *encbuf.Decoder) { d.Varint() }, encbuf.ErrLimit},
		{"u8 of nothing", nil, func(d *encbuf.Decoder) { d.U8() }, encbuf.ErrShort},
		{"u16 cut", []byte{1}, func(d *encbuf.Decoder) { d.U16() }, encbuf.ErrShort},
		{"u32 cut", []byte{1, 2, 3}, func(d *encbuf.Decoder) { d.U32() }, encbuf.ErrShort},
		{"u64 cut", []byte{1, 2, 3, 4, 5, 6, 7}, func(d *encbuf.Decoder) { d.U64() }, encbuf.ErrShort},
		{"negative bytes", []byte{1}, func(d *encbuf.Decoder) { d.Bytes(-1) }, encbuf.ErrShort},
		{"string cut", []byte{3, 'a', 'b'}, func(d *encbuf.Decoder) { _ = d.String() }, encbuf.ErrShort},
		{"string of 2^63", binary.AppendUvarint(nil, math.MaxInt64+1), func(d *encbuf.Decoder) { _ = d.String() }, encbuf.ErrShort},
		{"count over limit", []byte{9, 0, 0, 0, 0, 0, 0, 0, 0, 0}, func(d *encbuf.Decoder) { d.Count(8, 1) }, encbuf.ErrLimit},
		{"count over input", []byte{3, 0, 0, 0, 0, 0}, func(d *encbuf.Decoder) { d.Count(8, 2) }, encbuf.ErrLimit},
		{"count of empty items", []byte{3}, func(d *encbuf.Decoder) { d.Count(8, 0) }, encbuf.ErrLimit},
		{"count of 2^63", binary.AppendUvarint(nil, math.MaxInt64+1), func(d *encbuf.Decoder) { d.Count(math.MaxInt, 1) }, encbuf.ErrLimit},
		{"bytes left over", []byte{1, 2}, func(d *encbuf.Decoder) { d.U8(); _ = d.End() }, nil},
	} {
		t.Run(tc.name, func(t *testing.T) {
			d := encbuf.NewDecoder(tc.input)
			tc.read(&d)
			err := d.Err()
			if err == nil || tc.want != nil && !errors.Is(err, tc.want) {
				t.Fatalf("got error %v, want %v", err, tc.want)
			}
			if d.Uvarint() != 0 || d.U8() != 0 || d.U64() != 0 || d.String() != "" || d.Len() != 0 || len(d.Rest()) != 0 || d.Count(1, 1) != 0 {
				t.Error("reads after an error did not return zero")
			}
			if d.Err() != err {
				t.Errorf("error changed from %v to %v", err, d.Err())
			}
		})
	}
}

func TestCountAllows(t *testing.T) {
	d := encbuf.NewDecoder([]byte{2, 1, 1, 1, 1})
	if got := d.Count(2, 2); got != 2 || d.Err() != nil {
		t.Errorf("got %d, %v; want 2", got, d.Err())
	}
}

func TestBorrowedBytesCannotGrowIntoTheInput(t *testing.T) {
	input := []byte{1, 2, 3}
	d := encbuf.NewDecoder(input)
	_ = append(d.Bytes(1), 9)
	if input[1] != 2 {
		t.Error("appending to borrowed bytes changed the input")
	}
}

func TestChecksum(t *testing.T) {
	// The check value of CRC-32C is the checksum of the nine digits.
	if got := encbuf.Checksum([]byte("123456789")); got != 0xe3069283 {
		t.Errorf("got %08x, want e3069283", got)
	}
	if got := encbuf.UpdateChecksum(encbuf.Checksum([]byte("1234")), []byte("56789")); got != 0xe3069283 {
		t.Errorf("in two parts: got %08x, want e3069283", got)
	}
}

// FuzzDecoder reads whatever it is given by a script of reads: no input may
// panic or yield more than it holds.
func FuzzDecoder(f *testing.F) {
	f.Add([]byte{0, 1, 2, 3, 4, 5, 6, 7, 8}, []byte{3, 'a', 'b', 'c', 0xff, 0xff, 1})
	f.Fuzz(func(t *testing.T, script, input []byte) {
		d := encbuf.NewDecoder(input)
		for _, op := range script {
			before := d.Len()
			n := 0
			switch op % 8 {
			case 0:
				d.Uvarint()
			case 1:
				d.Varint()
			case 2:
				d.U8()
			case 3:
				d.U32()
			case 4:
				n = len(d.String())
			case 5:
				n = len(d.Bytes(int(int8(op))))
			case 6:
				n = d.Count(1<<20, 1)
			case 7:
				n = len(d.LenBytes())
			}
			if n > before {
				t.Fatalf("%d bytes left, %d came out", before, n)
			}
			if d.Offset() > len(input) {
				t.Fatalf("offset %d in an input of %d", d.Offset(), len(input))
			}
		}
	})
}
