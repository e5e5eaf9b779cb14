package rpc

import (
	"context"
	"io"

	"google.golang.org/grpc"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/proto"

	"github.com/skaldlogs/skald/pkg/logproto"
)

// Coded returns an [Ingester] that asks ing, in this process, through everything
// but a network: each value and each error is encoded and decoded on its way, and
// nothing else of the context arrives than tenant and cancellation. Tests run with it to show
// that one process and several are the same program.
func Coded(ing Ingester, faults Faults) *Client {
	return &Client{ingester: &loopback{NewServer(ing, faults)}, faults: faults}
}

// A loopback is the client of a server in the same process.
type loopback struct{ server *Server }

// recode returns what m is after a journey.
func recode[M proto.Message](m M) (M, error) {
	out := m.ProtoReflect().New().Interface().(M)
	wire, err := proto.Marshal(m)
	if err == nil {
		err = proto.Unmarshal(wire, out)
	}
	return out, err
}

// recodeError does the same for what a server answers.
func recodeError(err error) error {
	if err == nil {
		return nil
	}
	st, coding := recode(status.Convert(err).Proto())
	if coding != nil {
		return coding
	}
	return status.ErrorProto(st)
}

// A bare context has no values.
type bare struct{ context.Context }

func (bare) Value(any) any { return nil }

// arrived is ctx as it arrives at the server.
func arrived(ctx context.Context) context.Context {
	md, _ := metadata.FromOutgoingContext(ctx)
	return metadata.NewIncomingContext(bare{ctx}, md.Copy())
}

func call[In, Out proto.Message](ctx context.Context, in In, method func(context.Context, In) (Out, error)) (Out, error) {
	var none Out
	sent, err := recode(in)
	if err != nil {
		return none, err
	}
	out, err := method(arrived(ctx), sent)
	if err != nil {
		return none, recodeError(err)
	}
	return recode(out)
}

func (l *loopback) Push(ctx context.Context, in *logproto.IngestRequest, _ ...grpc.CallOption) (*logproto.IngestResponse, error) {
	return call(ctx, in, l.server.Push)
}

func (l *loopback) LabelNames(ctx context.Context, in *logproto.SelectRequest, _ ...grpc.CallOption) (*logproto.LabelsResponse, error) {
	return call(ctx, in, l.server.LabelNames)
}

func (l *loopback) LabelValues(ctx context.Context, in *logproto.SelectRequest, _ ...grpc.CallOption) (*logproto.LabelsResponse, error) {
	return call(ctx, in, l.server.LabelValues)
}

func (l *loopback) Series(ctx context.Context, in *logproto.SelectRequest, _ ...grpc.CallOption) (*logproto.SeriesResponse, error) {
	return call(ctx, in, l.server.Series)
}

func (l *loopback) Cover(ctx context.Context, in *logproto.GenerationRequest, _ ...grpc.CallOption) (*logproto.Generation, error) {
	return call(ctx, in, l.server.Cover)
}

func (l *loopback) Oldest(ctx context.Context, in *logproto.GenerationRequest, _ ...grpc.CallOption) (*logproto.Generation, error) {
	return call(ctx, in, l.server.Oldest)
}

func (l *loopback) Flush(ctx context.Context, in *logproto.FlushRequest, _ ...grpc.CallOption) (*logproto.FlushResponse, error) {
	return call(ctx, in, l.server.Flush)
}

func (l *loopback) Scan(ctx context.Context, _ ...grpc.CallOption) (grpc.BidiStreamingClient[logproto.ScanCommand, logproto.ScanReply], error) {
	ctx, cancel := context.WithCancel(ctx)
	replies := newReplies[logproto.ScanReply]()
	p := &pipe{commands: make(chan *logproto.ScanCommand), closed: make(chan struct{}), done: replies.done}
	go replies.serve(cancel, func() error {
		return l.server.Scan(&pipeServer{repliesServer: replies.server(ctx), pipe: p})
	})
	return &pipeClient{repliesClient: replies.client(), pipe: p}, nil
}

// A pipe is the way of a scan's commands without a network between its ends.
type pipe struct {
	commands chan *logproto.ScanCommand
	closed   chan struct{} // when no more commands come
	done     chan struct{} // when the server has returned
}

type pipeClient struct {
	*repliesClient[logproto.ScanReply, *logproto.ScanReply]
	pipe *pipe
}

func (p *pipeClient) Send(c *logproto.ScanCommand) error {
	c, err := recode(c)
	if err != nil {
		return err
	}
	select {
	case p.pipe.commands <- c:
		return nil
	case <-p.pipe.done:
		return io.EOF
	}
}

func (p *pipeClient) CloseSend() error {
	close(p.pipe.closed)
	return nil
}

type pipeServer struct {
	*repliesServer[logproto.ScanReply, *logproto.ScanReply]
	pipe *pipe
}

func (p *pipeServer) Recv() (*logproto.ScanCommand, error) {
	select {
	case c := <-p.pipe.commands:
		return c, nil
	case <-p.pipe.closed:
		return nil, io.EOF
	case <-p.ctx.Done():
		return nil, p.ctx.Err()
	}
}

func (l *loopback) Tail(ctx context.Context, in *logproto.TailRequest, _ ...grpc.CallOption) (grpc.ServerStreamingClient[logproto.TailReply], error) {
	in, err := recode(in)
	if err != nil {
		return nil, err
	}
	ctx, cancel := context.WithCancel(ctx)
	replies := newReplies[logproto.TailReply]()
	go replies.serve(cancel, func() error { return l.server.Tail(in, replies.server(ctx)) })
	return replies.client(), nil
}

// A message is a message of protobuf by its two types.
type message[T any] interface {
	*T
	proto.Message
}

// replies are the way of what a server sends, without a network between its ends.
type replies[T any, M message[T]] struct {
	sent chan M
	done chan struct{} // when the server has returned
	err  error         // with this
}

func newReplies[T any, M message[T]]() *replies[T, M] {
	return &replies[T, M]{sent: make(chan M), done: make(chan struct{})}
}

// serve runs the server's end.
func (r *replies[T, M]) serve(cancel context.CancelFunc, method func() error) {
	defer close(r.done)
	defer cancel()
	r.err = recodeError(method())
}

type repliesClient[T any, M message[T]] struct {
	grpc.ClientStream
	*replies[T, M]
}

func (r *replies[T, M]) client() *repliesClient[T, M] { return &repliesClient[T, M]{replies: r} }

func (r *repliesClient[T, M]) Recv() (*T, error) {
	select {
	case m := <-r.sent:
		return m, nil
	case <-r.done:
	}
	if r.err != nil {
		return nil, r.err
	}
	return nil, io.EOF
}

type repliesServer[T any, M message[T]] struct {
	grpc.ServerStream
	*replies[T, M]
	ctx context.Context
}

func (r *replies[T, M]) server(ctx context.Context) *repliesServer[T, M] {
	return &repliesServer[T, M]{replies: r, ctx: arrived(ctx)}
}

func (r *repliesServer[T, M]) Context() context.Context { return r.ctx }

func (r *repliesServer[T, M]) Send(reply *T) error {
	m, err := recode(M(reply))
	if err != nil {
		return err
	}
	select {
	case r.sent <- m:
		return nil
	case <-r.ctx.Done():
		return r.ctx.Err()
	}
}
