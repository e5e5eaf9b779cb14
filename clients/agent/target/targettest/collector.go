// Package targettest has what tests of targets need: a chain that keeps what it
// takes.
package targettest

import (
	"context"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/go-kit/log"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/prometheus/model/labels"
	"github.com/prometheus/prometheus/model/relabel"
	"go.yaml.in/yaml/v3"

	"github.com/skaldlogs/skald/clients/agent/entry"
	"github.com/skaldlogs/skald/clients/agent/position"
	"github.com/skaldlogs/skald/clients/agent/target"
)

// An Entry is one that a Collector took, all of it its own.
type Entry struct {
	Labels    string
	Timestamp time.Time
	Line      string
	Metadata  string
	Mark      entry.Mark
}

// A Collector is a chain that keeps what it takes, and acknowledges it unless
// Hold is set.
type Collector struct {
	// Hold leaves marks unsettled. It is set before the first Put.
	Hold bool

	mu      sync.Mutex
	changed *sync.Cond
	entries []Entry
	flushed int
}

// New returns an empty collector.
func New() *Collector {
	c := &Collector{}
	c.changed = sync.NewCond(&c.mu)
	return c
}

// Put keeps entries.
func (c *Collector) Put(ctx context.Context, entries []entry.Entry) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if err := ctx.Err(); err != nil {
		return err
	}
	for _, e := range entries {
		md := ""
		if len(e.Metadata) > 0 {
			md = labels.New(e.Metadata...).String()
		}
		c.entries = append(c.entries, Entry{e.Labels.All().String(), time.Unix(0, e.Timestamp).UTC(), strings.Clone(e.Line), md, e.Mark})
		if !c.Hold {
			e.Mark.Each(func(t *position.Track, r position.Range, lines int64) { t.Settle(0, lines, r) })
		}
	}
	c.changed.Broadcast()
	return nil
}

// Due is never.
func (c *Collector) Due() time.Time { return time.Time{} }

// Flush counts how often it was called at the end of a source.
func (c *Collector) Flush(_ context.Context, now time.Time) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if now.IsZero() {
		c.flushed++
	}
	return nil
}

// Flushed is how often the end of the source was flushed.
func (c *Collector) Flushed() int {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.flushed
}

// Wait returns the entries once there are n of them. The test fails when they do
// not come in a minute.
func (c *Collector) Wait(t testing.TB, n int) []Entry {
	t.Helper()
	late := time.AfterFunc(time.Minute, c.changed.Broadcast)
	defer late.Stop()
	deadline := time.Now().Add(time.Minute)
	c.mu.Lock()
	defer c.mu.Unlock()
	for len(c.entries) < n {
		if !time.Now().Before(deadline) {
			t.Fatalf("%d entries came, want %d: %v", len(c.entries), n, c.entries)
		}
		c.changed.Wait()
	}
	return append([]Entry(nil), c.entries...)
}

// Options returns options of a source that feeds the collector.
func (c *Collector) Options(t testing.TB, relabelYAML string) target.Options {
	t.Helper()
	ledger := position.NewLedger("test")
	return target.Options{
		Job: "test", Relabel: Relabel(t, relabelYAML), Chain: c, Track: position.NewTrack(ledger),
		Clock: &entry.Clock{}, Registerer: prometheus.NewRegistry(), Logger: log.NewNopLogger(),
	}
}

// Relabel reads relabel_configs.
func Relabel(t testing.TB, text string) []*relabel.Config {
	t.Helper()
	var cfgs []*relabel.Config
	if err := yaml.Unmarshal([]byte(text), &cfgs); err != nil {
		t.Fatal(err)
	}
	return cfgs
}

// Run runs a source until the test, or what it returns, ends it; that waits for
// the source and fails the test if it ended with an error.
func Run(t testing.TB, s entry.Source) (stop func()) {
	t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- s.Run(ctx) }()
	stop = sync.OnceFunc(func() {
		cancel()
		if err := <-done; err != nil {
			t.Errorf("the source ended: %v", err)
		}
	})
	t.Cleanup(stop)
	return stop
}

// String is an entry in one line, without its time.
func (e Entry) String() string {
	s := fmt.Sprintf("%s %q", e.Labels, e.Line)
	if e.Metadata != "" {
		s += " " + e.Metadata
	}
	return s
}
