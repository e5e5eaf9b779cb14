package rpc

import (
	"context"
	"errors"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"github.com/skaldlogs/skald/pkg/logproto"
	"github.com/skaldlogs/skald/pkg/scan"
)

// Faults are the errors of an ingester that callers test for. They live with the
// ingester, upstairs; the same ones are given to both ends.
type Faults struct {
	NotRunning error // also what a client says when nobody answers
	Overloaded error
	NotDurable error
}

// A fault is one kind of failure in its three forms.
type fault struct {
	err  error
	code codes.Code
	kind logproto.Failure_Kind
}

func (f *Faults) table() [4]fault {
	return [...]fault{
		{f.NotRunning, codes.Unavailable, logproto.Failure_KIND_NOT_RUNNING},
		{f.Overloaded, codes.ResourceExhausted, logproto.Failure_KIND_OVERLOADED},
		{f.NotDurable, codes.Internal, logproto.Failure_KIND_NOT_DURABLE},
		{scan.ErrDamaged, codes.DataLoss, logproto.Failure_KIND_DAMAGED},
	}
}

// status is the form in which an error travels.
func (f *Faults) status(err error) error {
	if err == nil {
		return nil
	}
	if _, ok := err.(interface{ GRPCStatus() *status.Status }); ok { //nolint:errorlint // what was wrapped may have come from elsewhere
		return err // gRPC's own, about this call
	}
	text := valid(err.Error())
	for _, t := range f.table() {
		if errors.Is(err, t.err) {
			st := status.New(t.code, text)
			if detailed, err := st.WithDetails(&logproto.Failure{Kind: t.kind}); err == nil {
				st = detailed
			}
			return st.Err()
		}
	}
	switch {
	case errors.Is(err, logproto.ErrMalformed):
		return status.Error(codes.InvalidArgument, text)
	case errors.Is(err, context.Canceled):
		return status.Error(codes.Canceled, text)
	case errors.Is(err, context.DeadlineExceeded):
		return status.Error(codes.DeadlineExceeded, text)
	}
	return status.Error(codes.Unknown, text)
}

// A remoteError has the text of the other side, and matches what it matched there.
type remoteError struct {
	text string
	err  error
}

func (e *remoteError) Error() string { return e.text }
func (e *remoteError) Unwrap() error { return e.err }

// remote is the error that travelled as a status. The context is that of the
// call: when it has ended, that is why the call failed.
func (f *Faults) remote(ctx context.Context, err error) error {
	if err == nil {
		return nil
	}
	if cause := context.Cause(ctx); cause != nil {
		return cause
	}
	st, ok := status.FromError(err)
	if !ok {
		return err
	}
	for _, d := range st.Details() {
		if failure, ok := d.(*logproto.Failure); ok {
			for _, t := range f.table() {
				if t.kind == failure.GetKind() {
					return &remoteError{st.Message(), t.err}
				}
			}
		}
	}
	switch st.Code() {
	case codes.DeadlineExceeded:
		return &remoteError{st.Message(), context.DeadlineExceeded}
	case codes.Unavailable, codes.Canceled:
		// Without a word from an ingester it is gRPC that says so: nobody is
		// there, or the connection went while the call was under way.
		return &remoteError{"the connection is broken: " + st.Message(), f.NotRunning}
	}
	return errors.New(st.Message())
}
