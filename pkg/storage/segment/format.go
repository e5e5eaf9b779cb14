package segment

import (
	"encoding/binary"
	"errors"
	"fmt"

	"github.com/oklog/ulid/v2"

	"github.com/skaldlogs/skald/pkg/encbuf"
	"github.com/skaldlogs/skald/pkg/scan"
)

// The history of the format:
//
//	1  the first
const (
	version   = 1
	minReader = 1 // the oldest version whose readers can read what we write
)

const (
	magic      = "SKSG"
	headerLen  = 20
	trailerLen = 24

	// MaxBytes is how large a segment may be.
	MaxBytes = 4 << 30
	// maxIndex is how large an index may be before compression.
	maxIndex = 1 << 30
)

// ErrUnsupported marks a segment that is sound as far as one can tell, and was
// written by a newer version that older ones cannot read.
var ErrUnsupported = errors.New("not supported by this version")

// ErrTooLarge marks a segment that has no room for another block.
var ErrTooLarge = errors.New("segment is full")

func damagedf(format string, args ...any) error {
	return fmt.Errorf("%s: %w", fmt.Sprintf(format, args...), scan.ErrDamaged)
}

func appendHeader(dst []byte, id ulid.ULID) []byte {
	start := len(dst)
	dst = append(dst, magic...)
	dst = binary.LittleEndian.AppendUint16(dst, version)
	dst = binary.LittleEndian.AppendUint16(dst, 0)
	dst = append(dst, id[8:]...)
	return binary.LittleEndian.AppendUint32(dst, encbuf.Checksum(dst[start:]))
}

func checkHeader(header []byte, id ulid.ULID) error {
	d := encbuf.NewDecoder(header)
	body := d.Bytes(headerLen - encbuf.ChecksumLen)
	crc := d.U32()
	if err := d.End(); err != nil {
		return damagedf("header: %v", err)
	}
	if got := encbuf.Checksum(body); got != crc {
		return damagedf("header: checksum %08x, want %08x", got, crc)
	}
	if string(body[:len(magic)]) != magic || string(body[8:]) != string(id[8:]) {
		return damagedf("header: it is not that of segment %s", id)
	}
	return nil
}

// A trailer says where the index is.
type trailer struct {
	off int64
	len int
	crc uint32
}

// appendTrailer appends the trailer of an index that is stored at off.
func appendTrailer(dst []byte, off int64, index []byte) []byte {
	t := make([]byte, 0, trailerLen)
	t = binary.LittleEndian.AppendUint64(t, uint64(off))
	t = binary.LittleEndian.AppendUint32(t, uint32(len(index)))
	t = binary.LittleEndian.AppendUint32(t, 0) // the checksum, below
	t = binary.LittleEndian.AppendUint16(t, version)
	t = binary.LittleEndian.AppendUint16(t, minReader)
	t = append(t, magic...)
	binary.LittleEndian.PutUint32(t[12:], trailerChecksum(t, index))
	return append(dst, t...)
}

// trailerChecksum covers the index and all of the trailer but the checksum.
func trailerChecksum(t, index []byte) uint32 {
	crc := encbuf.Checksum(index)
	crc = encbuf.UpdateChecksum(crc, t[:12])
	return encbuf.UpdateChecksum(crc, t[16:])
}

// readTrailer reads the last bytes of a segment of the given size.
func readTrailer(b []byte, size int64) (trailer, error) {
	d := encbuf.NewDecoder(b)
	off, n, crc := d.U64(), d.U32(), d.U32()
	_, oldest := d.U16(), d.U16()
	m := d.Bytes(len(magic))
	if err := d.End(); err != nil {
		return trailer{}, damagedf("trailer: %v", err)
	}
	if string(m) != magic {
		return trailer{}, damagedf("trailer: it ends with %q, want %q", m, magic)
	}
	if oldest > version {
		return trailer{}, fmt.Errorf("its readers need version %d, this is version %d: %w", oldest, version, ErrUnsupported)
	}
	if off < headerLen || off > uint64(size) || int64(off)+int64(n)+trailerLen != size {
		return trailer{}, damagedf("trailer: an index at %d of %d bytes in a segment of %d", off, n, size)
	}
	return trailer{off: int64(off), len: int(n), crc: crc}, nil
}
