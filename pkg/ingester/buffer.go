package ingester

import (
	"encoding/binary"
	"slices"

	"github.com/prometheus/prometheus/model/labels"

	"github.com/skaldlogs/skald/pkg/encbuf"
	"github.com/skaldlogs/skald/pkg/model"
	"github.com/skaldlogs/skald/pkg/storage/block"
)

// chunkBytes is the size of one piece of a buffer's arena. A row never
// straddles two pieces, and a row larger than one has a piece of its own.
const chunkBytes = 256 << 10

// A buffer is the raw rows of one group that no block holds yet: an arena with
// the bytes of lines and metadata, and a table of rows without pointers, so
// that a million waiting lines are nothing to the garbage collector.
//
// A buffer only grows. Its owner, a [group], guards it; what [buffer.view]
// returned stays true without a lock, since what it saw is never changed.
type buffer struct {
	place  uint32 // the first of its places in the order of arrival within the group
	rows   []row
	chunks [][]byte
	used   int // bytes of the last chunk that are taken
	bytes  int // of lines and metadata, as limits count them
	early  early

	held      int64    // footprint of the arena and the names
	names     []string // of metadata; rows refer to them by number
	nameIDs   map[string]uint64
	lastMeta  uint32 // where the metadata of the row before lies, plus one
	lastBytes []byte // and its encoded form
	scratch   []byte
}

// A row is one entry: where it lies in the arena. Offsets count from the start
// of the first chunk, as if all chunks were chunkBytes long.
type row struct {
	ts     int64
	line   uint32 // offset
	length uint32 // of the line
	stream uint32 // reference within the head
	meta   uint32 // offset of the encoded metadata plus one; 0 for none
}

const rowBytes = 24

// append copies e, an entry of stream, to the end of the buffer.
func (b *buffer) append(stream uint32, e *model.Entry) {
	r := row{ts: e.Timestamp, length: uint32(len(e.Line)), stream: stream}
	if len(e.Metadata) > 0 {
		r.meta = b.putMetadata(e.Metadata)
	}
	var dst []byte
	r.line, dst = b.alloc(len(e.Line))
	copy(dst, e.Line)
	b.rows = append(b.rows, r)
	b.bytes += e.Bytes()
}

// putMetadata encodes md into the arena and returns its offset plus one. Equal
// metadata in a row, as a detected level is, is stored once.
func (b *buffer) putMetadata(md model.Metadata) uint32 {
	s := binary.AppendUvarint(b.scratch[:0], uint64(len(md)))
	for _, p := range md {
		id, ok := b.nameIDs[p.Name]
		if !ok {
			if b.nameIDs == nil {
				b.nameIDs = map[string]uint64{}
			}
			id = uint64(len(b.names))
			name := string(append([]byte(nil), p.Name...))
			b.names = append(b.names, name)
			b.nameIDs[name] = id
			b.held += int64(len(name)) + 64
		}
		s = binary.AppendUvarint(s, id)
		s = binary.AppendUvarint(s, uint64(len(p.Value)))
		s = append(s, p.Value...)
	}
	b.scratch = s
	if b.lastMeta != 0 && slices.Equal(b.lastBytes, s) {
		return b.lastMeta
	}
	off, dst := b.alloc(len(s))
	copy(dst, s)
	b.lastMeta, b.lastBytes = off+1, dst
	return off + 1
}

// alloc takes n bytes of the arena.
func (b *buffer) alloc(n int) (uint32, []byte) {
	last := len(b.chunks) - 1
	if last < 0 || b.used+n > chunkBytes {
		// The offsets of an oversized chunk reach over the slots behind it.
		if last >= 0 {
			for range (len(b.chunks[last]) - 1) / chunkBytes {
				b.chunks = append(b.chunks, nil)
			}
		}
		size := chunkBytes
		switch {
		case n > chunkBytes:
			size = n
		case len(b.chunks) == 0:
			size = max(1<<10, n)
		}
		b.chunks = append(b.chunks, make([]byte, size))
		b.held += int64(size)
		b.used = 0
		last = len(b.chunks) - 1
	}
	if need := b.used + n; need > len(b.chunks[last]) {
		// Only the first chunk begins small. A view keeps the one it saw.
		grown := make([]byte, min(chunkBytes, max(need, 2*len(b.chunks[last]))))
		copy(grown, b.chunks[last][:b.used])
		b.held += int64(len(grown) - len(b.chunks[last]))
		b.chunks[last] = grown
	}
	off := uint32(last*chunkBytes + b.used)
	dst := b.chunks[last][b.used : b.used+n : b.used+n]
	b.used += n
	return off, dst
}

// full reports whether a row of n more bytes would grow the buffer past what
// one block may hold.
func (b *buffer) full(n int) bool {
	return len(b.rows) > 0 && (b.bytes+n > sealBytes || len(b.rows) >= sealRows)
}

// footprint is how much memory the buffer holds on to.
func (b *buffer) footprint() int64 {
	return b.held + int64(cap(b.rows))*rowBytes + b.early.held
}

// A view is what a buffer held at one moment.
type view struct {
	rows   []row
	chunks [][]byte
	names  []string
}

// view must be called with the group locked; the view needs no lock.
func (b *buffer) view() view {
	return view{rows: b.rows, chunks: slices.Clone(b.chunks), names: b.names}
}

func (v *view) at(off, n uint32) []byte {
	if n == 0 {
		return nil
	}
	c, o := off/chunkBytes, off%chunkBytes
	return v.chunks[c][o : o+n]
}

func (v *view) line(r *row) string { return model.Borrow(v.at(r.line, r.length)) }

// appendMetadata appends the pairs of r to dst. Their values borrow from the arena.
func (v *view) appendMetadata(dst []labels.Label, r *row) []labels.Label {
	if r.meta == 0 {
		return dst
	}
	c, o := (r.meta-1)/chunkBytes, (r.meta-1)%chunkBytes
	d := encbuf.NewDecoder(v.chunks[c][o:])
	for range d.Uvarint() {
		name := v.names[d.Uvarint()]
		dst = append(dst, labels.Label{Name: name, Value: model.Borrow(d.Bytes(int(d.Uvarint())))})
	}
	return dst
}

// metadataBytes is the length of all names and values of r's metadata.
func (v *view) metadataBytes(r *row) int64 {
	if r.meta == 0 {
		return 0
	}
	c, o := (r.meta-1)/chunkBytes, (r.meta-1)%chunkBytes
	d := encbuf.NewDecoder(v.chunks[c][o:])
	var n int64
	for range d.Uvarint() {
		n += int64(len(v.names[d.Uvarint()]))
		n += int64(len(d.Bytes(int(d.Uvarint()))))
	}
	return n
}

// appendRows appends the rows that keep selects to dst, as blocks take them.
func (v *view) appendRows(dst []block.Row, keep func(*row) bool) []block.Row {
	var pairs []labels.Label
	for i := range v.rows {
		r := &v.rows[i]
		if keep != nil && !keep(r) {
			continue
		}
		out := block.Row{Stream: r.stream, Timestamp: r.ts, Line: v.line(r)}
		if r.meta != 0 {
			if cap(pairs)-len(pairs) < 16 {
				pairs = make([]labels.Label, 0, 1024)
			}
			n := len(pairs)
			pairs = v.appendMetadata(pairs, r)
			out.Metadata = pairs[n:len(pairs):len(pairs)]
		}
		dst = append(dst, out)
	}
	return dst
}
