package loghttp

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"mime"
	"regexp"
	"strconv"
	"strings"

	"go.opentelemetry.io/collector/pdata/plog"
)

// The media types of OpenTelemetry's log records.
const (
	OTLPProtobuf = "application/x-protobuf"
	OTLPJSON     = "application/json"
)

// ReadOTLP reads an ExportLogsServiceRequest, in protobuf or JSON by its content
// type, and makes entries of its log records as the mapping says. Records
// without a time get now, in nanoseconds. A request without records is a push
// without streams. The caller releases the push.
//
// What the records take in memory once they are decoded, which may be far more
// than their bytes, is claimed from the budget before they are.
func ReadOTLP(body PushBody, lim PushLimits, m *OTLPMapping, now int64) (*Push, error) {
	media, _, err := mime.ParseMediaType(body.ContentType)
	if err != nil || media != OTLPProtobuf && media != OTLPJSON {
		return nil, unsupportedError(fmt.Sprintf("content type: %s is not supported: use %s or %s", body.ContentType, OTLPProtobuf, OTLPJSON))
	}
	switch strings.ToLower(body.ContentEncoding) {
	case "", "gzip", "zstd", "lz4":
	default:
		return nil, unsupportedError(fmt.Sprintf("Content-Encoding %q not supported: use gzip, zstd, lz4 or none", body.ContentEncoding))
	}
	p := pushes.Get().(*Push)
	p.budget = lim.Budget
	if err := p.readOTLP(body, lim, media == OTLPJSON, m, now); err != nil {
		p.Release()
		return nil, err
	}
	return p, nil
}

func (p *Push) readOTLP(body PushBody, lim PushLimits, isJSON bool, m *OTLPMapping, now int64) error {
	if err := p.hold(int64(cap(p.received) + cap(p.body))); err != nil {
		return err
	}
	text, err := p.decompress(body, lim)
	if err != nil {
		return err
	}
	p.BodyBytes = int64(len(text))
	measure := measureOTLP
	if isJSON {
		measure = measureOTLPJSON
	}
	size, err := measure(text)
	if err != nil {
		return err
	}
	if err := p.hold(size); err != nil {
		return err
	}
	logs, err := decodeOTLP(text, isJSON)
	if err != nil {
		return err
	}
	b := otlpBatch{gatherer: newGatherer(p), mapping: m, now: now}
	p.Batch.Streams, err = b.build(logs)
	return err
}

func decodeOTLP(text []byte, isJSON bool) (plog.Logs, error) {
	var (
		logs plog.Logs
		err  error
	)
	if isJSON {
		logs, err = new(plog.JSONUnmarshaler).UnmarshalLogs(text)
	} else {
		logs, err = new(plog.ProtoUnmarshaler).UnmarshalLogs(text)
	}
	if err != nil && isJSON {
		return logs, malformedf("log records: %s", jsonFault(text, err))
	}
	if err != nil {
		return logs, malformedf("log records: %v", err)
	}
	return logs, nil
}

// jsonFault says where text stops being JSON, or else what about it the decoder
// found wrong, without the part of its buffer that it adds.
func jsonFault(text []byte, err error) string {
	var fault *json.SyntaxError
	if errors.As(json.Unmarshal(text, new(json.RawMessage)), &fault) {
		return fmt.Sprintf("json: %v at offset %d", fault, fault.Offset)
	}
	what, where, found := strings.Cut(err.Error(), ", error found in #")
	if offset, ok := faultOffset(text, where); found && ok {
		return fmt.Sprintf("%s at offset %d", what, offset)
	}
	return what
}

// faultPlace is how the decoder tells where it stands: so many bytes into a piece of
// the text, which is in a longer piece.
var faultPlace = regexp.MustCompile(`(?s)^(\d+) byte of \.\.\.\|(.*)\|\.\.\., bigger context \.\.\.\|(.*)\|\.\.\.$`)

// faultOffset is how many bytes of the text the decoder had read. It is not known
// where the pieces that it tells are there more than once.
func faultOffset(text []byte, where string) (offset int, ok bool) {
	m := faultPlace.FindStringSubmatch(where)
	if m == nil {
		return 0, false
	}
	read, err := strconv.Atoi(m[1])
	piece, longer := m[2], m[3]
	if err != nil || strings.Count(longer, piece) != 1 || bytes.Count(text, []byte(longer)) != 1 {
		return 0, false
	}
	offset = bytes.Index(text, []byte(longer)) + strings.Index(longer, piece) + read
	return offset, offset <= len(text)
}
