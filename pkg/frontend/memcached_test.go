package frontend_test

import (
	"context"
	"flag"
	"fmt"
	"net"
	"strings"
	"testing"
	"time"

	"github.com/go-kit/log"
	"github.com/prometheus/client_golang/prometheus"

	"github.com/skaldlogs/skald/pkg/frontend"
	"github.com/skaldlogs/skald/pkg/logql/engine"
	"github.com/skaldlogs/skald/pkg/parts"
)

// rangeConfig is the defaults, changed by arguments.
func rangeConfig(t *testing.T, args ...string) frontend.RangeConfig {
	t.Helper()
	var c frontend.RangeConfig
	f := flag.NewFlagSet("", flag.ContinueOnError)
	c.RegisterFlags(f)
	if err := f.Parse(args); err != nil {
		t.Fatal(err)
	}
	return c
}

// startMemcached starts the real one on a free port.
func startMemcached(t *testing.T) (addr string, kill func()) {
	t.Helper()
	program := parts.Need(t, "memcached", "memcached")
	port := parts.Port(t)
	p := parts.NewProcess(t, program, "-u", "root", "-l", "127.0.0.1", "-p", port, "-m", "16")
	p.Start()
	addr = "127.0.0.1:" + port
	p.Await("listening", func() bool {
		c, err := net.Dial("tcp", addr)
		if err != nil {
			return false
		}
		_ = c.Close()
		return true
	})
	return addr, p.Kill
}

// TestMemcached: two frontends share what one of them has computed, and neither
// fails when memcached goes.
func TestMemcached(t *testing.T) {
	addr, kill := startMemcached(t)
	c := rangeConfig(t, "-frontend.memcached.addresses="+addr, "-frontend.memcached.timeout=10s", "-frontend.memcached.connect-timeout=10s")
	if err := c.Validate(); err != nil {
		t.Fatal(err)
	}
	w := newWorld()
	for i := range 200 {
		w.push(i%3, time.Duration(i)*time.Minute, "x")
	}
	w.flush()
	var frontends []*frontend.Frontend
	for range 2 {
		cache, stop, err := c.Open(log.NewNopLogger(), prometheus.NewRegistry())
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(stop)
		frontends = append(frontends, newFrontend(w, frontend.Config{}, cache))
	}
	expr := mustParse(t, `sum(count_over_time({app="a"}[5m]))`)
	ask := func(f *frontend.Frontend) *engine.Result {
		t.Helper()
		res, err := f.Query(context.Background(), []string{"t"}, expr, engine.Params{Start: 0, End: int64(190 * time.Minute), Step: time.Minute})
		if err != nil {
			t.Fatal(err)
		}
		return res
	}
	first := ask(frontends[0])
	if first.Stats.CacheFound != 0 || first.Stats.CacheStored == 0 {
		t.Fatalf("the first query found %d answers and kept %d", first.Stats.CacheFound, first.Stats.CacheStored)
	}
	again := ask(frontends[1])
	// Answers are written in the background.
	parts.Await(t, fmt.Sprintf("the other frontend finds the %d answers", first.Stats.CacheStored), func() bool {
		if again.Stats.CacheFound != first.Stats.CacheStored {
			again = ask(frontends[1])
		}
		return again.Stats.CacheFound == first.Stats.CacheStored
	})
	kill()
	for _, res := range []*engine.Result{again, ask(frontends[0]), ask(frontends[1])} {
		if fmt.Sprint(res.Data) != fmt.Sprint(first.Data) {
			t.Errorf("got %s, want %s", res.Data, first.Data)
		}
	}
}

func TestRangeConfig(t *testing.T) {
	for _, tc := range []struct{ args, want string }{
		{"", ""},
		{"-frontend.memcached.addresses=a:1,dns+b:2", ""},
		{"-frontend.memcached.hostname=cache.example", ""},
		{"-frontend.memcached.hostname=cache.example -frontend.memcached.service=", "memcached_client.host needs a service"},
		{"-frontend.memcached.addresses=a:1 -frontend.default-validity=0", "default_validity must be a second at least"},
		{"-frontend.memcached.addresses=a:1 -frontend.default-validity=0 -frontend.memcached.expiration=1m", ""},
		{"-frontend.memcached.addresses=a:1 -frontend.background.write-back-concurrency=0", "writeback_goroutines must be positive"},
		{"-frontend.memcached.addresses=a:1 -frontend.background.write-back-buffer=0", "writeback_buffer must be positive"},
		{"-frontend.memcached.addresses=a:1 -frontend.memcached.batchsize=-1", "batch_size and memcached.parallelism must not be negative"},
		{"-frontend.memcached.addresses=a:1 -frontend.memcached.timeout=0", "timeout, connect_timeout and update_interval must be positive"},
		{"-frontend.embedded-cache.max-size-mb=-1", "embedded_cache.max_size_mb must not be negative"},
		{"-frontend.embedded-cache.ttl=-1s", "embedded_cache.ttl must not be negative"},
	} {
		c := rangeConfig(t, strings.Fields(tc.args)...)
		err := c.Validate()
		if tc.want == "" && err != nil || tc.want != "" && (err == nil || !strings.Contains(err.Error(), tc.want)) {
			t.Errorf("%q: %v, want %q", tc.args, err, tc.want)
		}
	}
	for _, args := range []string{"-querier.cache-results=false", "-frontend.embedded-cache.enabled=false", "-frontend.embedded-cache.max-size-mb=0"} {
		c := rangeConfig(t, args)
		if cache, _, err := c.Open(log.NewNopLogger(), nil); cache != nil || err != nil {
			t.Errorf("%s: a cache all the same, %v", args, err)
		}
	}
}
