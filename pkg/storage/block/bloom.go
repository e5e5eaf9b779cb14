package block

import (
	"encoding/binary"

	"github.com/cespare/xxhash/v2"

	"github.com/skaldlogs/skald/pkg/grep"
	"github.com/skaldlogs/skald/pkg/model"
)

// What a filter knows of.
const (
	filterIDs   = 1 // all values of columns of ids
	filterWords = 2 // all words of columns of texts
	knownFilter = filterIDs | filterWords

	filterLine  = 64 // bytes that all bits of one key are in
	filterHead  = 1  // bytes before the first line
	bitsPerKey  = 10
	probes      = 6
	filterShare = 12 // a filter is at most one twelfth of the block, about 8 %

	// minFilterText is the length of texts from which their words are in the
	// filter: less is soon read.
	minFilterText = 4 << 10

	// maxKeys is how many keys are worth gathering: a filter of more would take
	// more than its share of any block that is not oversized.
	maxKeys = TargetBytes / 16
)

// maxFilterLen is the limit on a filter in a block of so many raw bytes.
func maxFilterLen(rawBytes int) int { return rawBytes/8 + 1<<16 }

// isID reports whether the values of a column are keys of the filter.
func (c *column) isID() bool {
	switch c.kind {
	case columnHex, columnUUID, columnIP, columnHexInt:
		return true
	}
	return false
}

// hasWords reports whether the words of a column are keys of the filter.
func (c *column) hasWords() bool {
	return (c.kind == columnRaw || c.kind == columnDict) && c.bytes.raw() >= minFilterText
}

// idKey is the key of a packed value of a column of ids.
func idKey(kind uint8, packed []byte) uint64 {
	return xxhash.Sum64(packed) + uint64(kind)*0x9e3779b97f4a7c15
}

func hexIntKey(v uint64) uint64 {
	var b [8]byte
	binary.LittleEndian.PutUint64(b[:], v)
	return idKey(columnHexInt, b[:])
}

func wordKey(word []byte) uint64 { return idKey(columnRaw, word) }

// eachWord calls fn with the words of s until it returns false. A word at an
// open end may go on beyond s, and is left out.
func eachWord(s []byte, openStart, openEnd bool, fn func(word []byte) bool) {
	for i := 0; i < len(s); {
		if classes[s[i]]&isWord == 0 {
			i++
			continue
		}
		start := i
		for i < len(s) && classes[s[i]]&isWord != 0 {
			i++
		}
		if start == 0 && openStart || i == len(s) && openEnd {
			continue
		}
		if !fn(s[start:i]) {
			return
		}
	}
}

// A keySet gathers distinct keys.
type keySet struct {
	table []uint64 // open addressing; 0 is free
	keys  []uint64
	full  bool // some were left out: no filter can be made of these
}

func (k *keySet) reset() {
	if len(k.table) == 0 || len(k.table) > 1<<18 {
		k.table = make([]uint64, 1<<12)
	}
	clear(k.table)
	k.keys, k.full = k.keys[:0], false
}

func (k *keySet) add(key uint64) {
	if key == 0 {
		key = 1
	}
	mask := uint64(len(k.table) - 1)
	at := key >> 7 & mask
	for ; k.table[at] != 0; at = (at + 1) & mask {
		if k.table[at] == key {
			return
		}
	}
	if len(k.keys) == maxKeys {
		k.full = true
		return
	}
	k.table[at] = key
	k.keys = append(k.keys, key)
	if 2*len(k.keys) > len(k.table) {
		k.table = make([]uint64, 2*len(k.table))
		mask = uint64(len(k.table) - 1)
		for _, key := range k.keys {
			at := key >> 7 & mask
			for k.table[at] != 0 {
				at = (at + 1) & mask
			}
			k.table[at] = key
		}
	}
}

// filterLen is the length of a filter of n keys.
func filterLen(n int) int {
	lines := (n*bitsPerKey + 8*filterLine - 1) / (8 * filterLine)
	return filterHead + lines*filterLine
}

// appendFilter appends a filter of ids and words, or of those that fit, to dst.
func appendFilter(dst []byte, ids, words *keySet, most int) []byte {
	var kinds byte
	n := 0
	if len(ids.keys) > 0 && !ids.full && filterLen(len(ids.keys)) <= most {
		kinds, n = kinds|filterIDs, len(ids.keys)
	}
	if len(words.keys) > 0 && !words.full && filterLen(n+len(words.keys)) <= most {
		kinds, n = kinds|filterWords, n+len(words.keys)
	}
	if n == 0 {
		return dst
	}
	start := len(dst)
	dst = append(dst, kinds)
	dst = append(dst, make([]byte, filterLen(n)-filterHead)...)
	f := filter(dst[start:])
	if kinds&filterIDs != 0 {
		f.add(ids.keys)
	}
	if kinds&filterWords != 0 {
		f.add(words.keys)
	}
	return dst
}

// A filter says of keys that they are in no column, or that they may be.
type filter []byte

// readFilter checks the form of a filter, which may be empty. It is b.
func readFilter(b []byte) (filter, error) {
	if len(b) == 0 {
		return nil, nil
	}
	if b[0]&^knownFilter != 0 {
		return nil, unsupportedf("a filter of kinds %#x", b[0])
	}
	if len(b) == filterHead || (len(b)-filterHead)%filterLine != 0 {
		return nil, damagedf("a filter of %d bytes", len(b))
	}
	return b, nil
}

func (f filter) has(kind byte) bool { return len(f) > 0 && f[0]&kind != 0 }

// place returns the line of a key, and the bits in it: nine for each probe.
func (f filter) place(key uint64) ([]byte, uint64) {
	if key == 0 {
		key = 1
	}
	lines := uint64(len(f)-filterHead) / filterLine
	at := filterHead + (key>>32*lines>>32)*filterLine
	return f[at:][:filterLine], (key * 0x9fb21c651e98df25) >> 10
}

func (f filter) add(keys []uint64) {
	for _, key := range keys {
		line, bits := f.place(key)
		for range probes {
			line[bits&511/8] |= 1 << (bits & 7)
			bits >>= 9
		}
	}
}

// lacks reports whether a key is certainly not there.
func (f filter) lacks(key uint64) bool {
	line, bits := f.place(key)
	for range probes {
		if line[bits&511/8]&(1<<(bits&7)) == 0 {
			return true
		}
		bits >>= 9
	}
	return false
}

// lacksText reports whether no value of a column of texts holds text.
func (f filter) lacksText(how uint8, text grep.Text) bool {
	lacking := false
	eachWord(model.BorrowBytes(text.Text), how == anywhere || how == atEnd, how == anywhere || how == atStart, func(word []byte) bool {
		// Keys are of words in the case that they have.
		lacking = !(text.Fold && hasLetter(word)) && f.lacks(wordKey(word))
		return !lacking
	})
	return lacking
}

func hasLetter(word []byte) bool {
	for _, b := range word {
		if classes[b]&isDigit == 0 {
			return true
		}
	}
	return false
}
