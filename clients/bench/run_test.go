package bench

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"strings"
	"testing"
	"time"
)

// known are the queries that a fake answers.
var known = []string{"needle", "absent", "count", "topk", "recent"}

func runFake(t *testing.T, f *fake, spec string, o Options) (*Result, error) {
	t.Helper()
	s, err := ParseServer("it=" + f.URL + spec)
	if err != nil {
		t.Fatal(err)
	}
	return Run(t.Context(), small(), s, o)
}

func TestRun(t *testing.T) {
	g := generator(t, small())
	entries := 0
	for _, b := range slicesOf(g) {
		entries += b.Entries()
	}
	var results []*Result
	for _, kind := range []string{"loki", "victorialogs"} {
		f := newFake(t, dialects[kind], g.Plants)
		r, err := runFake(t, f, ",tenant=acme,disk=.,kind="+kind, Options{Push: true, Query: true, Repeat: 2, Only: known})
		if err != nil {
			t.Fatalf("%s: %v", kind, err)
		}
		in := r.Ingest
		if in.Entries != int64(entries) || len(f.rows) != entries || in.Missing != 0 || in.Retries != 0 || in.DiskBytes == 0 || f.flushed != 1 {
			t.Errorf("%s: %+v of %d entries, %d arrived, flushed %d times", kind, in, entries, len(f.rows), f.flushed)
		}
		for _, h := range f.requests {
			if h.Get("X-Scope-OrgID") != "acme" {
				t.Errorf("%s: a request with the tenant %q", kind, h.Get("X-Scope-OrgID"))
			}
		}
		for name, want := range map[string]string{"needle": "5 lines", "absent": "0 lines", "recent": "100 lines"} {
			q := r.timing(name)
			if q == nil || q.Answer == nil || q.Answer.Size() != want || q.Runs != 3 || q.Error != "" {
				t.Errorf("%s: %s: %+v, want %s", kind, name, q, want)
			}
		}
		if len(r.Queries) != len(known) {
			t.Errorf("%s: %d queries, want %d", kind, len(r.Queries), len(known))
		}
		r.Server = kind
		results = append(results, r)
	}
	report := &Report{Version: reportVersion, Corpus: small(), Results: results}
	if d := report.Differences(); len(d) > 0 {
		t.Errorf("the servers differ: %q", d)
	}
}

func TestRunSeesDifferences(t *testing.T) {
	g := generator(t, small())
	report := NewReport(small())
	for n, name := range []string{"right", "wrong"} {
		f := newFake(t, lokiDialect{}, g.Plants)
		if _, err := runFake(t, f, "", Options{Push: true}); err != nil {
			t.Fatal(err)
		}
		f.wrong = n == 1
		r, err := runFake(t, f, "", Options{Query: true, Repeat: 1, Only: []string{"count", "json"}})
		if err != nil {
			t.Fatal(err)
		}
		r.Server = name
		report.Results = append(report.Results, r)
	}
	d := report.Differences()
	if len(d) != 3 || !strings.HasPrefix(d[0], `count: right against wrong: {app="`) ||
		d[1] != "json: right: the server answers 422: too hard" || d[2] != "json: wrong: the server answers 422: too hard" {
		t.Errorf("%q", d)
	}
}

func TestPushIsPatient(t *testing.T) {
	g := generator(t, small())
	f := newFake(t, lokiDialect{}, g.Plants)
	f.busy = 3
	s, err := ParseServer(f.URL)
	if err != nil {
		t.Fatal(err)
	}
	c := newClient(&s)
	defer c.close()
	var waited time.Duration
	c.pause = func(_ context.Context, d time.Duration) error { waited += d; return nil }
	r := &runner{gen: g, client: c, options: Options{Concurrency: 1}, result: &Result{}, usage: func() (process, error) { return process{}, nil }}
	if err := r.ingest(t.Context()); err != nil {
		t.Fatal(err)
	}
	if r.result.Ingest.Retries != 3 || waited != 3*time.Second {
		t.Errorf("%d retries after %s", r.result.Ingest.Retries, waited)
	}
	f.busy = 1000
	if _, err := c.push(t.Context(), nil); err == nil || !strings.Contains(err.Error(), "push: the server answers 503: later") {
		t.Errorf("a server that is busy forever: %v", err)
	}
}

func TestRunGivesUp(t *testing.T) {
	g := generator(t, small())
	f := newFake(t, lokiDialect{}, g.Plants)
	if _, err := runFake(t, f, ",flush=/nowhere", Options{Push: true}); err == nil || !strings.Contains(err.Error(), "flush: /nowhere answers 400") {
		t.Errorf("a flush that is not there: %v", err)
	}
	if _, err := runFake(t, f, "", Options{Push: true}); !errors.Is(err, errNotAlone) {
		t.Errorf("a second push of the same: %v", err)
	}
	if _, err := runFake(t, f, ",pid=1073741824", Options{Query: true}); err == nil || !strings.Contains(err.Error(), "pid 1073741824") {
		t.Errorf("a process that is gone: %v", err)
	}
	ctx, cancel := context.WithCancelCause(t.Context())
	cancel(os.ErrDeadlineExceeded)
	s, _ := ParseServer(f.URL)
	if _, err := Run(ctx, small(), s, Options{Query: true}); !errors.Is(err, os.ErrDeadlineExceeded) {
		t.Errorf("a run that was ended: %v", err)
	}
	f.Close()
	if _, err := runFake(t, f, "", Options{Push: true}); err == nil || !strings.Contains(err.Error(), "count all entries") {
		t.Errorf("a server that is gone: %v", err)
	}
}

// The end of a push is when the server has done nothing for fifteen seconds.
func TestRest(t *testing.T) {
	for _, tc := range []struct {
		name string
		busy func(look int) bool
		want int // looks
	}{
		{"idle at once", func(int) bool { return false }, 31},
		{"busy for a while", func(n int) bool { return n < 20 }, 50},
		{"busy again after a pause", func(n int) bool { return n == 10 }, 41},
		{"never idle", func(int) bool { return true }, 361},
	} {
		s, _ := ParseServer("http://host,pid=1")
		looks, cpu := 0, time.Duration(0)
		r := &runner{client: newClient(&s), result: &Result{}, usage: func() (process, error) {
			if tc.busy(looks) {
				cpu += 300 * time.Millisecond
			}
			looks++
			return process{cpu: cpu}, nil
		}}
		r.client.pause = func(context.Context, time.Duration) error { return nil }
		if err := r.rest(t.Context()); err != nil || looks != tc.want {
			t.Errorf("%s: %d looks, %v, want %d", tc.name, looks, err, tc.want)
		}
	}
}

func TestAnswersThatAreNone(t *testing.T) {
	logs, series := &Query{Form: Logs}, &Query{Form: Range, Step: time.Minute}
	for _, tc := range []struct {
		name    string
		dialect dialect
		q       *Query
		body    string
	}{
		{"no JSON from Loki", lokiDialect{}, logs, "oops"},
		{"a scalar from Loki", lokiDialect{}, series, `{"status":"success","data":{"resultType":"scalar","result":[1,"2"]}}`},
		{"no JSON from VictoriaLogs", victoriaDialect{}, logs, "oops"},
		{"no stats from VictoriaLogs", victoriaDialect{}, series, "oops"},
		{"an error from VictoriaLogs", victoriaDialect{}, series, `{"status":"error"}`},
		{"no number from VictoriaLogs", victoriaDialect{}, series, `{"status":"success","data":{"result":[{"metric":{},"values":[[1,"x"]]}]}}`},
		{"no time from VictoriaLogs", victoriaDialect{}, series, `{"status":"success","data":{"result":[{"metric":{},"value":["x","1"]}]}}`},
	} {
		if a, err := tc.dialect.decode(tc.q, []byte(tc.body)); err == nil {
			t.Errorf("%s: %+v", tc.name, a)
		}
	}
}

func FuzzDecodeVictoriaLogs(f *testing.F) {
	f.Add([]byte(`{"_time":"2026-05-01T06:00:00.1Z","_msg":"m","app":"edge","pod":"p"}`+"\n"), []byte(`{"status":"success","data":{"result":[{"metric":{"app":"x"},"values":[[1,"2"]]}]}}`))
	f.Fuzz(func(_ *testing.T, lines, stats []byte) {
		_, _ = victoriaDialect{}.decode(&Query{Form: Logs}, lines)
		_, _ = victoriaDialect{}.decode(&Query{Form: Range, Step: time.Minute, By: []string{"app"}, WholeLines: true}, stats)
	})
}

// Servers may choose among equals, and that is no difference.
func TestTheLastOfTheTopDoNotCount(t *testing.T) {
	body := `{"status":"success","data":{"resultType":"matrix","result":[
		{"metric":{"pod":"a"},"values":[[60,"3"],[120,"3"]]},{"metric":{"pod":"b"},"values":[[60,"2"],[120,"4"]]},{"metric":{"pod":"c"},"values":[[60,"2"]]}]}}`
	a, err := lokiDialect{}.decode(&Query{Form: Range, Step: time.Minute, By: []string{"pod"}, Top: true}, []byte(body))
	if err != nil {
		t.Fatal(err)
	}
	if got, want := fmt.Sprint(a.Series), `map[pod="a":map[60:3] pod="b":map[120:4]]`; got != want {
		t.Errorf("%s, want %s", got, want)
	}
}

func TestSizesAreLeftOutOnlyWhereLinesAreTakenApart(t *testing.T) {
	body := `{"status":"success","data":{"resultType":"matrix","result":[
		{"metric":{"namespace":"shop"},"values":[[60,"7"]]},{"metric":{"namespace":"hadoop"},"values":[[60,"8"]]}]}}`
	q := &Query{Form: Range, Step: time.Minute, By: []string{"namespace"}, WholeLines: true}
	for kind, want := range map[string]string{
		"loki":         `map[namespace="hadoop":map[60:8] namespace="shop":map[60:7]] []`,
		"victorialogs": `map[namespace="hadoop":map[120:8]] [namespace="shop"]`,
	} {
		a, err := dialects[kind].decode(q, []byte(body))
		if err != nil {
			t.Fatalf("%s: %v", kind, err)
		}
		if got := fmt.Sprint(a.Series, a.LeftOut); got != want {
			t.Errorf("%s: %s, want %s", kind, got, want)
		}
	}
}

func TestExcerpt(t *testing.T) {
	if got := excerpt(bytes.Repeat([]byte("x"), 1000)); len(got) != 303 {
		t.Errorf("%d bytes", len(got))
	}
}
