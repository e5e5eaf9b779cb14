package logcli

import (
	"bytes"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// run runs logcli and returns what it wrote.
func run(t *testing.T, stdin string, args ...string) (code int, stdout, stderr string) {
	t.Helper()
	var out, err bytes.Buffer
	code = Run(t.Context(), args, strings.NewReader(stdin), &out, &err)
	return code, out.String(), err.String()
}

// Flags win over the environment, and it over defaults; all of them reach the
// server.
func TestSettingsReachTheServer(t *testing.T) {
	var seen *http.Request
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		seen = r
		_, _ = w.Write([]byte(`{"status":"success","data":["app"]}`))
	}))
	defer s.Close()
	token := filepath.Join(t.TempDir(), "token")
	if err := os.WriteFile(token, []byte("from-file\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, tc := range []struct {
		name   string
		env    map[string]string
		args   []string
		header string
		want   string
	}{
		{"user agent", nil, nil, "User-Agent", "loki-logcli/"},
		{"tenant", map[string]string{"LOKI_ORG_ID": "acme"}, nil, "X-Scope-OrgID", "acme"},
		{"flag over environment", map[string]string{"LOKI_ORG_ID": "acme"}, []string{"--org-id=flag"}, "X-Scope-OrgID", "flag"},
		{"tags", map[string]string{"LOKI_QUERY_TAGS": "Source=x"}, nil, "X-Query-Tags", "Source=x"},
		{"no cache", map[string]string{"LOKI_NO_CACHE": "true"}, nil, "Cache-Control", "no-cache"},
		{"cache again", map[string]string{"LOKI_NO_CACHE": "true"}, []string{"--no-nocache"}, "Cache-Control", ""},
		{"basic", map[string]string{"LOKI_USERNAME": "u", "LOKI_PASSWORD": "p"}, nil, "Authorization", "Basic dTpw"},
		{"bearer", map[string]string{"LOKI_BEARER_TOKEN": "t"}, nil, "Authorization", "Bearer t"},
		{"bearer file", map[string]string{"LOKI_BEARER_TOKEN_FILE": token}, nil, "Authorization", "Bearer from-file"},
		{"another header", map[string]string{"LOKI_AUTH_HEADER": "X-Auth", "LOKI_BEARER_TOKEN": "t"}, nil, "X-Auth", "Bearer t"},
		{"own header", nil, []string{"--header=X-A: b", "--header", "X-C:d"}, "X-C", "d"},
		{"not compressed", nil, nil, "Accept-Encoding", ""},
		{"compressed", map[string]string{"LOKI_HTTP_COMPRESSION": "true"}, nil, "Accept-Encoding", "gzip"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Setenv("LOKI_ADDR", s.URL+"/prefix/")
			for k, v := range tc.env {
				t.Setenv(k, v)
			}
			seen = nil
			code, out, err := run(t, "", append([]string{"labels"}, tc.args...)...)
			if code != 0 || out != "app\n" || seen == nil {
				t.Fatalf("got %d, %q, %s", code, out, err)
			}
			if got := seen.Header.Get(tc.header); got != tc.want && (tc.name != "user agent" || !strings.HasPrefix(got, tc.want)) {
				t.Errorf("%s: got %q, want %q", tc.header, got, tc.want)
			}
			if seen.URL.Path != "/prefix/loki/api/v1/labels" || seen.ProtoMajor != 1 {
				t.Errorf("asked %s by HTTP/%d", seen.URL.Path, seen.ProtoMajor)
			}
		})
	}
}

func TestRetries(t *testing.T) {
	asked := 0
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		if asked++; asked < 3 {
			http.Error(w, "wait", http.StatusTooManyRequests)
			return
		}
		_, _ = w.Write([]byte(`{"status":"success"}`))
	}))
	defer s.Close()
	code, _, err := run(t, "", "--addr", s.URL, "--retries=1", "labels")
	if code != 1 || asked != 2 || !strings.Contains(err, "error response from server: wait (429 Too Many Requests) attempts remaining: 0") ||
		!strings.Contains(err, "Error doing request: run out of attempts while querying the server") {
		t.Errorf("got %d after %d requests:\n%s", code, asked, err)
	}
	if code, _, err = run(t, "", "-q", "--addr", s.URL, "--retries=1", "labels"); code != 0 || err != "" {
		t.Errorf("got %d, %s", code, err)
	}
}

func TestUsage(t *testing.T) {
	for _, tc := range []struct {
		args []string
		code int
		want string
	}{
		{[]string{"query"}, 1, "logcli: error: required argument 'query' not provided, try --help\n"},
		{[]string{"bogus"}, 1, "logcli: error: expected command but got \"bogus\", try --help\n"},
		{[]string{"query", "-o", "x", "{}"}, 1, "logcli: error: enum value must be one of default,raw,jsonl, got 'x', try --help\n"},
		{[]string{"query", "--from", "2026-01-01T00:00:00", "{}"}, 1, "Unable to parse time "},
		{[]string{"query", "--username=u", "--bearer-token=t", "{}"}, 1, "at most one of user and password, bearer token and bearer token file may be set"},
		{[]string{"query", "--store-config=x", "{}"}, 1, "--store-config, --remote-schema and --schema-store are not supported"},
		{[]string{"query", "--merge-parts", "{}"}, 1, "--merge-parts goes with --part-path-prefix"},
		{[]string{"query", "--parallel-max-workers=2", `rate({a="b"}[1m])`}, 1, "the range of a metric query is not cut into parts"},
		{[]string{"query", "--batch=0", "{}"}, 1, "--batch must be more than 0"},
		{[]string{"--stdin", "stats", "{}"}, 1, "--stdin goes with query and instant-query, not with stats"},
		{[]string{"--header=x", "labels"}, 1, "--header: \"x\" is not of the form Name: value"},
		{[]string{"--addr=localhost:1", "labels"}, 1, "is no URL such as http://localhost:3100"},
		{[]string{"delete", "cancel"}, 1, "required flag(s) '--request-id' not provided"},
	} {
		code, out, err := run(t, "", tc.args...)
		if code != tc.code || out != "" || !strings.Contains(err, tc.want) {
			t.Errorf("%q: got %d, %s%s, want %s", tc.args, code, out, err, tc.want)
		}
	}
	for _, args := range [][]string{{"--help"}, {"help", "query"}, {"--version"}} {
		code, out, err := run(t, "", args...)
		if code != 0 || !strings.Contains(out, "logcli") || err != "" {
			t.Errorf("%q: got %d, %.100q, %s", args, code, out, err)
		}
		usages := 1
		if args[0] == "--version" {
			usages = 0
		}
		if got := strings.Count(out, "usage: "); got != usages {
			t.Errorf("%q: got %d usages, want %d", args, got, usages)
		}
	}
}

func TestStdin(t *testing.T) {
	const lines = "level=info dur=1s\nlevel=error dur=3s\r\nlevel=error dur=3s"
	for _, tc := range []struct {
		args []string
		want string
	}{
		{[]string{"query", "-o", "raw", `|= "error"`}, "level=error dur=3s\nlevel=error dur=3s\n"},
		{[]string{"query", "-o", "raw", `!= "error"`}, "level=info dur=1s\n"},
		{[]string{"query", "-o", "raw", "--forward", "--limit=1", `{app="any"} | logfmt`}, "level=info dur=1s\nlevel=error dur=3s\nlevel=error dur=3s\n"},
		{[]string{"query", "-o", "raw", `{source="logcli"} | logfmt | dur > 2s | line_format "{{.level}}!"`}, "error!\nerror!\n"},
	} {
		if code, out, err := run(t, lines, append([]string{"--stdin", "-q"}, tc.args...)...); code != 0 || out != tc.want {
			t.Errorf("%q: got %d, %q, %s, want %q", tc.args, code, out, err, tc.want)
		}
	}
	for _, args := range [][]string{
		{"query", `sum by (level) (count_over_time({source="logcli"} | logfmt [1m]))`},
		{"query", "--step=7s", `sum by (level) (count_over_time({app="x"} | logfmt [1m]))`},
		{"instant-query", "--now=2026-01-01T00:00:00Z", `sum by (level) (count_over_time({source="logcli"} | logfmt [1m]))`},
	} {
		code, out, err := run(t, lines, append([]string{"--stdin", "-q"}, args...)...)
		if code != 0 || !strings.Contains(out, `"level": "error"`) || !strings.Contains(out, `"2"`) || !strings.Contains(out, `"1"`) {
			t.Errorf("%q: got %d, %s, %s", args, code, out, err)
		}
	}
	if code, _, err := run(t, lines, "--stdin", "query", "a"); code != 1 || !strings.Contains(err, "Query failed: parse error at line 1, col 1") {
		t.Errorf("a bad query: got %d, %s", code, err)
	}
}

func TestFormat(t *testing.T) {
	if code, out, err := run(t, `{app="a"}|json`, "fmt"); code != 0 || out != "{app=\"a\"} | json\n" {
		t.Errorf("got %d, %q, %s", code, out, err)
	}
	if code, out, err := run(t, `{app=`, "fmt"); code != 1 || out != "" || !strings.Contains(err, "unable to format logql: failed to parse the query: parse error") {
		t.Errorf("got %d, %q, %s", code, out, err)
	}
}

// The higher the level, the more is told.
func TestLogLevels(t *testing.T) {
	for _, tc := range []struct {
		level string
		tells []string
	}{
		{"error", nil},
		{"warning", []string{"trying again in"}},
		{"info", []string{"trying again in", "answered after"}},
		{"debug", []string{"trying again in", "answered after", "X-Answer: yes"}},
	} {
		asked := 0
		s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			if asked++; asked == 1 {
				http.Error(w, "not now", http.StatusServiceUnavailable)
				return
			}
			w.Header().Set("X-Answer", "yes")
			_, _ = w.Write([]byte(`{"status":"success","data":["app"]}`))
		}))
		code, stdout, stderr := run(t, "", "--addr="+s.URL, "--retries=1", "--log.level="+tc.level, "labels")
		s.Close()
		if code != 0 || stdout != "app\n" {
			t.Errorf("%s: exit %d, %q", tc.level, code, stdout)
		}
		for _, what := range []string{"trying again in", "answered after", "X-Answer: yes"} {
			if got, want := strings.Contains(stderr, what), slices.Contains(tc.tells, what); got != want {
				t.Errorf("%s: tells %q: %t, want %t\n%s", tc.level, what, got, want, stderr)
			}
		}
	}
}

// A server that gives fewer entries at once than were asked for is asked again, and that is no
// failure to tell of.
func TestServerGivesFewer(t *testing.T) {
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Query().Get("limit") != "7" {
			http.Error(w, "max entries limit per query exceeded, limit > max_entries_limit_per_query (100 > 7)", http.StatusBadRequest)
			return
		}
		_, _ = w.Write([]byte(`{"status":"success","data":{"resultType":"streams","result":[{"stream":{"a":"b"},"values":[["7","x"]]}],"stats":{}}}`))
	}))
	defer s.Close()
	code, out, err := run(t, "", "query", "--addr="+s.URL, "-q", "-o", "raw", "--limit=0", "--batch=100", `{a="b"}`)
	if code != 0 || out != "x\n" || err != "" {
		t.Errorf("got %d, %q, %s", code, out, err)
	}
	code, _, err = run(t, "", "query", "--addr="+s.URL, "--limit=0", "--batch=100", `{a="b"}`)
	if code != 0 || !strings.Contains(err, "at most 7 entries at once") || strings.Contains(err, "remaining") {
		t.Errorf("got %d, %s", code, err)
	}
	if code, _, err = run(t, "", "instant-query", "--addr="+s.URL, "--limit=100", `count_over_time({a="b"}[1m])`); code != 1 || !strings.Contains(err, "100 > 7") {
		t.Errorf("an instant query: got %d, %s", code, err)
	}
}
