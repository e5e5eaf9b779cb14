package block

import (
	"encoding/binary"
	"fmt"
	"slices"

	"github.com/klauspost/compress/zstd"

	"github.com/skaldlogs/skald/pkg/encbuf"
	"github.com/skaldlogs/skald/pkg/model"
)

// An Encoder turns rows into blocks. The zero value is ready; it keeps its
// buffers from one block to the next.
type Encoder struct {
	zstd  *zstd.Encoder
	order order
	w     streamWriter
	meta  metaEncoder
	lines columnEncoder // of layout 1

	// For tests and measurements: layout 0 only, or layout 1 whatever it costs.
	plain, force bool

	joined []byte   // values of one column
	ints   []uint64 // of one stream
	packed []byte   // those ints as bytes
	prune  []byte
}

// Encode returns the block of rows, which may be in any order. Rows of the same
// stream and time keep their order; those that equal an earlier one are
// dropped. Nothing of the result is shared with the rows or the encoder.
//
// Rows beyond the limits of a block are an error that wraps [ErrTooLarge], no
// rows at all are one too.
func (e *Encoder) Encode(rows []Row) (Encoded, error) {
	if e.zstd == nil {
		e.zstd = newZstdEncoder()
		e.w.zstd = e.zstd
	}
	if len(rows) == 0 {
		return Encoded{}, fmt.Errorf("encode block: no rows")
	}
	if len(rows) > MaxRows {
		return Encoded{}, fmt.Errorf("encode block: %d rows, at most %d: %w", len(rows), MaxRows, ErrTooLarge)
	}
	e.order.sort(rows)
	enc := Encoded{Duplicates: e.order.dedupe(rows), Rows: len(e.order.at)}
	pairs := e.measure(rows, &enc)
	if raw := enc.Bytes + enc.MetadataBytes; raw > int64(maxRawBytes(enc.Rows)) || pairs > MaxPairs {
		return Encoded{}, fmt.Errorf("encode block: %d rows with %d metadata pairs, %d bytes: %w", enc.Rows, pairs, raw, ErrTooLarge)
	}

	e.w.reset()
	e.encodeTimestamps(rows, enc.Runs)
	h := head{rows: enc.Rows, rawBytes: int(enc.Bytes + enc.MetadataBytes), interval: enc.Interval}
	h.layout = e.encodeLines(rows, int(enc.Bytes), h.rawBytes)
	if h.layout == layoutTemplates {
		h.flags |= flagRuns | flagSizes
	}
	if len(enc.Runs) > 1 {
		h.flags |= flagStreams
	}
	if pairs > 0 {
		h.flags |= flagMetadata
		if err := e.encodeMetadata(rows); err != nil {
			return Encoded{}, fmt.Errorf("encode block: %w", err)
		}
	}
	e.finish(&h, &enc)
	e.trim()
	return enc, nil
}

// trim drops buffers that a block of unusual size has grown: an encoder may wait
// long for the next.
func (e *Encoder) trim() {
	const most = 2 * TargetBytes
	if cap(e.joined) > most {
		e.joined = nil
	}
	if cap(e.w.big) > most {
		e.w.big = nil
	}
	if cap(e.ints) > TargetRows {
		e.ints, e.packed = nil, nil
	}
	if cap(e.order.at) > TargetRows {
		e.order.at = nil
	}
	e.meta.trim()
	e.lines.trim()
}

// measure fills in the runs and totals of enc, and counts the pairs of metadata.
func (e *Encoder) measure(rows []Row, enc *Encoded) (pairs int) {
	enc.Interval = model.Nothing
	var run *Run
	for _, r := range e.order.at {
		row := &rows[r]
		if run == nil || run.Stream != row.Stream {
			enc.Runs = append(enc.Runs, Run{Stream: row.Stream, Interval: model.Nothing})
			run = &enc.Runs[len(enc.Runs)-1]
		}
		run.Rows++
		run.Interval = run.Interval.Extend(row.Timestamp)
		run.Bytes += int64(len(row.Line))
		if len(row.Metadata) > 0 {
			pairs += len(row.Metadata)
			run.MetadataBytes += int64(row.Metadata.Bytes())
		}
	}
	for i := range enc.Runs {
		enc.Interval = enc.Interval.Union(enc.Runs[i].Interval)
		enc.Bytes += enc.Runs[i].Bytes
		enc.MetadataBytes += enc.Runs[i].MetadataBytes
	}
	return pairs
}

// encodeTimestamps writes, for each row but the first of a run, its distance
// from the row before.
func (e *Encoder) encodeTimestamps(rows []Row, runs []Run) {
	e.ints = e.ints[:0]
	at := e.order.at
	for i := range runs {
		run := at[:runs[i].Rows]
		at = at[len(run):]
		prev := rows[run[0]].Timestamp
		for _, r := range run[1:] {
			ts := rows[r].Timestamp
			e.ints = append(e.ints, uint64(ts)-uint64(prev))
			prev = ts
		}
	}
	e.addInts()
}

// addInts writes e.ints as a stream.
func (e *Encoder) addInts() {
	e.packed = appendInts(e.packed[:0], e.ints)
	e.w.add(e.packed)
}

// encodeLines writes the lines in the layout that is the smaller, and returns it.
func (e *Encoder) encodeLines(rows []Row, size, rawBytes int) uint8 {
	e.joined = slices.Grow(e.joined[:0], size)
	for _, r := range e.order.at {
		e.joined = append(e.joined, rows[r].Line...)
	}
	if !e.plain && e.encodeTemplates(rows, rawBytes) {
		return layoutTemplates
	}
	e.ints = e.ints[:0]
	for _, r := range e.order.at {
		e.ints = append(e.ints, uint64(len(rows[r].Line)))
	}
	e.addRaw()
	return layoutRows
}

// addRaw writes a raw column, whose values are joined in e.joined and have the
// lengths e.ints.
func (e *Encoder) addRaw() {
	e.w.schema = append(e.w.schema, columnRaw)
	e.w.schema = binary.AppendUvarint(e.w.schema, uint64(len(e.ints)))
	if len(e.ints) == 0 {
		return
	}
	e.addLengths()
	e.addValues()
}

func (e *Encoder) addLengths() {
	lo, hi := slices.Min(e.ints), slices.Max(e.ints)
	e.w.schema = binary.AppendUvarint(e.w.schema, lo)
	e.w.schema = binary.AppendUvarint(e.w.schema, hi-lo)
}

// addValues writes the charset, the lengths and the bytes of joined values.
func (e *Encoder) addValues() {
	var seen [256]bool
	for _, b := range e.joined {
		seen[b] = true
	}
	var c charset
	c.add(&seen)
	e.w.schema = append(e.w.schema, c[:]...)
	e.addInts()
	e.w.add(e.joined)
}

// finish puts the parts together.
func (e *Encoder) finish(h *head, enc *Encoded) {
	h.schemaRaw, h.smallRaw = len(e.w.schema), len(e.w.small)

	e.packed = appendFrame(e.packed[:0], e.w.small, e.zstd)
	h.small, h.smallCRC = len(e.packed), encbuf.Checksum(e.packed)
	enc.Data = make([]byte, 0, len(e.packed)+len(e.w.big))
	enc.Data = append(append(enc.Data, e.packed...), e.w.big...)

	e.packed = appendFrame(e.packed[:0], e.w.schema, e.zstd)
	h.schema = len(e.packed)
	if h.layout == layoutTemplates {
		most := min((len(enc.Data)+len(e.packed))/filterShare, maxFilterLen(h.rawBytes))
		e.packed = appendFilter(e.packed, &e.lines.ids, &e.lines.words, most)
		h.filter = len(e.packed) - h.schema
	}
	e.prune = h.append(e.prune[:0])
	crc := encbuf.UpdateChecksum(encbuf.Checksum(e.prune), e.packed)
	e.prune = binary.LittleEndian.AppendUint32(e.prune, crc)
	e.prune = append(e.prune, e.packed...)
	enc.Prune = slices.Clone(e.prune)
}
