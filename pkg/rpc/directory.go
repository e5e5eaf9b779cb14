package rpc

import (
	"fmt"
	"math"
	"strings"

	"github.com/prometheus/prometheus/model/labels"

	"github.com/skaldlogs/skald/pkg/logproto"
	"github.com/skaldlogs/skald/pkg/scan"
)

// valid makes text fit for a protobuf string: an error may quote any bytes.
func valid(s string) string { return strings.ToValidUTF8(s, "\ufffd") }

func encodeLabels(ls labels.Labels) []*logproto.LabelPair {
	pairs := make([]logproto.LabelPair, ls.Len())
	out := make([]*logproto.LabelPair, 0, len(pairs))
	ls.Range(func(l labels.Label) {
		p := &pairs[len(out)]
		p.Name, p.Value = l.Name, l.Value
		out = append(out, p)
	})
	return out
}

// decodeLabels builds labels with b, which it is handed to be used again.
func decodeLabels(b *labels.ScratchBuilder, pairs []*logproto.LabelPair) (labels.Labels, error) {
	b.Reset()
	size := 0
	for i, p := range pairs {
		if i > 0 && p.GetName() <= pairs[i-1].GetName() {
			return labels.EmptyLabels(), malformedf("label %q comes after %q", p.GetName(), pairs[i-1].GetName())
		}
		if size += len(p.GetName()) + len(p.GetValue()); size > logproto.MaxLabelsBytes {
			return labels.EmptyLabels(), malformedf("labels of more than %d bytes", logproto.MaxLabelsBytes)
		}
		b.Add(p.GetName(), p.GetValue())
	}
	return b.Labels(), nil
}

func encodeSeries(series []labels.Labels) *logproto.SeriesResponse {
	out := &logproto.SeriesResponse{Streams: make([]*logproto.StreamLabels, len(series))}
	for i, ls := range series {
		out.Streams[i] = &logproto.StreamLabels{Labels: encodeLabels(ls)}
	}
	return out
}

func decodeSeries(r *logproto.SeriesResponse) ([]labels.Labels, error) {
	b := labels.NewScratchBuilder(16)
	out := make([]labels.Labels, len(r.GetStreams()))
	for i, s := range r.GetStreams() {
		var err error
		if out[i], err = decodeLabels(&b, s.GetLabels()); err != nil {
			return nil, err
		}
	}
	return out, nil
}

func encodeDirectory(d *scan.Directory) *logproto.Directory {
	out := &logproto.Directory{
		Generations: make([]*logproto.Generation, len(d.Generations)),
		Streams:     make([]*logproto.StreamLabels, len(d.Streams)),
		Blocks:      make([]*logproto.Block, len(d.Blocks)),
		Warnings:    make([]string, len(d.Warnings)),
	}
	for i, g := range d.Generations {
		out.Generations[i] = &logproto.Generation{Ingester: g.Ingester, Id: g.ID}
	}
	for i, s := range d.Streams {
		out.Streams[i] = &logproto.StreamLabels{Labels: encodeLabels(s.Labels), Hash: s.Hash}
	}
	for i, b := range d.Blocks {
		out.Blocks[i] = encodeBlock(&b)
	}
	for i, w := range d.Warnings {
		out.Warnings[i] = valid(w)
	}
	return out
}

func encodeBlock(b *scan.Block) *logproto.Block {
	out := &logproto.Block{Generation: b.Order.Generation, Place: b.Order.Place, Runs: make([]*logproto.Run, len(b.Runs)), Refused: b.Refused}
	for i, r := range b.Runs {
		out.Runs[i] = &logproto.Run{
			Stream:        uint32(r.Stream),
			Interval:      encodeInterval(r.Interval),
			Rows:          uint64(r.Rows),
			Bytes:         uint64(r.Bytes),
			MetadataBytes: uint64(r.MetadataBytes),
			Unsorted:      r.Unsorted,
		}
	}
	return out
}

func decodeDirectory(d *logproto.Directory) (*scan.Directory, error) {
	if d == nil {
		return nil, malformedf("there is no directory")
	}
	out := &scan.Directory{Warnings: d.GetWarnings()}
	for _, g := range d.GetGenerations() {
		out.Generations = append(out.Generations, scan.Generation{Ingester: g.GetIngester(), ID: g.GetId()})
	}
	scratch := labels.NewScratchBuilder(16)
	for i, s := range d.GetStreams() {
		ls, err := decodeLabels(&scratch, s.GetLabels())
		if err != nil {
			return nil, fmt.Errorf("stream %d: %w", i, err)
		}
		out.Streams = append(out.Streams, scan.Stream{Labels: ls, Hash: s.GetHash()})
	}
	for i, b := range d.GetBlocks() {
		block, err := decodeBlock(b, len(out.Streams))
		if err != nil {
			return nil, fmt.Errorf("block %d: %w", i, err)
		}
		out.Blocks = append(out.Blocks, block)
	}
	return out, nil
}

func decodeBlock(b *logproto.Block, streams int) (scan.Block, error) {
	out := scan.Block{Order: scan.Order{Generation: b.GetGeneration(), Place: b.GetPlace()}, Refused: b.GetRefused()}
	for i, r := range b.GetRuns() {
		if uint64(r.GetStream()) >= uint64(streams) {
			return out, malformedf("run %d is of stream %d, and there are %d", i, r.GetStream(), streams)
		}
		iv, err := decodeInterval(r.GetInterval())
		if err != nil {
			return out, fmt.Errorf("run %d: %w", i, err)
		}
		// Readers add these up; what is below leaves room for as many as there may be.
		if most := max(r.GetRows(), r.GetBytes(), r.GetMetadataBytes()); most > math.MaxInt32<<16 {
			return out, malformedf("run %d counts %d", i, most)
		}
		out.Runs = append(out.Runs, scan.Run{
			Stream:        int(r.GetStream()),
			Interval:      iv,
			Rows:          int(r.GetRows()),
			Bytes:         int64(r.GetBytes()),
			MetadataBytes: int64(r.GetMetadataBytes()),
			Unsorted:      r.GetUnsorted(),
		})
	}
	return out, nil
}
