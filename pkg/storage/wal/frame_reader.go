package wal

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"

	"github.com/skaldlogs/skald/pkg/encbuf"
)

// readBytes is how much a frameReader reads at once: a few blocks.
const readBytes = 8 * blockSize

// A frame is one that passed its checksum.
type frame struct {
	typ   frameType
	bytes []byte // valid until the next call of next
	off   int64  // in the file, of its header
}

// A frameReader finds the frames of a file that are intact.
type frameReader struct {
	r     io.Reader
	seed  uint32
	buf   []byte // of readBytes
	start int64  // in the file, of buf; a multiple of blockSize
	n     int    // buf[:n] was read
	pos   int    // buf[pos:n] is to be looked at
	eof   bool
}

func (r *frameReader) reset(src io.Reader, seed uint32) {
	if r.buf == nil {
		r.buf = make([]byte, readBytes)
	}
	*r = frameReader{r: src, seed: seed, buf: r.buf}
}

func (r *frameReader) fill() error {
	if r.eof {
		return io.EOF
	}
	r.start += int64(r.n)
	var err error
	r.n, err = io.ReadFull(r.r, r.buf)
	r.pos = 0
	switch {
	case errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF):
		r.eof = true
		if r.n == 0 {
			return io.EOF
		}
	case err != nil:
		return fmt.Errorf("read at offset %d: %w", r.start+int64(r.n), err)
	}
	return nil
}

// header reads the header of the file. It says what is wrong with it, if anything;
// a version that is not known is an error.
func (r *frameReader) header(generation uint64, file uint32) (wrong string, err error) {
	if err := r.fill(); err != nil && !errors.Is(err, io.EOF) {
		return "", err
	}
	if r.n < fileHeader {
		r.pos = r.n
		return "header is cut short", nil
	}
	r.pos = fileHeader
	h := r.buf[:fileHeader]
	if string(h[:len(magic)]) != magic || binary.LittleEndian.Uint32(h[20:]) != encbuf.Checksum(h[:20]) {
		return "header is damaged", nil
	}
	if h[4] != version {
		return "", fmt.Errorf("version %d is not known, %d is", h[4], version)
	}
	if g, f := binary.LittleEndian.Uint64(h[8:]), binary.LittleEndian.Uint32(h[16:]); g != generation || f != file {
		r.pos, r.n, r.eof = 0, 0, true
		return fmt.Sprintf("header says generation %d, file %d", g, f), errForeign
	}
	return "", nil
}

// errForeign marks a file whose name is not its own: none of it can be used.
var errForeign = errors.New("file of another name")

// next returns the next intact frame. bad is the offset of the first place before
// it that is not one, or -1. At the end of the file the error is io.EOF, and bad
// says the same of what is left.
func (r *frameReader) next() (f frame, bad int64, err error) {
	bad = -1
	for {
		if r.pos == r.n {
			if err := r.fill(); err != nil {
				return frame{}, bad, err
			}
		}
		end := min(r.n, r.pos-r.pos%blockSize+blockSize)
		if end-r.pos < frameHeader && end%blockSize == 0 {
			r.pos = end // padding
			continue
		}
		if f, ok := r.at(r.pos, end); ok {
			r.pos += frameHeader + len(f.bytes)
			return f, bad, nil
		}
		if bad < 0 {
			bad = r.start + int64(r.pos)
		}
		r.pos = r.resync(end)
	}
}

// at returns the frame at pos of a block that ends at end, if it is intact.
func (r *frameReader) at(pos, end int) (frame, bool) {
	if end-pos < frameHeader {
		return frame{}, false
	}
	h := r.buf[pos : pos+frameHeader]
	n := int(binary.LittleEndian.Uint16(h[4:]))
	typ := frameType(h[6])
	if n > end-pos-frameHeader || typ < fullFrame || typ > endFrame {
		return frame{}, false
	}
	f := r.buf[pos : pos+frameHeader+n]
	if binary.LittleEndian.Uint32(f) != encbuf.UpdateChecksum(r.seed, f[checksummed:]) {
		return frame{}, false
	}
	return frame{typ: typ, bytes: f[frameHeader:], off: r.start + int64(pos)}, true
}

// resync returns where to go on after the bad frame at r.pos: at the frame that its
// length points to, if that one is intact, else at the mark of an orderly end, if the
// block ends with it, else at the next block. It looks nowhere else: bytes within a frame are a tenant's, and
// could look like anything.
func (r *frameReader) resync(end int) int {
	if end-r.pos < frameHeader {
		return end
	}
	next := r.pos + frameHeader + int(binary.LittleEndian.Uint16(r.buf[r.pos+4:]))
	if _, ok := r.at(next, end); ok {
		return next
	}
	if f, ok := r.at(end-frameHeader, end); ok && f.typ == endFrame {
		return end - frameHeader
	}
	return end
}
