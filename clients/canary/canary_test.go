package canary

import (
	"bytes"
	"context"
	"flag"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/golang/snappy"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/testutil"

	"github.com/skaldlogs/skald/pkg/logproto"
	"github.com/skaldlogs/skald/pkg/model"
	"github.com/skaldlogs/skald/pkg/parts"
)

// parseConfig reads an address and flags.
func parseConfig(t *testing.T, text string) Config {
	t.Helper()
	var cfg Config
	f := flag.NewFlagSet("", flag.ContinueOnError)
	cfg.RegisterFlags(f)
	address, rest, _ := strings.Cut(text, " ")
	if err := f.Parse(strings.Fields(rest)); err != nil {
		t.Fatal(err)
	}
	cfg.Address = address
	return cfg
}

// startServer runs a real server and returns its URL.
func startServer(t *testing.T) *url.URL {
	t.Helper()
	port := parts.Port(t)
	p := parts.NewProcess(t, parts.Program(t, "skald"), "-data.dir="+t.TempDir(), "-ingester.wal-disk-full-threshold=0",
		"-server.http-listen-port="+port, "-server.grpc-listen-port=0")
	p.Start()
	at := &url.URL{Scheme: "http", Host: "127.0.0.1:" + port}
	p.AwaitOK(at.String() + "/ready")
	return at
}

// A thief is a proxy that takes every thousandth line out of pushes, once it is
// told to.
type thief struct {
	proxy   *httputil.ReverseProxy
	steals  atomic.Bool
	lines   int
	stolen  atomic.Int64
	pushers chan struct{} // holds one: pushes go through one by one
}

func (p *thief) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if r.URL.Path == "/loki/api/v1/push" {
		p.pushers <- struct{}{}
		defer func() { <-p.pushers }()
		if err := p.steal(r); err != nil {
			http.Error(w, err.Error(), http.StatusBadRequest)
			return
		}
		if r.ContentLength == 0 {
			w.WriteHeader(http.StatusNoContent)
			return
		}
	}
	p.proxy.ServeHTTP(w, r)
}

func (p *thief) steal(r *http.Request) error {
	body, err := io.ReadAll(r.Body)
	if err != nil {
		return err
	}
	text, err := snappy.Decode(nil, body)
	if err != nil {
		return err
	}
	var d logproto.PushDecoder
	var batch model.Batch
	if err := d.Decode(text, &batch); err != nil {
		return err
	}
	left := 0
	for i := range batch.Streams {
		s := &batch.Streams[i]
		var kept []model.Entry
		for _, e := range s.Entries {
			if p.steals.Load() {
				if p.lines++; p.lines%1000 == 0 {
					p.stolen.Add(1)
					continue
				}
			}
			kept = append(kept, e)
		}
		s.Entries = kept
		left += len(kept)
	}
	body = snappy.Encode(nil, logproto.AppendPush(nil, &batch))
	if left == 0 {
		body = nil
	}
	r.Body, r.ContentLength = io.NopCloser(bytes.NewReader(body)), int64(len(body))
	return nil
}

// A healthy server gives nothing to count; one that loses every thousandth line is
// caught, with each of them.
func TestCatchesLoss(t *testing.T) {
	if testing.Short() {
		t.Skip("runs a server for some seconds")
	}
	server := startServer(t)
	p := &thief{proxy: httputil.NewSingleHostReverseProxy(server), pushers: make(chan struct{}, 1)}
	front := httptest.NewServer(p)
	defer front.Close()
	cfg := parseConfig(t, strings.TrimPrefix(front.URL, "http://")+` -push -port=0 -interval=1ms -logs-batch-size=20 -size=60 -wait=1s -max-wait=20s -pruneinterval=200ms
		-spot-check-interval=200ms -spot-check-initial-wait=10s -spot-check-query-rate=500ms -metric-test-interval=300ms -cache-test-interval=300ms -cache-test-now=10s -cache-test-range=1m`)
	var log bytes.Buffer
	c, err := New(cfg, io.Discard, slog.New(slog.NewTextHandler(&log, nil)))
	if err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- c.Run(ctx) }()
	defer func() {
		stop()
		if err := <-done; err != nil {
			t.Error(err)
		}
		if t.Failed() {
			t.Logf("the canary said:\n%s", &log)
		}
	}()
	value := func(m prometheus.Collector) float64 { return testutil.ToFloat64(m) }
	await := func(what string, holds func() bool) {
		t.Helper()
		defer func() {
			if t.Failed() {
				t.Logf("%s: %v entries, %v missing, %v not by the tail", what, value(c.m.entries), value(c.m.missing), value(c.m.wsMissing))
			}
		}()
		parts.Await(t, what, holds)
	}

	await("a healthy server", func() bool {
		return value(c.m.entries) >= 1500 && value(c.m.spotChecks) > 0 && value(c.m.actual) > 0 && value(c.m.cacheResults.WithLabelValues("success")) > 0
	})
	for what, m := range map[string]prometheus.Counter{
		"missing": c.m.missing, "duplicate": c.m.duplicates, "unexpected": c.m.unexpected, "out of order": c.m.outOfOrder,
		"spot check missing": c.m.spotMissing, "cache test differing": c.m.cacheDiffs,
	} {
		if n := value(m); n != 0 {
			t.Errorf("%v entries are %s with a healthy server", n, what)
		}
	}
	if value(c.m.actual) > value(c.m.expected) {
		t.Errorf("counted %v entries, wrote %v", value(c.m.actual), value(c.m.expected))
	}

	p.steals.Store(true)
	await("lines stolen", func() bool { return p.stolen.Load() >= 3 })
	w := httptest.NewRecorder()
	c.Handler().ServeHTTP(w, httptest.NewRequest(http.MethodGet, "/suspend", nil))
	await("what was stolen is missing", func() bool { return value(c.m.missing) >= float64(p.stolen.Load()) })
	await("nothing is open", func() bool {
		c.ledger.mu.Lock()
		defer c.ledger.mu.Unlock()
		return len(c.ledger.open) == 0
	})
	if got, want := value(c.m.missing), float64(p.stolen.Load()); got != want {
		t.Errorf("%v entries are missing, want %v", got, want)
	}
	if value(c.m.wsMissing) < value(c.m.missing) {
		t.Errorf("the tail missed %v of %v missing entries", value(c.m.wsMissing), value(c.m.missing))
	}
	w = httptest.NewRecorder()
	c.Handler().ServeHTTP(w, httptest.NewRequest(http.MethodGet, "/metrics", nil))
	if want := fmt.Sprintf("loki_canary_missing_entries_total %d\n", p.stolen.Load()); !strings.Contains(w.Body.String(), want) {
		t.Errorf("/metrics does not say %s", want)
	}
}
