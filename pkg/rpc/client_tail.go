package rpc

import (
	"context"
	"errors"

	"github.com/prometheus/prometheus/model/labels"
	"google.golang.org/grpc"

	"github.com/skaldlogs/skald/pkg/logproto"
	"github.com/skaldlogs/skald/pkg/scan"
)

// errTailClosed is why a tail ends that was closed.
var errTailClosed = errors.New("tail is closed")

// Tail implements [scan.Tailer]. The tail outlives ctx.
func (c *Client) Tail(ctx context.Context, tenant string, matchers []*labels.Matcher) (scan.Tail, error) {
	ctx, err := forTenant(ctx, tenant)
	if err != nil {
		return nil, err
	}
	long, end := context.WithCancelCause(context.WithoutCancel(ctx))
	ctx, done := c.bounded(ctx)
	defer done()
	opening := context.AfterFunc(ctx, func() { end(context.Cause(ctx)) })
	fail := func(err error) (scan.Tail, error) {
		opening()
		err = c.faults.remote(long, err)
		end(err)
		return nil, err
	}
	stream, err := c.ingester.Tail(long, &logproto.TailRequest{Matchers: encodeMatchers(matchers)})
	if err != nil {
		return fail(err)
	}
	if _, err := stream.Recv(); err != nil { // it has begun
		return fail(err)
	}
	if !opening() {
		return fail(context.Cause(ctx))
	}
	t := &tail{faults: &c.faults, stream: stream, ctx: long, end: end, batches: make(chan *scan.TailBatch), ended: make(chan struct{})}
	go t.receive()
	return t, nil
}

// A tail is one at the other end of a stream.
type tail struct {
	faults  *Faults
	stream  grpc.ServerStreamingClient[logproto.TailReply]
	ctx     context.Context // of the stream
	end     context.CancelCauseFunc
	batches chan *scan.TailBatch
	ended   chan struct{} // closed when no batch will come any more
	err     error         // why; set before ended is closed
}

// receive hands over one batch at a time: what comes meanwhile waits at the other
// side, which bounds it.
func (t *tail) receive() {
	defer close(t.ended)
	for {
		m, err := t.stream.Recv()
		if err != nil {
			t.err = t.faults.remote(t.ctx, err)
			return
		}
		b, err := decodeTail(m)
		if err != nil {
			t.err = err
			t.end(err)
			return
		}
		select {
		case t.batches <- b:
		case <-t.ctx.Done():
			t.err = context.Cause(t.ctx)
			return
		}
	}
}

// Next implements [scan.Tail].
func (t *tail) Next(ctx context.Context) (*scan.TailBatch, error) {
	select {
	case b := <-t.batches:
		return b, nil
	case <-ctx.Done():
		return nil, ctx.Err()
	case <-t.ended:
		return nil, t.err
	}
}

// Close implements [scan.Tail]. The other side learns of it in its own time.
func (t *tail) Close() error {
	t.end(errTailClosed)
	<-t.ended
	return nil
}
