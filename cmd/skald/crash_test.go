package main_test

import (
	"cmp"
	"context"
	"fmt"
	"math/rand/v2"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/skaldlogs/skald/pkg/model"
	"github.com/skaldlogs/skald/pkg/seeds"
)

func sortEntries(e []model.Entry) {
	slices.SortStableFunc(e, func(a, b model.Entry) int { return cmp.Compare(a.Timestamp, b.Timestamp) })
}

// TestKillNine kills the process at random moments while several clients push,
// and starts it again on the same folder. Every line that was acknowledged must
// be there exactly once; one that was not may be there once or not at all; one
// that was sent again until it was acknowledged is there exactly once.
func TestKillNine(t *testing.T) {
	for seed := range seeds.Few(t, 1) {
		killNine(t, seed)
	}
}

func killNine(t *testing.T, seed uint64) {
	const rounds, clients = 24, 4
	rnd := rand.New(rand.NewPCG(seed, 0))
	// Small generations, so that crashes also meet flushes.
	s := newServer(t, t.TempDir(), "-ingester.generation-bytes=300KB", "-ingester.generation-age=1s",
		"-distributor.ingestion-rate-limit-mb=1000", "-distributor.ingestion-burst-size-mb=1000", "-ingester.per-stream-rate-limit=1GB", "-ingester.per-stream-rate-limit-burst=1GB")

	base := time.Now().Add(-time.Minute).UnixNano()
	cs := make([]*client, clients)
	for n := range cs {
		cs[n] = &client{server: s, labels: fmt.Sprintf(`{app="crash", client="%d"}`, n), first: base, next: base, rnd: rand.New(rand.NewPCG(seed, uint64(n+1)))}
	}
	for round := range rounds {
		s.start()
		ctx, cancel := context.WithCancel(t.Context())
		var wg sync.WaitGroup
		for _, c := range cs {
			wg.Go(func() { c.run(ctx) })
		}
		time.Sleep(time.Duration(20+rnd.IntN(400)) * time.Millisecond) // the crash comes when it comes
		s.Kill()
		cancel()
		wg.Wait()
		if t.Failed() {
			t.Fatalf("round %d", round)
		}
	}
	s.start()
	total := 0
	for _, c := range cs {
		total += len(c.acked)
		c.check(t)
	}
	t.Logf("%d acknowledged lines survived %d crashes", total, rounds)
	if total == 0 {
		t.Error("nothing was acknowledged, so nothing was shown")
	}
}

// A client pushes lines that tell themselves apart. It resumes a push that was
// cut off half of the time, and forgets it otherwise.
type client struct {
	server *server
	labels string
	rnd    *rand.Rand
	first  int64 // before all timestamps
	next   int64 // timestamp of the last line

	acked   map[string]bool
	maybe   map[string]bool
	pending []model.Entry
}

func (c *client) run(ctx context.Context) {
	if c.acked == nil {
		c.acked, c.maybe = map[string]bool{}, map[string]bool{}
	}
	for ctx.Err() == nil {
		if c.pending == nil {
			for range 1 + c.rnd.IntN(200) {
				c.next += int64(1 + c.rnd.IntN(1000))
				c.pending = append(c.pending, model.Entry{Timestamp: c.next, Line: fmt.Sprintf("line %d of client %s says %x", c.next, c.labels, c.rnd.Uint64())})
			}
		}
		err := c.server.push(ctx, c.labels, c.pending)
		into := c.acked
		if err != nil {
			if c.rnd.IntN(2) == 0 {
				return // sent again after the restart
			}
			into = c.maybe
		}
		for _, e := range c.pending {
			into[e.Line] = true
		}
		c.pending = nil
		if err != nil {
			return
		}
	}
}

func (c *client) check(t *testing.T) {
	for _, e := range c.pending {
		c.maybe[e.Line] = true
	}
	seen := map[string]int{}
	for _, e := range c.server.read(c.labels, c.first, c.next+1) {
		seen[e.Line]++
		if !c.acked[e.Line] && !c.maybe[e.Line] {
			t.Errorf("%s: %q was never pushed", c.labels, e.Line)
		}
	}
	lost := 0
	for line := range c.acked {
		switch n := seen[line]; {
		case n == 0:
			lost++
			if lost < 4 {
				t.Errorf("%s: %q was acknowledged and is lost", c.labels, line)
			}
		case n > 1:
			t.Errorf("%s: %q is there %d times", c.labels, line, n)
		}
	}
	if lost > 0 {
		t.Errorf("%s: %d of %d acknowledged lines are lost", c.labels, lost, len(c.acked))
	}
}
