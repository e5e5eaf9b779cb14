package api

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"strings"

	"github.com/skaldlogs/skald/pkg/distributor"
	"github.com/skaldlogs/skald/pkg/limits"
	"github.com/skaldlogs/skald/pkg/loghttp"
	"github.com/skaldlogs/skald/pkg/model"
)

// AckHeader names the level of acknowledgement: a client asks for at least a
// level with it, and is told which one its push reached.
const AckHeader = "X-Skald-Ack"

// drainBytes is how much of a body that is too large is read before the answer.
const drainBytes = 32 << 20

// A pushReader reads the body of a tenant's push.
type pushReader func(tenant string, body loghttp.PushBody) (decoded, error)

// A decoded push is on its way to the distributor.
type decoded struct {
	push   *loghttp.Push
	format string // for metrics
	// refused is told of entries that break a limit; see [distributor.Request].
	refused func(stream, entry, rejection int)
}

// push serves /loki/api/v1/push and, with its JSON, /api/prom/push.
func (a *API) push(read func(loghttp.PushBody, loghttp.PushLimits) (*loghttp.Push, error)) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		o := a.pushed(r, func(_ string, body loghttp.PushBody) (decoded, error) {
			p, err := read(body, a.cfg.PushLimits)
			if strings.HasPrefix(body.ContentType, "application/json") {
				return decoded{push: p, format: "json"}, err
			}
			return decoded{push: p, format: "protobuf"}, err
		})
		if o.err != nil {
			a.fail(w, r, o.err, true)
			return
		}
		w.Header().Set(AckHeader, o.result.Ack.String())
		status, text := pushStatus(o.result, a.limits.For(o.tenant))
		if text == "" {
			w.WriteHeader(status)
			return
		}
		http.Error(w, text, status)
	}
}

// An outcome is what became of a push.
type outcome struct {
	tenant  string
	entries int // that the push held
	result  model.PushResult
	err     error
}

// pushed reads the push in a request and stores it.
func (a *API) pushed(r *http.Request, read pushReader) outcome {
	tenant, err := a.oneTenant(r)
	if err != nil {
		return outcome{err: err}
	}
	ack, err := model.ParseAck(r.Header.Get(AckHeader))
	if err != nil {
		return outcome{err: badRequest(fmt.Errorf("header %s: %w", AckHeader, err))}
	}
	o := a.store(r.Context(), tenant, ack, loghttp.PushBody{
		Reader:          r.Body,
		ContentType:     r.Header.Get("Content-Type"),
		ContentEncoding: r.Header.Get("Content-Encoding"),
	}, read)
	if o.err != nil && statusOf(o.err) == http.StatusRequestEntityTooLarge {
		// A client that is still sending would find its connection reset, and
		// not read why.
		_, _ = io.CopyN(io.Discard, r.Body, drainBytes)
	}
	return o
}

// store reads a push and hands it to the distributor.
func (a *API) store(ctx context.Context, tenant string, ack model.Ack, body loghttp.PushBody, read pushReader) outcome {
	o := outcome{tenant: tenant}
	leave, err := a.pusher.Enter()
	if err != nil {
		o.err = err
		return o
	}
	defer leave()
	d, err := read(tenant, body)
	if err != nil {
		o.err = err
		return o
	}
	o.entries = d.push.Batch.Entries()
	d.push.Batch.Tenant = tenant
	o.result, o.err = a.pusher.Push(ctx, &distributor.Request{
		Batch:   &d.push.Batch,
		Format:  d.format,
		Ack:     ack,
		Refused: d.refused,
		Release: d.push.Release,
		Entered: true,
	})
	return o
}

// pushStatus says what a client is told of a push that was stored, wholly or in
// part: entries that will never be taken are a 400, those that a limit kept out a
// 429, for the client to send again. Where both occurred the client must not
// send all of it again, so it is a 400.
func pushStatus(r model.PushResult, l *limits.Limits) (int, string) {
	if len(r.Rejections) == 0 {
		return http.StatusNoContent, ""
	}
	status, errors := http.StatusTooManyRequests, 0
	for _, rej := range r.Rejections {
		errors += rej.Errors
		switch rej.Class {
		case model.Invalid:
			status = http.StatusBadRequest
		case model.Blocked:
			if l.BlockIngestionStatusCode == http.StatusOK {
				return http.StatusOK, "" // dropped in silence, as the operator wants
			}
			return l.BlockIngestionStatusCode, rej.Text
		}
	}
	text := r.Rejections[0].Text
	if errors > 1 {
		text = fmt.Sprintf("%d errors like: %s", errors, text)
	}
	return status, text
}
