package block

import (
	"encoding/binary"
	"math/bits"

	"github.com/skaldlogs/skald/pkg/encbuf"
)

// The modes of a stream of ints.
const (
	intsConst  = 0
	intsFOR    = 1
	intsDelta  = 2  // layout 1 only
	intsScaled = 8  // added to FOR or delta
	intsFixed  = 16 // layout 1 only
)

// groupLen is how many ints share a minimum and a width.
const groupLen = 128

// maxIntsLen bounds the bytes of n ints.
func maxIntsLen(n int) int {
	const head = 1 + 2*binary.MaxVarintLen64
	return head + (n+groupLen-1)/groupLen*(binary.MaxVarintLen64+1) + 8*n
}

// appendInts appends v, which it overwrites. Arithmetic is modulo 2^64, so that
// any value and any distance fits. No ints are no bytes.
func appendInts(dst []byte, v []uint64) []byte {
	if len(v) == 0 {
		return dst
	}
	lo, hi := v[0], v[0]
	for _, x := range v {
		lo, hi = min(lo, x), max(hi, x)
	}
	if lo == hi {
		return binary.AppendVarint(append(dst, intsConst), int64(lo))
	}
	if factor := commonFactor(v, lo); factor > 1 {
		dst = append(dst, intsFOR|intsScaled)
		dst = binary.AppendVarint(dst, int64(lo))
		dst = binary.AppendUvarint(dst, factor)
		for i := range v {
			v[i] = (v[i] - lo) / factor
		}
	} else {
		dst = append(dst, intsFOR)
	}

	return appendGroups(dst, v, 0)
}

// appendGroups appends v in groups. Flip is what to xor with values before they
// are compared: 1<<63 where they are signed.
func appendGroups(dst []byte, v []uint64, flip uint64) []byte {
	prev := uint64(0)
	for len(v) > 0 {
		group := v[:min(groupLen, len(v))]
		v = v[len(group):]
		lo, hi := bounds(group, flip)
		dst = binary.AppendVarint(dst, int64(lo-prev))
		prev = lo
		width := bits.Len64(hi - lo)
		dst = append(dst, byte(width))
		dst = appendPacked(dst, group, lo, width)
	}
	return dst
}

// bounds returns the least and the greatest of v.
func bounds(v []uint64, flip uint64) (lo, hi uint64) {
	lo, hi = v[0]^flip, v[0]^flip
	for _, x := range v {
		lo, hi = min(lo, x^flip), max(hi, x^flip)
	}
	return lo ^ flip, hi ^ flip
}

// groupsLen is the length of what appendGroups appends, or a little more.
func groupsLen(v []uint64, flip uint64) int {
	size := 0
	for len(v) > 0 {
		group := v[:min(groupLen, len(v))]
		v = v[len(group):]
		lo, hi := bounds(group, flip)
		size += 3 + (len(group)*bits.Len64(hi-lo)+7)/8
	}
	return size
}

// commonFactor is the greatest number that divides the distance of every value from lo.
func commonFactor(v []uint64, lo uint64) uint64 {
	g := uint64(0)
	for _, x := range v {
		x -= lo
		if g != 0 && x%g == 0 {
			continue
		}
		for x != 0 {
			g, x = x, g%x
		}
		if g == 1 {
			return 1
		}
	}
	return g
}

func appendPacked(dst []byte, group []uint64, lo uint64, width int) []byte {
	acc, used := uint64(0), 0
	for _, x := range group {
		x -= lo
		acc |= x << used
		used += width
		if used >= 64 {
			dst = binary.LittleEndian.AppendUint64(dst, acc)
			used -= 64
			acc = x >> (width - used) // 0 when nothing of x is left
		}
	}
	for ; used > 0; used -= 8 {
		dst = append(dst, byte(acc))
		acc >>= 8
	}
	return dst
}

// An intsReader reads a stream of ints group by group, forward only.
type intsReader struct {
	d            encbuf.Decoder
	n            int // ints in the stream
	mode         uint8
	base, factor uint64
	prev         uint64 // minimum of the group before
	sum          uint64 // of the differences so far, mode delta
	width        int    // bytes of a value, mode fixed

	data       []byte
	start, end int // Invariant: group[:end-start] holds the ints start to end.
	group      [groupLen]uint64
}

// open begins at the first of n ints. The data must stay until the last is read.
func (r *intsReader) open(data []byte, n int) error {
	r.d.Reset(data)
	r.data = data
	r.n, r.base, r.factor, r.prev, r.sum, r.start, r.end = n, 0, 1, 0, 0, 0, 0
	if n == 0 {
		if len(data) != 0 {
			return damagedf("%d bytes for no ints", len(data))
		}
		return nil
	}
	r.mode = r.d.U8()
	if r.mode == intsFOR|intsScaled || r.mode == intsDelta|intsScaled {
		r.mode &^= intsScaled
		r.base = uint64(r.d.Varint())
		r.factor = r.d.Uvarint()
	}
	switch r.mode {
	case intsConst:
		v := uint64(r.d.Varint())
		for i := range r.group {
			r.group[i] = v
		}
		if r.d.End() != nil {
			return damagedf("constant: %v", r.d.Err())
		}
	case intsFOR:
	case intsDelta:
		r.sum = uint64(r.d.Varint())
	case intsFixed:
		r.base = uint64(r.d.Varint())
		r.width = int(r.d.U8())
		if r.width > 8 || r.d.Err() == nil && r.d.Len() != n*r.width {
			return damagedf("%d ints of %d bytes in %d", n, r.width, r.d.Len())
		}
	default:
		return damagedf("ints of unknown mode %d", r.mode)
	}
	if r.d.Err() != nil {
		return damagedf("ints: %v", r.d.Err())
	}
	return nil
}

// rewind goes back to the first int.
func (r *intsReader) rewind() { _ = r.open(r.data, r.n) } // which went well before

// at returns the ints from number i on, as many as are at hand and at least
// one. They are borrowed until the next call. Calls never go back to an earlier group.
func (r *intsReader) at(i int) ([]uint64, error) {
	if r.mode == intsConst && i < r.n {
		return r.group[:min(groupLen, r.n-i)], nil
	}
	if i >= r.n || i < r.start {
		return nil, damagedf("int %d of %d is out of order", i, r.n)
	}
	for i >= r.end {
		if err := r.next(i); err != nil {
			return nil, err
		}
	}
	return r.group[i-r.start : r.end-r.start], nil
}

// next moves to the next group, and unpacks it if int i is there.
func (r *intsReader) next(i int) error {
	r.start = r.end
	r.end = min(r.start+groupLen, r.n)
	count := r.end - r.start
	if r.mode == intsFixed {
		packed := r.d.Bytes(count * r.width)
		for j := range r.group[:count] {
			v := uint64(0)
			for k := range r.width {
				v |= uint64(packed[j*r.width+k]) << (8 * k)
			}
			r.group[j] = r.base + v
		}
		return nil
	}
	lo := r.prev + uint64(r.d.Varint())
	r.prev = lo
	width := int(r.d.U8())
	if width > 64 {
		return damagedf("ints of %d bits", width)
	}
	size := (count*width + 7) / 8
	packed := r.d.Bytes(size)
	if r.d.Err() != nil {
		return damagedf("ints: %v", r.d.Err())
	}
	if r.end == r.n && r.d.Len() > 0 {
		return damagedf("%d bytes after the last int", r.d.Len())
	}
	switch {
	case r.mode == intsDelta:
		unpack(r.group[:count], packed, width)
		for j, v := range r.group[:count] {
			r.sum += lo + v
			r.group[j] = r.base + r.factor*r.sum
		}
	case i < r.end:
		unpack(r.group[:count], packed, width)
		for j, v := range r.group[:count] {
			r.group[j] = r.base + r.factor*(lo+v)
		}
	}
	return nil
}

// unpack reads len(dst) numbers of width bits.
func unpack(dst []uint64, packed []byte, width int) {
	if width == 0 {
		clear(dst)
		return
	}
	// Each number is cut out of 8 bytes loaded at once, and a ninth when it is
	// wide: the padding keeps those loads inside.
	var padded [groupLen*8 + 16]byte
	copy(padded[:], packed)
	mask := ^uint64(0) >> (64 - width)
	bit := 0
	if width <= 57 {
		for i := range dst {
			dst[i] = binary.LittleEndian.Uint64(padded[bit>>3:]) >> (bit & 7) & mask
			bit += width
		}
		return
	}
	for i := range dst {
		at, shift := bit>>3, bit&7
		v := binary.LittleEndian.Uint64(padded[at:]) >> shift
		v |= uint64(padded[at+8]) << (64 - shift)
		dst[i] = v & mask
		bit += width
	}
}
