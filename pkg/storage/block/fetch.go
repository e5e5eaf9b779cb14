package block

import (
	"bytes"
	"fmt"

	"github.com/skaldlogs/skald/pkg/encbuf"
)

// fetched is the part of a data part that was read.
type fetched struct {
	block  *Block
	from   ReadFunc
	pieces []Piece
	ranges []Range // that were asked for, in no order
	read   int64

	small     []byte // raw bytes of the small frame
	buf       []byte // to decompress it into
	haveSmall bool
}

// fetch reads what holds the given streams, which are in the order of the data
// part, all at once. What it leaves out is read when bytes asks for it.
func (f *fetched) fetch(streams []*stream) error {
	small := false
	for _, s := range streams {
		small = small || s.place == placeSmall && s.raw() > 0
	}
	var wanted []Range
	add := func(off, n int) {
		switch last := len(wanted) - 1; {
		case n == 0 || f.has(off, n):
		case last >= 0 && wanted[last].Off+int64(wanted[last].N) == int64(off):
			wanted[last].N += n
		default:
			wanted = append(wanted, Range{int64(off), n})
		}
	}
	small = small && !f.hotSmall()
	if small {
		add(0, f.block.small)
	}
	for _, s := range streams {
		if s.place != placeSmall && !f.isHot(s) {
			add(s.off(), s.stored())
		}
	}
	if err := f.take(wanted); err != nil {
		return err
	}
	if small {
		return f.openSmall()
	}
	return nil
}

// isHot reports whether a stream is kept, or what is made of it, for now.
func (f *fetched) isHot(s *stream) bool {
	return f.block.isHot(s.off()) || s == &f.block.timestamps && f.block.isHot(hotTimes) || s == &f.block.sizes && f.block.isHot(hotSizes)
}

// hotSmall reports whether the small frame is there, or was kept.
func (f *fetched) hotSmall() bool {
	if !f.haveSmall {
		var kept hotColumn
		kept, f.haveSmall = f.block.hotColumn(hotSmall)
		f.small = kept.data
	}
	return f.haveSmall
}

// take reads ranges.
func (f *fetched) take(wanted []Range) error {
	if len(wanted) == 0 {
		return nil
	}
	pieces, err := f.from(wanted)
	if err != nil {
		return err
	}
	f.pieces = append(f.pieces, pieces...)
	f.ranges = append(f.ranges, wanted...)
	for _, r := range wanted {
		f.read += int64(r.N)
	}
	return nil
}

// readAhead is how much is read at least when a stream turns out to be needed:
// the next is likely near, and a read costs more than its bytes.
const readAhead = 64 << 10

// ahead reads n bytes from off, and what lies behind them.
func (f *fetched) ahead(off, n int) error {
	end := min(off+max(n, readAhead), max(f.block.data, off+n))
	return f.take([]Range{{int64(off), end - off}})
}

// has reports whether n bytes from off were read.
func (f *fetched) has(off, n int) bool {
	for _, r := range f.ranges {
		if r.Off <= int64(off) && int64(off+n) <= r.Off+int64(r.N) {
			return true
		}
	}
	return false
}

// find returns n bytes of the data part from off, which were read, and where they
// are if that is in one piece.
func (f *fetched) find(off, n int) ([]byte, *Piece, error) {
	var joined []byte
	for at := int64(off); ; {
		p := f.pieceAt(at)
		if p == nil {
			return nil, nil, damagedf("nothing at %d of the data part, where %d bytes were wanted at %d", at, n, off)
		}
		data := p.Data[at-p.Off:]
		if joined == nil && len(data) >= n {
			return data[:n], p, nil
		}
		data = data[:min(len(data), n-len(joined))]
		if joined = append(joined, data...); len(joined) == n {
			return joined, nil, nil
		}
		at += int64(len(data))
	}
}

// pieceAt returns the piece that the byte at off is in, or nil.
func (f *fetched) pieceAt(off int64) *Piece {
	for i := range f.pieces {
		if p := &f.pieces[i]; p.Off <= off && off < p.Off+int64(len(p.Data)) {
			return p
		}
	}
	return nil
}

// checked returns n bytes of the data part from off, which were read and have that
// checksum.
func (f *fetched) checked(off, n int, crc uint32) ([]byte, error) {
	stored, piece, err := f.find(off, n)
	if err != nil {
		return nil, err
	}
	known := piece != nil && piece.Checks != nil
	if known && piece.Checks.Checked(int(int64(off)-piece.Off)) {
		return stored, nil
	}
	if got := encbuf.Checksum(stored); got != crc {
		return nil, damagedf("checksum %08x, want %08x", got, crc)
	}
	if known {
		piece.Checks.Check(int(int64(off) - piece.Off))
	}
	return stored, nil
}

// openSmall verifies and decompresses the small frame.
func (f *fetched) openSmall() error {
	b := f.block
	stored, err := f.checked(0, b.small, b.smallCRC)
	if err != nil {
		return fmt.Errorf("small frame: %w", err)
	}
	keep := b.takes(b.smallRaw)
	to := f.buf[:0]
	if keep {
		to = make([]byte, 0, b.smallRaw)
	}
	if b.small == b.smallRaw {
		to = append(to, stored...)
	} else if to, err = appendDecompressed(to, stored, b.smallRaw); err != nil {
		return fmt.Errorf("small frame: %w", err)
	}
	f.small, f.haveSmall = to, true
	if keep {
		b.keep(hotSmall, hotColumn{data: to})
	} else {
		f.buf = to
	}
	return nil
}

// bytes returns the raw bytes of a stream, which must not be changed: what was kept
// of it, or decompressed into buf, or borrowed from what was read.
func (f *fetched) bytes(s *stream, buf []byte) ([]byte, error) {
	if kept, ok, err := f.kept(s); ok || err != nil {
		return kept, err
	}
	return f.fresh(s, buf)
}

// kept returns what is kept of a stream, or is going to be; ok is false for nothing.
func (f *fetched) kept(s *stream) (data []byte, ok bool, err error) {
	if s.place == placeSmall || s.raw() == 0 {
		return nil, false, nil
	}
	if c, ok := f.block.hotColumn(s.off()); ok {
		return c.data, true, nil
	}
	if !f.block.takes(s.raw()) {
		return nil, false, nil
	}
	if data, err = f.fresh(s, nil); err != nil {
		return nil, false, err
	}
	if s.place != placeFrame {
		data = bytes.Clone(data)
	}
	f.block.keep(s.off(), hotColumn{data: data})
	return data, true, nil
}

// fresh is bytes without what was kept, so that buf is what the bytes are in if they
// are a frame.
func (f *fetched) fresh(s *stream, buf []byte) ([]byte, error) {
	if s.raw() == 0 {
		return nil, nil
	}
	if s.place == placeSmall {
		if !f.hotSmall() {
			if !f.has(0, f.block.small) {
				if err := f.ahead(0, f.block.small); err != nil {
					return nil, err
				}
			}
			if err := f.openSmall(); err != nil {
				return nil, err
			}
		}
		return f.small[s.off() : s.off()+s.raw()], nil
	}
	if !f.has(s.off(), s.stored()) {
		if err := f.ahead(s.off(), s.stored()); err != nil {
			return nil, err
		}
	}
	stored, err := f.checked(s.off(), s.stored(), s.crc)
	if err != nil {
		return nil, fmt.Errorf("stream at %d of the data part: %w", s.off(), err)
	}
	if s.place == placeStored {
		return stored, nil
	}
	out, err := appendDecompressed(buf, stored, s.raw())
	if err != nil {
		return nil, fmt.Errorf("stream at %d of the data part: %w", s.off(), err)
	}
	return out, nil
}

// own is bytes that stay behind the decoding.
func (f *fetched) own(s *stream) ([]byte, error) {
	if kept, ok, err := f.kept(s); ok || err != nil {
		return kept, err
	}
	b, err := f.fresh(s, nil)
	if err == nil && s.place != placeFrame {
		b = bytes.Clone(b)
	}
	return b, err
}
