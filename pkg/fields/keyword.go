package fields

import (
	"encoding/binary"

	"github.com/skaldlogs/skald/pkg/model"
)

// keywordLevel returns the level of the first keyword in line, whatever its
// case, that stands alone: after the start or one of ␠ ⇥ ⏎ [ ( { " = and before
// the end or one of ␠ ⇥ ⏎ [ ] ( ) { } : , ! " =.
//
// Most lines hold no keyword near their start, so the scan is made for the miss.
// It takes eight bytes at a time, keeps the low four bits of each, and looks up
// every three neighbours in a table of those that begin a keyword. Letters of
// either case agree in these bits, other characters collide with them now and
// then, and what passes is compared in full.
func keywordLevel(line string) string {
	const stride = 6 // of the eight bytes loaded, six begin three neighbours
	b := model.BorrowBytes(line)
	i := 0
	for ; i+8 <= len(line); i += stride {
		x := binary.LittleEndian.Uint64(b[i:]) & 0x0f0f0f0f0f0f0f0f
		x = (x | x>>4) & 0x00ff00ff00ff00ff
		x = (x | x>>8) & 0x0000ffff0000ffff
		x = (x | x>>16) & 0xffffffff
		hit := begins[x&0xfff] | begins[x>>4&0xfff]<<1 | begins[x>>8&0xfff]<<2 |
			begins[x>>12&0xfff]<<3 | begins[x>>16&0xfff]<<4 | begins[x>>20&0xfff]<<5
		if hit == 0 {
			continue
		}
		for j := range stride {
			if hit>>j&1 != 0 {
				if level := keywordAt(line, i+j); level != "" {
					return level
				}
			}
		}
	}
	for ; i+3 <= len(line); i++ {
		if level := keywordAt(line, i); level != "" {
			return level
		}
	}
	return LevelUnknown
}

// keywordAt returns the level of the keyword that stands alone at line[i:], if
// one does. At least three bytes are there.
func keywordAt(line string, i int) string {
	if i > 0 && neighbours[line[i-1]]&before == 0 {
		return ""
	}
	rest := line[i:]
	switch rest[0] | 0x20 {
	case 'i':
		if keywordEnds(rest, "info") {
			return LevelInfo
		}
	case 'e':
		if keywordEnds(rest, "error") || keywordEnds(rest, "err") {
			return LevelError
		}
	case 'w':
		if keywordEnds(rest, "warn") || keywordEnds(rest, "warning") {
			return LevelWarn
		}
	case 'd':
		if keywordEnds(rest, "debug") {
			return LevelDebug
		}
	case 't':
		if keywordEnds(rest, "trace") {
			return LevelTrace
		}
	case 'f':
		if keywordEnds(rest, "fatal") {
			return LevelFatal
		}
	case 'c':
		if keywordEnds(rest, "critical") {
			return LevelCritical
		}
	}
	return ""
}

// keywordEnds reports whether rest begins with word and the word ends there.
func keywordEnds(rest, word string) bool {
	return len(rest) >= len(word) && asciiEqualFold(rest[:len(word)], word) &&
		(len(rest) == len(word) || neighbours[rest[len(word)]]&after != 0)
}

// Which side of a keyword a byte may stand on.
const (
	before = 1 << iota
	after
)

var neighbours = func() (t [256]byte) {
	for _, c := range []byte(" \t\n[({\"=") {
		t[c] |= before
	}
	for _, c := range []byte(" \t\n[](){}:,!\"=") {
		t[c] |= after
	}
	return t
}()

// begins marks the low four bits of the first three letters of each keyword,
// the first letter lowest.
var begins = func() (t [4096]byte) {
	for _, w := range []string{"trace", "debug", "fatal", "critical", "error", "err", "warning", "warn", "info"} {
		t[uint(w[0]&15)|uint(w[1]&15)<<4|uint(w[2]&15)<<8] = 1
	}
	return t
}()
