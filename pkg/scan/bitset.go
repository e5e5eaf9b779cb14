package scan

import "math/bits"

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
