package api

import (
	"bytes"
	"context"
	"net/http"
	"strings"

	"google.golang.org/protobuf/types/known/emptypb"

	"github.com/skaldlogs/skald/pkg/limits"
	"github.com/skaldlogs/skald/pkg/loghttp"
)

// readOTLP reads the records of an OpenTelemetry client.
func (a *API) readOTLP(tenant string, body loghttp.PushBody) (decoded, error) {
	p, err := loghttp.ReadOTLP(body, a.cfg.PushLimits, a.pusher.OTLPMapping(tenant), a.now().UnixNano())
	return decoded{push: p, format: "otlp"}, err
}

// otlp serves /otlp/v1/logs. What a client is told is protobuf, and so is what
// of its records was refused: 204 when all were taken.
func (a *API) otlp(w http.ResponseWriter, r *http.Request) {
	o := a.pushed(r, a.readOTLP)
	if o.err == nil {
		w.Header().Set(AckHeader, o.result.Ack.String())
	}
	s := a.otlpStatus(&o)
	switch {
	case s.code == http.StatusOK:
		w.Header().Set("Content-Type", loghttp.OTLPProtobuf)
		answer := loghttp.AppendOTLPPartial
		if strings.HasPrefix(r.Header.Get("Content-Type"), loghttp.OTLPJSON) {
			w.Header().Set("Content-Type", loghttp.OTLPJSON)
			answer = loghttp.AppendOTLPPartialJSON
		}
		_, _ = w.Write(answer(nil, s.rejected, s.text))
	case s.text == "":
		w.WriteHeader(s.code)
	default:
		a.logFailure(o.err, s.code, r.URL.Path)
		if s.code == http.StatusServiceUnavailable || s.code == http.StatusTooManyRequests {
			w.Header().Set("Retry-After", "1")
		}
		w.Header().Set("Content-Type", "application/octet-stream")
		w.Header().Set("X-Content-Type-Options", "nosniff")
		w.WriteHeader(s.code)
		_, _ = w.Write(loghttp.AppendOTLPStatus(nil, s.text))
	}
}

// An otlpStatus is what a client of OpenTelemetry is told.
type otlpStatus struct {
	code     int // of HTTP; 200 where a part of the records was refused for good
	text     string
	rejected int // records, where the code is 200
}

func (a *API) otlpStatus(o *outcome) otlpStatus {
	if o.err != nil {
		code := statusOf(o.err)
		if code == http.StatusInternalServerError {
			code = http.StatusServiceUnavailable // which is what clients send again after
		}
		return otlpStatus{code: code, text: o.err.Error()}
	}
	return partial(o, a.limits.For(o.tenant))
}

// partial says what became of records that were pushed. Where some were taken
// and the others never will be, the push is a success in part.
func partial(o *outcome, l *limits.Limits) otlpStatus {
	code, text := pushStatus(o.result, l)
	s := otlpStatus{code: code, text: text}
	if code != http.StatusBadRequest {
		return s
	}
	for _, r := range o.result.Rejections {
		s.rejected += r.Entries
	}
	if s.rejected < o.entries {
		s.code = http.StatusOK
	}
	return s
}

// exportMethod is the method of OpenTelemetry's LogsService.
const exportMethod = "/opentelemetry.proto.collector.logs.v1.LogsService/Export"

// export stores the records of an ExportLogsServiceRequest.
func (a *API) export(ctx context.Context, request []byte) (*emptypb.Empty, error) {
	o := a.called(ctx, loghttp.PushBody{Reader: bytes.NewReader(request), ContentType: loghttp.OTLPProtobuf}, a.readOTLP)
	s := a.otlpStatus(&o)
	if s.code == http.StatusOK || s.text == "" {
		answer := new(emptypb.Empty)
		answer.ProtoReflect().SetUnknown(loghttp.AppendOTLPPartial(nil, s.rejected, s.text))
		return answer, nil
	}
	a.logFailure(o.err, s.code, exportMethod)
	return nil, grpcStatus(s)
}
