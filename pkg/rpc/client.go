package rpc

import (
	"context"
	"fmt"
	"sync"
	"time"
	"unicode/utf8"

	"github.com/grafana/dskit/user"
	"github.com/prometheus/prometheus/model/labels"
	"google.golang.org/grpc"

	"github.com/skaldlogs/skald/pkg/logproto"
	"github.com/skaldlogs/skald/pkg/model"
	"github.com/skaldlogs/skald/pkg/scan"
)

// A Client is an [Ingester] of another process. Any number of goroutines may use it.
type Client struct {
	ingester logproto.IngesterClient
	faults   Faults
	timeout  time.Duration // of a call, and of opening a scan; 0 is none
}

// NewClient returns the ingester at the other end of conn, which stays the
// caller's. A call that takes longer than timeout fails; 0 is no bound.
func NewClient(conn grpc.ClientConnInterface, timeout time.Duration, faults Faults) *Client {
	return &Client{ingester: logproto.NewIngesterClient(conn), timeout: timeout, faults: faults}
}

// forTenant names the tenant to the other side.
func forTenant(ctx context.Context, tenant string) (context.Context, error) {
	return user.InjectIntoGRPCRequest(user.InjectOrgID(ctx, tenant))
}

// bounded is ctx for as long as a call may take.
func (c *Client) bounded(ctx context.Context) (context.Context, context.CancelFunc) {
	if c.timeout == 0 {
		return context.WithCancel(ctx)
	}
	return context.WithTimeoutCause(ctx, c.timeout,
		fmt.Errorf("no answer after %s (ingester_client.remote_timeout): %w", c.timeout, context.DeadlineExceeded))
}

// pushBuffers keeps what pushes are encoded into.
var pushBuffers = sync.Pool{New: func() any { return new([]byte) }}

// keptBuffer is how large a buffer may be to be kept: one huge push must not
// leave its memory behind.
const keptBuffer = 16 << 20

// Push implements [Ingester].
func (c *Client) Push(ctx context.Context, b *model.Batch, want model.Ack) (model.PushResult, error) {
	ctx, err := forTenant(ctx, b.Tenant)
	if err != nil {
		return model.PushResult{}, err
	}
	ctx, cancel := c.bounded(ctx)
	defer cancel()
	buf := pushBuffers.Get().(*[]byte)
	defer func() {
		if cap(*buf) <= keptBuffer {
			pushBuffers.Put(buf)
		}
	}()
	*buf = logproto.AppendPush((*buf)[:0], b)
	r, err := c.ingester.Push(ctx, &logproto.IngestRequest{Push: *buf, Ack: logproto.Ack(want)})
	if err != nil {
		return model.PushResult{}, c.faults.remote(ctx, err)
	}
	return decodePushResult(r, len(b.Streams))
}

// LabelNames implements [Ingester].
func (c *Client) LabelNames(ctx context.Context, req *scan.Request) ([]string, error) {
	ctx, err := forTenant(ctx, req.Tenant)
	if err != nil {
		return nil, err
	}
	ctx, cancel := c.bounded(ctx)
	defer cancel()
	r, err := c.ingester.LabelNames(ctx, encodeSelect(req, ""))
	return r.GetValues(), c.faults.remote(ctx, err)
}

// LabelValues implements [Ingester].
func (c *Client) LabelValues(ctx context.Context, req *scan.Request, name string) ([]string, error) {
	if !utf8.ValidString(name) {
		return nil, nil // protobuf could not carry it, and no label has such a name
	}
	ctx, err := forTenant(ctx, req.Tenant)
	if err != nil {
		return nil, err
	}
	ctx, cancel := c.bounded(ctx)
	defer cancel()
	r, err := c.ingester.LabelValues(ctx, encodeSelect(req, name))
	return r.GetValues(), c.faults.remote(ctx, err)
}

// Series implements [Ingester].
func (c *Client) Series(ctx context.Context, req *scan.Request) ([]labels.Labels, error) {
	ctx, err := forTenant(ctx, req.Tenant)
	if err != nil {
		return nil, err
	}
	ctx, cancel := c.bounded(ctx)
	defer cancel()
	r, err := c.ingester.Series(ctx, encodeSelect(req, ""))
	if err != nil {
		return nil, c.faults.remote(ctx, err)
	}
	return decodeSeries(r)
}

// Cover implements [Ingester].
func (c *Client) Cover(ctx context.Context) (scan.Generation, error) {
	return c.generation(ctx, c.ingester.Cover)
}

// Oldest implements [Ingester]. It waits for a flush that is under way.
func (c *Client) Oldest(ctx context.Context) (scan.Generation, error) {
	return c.generation(ctx, c.ingester.Oldest)
}

func (c *Client) generation(ctx context.Context, ask func(context.Context, *logproto.GenerationRequest, ...grpc.CallOption) (*logproto.Generation, error)) (scan.Generation, error) {
	ctx, cancel := c.bounded(ctx)
	defer cancel()
	g, err := ask(ctx, &logproto.GenerationRequest{})
	if err != nil {
		return scan.Generation{}, c.faults.remote(ctx, err)
	}
	return scan.Generation{Ingester: g.GetIngester(), ID: g.GetId()}, nil
}

// Flush implements [Ingester]. It takes as long as it takes.
func (c *Client) Flush(ctx context.Context) error {
	_, err := c.ingester.Flush(ctx, &logproto.FlushRequest{})
	return c.faults.remote(ctx, err)
}
