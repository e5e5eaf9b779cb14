package block

import (
	"bytes"
	"fmt"

	"github.com/skaldlogs/skald/pkg/encbuf"
)

// fetched is the part of a data part that was read.
type fetched struct {
	small []byte // raw bytes of the small frame
	parts []part
	read  int64
}

// A part is bytes [off, end) of a data part.
type part struct {
	off, end int
	data     []byte
}

// fetch reads what holds the given streams, which are in the order of the data
// part: the small frame, and the others in as few ranges as they lie in.
func (f *fetched) fetch(b *Block, read ReadFunc, streams []*stream) error {
	add := func(off, n int) {
		if last := len(f.parts) - 1; last >= 0 && f.parts[last].end == off {
			f.parts[last].end += n
		} else {
			f.parts = append(f.parts, part{off: off, end: off + n})
		}
	}
	small := false
	for _, s := range streams {
		small = small || s.place == placeSmall && s.raw > 0
	}
	if small {
		add(0, b.small)
	}
	for _, s := range streams {
		if s.place != placeSmall {
			add(s.off, s.stored)
		}
	}
	for i := range f.parts {
		p := &f.parts[i]
		data, err := read(int64(p.off), p.end-p.off)
		if err != nil {
			return err
		}
		if len(data) != p.end-p.off {
			return damagedf("%d bytes at %d of the data part, want %d", len(data), p.off, p.end-p.off)
		}
		p.data = data
		f.read += int64(len(data))
	}
	if !small {
		return nil
	}
	stored := f.parts[0].data[:b.small]
	if got := encbuf.Checksum(stored); got != b.smallCRC {
		return damagedf("small frame: checksum %08x, want %08x", got, b.smallCRC)
	}
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
	if s.place == placeSmall {
		if s.raw == 0 {
			return nil, nil
		}
		return f.small[s.off : s.off+s.raw], nil
	}
	var stored []byte
	for _, p := range f.parts {
		if p.off <= s.off && s.off+s.stored <= p.end {
			stored = p.data[s.off-p.off:][:s.stored]
		}
	}
	if stored == nil {
		return nil, fmt.Errorf("stream at %d was not read", s.off)
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
