package ruler

import (
	"context"
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/grafana/dskit/httpgrpc"
	httpgrpcserver "github.com/grafana/dskit/httpgrpc/server"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/testutil"
	"github.com/prometheus/prometheus/model/labels"
	"github.com/prometheus/prometheus/promql"
	"github.com/prometheus/prometheus/rules"
	"google.golang.org/grpc"

	"github.com/skaldlogs/skald/pkg/limits"
	"github.com/skaldlogs/skald/pkg/logql/engine"
	"github.com/skaldlogs/skald/pkg/logql/syntax"
)

// frontends returns a handler as a query frontend, by each way to reach it.
func frontends(t *testing.T, h http.Handler, l limits.Limits) map[string]*Frontend {
	t.Helper()
	web := httptest.NewServer(h)
	t.Cleanup(web.Close)
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	srv := grpc.NewServer()
	httpgrpc.RegisterHTTPServer(srv, httpgrpcserver.NewServer(h))
	go func() { _ = srv.Serve(listener) }()
	t.Cleanup(srv.Stop)
	out := map[string]*Frontend{}
	for name, address := range map[string]string{"HTTP": web.URL + "/", "gRPC": "dns:///" + listener.Addr().String()} {
		f, err := NewFrontend(&FrontendConfig{Address: Address(address)}, limits.NewOverrides(&l, nil), prometheus.NewRegistry())
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = f.Close() })
		out[name] = f
	}
	return out
}

func parsed(t *testing.T, query string) syntax.Expr {
	t.Helper()
	expr, err := syntax.Parse(query)
	if err != nil {
		t.Fatal(err)
	}
	return expr
}

const anAnswer = `{"status":"success","data":{"resultType":"vector","result":[{"metric":{"app":"pay"},"value":[5,"2"]}],"stats":{}}}`

// What a rule asks is asked of the frontend as the API wants it.
func TestFrontendIsAsked(t *testing.T) {
	var got *http.Request
	h := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_ = r.ParseForm()
		got = r
		switch {
		case r.Form.Get("limit") != "":
			_, _ = w.Write([]byte(`{"status":"success","warnings":["less"],"data":{"resultType":"streams","result":[{"stream":{"app":"pay"},"values":[["7","x"]]}],"stats":{}}}`))
		case strings.HasPrefix(r.Form.Get("query"), "vector"):
			_, _ = w.Write([]byte(`{"status":"success","data":{"resultType":"scalar","result":[5,"1"],"stats":{}}}`))
		default:
			_, _ = w.Write([]byte(anAnswer))
		}
	})
	for way, f := range frontends(t, h, limits.Limits{}) {
		ctx := rules.NewOriginContext(t.Context(), rules.RuleDetail{Name: "pay=errors", Kind: rules.KindAlerting})
		query := `sum by (app)(rate({app="pay"} |= "error" [1m]))`
		res, err := f.Query(ctx, []string{"team-a"}, parsed(t, query), engine.Params{Start: 5e9, End: 5e9, NoCache: true})
		if err != nil {
			t.Fatalf("%s: %v", way, err)
		}
		v, _ := res.Data.(promql.Vector)
		if len(v) != 1 || v[0].F != 2 || v[0].T != 5000 || !labels.Equal(v[0].Metric, labels.FromStrings("app", "pay")) {
			t.Errorf("%s: answer %v", way, res.Data)
		}
		if got.URL.Path != "/loki/api/v1/query" || got.Form.Get("query") != parsed(t, query).String() || got.Form.Get("time") != "1970-01-01T00:00:05Z" || got.Form.Get("direction") != "forward" {
			t.Errorf("%s: asked %s %v", way, got.URL, got.Form)
		}
		for name, want := range map[string]string{"X-Scope-OrgID": "team-a", "X-Query-Tags": "source=ruler,rule_name=pay_errors,rule_type=alerting", "Cache-Control": "no-cache"} {
			if got.Header.Get(name) != want {
				t.Errorf("%s: %s is %q, want %q", way, name, got.Header.Get(name), want)
			}
		}
		if res, err := f.Query(ctx, []string{"team-a"}, parsed(t, "vector(1)"), engine.Params{Start: 5e9, End: 5e9}); err != nil || res.Data.(promql.Scalar).V != 1 {
			t.Errorf("%s: %v, %v", way, res, err)
		}
		res, err = f.Query(ctx, []string{"team-a"}, parsed(t, `{app="pay"}`), engine.Params{Start: 1, End: 9, Limit: 3, Direction: engine.Backward})
		if err != nil || len(res.Warnings) != 1 || res.Data.(engine.Streams)[0].Entries[0].Line != "x" {
			t.Errorf("%s: %v, %v", way, res, err)
		}
		if got.URL.Path != "/loki/api/v1/query_range" || got.Form.Get("start") != "1" || got.Form.Get("end") != "9" || got.Form.Get("limit") != "3" || got.Form.Get("direction") != "backward" {
			t.Errorf("%s: asked %s %v", way, got.URL, got.Form)
		}
	}
}

// A frontend that does not answer, or not as it should, fails the rule.
func TestFrontendFails(t *testing.T) {
	for _, tc := range []struct {
		name   string
		answer func(w http.ResponseWriter, r *http.Request)
		limits limits.Limits
		want   string
		reason string
	}{
		{"a client's error", func(w http.ResponseWriter, _ *http.Request) {
			http.Error(w, "no such thing\nmore", http.StatusBadRequest)
		}, limits.Limits{}, "status 400: no such thing", "upstream_error"},
		{"a server's error", func(w http.ResponseWriter, _ *http.Request) {
			http.Error(w, "out of order", http.StatusServiceUnavailable)
		}, limits.Limits{}, "status 503: out of order", "upstream_error"},
		{
			"too much", func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write([]byte(anAnswer)) },
			limits.Limits{RulerRemoteEvaluationMaxResponseSize: 20},
			"ruler_remote_evaluation_max_response_size is 20 bytes", "max_size",
		},
		{
			"far too much", func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write(make([]byte, 1<<20)) },
			limits.Limits{RulerRemoteEvaluationMaxResponseSize: 20},
			"ruler_remote_evaluation_max_response_size is 20 bytes", "max_size",
		},
		{"not an answer", func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write([]byte("<html>")) }, limits.Limits{}, "answer", "error"},
		{
			"too late", func(http.ResponseWriter, *http.Request) { <-t.Context().Done() },
			limits.Limits{RulerRemoteEvaluationTimeout: limits.Duration(50 * time.Millisecond)},
			"no answer within 50ms", "timeout",
		},
	} {
		for way, f := range frontends(t, http.HandlerFunc(tc.answer), tc.limits) {
			_, err := f.Query(context.Background(), []string{"t"}, parsed(t, "vector(1)"), engine.Params{Start: 1, End: 1})
			if err == nil || !strings.Contains(err.Error(), tc.want) {
				t.Errorf("%s over %s: %v, want %q", tc.name, way, err, tc.want)
			}
			if got := testutil.ToFloat64(f.metrics.failure.WithLabelValues(tc.reason, "t")); got != 1 {
				t.Errorf("%s over %s: %v failures by reason of %s, want 1", tc.name, way, got, tc.reason)
			}
		}
	}
}

// Where no limit is set, an answer that is too large for the other end is not put down
// to one.
func TestTooLargeForTheOtherEnd(t *testing.T) {
	h := http.HandlerFunc(func(http.ResponseWriter, *http.Request) {})
	f := frontends(t, h, limits.Limits{})["gRPC"]
	f.do = func(*http.Request, int64) (int, []byte, error) {
		return 0, nil, fmt.Errorf("%w: 9 bytes of 8", errTooLarge)
	}
	_, err := f.Query(t.Context(), []string{"t"}, parsed(t, "vector(1)"), engine.Params{Start: 1, End: 1})
	if want := "ask the query frontend: the answer is too large: 9 bytes of 8"; err == nil || err.Error() != want {
		t.Errorf("%v, want %s", err, want)
	}
}
