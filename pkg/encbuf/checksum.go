package encbuf

import "hash/crc32"

// ChecksumLen is the size of a checksum in bytes.
const ChecksumLen = 4

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// Checksum is the CRC-32C of b.
func Checksum(b []byte) uint32 { return crc32.Checksum(b, castagnoli) }

// UpdateChecksum returns the CRC-32C of the bytes behind crc followed by b. The
// checksum of no bytes is 0.
func UpdateChecksum(crc uint32, b []byte) uint32 { return crc32.Update(crc, castagnoli, b) }
