package api_test

import (
	"compress/gzip"
	"context"
	"flag"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/go-kit/log"
	"github.com/grafana/dskit/ring"
	"github.com/prometheus/prometheus/model/labels"

	"github.com/skaldlogs/skald/pkg/api"
	"github.com/skaldlogs/skald/pkg/explain"
	"github.com/skaldlogs/skald/pkg/frontend"
	"github.com/skaldlogs/skald/pkg/limits"
	"github.com/skaldlogs/skald/pkg/logql/engine"
	"github.com/skaldlogs/skald/pkg/logql/logqltest"
	"github.com/skaldlogs/skald/pkg/logql/syntax"
	"github.com/skaldlogs/skald/pkg/model"
	"github.com/skaldlogs/skald/pkg/querier"
	"github.com/skaldlogs/skald/pkg/scan"
	"github.com/skaldlogs/skald/pkg/storage"
)

// A world is a querier over entries that a test wrote down, behind the API.
// It is its own ring, with one ingester, and its own store, which is empty.
type world struct {
	entries *logqltest.Source
	server  *httptest.Server
	limits  limits.Limits
	store   nothing
	tails   chan *scan.TailBatch
}

func newWorld(t *testing.T, change func(*api.Config, *limits.Limits), streams ...logqltest.Stream) *world {
	t.Helper()
	w := &world{entries: logqltest.NewSource(streams, logqltest.Plain()), tails: make(chan *scan.TailBatch, 1000)}
	w.limits.RegisterFlags(flag.NewFlagSet("", flag.PanicOnError))
	cfg := api.Config{MultiTenancy: true, MultiTenantQueries: true, Patterns: true, PublishedLimits: api.PublishedLimits}
	if change != nil {
		change(&cfg, &w.limits)
	}
	overrides := limits.NewOverrides(&w.limits, nil)
	q := querier.New(querier.Config{}, querier.Options{
		Ring: w, Ingesters: w, Store: &w.store, Engine: engine.New(engine.Options{}), Limits: overrides, Logger: log.NewNopLogger(),
	})
	r := api.NewRouter()
	api.New(cfg, api.Roles{Querier: asked{q, frontend.New(frontend.Config{}, frontend.Options{Querier: q, Limits: overrides, Logger: log.NewNopLogger()})}}, overrides, log.NewNopLogger()).Register(r)
	w.server = httptest.NewServer(r)
	t.Cleanup(w.server.Close)
	return w
}

// An asked is a querier with a frontend for what only that one does.
type asked struct {
	*querier.Querier
	frontend *frontend.Frontend
}

func (a asked) Explain(ctx context.Context, tenants []string, expr syntax.Expr, p engine.Params, analyze bool) (*explain.Query, error) {
	return a.frontend.Explain(ctx, tenants, expr, p, analyze)
}

func (w *world) GetReplicationSetForOperation(ring.Operation) (ring.ReplicationSet, error) {
	return ring.ReplicationSet{Instances: []ring.InstanceDesc{{Addr: "here"}}}, nil
}

func (w *world) Source(ring.InstanceDesc) (querier.Source, error) { return w, nil }

func (w *world) Open(ctx context.Context, req *scan.Request) (scan.Snapshot, error) {
	return w.entries.Open(ctx, req)
}

func (w *world) LabelNames(ctx context.Context, req *scan.Request) (out []string, err error) {
	series, err := w.Series(ctx, req)
	for _, ls := range series {
		ls.Range(func(l labels.Label) { out = append(out, l.Name) })
	}
	return out, err
}

func (w *world) LabelValues(ctx context.Context, req *scan.Request, name string) (out []string, err error) {
	series, err := w.Series(ctx, req)
	for _, ls := range series {
		if v := ls.Get(name); v != "" {
			out = append(out, v)
		}
	}
	return out, err
}

func (w *world) Series(ctx context.Context, req *scan.Request) (out []labels.Labels, err error) {
	snap, err := w.Open(ctx, req)
	if err != nil {
		return nil, err
	}
	for _, s := range snap.Directory().Streams {
		out = append(out, s.Labels)
	}
	return out, snap.Close()
}

// nothing is a store without segments, or with some that cannot be read.
type nothing struct{ gaps []string }

func (n *nothing) Open(context.Context, *scan.Request, []scan.Generation) (scan.Snapshot, error) {
	return &emptySnapshot{scan.Directory{Warnings: n.gaps}}, nil
}

func (*nothing) Masks(string, model.Interval) ([]*storage.Mask, []string) { return nil, nil }

func (*nothing) Holdings(context.Context, string, model.Interval, []scan.Generation) (scan.Holdings, error) {
	return scan.Holdings{}, nil
}

func (n *nothing) LabelNames(context.Context, *scan.Request) ([]string, []string, error) {
	return nil, n.gaps, nil
}

func (n *nothing) LabelValues(context.Context, *scan.Request, string) ([]string, []string, error) {
	return nil, n.gaps, nil
}

func (n *nothing) Series(context.Context, *scan.Request) ([]labels.Labels, []string, error) {
	return nil, n.gaps, nil
}

type emptySnapshot struct{ dir scan.Directory }

func (s *emptySnapshot) Directory() *scan.Directory { return &s.dir }

func (*emptySnapshot) Read(context.Context, int, scan.Want) (*scan.Batch, error) { return nil, io.EOF }
func (*emptySnapshot) Close() error                                              { return nil }

// get asks in the name of a tenant, and returns the status and the body.
func (w *world) get(t *testing.T, tenant, path, query string, header ...string) (int, string, http.Header) {
	t.Helper()
	var b strings.Builder
	for pair := range strings.SplitSeq(query, "&") {
		k, v, _ := strings.Cut(pair, "=")
		fmt.Fprintf(&b, "%s=%s&", k, url.QueryEscape(v))
	}
	r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, w.server.URL+path+"?"+b.String(), nil)
	if err != nil {
		t.Fatal(err)
	}
	if tenant != "" {
		r.Header.Set("X-Scope-OrgID", tenant)
	}
	for i := 0; i < len(header); i += 2 {
		r.Header.Set(header[i], header[i+1])
	}
	resp, err := http.DefaultTransport.RoundTrip(r)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	return resp.StatusCode, string(body), resp.Header
}

func entries(from, n int64, line string) (out []model.Entry) {
	for i := range n {
		text := line
		if strings.Contains(line, "%d") {
			text = fmt.Sprintf(line, i)
		}
		out = append(out, model.Entry{Timestamp: (from + i) * 1e9, Line: text})
	}
	return out
}

// shop is two streams: a line a second from 100 to 159, and from 120 to 129.
func shop(t *testing.T, change func(*api.Config, *limits.Limits)) *world {
	return newWorld(t, change,
		logqltest.Stream{Labels: labels.FromStrings("app", "web", "env", "prod"), Entries: entries(100, 60, `level=info took=%dms msg="it is done"`)},
		logqltest.Stream{Labels: labels.FromStrings("app", "db", "env", "prod"), Entries: entries(120, 10, `{"q":{"n":%d}}`)})
}

func TestQuestions(t *testing.T) {
	w := shop(t, nil)
	const all = "&start=100&end=200"
	for _, tc := range []struct{ name, tenant, path, query, want string }{
		{"stats", "t", "/loki/api/v1/index/stats", `query={env="prod"}` + all, `{"streams":2,"chunks":2,"bytes":2340,"entries":70}`},
		{"stats of two tenants", "t|u", "/loki/api/v1/index/stats", `query={env="prod"}` + all, `{"streams":4,"chunks":4,"bytes":4680,"entries":140}`},
		{"stats of nothing", "t", "/loki/api/v1/index/stats", `query={app="none"}` + all, `{"streams":0,"chunks":0,"bytes":0,"entries":0}`},
		{"volume", "t", "/loki/api/v1/index/volume", `query={app=~".+"}` + all, `{"status":"success","data":{"resultType":"vector","result":[{"metric":{"app":"web"},"value":[200,"2210"]},{"metric":{"app":"db"},"value":[200,"130"]}]`},
		{"volume by labels", "t", "/loki/api/v1/index/volume", `query={}&aggregateBy=labels&targetLabels=app` + all, `{"status":"success","data":{"resultType":"vector","result":[{"metric":{"app":""},"value":[200,"2340"]}]`},
		{"volume over time", "t", "/loki/api/v1/index/volume_range", `query={app="db"}&step=60` + all, `{"status":"success","data":{"resultType":"matrix","result":[{"metric":{"app":"db"},"values":[[179.999,"130"]]}]`},
		{"the step in which the range ends", "t", "/loki/api/v1/index/volume_range", `query={app="db"}&step=60&start=100&end=170`, `{"status":"success","data":{"resultType":"matrix","result":[{"metric":{"app":"db"},"values":[[170,"130"]]}]`},
		{"shards", "t", "/loki/api/v1/index/shards", `query={app="db"}&targetBytesPerShard=100MB` + all, `{"shards":[{"bounds":{"min":"0","max":"18446744073709551615"},"stats":{"streams":1,"chunks":1,"bytes":130,"entries":10}}],"statistics":{"summary":`},
		{"labels", "t", "/loki/api/v1/detected_labels", `query={app="db"}` + all, `{"detectedLabels":[{"label":"app","cardinality":1},{"label":"env","cardinality":1}]}`},
		{"labels of all streams", "t", "/loki/api/v1/detected_labels", `start=100&end=200`, `{"detectedLabels":[{"label":"app","cardinality":2},{"label":"env","cardinality":1}]}`},
		{"no labels", "t", "/loki/api/v1/detected_labels", `query={app="none"}` + all, `{}`},
		{"fields", "t", "/loki/api/v1/detected_fields", `query={app="db"}` + all, `{"fields":[{"label":"q_n","type":"int","cardinality":10,"parsers":["json"],"jsonPath":["q","n"]}],"limit":1000}`},
		{"fields of no time", "t", "/loki/api/v1/detected_fields", `query={app="db"}&start=120&end=120`, `{}`},
		{"legacy query of no time", "t", "/api/prom/query", `query={app="db"}&start=120&end=120`, `{"streams":[],"stats":{}}`},
		{"no fields", "t", "/loki/api/v1/detected_fields", `query={app="none"}` + all, `{}`},
		{"values of a field", "t", "/loki/api/v1/detected_field/took/values", `query={app="web"} |= "=7ms"&limit=5` + all, `{"values":["7ms"],"limit":5}`},
		{"patterns", "t", "/loki/api/v1/patterns", `query={app="web"}&step=60` + all, `{"status":"success","data":[{"pattern":"level=info took=\u003c_\u003ems msg=\"it is done\"","level":"","samples":[[60,20],[120,40]]}]}`},
		{"no patterns", "t", "/loki/api/v1/patterns", `query={app="none"}` + all, `{"status":"success","data":[]}`},
		{"legacy query", "t", "/api/prom/query", `query={app="db"}&regexp=n.:9&limit=1` + all, `{"streams":[{"labels":"{app=\"db\", env=\"prod\"}","entries":[{"ts":"1970-01-01T00:02:09Z","line":"{\"q\":{\"n\":9}}"}]}],"stats":{}}`},
		{"legacy labels", "t", "/api/prom/label", `start=100&end=200`, `{"values":["app","env"]}`},
		{"legacy values", "t", "/api/prom/label/app/values", `start=100&end=200`, `{"values":["db","web"]}`},
		{"legacy values of nothing", "t", "/api/prom/label/none/values", `start=100&end=200`, `{}`},
		{"legacy series", "t", "/api/prom/series", `match[]={app="db"}` + all, `{"status":"success","data":[{"app":"db","env":"prod"}]}`},
	} {
		status, body, header := w.get(t, tc.tenant, tc.path, tc.query)
		if status != http.StatusOK || !strings.HasPrefix(body, tc.want) || !strings.HasSuffix(body, "\n") {
			t.Errorf("%s: %d\n%.300s\nwant\n%s", tc.name, status, body, tc.want)
		}
		if got := header.Get("Content-Type"); got != "application/json; charset=UTF-8" {
			t.Errorf("%s: Content-Type %q", tc.name, got)
		}
	}
}

func TestQuestionsThatAreRefused(t *testing.T) {
	w := shop(t, func(_ *api.Config, l *limits.Limits) { l.MaxQueryLength = limits.Duration(time.Hour) })
	off := shop(t, func(c *api.Config, l *limits.Limits) { c.Patterns, l.VolumeEnabled = false, false })
	for _, tc := range []struct {
		name         string
		world        *world
		tenant, path string
		query        string
		status       int
		text         string
	}{
		{"no tenant", w, "", "/loki/api/v1/index/stats", `query={app="web"}`, 401, "no org id"},
		{"no query", w, "t", "/loki/api/v1/index/stats", ``, 400, "parse error"},
		{"stats of all streams", w, "t", "/loki/api/v1/index/stats", `query={}`, 400, "line 1, col 1: a selector needs at least one matcher"},
		{"patterns of all streams", w, "t", "/loki/api/v1/patterns", `query={ }`, 400, "at least one matcher"},
		{"detected labels of {}", w, "t", "/loki/api/v1/detected_labels", `query={}`, 400, "at least one matcher"},
		{"a stage", w, "t", "/loki/api/v1/query_range", `query={app="web"} |= "x" |~ "("`, 400, "parse error : stage '|~ \"(\"' : error parsing regexp: missing closing ): `(`\nat line 1, col 20:\n{app=\"web\"} |= \"x\" |~ \"(\"\n                   ^"},
		{"a pipeline", w, "t", "/loki/api/v1/index/volume", `query={app="web"} |= "x"`, 400, "only label matchers are supported"},
		{"aggregation", w, "t", "/loki/api/v1/index/volume", `query={app="web"}&aggregateBy=x`, 400, "invalid aggregation option"},
		{"too long", w, "t", "/loki/api/v1/index/volume", `query={app="web"}&start=0&end=7200`, 400, "the query time range exceeds the limit (query length: 1h59m59.999999999s, limit: 1h)"},
		{"volumes are off", off, "t", "/loki/api/v1/index/volume_range", `query={app="web"}`, 404, "not found"},
		{"no size of shards", w, "t", "/loki/api/v1/index/shards", `query={app="web"}`, 400, "targetBytesPerShard is missing"},
		{"a size that is none", w, "t", "/loki/api/v1/index/shards", `query={app="web"}&targetBytesPerShard=much`, 400, "size"},
		{"fields of a metric", w, "t", "/loki/api/v1/detected_fields", `query=rate({app="web"}[1m])`, 400, "only log selector is supported"},
		{"labels of a pipeline", w, "t", "/loki/api/v1/detected_labels", `query={app="web"} | json`, 400, "only label matchers are supported"},
		{"patterns of a pipeline", w, "t", "/loki/api/v1/patterns", `query={app="web"} | json`, 400, "only label matchers are supported"},
		{"patterns are off", off, "t", "/loki/api/v1/patterns", `query={app="web"}`, 404, "patterns are not served"},
		{"legacy metric", w, "t", "/api/prom/query", `query=rate({app="web"}[1m])`, 400, "legacy endpoints only support log queries"},
		{"legacy expression", w, "t", "/api/prom/query", `query={app="web"}&regexp=(`, 400, "parse error"},
		{"limits of two tenants", w, "t|u", "/loki/api/v1/drilldown-limits", ``, 400, "multiple org IDs present"},
	} {
		status, body, header := tc.world.get(t, tc.tenant, tc.path, tc.query)
		if status != tc.status || !strings.Contains(body, tc.text) {
			t.Errorf("%s: %d %q, want %d %q", tc.name, status, body, tc.status, tc.text)
		}
		if got := header.Get("Content-Type"); got != "text/plain; charset=utf-8" {
			t.Errorf("%s: Content-Type %q", tc.name, got)
		}
	}
}

func TestDrilldownLimits(t *testing.T) {
	w := newWorld(t, func(_ *api.Config, l *limits.Limits) { l.VolumeMaxSeries = 7 })
	status, body, _ := w.get(t, "t", "/loki/api/v1/drilldown-limits", "")
	for _, want := range []string{`"volume_max_series":7`, `"max_query_length":"30d1h"`, `"max_query_bytes_read":"0B"`, `"pattern_ingester_enabled":true`, `"version":`, `"otlp_config":{`} {
		if status != http.StatusOK || !strings.Contains(body, want) {
			t.Errorf("%d, without %s: %s", status, want, body)
		}
	}
}

func TestAnswersInGzip(t *testing.T) {
	on := shop(t, func(c *api.Config, _ *limits.Limits) { c.CompressResponses = true })
	off := shop(t, nil)
	large, small := `query={app="web"}&start=100&end=200&limit=50`, `query={app="web"}&start=100&end=200&limit=1`
	_, plain, _ := off.get(t, "t", "/api/prom/query", large)
	for _, tc := range []struct {
		name    string
		world   *world
		query   string
		accept  string
		encoded bool
	}{
		{"taken", on, large, "deflate, gzip;q=0.5", true},
		{"any", on, large, "*", true},
		{"not taken", on, large, "identity", false},
		{"refused", on, large, "gzip;q=0", false},
		{"small", on, small, "gzip", false},
		{"off", off, large, "gzip", false},
	} {
		status, body, header := tc.world.get(t, "t", "/api/prom/query", tc.query, "Accept-Encoding", tc.accept)
		if encoded := header.Get("Content-Encoding") == "gzip"; encoded != tc.encoded || status != http.StatusOK {
			t.Errorf("%s: %d, in gzip: %v", tc.name, status, encoded)
		}
		if tc.encoded {
			r, err := gzip.NewReader(strings.NewReader(body))
			if err != nil {
				t.Fatal(err)
			}
			text, err := io.ReadAll(r)
			if body = string(text); err != nil {
				t.Errorf("%s: %v", tc.name, err)
			}
		}
		if tc.query == large && body != plain {
			t.Errorf("%s: got %.200s", tc.name, body)
		}
	}
	// A refusal keeps its status.
	if status, _, _ := on.get(t, "t", "/api/prom/query", "query=x", "Accept-Encoding", "gzip"); status != http.StatusBadRequest {
		t.Errorf("a parse error is a %d", status)
	}
}
