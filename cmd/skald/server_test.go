package main_test

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"testing"

	"github.com/golang/snappy"

	"github.com/skaldlogs/skald/pkg/logproto"
	"github.com/skaldlogs/skald/pkg/model"
	"github.com/skaldlogs/skald/pkg/parts"
)

func TestMain(m *testing.M) { parts.Main(m) }

// A server is a real skald process over a data folder, which it can be started
// on again and again.
type server struct {
	*parts.Process
	tb   testing.TB
	dir  string // of its data
	args []string
	http string // host:port
	grpc string
}

// newServer prepares a server with its data in dir.
func newServer(tb testing.TB, dir string, args ...string) *server {
	return &server{Process: parts.NewProcess(tb, parts.Program(tb, "skald")), tb: tb, dir: dir, args: args, http: parts.Addr(tb), grpc: parts.Addr(tb)}
}

func port(addr string) string { return addr[strings.LastIndexByte(addr, ':')+1:] }

// start runs the process and waits until it is ready.
func (s *server) start() {
	s.tb.Helper()
	s.Args = append([]string{
		"-data.dir=" + s.dir,
		"-ingester.wal-disk-full-threshold=0", // the disks that tests run on are nobody's promise
		"-server.http-listen-port=" + port(s.http),
		"-server.grpc-listen-port=" + port(s.grpc),
	}, s.args...)
	s.Start()
	s.AwaitOK("http://" + s.http + "/ready")
}

// push sends entries of one stream as an agent does. It returns nil when they
// were acknowledged.
func (s *server) push(ctx context.Context, labels string, entries []model.Entry) error {
	body := snappy.Encode(nil, logproto.AppendPush(nil, &model.Batch{Streams: []model.Stream{{Labels: labels, Entries: entries}}}))
	return s.send(ctx, body)
}

func (s *server) send(ctx context.Context, body []byte) error {
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, "http://"+s.http+"/loki/api/v1/push", bytes.NewReader(body))
	if err != nil {
		return err
	}
	req.Header.Set("Content-Type", "application/x-protobuf")
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	text, err := io.ReadAll(resp.Body)
	if err != nil {
		return err
	}
	if resp.StatusCode != http.StatusNoContent {
		return fmt.Errorf("push: %s: %s", resp.Status, text)
	}
	return nil
}

// read returns every entry of a selector, oldest first, page by page.
func (s *server) read(selector string, start, end int64) []model.Entry {
	s.tb.Helper()
	const page = 5000
	var out []model.Entry
	for {
		got := s.query(selector, start, end, page)
		if len(got) < page {
			return append(out, got...)
		}
		// The last instant may go on in the next page.
		last := got[len(got)-1].Timestamp
		for len(got) > 0 && got[len(got)-1].Timestamp == last {
			got = got[:len(got)-1]
		}
		out = append(out, got...)
		start = last
	}
}

// query returns the entries of one answer, oldest first.
func (s *server) query(selector string, start, end int64, limit int) []model.Entry {
	s.tb.Helper()
	a := s.ask("query_range", rangeOf(selector, start, end, limit))
	if len(a.Warnings) > 0 {
		s.tb.Fatalf("query %s: warnings %q", selector, a.Warnings)
	}
	return a.entries(s.tb)
}

func rangeOf(selector string, start, end int64, limit int) url.Values {
	return url.Values{
		"query":     {selector},
		"start":     {strconv.FormatInt(start, 10)},
		"end":       {strconv.FormatInt(end, 10)},
		"limit":     {strconv.Itoa(limit)},
		"direction": {"forward"},
	}
}

// count is how many entries of a selector the server counts in [start, end),
// the start rounded down to whole milliseconds before the end.
func (s *server) count(selector string, start, end int64) int {
	s.tb.Helper()
	n, warnings := s.countAll(selector, start, end)
	if len(warnings) > 0 {
		s.tb.Fatalf("count %s: warnings %q", selector, warnings)
	}
	return n
}

// countAll also returns what the server says about its answer.
func (s *server) countAll(selector string, start, end int64) (int, []string) {
	s.tb.Helper()
	n, warnings, err := s.tryCount(selector, start, end)
	if err != nil {
		s.tb.Fatal(err)
	}
	return n, warnings
}

// tryCount is countAll for a server that may not be there.
func (s *server) tryCount(selector string, start, end int64) (int, []string, error) {
	a, err := s.tryAsk("query", url.Values{
		"query": {fmt.Sprintf("sum(count_over_time(%s[%dms]))", selector, (end-start+999_999)/1_000_000)},
		"time":  {strconv.FormatInt(end-1, 10)},
	})
	if err != nil {
		return 0, nil, err
	}
	if len(a.Data.Result) == 0 {
		return 0, a.Warnings, nil
	}
	var text string
	if err := json.Unmarshal(a.Data.Result[0].Value[1], &text); err != nil {
		return 0, nil, err
	}
	n, err := strconv.Atoi(text)
	return n, a.Warnings, err
}

// An answer to a query, as far as tests look at it.
type answer struct {
	Warnings []string
	Data     struct {
		Result []struct {
			Stream map[string]string
			Values [][2]string
			Value  [2]json.RawMessage
		}
	}
}

// ask puts a question to query or query_range.
func (s *server) ask(path string, q url.Values) *answer {
	s.tb.Helper()
	a, err := s.tryAsk(path, q)
	if err != nil {
		s.tb.Fatal(err)
	}
	return a
}

// tryAsk is ask for a server that may not be there.
func (s *server) tryAsk(path string, q url.Values) (*answer, error) {
	resp, err := http.Get("http://" + s.http + "/loki/api/v1/" + path + "?" + q.Encode())
	if err != nil {
		return nil, err
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		return nil, err
	}
	if resp.StatusCode != http.StatusOK {
		return nil, fmt.Errorf("query %s: %s: %s", q.Get("query"), resp.Status, body)
	}
	var a answer
	if err := json.Unmarshal(body, &a); err != nil {
		return nil, fmt.Errorf("query %s: %w\n%s", q.Get("query"), err, body)
	}
	return &a, nil
}

// entries are the lines of an answer, oldest first.
func (a *answer) entries(tb testing.TB) []model.Entry {
	tb.Helper()
	var out []model.Entry
	for _, r := range a.Data.Result {
		for _, v := range r.Values {
			ts, err := strconv.ParseInt(v[0], 10, 64)
			if err != nil {
				tb.Fatal(err)
			}
			out = append(out, model.Entry{Timestamp: ts, Line: v[1]})
		}
	}
	// Levels may split a stream in the answer.
	sortEntries(out)
	return out
}

// flush hands everything in memory to the store.
func (s *server) flush() {
	s.tb.Helper()
	resp, err := http.Post("http://"+s.http+"/flush", "", nil)
	if err != nil {
		s.tb.Fatal(err)
	}
	defer resp.Body.Close()
	if body, _ := io.ReadAll(resp.Body); resp.StatusCode != http.StatusNoContent {
		s.tb.Fatalf("flush: %s: %s", resp.Status, body)
	}
}
