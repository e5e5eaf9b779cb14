package block

import (
	"encoding/binary"

	"github.com/skaldlogs/skald/pkg/encbuf"
	"github.com/skaldlogs/skald/pkg/model"
)

const (
	magic   = "SKBK"
	version = 1

	layoutRows      = 0
	layoutTemplates = 1

	flagStreams  = 1  // more than one stream
	flagMetadata = 2  // some row has metadata
	flagRuns     = 8  // columns of texts say how long their runs are
	flagSizes    = 16 // the lengths of the lines of layout 1 are there
	knownFlags   = flagStreams | flagMetadata | flagRuns | flagSizes
)

// A head is the fixed part of a block, which says how long the others are.
type head struct {
	layout    uint8
	flags     uint8
	rows      int
	rawBytes  int // of lines and metadata
	interval  model.Interval
	schema    int // length as stored
	schemaRaw int
	small     int // length as stored
	smallRaw  int
	smallCRC  uint32
	filter    int
}

func (h *head) append(dst []byte) []byte {
	dst = append(dst, magic...)
	dst = binary.LittleEndian.AppendUint16(dst, version)
	dst = append(dst, h.layout, h.flags)
	dst = binary.AppendUvarint(dst, uint64(h.rows))
	dst = binary.AppendUvarint(dst, uint64(h.rawBytes))
	dst = binary.AppendVarint(dst, h.interval.Mint)
	dst = binary.AppendUvarint(dst, uint64(h.interval.Maxt)-uint64(h.interval.Mint))
	for _, n := range []int{h.schema, h.schemaRaw, h.small, h.smallRaw, h.filter} {
		dst = binary.AppendUvarint(dst, uint64(n))
	}
	return binary.LittleEndian.AppendUint32(dst, h.smallCRC)
}

// read reads a head up to its checksum, and checks every number against its limit.
func (h *head) read(d *encbuf.Decoder) error {
	m, v := d.Bytes(len(magic)), d.U16()
	h.layout = d.U8()
	h.flags = d.U8()
	switch {
	case d.Err() != nil:
		return damagedf("block head: %v", d.Err())
	case string(m) != magic:
		return damagedf("block head: it begins with %q, want %q", m, magic)
	case v != version:
		return unsupportedf("block of version %d, this reads version %d", v, version)
	case h.layout > layoutTemplates:
		return unsupportedf("block of layout %d, this reads layouts to %d", h.layout, layoutTemplates)
	case h.flags&^knownFlags != 0:
		return unsupportedf("block with flags %#x, this knows %#x", h.flags, knownFlags)
	}
	limited := func(what string, limit int) int {
		n := d.Uvarint()
		if n > uint64(limit) {
			d.Fail(damagedf("%s %d, at most %d allowed", what, n, limit))
			return 0
		}
		return int(n)
	}
	h.rows = limited("rows", MaxRows)
	h.rawBytes = limited("raw bytes", maxRawBytes(h.rows))
	h.interval.Mint = d.Varint()
	h.interval.Maxt = int64(uint64(h.interval.Mint) + d.Uvarint())
	h.schema = limited("schema length", maxSchemaLen(h.rawBytes))
	h.schemaRaw = limited("schema raw length", maxSchemaLen(h.rawBytes))
	h.small = limited("small frame length", maxSmallLen)
	h.smallRaw = limited("small frame raw length", maxSmallLen)
	h.filter = limited("filter length", maxFilterLen(h.rawBytes))
	h.smallCRC = d.U32()
	if d.Err() == nil {
		switch {
		case h.rows == 0:
			d.Fail(damagedf("no rows"))
		case h.interval.Empty():
			d.Fail(damagedf("timestamps from %d to %d", h.interval.Mint, h.interval.Maxt))
		case h.schema > h.schemaRaw || h.small > h.smallRaw:
			d.Fail(damagedf("a frame is longer than what is in it"))
		}
	}
	if d.Err() != nil {
		return damagedf("block head: %v", d.Err())
	}
	return nil
}

// maxRawBytes is the limit on the lines and metadata of a block.
func maxRawBytes(rows int) int {
	if rows == 1 {
		return MaxRowBytes
	}
	return MaxBytes
}

// maxSchemaLen leaves room for every name and small constant, and for the
// shapes: a number and two descriptions of streams for each column.
func maxSchemaLen(rawBytes int) int { return 2*rawBytes + 1<<20 }

// maxSmallLen is what the streams of all columns could take.
const maxSmallLen = (3*maxColumns + 8) * smallStream
