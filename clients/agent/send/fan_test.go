package send

import (
	"bytes"
	"context"
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/skaldlogs/skald/clients/agent/position"
	"github.com/skaldlogs/skald/pkg/seeds"
)

// random is a line's text that does not compress.
func random(rnd *rand.Rand, n int) string {
	b := make([]byte, n)
	for i := range b {
		b[i] = "0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ+/"[rnd.IntN(64)]
	}
	return string(b)
}

func small(c *Config) { c.BatchSize, c.Backoff.MaxPeriod = 10_000, 10*time.Second }

// TestClientAway has one of two servers away: the other gets everything, at once,
// and the first when it is back, from disk and in order.
func TestClientAway(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, settings(small), settings(small))
		r.servers[1].set(away)
		sources := []*source{r.source(0), r.source(1), r.source(2)}
		for range 100 {
			for _, s := range sources {
				r.put(s, 10, 500)
			}
		}
		time.Sleep(10 * time.Second)
		r.once(0, 3, 1000)
		if got := sources[0].track.Low(); got != 0 {
			t.Errorf("the position is %d while a client has nothing", got)
		}
		if r.servers[1].got() != 0 || r.book.Queue(1).Bytes() == 0 || r.book.Queue(0).Bytes() != 0 {
			t.Errorf("%d and %d bytes wait on disk", r.book.Queue(0).Bytes(), r.book.Queue(1).Bytes())
		}
		r.servers[1].set(nil)
		time.Sleep(time.Minute)
		r.once(1, 3, 1000)
		for i, s := range sources {
			if s.track.Low() != 1000 {
				t.Errorf("the position of source %d is %d, want 1000", i, s.track.Low())
			}
		}
		r.balanced(3000)
		select {
		case <-r.clients[1].Behind():
			t.Error("something is to be read again, though nothing was put off")
		default:
		}
		if err := r.book.Save(); err != nil {
			t.Fatal(err)
		}
		if n := r.book.Queue(1).Bytes(); n != 0 {
			t.Errorf("%d bytes are left on disk", n)
		}
		r.end()
	})
}

// TestClientAwayOverRestarts ends the process while batches wait on disk: the next
// sends them as they were, before anything else.
func TestClientAwayOverRestarts(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		cfgs := []Config{settings(small), settings(small)}
		r := newRig(t, cfgs...)
		r.servers[1].set(away)
		for round := range 3 {
			s := r.source(0)
			// Its position is the first one's who needs something; the others say what they have.
			r.put(s, 300*(round+1)-int(s.next), 500)
			time.Sleep(10 * time.Second)
			r.once(0, 1, 300*(round+1))
			r.end()
			r.start(cfgs...)
		}
		r.servers[1].set(nil)
		r.put(r.source(0), 900, 500)
		time.Sleep(time.Hour)
		r.once(0, 1, 900)
		r.once(1, 1, 900)
		r.end()
	})
}

// TestClientAwayForLong fills the disk's share too. The others go on all the same;
// when the server is back, its client asks that sources be read again, and then
// has every line once.
func TestClientAwayForLong(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		cfgs := []Config{settings(small), settings(small)}
		r := newRig(t, cfgs...)
		r.servers[1].set(away)
		rnd := rand.New(rand.NewPCG(1, 5))
		noise := random(rnd, 4000)
		put := func(s *source, n int) {
			es := s.entries(n, 0)
			for i := range es {
				at := rnd.IntN(2000)
				es[i].Line += noise[at : at+1000]
			}
			if err := r.clients.Put(context.Background(), es); err != nil {
				t.Error(err)
			}
		}
		sources := []*source{r.source(0), r.source(1)}
		for range 500 {
			for _, s := range sources {
				put(s, 10)
			}
		}
		time.Sleep(time.Minute)
		r.once(0, 2, 5000)
		if n := r.book.Queue(1).Bytes(); n > r.opts.QueueBytes+100_000 {
			t.Errorf("%d bytes are on disk, want no more than %d", n, r.opts.QueueBytes)
		}
		off := r.clients[1].ledger.PutOff.Load()
		if off == 0 || !strings.Contains(r.log.String(), "files are read again for this one") {
			t.Errorf("%d lines were put off; the log says\n%s", off, r.log)
		}
		select {
		case <-r.clients[1].Behind():
			t.Error("sources are to be read again while the server is away")
		default:
		}
		r.servers[1].set(nil)
		<-r.clients[1].Behind()
		r.balanced(10_000)
		r.end()
		r.start(cfgs...)
		for i := range sources {
			s := r.source(i)
			if s.next == 0 || s.next == 5000 {
				t.Errorf("source %d is read again from %d", i, s.next)
			}
			put(s, 5000-int(s.next))
		}
		time.Sleep(time.Hour)
		r.once(0, 2, 5000)
		r.once(1, 2, 5000)
		r.end()
	})
}

// TestPassingSourcesWait has entries that cannot be read again: they are not put
// off, and wait for the client.
func TestPassingSourcesWait(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, settings(small), settings(small))
		r.servers[1].set(away)
		s := r.source(0)
		s.track = position.NewTrack(r.book.Ledger()) // no book saves it
		rnd := rand.New(rand.NewPCG(1, 6))
		all := make(chan struct{})
		go func() {
			defer close(all)
			for range 6000 {
				es := s.entries(1, 0)
				es[0].Line += random(rnd, 1000)
				if err := r.clients.Put(context.Background(), es); err != nil {
					t.Error(err)
				}
			}
		}()
		time.Sleep(time.Hour)
		select {
		case <-all:
			t.Error("everything was taken")
		default:
		}
		r.servers[1].set(nil)
		<-all
		time.Sleep(time.Hour)
		r.once(0, 1, 6000)
		r.once(1, 1, 6000)
		r.balanced(6000)
		r.end()
	})
}

// TestSlowClient is one that takes everything, slowly: the other is held back to
// its pace only when memory and disk are full.
func TestSlowClient(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, settings(small), settings(small, func(c *Config) { c.MaxInFlight = 1 }))
		r.servers[1].set(func(int) answer { return answer{status: 204, takes: time.Second} })
		s := r.source(0)
		began := time.Now()
		for range 200 {
			r.put(s, 10, 900)
		}
		if took := time.Since(began); took > 2*time.Second {
			t.Errorf("200 batches took %s: the slow client holds the other", took)
		}
		time.Sleep(time.Hour)
		r.once(0, 1, 2000)
		r.once(1, 1, 2000)
		r.balanced(2000)
		r.end()
	})
}

// TestRandomHistories has three servers that come and go, a process that ends now
// and then, and checks that each gets every line of each source once, in order.
func TestRandomHistories(t *testing.T) {
	for seed := range seeds.Few(t, 30) {
		synctest.Test(t, func(t *testing.T) { randomHistory(t, seed) })
	}
}

func randomHistory(t *testing.T, seed uint64) {
	rnd := rand.New(rand.NewPCG(seed, 7))
	const sources, total = 5, 400
	cfgs := make([]Config, 3)
	for i := range cfgs {
		cfgs[i] = settings(small, func(c *Config) { c.BatchSize, c.MaxInFlight = 3000, 1+rnd.IntN(4) })
	}
	r := newRig(t, cfgs...)
	r.opts.QueueBytes = 1 << 20
	read := make([]*source, sources)
	for i := range read {
		read[i] = r.source(i)
	}
	for range 200 {
		switch rnd.IntN(20) {
		case 0:
			r.servers[rnd.IntN(3)].set(away)
		case 1, 2:
			r.servers[rnd.IntN(3)].set(func(n int) answer {
				return answer{status: []int{204, 503, 429, 204}[n%4], takes: time.Duration(n%3) * 100 * time.Millisecond}
			})
		case 3, 4:
			r.servers[rnd.IntN(3)].set(nil)
		case 5:
			if err := r.book.Save(); err != nil {
				t.Fatal(err)
			}
		case 6:
			r.end()
			r.start(cfgs...)
			for i := range read {
				read[i] = r.source(i)
			}
		default:
			s := read[rnd.IntN(sources)]
			ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
			before := s.next
			n := min(rnd.IntN(30), total-int(before))
			// What was not put is read again after the next start.
			if r.clients.Put(ctx, s.entries(n, 300)) != nil {
				r.end()
				r.start(cfgs...)
				for i := range read {
					read[i] = r.source(i)
				}
			}
			cancel()
		}
		time.Sleep(time.Duration(rnd.IntN(2000)) * time.Millisecond)
	}
	for _, s := range r.servers {
		s.set(nil)
	}
	time.Sleep(time.Hour)
	r.end()
	r.start(cfgs...)
	for i := range sources {
		s := r.source(i)
		r.put(s, total-int(s.next), 300)
	}
	time.Sleep(time.Hour)
	for i := range r.servers {
		r.once(i, sources, total)
	}
	if t.Failed() {
		t.Fatalf("seed %d", seed)
	}
	r.end()
}

// TestGate cuts, drops and slows down as limits_config says.
func TestGate(t *testing.T) {
	for _, tc := range []struct {
		name  string
		cfg   LimitsConfig
		lines []string // each of a stream of its first letter
		want  string
		drops string
	}{
		{"none", LimitsConfig{}, []string{"a", "b"}, "a b", ""},
		{"too long", LimitsConfig{MaxLineSize: 3}, []string{"abc", "abcd", "b"}, "abc b", "line_too_long:1"},
		{"cut", LimitsConfig{MaxLineSize: 3, MaxLineSizeTruncate: true}, []string{"abc", "abcd", "aéé"}, "abc abc aé", ""},
		{"cut in a letter", LimitsConfig{MaxLineSize: 2, MaxLineSizeTruncate: true}, []string{"aé"}, "a", ""},
		{"cut bytes that are no text", LimitsConfig{MaxLineSize: 2, MaxLineSizeTruncate: true}, []string{"\x80\x80\x80\x80"}, "", ""},
		{"streams", LimitsConfig{MaxStreams: 2}, []string{"a", "b", "c", "b", "a", "d"}, "a b b a", "stream_limited:2"},
		{"rate", LimitsConfig{ReadlineRateEnabled: true, ReadlineRate: 1, ReadlineBurst: 2, ReadlineRateDrop: true}, []string{"a", "b", "c", "d"}, "a b", "global_rate_limiter_drop:2"},
		{"rate, waiting", LimitsConfig{ReadlineRateEnabled: true, ReadlineRate: 1, ReadlineBurst: 2}, []string{"a", "b", "c", "d"}, "a b c d", ""},
	} {
		t.Run(tc.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				r := newRig(t, settings(func(c *Config) { c.MaxInFlight = 1 }))
				counted := 0
				g := NewGate(tc.cfg, r.clients, func(string) { counted++ })
				s := r.source(0)
				es := s.entries(len(tc.lines), 0)
				for i, l := range tc.lines {
					es[i].Line = l
					es[i].Labels = s.labels.With("stream", l[:1])
				}
				if err := g.Put(context.Background(), es); err != nil {
					t.Fatal(err)
				}
				if g.cfg.ReadlineRateEnabled && !g.cfg.ReadlineRateDrop && time.Since(epoch()) < 2*time.Second {
					t.Error("a rate of 1 does not wait")
				}
				r.end()
				var got []string
				for _, lines := range r.servers[0].lines {
					got = append(got, lines...)
				}
				want := strings.Fields(tc.want)
				if len(got) != len(want) && tc.want != "" {
					t.Errorf("got %q, want %q", got, want)
				}
				for _, w := range want {
					if !strings.Contains(" "+strings.Join(got, " ")+" ", " "+w+" ") {
						t.Errorf("got %q, want %q", got, w)
					}
				}
				var drops bytes.Buffer
				for reason, n := range r.book.Ledger().Dropped() {
					fmt.Fprintf(&drops, "%s:%d", reason, n)
				}
				if drops.String() != tc.drops {
					t.Errorf("dropped are %s, want %s", drops.String(), tc.drops)
				}
				if s.track.Low() != int64(len(tc.lines)) {
					t.Errorf("the position is %d, want %d", s.track.Low(), len(tc.lines))
				}
				if strings.HasPrefix(tc.drops, RateDropReason) && counted != 2 {
					t.Errorf("%d lines were counted, want 2", counted)
				}
			})
		})
	}
}

// epoch is when the time of a test begins.
func epoch() time.Time { return time.Date(2000, 1, 1, 0, 0, 0, 0, time.UTC) }
