package loghttp

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"runtime"
	"strings"
	"testing"
	"testing/iotest"

	"github.com/klauspost/compress/flate"
	"github.com/klauspost/compress/gzip"
	"github.com/klauspost/compress/s2"
	"github.com/klauspost/compress/zlib"
	"github.com/klauspost/compress/zstd"
	"google.golang.org/protobuf/encoding/protowire"
	"pgregory.net/rapid"

	"github.com/skaldlogs/skald/pkg/logproto"
	"github.com/skaldlogs/skald/pkg/model"
	"github.com/skaldlogs/skald/pkg/seeds"
)

var roomy = PushLimits{Received: 64 << 20, Decompressed: 256 << 20}

const (
	jsonType  = "application/json"
	protoType = "application/x-protobuf"
)

func push(contentType, encoding string, body []byte) PushBody {
	return PushBody{Reader: bytes.NewReader(body), ContentType: contentType, ContentEncoding: encoding}
}

// batchText writes all of a batch.
func batchText(b *model.Batch) string {
	var w strings.Builder
	for _, s := range b.Streams {
		fmt.Fprintf(&w, "%s\n", s.Labels)
		for _, e := range s.Entries {
			fmt.Fprintf(&w, "  %d %q", e.Timestamp, e.Line)
			for _, l := range e.Metadata {
				fmt.Fprintf(&w, " %s=%q", l.Name, l.Value)
			}
			w.WriteByte('\n')
		}
	}
	return w.String()
}

func encoded(t testing.TB, encoding string, body []byte) []byte {
	t.Helper()
	var (
		buf bytes.Buffer
		w   io.WriteCloser
		err error
	)
	switch encoding {
	case "", "snappy":
		return body
	case "gzip":
		w = gzip.NewWriter(&buf)
	case "deflate":
		w, err = flate.NewWriter(&buf, flate.DefaultCompression)
	case "zlib":
		w = zlib.NewWriter(&buf)
	case "zstd":
		w, err = zstd.NewWriter(&buf)
	}
	if err == nil {
		_, err = w.Write(body)
	}
	if err == nil {
		err = w.Close()
	}
	if err != nil {
		t.Fatal(err)
	}
	return buf.Bytes()
}

func TestReadPushJSON(t *testing.T) {
	const one = `{app="p1"}` + "\n" + `  1718000000000000001 "x"` + "\n"
	for _, tc := range []struct{ name, body, want string }{
		{"plain", `{"streams":[{"stream":{"app":"p1"},"values":[["1718000000000000001","x"]]}]}`, one},
		{"spaces", " {\n\"streams\" : [ {\"stream\" :{ \"app\":\"p1\" } ,\t\"values\":[ [ \"1718000000000000001\" , \"x\" ] ] } ] }\r\n ", one},
		{"values first", `{"streams":[{"values":[["1718000000000000001","x"]],"stream":{"app":"p1"}}]}`, one},
		{"unknown keys", `{"a":[1,{"b":[-0.5e+7,true,null,"]"]}],"streams":[{"x":{},"stream":{"app":"p1"},"values":[["1718000000000000001","x",{},7,[]]]}],"z":{}}`, one},
		{"metadata", `{"streams":[{"stream":{"a":"1"},"values":[["1","x",{"k":"v","a.b":"w"}],["-5","y",{}],["2","z",{"k":"u"}]]}]}`, "{a=\"1\"}\n  1 \"x\" k=\"v\" a.b=\"w\"\n  -5 \"y\"\n  2 \"z\" k=\"u\"\n"},
		{"no line", `{"streams":[{"stream":{"a":"1"},"values":[["1"],["2",""]]}]}`, "{a=\"1\"}\n  1 \"\"\n  2 \"\"\n"},
		{"nothing", `{}`, ""},
		{"null", `null`, ""},
		{"null streams", `{"streams":null}`, ""},
		{"no streams", `{"streams":[]}`, ""},
		{"other key", `{"stream":[]}`, ""},
		{"stream without entries", `{"streams":[{"stream":{"a":"1"}},{"stream":{"a":"2"},"values":[]},{"stream":{"a":"3"},"values":null}]}`, "{a=\"1\"}\n{a=\"2\"}\n{a=\"3\"}\n"},
		{"no labels", `{"streams":[{"values":[["1","x"]]},{"stream":{}},{"stream":null}]}`, "{}\n  1 \"x\"\n{}\n{}\n"},
		{"labels are sorted", `{"streams":[{"stream":{"b":"2","a":"1","c":""}}]}`, "{a=\"1\", b=\"2\", c=\"\"}\n"},
		{"the last of equal labels", `{"streams":[{"stream":{"b":"2","a":"1","a":"9"}}]}`, "{a=\"9\", b=\"2\"}\n"},
		{"labels that are no strings", `{"streams":[{"stream":{"a":5,"b":true,"c":null}}]}`, "{a=\"5\", b=\"true\", c=\"\"}\n"},
		{"names that are none", `{"streams":[{"stream":{"bad-name":"v","a=\"1\",b":"v","":"v"}}]}`, `{""="v", "a=\"1\",b"="v", "bad-name"="v"}` + "\n"},
		{"escapes", `{"streams":[{"stream":{"a":"x\"\\\n\u0000"},"values":[["1","\"\\\/\b\f\n\r\tA\u00e9\ud83d\ude00"]]}]}`, `{a="x\"\\\n\x00"}` + "\n  1 \"\\\"\\\\/\\b\\f\\n\\r\\tAé😀\"\n"},
		{"lone surrogates", `{"streams":[{"stream":{"a":"1"},"values":[["1","\ud83d|\ude00|\ud83d\ud83d\ude00"]]}]}`, "{a=\"1\"}\n  1 \"�|�|�😀\"\n"},
		{"bytes that are no text", "{\"streams\":[{\"stream\":{\"a\":\"1\"},\"values\":[[\"1\",\"a\xff\tb\"]]}]}", "{a=\"1\"}\n  1 \"a\\xff\\tb\"\n"},
	} {
		p, err := ReadPush(push("application/json; charset=utf-8", "", []byte(tc.body)), roomy)
		if err != nil {
			t.Errorf("%s: %v", tc.name, err)
			continue
		}
		if got := batchText(&p.Batch); got != tc.want {
			t.Errorf("%s: read\n%swant\n%s", tc.name, got, tc.want)
		}
		if p.ReceivedBytes != int64(len(tc.body)) || p.BodyBytes != p.ReceivedBytes {
			t.Errorf("%s: received %d, body %d bytes, want %d", tc.name, p.ReceivedBytes, p.BodyBytes, len(tc.body))
		}
		p.Release()
	}
}

func TestReadPushRefusesJSON(t *testing.T) {
	values := func(v string) string {
		return `{"streams":[{"stream":{"app":"p1"},"values":[` + v + `]}]}`
	}
	for _, tc := range []struct{ name, body, want string }{
		{"empty", ``, `json: expected an object with streams, found the end at offset 0`},
		{"text", `not json`, `json: expected a value, found 'n' at offset 0`},
		{"array", `[]`, `json: expected an object with streams, found '[' at offset 0`},
		{"cut short", `{"streams":`, `json: expected an array of streams, found the end at offset 11`},
		{"cut in a string", `{"strea`, `json: a string that does not end at offset 1`},
		{"more than one value", `{} {}`, `json: expected the end, found '{' at offset 3`},
		{"streams as an object", `{"streams":{}}`, `json: expected an array of streams, found '{' at offset 11`},
		{"labels as text", `{"streams":[{"stream":"{app=\"p1\"}"}]}`, `json: expected an object of labels, found '"' at offset 22`},
		{"label as an object", `{"streams":[{"stream":{"a":{}}}]}`, `json: expected a label value, found '{' at offset 27`},
		{"trailing comma", values(`["1","x"],`), `json: expected an entry, found ']' at offset 55`},
		{"number as timestamp", values(`[1768471200000000000,"x"]`), `json: expected a timestamp in quotes, found '1' at offset 46`},
		{"fraction", values(`["1.5","x"]`), `json: timestamp "1.5" is no count of nanoseconds at offset 46`},
		{"date", values(`["2024-06-10T07:06:40Z","x"]`), `json: timestamp "2024-06-10T07:06:40Z" is no count of nanoseconds at offset 46`},
		{"no digits", values(`["","x"]`), `json: timestamp "" is no count of nanoseconds at offset 46`},
		{"too many digits", values(`["99999999999999999999","x"]`), `json: timestamp "99999999999999999999" is no count of nanoseconds at offset 46`},
		{"empty entry", values(`[]`), `json: an entry without a timestamp at offset 45`},
		{"entry as an object", values(`{"ts":"1"}`), `json: expected an entry, found '{' at offset 45`},
		{"number as line", values(`["1",5]`), `json: expected a line in quotes, found '5' at offset 50`},
		{"object as line", values(`["1",{}]`), `json: expected a line in quotes, found '{' at offset 50`},
		{"number in metadata", values(`["1","x",{"a":1}]`), `json: expected a metadata value in quotes, found '1' at offset 59`},
		{"object in metadata", values(`["1","x",{"a":{"b":"c"}}]`), `json: expected a metadata value in quotes, found '{' at offset 59`},
		{"text as metadata", values(`["1","x","notmap"]`), `json: expected an object of structured metadata, found '"' at offset 54`},
		{"bad escape", values(`["1","\q"]`), `json: \q in a string at offset 51`},
		{"bad \\u", values(`["1","\u12g4"]`), `json: \u without four digits at offset 51`},
		{"bad number", `{"x":01}`, `json: expected a value, found '0' at offset 5`},
		{"deep nesting", `{"x":` + strings.Repeat("[", 1<<20), `json: a value nested too deep at offset 261`},
		{"a legacy body", `{"streams":[{"labels":"{app=\"p1\"}","entries":[{"ts":"2024-06-10T07:06:40Z","line":"x"}]}]}`, `json: a stream with "labels" and "entries", which belong in a push to /api/prom/push: use "stream" and "values" here at offset 12`},
		{"entries without end", values(strings.Repeat(`["1"],`, 1000)), ``},
		{"invalid byte", "{\xff", `json: expected a name in quotes, found byte 0xff at offset 1`},
	} {
		p, err := ReadPush(push(jsonType, "", []byte(tc.body)), roomy)
		if err == nil {
			t.Errorf("%s: read %s, want an error", tc.name, batchText(&p.Batch))
			continue
		}
		if !errors.Is(err, ErrMalformed) || tc.want != "" && err.Error() != tc.want {
			t.Errorf("%s: %v, want %s", tc.name, err, tc.want)
		}
	}
}

func TestReadLegacyPush(t *testing.T) {
	for _, tc := range []struct{ name, body, want string }{
		{
			"plain",
			`{"streams":[{"labels":"{app=\"web\"}","entries":[{"ts":"2024-06-10T07:06:40.000000001Z","line":"x","structuredMetadata":{"k":"v"}},{"line":"y","ts":"2024-06-10T09:06:40+02:00"}],"x":1}]}`,
			"{app=\"web\"}\n  1718003200000000001 \"x\" k=\"v\"\n  1718003200000000000 \"y\"\n",
		},
		{"no entries", `{"streams":[{"labels":"{a=\"b\"}"},{"labels":"{c=\"d\"}","entries":null}]}`, "{a=\"b\"}\n{c=\"d\"}\n"},
		{"nothing", `{}`, ""},
	} {
		p, err := ReadLegacyPush(push(jsonType, "", []byte(tc.body)), roomy)
		if err != nil {
			t.Errorf("%s: %v", tc.name, err)
			continue
		}
		if got := batchText(&p.Batch); got != tc.want {
			t.Errorf("%s: read\n%swant\n%s", tc.name, got, tc.want)
		}
		p.Release()
	}
	for _, tc := range []struct{ name, body, want string }{
		{"nanoseconds", `{"streams":[{"labels":"{}","entries":[{"ts":"1718000000000000000","line":"x"}]}]}`, `json: timestamp "1718000000000000000" is not of RFC 3339 at offset 38`},
		{"no timestamp", `{"streams":[{"labels":"{}","entries":[{"line":"x"}]}]}`, `json: timestamp "" is not of RFC 3339 at offset 38`},
		{"the year 9999", `{"streams":[{"labels":"{}","entries":[{"ts":"9999-01-01T00:00:00Z"}]}]}`, `json: timestamp "9999-01-01T00:00:00Z" is not of RFC 3339 at offset 38`},
		{"labels as an object", `{"streams":[{"labels":{}}]}`, `json: expected labels in quotes, found '{' at offset 22`},
	} {
		if _, err := ReadLegacyPush(push(jsonType, "", []byte(tc.body)), roomy); !errors.Is(err, ErrMalformed) || err.Error() != tc.want {
			t.Errorf("%s: %v, want %s", tc.name, err, tc.want)
		}
	}
}

func TestReadPushEncodings(t *testing.T) {
	batch := benchBatch(4, 50)
	want := batchText(batch)
	wire := logproto.AppendPush(nil, batch)
	snapped := s2.EncodeSnappy(nil, wire)
	text := jsonBody(batch)
	for _, encoding := range []string{"", "snappy", "gzip", "deflate", "zstd"} {
		for _, tc := range []struct {
			contentType string
			body        []byte
		}{
			{jsonType, text},
			{"application/json;charset=UTF-8", text},
			{protoType, snapped},
			{"application/octet-stream", snapped},
		} {
			body := encoded(t, encoding, bytes.Clone(tc.body))
			for _, r := range []io.Reader{bytes.NewReader(body), iotest.OneByteReader(bytes.NewReader(body))} {
				p, err := ReadPush(PushBody{Reader: r, ContentType: tc.contentType, ContentEncoding: encoding}, roomy)
				if err != nil {
					t.Errorf("%s in %q: %v", tc.contentType, encoding, err)
					continue
				}
				if got := batchText(&p.Batch); got != want {
					t.Errorf("%s in %q: read\n%.500s\nwant\n%.500s", tc.contentType, encoding, got, want)
				}
				if p.ReceivedBytes != int64(len(body)) {
					t.Errorf("%s in %q: received %d bytes, want %d", tc.contentType, encoding, p.ReceivedBytes, len(body))
				}
				p.Release()
			}
		}
	}
	p, err := ReadPush(push(protoType, "Zstd", encoded(t, "zstd", wire)), roomy)
	if err != nil || batchText(&p.Batch) != want {
		t.Errorf("bare protobuf under zstd: %v", err)
	}
}

func TestReadPushRefuses(t *testing.T) {
	wire := logproto.AppendPush(nil, benchBatch(1, 10))
	snapped := s2.EncodeSnappy(nil, wire)
	tight := PushLimits{Received: 1000, Decompressed: 4000}
	zeros := make([]byte, 1<<20)
	var (
		connection = errors.New("connection reset")
		text       = []byte(`{"streams":[]}`)
	)
	for _, tc := range []struct {
		name string
		body PushBody
		lim  PushLimits
		want error
		text string
	}{
		{"no content type", push("", "", text), roomy, ErrUnsupported, "mime: no media type"},
		{"unparsable content type", push("a/b/c", "", text), roomy, ErrUnsupported, ""},
		{"br", push(jsonType, "br", text), roomy, ErrUnsupported, `Content-Encoding "br" not supported`},
		{"identity", push(jsonType, "identity", text), roomy, ErrUnsupported, ""},
		{"two encodings", push(jsonType, "gzip, gzip", text), roomy, ErrUnsupported, ""},
		{"json as protobuf", push("text/plain", "", text), roomy, ErrMalformed, ""},
		{"empty protobuf", push(protoType, "", nil), roomy, ErrMalformed, "snappy: the block's length is unreadable"},
		{"protobuf without snappy", push(protoType, "", wire), roomy, ErrMalformed, ""},
		{"protobuf without snappy in gzip", push(protoType, "gzip", encoded(t, "gzip", wire)), roomy, ErrMalformed, ""},
		{"snappy, cut short", push(protoType, "", snapped[:len(snapped)-5]), roomy, ErrMalformed, "snappy: the block is damaged"},
		{"snappy over garbage", push(protoType, "", s2.EncodeSnappy(nil, []byte("\x0f\x0f"))), roomy, ErrMalformed, "protobuf: field 1 of wire type 7 does not end at offset 1"},
		{"gzip that is not", push(jsonType, "gzip", text), roomy, ErrMalformed, ""},
		{"gzip, cut short", push(jsonType, "gzip", encoded(t, "gzip", text)[:20]), roomy, ErrMalformed, "gzip: the body is cut short"},
		{"empty gzip", push(jsonType, "gzip", nil), roomy, ErrMalformed, "gzip: the body is cut short"},
		{"deflate in zlib's wrapping", push(jsonType, "deflate", encoded(t, "zlib", text)), roomy, ErrMalformed, ""},
		{"zstd that is not", push(jsonType, "zstd", text), roomy, ErrMalformed, ""},
		{"too much, as is", push(jsonType, "", zeros), tight, ErrTooLarge, "body of more than 1000 bytes"},
		{"too much gzip", push(jsonType, "gzip", encoded(t, "gzip", make([]byte, 2<<20))), tight, ErrTooLarge, ""},
		{"gzip bomb", push(jsonType, "gzip", encoded(t, "gzip", zeros[:100<<10])), tight, ErrTooLarge, "body of more than 4000 bytes after decompression"},
		{"deflate bomb", push(jsonType, "deflate", encoded(t, "deflate", zeros[:100<<10])), tight, ErrTooLarge, "body of more than 4000 bytes after decompression"},
		{"zstd bomb", push(jsonType, "zstd", encoded(t, "zstd", zeros)), tight, ErrTooLarge, "body of more than 4000 bytes after decompression"},
		{"snappy bomb", push(protoType, "", s2.EncodeSnappy(nil, zeros[:10<<10])), tight, ErrTooLarge, "body of 10240 bytes after decompression, more than 4000"},
		{"snappy of 2 GB", push(protoType, "", append(protowire.AppendVarint(nil, 2<<30), 0, 0)), PushLimits{Received: 1 << 20, Decompressed: 5 << 30}, ErrMalformed, "snappy: a block of 7 bytes claims to hold 2147483648"},
		{"connection lost", PushBody{Reader: iotest.ErrReader(connection), ContentType: jsonType}, roomy, connection, "read body: connection reset"},
		{"connection lost in gzip", PushBody{Reader: io.MultiReader(bytes.NewReader(encoded(t, "gzip", text)[:20]), iotest.ErrReader(connection)), ContentType: jsonType, ContentEncoding: "gzip"}, roomy, connection, ""},
	} {
		_, err := ReadPush(tc.body, tc.lim)
		if !errors.Is(err, tc.want) || tc.text != "" && err.Error() != tc.text {
			t.Errorf("%s: %v, want %v: %s", tc.name, err, tc.want, tc.text)
		}
	}
}

// A body may be exactly as large as the limits say.
func TestReadPushAtItsLimits(t *testing.T) {
	text := []byte(`{"streams":[]}`)
	for _, encoding := range []string{"", "gzip"} {
		body := encoded(t, encoding, text)
		if p, err := ReadPush(push(jsonType, encoding, body), PushLimits{int64(len(body)), int64(len(text)), nil}); err != nil {
			t.Errorf("%q at its limits: %v", encoding, err)
		} else {
			p.Release()
		}
		if _, err := ReadPush(push(jsonType, encoding, body), PushLimits{int64(len(body)) - 1, 1000, nil}); !errors.Is(err, ErrTooLarge) {
			t.Errorf("%q past what may be received: %v", encoding, err)
		}
	}
}

// What a hostile body makes us allocate follows from its size, not its claims.
func TestReadPushMemoryIsBounded(t *testing.T) {
	bomb := encoded(t, "gzip", make([]byte, 64<<20))
	lim := PushLimits{Received: 1 << 20, Decompressed: 1 << 20}
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	for _, body := range []PushBody{
		push(jsonType, "gzip", bomb),
		push(protoType, "", append(protowire.AppendVarint(nil, 4<<30-1), 0, 0)),
		push(jsonType, "zstd", encoded(t, "zstd", make([]byte, 64<<20))),
	} {
		if _, err := ReadPush(body, lim); !errors.Is(err, ErrTooLarge) {
			t.Errorf("%s in %q: %v, want ErrTooLarge", body.ContentType, body.ContentEncoding, err)
		}
	}
	runtime.ReadMemStats(&after)
	// The encoder that makes the last bomb is in this, and takes most of it.
	if got := after.TotalAlloc - before.TotalAlloc; got > 180<<20 {
		t.Errorf("allocated %d MiB", got>>20)
	}
}

// A JSON body reads as what encoding/json makes of it.
func TestReadPushTwin(t *testing.T) {
	seeds.Check(t, func(t *rapid.T) {
		type stream struct {
			Stream map[string]string `json:"stream"`
			Values [][]any           `json:"values"`
		}
		var body struct {
			Streams []stream `json:"streams"`
		}
		var want strings.Builder
		for range rapid.IntRange(0, 3).Draw(t, "streams") {
			s := stream{Stream: map[string]string{"app": rapid.StringMatching(`[a-z"\\]{1,5}`).Draw(t, "app")}}
			fmt.Fprintf(&want, "{app=%q}\n", s.Stream["app"])
			for range rapid.IntRange(0, 4).Draw(t, "entries") {
				ts, line := rapid.Int64().Draw(t, "ts"), rapid.String().Draw(t, "line")
				fmt.Fprintf(&want, "  %d %q", ts, line)
				v := []any{fmt.Sprint(ts), line}
				if rapid.Bool().Draw(t, "with metadata") {
					value := rapid.String().Draw(t, "value")
					v = append(v, map[string]string{"k": value})
					fmt.Fprintf(&want, " k=%q", value)
				}
				want.WriteByte('\n')
				s.Values = append(s.Values, v)
			}
			body.Streams = append(body.Streams, s)
		}
		text, err := json.Marshal(body)
		if err != nil {
			t.Fatal(err)
		}
		p, err := ReadPush(push(jsonType, "", text), roomy)
		if err != nil {
			t.Fatal(err)
		}
		defer p.Release()
		if got := batchText(&p.Batch); got != want.String() {
			t.Fatalf("read\n%swant\n%s", got, want.String())
		}
	})
}

// benchBatch has streams of entries like those of a web service.
func benchBatch(streams, entries int) *model.Batch {
	b := &model.Batch{}
	for s := range streams {
		stream := model.Stream{Labels: fmt.Sprintf(`{app="api", env="prod", pod="api-%d"}`, s)}
		for i := range entries {
			e := model.Entry{
				Timestamp: 1718000000000000000 + int64(i)*1e6 + int64(s),
				Line:      fmt.Sprintf(`ts=2024-06-10T07:06:%02d.%06dZ caller=handler.go:%d level=info msg="request served" method=GET path=/api/v1/items/%d/%x status=200 duration=%d.%dms`, i%60, i*7919%1000000, i%300, i*7, i*104729, i%90, i%10),
			}
			if i%4 == 0 {
				e.Metadata = model.Metadata{{Name: "trace_id", Value: fmt.Sprintf("%032x", i*7919)}}
			}
			stream.Entries = append(stream.Entries, e)
		}
		b.Streams = append(b.Streams, stream)
	}
	return b
}

// jsonBody writes a batch as a JSON push.
func jsonBody(b *model.Batch) []byte {
	type stream struct {
		Stream map[string]string `json:"stream"`
		Values [][]any           `json:"values"`
	}
	var streams []stream
	for _, s := range b.Streams {
		ls, err := logproto.ParseLabels(s.Labels)
		if err != nil {
			panic(err)
		}
		out := stream{Stream: ls.Map()}
		for _, e := range s.Entries {
			v := []any{fmt.Sprint(e.Timestamp), e.Line}
			if len(e.Metadata) > 0 {
				md := map[string]string{}
				for _, l := range e.Metadata {
					md[l.Name] = l.Value
				}
				v = append(v, md)
			}
			out.Values = append(out.Values, v)
		}
		streams = append(streams, out)
	}
	text, err := json.Marshal(map[string]any{"streams": streams})
	if err != nil {
		panic(err)
	}
	return text
}

func FuzzReadPushJSON(f *testing.F) {
	f.Add([]byte(`{"streams":[{"stream":{"app":"p1","b":5},"values":[["1718000000000000001","x\u00e9\n",{"k":"v"},[]]]}],"x":[1e5,{}]}`))
	f.Add([]byte(`{"streams":[{"labels":"{a=\"b\"}","entries":[{"ts":"2024-06-10T07:06:40.1Z","line":"x","structuredMetadata":{"k":"v"}}]}]}`))
	f.Add([]byte(`{"streams":[{"stream":{"a":"\ud83d\ude00\ud83d"},"values":[["1"]]}]}`))
	f.Fuzz(func(t *testing.T, body []byte) {
		for name, read := range map[string]func(PushBody, PushLimits) (*Push, error){"modern": ReadPush, "legacy": ReadLegacyPush} {
			p, err := read(push(jsonType, "", bytes.Clone(body)), roomy)
			if err != nil {
				if !errors.Is(err, ErrMalformed) {
					t.Errorf("%s: %v is not ErrMalformed", name, err)
				}
				continue
			}
			// Control characters are the one thing that we take and others do not.
			if !bytes.ContainsFunc(body, func(r rune) bool { return r < ' ' }) && !json.Valid(body) {
				t.Errorf("%s: took what is no JSON", name)
			}
			text := batchText(&p.Batch)
			wire := logproto.AppendPush(nil, &p.Batch)
			p.Release()
			q, err := ReadPush(push(protoType, "", s2.EncodeSnappy(nil, wire)), roomy)
			if err != nil {
				t.Fatalf("%s: as protobuf: %v", name, err)
			}
			if got := batchText(&q.Batch); got != text {
				t.Errorf("%s: as protobuf\n%sas JSON\n%s", name, got, text)
			}
			q.Release()
		}
	})
}

func FuzzReadPushEncodings(f *testing.F) {
	text := []byte(`{"streams":[{"stream":{"app":"p1"},"values":[["1718000000000000001","x"]]}]}`)
	for i, encoding := range []string{"snappy", "gzip", "deflate", "zstd"} {
		f.Add(uint8(i), true, encoded(f, encoding, text))
		f.Add(uint8(i), false, encoded(f, encoding, s2.EncodeSnappy(nil, logproto.AppendPush(nil, benchBatch(1, 2)))))
	}
	lim := PushLimits{Received: 1 << 16, Decompressed: 1 << 18}
	f.Fuzz(func(t *testing.T, encoding uint8, isJSON bool, body []byte) {
		contentType := protoType
		if isJSON {
			contentType = jsonType
		}
		p, err := ReadPush(push(contentType, []string{"snappy", "gzip", "deflate", "zstd"}[encoding%4], body), lim)
		if err != nil {
			if !errors.Is(err, ErrMalformed) && !errors.Is(err, ErrTooLarge) {
				t.Errorf("%v is of no kind", err)
			}
			return
		}
		if p.ReceivedBytes > lim.Received || p.BodyBytes > lim.Decompressed {
			t.Errorf("received %d, body %d bytes", p.ReceivedBytes, p.BodyBytes)
		}
		p.Release()
	})
}

// How fast does a body of about 1 MB become a batch, in MB of lines and metadata?
func BenchmarkReadPush(b *testing.B) {
	batch := benchBatch(8, 800)
	snapped := s2.EncodeSnappy(nil, logproto.AppendPush(nil, batch))
	text := jsonBody(batch)
	for _, bc := range []struct {
		name, contentType, encoding string
		body                        []byte
	}{
		{"snappy", protoType, "", snapped},
		{"json", jsonType, "", text},
		{"json+gzip", jsonType, "gzip", encoded(b, "gzip", text)},
		{"snappy+gzip", protoType, "gzip", encoded(b, "gzip", snapped)},
		{"json+zstd", jsonType, "zstd", encoded(b, "zstd", text)},
	} {
		b.Run(bc.name, func(b *testing.B) {
			b.SetBytes(int64(batch.Bytes()))
			b.ReportAllocs()
			r := bytes.NewReader(bc.body)
			for b.Loop() {
				r.Reset(bc.body)
				p, err := ReadPush(PushBody{r, bc.contentType, bc.encoding}, roomy)
				if err != nil {
					b.Fatal(err)
				}
				p.Release()
			}
		})
	}
}

// What gRPC carries is read or refused, and what is read is what was sent.
func FuzzReadBarePush(f *testing.F) {
	wire := logproto.AppendPush(nil, &model.Batch{Streams: []model.Stream{{
		Labels: `{app="web"}`, Entries: []model.Entry{{Timestamp: 1, Line: "line", Metadata: model.Metadata{{Name: "a", Value: "b"}}}},
	}}})
	f.Add(wire)
	f.Add(wire[:len(wire)-1])
	f.Fuzz(func(t *testing.T, data []byte) {
		p, err := ReadBarePush(PushBody{Reader: bytes.NewReader(data)}, roomy)
		if err != nil {
			return
		}
		defer p.Release()
		again, err := ReadBarePush(PushBody{Reader: bytes.NewReader(logproto.AppendPush(nil, &p.Batch))}, roomy)
		if err != nil {
			t.Fatalf("what was read is not read again: %v", err)
		}
		defer again.Release()
		if got, want := again.Batch.Entries(), p.Batch.Entries(); got != want {
			t.Errorf("%d entries, want %d", got, want)
		}
	})
}
