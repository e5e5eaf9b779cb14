package api_test

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/gorilla/websocket"
	"github.com/prometheus/prometheus/model/labels"

	"github.com/skaldlogs/skald/pkg/api"
	"github.com/skaldlogs/skald/pkg/limits"
	"github.com/skaldlogs/skald/pkg/logql/logqltest"
	"github.com/skaldlogs/skald/pkg/model"
	"github.com/skaldlogs/skald/pkg/scan"
)

// Tail implements [scan.Tailer]: what a test sends to w.tails.
func (w *world) Tail(context.Context, string, []*labels.Matcher) (scan.Tail, error) {
	return tailOf(w.tails), nil
}

type tailOf chan *scan.TailBatch

func (c tailOf) Next(ctx context.Context) (*scan.TailBatch, error) {
	select {
	case b := <-c:
		return b, nil
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

func (c tailOf) Close() error { return nil }

// dial opens a websocket; text is the answer when it is refused.
func (w *world) dial(t *testing.T, path, query string, header ...string) (conn *websocket.Conn, status int, text string) {
	t.Helper()
	h := http.Header{"X-Scope-Orgid": {"t"}}
	for i := 0; i < len(header); i += 2 {
		h.Set(header[i], header[i+1])
	}
	var form []string
	for pair := range strings.SplitSeq(query, "&") {
		k, v, _ := strings.Cut(pair, "=")
		form = append(form, k+"="+url.QueryEscape(v))
	}
	conn, resp, err := websocket.DefaultDialer.DialContext(t.Context(), "ws"+strings.TrimPrefix(w.server.URL, "http")+path+"?"+strings.Join(form, "&"), h)
	if err != nil {
		if resp == nil {
			t.Fatal(err)
		}
		body := make([]byte, 500)
		n, _ := resp.Body.Read(body)
		return nil, resp.StatusCode, string(body[:n])
	}
	t.Cleanup(func() { _ = conn.Close() })
	return conn, resp.StatusCode, ""
}

// A frame is a message of a tail.
type frame struct {
	Streams []struct {
		Stream map[string]string
		Values [][]any
	}
	Dropped []struct {
		Timestamp string
		Labels    map[string]string
	} `json:"dropped_entries"`
	EncodingFlags []string
}

func readFrame(t *testing.T, conn *websocket.Conn) (f frame) {
	t.Helper()
	kind, text, err := conn.ReadMessage()
	if err != nil || kind != websocket.TextMessage {
		t.Fatalf("kind %d, %v", kind, err)
	}
	if err := json.Unmarshal(text, &f); err != nil {
		t.Fatalf("%v: %s", err, text)
	}
	return f
}

func newLines(ls labels.Labels, from, n int64) *scan.TailBatch {
	return &scan.TailBatch{Streams: []scan.TailStream{{Labels: ls, Hash: labels.StableHash(ls), Entries: entries(from, n, "line %d")}}}
}

func TestTailTellsThePastAndThenWhatComes(t *testing.T) {
	web := labels.FromStrings("app", "web")
	w := newWorld(t, func(_ *api.Config, l *limits.Limits) { l.MaxQueryLength = 0 }, logqltest.Stream{Labels: web, Entries: entries(100, 250, "old %d")})
	conn, _, text := w.dial(t, "/loki/api/v1/tail", `query={app="web"}&start=0&limit=120`)
	if conn == nil {
		t.Fatal(text)
	}
	var got []string
	for len(got) < 120 {
		f := readFrame(t, conn)
		if len(f.Streams) > 100 {
			t.Errorf("%d entries in a frame", len(f.Streams))
		}
		for _, s := range f.Streams {
			got = append(got, fmt.Sprint(s.Stream, s.Values))
		}
	}
	if want := "map[app:web] [[230000000000 old 130]]"; got[0] != want || len(got) != 120 {
		t.Errorf("%d entries, first %s, want %s", len(got), got[0], want)
	}
	w.tails <- newLines(web, 1000, 2)
	if got, want := fmt.Sprint(readFrame(t, conn)), "{[{map[app:web] [[1000000000000 line 0]]} {map[app:web] [[1001000000000 line 1]]}] [] []}"; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
	w.tails <- &scan.TailBatch{Dropped: []scan.DroppedEntry{{Timestamp: 5, Labels: web}}, DroppedCount: 1}
	if got, want := fmt.Sprint(readFrame(t, conn)), "{[] [{5 map[app:web]}] []}"; got != want {
		t.Errorf("dropped: got %s, want %s", got, want)
	}
}

func TestTailByCategory(t *testing.T) {
	w := newWorld(t, nil)
	conn, _, text := w.dial(t, "/loki/api/v1/tail", `query={app="web"} | logfmt`, "X-Loki-Response-Encoding-Flags", "categorize-labels")
	if conn == nil {
		t.Fatal(text)
	}
	web := labels.FromStrings("app", "web")
	w.tails <- &scan.TailBatch{Streams: []scan.TailStream{{Labels: web, Hash: labels.StableHash(web), Entries: []model.Entry{
		{Timestamp: 7, Line: "a=1", Metadata: model.Metadata{{Name: "trace", Value: "x"}}},
	}}}}
	if got, want := fmt.Sprint(readFrame(t, conn)), "{[{map[app:web] [[7 a=1 map[parsed:map[a:1] structuredMetadata:map[trace:x]]]]}] [] [categorize-labels]}"; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
}

func TestTailsThatAreRefused(t *testing.T) {
	w := newWorld(t, func(_ *api.Config, l *limits.Limits) { l.MaxConcurrentTailRequests = 1 })
	for _, tc := range []struct {
		name, query string
		header      []string
		status      int
		text        string
	}{
		{"no query", "query={", nil, 400, "parse error"},
		{"delay", `query={app="web"}&delay_for=6`, nil, 400, "delay_for can't be greater than 5"},
		{"limit", `query={app="web"}&limit=0`, nil, 400, "limit must be a positive value"},
		{"two tenants", `query={app="web"}`, []string{"X-Scope-OrgID", "a|b"}, 400, "multiple org IDs present"},
		{"no tenant", `query={app="web"}`, []string{"X-Scope-OrgID", ""}, 401, "no org id"},
	} {
		conn, status, text := w.dial(t, "/loki/api/v1/tail", tc.query, tc.header...)
		if conn != nil || status != tc.status || !strings.Contains(text, tc.text) {
			t.Errorf("%s: %d %q, want %d %q", tc.name, status, text, tc.status, tc.text)
		}
	}
	if status, body, _ := w.get(t, "t", "/loki/api/v1/tail", `query={app="web"}`); status != http.StatusBadRequest || body != "Bad Request\n" {
		t.Errorf("not a websocket: %d %q", status, body)
	}
	first, _, text := w.dial(t, "/loki/api/v1/tail", `query={app="web"}`)
	if first == nil {
		t.Fatal(text)
	}
	if conn, status, text := w.dial(t, "/loki/api/v1/tail", `query={app="web"}`); conn != nil || status != 400 || !strings.Contains(text, "max concurrent tail requests limit exceeded, count > limit (2 > 1)") {
		t.Errorf("a second one: %d %q", status, text)
	}
	_ = first.Close()
	for {
		// The server finds out by itself that the first is gone.
		if conn, _, _ := w.dial(t, "/loki/api/v1/tail", `query={app="web"}`); conn != nil {
			break
		}
		if t.Context().Err() != nil {
			t.Fatal("the first one counts for ever")
		}
	}
}

func TestTailsEndWithAReason(t *testing.T) {
	for _, tc := range []struct {
		name, query string
		max         time.Duration
		reason      string
	}{
		{"metric", `query=rate({app="web"}[1m])`, 0, "only log selector is supported"},
		{"too many entries", `query={app="web"}&limit=5001`, 0, "max entries limit per query exceeded, limit > max_entries_limit_per_query (5001 > 5000)"},
		{"bad stage", "query={app=\"web\"} | line_format `{{`", 0, "parse error"},
		{"too long", `query={app="web"}`, time.Nanosecond, "reached tail max duration limit"},
	} {
		w := newWorld(t, func(c *api.Config, _ *limits.Limits) { c.TailMaxDuration = tc.max })
		conn, status, text := w.dial(t, "/loki/api/v1/tail", tc.query)
		if conn == nil {
			t.Errorf("%s: %d %s", tc.name, status, text)
			continue
		}
		_, _, err := conn.ReadMessage()
		if closed, ok := err.(*websocket.CloseError); !ok || closed.Code != websocket.CloseInternalServerErr || !strings.HasPrefix(closed.Text, tc.reason) { //nolint:errorlint // it is not wrapped
			t.Errorf("%s: %v, want %q", tc.name, err, tc.reason)
		}
	}
}

func TestLegacyTail(t *testing.T) {
	w := newWorld(t, nil)
	conn, _, text := w.dial(t, "/api/prom/tail", `query={app="web"}&regexp=line 1`)
	if conn == nil {
		t.Fatal(text)
	}
	w.tails <- newLines(labels.FromStrings("app", "web"), 1000, 3)
	_, got, err := conn.ReadMessage()
	if want := `{"streams":[{"labels":"{app=\"web\"}","entries":[{"ts":"1970-01-01T00:16:41Z","line":"line 1"}]}],"dropped_entries":null}`; err != nil || string(got) != want {
		t.Errorf("%s, %v, want %s", got, err, want)
	}
}

func TestTailPings(t *testing.T) {
	w := newWorld(t, nil)
	conn, _, text := w.dial(t, "/loki/api/v1/tail", `query={app="web"}`)
	if conn == nil {
		t.Fatal(text)
	}
	pinged := make(chan struct{}, 1)
	conn.SetPingHandler(func(string) error {
		pinged <- struct{}{}
		return conn.WriteControl(websocket.PongMessage, nil, time.Time{})
	})
	go func() { _, _, _ = conn.ReadMessage() }()
	select {
	case <-pinged:
	case <-t.Context().Done():
	}
}
