package tail

import (
	"io"

	"github.com/cespare/xxhash/v2"
)

const (
	// prefixBytes is how many first bytes of a file tell it from others.
	prefixBytes = 1024
	// leastPrefix is how many are taken before they are read, if there are as many.
	leastPrefix = 64
)

// A prefix is the hash of a file's first bytes.
type prefix struct {
	bytes int64
	hash  uint64
}

// prefixOf hashes up to n first bytes of what r reads.
func prefixOf(r io.ReaderAt, n int64) prefix {
	buf := make([]byte, min(n, prefixBytes))
	got, _ := r.ReadAt(buf, 0)
	return hashed(buf[:got])
}

// prefixOfStream is prefixOf for what cannot be read at any offset.
func prefixOfStream(r io.Reader, n int64) prefix {
	buf := make([]byte, min(n, prefixBytes))
	got, _ := io.ReadFull(r, buf)
	return hashed(buf[:got])
}

// hashed is the prefix of these bytes. That of none is the zero value.
func hashed(b []byte) prefix {
	if len(b) == 0 {
		return prefix{}
	}
	return prefix{int64(len(b)), xxhash.Sum64(b)}
}
