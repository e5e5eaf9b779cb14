package scan

import (
	"math/bits"
	"slices"
)

// A Bitset is a set of row numbers below a fixed length.
type Bitset struct {
	words []uint64
	n     int
}

// NewBitset returns a set for rows below n, empty or full.
func NewBitset(n int, full bool) *Bitset {
	b := &Bitset{words: make([]uint64, (n+63)/64), n: n}
	if full {
		for i := range b.words {
			b.words[i] = ^uint64(0)
		}
		b.trim()
	}
	return b
}

// trim clears the bits at and beyond n, which every operation keeps at zero.
func (b *Bitset) trim() {
	if r := b.n % 64; r != 0 {
		b.words[len(b.words)-1] &= 1<<r - 1
	}
}

// Len is the number of rows that the set is for.
func (b *Bitset) Len() int { return b.n }

// Words are the rows of the set, 64 in a word, from the lowest bit on. Who
// changes them keeps the bits from Len on at zero.
func (b *Bitset) Words() []uint64 { return b.words }

// Slice is the set of rows [start, end), numbered from 0.
func (b *Bitset) Slice(start, end int) *Bitset {
	s := NewBitset(end-start, false)
	first, shift := start/64, start%64
	for i := range s.words {
		s.words[i] = b.words[first+i] >> shift
		if next := first + i + 1; shift > 0 && next < len(b.words) {
			s.words[i] |= b.words[next] << (64 - shift)
		}
	}
	if s.n > 0 {
		s.trim()
	}
	return s
}

// Get reports whether row i is in the set.
func (b *Bitset) Get(i int) bool { return b.words[i/64]&(1<<(i%64)) != 0 }

// Set adds row i.
func (b *Bitset) Set(i int) { b.words[i/64] |= 1 << (i % 64) }

// Clear removes row i.
func (b *Bitset) Clear(i int) { b.words[i/64] &^= 1 << (i % 64) }

// And keeps only the rows that are also in o, which is for as many rows.
func (b *Bitset) And(o *Bitset) {
	for i := range b.words {
		b.words[i] &= o.words[i]
	}
}

// Or adds the rows of o, which is for as many rows.
func (b *Bitset) Or(o *Bitset) {
	for i := range b.words {
		b.words[i] |= o.words[i]
	}
}

// AndNot removes the rows of o, which is for as many rows.
func (b *Bitset) AndNot(o *Bitset) {
	for i := range b.words {
		b.words[i] &^= o.words[i]
	}
}

// Clone returns a set with the same rows.
func (b *Bitset) Clone() *Bitset { return &Bitset{slices.Clone(b.words), b.n} }

// Next is the first row of the set from i on, or its length where there is none.
func (b *Bitset) Next(i int) int {
	if i >= b.n {
		return b.n
	}
	w := i / 64
	if rest := b.words[w] >> (i % 64); rest != 0 {
		return i + bits.TrailingZeros64(rest)
	}
	for w++; w < len(b.words); w++ {
		if b.words[w] != 0 {
			return w*64 + bits.TrailingZeros64(b.words[w])
		}
	}
	return b.n
}

// CountRange is how many of the rows [start, end) are in the set.
func (b *Bitset) CountRange(start, end int) int {
	if start >= end {
		return 0
	}
	first, last := start/64, (end-1)/64
	low, high := ^uint64(0)<<(start%64), ^uint64(0)>>(63-(end-1)%64)
	if first == last {
		return bits.OnesCount64(b.words[first] & low & high)
	}
	n := bits.OnesCount64(b.words[first]&low) + bits.OnesCount64(b.words[last]&high)
	for _, w := range b.words[first+1 : last] {
		n += bits.OnesCount64(w)
	}
	return n
}

// Not turns the set into its complement.
func (b *Bitset) Not() {
	for i := range b.words {
		b.words[i] = ^b.words[i]
	}
	if b.n > 0 {
		b.trim()
	}
}

// Count is how many rows are in the set.
func (b *Bitset) Count() int {
	n := 0
	for _, w := range b.words {
		n += bits.OnesCount64(w)
	}
	return n
}
