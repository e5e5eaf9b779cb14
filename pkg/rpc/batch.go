package rpc

import (
	"github.com/prometheus/prometheus/model/labels"

	"github.com/skaldlogs/skald/pkg/logproto"
	"github.com/skaldlogs/skald/pkg/model"
	"github.com/skaldlogs/skald/pkg/scan"
)

func encodeBatch(b *scan.Batch) *logproto.Batch {
	times := b.AllTimes()
	out := &logproto.Batch{
		Runs:         make([]*logproto.Batch_Run, len(b.Runs)),
		Timestamps:   make([]int64, len(times)),
		Answered:     b.Answered,
		ReadBytes:    uint64(b.ReadBytes),
		DecodedBytes: uint64(b.DecodedBytes),
	}
	for i, r := range b.Runs {
		out.Runs[i] = &logproto.Batch_Run{Stream: uint32(r.Stream), Start: uint32(r.Start), End: uint32(r.End)}
	}
	last := int64(0)
	for i, ts := range times {
		out.Timestamps[i] = ts - last // wraps around, and back when it is added
		last = ts
	}
	var columns scan.Columns
	if b.Lines != nil {
		columns |= scan.Lines
		encodeLines(b.Lines, out)
	}
	if b.Metadata != nil {
		columns |= scan.Metadata
		encodeMetadata(b.Metadata, out)
	}
	if b.Sizes != nil {
		columns |= scan.Sizes
		out.Sizes = b.Sizes
	}
	out.Columns, out.How = uint32(columns), uint32(b.How)
	if b.Answer != nil {
		out.Answer = encodeAnswer(b.Answer)
	}
	if b.Selected != nil {
		out.Selected = encodeBitset(b.Selected)
	}
	return out
}

func encodeLines(lines []string, out *logproto.Batch) {
	size := 0
	for _, l := range lines {
		size += len(l)
	}
	out.Lines = make([]byte, 0, size)
	out.LineLengths = make([]uint32, len(lines))
	for i, l := range lines {
		out.Lines = append(out.Lines, l...)
		out.LineLengths[i] = uint32(len(l))
	}
}

func encodeMetadata(rows []model.Metadata, out *logproto.Batch) {
	size, pairs := 0, 0
	for _, m := range rows {
		size += m.Bytes()
		pairs += len(m)
	}
	out.Metadata = make([]byte, 0, size)
	out.MetadataPairs = make([]uint32, len(rows))
	out.MetadataLengths = make([]uint32, 0, 2*pairs)
	for i, m := range rows {
		out.MetadataPairs[i] = uint32(len(m))
		for _, p := range m {
			out.Metadata = append(append(out.Metadata, p.Name...), p.Value...)
			out.MetadataLengths = append(out.MetadataLengths, uint32(len(p.Name)), uint32(len(p.Value)))
		}
	}
}

func encodeBitset(b *scan.Bitset) []byte {
	out := make([]byte, (b.Len()+7)/8)
	for i := range b.Len() {
		if b.Get(i) {
			out[i/8] |= 1 << (i % 8)
		}
	}
	return out
}

// decodeBatch reads a batch of a directory with as many streams, for a request
// with as many filters. The strings of the result share the bytes of b, which
// must not be changed any more.
func decodeBatch(b *logproto.Batch, streams, filters int) (*scan.Batch, error) {
	rows := len(b.GetTimestamps())
	out := &scan.Batch{
		Timestamps:   b.GetTimestamps(),
		ReadBytes:    int64(b.GetReadBytes()),
		DecodedBytes: int64(b.GetDecodedBytes()),
	}
	if out.ReadBytes < 0 || out.DecodedBytes < 0 {
		return nil, malformedf("batch of %d bytes, %d read", b.GetDecodedBytes(), b.GetReadBytes())
	}
	for i := 1; i < rows; i++ {
		out.Timestamps[i] += out.Timestamps[i-1]
	}
	for i, r := range b.GetRuns() {
		if uint64(r.GetStream()) >= uint64(streams) || r.GetStart() > r.GetEnd() || uint64(r.GetEnd()) > uint64(rows) {
			return nil, malformedf("run %d is rows %d to %d of stream %d, and there are %d rows of %d streams",
				i, r.GetStart(), r.GetEnd(), r.GetStream(), rows, streams)
		}
		out.Runs = append(out.Runs, scan.BatchRun{Stream: int(r.GetStream()), Start: int(r.GetStart()), End: int(r.GetEnd())})
	}

	columns := b.GetColumns()
	if columns&^uint32(allColumns&^scan.LinesToFilter) != 0 {
		return nil, malformedf("columns %b are not known", columns)
	}
	var err error
	if scan.Columns(columns).Has(scan.Lines) {
		if out.Lines, err = decodeLines(b, rows); err != nil {
			return nil, err
		}
	}
	if scan.Columns(columns).Has(scan.Metadata) {
		if out.Metadata, err = decodeMetadata(b, rows); err != nil {
			return nil, err
		}
	}
	if scan.Columns(columns).Has(scan.Sizes) {
		if len(b.GetSizes()) != rows {
			return nil, malformedf("%d sizes of %d rows", len(b.GetSizes()), rows)
		}
		if out.Sizes = b.GetSizes(); out.Sizes == nil {
			out.Sizes = []uint32{} // asked for, of no rows
		}
	}
	if b.Selected != nil {
		if out.Selected, err = decodeBitset(b.GetSelected(), rows); err != nil {
			return nil, err
		}
	}
	if a := b.GetAnswered(); len(a) > 0 {
		if len(a) != filters {
			return nil, malformedf("%d of %d filters are answered", len(a), filters)
		}
		out.Answered = a
	}
	if b.GetHow() > uint32(scan.BySchema) {
		return nil, malformedf("a batch that was answered in way %d", b.GetHow())
	}
	out.How = scan.How(b.GetHow())
	if b.Answer != nil {
		if out.Answer, err = decodeAnswer(b.GetAnswer(), rows); err != nil {
			return nil, err
		}
	}
	return out, nil
}

// A cutter takes strings off the front of bytes that lie one behind the other.
type cutter struct {
	rest  string
	short bool // set when more was wanted than there was
}

func (c *cutter) take(n uint32) string {
	if uint64(n) > uint64(len(c.rest)) {
		c.short = true
		return ""
	}
	s := c.rest[:n]
	c.rest = c.rest[n:]
	return s
}

// exact reports whether all was taken, and no more than that.
func (c *cutter) exact() bool { return !c.short && c.rest == "" }

func decodeLines(b *logproto.Batch, rows int) ([]string, error) {
	if len(b.GetLineLengths()) != rows {
		return nil, malformedf("%d lines of %d rows", len(b.GetLineLengths()), rows)
	}
	c := cutter{rest: model.Borrow(b.GetLines())}
	out := make([]string, rows)
	for i, n := range b.GetLineLengths() {
		out[i] = c.take(n)
	}
	if !c.exact() {
		return nil, malformedf("%d bytes of lines are not the sum of their lengths", len(b.GetLines()))
	}
	return out, nil
}

func decodeMetadata(b *logproto.Batch, rows int) ([]model.Metadata, error) {
	if len(b.GetMetadataPairs()) != rows {
		return nil, malformedf("metadata of %d rows of %d", len(b.GetMetadataPairs()), rows)
	}
	lengths := b.GetMetadataLengths()
	left := len(lengths) / 2
	pairs := make([]labels.Label, left)
	c := cutter{rest: model.Borrow(b.GetMetadata())}
	for i := range pairs {
		pairs[i] = labels.Label{Name: c.take(lengths[2*i]), Value: c.take(lengths[2*i+1])}
	}
	if !c.exact() || len(lengths)%2 != 0 {
		return nil, malformedf("%d bytes of metadata are not the sum of %d lengths", len(b.GetMetadata()), len(lengths))
	}
	out := make([]model.Metadata, rows)
	for i, n := range b.GetMetadataPairs() {
		if uint64(n) > uint64(len(pairs)) {
			return nil, malformedf("row %d has %d pairs of metadata, and %d are left", i, n, len(pairs))
		}
		if n > 0 {
			out[i], pairs = pairs[:n:n], pairs[n:]
		}
	}
	if len(pairs) > 0 {
		return nil, malformedf("%d pairs of metadata belong to no row", len(pairs))
	}
	return out, nil
}

func decodeBitset(bits []byte, rows int) (*scan.Bitset, error) {
	if len(bits) != (rows+7)/8 {
		return nil, malformedf("%d bytes of selection for %d rows", len(bits), rows)
	}
	if rest := rows % 8; rest != 0 && bits[len(bits)-1]>>rest != 0 {
		return nil, malformedf("rows behind the last of %d are selected", rows)
	}
	out := scan.NewBitset(rows, false)
	for i := range rows {
		if bits[i/8]&(1<<(i%8)) != 0 {
			out.Set(i)
		}
	}
	return out, nil
}
