package fields

import "encoding/binary"

// A trigramSet finds the places in a text where one of a few words may begin,
// eight bytes at a time. Words are told by their first three bytes, and of those
// by the low four bits: letters of either case agree in them, other characters
// collide now and then, and whoever asks compares what was found in full.
//
// It is made for the miss: most lines hold none of the words.
type trigramSet [1 << 12]byte

// add puts a word of at least three bytes into the set.
func (s *trigramSet) add(word string) { s[trigram(word[0], word[1], word[2])] = 1 }

func trigram(a, b, c byte) uint { return uint(a&15) | uint(b&15)<<4 | uint(c&15)<<8 }

// next returns the first place in text, from i on, where a word may begin, or
// -1. At least three bytes are left there.
func (s *trigramSet) next(text []byte, i int) int {
	const stride = 6 // of eight bytes, six have two behind them
	for ; i+8 <= len(text); i += stride {
		x := binary.LittleEndian.Uint64(text[i:]) & 0x0f0f0f0f0f0f0f0f
		x = (x | x>>4) & 0x00ff00ff00ff00ff
		x = (x | x>>8) & 0x0000ffff0000ffff
		x |= x >> 16 // of which the low half counts: 4 bits for each byte
		if s[x&0xfff]|s[x>>4&0xfff]|s[x>>8&0xfff]|s[x>>12&0xfff]|s[x>>16&0xfff]|s[x>>20&0xfff] == 0 {
			continue
		}
		for s[x&0xfff] == 0 {
			x >>= 4
			i++
		}
		return i
	}
	for ; i+3 <= len(text); i++ {
		if s[trigram(text[i], text[i+1], text[i+2])] != 0 {
			return i
		}
	}
	return -1
}
