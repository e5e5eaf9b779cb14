package segment

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"math"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"unsafe"

	"github.com/oklog/ulid/v2"

	"github.com/skaldlogs/skald/pkg/encbuf"
	"github.com/skaldlogs/skald/pkg/model"
	"github.com/skaldlogs/skald/pkg/scan"
	"github.com/skaldlogs/skald/pkg/storage/block"
	"github.com/skaldlogs/skald/pkg/storage/index"
)

// A Source gives the bytes of a segment. ReadAt is that of [io.ReaderAt], with a
// context: it fills p or returns an error, and may be called by several
// goroutines at once.
type Source interface {
	ReadAt(ctx context.Context, p []byte, off int64) (int, error)
}

// A PieceSource is a Source that keeps what it has read in pieces, which others
// share, and that knows best what to read at once.
type PieceSource interface {
	Source
	// ReadPieces returns pieces that hold ranges of the segment, which ascend.
	// They must not be changed.
	ReadPieces(ctx context.Context, ranges []block.Range) ([]block.Piece, error)
}

// firstRead is how much of the end of a segment is read at once, in the hope
// that the index is in it, when nobody knows how long that is.
const firstRead = 64 << 10

// A Reader answers from one segment. It implements [scan.Source].
type Reader struct {
	src         Source
	size        int64
	id          ulid.ULID
	tenant      string
	sources     []scan.Generation
	groups      []string
	streams     *index.Reader
	blocks      []entry
	prune       int64 // offset of the first prune part
	off         int64 // of the index
	streamBytes int   // that streams borrows
	summary     Summary

	hot    *block.Hot // nil for none
	number uint64     // of the first block in hot
	opened *Opened
	// forgotten means that opened keeps no more of it. Opened guards it.
	forgotten bool

	placing sync.Once
	placed  *places

	loading   chan struct{} // holds an item while somebody fills parts
	parts     []prunePart   // of each block
	snapshots atomic.Int64  // that are open
	raw       atomic.Bool   // one that was closed has read prune parts, which may be there still
}

// Open reads the trailer and the index of a segment of size bytes. index is how
// long both are, so that one read fetches them; 0 when it is not known. The reader
// keeps src.
func Open(ctx context.Context, src Source, size, index int64) (*Reader, error) {
	if size < headerLen+trailerLen {
		return nil, fmt.Errorf("open segment: %w", damagedf("it has %d bytes", size))
	}
	if index < trailerLen || index > maxIndex {
		index = firstRead
	}
	tail := make([]byte, min(size, index))
	tailOff := size - int64(len(tail))
	if err := readFull(ctx, src, tail, tailOff); err != nil {
		return nil, fmt.Errorf("open segment: read the last %d bytes: %w", len(tail), err)
	}
	end := tail[len(tail)-trailerLen:]
	t, err := readTrailer(end, size)
	if err != nil {
		return nil, fmt.Errorf("open segment: %w", err)
	}
	var stored []byte
	if t.off >= tailOff {
		stored = tail[t.off-tailOff:][:t.len]
	} else {
		stored = make([]byte, t.len)
		if err := readFull(ctx, src, stored, t.off); err != nil {
			return nil, fmt.Errorf("open segment: read index: %w", err)
		}
	}
	if got := trailerChecksum(end, stored); got != t.crc {
		return nil, fmt.Errorf("open segment: %w", damagedf("index at offset %d: checksum %08x, want %08x", t.off, got, t.crc))
	}
	raw, err := decompressIndex(stored)
	if err != nil {
		return nil, fmt.Errorf("open segment: at offset %d: %w", t.off, err)
	}
	r := &Reader{src: src, size: size, off: t.off, loading: make(chan struct{}, 1), opened: NewOpened(math.MaxInt64)}
	if err := r.readIndex(raw); err != nil {
		return nil, fmt.Errorf("open segment: index at offset %d: %w", t.off, err)
	}
	r.summary = summarize(r.blocks)
	r.summary.ID, r.summary.Tenant, r.summary.Sources = r.id, r.tenant, r.sources
	r.summary.Size, r.summary.IndexSize, r.summary.Streams = size, size-t.off, r.streams.Len()
	r.summary.PruneSize = t.off - r.prune
	r.parts = make([]prunePart, len(r.blocks))
	return r, nil
}

// readFull fills p. A source that ends too early has lost bytes.
func readFull(ctx context.Context, src Source, p []byte, off int64) error {
	n, err := src.ReadAt(ctx, p, off)
	if n == len(p) {
		return nil
	}
	if err == nil || errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
		return damagedf("%d of %d bytes at offset %d", n, len(p), off)
	}
	return err
}

func (r *Reader) readIndex(raw []byte) error {
	d := encbuf.NewDecoder(raw)
	copy(r.id[:], d.Bytes(len(r.id)))
	r.tenant = strings.Clone(d.String())
	r.sources = make([]scan.Generation, d.Count(d.Len(), 2))
	for i := range r.sources {
		r.sources[i] = scan.Generation{Ingester: strings.Clone(d.String()), ID: d.Uvarint()}
	}
	r.groups = make([]string, d.Count(d.Len(), 1))
	for i := range r.groups {
		r.groups[i] = strings.Clone(d.String())
	}
	// What stays is copied: the directory would keep three times its size if the
	// bytes it was read from stayed too.
	streams := bytes.Clone(d.LenBytes())
	if d.Err() != nil {
		return damagedf("%v", d.Err())
	}
	var err error
	if r.streams, err = index.Open(streams); err != nil {
		return err
	}
	r.streamBytes = len(streams)
	r.blocks = make([]entry, d.Count(d.Len(), minEntry))
	for i := range r.blocks {
		if err := r.blocks[i].read(&d, r); err != nil {
			return damagedf("block %d: %v", i, err)
		}
	}
	if n := d.Uvarint(); n != 0 && d.Err() == nil {
		return damagedf("%d filters, this version knows none", n)
	}
	if err := d.End(); err != nil {
		return damagedf("%v", err)
	}
	return r.checkTiling()
}

// checkTiling makes sure that the parts of the blocks fill the segment between
// header and index, all data before all prune parts.
func (r *Reader) checkTiling() error {
	tile := func(what string, start int64, part func(e *entry) extent) (end int64, err error) {
		parts := make([]extent, len(r.blocks))
		for i := range r.blocks {
			parts[i] = part(&r.blocks[i])
		}
		slices.SortFunc(parts, func(a, b extent) int { return cmp.Or(cmp.Compare(a.off, b.off), cmp.Compare(a.len, b.len)) })
		for _, p := range parts {
			if p.off != start {
				return 0, damagedf("%s part at %d, the one before ends at %d", what, p.off, start)
			}
			start = p.end()
		}
		return start, nil
	}
	var err error
	if r.prune, err = tile("data", headerLen, func(e *entry) extent { return e.data }); err != nil {
		return err
	}
	end, err := tile("prune", r.prune, func(e *entry) extent { return e.prune })
	if err != nil {
		return err
	}
	if end != r.off {
		return damagedf("prune parts end at %d, the index begins at %d", end, r.off)
	}
	return nil
}

// The least that a block and a run take in the directory.
const (
	minEntry = 13
	minRun   = 6
)

func (e *entry) read(d *encbuf.Decoder, r *Reader) error {
	group := d.Uvarint()
	e.order.Generation = d.Uvarint()
	place := d.Uvarint()
	dataOff, dataLen := d.Uvarint(), d.Uvarint()
	pruneOff, pruneLen := d.Uvarint(), d.Uvarint()
	e.pruneCRC = d.U32()
	e.runs = make([]block.Run, d.Count(block.MaxRows, minRun))
	mint := d.Varint()
	if d.Err() != nil {
		return d.Err()
	}
	// Every end is compared with room to spare before anything is added up.
	limit := uint64(r.off)
	switch {
	case group >= uint64(len(r.groups)):
		return fmt.Errorf("group %d of %d", group, len(r.groups))
	case place > 1<<32-1:
		return fmt.Errorf("place %d", place)
	case dataOff < headerLen || dataOff > limit || dataLen > limit-dataOff:
		return fmt.Errorf("data of %d bytes at %d, before an index at %d", dataLen, dataOff, limit)
	case pruneOff < headerLen || pruneOff > limit || pruneLen > limit-pruneOff:
		return fmt.Errorf("prune part of %d bytes at %d, before an index at %d", pruneLen, pruneOff, limit)
	case len(e.runs) == 0:
		return errors.New("no runs")
	}
	e.group, e.order.Place = int(group), uint32(place)
	e.data = extent{int64(dataOff), int(dataLen)}
	e.prune = extent{int64(pruneOff), int(pruneLen)}
	e.interval = model.Nothing
	stream := int64(0)
	for i := range e.runs {
		run := &e.runs[i]
		stream += d.Varint()
		rows := d.Uvarint()
		run.Interval.Mint = int64(uint64(mint) + d.Uvarint())
		run.Interval.Maxt = int64(uint64(run.Interval.Mint) + d.Uvarint())
		lines, metadata := d.Uvarint(), d.Uvarint()
		switch {
		case d.Err() != nil:
			return d.Err()
		case stream < 0 || stream >= int64(r.streams.Len()):
			return fmt.Errorf("run %d: stream %d of %d", i, stream, r.streams.Len())
		case rows == 0 || rows > uint64(block.MaxRows-e.rows):
			return fmt.Errorf("run %d: %d rows", i, rows)
		case run.Interval.Empty() || run.Interval.Mint < mint:
			return fmt.Errorf("run %d: timestamps from %d to %d", i, run.Interval.Mint, run.Interval.Maxt)
		case lines > block.MaxRowBytes || metadata > block.MaxRowBytes:
			return fmt.Errorf("run %d: %d bytes of lines, %d of metadata", i, lines, metadata)
		}
		run.Stream, run.Rows = uint32(stream), int(rows)
		run.Bytes, run.MetadataBytes = int64(lines), int64(metadata)
		e.rows += run.Rows
		e.interval = e.interval.Union(run.Interval)
	}
	return nil
}

// KeepIn makes the segment keep its opened prune parts in o, and columns of its blocks
// in h. It is called before anybody reads them. A Reader that is in no other keeps all
// parts itself, and no columns.
func (r *Reader) KeepIn(o *Opened, h *block.Hot) {
	r.opened, r.hot, r.number = o, h, h.Numbers(len(r.blocks))
}

// ID is the segment's name.
func (r *Reader) ID() ulid.ULID { return r.id }

// Summary says what is in the segment.
func (r *Reader) Summary() Summary { return r.summary }

// runBytes is what a run takes in memory, with its place.
const runBytes = int64(unsafe.Sizeof(block.Run{}) + unsafe.Sizeof(place{}))

// BlockCount is how many blocks the segment has.
func (r *Reader) BlockCount() int { return len(r.blocks) }

// Memory estimates how many bytes the index of the segment takes in memory. What is
// opened of its blocks is not in it: see [Opened].
func (r *Reader) Memory() int64 {
	n := int64(r.streamBytes) + r.streams.Bytes() + 4*int64(r.streams.Len())
	n += int64(len(r.blocks)) * int64(unsafe.Sizeof(entry{})+unsafe.Sizeof(prunePart{}))
	for i := range r.blocks {
		n += runBytes * int64(len(r.blocks[i].runs))
	}
	return n
}

// open checks that prune is the prune part of e and opens it.
func (e *entry) open(prune []byte) (*block.Block, error) {
	if got := encbuf.Checksum(prune); got != e.pruneCRC {
		return nil, fmt.Errorf("prune part at offset %d: %w", e.prune.off, damagedf("checksum %08x, want %08x", got, e.pruneCRC))
	}
	b, err := block.Open(prune)
	if err != nil {
		return nil, fmt.Errorf("prune part at offset %d: %w", e.prune.off, err)
	}
	if b.Rows() != e.rows || b.DataLen() != e.data.len || b.Interval() != e.interval {
		return nil, fmt.Errorf("prune part at offset %d: %w", e.prune.off,
			damagedf("%d rows and %d bytes of data, want %d and %d", b.Rows(), b.DataLen(), e.rows, e.data.len))
	}
	return b, nil
}
