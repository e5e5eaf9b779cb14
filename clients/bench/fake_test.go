package bench

import (
	"cmp"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/prometheus/prometheus/model/labels"

	"github.com/skaldlogs/skald/pkg/loghttp"
	"github.com/skaldlogs/skald/pkg/logproto"
)

// A fake is a server that keeps what is pushed in a list, and answers a few
// queries of the suite by looking at all of it.
type fake struct {
	*httptest.Server
	dialect dialect
	queries map[string]*Query // by text

	mu       sync.Mutex // guards the fields below
	rows     []row
	busy     int // how many pushes are still to be turned away
	flushed  int
	wrong    bool // answers miss an entry
	requests []http.Header
}

type row struct {
	ts       int64
	app, pod string
	line     string
}

func newFake(t *testing.T, d dialect, p Plants) *fake {
	f := &fake{dialect: d, queries: map[string]*Query{}}
	for _, q := range append(Suite(p), everything()) {
		f.queries[d.text(q)] = q
	}
	f.Server = httptest.NewServer(f)
	t.Cleanup(f.Close)
	return f
}

func (f *fake) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.requests = append(f.requests, r.Header)
	switch r.RequestURI {
	case f.dialect.pushPath():
		f.push(w, r)
		return
	case f.dialect.flush()[0]:
		f.flushed++
		return
	}
	text := r.FormValue("query")
	if _, rest, ok := strings.Cut(text, ") "); ok && strings.HasPrefix(text, "_time:[") {
		text = rest
	}
	q := f.queries[text]
	if q == nil {
		http.Error(w, "no such query: "+text, http.StatusBadRequest)
		return
	}
	path, form := f.dialect.request(q, small())
	if r.URL.Path != path || r.Form.Encode() != form.Encode() {
		http.Error(w, fmt.Sprintf("%s %s, want %s %s", r.URL.Path, r.Form, path, form), http.StatusNotFound)
		return
	}
	if !f.answer(w, q) {
		http.Error(w, "too hard", http.StatusUnprocessableEntity)
	}
}

func (f *fake) push(w http.ResponseWriter, r *http.Request) {
	if f.busy > 0 {
		f.busy--
		w.Header().Set("Retry-After", "1")
		http.Error(w, "later", http.StatusServiceUnavailable)
		return
	}
	body, _ := io.ReadAll(r.Body)
	p, err := loghttp.ReadPush(loghttp.PushBody{Reader: strings.NewReader(string(body)), ContentType: r.Header.Get("Content-Type")}, loghttp.PushLimits{Received: 16 << 20, Decompressed: 64 << 20})
	if err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	defer p.Release()
	for _, s := range p.Batch.Streams {
		l, _ := logproto.ParseLabels(strings.Clone(s.Labels))
		for _, e := range s.Entries {
			f.rows = append(f.rows, row{e.Timestamp, l.Get("app"), l.Get("pod"), strings.Clone(e.Line)})
		}
	}
	w.WriteHeader(http.StatusNoContent)
}

// answer is false for a query that the fake does not understand.
func (f *fake) answer(w http.ResponseWriter, q *Query) bool {
	rows := slices.Clone(f.rows)
	if f.wrong && len(rows) > 0 {
		rows = rows[1:]
	}
	slices.SortFunc(rows, func(a, b row) int { return cmp.Compare(b.ts, a.ts) })
	find := func(text string) {
		rows = slices.DeleteFunc(rows, func(r row) bool { return !strings.Contains(r.line, text) })
	}
	perSecond := 1.0
	by := func(row) string { return "" }
	switch q.Name {
	case "needle", "absent":
		find(q.LogQL[len(q.LogQL)-33 : len(q.LogQL)-1])
	case "recent", "everything":
	case "count":
		by = func(r row) string { return r.app }
	case "topk":
		by = func(r row) string { return r.pod }
		perSecond = 1 / q.Step.Seconds()
	default:
		return false
	}
	if q.Form == Logs {
		f.writeLines(w, rows[:min(len(rows), q.Limit)])
		return true
	}
	step := Span
	if q.Form == Range {
		step = q.Step
	}
	points := map[string]Points{}
	for _, r := range rows {
		k := by(r)
		if points[k] == nil {
			points[k] = Points{}
		}
		bucket := (r.ts-small().Start.UnixNano())/int64(step) + 1
		points[k][small().Start.Add(time.Duration(bucket)*step).Unix()] += perSecond
	}
	f.writeSeries(w, q, points)
	return true
}

func (f *fake) writeLines(w http.ResponseWriter, rows []row) {
	if f.dialect == (lokiDialect{}) {
		var streams loghttp.Streams
		for _, r := range rows {
			streams = append(streams, loghttp.Stream{
				Labels: labels.FromStrings("app", r.app, "pod", r.pod), Entries: []loghttp.Entry{{Timestamp: r.ts, Line: r.line}},
			})
		}
		_, _ = w.Write(loghttp.AppendResponse(nil, &loghttp.Response{Result: streams}))
		return
	}
	for _, r := range rows {
		e := map[string]string{"_time": time.Unix(0, r.ts).UTC().Format(time.RFC3339Nano), "app": r.app, "pod": r.pod, "_msg": r.line}
		if appByName(r.app).family == &jsonApp {
			e["_msg"] = "request handled"
		}
		_ = json.NewEncoder(w).Encode(e)
	}
}

// writeSeries writes what both kinds of servers answer, but for the time that a
// bucket has: its end or its beginning.
func (f *fake) writeSeries(w http.ResponseWriter, q *Query, points map[string]Points) {
	type series map[string]any
	result := []series{}
	for key, values := range points {
		metric := map[string]string{}
		for _, name := range q.By {
			metric[name] = key
		}
		samples := [][2]any{}
		for t, v := range values {
			if q.Form == Range && f.dialect == (victoriaDialect{}) {
				t -= int64(q.Step.Seconds())
			}
			samples = append(samples, [2]any{t, strconv.FormatFloat(v, 'g', -1, 64)})
		}
		slices.SortFunc(samples, func(a, b [2]any) int { return cmp.Compare(a[0].(int64), b[0].(int64)) })
		if q.Form == Instant {
			result = append(result, series{"metric": metric, "value": samples[0]})
		} else {
			result = append(result, series{"metric": metric, "values": samples})
		}
	}
	kind := map[string]string{Instant: "vector", Range: "matrix"}[q.Form]
	_ = json.NewEncoder(w).Encode(map[string]any{"status": "success", "data": map[string]any{"resultType": kind, "result": result}})
}
