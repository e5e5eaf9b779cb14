package api

import (
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

// push serves /loki/api/v1/push and, with its JSON, /api/prom/push.
func (a *API) push(read func(loghttp.PushBody, loghttp.PushLimits) (*loghttp.Push, error)) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		result, tenant, err := a.readAndPush(r, read)
		if err != nil {
			if statusOf(err) == http.StatusRequestEntityTooLarge {
				// A client that is still sending would find its connection
				// reset, and not read why.
				_, _ = io.CopyN(io.Discard, r.Body, drainBytes)
			}
			a.fail(w, r, err, true)
			return
		}
		w.Header().Set(AckHeader, result.Ack.String())
		status, text := pushStatus(result, a.limits.For(tenant))
		if text == "" {
			w.WriteHeader(status)
			return
		}
		http.Error(w, text, status)
	}
}

func (a *API) readAndPush(r *http.Request, read func(loghttp.PushBody, loghttp.PushLimits) (*loghttp.Push, error)) (model.PushResult, string, error) {
	tenant, err := a.oneTenant(r)
	if err != nil {
		return model.PushResult{}, "", err
	}
	ack, err := model.ParseAck(r.Header.Get(AckHeader))
	if err != nil {
		return model.PushResult{}, "", badRequest(fmt.Errorf("header %s: %w", AckHeader, err))
	}
	leave, err := a.pusher.Enter()
	if err != nil {
		return model.PushResult{}, "", err
	}
	defer leave()
	p, err := read(loghttp.PushBody{
		Reader:          r.Body,
		ContentType:     r.Header.Get("Content-Type"),
		ContentEncoding: r.Header.Get("Content-Encoding"),
	}, a.cfg.PushLimits)
	if err != nil {
		return model.PushResult{}, "", err
	}
	format := "protobuf"
	if strings.HasPrefix(r.Header.Get("Content-Type"), "application/json") {
		format = "json"
	}
	p.Batch.Tenant = tenant
	result, err := a.pusher.Push(r.Context(), &distributor.Request{
		Batch:   &p.Batch,
		Format:  format,
		Ack:     ack,
		Release: p.Release,
		Entered: true,
	})
	return result, tenant, err
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
