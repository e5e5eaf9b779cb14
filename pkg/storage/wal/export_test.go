package wal

import (
	"encoding/binary"

	"github.com/skaldlogs/skald/pkg/encbuf"
)

// ResealHeader makes the checksum of a file's header fit again after an edit.
func ResealHeader(file []byte) []byte {
	binary.LittleEndian.PutUint32(file[20:], encbuf.Checksum(file[:20]))
	return file
}
