package rpc

import (
	"github.com/prometheus/prometheus/model/labels"

	"github.com/skaldlogs/skald/pkg/logproto"
	"github.com/skaldlogs/skald/pkg/model"
	"github.com/skaldlogs/skald/pkg/scan"
)

func encodeTail(b *scan.TailBatch) *logproto.TailReply {
	out := &logproto.TailReply{DroppedCount: uint64(b.DroppedCount)}
	var push model.Batch
	for _, s := range b.Streams {
		out.Streams = append(out.Streams, &logproto.StreamLabels{Labels: encodeLabels(s.Labels)})
		push.Streams = append(push.Streams, model.Stream{Hash: s.Hash, Entries: s.Entries})
	}
	out.Entries = logproto.AppendPush(nil, &push)
	for _, d := range b.Dropped {
		out.Dropped = append(out.Dropped, &logproto.DroppedEntry{Labels: encodeLabels(d.Labels), Timestamp: d.Timestamp})
	}
	return out
}

// decodeTail reads a reply. The strings of the result share the bytes of r, which
// must not be changed any more.
func decodeTail(r *logproto.TailReply) (*scan.TailBatch, error) {
	var push model.Batch
	d := logproto.PushDecoder{TrustHash: true}
	if err := d.Decode(r.GetEntries(), &push); err != nil {
		return nil, err
	}
	if len(push.Streams) != len(r.GetStreams()) {
		return nil, malformedf("entries of %d streams, of which %d are named", len(push.Streams), len(r.GetStreams()))
	}
	if r.GetDroppedCount() > 1<<50 || len(r.GetDropped()) > scan.MaxDropped {
		return nil, malformedf("%d entries were dropped, and %d are told of", r.GetDroppedCount(), len(r.GetDropped()))
	}
	out := &scan.TailBatch{DroppedCount: int(r.GetDroppedCount())}
	b := labels.NewScratchBuilder(16)
	for i, s := range r.GetStreams() {
		ls, err := decodeLabels(&b, s.GetLabels())
		if err != nil {
			return nil, err
		}
		out.Streams = append(out.Streams, scan.TailStream{Labels: ls, Hash: labels.StableHash(ls), Entries: push.Streams[i].Entries})
	}
	for _, e := range r.GetDropped() {
		ls, err := decodeLabels(&b, e.GetLabels())
		if err != nil {
			return nil, err
		}
		out.Dropped = append(out.Dropped, scan.DroppedEntry{Timestamp: e.GetTimestamp(), Labels: ls})
	}
	return out, nil
}
