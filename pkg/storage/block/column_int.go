package block

import (
	"encoding/binary"
	"math/bits"
	"slices"
)

// parseInt reads a decimal number that is written as strconv would write it.
func parseInt(s []byte) (int64, bool) {
	digits := s
	if len(s) > 0 && s[0] == '-' {
		digits = s[1:]
	}
	if len(digits) == 0 || len(digits) > 18 || digits[0] == '0' && len(s) > 1 {
		return parseWideInt(s, digits)
	}
	v := int64(0)
	for _, b := range digits {
		if classes[b]&isDigit == 0 {
			return 0, false
		}
		v = v*10 + int64(b-'0')
	}
	if len(digits) < len(s) {
		v = -v
	}
	return v, true
}

// parseWideInt is parseInt for 19 digits, which may or may not fit.
func parseWideInt(s, digits []byte) (int64, bool) {
	if len(digits) != 19 || digits[0] == '0' {
		return 0, false
	}
	v := uint64(0)
	for _, b := range digits {
		if classes[b]&isDigit == 0 {
			return 0, false
		}
		v = v*10 + uint64(b-'0')
	}
	negative := len(digits) < len(s)
	if v > 1<<63-1 {
		return 0, false // the least int64 is left out too
	}
	if negative {
		return -int64(v), true
	}
	return int64(v), true
}

// parseDigits reads up to 18 digits, leading zeros allowed.
func parseDigits(s []byte) (int64, bool) {
	if len(s) == 0 || len(s) > 18 {
		return 0, false
	}
	v := int64(0)
	for _, b := range s {
		if classes[b]&isDigit == 0 {
			return 0, false
		}
		v = v*10 + int64(b-'0')
	}
	return v, true
}

// parseDecimal reads a number with a fraction as mantissa and digits after the point.
func parseDecimal(s []byte) (mantissa int64, scale int, ok bool) {
	negative := len(s) > 0 && s[0] == '-'
	if negative {
		s = s[1:]
	}
	if len(s) < 3 || len(s) > 19 {
		return 0, 0, false
	}
	point := -1
	for i, b := range s {
		switch {
		case classes[b]&isDigit != 0:
			mantissa = mantissa*10 + int64(b-'0')
		case b == '.' && point < 0:
			point = i
		default:
			return 0, 0, false
		}
	}
	if point <= 0 || point == len(s)-1 || s[0] == '0' && point > 1 || negative && mantissa == 0 {
		return 0, 0, false
	}
	if negative {
		mantissa = -mantissa
	}
	return mantissa, len(s) - 1 - point, true
}

// appendDecimal writes what parseDecimal reads.
func appendDecimal(dst []byte, mantissa int64, scale int) []byte {
	v := uint64(mantissa)
	if mantissa < 0 {
		dst = append(dst, '-')
		v = -v
	}
	whole, part := v/uint64(powers[scale]), v%uint64(powers[scale])
	dst = appendUint(dst, whole)
	dst = append(dst, '.')
	return appendDigits(dst, part, scale)
}

// decimalLen is the length of what appendDecimal writes.
func decimalLen(mantissa int64, scale int) int {
	n, v := 1+scale, uint64(mantissa)
	if mantissa < 0 {
		n, v = n+1, -v
	}
	return n + digitsOf(v/uint64(powers[scale]))
}

func appendInt(dst []byte, v int64) []byte {
	if v < 0 {
		return appendUint(append(dst, '-'), -uint64(v))
	}
	return appendUint(dst, uint64(v))
}

func appendUint(dst []byte, v uint64) []byte {
	if v < 10 {
		return append(dst, byte('0'+v))
	}
	return appendDigits(dst, v, digitsOf(v))
}

// digitsOf counts the decimal digits of v.
func digitsOf(v uint64) int {
	if v < 10 {
		return 1
	}
	// 1233/4096 is a little more than log10(2).
	n := bits.Len64(v) * 1233 >> 12
	if n >= len(powers) {
		if v >= 1e19 {
			return 20
		}
		return 19
	}
	if v >= uint64(powers[n]) {
		n++
	}
	return n
}

func intLen(v int64) int {
	if v < 0 {
		return 1 + digitsOf(-uint64(v))
	}
	return digitsOf(uint64(v))
}

// parseHex reads up to 16 hex digits without leading zeros.
func parseHex(s []byte, upper bool) (uint64, bool) {
	if len(s) == 0 || len(s) > 16 || s[0] == '0' && len(s) > 1 {
		return 0, false
	}
	v := uint64(0)
	for _, b := range s {
		d := hexValue(b, upper)
		if d > 15 {
			return 0, false
		}
		v = v<<4 | uint64(d)
	}
	return v, true
}

// hexValue is the value of a hex digit of the given case, or 255.
func hexValue(b byte, upper bool) byte {
	switch {
	case '0' <= b && b <= '9':
		return b - '0'
	case !upper && 'a' <= b && b <= 'f':
		return b - 'a' + 10
	case upper && 'A' <= b && b <= 'F':
		return b - 'A' + 10
	}
	return 255
}

const (
	lowerDigits = "0123456789abcdef"
	upperDigits = "0123456789ABCDEF"
)

func hexDigits(upper bool) string {
	if upper {
		return upperDigits
	}
	return lowerDigits
}

func appendHexInt(dst []byte, v uint64, upper bool) []byte {
	digits := hexDigits(upper)
	for shift := 4 * (hexLen(v) - 1); shift >= 0; shift -= 4 {
		dst = append(dst, digits[v>>shift&15])
	}
	return dst
}

func hexLen(v uint64) int { return max(1, (bits.Len64(v)+3)/4) }

// appendHex writes bytes as two digits each.
func appendHex(dst, packed []byte, upper bool) []byte {
	digits := hexDigits(upper)
	for _, b := range packed {
		dst = append(dst, digits[b>>4], digits[b&15])
	}
	return dst
}

// packHex appends the bytes that pairs of hex digits stand for.
func packHex(dst, s []byte, upper bool) ([]byte, bool) {
	for i := 0; i+1 < len(s); i += 2 {
		hi, lo := hexValue(s[i], upper), hexValue(s[i+1], upper)
		if hi|lo > 15 {
			return dst, false
		}
		dst = append(dst, hi<<4|lo)
	}
	return dst, len(s)%2 == 0
}

// packUUID appends the 16 bytes of a UUID.
func packUUID(dst, s []byte, upper bool) ([]byte, bool) {
	if len(s) != 36 || s[8] != '-' || s[13] != '-' || s[18] != '-' || s[23] != '-' {
		return dst, false
	}
	ok := true
	for _, part := range [...][]byte{s[:8], s[9:13], s[14:18], s[19:23], s[24:]} {
		if dst, ok = packHex(dst, part, upper); !ok {
			return dst, false
		}
	}
	return dst, true
}

func appendUUID(dst, b []byte, upper bool) []byte {
	dst = append(appendHex(dst, b[:4], upper), '-')
	dst = append(appendHex(dst, b[4:6], upper), '-')
	dst = append(appendHex(dst, b[6:8], upper), '-')
	dst = append(appendHex(dst, b[8:10], upper), '-')
	return appendHex(dst, b[10:16], upper)
}

// packIP appends the 4 bytes of an IPv4 address as it is usually written.
func packIP(dst, s []byte) ([]byte, bool) {
	v, digits, octets := 0, 0, 0
	for _, b := range s {
		if b == '.' {
			if digits == 0 || octets == 3 {
				return dst, false
			}
			dst = append(dst, byte(v))
			v, digits, octets = 0, 0, octets+1
			continue
		}
		if classes[b]&isDigit == 0 || digits > 0 && v == 0 {
			return dst, false
		}
		if v = v*10 + int(b-'0'); v > 255 {
			return dst, false
		}
		digits++
	}
	if octets != 3 || digits == 0 {
		return dst, false
	}
	return append(dst, byte(v)), true
}

func appendIP(dst, b []byte) []byte {
	for i, octet := range b[:4] {
		if i > 0 {
			dst = append(dst, '.')
		}
		if octet >= 100 {
			dst = append(dst, '0'+octet/100)
			octet %= 100
			dst = append(dst, digitPairs[2*octet], digitPairs[2*octet+1])
		} else if octet >= 10 {
			dst = append(dst, digitPairs[2*octet], digitPairs[2*octet+1])
		} else {
			dst = append(dst, '0'+octet)
		}
	}
	return dst
}

// An intPacker writes ints as a column of layout 1, which tries more than
// appendInts: differences, and bytes for LZ to find repeats in.
type intPacker struct {
	deltas []uint64
	seen   []uint64 // a bitmap of hashes
}

// plan finds the cheapest way for v, which it does not change, and its length.
func (p *intPacker) plan(v []uint64) (mode uint8, size int) {
	lo, hi := bounds(v, signBit)
	if lo == hi {
		return intsConst, 11
	}
	plain := groupsLen(v, signBit)
	p.differences(v)
	if d := groupsLen(p.deltas, signBit); d+d/16 < plain {
		return intsDelta, d
	}
	if plain > 3*len(v) && p.recur(v) {
		return intsFixed, plain / 2
	}
	return intsFOR, plain
}

const signBit = 1 << 63

// differences fills deltas; the first is 0.
func (p *intPacker) differences(v []uint64) {
	p.deltas = slices.Grow(p.deltas[:0], len(v))
	prev := v[0]
	for _, x := range v {
		p.deltas = append(p.deltas, x-prev)
		prev = x
	}
}

// recur estimates whether an eighth of v are repeats, by counting the bits that
// hashes set.
func (p *intPacker) recur(v []uint64) bool {
	size := 64
	for size < 4*len(v) {
		size *= 2
	}
	if len(p.seen) < size/64 {
		p.seen = make([]uint64, size/64)
	}
	seen := p.seen[:size/64]
	clear(seen)
	set := 0
	for _, x := range v {
		h := x * 0x9e3779b97f4a7c15 >> 20 & uint64(size-1)
		if seen[h/64]&(1<<(h%64)) == 0 {
			seen[h/64] |= 1 << (h % 64)
			set++
		}
	}
	// Of n distinct values, about an eighth collide in four to eight n bits.
	return set < len(v)-len(v)/4
}

// append appends v, which it may overwrite, as planned.
func (p *intPacker) append(dst []byte, v []uint64, mode uint8) []byte {
	lo, hi := bounds(v, signBit)
	switch mode {
	case intsConst:
		return binary.AppendVarint(append(dst, intsConst), int64(lo))
	case intsFixed:
		width := (bits.Len64(hi-lo) + 7) / 8
		dst = binary.AppendVarint(append(dst, intsFixed), int64(lo))
		dst = append(dst, byte(width))
		for _, x := range v {
			x -= lo
			for range width {
				dst = append(dst, byte(x))
				x >>= 8
			}
		}
		return dst
	}
	if factor := commonFactor(v, lo); factor > 1 {
		dst = append(dst, mode|intsScaled)
		dst = binary.AppendVarint(dst, int64(lo))
		dst = binary.AppendUvarint(dst, factor)
		for i := range v {
			v[i] = (v[i] - lo) / factor
		}
	} else {
		dst = append(dst, mode)
	}
	if mode == intsFOR {
		return appendGroups(dst, v, signBit)
	}
	dst = binary.AppendVarint(dst, int64(v[0]))
	p.differences(v)
	return appendGroups(dst, p.deltas, signBit)
}
