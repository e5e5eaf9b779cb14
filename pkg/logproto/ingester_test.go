package logproto

import (
	"testing"

	"google.golang.org/protobuf/proto"
	"pgregory.net/rapid"

	"github.com/skaldlogs/skald/pkg/model"
	"github.com/skaldlogs/skald/pkg/seeds"
)

// A push inside of a request is what it would be as a message there.
func TestIngestRequestHoldsAPush(t *testing.T) {
	d := PushDecoder{TrustHash: true}
	seeds.Check(t, func(t *rapid.T) {
		b := batches().Draw(t, "batch")
		wire, err := proto.Marshal(&IngestRequest{Push: AppendPush(nil, b), Ack: Ack_ACK_DISK})
		if err != nil {
			t.Fatal(err)
		}
		var (
			request IngestRequest
			push    PushRequest
			got     model.Batch
		)
		if err := proto.Unmarshal(wire, &request); err != nil {
			t.Fatal(err)
		}
		if err := d.Decode(request.GetPush(), &got); err != nil || batchText(&got) != batchText(b) {
			t.Fatalf("decoded %v\n%swant\n%s", err, batchText(&got), batchText(b))
		}
		if err := proto.Unmarshal(request.GetPush(), &push); err != nil || len(push.GetStreams()) != len(b.Streams) {
			t.Fatalf("as a message it has %d streams, %v, want %d", len(push.GetStreams()), err, len(b.Streams))
		}
	})
}
