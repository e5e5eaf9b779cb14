package main_test

import (
	"bytes"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/golang/snappy"
	"github.com/klauspost/compress/flate"
	"github.com/klauspost/compress/gzip"
	"github.com/klauspost/compress/zlib"
	"github.com/klauspost/compress/zstd"
	"github.com/rogpeppe/go-internal/testscript"

	"github.com/skaldlogs/skald/pkg/loghttp"
	"github.com/skaldlogs/skald/pkg/logproto"
	"github.com/skaldlogs/skald/pkg/parts"
)

// TestServer drives the binary as its users do. Each script in testdata/server
// shows one behaviour, and may use, beside testscript's own commands:
//
//	start [-flag…]       run skald over $WORK/data and wait until it is ready
//	crash                kill -9 it
//	term                 ask it to stop, and wait until it has
//	log REGEXP           what it said since its start has a match
//	http [-i] [-H HEADER] [-d FILE] METHOD PATH [NAME=VALUE…]
//	                     send a request, with the values URL-encoded; -i shows
//	                     status and headers before the body
//	push [-as FORMAT] [-encoding NAME] [-H HEADER] FILE
//	                     push the JSON in FILE, perhaps as protobuf, and show
//	                     status and body
//
// A script's time is $T, the thousands of a Unix time some minutes ago, so that
// ${T}001 are seconds and ${T}001000000005 nanoseconds. It is put for ${T} in the
// files that are sent, and ${T} for it in what comes back; $EARLIER are the
// thousands some two hours before. Statistics are left out of answers, and dates
// out of headers.
func TestServer(t *testing.T) {
	name := parts.Program(t, "skald")
	testscript.Run(t, testscript.Params{
		Dir: filepath.Join("testdata", "server"),
		Setup: func(e *testscript.Env) error {
			e.Setenv("PATH", filepath.Dir(name)+string(os.PathListSeparator)+e.Getenv("PATH"))
			thousands := time.Now().Unix()/1000 - 1
			e.Setenv("T", strconv.FormatInt(thousands, 10))
			e.Setenv("EARLIER", strconv.FormatInt(thousands-8, 10))
			s := newServer(e.T().(testing.TB), filepath.Join(e.WorkDir, "data"))
			e.Setenv("HTTP", s.http)
			e.Setenv("HTTP_PORT", port(s.http))
			e.Setenv("GRPC_PORT", port(s.grpc))
			s.Dir = e.WorkDir
			e.Values[serverKey{}] = s
			return nil
		},
		Cmds: map[string]func(*testscript.TestScript, bool, []string){
			"start": scriptStart,
			"crash": func(ts *testscript.TestScript, _ bool, _ []string) { scriptServer(ts).Kill() },
			"term":  scriptTerm,
			"log":   scriptLog,
			"http":  scriptHTTP,
			"push":  scriptPush,
		},
		RequireUniqueNames: true,
		UpdateScripts:      os.Getenv("SKALD_UPDATE_SCRIPTS") != "",
	})
}

type serverKey struct{}

func scriptServer(ts *testscript.TestScript) *server { return ts.Value(serverKey{}).(*server) }

func scriptStart(ts *testscript.TestScript, neg bool, args []string) {
	if neg {
		ts.Fatalf("use exec for what must not start")
	}
	s := scriptServer(ts)
	s.args = args
	ts.Defer(s.Kill) // before its folder goes
	s.start()
}

func scriptTerm(ts *testscript.TestScript, _ bool, _ []string) {
	s := scriptServer(ts)
	s.Stop()
	fmt.Fprint(ts.Stdout(), s.Log)
}

func scriptLog(ts *testscript.TestScript, neg bool, args []string) {
	if len(args) != 1 {
		ts.Fatalf("usage: log REGEXP")
	}
	re, err := regexp.Compile("(?m)" + args[0])
	ts.Check(err)
	s := scriptServer(ts)
	said := func() bool { return re.MatchString(s.Log.String()) }
	// What it said may be on its way.
	if neg && said() || !neg && !s.Poll(said) {
		ts.Fatalf("the log against %q:\n%s", args[0], s.Log)
	}
}

// A scriptRequest is what the options of http and push say.
type scriptRequest struct {
	show     bool
	header   http.Header
	body     []byte
	format   string
	encoding string
}

// options reads the options before the arguments.
func options(ts *testscript.TestScript, args []string) (scriptRequest, []string) {
	r := scriptRequest{header: http.Header{}, format: "json"}
	for len(args) > 0 && strings.HasPrefix(args[0], "-") {
		if args[0] == "-i" {
			r.show, args = true, args[1:]
			continue
		}
		if len(args) < 2 {
			ts.Fatalf("%s needs a value", args[0])
		}
		switch value := args[1]; args[0] {
		case "-H":
			name, v, _ := strings.Cut(value, ":")
			r.header.Add(strings.TrimSpace(name), strings.TrimSpace(v))
		case "-d":
			r.body = body(ts, value)
		case "-as":
			r.format = value
		case "-encoding":
			r.encoding = value
		default:
			ts.Fatalf("unknown option %s", args[0])
		}
		args = args[2:]
	}
	return r, args
}

func body(ts *testscript.TestScript, file string) []byte {
	return []byte(strings.NewReplacer("${T}", ts.Getenv("T"), "${EARLIER}", ts.Getenv("EARLIER")).Replace(ts.ReadFile(file)))
}

func scriptHTTP(ts *testscript.TestScript, neg bool, args []string) {
	r, args := options(ts, args)
	if len(args) < 2 {
		ts.Fatalf("usage: http [-i] [-H HEADER] [-d FILE] METHOD PATH [NAME=VALUE…]")
	}
	query := url.Values{}
	for _, a := range args[2:] {
		name, value, _ := strings.Cut(a, "=")
		query.Add(name, value)
	}
	path := args[1]
	if len(query) > 0 {
		path += "?" + query.Encode()
	}
	r.do(ts, neg, args[0], path)
}

func scriptPush(ts *testscript.TestScript, neg bool, args []string) {
	r, args := options(ts, args)
	if len(args) != 1 {
		ts.Fatalf("usage: push [-as FORMAT] [-encoding NAME] [-H HEADER] FILE")
	}
	text := body(ts, args[0])
	path, contentType := "/loki/api/v1/push", "application/json"
	switch r.format {
	case "json":
	case "legacy":
		path = "/api/prom/push"
	case "protobuf", "bare-protobuf":
		contentType = "application/x-protobuf"
		p, err := loghttp.ReadPush(loghttp.PushBody{Reader: bytes.NewReader(text), ContentType: "application/json"}, loghttp.PushLimits{Received: 1 << 20, Decompressed: 1 << 20})
		ts.Check(err)
		text = logproto.AppendPush(nil, &p.Batch)
		if r.format == "protobuf" {
			text = snappy.Encode(nil, text)
		}
	default:
		ts.Fatalf("unknown format %s", r.format)
	}
	if r.encoding != "" {
		text = encode(r.encoding, text)
		if r.encoding == "zlib" {
			r.encoding = "deflate" // what the standard calls deflate, and Loki does not take
		}
		r.header.Set("Content-Encoding", r.encoding)
	}
	if _, set := r.header["Content-Type"]; !set {
		r.header.Set("Content-Type", contentType)
	}
	r.show, r.body = true, text
	r.do(ts, neg, http.MethodPost, path)
}

// encode compresses as a Content-Encoding says.
func encode(encoding string, text []byte) []byte {
	var b bytes.Buffer
	var w io.WriteCloser
	var err error
	switch encoding {
	case "gzip":
		w = gzip.NewWriter(&b)
	case "deflate":
		w, err = flate.NewWriter(&b, flate.BestSpeed)
	case "zlib":
		w = zlib.NewWriter(&b)
	case "zstd":
		w, err = zstd.NewWriter(&b, zstd.WithWindowSize(1<<20))
	default:
		return text
	}
	if err == nil {
		_, err = w.Write(text)
	}
	if err == nil {
		err = w.Close()
	}
	if err != nil {
		panic(err) // it compresses into memory
	}
	return b.Bytes()
}

var statistics = regexp.MustCompile(`,"stats":\{.*\}\}\}$`)

// do sends the request and writes what comes back to the script's stdout.
func (r *scriptRequest) do(ts *testscript.TestScript, neg bool, method, path string) {
	req, err := http.NewRequest(method, "http://"+scriptServer(ts).http+path, bytes.NewReader(r.body))
	ts.Check(err)
	req.Header = r.header
	// A connection that a crash cut must not be used again.
	req.Close = true
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		if !neg {
			ts.Fatalf("%v", err)
		}
		return
	}
	defer resp.Body.Close()
	text, err := io.ReadAll(resp.Body)
	ts.Check(err)
	if ok := resp.StatusCode < 300; ok == neg {
		ts.Fatalf("%s %s: %s: %s", method, path, resp.Status, text)
	}
	out := ts.Stdout()
	if r.show {
		fmt.Fprintln(out, resp.StatusCode)
		for _, name := range []string{"Content-Type", "Retry-After", "X-Content-Type-Options", "X-Elastic-Product", "X-Skald-Ack", "X-Skald-Completeness"} {
			if v := resp.Header.Get(name); v != "" {
				fmt.Fprintf(out, "%s: %s\n", name, v)
			}
		}
	}
	if trimmed := bytes.TrimSuffix(text, []byte("\n")); statistics.Match(trimmed) {
		text = append(statistics.ReplaceAll(trimmed, []byte("}}")), '\n')
	}
	if len(text) > 0 && text[len(text)-1] != '\n' {
		text = append(text, '\n') // files of scripts have one too
	}
	_, err = io.WriteString(out, strings.ReplaceAll(string(text), ts.Getenv("T"), "${T}"))
	ts.Check(err)
}
