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
	p := &pipe{
		commands: make(chan *logproto.ScanCommand),
		closed:   make(chan struct{}),
		replies:  make(chan *logproto.ScanReply),
		done:     make(chan struct{}),
	}
	go func() {
		defer close(p.done)
		defer cancel()
		p.err = recodeError(l.server.Scan(&pipeServer{ctx: arrived(ctx), pipe: p}))
	}()
	return &pipeClient{pipe: p}, nil
}

// A pipe is a scan without a network between its ends.
type pipe struct {
	commands chan *logproto.ScanCommand
	closed   chan struct{} // when no more commands come
	replies  chan *logproto.ScanReply
	done     chan struct{} // when the server has returned
	err      error         // with this
}

type pipeClient struct {
	grpc.ClientStream
	*pipe
}

func (p *pipeClient) Send(c *logproto.ScanCommand) error {
	c, err := recode(c)
	if err != nil {
		return err
	}
	select {
	case p.commands <- c:
		return nil
	case <-p.done:
		return io.EOF
	}
}

func (p *pipeClient) Recv() (*logproto.ScanReply, error) {
	select {
	case r := <-p.replies:
		return r, nil
	case <-p.done:
	}
	if p.err != nil {
		return nil, p.err
	}
	return nil, io.EOF
}

func (p *pipeClient) CloseSend() error {
	close(p.closed)
	return nil
}

type pipeServer struct {
	grpc.ServerStream
	*pipe
	ctx context.Context
}

func (p *pipeServer) Context() context.Context { return p.ctx }

func (p *pipeServer) Send(r *logproto.ScanReply) error {
	r, err := recode(r)
	if err != nil {
		return err
	}
	select {
	case p.replies <- r:
		return nil
	case <-p.ctx.Done():
		return p.ctx.Err()
	}
}

func (p *pipeServer) Recv() (*logproto.ScanCommand, error) {
	select {
	case c := <-p.commands:
		return c, nil
	case <-p.closed:
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
	p := &tailPipe{replies: make(chan *logproto.TailReply), done: make(chan struct{})}
	go func() {
		defer close(p.done)
		defer cancel()
		p.err = recodeError(l.server.Tail(in, &tailPipeServer{ctx: arrived(ctx), tailPipe: p}))
	}()
	return &tailPipeClient{tailPipe: p}, nil
}

// A tailPipe is a tail without a network between its ends.
type tailPipe struct {
	replies chan *logproto.TailReply
	done    chan struct{} // when the server has returned
	err     error         // with this
}

type tailPipeClient struct {
	grpc.ClientStream
	*tailPipe
}

func (p *tailPipeClient) Recv() (*logproto.TailReply, error) {
	select {
	case r := <-p.replies:
		return r, nil
	case <-p.done:
	}
	if p.err != nil {
		return nil, p.err
	}
	return nil, io.EOF
}

type tailPipeServer struct {
	grpc.ServerStream
	*tailPipe
	ctx context.Context
}

func (p *tailPipeServer) Context() context.Context { return p.ctx }

func (p *tailPipeServer) Send(r *logproto.TailReply) error {
	r, err := recode(r)
	if err != nil {
		return err
	}
	select {
	case p.replies <- r:
		return nil
	case <-p.ctx.Done():
		return p.ctx.Err()
	}
}
