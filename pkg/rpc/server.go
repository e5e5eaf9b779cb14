package rpc

import (
	"context"
	"errors"
	"fmt"
	"sync"

	"github.com/grafana/dskit/tenant"
	"github.com/grafana/dskit/user"
	"github.com/prometheus/prometheus/model/labels"
	"google.golang.org/grpc"

	"github.com/skaldlogs/skald/pkg/logproto"
	"github.com/skaldlogs/skald/pkg/model"
	"github.com/skaldlogs/skald/pkg/scan"
)

// An Ingester is what others ask of one, in the same process or in another.
// Every value that passes has a form in protobuf.
type Ingester interface {
	scan.Source
	scan.Tailer
	// Push stores the entries that are not among the result's rejections. It
	// keeps nothing of b.
	Push(ctx context.Context, b *model.Batch, want model.Ack) (model.PushResult, error)
	// LabelNames, LabelValues and Series tell about the streams that the request
	// selects, in no order.
	LabelNames(ctx context.Context, req *scan.Request) ([]string, error)
	LabelValues(ctx context.Context, req *scan.Request, name string) ([]string, error)
	Series(ctx context.Context, req *scan.Request) ([]labels.Labels, error)
	// Flush returns when all that was pushed before it is in the catalog.
	Flush(ctx context.Context) error
	// Cover begins a new generation and returns the last one before it: what was
	// acknowledged before the call is in that or an earlier one, what is pushed
	// after it in a later one.
	Cover(ctx context.Context) (scan.Generation, error)
	// Oldest returns the first generation that is in memory or in the log.
	Oldest(ctx context.Context) (scan.Generation, error)
}

// A Server lets other processes ask an ingester of this one.
type Server struct {
	logproto.UnimplementedIngesterServer

	ing      Ingester
	faults   Faults
	stopping context.Context
	stop     context.CancelCauseFunc
}

// NewServer returns a Server of ing, whose errors travel as faults.
func NewServer(ing Ingester, faults Faults) *Server {
	s := &Server{ing: ing, faults: faults}
	s.stopping, s.stop = context.WithCancelCause(context.Background())
	return s
}

// Register makes g serve s. It must be called before g serves.
func (s *Server) Register(g grpc.ServiceRegistrar) { logproto.RegisterIngesterServer(g, s) }

// Stop ends all snapshots and tails, now and from now on: their readers would keep a
// server from stopping that waits for the calls under way. Other calls are not
// touched.
func (s *Server) Stop() { s.stop(fmt.Errorf("read a snapshot: %w", s.faults.NotRunning)) }

// errTenant says that a call names no tenant, or one that cannot be.
var errTenant = errors.New("tenant in x-scope-orgid")

// tenantOf returns the tenant that a call is for, and a context that names it.
func tenantOf(ctx context.Context) (context.Context, string, error) {
	id, ctx, err := user.ExtractFromGRPCRequest(ctx)
	if err == nil {
		err = tenant.ValidTenantID(id)
	}
	if err != nil {
		return ctx, "", fmt.Errorf("%w: %w: %w", errTenant, err, logproto.ErrMalformed)
	}
	return ctx, id, nil
}

// pushDecoders keeps what pushes are decoded into.
var pushDecoders = sync.Pool{New: func() any { return &logproto.PushDecoder{TrustHash: true} }}

// Push implements [logproto.IngesterServer].
func (s *Server) Push(ctx context.Context, req *logproto.IngestRequest) (*logproto.IngestResponse, error) {
	ctx, id, err := tenantOf(ctx)
	if err != nil {
		return nil, s.faults.status(err)
	}
	want, err := decodeAck(req.GetAck())
	if err != nil {
		return nil, s.faults.status(err)
	}
	d := pushDecoders.Get().(*logproto.PushDecoder)
	defer func() {
		d.Release()
		pushDecoders.Put(d)
	}()
	b := model.Batch{Tenant: id}
	if err := d.Decode(req.GetPush(), &b); err != nil {
		return nil, s.faults.status(err)
	}
	result, err := s.ing.Push(ctx, &b, want)
	if err != nil {
		return nil, s.faults.status(err)
	}
	return encodePushResult(result), nil
}

// selected asks about the streams that req selects.
func (s *Server) selected(ctx context.Context, req *logproto.SelectRequest, ask func(context.Context, *scan.Request) error) error {
	ctx, id, err := tenantOf(ctx)
	if err != nil {
		return s.faults.status(err)
	}
	r, err := decodeSelect(id, req)
	if err != nil {
		return s.faults.status(err)
	}
	return s.faults.status(ask(ctx, r))
}

// LabelNames implements [logproto.IngesterServer].
func (s *Server) LabelNames(ctx context.Context, req *logproto.SelectRequest) (*logproto.LabelsResponse, error) {
	out := &logproto.LabelsResponse{}
	err := s.selected(ctx, req, func(ctx context.Context, r *scan.Request) (err error) {
		out.Values, err = s.ing.LabelNames(ctx, r)
		return err
	})
	return out, err
}

// LabelValues implements [logproto.IngesterServer].
func (s *Server) LabelValues(ctx context.Context, req *logproto.SelectRequest) (*logproto.LabelsResponse, error) {
	out := &logproto.LabelsResponse{}
	err := s.selected(ctx, req, func(ctx context.Context, r *scan.Request) (err error) {
		out.Values, err = s.ing.LabelValues(ctx, r, req.GetName())
		return err
	})
	return out, err
}

// Series implements [logproto.IngesterServer].
func (s *Server) Series(ctx context.Context, req *logproto.SelectRequest) (*logproto.SeriesResponse, error) {
	var out *logproto.SeriesResponse
	err := s.selected(ctx, req, func(ctx context.Context, r *scan.Request) error {
		series, err := s.ing.Series(ctx, r)
		out = encodeSeries(series)
		return err
	})
	return out, err
}

// Cover implements [logproto.IngesterServer]. It is for all tenants.
func (s *Server) Cover(ctx context.Context, _ *logproto.GenerationRequest) (*logproto.Generation, error) {
	return s.generation(s.ing.Cover(ctx))
}

// Oldest implements [logproto.IngesterServer]. It is for all tenants.
func (s *Server) Oldest(ctx context.Context, _ *logproto.GenerationRequest) (*logproto.Generation, error) {
	return s.generation(s.ing.Oldest(ctx))
}

func (s *Server) generation(g scan.Generation, err error) (*logproto.Generation, error) {
	if err != nil {
		return nil, s.faults.status(err)
	}
	return &logproto.Generation{Ingester: g.Ingester, Id: g.ID}, nil
}

// Flush implements [logproto.IngesterServer]. It is for all tenants.
func (s *Server) Flush(ctx context.Context, _ *logproto.FlushRequest) (*logproto.FlushResponse, error) {
	if err := s.ing.Flush(ctx); err != nil {
		return nil, s.faults.status(err)
	}
	return &logproto.FlushResponse{}, nil
}
