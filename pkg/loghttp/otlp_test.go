package loghttp_test

import (
	"bytes"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/klauspost/compress/gzip"
	"github.com/klauspost/compress/zstd"
	"github.com/pierrec/lz4/v4"
	"github.com/prometheus/prometheus/model/labels"
	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/plog"
	"google.golang.org/protobuf/encoding/protowire"

	"github.com/skaldlogs/skald/pkg/loghttp"
)

const otlpNow = 1_700_000_000_000_000_000

var otlpLimits = loghttp.PushLimits{Received: 1 << 20, Decompressed: 64 << 20}

func mapping(t testing.TB, change func(*loghttp.OTLPMapping)) *loghttp.OTLPMapping {
	t.Helper()
	m := &loghttp.OTLPMapping{}
	m.Resource = rules(t, loghttp.AttributeRule{Place: loghttp.ToLabel, Names: []string{"service.name", "k8s.namespace.name"}})
	if change != nil {
		change(m)
	}
	return m
}

func rules(t testing.TB, list ...loghttp.AttributeRule) loghttp.AttributeMap {
	t.Helper()
	m, err := loghttp.NewAttributeMap(list)
	if err != nil {
		t.Fatal(err)
	}
	return m
}

// dump writes a push down: its streams, entries and metadata, sorted.
func dump(p *loghttp.Push) string {
	var b strings.Builder
	for _, s := range p.Batch.Streams {
		fmt.Fprintln(&b, s.Labels)
		for _, e := range s.Entries {
			fmt.Fprintf(&b, "  %d %q", e.Timestamp-otlpNow, e.Line)
			m := slices.Clone(e.Metadata)
			slices.SortFunc(m, func(a, b labels.Label) int { return strings.Compare(a.Name, b.Name) })
			for _, l := range m {
				fmt.Fprintf(&b, " %s=%s", l.Name, l.Value)
			}
			fmt.Fprintln(&b)
		}
	}
	return b.String()
}

func readOTLP(t *testing.T, contentType string, body []byte, m *loghttp.OTLPMapping) string {
	t.Helper()
	p, err := loghttp.ReadOTLP(loghttp.PushBody{Reader: bytes.NewReader(body), ContentType: contentType}, otlpLimits, m, otlpNow)
	if err != nil {
		return "error: " + err.Error()
	}
	defer p.Release()
	return dump(p)
}

const otlpExample = `{"resourceLogs": [
  {"resource": {"attributes": [
     {"key": "service.name", "value": {"stringValue": "shop"}}, {"key": "k8s.namespace.name", "value": {"stringValue": "prod"}},
     {"key": "host.name", "value": {"stringValue": "h1"}}, {"key": "team..x", "value": {"intValue": "7"}}]},
   "scopeLogs": [{"scope": {"name": "lib", "version": "1.2", "attributes": [{"key": "sc.attr", "value": {"stringValue": "s"}}]},
     "logRecords": [
       {"timeUnixNano": "1700000000000000010", "observedTimeUnixNano": "1700000000000000015", "severityNumber": 13, "severityText": "WARN",
        "body": {"stringValue": "hello"}, "flags": 1, "droppedAttributesCount": 2,
        "traceId": "0102030405060708090a0b0c0d0e0f10", "spanId": "0102030405060708",
        "attributes": [{"key": "http.status", "value": {"intValue": "500"}},
          {"key": "nested", "value": {"kvlistValue": {"values": [
             {"key": "a", "value": {"kvlistValue": {"values": [{"key": "b", "value": {"boolValue": true}}]}}},
             {"key": "c", "value": {"doubleValue": 1.5}}]}}},
          {"key": "list", "value": {"arrayValue": {"values": [{"intValue": "1"}, {"stringValue": "x"}]}}},
          {"key": "9lives", "value": {"stringValue": "y"}}, {"key": "empty", "value": {"stringValue": ""}}]},
       {"observedTimeUnixNano": "1700000000000000007", "body": {"kvlistValue": {"values": [
          {"key": "n", "value": {"arrayValue": {"values": [{"intValue": "1"}, {"intValue": "2"}]}}}, {"key": "k", "value": {"stringValue": "v"}}]}}},
       {"body": {"intValue": "42"}}]}]},
  {"resource": {"attributes": [{"key": "foo", "value": {"stringValue": "bar"}}]},
   "scopeLogs": [{"logRecords": [{"timeUnixNano": "1700000000000000010", "body": {"stringValue": "noservice"}}]}]}]}`

func TestOTLP(t *testing.T) {
	want := `{k8s_namespace_name="prod", service_name="shop"}
  10 "hello" dropped_attributes_count=2 flags=1 host_name=h1 http_status=500 key_9lives=y list=[1,"x"] nested_a_b=true nested_c=1.5 observed_timestamp=1700000000000000015 sc_attr=s scope_name=lib scope_version=1.2 severity_number=13 severity_text=WARN span_id=0102030405060708 team_x=7 trace_id=0102030405060708090a0b0c0d0e0f10
  7 "{\"k\":\"v\",\"n\":[1,2]}" host_name=h1 sc_attr=s scope_name=lib scope_version=1.2 team_x=7
  0 "42" host_name=h1 sc_attr=s scope_name=lib scope_version=1.2 team_x=7
{}
  10 "noservice" foo=bar
`
	if got := readOTLP(t, "application/json; charset=utf-8", []byte(otlpExample), mapping(t, nil)); got != want {
		t.Errorf("JSON:\n%s\nwant\n%s", got, want)
	}
	logs, err := new(plog.JSONUnmarshaler).UnmarshalLogs([]byte(otlpExample))
	if err != nil {
		t.Fatal(err)
	}
	if got := readOTLP(t, loghttp.OTLPProtobuf, wire(t, logs), mapping(t, nil)); got != want {
		t.Errorf("protobuf:\n%s\nwant\n%s", got, want)
	}
}

func wire(t testing.TB, logs plog.Logs) []byte {
	t.Helper()
	body, err := new(plog.ProtoMarshaler).MarshalLogs(logs)
	if err != nil {
		t.Fatal(err)
	}
	return body
}

// TestOTLPBodies: a body of every kind is a line.
func TestOTLPBodies(t *testing.T) {
	for _, tc := range []struct {
		name string
		set  func(pcommon.Value)
		want string
	}{
		{"nothing", func(pcommon.Value) {}, ""},
		{"string", func(v pcommon.Value) { v.SetStr("a\nb <&>") }, "a\nb <&>"},
		{"true", func(v pcommon.Value) { v.SetBool(true) }, "true"},
		{"integer", func(v pcommon.Value) { v.SetInt(-3) }, "-3"},
		{"double", func(v pcommon.Value) { v.SetDouble(0.25) }, "0.25"},
		{"large double", func(v pcommon.Value) { v.SetDouble(1e300) }, "1e+300"},
		{"bytes", func(v pcommon.Value) { v.SetEmptyBytes().FromRaw([]byte{0, 255}) }, "AP8="},
		{"list", func(v pcommon.Value) {
			s := v.SetEmptySlice()
			s.AppendEmpty().SetStr(`a"b`)
			s.AppendEmpty().SetEmptyBytes().FromRaw([]byte{1})
			s.AppendEmpty()
			s.AppendEmpty().SetEmptyMap().PutBool("x", false)
		}, `["a\"b","AQ==",null,{"x":false}]`},
		{"map", func(v pcommon.Value) {
			m := v.SetEmptyMap()
			m.PutInt("b", 1)
			m.PutStr("a", "<é>")
		}, `{"a":"<é>","b":1}`},
	} {
		logs := plog.NewLogs()
		tc.set(logs.ResourceLogs().AppendEmpty().ScopeLogs().AppendEmpty().LogRecords().AppendEmpty().Body())
		if got, want := readOTLP(t, loghttp.OTLPProtobuf, wire(t, logs), mapping(t, nil)), fmt.Sprintf("{}\n  0 %q\n", tc.want); got != want {
			t.Errorf("%s: %s, want %s", tc.name, got, want)
		}
	}
}

// TestOTLPMapping: each attribute goes where the rules say, and what is nearest
// to the record wins.
func TestOTLPMapping(t *testing.T) {
	logs := plog.NewLogs()
	rl := logs.ResourceLogs().AppendEmpty()
	rl.Resource().Attributes().PutStr("service.name", "shop")
	rl.Resource().Attributes().PutStr("team", "blue")
	rl.Resource().Attributes().PutStr("internal.a", "1")
	rl.Resource().Attributes().PutStr("who", "resource")
	rl.Resource().Attributes().PutStr("...", "has no name")
	sl := rl.ScopeLogs().AppendEmpty()
	sl.Scope().Attributes().PutStr("x", "1")
	sl.Scope().Attributes().PutStr("who", "scope")
	for _, who := range []string{"", "record"} {
		rec := sl.LogRecords().AppendEmpty()
		rec.Body().SetStr("line")
		rec.SetSeverityText("INFO")
		rec.Attributes().PutStr("tier", "1")
		if who != "" {
			rec.Attributes().PutStr("who", who)
			rec.Attributes().PutStr("tier", "2")
		}
	}
	got := readOTLP(t, loghttp.OTLPProtobuf, wire(t, logs), mapping(t, func(m *loghttp.OTLPMapping) {
		m.Resource = rules(t,
			loghttp.AttributeRule{Place: loghttp.ToLabel, Names: []string{"service.name", "team", "..."}},
			loghttp.AttributeRule{Place: loghttp.ToNowhere, Names: []string{"team"}, Regex: `internal\..*`})
		m.Scope = rules(t, loghttp.AttributeRule{Place: loghttp.ToNowhere, Names: []string{"x"}})
		m.Record = rules(t, loghttp.AttributeRule{Place: loghttp.ToLabel, Regex: "tie."}, loghttp.AttributeRule{Place: loghttp.ToNowhere, Names: []string{"tier"}})
		m.SeverityLabel = true
	}))
	want := `{service_name="shop", severity_text="INFO", team="blue", tier="1"}
  0 "line" ...=has no name who=scope
{service_name="shop", severity_text="INFO", team="blue", tier="2"}
  0 "line" ...=has no name who=record
`
	if got != want {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
}

func TestOTLPEncodings(t *testing.T) {
	var zipped, framed bytes.Buffer
	z := gzip.NewWriter(&zipped)
	_, _ = z.Write([]byte(otlpExample))
	_ = z.Close()
	l := lz4.NewWriter(&framed)
	_, _ = l.Write([]byte(otlpExample))
	_ = l.Close()
	enc, err := zstd.NewWriter(nil)
	if err != nil {
		t.Fatal(err)
	}
	for _, tc := range []struct {
		contentType, encoding string
		body                  []byte
		want                  error
	}{
		{"application/json", "", []byte(otlpExample), nil},
		{"application/json", "gzip", zipped.Bytes(), nil},
		{"application/json", "zstd", enc.EncodeAll([]byte(otlpExample), nil), nil},
		{"application/json", "lz4", framed.Bytes(), nil},
		{"application/json", "deflate", []byte(otlpExample), loghttp.ErrUnsupported},
		{"application/json", "br", []byte(otlpExample), loghttp.ErrUnsupported},
		{"application/json", "gzip", zipped.Bytes()[:50], loghttp.ErrMalformed},
		{"text/plain", "", []byte(otlpExample), loghttp.ErrUnsupported},
		{"", "", []byte(otlpExample), loghttp.ErrUnsupported},
		{"application/json", "", []byte(`{"resourceLogs": [`), loghttp.ErrMalformed},
		{"application/x-protobuf", "", []byte(otlpExample), loghttp.ErrMalformed},
		{"application/x-protobuf", "", nil, nil},
	} {
		p, err := loghttp.ReadOTLP(loghttp.PushBody{Reader: bytes.NewReader(tc.body), ContentType: tc.contentType, ContentEncoding: tc.encoding}, otlpLimits, mapping(t, nil), otlpNow)
		if !errors.Is(err, tc.want) {
			t.Errorf("%s, %s: %v, want %v", tc.contentType, tc.encoding, err, tc.want)
		}
		if err == nil {
			p.Release()
		}
	}
}

// TestOTLPFaults: who writes a body by hand is told what is wrong with it, without
// pieces of a decoder's buffer.
func TestOTLPFaults(t *testing.T) {
	for body, want := range map[string]string{
		`{"resourceLogs": [`:  "json: unexpected end of JSON input at offset 18",
		`{`:                   "json: unexpected end of JSON input at offset 1",
		`{"resourceLogs": 7}`: "expect [ or , or ] or n, but found 7 at offset 18",
		`{"resourceLogs":[{"scopeLogs":[{"logRecords":[{"body":{"stringValue":"` + strings.Repeat("long ", 40) + `"},"severityNumber":"x"}]}]}]}`: "unknown string value at offset 293",
		`{"resourceLogs":[5,{"resourceLogs":[5` + "\x00": "json: invalid character '\\x00' after array element at offset 38",
	} {
		_, err := loghttp.ReadOTLP(loghttp.PushBody{Reader: strings.NewReader(body), ContentType: "application/json"}, otlpLimits, mapping(t, nil), otlpNow)
		if err == nil || !strings.Contains(err.Error(), want) || strings.Contains(err.Error(), "found in #") {
			t.Errorf("%s: %v, want %q", body, err, want)
		}
	}
}

// TestOTLPBombs: a body that would take much more memory than it has bytes is
// refused before it is decoded.
func TestOTLPBombs(t *testing.T) {
	message := func(num protowire.Number, inner []byte) []byte {
		return protowire.AppendBytes(protowire.AppendTag(nil, num, protowire.BytesType), inner)
	}
	nested := []byte{}
	for range 1000 {
		nested = message(5, message(1, nested)) // a list in a list
	}
	records := bytes.Repeat(message(2, nil), 1<<18)
	wide := bytes.Repeat(message(2, nil), 1000) // records, of a resource with very many attributes
	pair := message(1, message(1, []byte("name")))
	pair = append(message(1, append(message(1, []byte("k")), message(2, message(1, []byte("v")))...)), pair...)
	lim := otlpLimits
	lim.Budget = loghttp.NewBudget(32 << 20)
	for _, tc := range []struct {
		name, contentType string
		body              []byte
		want              error
	}{
		{"a list of lists of lists", loghttp.OTLPProtobuf, message(1, message(2, message(2, message(5, nested)))), loghttp.ErrMalformed},
		{"the same in JSON", loghttp.OTLPJSON, []byte(strings.Repeat(`{"resourceLogs":[`, 1000)), loghttp.ErrMalformed},
		{"empty records", loghttp.OTLPProtobuf, message(1, message(2, records)), loghttp.ErrTooLarge},
		{"empty records in JSON", loghttp.OTLPJSON, []byte(`{"resourceLogs":[{"scopeLogs":[{"logRecords":[` + strings.Repeat("{},", 300_000) + `{}]}]}]}`), loghttp.ErrTooLarge},
		{"groups", loghttp.OTLPProtobuf, []byte{0x0b, 0x0c}, loghttp.ErrMalformed},
		{"attributes of a resource for each record", loghttp.OTLPProtobuf, message(1, append(message(1, bytes.Repeat(pair, 10_000)), message(2, withAttributes(wide))...)), loghttp.ErrTooLarge},
	} {
		_, err := loghttp.ReadOTLP(loghttp.PushBody{Reader: bytes.NewReader(tc.body), ContentType: tc.contentType}, lim, mapping(t, nil), otlpNow)
		if !errors.Is(err, tc.want) {
			t.Errorf("%s: %v, want %v", tc.name, err, tc.want)
		}
	}
}

// withAttributes gives empty records one attribute each.
func withAttributes(records []byte) []byte {
	n := len(records) / 2
	rec := []byte{0x32, 0x08, 0x0a, 0x01, 'a', 0x12, 0x03, 0x0a, 0x01, 'b'}
	var out []byte
	for range n {
		out = protowire.AppendBytes(protowire.AppendTag(out, 2, protowire.BytesType), rec)
	}
	return out
}

func FuzzReadOTLP(f *testing.F) {
	f.Add([]byte(otlpExample), true)
	logs, err := new(plog.JSONUnmarshaler).UnmarshalLogs([]byte(otlpExample))
	if err != nil {
		f.Fatal(err)
	}
	f.Add(wire(f, logs), false)
	m := mapping(f, func(m *loghttp.OTLPMapping) {
		m.Record = rules(f, loghttp.AttributeRule{Place: loghttp.ToLabel, Regex: "[a-m].*"})
	})
	f.Fuzz(func(t *testing.T, body []byte, isJSON bool) {
		contentType := loghttp.OTLPProtobuf
		if isJSON {
			contentType = loghttp.OTLPJSON
		}
		p, err := loghttp.ReadOTLP(loghttp.PushBody{Reader: bytes.NewReader(body), ContentType: contentType}, otlpLimits, m, otlpNow)
		if err == nil {
			_ = dump(p)
			p.Release()
		}
	})
}
