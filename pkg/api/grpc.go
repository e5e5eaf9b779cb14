package api

import (
	"bytes"
	"context"
	"net/http"
	"strings"
	"time"

	"google.golang.org/genproto/googleapis/rpc/errdetails"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/types/known/durationpb"
	"google.golang.org/protobuf/types/known/emptypb"

	"github.com/skaldlogs/skald/pkg/loghttp"
	"github.com/skaldlogs/skald/pkg/model"
)

// A call answers a request over gRPC, both as they are on the wire.
type call func(ctx context.Context, request []byte) (*emptypb.Empty, error)

// RegisterGRPC adds what clients may send over gRPC: OpenTelemetry's LogsService,
// and the Pusher of Loki's clients.
func (a *API) RegisterGRPC(g grpc.ServiceRegistrar) {
	if a.pusher == nil {
		return
	}
	for method, do := range map[string]call{exportMethod: a.export, pushMethod: a.pushCall} {
		service, name, _ := strings.Cut(strings.TrimPrefix(method, "/"), "/")
		g.RegisterService(&grpc.ServiceDesc{
			ServiceName: service,
			HandlerType: (*any)(nil),
			Methods:     []grpc.MethodDesc{{MethodName: name, Handler: handler(method, do)}},
		}, a)
	}
}

// handler makes a call what gRPC calls. An empty message keeps all bytes as they
// came, for whoever measures them before they are decoded.
func handler(method string, do call) grpc.MethodHandler {
	return func(_ any, ctx context.Context, decode func(any) error, interceptor grpc.UnaryServerInterceptor) (any, error) {
		req := new(emptypb.Empty)
		if err := decode(req); err != nil {
			return nil, err
		}
		handle := func(ctx context.Context, _ any) (any, error) {
			return do(ctx, req.ProtoReflect().GetUnknown())
		}
		if interceptor == nil {
			return handle(ctx, req)
		}
		return interceptor(ctx, req, &grpc.UnaryServerInfo{FullMethod: method}, handle)
	}
}

// pushMethod is the method of Loki's Pusher.
const pushMethod = "/logproto.Pusher/Push"

// pushCall stores the entries of a PushRequest. Where some were refused the error
// says so, and the others are stored, as over HTTP.
func (a *API) pushCall(ctx context.Context, request []byte) (*emptypb.Empty, error) {
	o := a.called(ctx, loghttp.PushBody{Reader: bytes.NewReader(request)}, func(_ string, body loghttp.PushBody) (decoded, error) {
		p, err := loghttp.ReadBarePush(body, a.cfg.PushLimits)
		return decoded{push: p, format: "protobuf"}, err
	})
	if o.err != nil {
		code := statusOf(o.err)
		a.logFailure(o.err, code, pushMethod)
		return nil, grpcStatus(otlpStatus{code: code, text: o.err.Error()})
	}
	if code, text := pushStatus(o.result, a.limits.For(o.tenant)); text != "" {
		return nil, grpcStatus(otlpStatus{code: code, text: text})
	}
	return new(emptypb.Empty), nil
}

// called reads and stores the push of a call, whose metadata names the tenant.
func (a *API) called(ctx context.Context, body loghttp.PushBody, read pushReader) outcome {
	md, _ := metadata.FromIncomingContext(ctx)
	tenant, err := a.tenantOf(strings.Join(md.Get("x-scope-orgid"), "|"))
	if err != nil {
		return outcome{err: err}
	}
	return a.store(ctx, tenant, model.AckMemory, body, read)
}

// grpcStatus gives a status of HTTP its code of gRPC, such that a client sends
// again what it may send again.
func grpcStatus(s otlpStatus) error {
	code := codes.InvalidArgument
	switch s.code {
	case http.StatusUnauthorized:
		code = codes.Unauthenticated
	case http.StatusInternalServerError:
		code = codes.Internal
	case http.StatusServiceUnavailable:
		code = codes.Unavailable
	case http.StatusGatewayTimeout:
		code = codes.DeadlineExceeded
	case statusCanceled:
		code = codes.Canceled
	case http.StatusTooManyRequests:
		limited, err := status.New(codes.ResourceExhausted, s.text).WithDetails(&errdetails.RetryInfo{RetryDelay: durationpb.New(time.Second)})
		if err == nil {
			return limited.Err()
		}
		code = codes.Unavailable
	}
	return status.Error(code, s.text)
}
