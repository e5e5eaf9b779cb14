package main_test

import (
	"bytes"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/golang/snappy"
	"github.com/klauspost/compress/gzip"
	"github.com/klauspost/compress/zstd"
	"google.golang.org/protobuf/encoding/protowire"

	"github.com/skaldlogs/skald/pkg/logproto"
	"github.com/skaldlogs/skald/pkg/model"
)

// TestBadInput sends what no client should. Each is answered with a 4xx that
// says what is wrong, none costs the process much memory, and none keeps it from
// serving others.
func TestBadInput(t *testing.T) {
	dir := t.TempDir()
	config := filepath.Join(dir, "skald.yaml")
	if err := os.WriteFile(config, []byte("server: {http_listen_address: 127.0.0.1, grpc_listen_address: 127.0.0.1}\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	s := newServer(t, dir, "-config.file="+config) // multi-tenant
	s.start()

	const (
		push  = "/loki/api/v1/push"
		proto = "application/x-protobuf"
		json  = "application/json"
	)
	now := time.Now().UnixNano()
	one := func(labels, line string, metadata ...string) []byte {
		e := model.Entry{Timestamp: now, Line: line}
		for i := 0; i+1 < len(metadata); i += 2 {
			e.Metadata = append(e.Metadata, model.Metadata{{Name: metadata[i], Value: metadata[i+1]}}...)
		}
		return snappy.Encode(nil, logproto.AppendPush(nil, &model.Batch{Streams: []model.Stream{{Labels: labels, Entries: []model.Entry{e}}}}))
	}
	good := one(`{app="good"}`, "line")
	manyLabels := func(n int) string {
		var b strings.Builder
		for i := range n {
			fmt.Fprintf(&b, `,l%d="v"`, i)
		}
		return "{" + b.String()[1:] + "}"
	}

	for _, tc := range []struct {
		name             string
		method, path     string // POST to push
		contentType      string // protobuf
		encoding, tenant string
		noTenant         bool
		body             func() io.Reader
		status           int
		text             string // part of what is answered
	}{
		// Bodies that are not what they say.
		{name: "empty body", body: raw(), status: 400, text: "snappy"},
		{name: "text for snappy", body: raw("hello, here are my logs"), status: 400, text: "snappy"},
		{name: "snappy cut short", body: raw(string(good[:len(good)-3])), status: 400, text: "snappy: the block is damaged"},
		{name: "snappy that claims 2 GB", body: raw(string(protowire.AppendVarint(nil, 2<<30)), "x"), status: 400, text: "snappy: a block of 6 bytes claims to hold 2147483648"},
		{name: "snappy that claims 4 GB in 90 MB", body: zeros(string(protowire.AppendVarint(nil, 4<<30-1)), 90<<20), status: 400, text: "claims to hold 4294967295"},
		{name: "snappy with a length that has no end", body: raw(strings.Repeat("\xff", 11)), status: 400, text: "snappy: the block's length is unreadable"},
		{name: "framed snappy", body: raw("\xff\x06\x00\x00sNaPpY\x00\x00"), status: 400, text: "snappy"},
		{name: "no protobuf in snappy", body: raw(string(snappy.Encode(nil, []byte("hello")))), status: 400},
		{name: "2 GB length prefix in protobuf", body: raw(string(snappy.Encode(nil, append([]byte{0x0a}, protowire.AppendVarint(nil, 2<<30)...)))), status: 400},
		{name: "length prefix beyond 64 bits", body: raw(string(snappy.Encode(nil, append([]byte{0x0a}, bytes.Repeat([]byte{0xff}, 12)...)))), status: 400},
		{name: "a group that does not end", body: raw(string(snappy.Encode(nil, bytes.Repeat([]byte{0x0b}, 1000)))), status: 400},
		{name: "millions of empty entries", body: raw(string(snappy.Encode(nil, emptyEntries(5<<20)))), status: 400, text: "too many entries"},
		{name: "millions of empty streams", body: raw(string(snappy.Encode(nil, bytes.Repeat([]byte{0x0a, 0}, 5<<20)))), status: 400, text: "too many streams"},
		{name: "no streams", body: raw(string(snappy.Encode(nil, nil))), status: 422, text: "at least one valid stream is required"},
		{name: "no JSON", contentType: json, body: raw("hello"), status: 400, text: "json: "},
		{name: "JSON cut short", contentType: json, body: raw(`{"streams":[{"stream":{"app":"x"},"values":[["1"`), status: 400, text: "json: "},
		{name: "JSON and more", contentType: json, body: raw(`{"streams":[]} {"streams":[]}`), status: 400, text: "json: "},
		{name: "empty JSON", contentType: json, body: raw(`{}`), status: 422, text: "at least one valid stream is required"},
		{name: "JSON nested without end", contentType: json, body: zerosOf('[', `{"x":`, 20<<20), status: 400, text: "json: "},
		{name: "timestamp as a number", contentType: json, body: raw(`{"streams":[{"stream":{"app":"x"},"values":[[1,"x"]]}]}`), status: 400, text: "a timestamp in quotes"},
		{name: "timestamp with a fraction", contentType: json, body: raw(`{"streams":[{"stream":{"app":"x"},"values":[["1.5","x"]]}]}`), status: 400, text: `"1.5" is no count of nanoseconds`},
		{name: "line as a number", contentType: json, body: raw(`{"streams":[{"stream":{"app":"x"},"values":[["1",2]]}]}`), status: 400, text: "a line in quotes"},
		{name: "nested metadata", contentType: json, body: raw(`{"streams":[{"stream":{"app":"x"},"values":[["1","x",{"a":{}}]]}]}`), status: 400, text: "a metadata value in quotes"},
		{name: "protobuf called JSON", contentType: json, body: raw(string(good)), status: 400, text: "json: "},
		{name: "a type that is none", contentType: "application/", body: raw(string(good)), status: 400, text: "mime: "},
		{name: "no type", contentType: "-", body: raw(string(good)), status: 400, text: "mime: no media type"},

		// Encodings.
		{name: "text for gzip", encoding: "gzip", body: raw("hello"), status: 400, text: "gzip: "},
		{name: "text for zstd", encoding: "zstd", body: raw("hello"), status: 400, text: "zstd: "},
		{name: "text for deflate", encoding: "deflate", body: raw("\xff\xff\xff"), status: 400, text: "deflate: "},
		{name: "gzip cut short", encoding: "gzip", body: raw(string(encode("gzip", good)[:20])), status: 400, text: "gzip: the body is cut short"},
		{name: "brotli", encoding: "br", body: raw("x"), status: 400, text: `Content-Encoding "br" not supported`},
		{name: "two encodings", encoding: "gzip, zstd", body: raw("x"), status: 400, text: `not supported`},
		{name: "gzip bomb", encoding: "gzip", body: bomb(t, "gzip"), status: 413, text: "after decompression"},
		{name: "gzip bomb as JSON", contentType: json, encoding: "gzip", body: bomb(t, "gzip"), status: 413, text: "after decompression"},
		{name: "zstd bomb", encoding: "zstd", body: bomb(t, "zstd"), status: 413, text: "after decompression"},
		{name: "zstd with a window of 2 GB", encoding: "zstd", body: raw("\x28\xb5\x2f\xfd\x00\xa8", "\x01\x00\x00"), status: 400, text: "zstd: "},
		{name: "body beyond the limit", body: zeros("", 101<<20), status: 413, text: "body of more than 104857600 bytes"},

		// Labels and entries.
		{name: "labels that do not parse", body: raw(string(one(`{app="x`, "x"))), status: 400, text: "couldn't parse labels: 1:"},
		{name: "labels with a regexp", body: raw(string(one(`{app=~"x"}`, "x"))), status: 400, text: "couldn't parse labels: 1:"},
		{name: "a label name in quotes", body: raw(string(one(`{"a b"="x"}`, "x"))), status: 400, text: "couldn't parse labels: 1:"},
		{name: "one label twice", body: raw(string(one(`{app="x", app="y"}`, "x"))), status: 400, text: "app"},
		{name: "invalid UTF-8 in a label", body: raw(string(one("{app=\"\xff\xfe\"}", "x"))), status: 400, text: "UTF-8"},
		{name: "16 labels", body: raw(string(one(manyLabels(16), "x"))), status: 400, text: "has 16 label names; limit 15"},
		{name: "50,000 labels", body: raw(string(one(manyLabels(50_000), "x"))), status: 400, text: "label"},
		{name: "50,000 labels in JSON", contentType: json, body: raw(`{"streams":[{"stream":{`, strings.ReplaceAll(strings.Trim(strings.ReplaceAll(manyLabels(50_000), "=", `":`), "{}"), "l", `"l`), `},"values":[["1","x"]]}]}`), status: 400, text: "labels"},
		{name: "a long label name", body: raw(string(one(`{`+strings.Repeat("n", 1025)+`="x"}`, "x"))), status: 400, text: "label name too long"},
		{name: "a long label value", body: raw(string(one(`{app="`+strings.Repeat("v", 2049)+`"}`, "x"))), status: 400, text: "label value too long"},
		{name: "label text of 17 MB", body: raw(string(one(`{app="`+strings.Repeat("v", 17<<20)+`"}`, "x"))), status: 400, text: "label text"},
		{name: "a long line", body: raw(string(one(`{app="x"}`, strings.Repeat("x", 256<<10+1)))), status: 400, text: "max entry size '262144' bytes exceeded"},
		{name: "much metadata", body: raw(string(one(`{app="x"}`, "x", "a", strings.Repeat("x", 65<<10)))), status: 400, text: "structured metadata"},
		{name: "metadata without a name", body: raw(string(one(`{app="x"}`, "x", "", "v"))), status: 400},

		// Tenants.
		{name: "no tenant", noTenant: true, body: raw(string(good)), status: 401, text: "no org id\n"},
		{name: "tenant ..", tenant: "..", body: raw(string(good)), status: 400, text: "tenant ID is '.' or '..'"},
		{name: "tenant .", tenant: ".", body: raw(string(good)), status: 400, text: "tenant ID is '.' or '..'"},
		{name: "tenant a/b", tenant: "a/b", body: raw(string(good)), status: 400, text: "tenant ID 'a/b' contains unsupported character '/'"},
		{name: "tenant ../a", tenant: "../a", body: raw(string(good)), status: 400, text: "unsupported character '/'"},
		{name: "tenant %2e%2e", tenant: "%2e%2e", body: raw(string(good)), status: 400, text: "unsupported character '%'"},
		{name: "tenant a\\b", tenant: `a\b`, body: raw(string(good)), status: 400, text: `unsupported character '\'`},
		{name: "tenant of 151 bytes", tenant: strings.Repeat("a", 151), body: raw(string(good)), status: 400, text: "tenant ID is too long: max 150 characters"},
		{name: "tenant |", tenant: "a|b", body: raw(string(good)), status: 400, text: "multiple org IDs present"},
		{name: "tenant ..:x", tenant: "..:x", body: raw(string(good)), status: 400, text: "tenant ID is '.' or '..'"},
		{name: "tenant in a query", method: http.MethodGet, path: "/loki/api/v1/labels", tenant: "../../etc", status: 400, text: "unsupported character '/'"},

		// Paths, methods, parameters.
		{name: "unknown path", path: "/loki/api/v2/push", body: raw(string(good)), status: 404, text: "404 page not found\n"},
		{name: "PUT to push", method: http.MethodPut, body: raw(string(good)), status: 405},
		{name: "GET of push", method: http.MethodGet, status: 405},
		{name: "DELETE of a query", method: http.MethodDelete, path: "/loki/api/v1/query", status: 405},
		{name: "query without a query", method: http.MethodGet, path: "/loki/api/v1/query_range", status: 400},
		{name: "query of 200 KB", method: http.MethodGet, path: "/loki/api/v1/query?query=" + strings.Repeat("x", 200<<10), status: 400},
		{name: "nested parentheses", method: http.MethodGet, path: "/loki/api/v1/query?query=" + strings.Repeat("(", 100_000), status: 400},
		{name: "a form of 20 MB", path: "/loki/api/v1/query", contentType: "application/x-www-form-urlencoded", body: zerosOf('x', "query=", 20<<20), status: 413},
		{name: "a form that is none", path: "/loki/api/v1/query", contentType: "application/x-www-form-urlencoded", body: raw("query=%zz"), status: 400},
		{name: "start that is no time", method: http.MethodGet, path: "/loki/api/v1/query_range?query=%7Ba%3D%22b%22%7D&start=yesterday", status: 400, text: "start"},
		{name: "eleven thousand and one steps", method: http.MethodGet, path: "/loki/api/v1/query_range?query=rate(%7Ba%3D%22b%22%7D%5B1m%5D)&start=0&end=11001&step=1", status: 400, text: "exceeded maximum resolution of 11,000 points"},
		{name: "a regexp that is none", method: http.MethodGet, path: "/loki/api/v1/query_range?query=%7Ba%3D~%22(%22%7D", status: 400, text: "missing closing )"},
	} {
		method, path, contentType, tenant := or(tc.method, http.MethodPost), or(tc.path, push), or(tc.contentType, proto), or(tc.tenant, "somebody")
		// A server that answers before it has read all closes the connection half a second
		// later; a client that was not run meanwhile does not see the answer.
		send := func() (*http.Response, error) {
			var body io.Reader
			if tc.body != nil {
				body = tc.body()
			}
			req, err := http.NewRequest(method, "http://"+s.http+path, body)
			if err != nil {
				t.Fatalf("%s: %v", tc.name, err)
			}
			if contentType != "-" {
				req.Header.Set("Content-Type", contentType)
			}
			if tc.encoding != "" {
				req.Header.Set("Content-Encoding", tc.encoding)
			}
			if !tc.noTenant {
				req.Header.Set("X-Scope-OrgID", tenant)
			}
			return http.DefaultClient.Do(req)
		}
		before := s.peakRSS()
		resp, err := send()
		for again := 0; err != nil && again < 5; again++ {
			t.Logf("%s: asked again after: %v", tc.name, err)
			resp, err = send()
		}
		if err != nil {
			t.Errorf("%s: %v", tc.name, err)
			continue
		}
		text, err := io.ReadAll(io.LimitReader(resp.Body, 1<<20))
		resp.Body.Close()
		if err != nil || resp.StatusCode != tc.status || !strings.Contains(string(text), tc.text) {
			t.Errorf("%s: %d %.300q (%v), want %d %q", tc.name, resp.StatusCode, text, err, tc.status, tc.text)
		}
		if tc.status != http.StatusMethodNotAllowed && len(bytes.TrimSpace(text)) == 0 {
			t.Errorf("%s: the answer says nothing", tc.name)
		}
		if len(text) > 8<<10 {
			t.Errorf("%s: an answer of %d bytes", tc.name, len(text))
		}
		if grown := s.peakRSS() - before; grown > 64<<20 {
			t.Logf("%s: peak of resident memory rose by %d MB", tc.name, grown>>20)
		}
	}
	// Some 500 MB it is mostly. On a busy machine the garbage of several requests lies
	// about at once; a body that is taken at its word would be 4 GB.
	const most = 1536 << 20
	if rss := s.peakRSS(); rss > most {
		t.Errorf("the process had up to %d MB, want no more than %d", rss>>20, most>>20)
	} else {
		t.Logf("the process had up to %d MB", rss>>20)
	}
	req, _ := http.NewRequest(http.MethodPost, "http://"+s.http+push, bytes.NewReader(good))
	req.Header.Set("Content-Type", proto)
	req.Header.Set("X-Scope-OrgID", "somebody")
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	resp.Body.Close()
	if resp.StatusCode != http.StatusNoContent {
		t.Errorf("a good push after all that: %s", resp.Status)
	}
	s.Stop()
	if strings.Contains(s.Log.String(), "ended in a panic") {
		t.Errorf("a request ended in a panic:\n%s", s.Log)
	}
	for _, place := range []string{filepath.Dir(dir), filepath.Join(dir, "bucket")} {
		for _, name := range []string{"a", "etc", "b"} {
			if _, err := os.Stat(filepath.Join(place, name)); err == nil {
				t.Errorf("a tenant's name became the path %s", filepath.Join(place, name))
			}
		}
	}
}

func or(s, other string) string {
	if s == "" {
		return other
	}
	return s
}

// raw is a body of these bytes.
func raw(parts ...string) func() io.Reader {
	return func() io.Reader { return strings.NewReader(strings.Join(parts, "")) }
}

// zeros is a body of a start and n zeroes, which need not be in memory.
func zeros(start string, n int64) func() io.Reader { return zerosOf(0, start, n) }

func zerosOf(b byte, start string, n int64) func() io.Reader {
	return func() io.Reader { return io.MultiReader(strings.NewReader(start), io.LimitReader(repeated(b), n)) }
}

// repeated reads as one byte, for ever.
type repeated byte

func (r repeated) Read(b []byte) (int, error) {
	for i := range b {
		b[i] = byte(r)
	}
	return len(b), nil
}

// emptyEntries is a stream of n entries of nothing.
func emptyEntries(n int) []byte {
	stream := bytes.Repeat([]byte{0x12, 0}, n)
	return append(append([]byte{0x0a}, protowire.AppendVarint(nil, uint64(len(stream)))...), stream...)
}

// bomb is a few MB of compressed zeroes that make 3 GB.
func bomb(t *testing.T, encoding string) func() io.Reader {
	t.Helper()
	var b bytes.Buffer
	var w io.WriteCloser
	var err error
	// Members and frames may follow each other, so one is made and repeated.
	const member, members = 64 << 20, 48
	switch encoding {
	case "gzip":
		w, err = gzip.NewWriterLevel(&b, gzip.BestSpeed)
	case "zstd":
		w, err = zstd.NewWriter(&b, zstd.WithWindowSize(1<<20))
	}
	if err == nil {
		_, err = io.Copy(w, zeros("", member)())
	}
	if err == nil {
		err = w.Close()
	}
	if err != nil {
		t.Fatal(err)
	}
	return func() io.Reader {
		readers := make([]io.Reader, members)
		for i := range readers {
			readers[i] = bytes.NewReader(b.Bytes())
		}
		return io.MultiReader(readers...)
	}
}
