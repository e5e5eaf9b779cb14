package send

import (
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/skaldlogs/skald/clients/agent/entry"
)

func settings(change ...func(c *Config)) Config {
	c := DefaultConfig()
	c.MaxInFlight = 4
	for _, f := range change {
		f(&c)
	}
	return c
}

// TestRetries has a server that fails in each way that passes, and looks at how
// long the client waits between its tries.
func TestRetries(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, settings(func(c *Config) { c.Backoff.MaxPeriod = 4 * time.Second }))
		r.servers[0].set(func(n int) answer {
			return []answer{
				{},
				{status: 503, words: "down"},
				{status: 429, retryAfter: "3"},
				{status: 500, retryAfter: "3600"},
				{status: 502, takes: time.Minute}, // longer than the timeout
				{status: 204},
			}[n-1]
		})
		began := time.Now()
		s := r.source(1)
		r.put(s, 3, 10)
		synctest.Wait()
		if n := r.servers[0].count(); n != 0 {
			t.Errorf("%d pushes before batchwait", n)
		}
		time.Sleep(time.Minute)
		r.once(0, 1, 3)
		pushes := r.servers[0].sent()
		if len(pushes) != 6 {
			t.Fatalf("%d pushes, want 6", len(pushes))
		}
		at := began
		for i, want := range []struct{ least, most time.Duration }{
			{time.Second, 1100 * time.Millisecond},           // batchwait
			{250 * time.Millisecond, 500 * time.Millisecond}, // half a second, up to half of that less
			{500 * time.Millisecond, time.Second},            // twice as long
			{3 * time.Second, 3 * time.Second},               // what the server asks for
			{4 * time.Second, 4 * time.Second},               // but no longer than max_period
			{12 * time.Second, 14*time.Second + 1},           // the timeout and max_period
		} {
			if took := pushes[i].at.Sub(at); took < want.least || took > want.most {
				t.Errorf("push %d comes after %s, want %s to %s", i+1, took, want.least, want.most)
			}
			at = pushes[i].at
			if pushes[i].body != pushes[0].body {
				t.Errorf("push %d is another batch", i+1)
			}
		}
		if got := s.track.Low(); got != 3 {
			t.Errorf("the position is %d, want 3", got)
		}
		m := r.clients[0].metrics
		if got := r.metric(m.retries.WithLabelValues("server", "")); got != 5 {
			t.Errorf("%v retries, want 5", got)
		}
		if got := r.metric(m.sentEntries.WithLabelValues("server")); got != 3 {
			t.Errorf("%v entries sent, want 3", got)
		}
		r.balanced(3)
		r.end()
	})
}

// TestRefused drops what a server will never take, with its words in the log and
// under the right reason, and goes on.
func TestRefused(t *testing.T) {
	for _, tc := range []struct {
		name   string
		change func(c *Config)
		answer answer
		tries  int
		reason string
		words  string
	}{
		{"bad request", nil, answer{status: 400, words: "entry too old\nsecond line"}, 1, reasonIngester, "server answered 400 Bad Request: entry too old"},
		{"no such page", nil, answer{status: 404}, 1, reasonIngester, "404"},
		{"not the API", nil, answer{status: 302}, 1, reasonIngester, "the address in url is not one that takes pushes"},
		{"long words", nil, answer{status: 400, words: strings.Repeat("x", 5000)}, 1, reasonIngester, strings.Repeat("x", 1024) + `"`},
		{"rate limited", func(c *Config) { c.DropRateLimited = true }, answer{status: 429}, 1, reasonRateLimited, "429"},
		{"tries", func(c *Config) { c.Backoff.MaxRetries = 10 }, answer{status: 503}, 10, reasonIngester, "tries=10"},
		{"tries, rate limited", func(c *Config) { c.Backoff.MaxRetries = 2 }, answer{status: 429}, 2, reasonRateLimited, "tries=2"},
		{"tries without an answer", func(c *Config) { c.Backoff.MaxRetries = 1 }, answer{}, 1, reasonIngester, "connection refused"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				cfg := settings(func(c *Config) { c.TenantID = "t" })
				if tc.change != nil {
					tc.change(&cfg)
				}
				r := newRig(t, cfg)
				r.servers[0].set(func(int) answer { return tc.answer })
				s := r.source(1)
				r.put(s, 3, 10)
				time.Sleep(time.Hour)
				if n := r.servers[0].count(); n != tc.tries {
					t.Errorf("%d tries, want %d", n, tc.tries)
				}
				if got := s.track.Low(); got != 3 {
					t.Errorf("the position is %d, want 3: what is dropped is not read again", got)
				}
				if got := r.metric(r.clients[0].metrics.droppedEntries.WithLabelValues("server", "t", tc.reason)); got != 3 {
					t.Errorf("%v entries dropped as %s, want 3", got, tc.reason)
				}
				if c := s.track.Count(); c.Acknowledged[0] != 0 || c.GaveUp[0] != 3 {
					t.Errorf("of its source %d lines are acknowledged and %d dropped, want 3 dropped", c.Acknowledged[0], c.GaveUp[0])
				}
				if !strings.Contains(r.log.String(), tc.words) || strings.Contains(r.log.String(), "second line") {
					t.Errorf("the log says\n%s\nwant %.80s", r.log, tc.words)
				}
				r.servers[0].set(nil)
				r.put(s, 2, 10)
				time.Sleep(time.Hour)
				if got := r.servers[0].got(); got != 2 {
					t.Errorf("%d lines came afterwards, want 2", got)
				}
				r.balanced(5)
				r.end()
			})
		})
	}
}

// TestWithoutMaxRetriesThereIsNoEnd retries for a day.
func TestWithoutMaxRetriesThereIsNoEnd(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, settings())
		r.servers[0].set(away)
		r.put(r.source(1), 3, 10)
		time.Sleep(24 * time.Hour)
		if n := r.servers[0].count(); n < 24*60/5 || n > 2*24*60/5+20 {
			t.Errorf("%d tries in a day of at most 5 minutes in between", n)
		}
		r.servers[0].set(nil)
		time.Sleep(5 * time.Minute)
		r.once(0, 1, 3)
		r.end()
	})
}

// TestTenants go in batches of their own, with the tenant of the entry, else that
// of the client, else none.
func TestTenants(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, settings(func(c *Config) {
			c.TenantID = "own"
			c.Headers = map[string]string{"X-More": "m", "X-Scope-OrgID": "no", "Content-Type": "no"}
			c.ExternalLabels = LabelSet{"file": "lost", "zone": "z"}
		}), settings())
		r.put(r.source(1, entry.Reserved, "t1"), 2, 10)
		r.put(r.source(2), 2, 10)
		time.Sleep(time.Minute)
		for server, want := range [][]string{
			{`t1{file="/1.log", zone="z"}`, `own{file="/2.log", zone="z"}`},
			{`t1{file="/1.log"}`, `{file="/2.log"}`},
		} {
			for _, key := range want {
				if got := r.servers[server].has(key); got != 2 {
					t.Errorf("server %d has %d lines of %s, want 2", server, got, key)
				}
			}
		}
		for _, p := range r.servers[0].sent() {
			if p.head.Get("X-More") != "m" || p.head.Get("Content-Type") != "application/x-protobuf" || !strings.HasPrefix(p.head.Get("User-Agent"), "skald-agent/") {
				t.Errorf("a push has the headers %v", p.head)
			}
		}
		if _, ok := r.servers[1].sent()[0].head["X-Scope-Orgid"]; ok && len(r.servers[1].sent()) == 1 {
			t.Error("an entry of no tenant has one")
		}
		r.end()
	})
}

// TestBatches are sent when they are full, or old.
func TestBatches(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, settings(func(c *Config) { c.BatchSize, c.BatchWait = 1000, time.Minute }))
		s := r.source(1)
		r.put(s, 10, 100)
		synctest.Wait()
		if n := r.servers[0].count(); n != 0 {
			t.Errorf("%d pushes with 1000 bytes, want none yet", n)
		}
		r.put(s, 1, 100)
		synctest.Wait()
		if n := r.servers[0].got(); n != 10 {
			t.Errorf("%d lines came with 1100 bytes, want 10", n)
		}
		time.Sleep(59 * time.Second)
		if n := r.servers[0].got(); n != 10 {
			t.Errorf("%d lines came before batchwait, want 10", n)
		}
		time.Sleep(8 * time.Second)
		if n := r.servers[0].got(); n != 11 {
			t.Errorf("%d lines came after batchwait, want 11", n)
		}
		// An entry that is larger than a batch is one.
		r.put(s, 1, 5000)
		time.Sleep(2 * time.Minute)
		r.once(0, 1, 12)
		r.end()
	})
}

// TestOrder has several batches on their way to a server that is slow and fails,
// by chance: each source arrives in order.
func TestOrder(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, settings(func(c *Config) { c.BatchSize, c.MaxInFlight = 1000, 4 }))
		r.servers[0].set(func(n int) answer {
			a := answer{status: 204, takes: time.Duration(n*7%50) * time.Millisecond}
			if n%5 == 0 {
				a.status = 503
			}
			return a
		})
		var sources []*source
		for i := range 20 {
			sources = append(sources, r.source(i))
		}
		for range 100 {
			for _, s := range sources {
				r.put(s, 3, 50)
			}
		}
		time.Sleep(time.Hour)
		r.once(0, 20, 300)
		if r.servers[0].most != 4 {
			t.Errorf("%d batches were on their way at once, want 4", r.servers[0].most)
		}
		for i, s := range sources {
			if s.track.Low() != 300 {
				t.Errorf("the position of source %d is %d, want 300", i, s.track.Low())
			}
		}
		r.balanced(6000)
		r.end()
	})
}

// TestFull holds sources back while a server is away, with little in memory and
// nothing on disk.
func TestFull(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, settings(func(c *Config) { c.BatchSize = 10_000 }))
		r.servers[0].set(away)
		s := r.source(1)
		put := 0
		go func() {
			for range 1000 {
				r.put(s, 1, 936)
				put++
			}
		}()
		time.Sleep(time.Hour)
		synctest.Wait()
		if want := 6 * 10; put < want || put > want+10 {
			t.Errorf("%d entries of 1000 bytes were taken, want %d: in flight, and two batches more", put, want)
		}
		r.servers[0].set(nil)
		time.Sleep(time.Hour)
		r.once(0, 1, 1000)
		r.end()
	})
}

// TestStop gives what is left one try, and nothing behind a batch that failed. The
// next process sends the same before anything else.
func TestStop(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		cfg := settings(func(c *Config) { c.BatchSize = 10_000 })
		r := newRig(t, cfg)
		r.servers[0].set(away)
		s := r.source(1)
		r.put(s, 35, 936)
		time.Sleep(time.Second)
		began := time.Now()
		r.end()
		if took := time.Since(began); took > time.Second {
			t.Errorf("stopping takes %s", took)
		}
		sent := map[string]bool{}
		for _, p := range r.servers[0].sent() {
			sent[p.body] = true
		}
		if len(sent) != 1 {
			t.Errorf("%d batches were tried, want the first of 4", len(sent))
		}
		before := r.servers[0].count()
		r.servers[0].set(nil)
		r.start(cfg)
		s = r.source(1)
		r.put(s, 40, 936)
		time.Sleep(time.Minute)
		r.once(0, 1, 40)
		for i, p := range r.servers[0].sent()[before:] {
			if sent[p.body] != (i == 0) {
				t.Errorf("push %d of the next process: the batch that was tried is %v", i+1, sent[p.body])
			}
		}
		r.balanced(40)
		r.end()
	})
}

// TestStopIsBounded gives up when the time to stop is over.
func TestStopIsBounded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		cfg := settings(func(c *Config) { c.Timeout = time.Hour })
		r := newRig(t, cfg)
		r.servers[0].set(func(int) answer { return answer{status: 204, takes: 30 * time.Minute} })
		r.put(r.source(1), 3, 10)
		time.Sleep(10 * time.Second)
		time.AfterFunc(5*time.Second, r.cut)
		began := time.Now()
		r.end()
		if took := time.Since(began); took != 5*time.Second {
			t.Errorf("stopping takes %s, want 5s", took)
		}
		r.servers[0].set(nil)
		r.start(cfg)
		time.Sleep(time.Minute)
		r.once(0, 1, 3)
		r.end()
	})
}

func TestConfigIsChecked(t *testing.T) {
	for _, tc := range []struct {
		change func(c *Config)
		want   string
	}{
		{func(c *Config) { c.URL.URL = nil }, "url is missing"},
		{func(c *Config) { c.BatchSize = 0 }, "batchsize is 0"},
		{func(c *Config) { c.BatchWait = 0 }, "batchwait is 0s"},
		{func(c *Config) { c.Timeout = -1 }, "timeout is -1ns"},
		{func(c *Config) { c.MaxInFlight = 0 }, "max_in_flight is 0"},
		{func(c *Config) { c.Backoff.MaxPeriod = 1 }, "backoff_config"},
		{func(c *Config) { c.Backoff.MaxRetries = -1 }, "max_retries is -1"},
		{func(*Config) {}, ""},
	} {
		c := settings()
		if err := c.URL.UnmarshalYAML(func(v any) error { *v.(*string) = "http://h/p"; return nil }); err != nil {
			t.Fatal(err)
		}
		tc.change(&c)
		if err := c.Validate(); fmt.Sprint(err) == "<nil>" != (tc.want == "") || err != nil && !strings.Contains(err.Error(), tc.want) {
			t.Errorf("got %v, want %q", err, tc.want)
		}
	}
	a, b := settings(), settings()
	a.Name, b.Name = "x", "x"
	for _, c := range []*Config{&a, &b} {
		_ = c.URL.UnmarshalYAML(func(v any) error { *v.(*string) = "http://h/p"; return nil })
	}
	if err := ValidateAll([]Config{a, b}); err == nil || !strings.Contains(err.Error(), `both called "x"`) {
		t.Errorf("two of one name: %v", err)
	}
}
