package segment

import (
	"bytes"
	"cmp"
	"encoding/binary"
	"fmt"
	"io"
	"slices"

	"github.com/klauspost/compress/zstd"
	"github.com/oklog/ulid/v2"
	"github.com/prometheus/prometheus/model/labels"

	"github.com/skaldlogs/skald/pkg/encbuf"
	"github.com/skaldlogs/skald/pkg/model"
	"github.com/skaldlogs/skald/pkg/scan"
	"github.com/skaldlogs/skald/pkg/storage/block"
	"github.com/skaldlogs/skald/pkg/storage/index"
)

// A Block is one block on its way into a segment. The streams of its runs are
// references that the writer was given labels for.
type Block struct {
	block.Encoded
	Order scan.Order
	// Group names the group of streams that the block belongs to. Blocks of a
	// group hold alike lines and are merged with each other.
	Group string
}

// A Summary says what is in a segment.
type Summary struct {
	ID      ulid.ULID
	Tenant  string
	Sources []scan.Generation
	Size    int64 // of the whole object, in bytes
	// IndexSize is the length of the index and the trailer, at the end of the object.
	IndexSize int64
	// PruneSize is the length of the prune parts, which lie before it.
	PruneSize int64
	Interval  model.Interval

	Streams       int
	Blocks        int
	Rows          int64
	Bytes         int64 // of the lines
	MetadataBytes int64
}

// A Writer writes one segment. After an error it is of no more use, and what
// was written is no segment.
type Writer struct {
	w      io.Writer
	id     ulid.ULID
	tenant string
	labels func(ref uint32) labels.Labels
	off    int64 // bytes written
	err    error // sticky

	streams []labels.Labels
	numbers map[uint32]uint32 // in streams, by reference of the caller
	groups  []string
	group   map[string]int
	blocks  []entry
	prune   []byte
}

// An entry is a block in the directory.
type entry struct {
	group    int
	order    scan.Order
	data     extent
	prune    extent
	pruneCRC uint32
	interval model.Interval
	rows     int
	runs     []block.Run // of references in the segment
}

// An extent is a range of bytes in the segment.
type extent struct {
	off int64
	len int
}

func (e extent) end() int64 { return e.off + int64(e.len) }

// NewWriter returns a Writer of the segment id to w. Nothing is written before
// the first block. The labels of a stream are asked for when it first occurs;
// different streams have different labels.
func NewWriter(w io.Writer, id ulid.ULID, tenant string, labels func(ref uint32) labels.Labels) *Writer {
	return &Writer{w: w, id: id, tenant: tenant, labels: labels, numbers: map[uint32]uint32{}, group: map[string]int{}}
}

// Add writes the data of a block and remembers the rest. It is an error that
// wraps [ErrTooLarge] when the segment has no room for it: nothing is written
// then, and the segment can still be finished.
func (w *Writer) Add(b Block) error {
	if w.err != nil {
		return w.err
	}
	if len(b.Runs) == 0 {
		return fmt.Errorf("write segment %s: a block without rows", w.id)
	}
	if w.off+int64(len(w.prune)+len(b.Data)+len(b.Prune)) > MaxBytes-maxIndex {
		return fmt.Errorf("write segment %s: %w", w.id, ErrTooLarge)
	}
	if w.off == 0 {
		w.write(appendHeader(nil, w.id))
	}
	e := entry{
		group:    w.groupOf(b.Group),
		order:    b.Order,
		data:     extent{w.off, len(b.Data)},
		prune:    extent{int64(len(w.prune)), len(b.Prune)}, // moved when it is written
		pruneCRC: encbuf.Checksum(b.Prune),
		interval: b.Interval,
		rows:     b.Rows,
		runs:     slices.Clone(b.Runs),
	}
	for i := range e.runs {
		e.runs[i].Stream = w.number(e.runs[i].Stream)
	}
	w.blocks = append(w.blocks, e)
	w.prune = append(w.prune, b.Prune...)
	w.write(b.Data)
	return w.err
}

// Size is how many bytes the segment has so far, without its index.
func (w *Writer) Size() int64 { return w.off + int64(len(w.prune)) }

// Finish writes the rest. Sources are the memtables that the rows come from.
func (w *Writer) Finish(sources []scan.Generation) (Summary, error) {
	if w.err == nil && len(w.blocks) == 0 {
		w.err = fmt.Errorf("write segment %s: no blocks", w.id)
	}
	if w.err != nil {
		return Summary{}, w.err
	}
	for i := range w.blocks {
		w.blocks[i].prune.off += w.off
	}
	w.write(w.prune)

	streams, refs := index.Append(nil, w.streams)
	for i := range w.blocks {
		for j := range w.blocks[i].runs {
			r := &w.blocks[i].runs[j]
			r.Stream = refs[r.Stream]
		}
	}
	slices.SortStableFunc(w.blocks, func(a, b entry) int {
		if c := cmp.Compare(a.group, b.group); c != 0 {
			return c
		}
		return cmp.Compare(a.interval.Mint, b.interval.Mint)
	})
	raw := w.appendIndex(nil, streams, sources)
	if len(raw) > maxIndex {
		w.err = fmt.Errorf("write segment %s: an index of %d bytes: %w", w.id, len(raw), ErrTooLarge)
		return Summary{}, w.err
	}
	stored, err := compressIndex(raw)
	if err != nil {
		w.err = fmt.Errorf("write segment %s: compress index: %w", w.id, err)
		return Summary{}, w.err
	}
	off := w.off
	w.write(stored)
	w.write(appendTrailer(nil, off, stored))
	if w.err != nil {
		return Summary{}, w.err
	}
	s := w.summary(sources)
	s.IndexSize, s.PruneSize = w.off-off, int64(len(w.prune))
	return s, nil
}

func (w *Writer) summary(sources []scan.Generation) Summary {
	s := summarize(w.blocks)
	s.ID, s.Tenant, s.Sources, s.Size, s.Streams = w.id, w.tenant, sources, w.off, len(w.streams)
	return s
}

// summarize adds up blocks.
func summarize(blocks []entry) Summary {
	s := Summary{Interval: model.Nothing, Blocks: len(blocks)}
	for i := range blocks {
		b := &blocks[i]
		s.Interval = s.Interval.Union(b.interval)
		s.Rows += int64(b.rows)
		for j := range b.runs {
			s.Bytes += b.runs[j].Bytes
			s.MetadataBytes += b.runs[j].MetadataBytes
		}
	}
	return s
}

func (w *Writer) write(b []byte) {
	if w.err != nil {
		return
	}
	n, err := w.w.Write(b)
	w.off += int64(n)
	if err != nil {
		w.err = fmt.Errorf("write segment %s at offset %d: %w", w.id, w.off, err)
	}
}

// number returns the place of a stream in w.streams.
func (w *Writer) number(ref uint32) uint32 {
	n, ok := w.numbers[ref]
	if !ok {
		n = uint32(len(w.streams))
		w.numbers[ref] = n
		w.streams = append(w.streams, w.labels(ref))
	}
	return n
}

func (w *Writer) groupOf(key string) int {
	n, ok := w.group[key]
	if !ok {
		n = len(w.groups)
		w.group[key] = n
		w.groups = append(w.groups, key)
	}
	return n
}

func (w *Writer) appendIndex(dst, streams []byte, sources []scan.Generation) []byte {
	dst = append(dst, w.id[:]...)
	dst = encbuf.AppendString(dst, w.tenant)
	dst = binary.AppendUvarint(dst, uint64(len(sources)))
	for _, s := range sources {
		dst = encbuf.AppendString(dst, s.Ingester)
		dst = binary.AppendUvarint(dst, s.ID)
	}
	dst = binary.AppendUvarint(dst, uint64(len(w.groups)))
	for _, g := range w.groups {
		dst = encbuf.AppendString(dst, g)
	}
	dst = encbuf.AppendBytes(dst, streams)
	dst = binary.AppendUvarint(dst, uint64(len(w.blocks)))
	for i := range w.blocks {
		dst = w.blocks[i].append(dst)
	}
	return binary.AppendUvarint(dst, 0) // filters
}

func (e *entry) append(dst []byte) []byte {
	dst = binary.AppendUvarint(dst, uint64(e.group))
	dst = binary.AppendUvarint(dst, e.order.Generation)
	dst = binary.AppendUvarint(dst, uint64(e.order.Place))
	dst = binary.AppendUvarint(dst, uint64(e.data.off))
	dst = binary.AppendUvarint(dst, uint64(e.data.len))
	dst = binary.AppendUvarint(dst, uint64(e.prune.off))
	dst = binary.AppendUvarint(dst, uint64(e.prune.len))
	dst = binary.LittleEndian.AppendUint32(dst, e.pruneCRC)
	dst = binary.AppendUvarint(dst, uint64(len(e.runs)))
	dst = binary.AppendVarint(dst, e.interval.Mint)
	prev := int64(0)
	for i := range e.runs {
		r := &e.runs[i]
		dst = binary.AppendVarint(dst, int64(r.Stream)-prev)
		prev = int64(r.Stream)
		dst = binary.AppendUvarint(dst, uint64(r.Rows))
		dst = binary.AppendUvarint(dst, uint64(r.Interval.Mint)-uint64(e.interval.Mint))
		dst = binary.AppendUvarint(dst, uint64(r.Interval.Maxt)-uint64(r.Interval.Mint))
		dst = binary.AppendUvarint(dst, uint64(r.Bytes))
		dst = binary.AppendUvarint(dst, uint64(r.MetadataBytes))
	}
	return dst
}

// compressIndex returns the index as it is stored.
func compressIndex(raw []byte) ([]byte, error) {
	var out bytes.Buffer
	out.Write(binary.AppendUvarint(nil, uint64(len(raw))))
	e, err := zstd.NewWriter(&out, zstd.WithEncoderConcurrency(1), zstd.WithEncoderCRC(false))
	if err != nil {
		return nil, err
	}
	if _, err := e.Write(raw); err != nil {
		return nil, err
	}
	if err := e.Close(); err != nil {
		return nil, err
	}
	return out.Bytes(), nil
}

func decompressIndex(stored []byte) ([]byte, error) {
	d := encbuf.NewDecoder(stored)
	n := d.Uvarint()
	frame := d.Rest()
	if d.Err() != nil {
		return nil, damagedf("index: %v", d.Err())
	}
	if n > maxIndex {
		return nil, damagedf("index of %d bytes, at most %d allowed", n, maxIndex)
	}
	z, err := zstd.NewReader(nil, zstd.WithDecoderConcurrency(1), zstd.WithDecodeAllCapLimit(true))
	if err != nil {
		return nil, fmt.Errorf("index: %w", err)
	}
	defer z.Close()
	raw, err := z.DecodeAll(frame, make([]byte, 0, n))
	if err != nil {
		return nil, damagedf("index: %v", err)
	}
	if uint64(len(raw)) != n {
		return nil, damagedf("index of %d bytes, want %d", len(raw), n)
	}
	return raw, nil
}
