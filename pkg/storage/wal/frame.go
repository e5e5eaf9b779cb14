package wal

import (
	"encoding/binary"
	"io"

	"github.com/skaldlogs/skald/pkg/encbuf"
)

const (
	blockSize   = 32 << 10 // no frame crosses a multiple of it
	frameHeader = 7        // CRC, length, type
	checksummed = 6        // where in a frame begins what its CRC covers
	fileHeader  = 24

	magic   = "SKWL"
	version = 1
)

// frameType says which part of a record a frame holds.
type frameType uint8

const (
	fullFrame   frameType = 1
	firstFrame  frameType = 2
	middleFrame frameType = 3
	lastFrame   frameType = 4
	endFrame    frameType = 5 // no part of a record: nothing follows
)

// appendFileHeader appends the header of a file.
func appendFileHeader(dst []byte, generation uint64, file uint32) []byte {
	start := len(dst)
	dst = append(dst, magic...)
	dst = append(dst, version, 0, 0, 0)
	dst = binary.LittleEndian.AppendUint64(dst, generation)
	dst = binary.LittleEndian.AppendUint32(dst, file)
	return binary.LittleEndian.AppendUint32(dst, encbuf.Checksum(dst[start:]))
}

// frameSeed is the checksum over the place a frame belongs to. Frames start from
// it, so that none is valid in another file.
func frameSeed(generation uint64, file uint32) uint32 {
	var b [12]byte
	binary.LittleEndian.PutUint64(b[:], generation)
	binary.LittleEndian.PutUint32(b[8:], file)
	return encbuf.Checksum(b[:])
}

// A framer cuts records into frames and writes them. The first error stays.
type framer struct {
	w    io.Writer
	seed uint32
	off  int64  // in the file, of the end of buf
	buf  []byte // framed, not yet written
	err  error
}

// flushBytes is how much a framer collects before it writes by itself.
const flushBytes = 1 << 20

// record frames a record.
func (f *framer) record(payload []byte) {
	for first := true; f.err == nil; first = false {
		n := min(len(payload), f.room())
		last := n == len(payload)
		switch {
		case first && last:
			f.frame(fullFrame, payload)
		case first:
			f.frame(firstFrame, payload[:n])
		case last:
			f.frame(lastFrame, payload)
		default:
			f.frame(middleFrame, payload[:n])
		}
		if last {
			return
		}
		payload = payload[n:]
	}
}

// end frames the mark of an orderly end.
func (f *framer) end() {
	f.room()
	f.frame(endFrame, nil)
}

// room returns how many bytes the next frame may hold, 0 included. Where not even
// a header fits, it fills the block with zeroes and begins the next.
func (f *framer) room() int {
	left := blockSize - int(f.off%blockSize)
	if left < frameHeader {
		var padding [frameHeader]byte
		f.buf = append(f.buf, padding[:left]...)
		f.off += int64(left)
		left = blockSize
	}
	return left - frameHeader
}

func (f *framer) frame(t frameType, b []byte) {
	at := len(f.buf)
	f.buf = append(f.buf, 0, 0, 0, 0, byte(len(b)), byte(len(b)>>8), byte(t))
	f.buf = append(f.buf, b...)
	binary.LittleEndian.PutUint32(f.buf[at:], encbuf.UpdateChecksum(f.seed, f.buf[at+checksummed:]))
	f.off += int64(frameHeader + len(b))
	if len(f.buf) >= flushBytes {
		_ = f.flush()
	}
}

// flush writes what was framed, and returns the first error of all writes.
func (f *framer) flush() error {
	if f.err == nil && len(f.buf) > 0 {
		_, f.err = f.w.Write(f.buf)
	}
	f.buf = f.buf[:0]
	return f.err
}
