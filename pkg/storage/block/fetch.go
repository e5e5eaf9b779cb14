package block

import (
	"bytes"
	"fmt"

	"github.com/skaldlogs/skald/pkg/encbuf"
)

// fetched is the part of a data part that was read.
type fetched struct {
	block *Block
	from  ReadFunc
	parts []part
	read  int64

	small     []byte // raw bytes of the small frame
	haveSmall bool
}

// A part is bytes [off, end) of a data part.
type part struct {
	off, end int
	data     []byte
}

// fetch reads what holds the given streams, which are in the order of the data
// part, in as few ranges as they lie in. What it leaves out is read when bytes
// asks for it.
func (f *fetched) fetch(streams []*stream) error {
	small := false
	for _, s := range streams {
		small = small || s.place == placeSmall && s.raw > 0
	}
	var wanted []part
	add := func(off, n int) {
		switch last := len(wanted) - 1; {
		case n == 0 || f.find(off, n) != nil:
		case last >= 0 && wanted[last].end == off:
			wanted[last].end += n
		default:
			wanted = append(wanted, part{off: off, end: off + n})
		}
	}
	if small && !f.haveSmall {
		add(0, f.block.small)
	}
	for _, s := range streams {
		if s.place != placeSmall {
			add(s.off, s.stored)
		}
	}
	for _, p := range wanted {
		if err := f.readPart(p); err != nil {
			return err
		}
	}
	if small && !f.haveSmall {
		return f.openSmall()
	}
	return nil
}

func (f *fetched) readPart(p part) error {
	data, err := f.from(int64(p.off), p.end-p.off)
	if err != nil {
		return err
	}
	if len(data) != p.end-p.off {
		return damagedf("%d bytes at %d of the data part, want %d", len(data), p.off, p.end-p.off)
	}
	p.data = data
	f.parts = append(f.parts, p)
	f.read += int64(len(data))
	return nil
}

// readAhead is how much is read at least when a stream turns out to be needed:
// the next is likely near, and a read costs more than its bytes.
const readAhead = 64 << 10

// ahead reads n bytes from off, and what lies behind them.
func (f *fetched) ahead(off, n int) error {
	return f.readPart(part{off: off, end: min(off+max(n, readAhead), max(f.block.data, off+n))})
}

// find returns n bytes of the data part from off, nil if they were not read.
func (f *fetched) find(off, n int) []byte {
	for i := range f.parts {
		if p := &f.parts[i]; p.off <= off && off+n <= p.end {
			return p.data[off-p.off:][:n]
		}
	}
	return nil
}

// openSmall verifies and decompresses the small frame.
func (f *fetched) openSmall() error {
	b := f.block
	stored := f.find(0, b.small)
	if got := encbuf.Checksum(stored); got != b.smallCRC {
		return damagedf("small frame: checksum %08x, want %08x", got, b.smallCRC)
	}
	f.haveSmall = true
	if b.small == b.smallRaw {
		f.small = append(f.small, stored...)
		return nil
	}
	var err error
	if f.small, err = appendDecompressed(f.small, stored, b.smallRaw); err != nil {
		return fmt.Errorf("small frame: %w", err)
	}
	return nil
}

// bytes returns the raw bytes of a stream: decompressed into buf, or borrowed
// from what was read.
func (f *fetched) bytes(s *stream, buf []byte) ([]byte, error) {
	if s.raw == 0 {
		return nil, nil
	}
	if s.place == placeSmall {
		if !f.haveSmall {
			if f.find(0, f.block.small) == nil {
				if err := f.ahead(0, f.block.small); err != nil {
					return nil, err
				}
			}
			if err := f.openSmall(); err != nil {
				return nil, err
			}
		}
		return f.small[s.off : s.off+s.raw], nil
	}
	stored := f.find(s.off, s.stored)
	if stored == nil {
		if err := f.ahead(s.off, s.stored); err != nil {
			return nil, err
		}
		stored = f.find(s.off, s.stored)
	}
	if got := encbuf.Checksum(stored); got != s.crc {
		return nil, damagedf("stream at %d of the data part: checksum %08x, want %08x", s.off, got, s.crc)
	}
	if s.place == placeStored {
		return stored, nil
	}
	out, err := appendDecompressed(buf, stored, s.raw)
	if err != nil {
		return nil, fmt.Errorf("stream at %d of the data part: %w", s.off, err)
	}
	return out, nil
}

// own is bytes that belong to the caller.
func (f *fetched) own(s *stream) ([]byte, error) {
	b, err := f.bytes(s, nil)
	if err == nil && s.place != placeFrame {
		b = bytes.Clone(b)
	}
	return b, err
}
