package rpc

import (
	"context"

	"google.golang.org/grpc"

	"github.com/skaldlogs/skald/pkg/logproto"
)

// Tail implements [logproto.IngesterServer]. A client that reads slowly lets the
// tail fill, which drops entries then and tells of them.
func (s *Server) Tail(req *logproto.TailRequest, stream grpc.ServerStreamingServer[logproto.TailReply]) error {
	return s.faults.status(s.tail(req, stream))
}

func (s *Server) tail(req *logproto.TailRequest, stream grpc.ServerStreamingServer[logproto.TailReply]) error {
	ctx, id, err := tenantOf(stream.Context())
	if err != nil {
		return err
	}
	matchers, err := decodeMatchers(req.GetMatchers())
	if err != nil {
		return err
	}
	ctx, end := context.WithCancelCause(ctx)
	defer end(nil)
	defer context.AfterFunc(s.stopping, func() { end(context.Cause(s.stopping)) })()
	t, err := s.ing.Tail(ctx, id, matchers)
	if err != nil {
		return err
	}
	defer func() { _ = t.Close() }()
	if err := stream.Send(&logproto.TailReply{}); err != nil {
		return err
	}
	for {
		b, err := t.Next(ctx)
		if cause := context.Cause(ctx); cause != nil {
			return cause
		}
		if err != nil {
			return err
		}
		if err := stream.Send(encodeTail(b)); err != nil {
			return err
		}
	}
}
