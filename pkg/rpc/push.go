package rpc

import (
	"math"

	"github.com/skaldlogs/skald/pkg/logproto"
	"github.com/skaldlogs/skald/pkg/model"
)

func decodeAck(a logproto.Ack) (model.Ack, error) {
	if a < 0 || a > logproto.Ack_ACK_DISK {
		return 0, malformedf("acknowledgement of level %d", a)
	}
	return model.Ack(a), nil
}

func encodePushResult(r model.PushResult) *logproto.IngestResponse {
	out := &logproto.IngestResponse{Ack: logproto.Ack(r.Ack), Rejections: make([]*logproto.Rejection, len(r.Rejections))}
	for i, rej := range r.Rejections {
		out.Rejections[i] = &logproto.Rejection{
			Class:   logproto.Rejection_Class(rej.Class),
			Reason:  rej.Reason,
			Text:    valid(rej.Text),
			Stream:  uint32(rej.Stream),
			Errors:  uint32(rej.Errors),
			Entries: uint32(rej.Entries),
			Bytes:   uint64(rej.Bytes),
		}
	}
	return out
}

// decodePushResult reads the answer to a push of as many streams.
func decodePushResult(r *logproto.IngestResponse, streams int) (model.PushResult, error) {
	ack, err := decodeAck(r.GetAck())
	if err != nil {
		return model.PushResult{}, err
	}
	out := model.PushResult{Ack: ack}
	for i, rej := range r.GetRejections() {
		class := rej.GetClass()
		switch {
		case class < 0 || class > logproto.Rejection_CLASS_BLOCKED:
			return model.PushResult{}, malformedf("rejection %d is of class %d", i, class)
		case uint64(rej.GetStream()) >= uint64(streams):
			return model.PushResult{}, malformedf("rejection %d is of stream %d, and %d were pushed", i, rej.GetStream(), streams)
		case rej.GetBytes() > math.MaxInt64:
			return model.PushResult{}, malformedf("rejection %d is of %d bytes", i, rej.GetBytes())
		}
		out.Rejections = append(out.Rejections, model.Rejection{
			Class:   model.Class(class),
			Reason:  rej.GetReason(),
			Text:    rej.GetText(),
			Stream:  int(rej.GetStream()),
			Errors:  int(rej.GetErrors()),
			Entries: int(rej.GetEntries()),
			Bytes:   int(rej.GetBytes()),
		})
	}
	return out, nil
}
