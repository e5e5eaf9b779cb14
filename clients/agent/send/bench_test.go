package send

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/go-kit/log"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/prometheus/model/labels"

	"github.com/skaldlogs/skald/clients/agent/entry"
	"github.com/skaldlogs/skald/clients/agent/position"
	"github.com/skaldlogs/skald/pkg/vfs"
)

// BenchmarkLatency asks how many lines of 216 bytes a second one client sends to
// a server that takes 50 ms for each push, by how many batches are on their way.
func BenchmarkLatency(b *testing.B) {
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(io.Discard, r.Body)
		time.Sleep(50 * time.Millisecond) // it is far away
		w.WriteHeader(http.StatusNoContent)
	}))
	defer server.Close()
	for _, n := range []int{1, 2, 4, 8} {
		b.Run(fmt.Sprint(n, "InFlight"), func(b *testing.B) {
			ledger := position.NewLedger("one")
			book, err := position.Open(vfs.NewMem(), "/positions.yaml", ledger, position.Options{Clients: []string{"one"}, NoSync: true})
			if err != nil {
				b.Fatal(err)
			}
			cfg := DefaultConfig()
			cfg.MaxInFlight = n
			if err := cfg.URL.UnmarshalYAML(func(v any) error { *v.(*string) = server.URL; return nil }); err != nil {
				b.Fatal(err)
			}
			c, err := New(cfg, 0, book, log.NewNopLogger(), NewMetrics(prometheus.NewRegistry()))
			if err != nil {
				b.Fatal(err)
			}
			ctx, cancel := context.WithCancel(context.Background())
			done := make(chan struct{})
			go func() { defer close(done); c.Run(ctx, ctx) }()
			line := strings.Repeat("0123456789abcdef 42 ", 11)[:216]
			entries := make([]entry.Entry, 500)
			families := make([]*entry.Labels, 100)
			tracks := make([]*position.Track, len(families))
			for i := range families {
				families[i] = entry.NewLabels(labels.FromStrings("file", fmt.Sprint(i)))
				tracks[i] = position.NewTrack(ledger)
			}
			at, lines := int64(0), 0
			began := time.Now()
			for b.Loop() {
				for f := range families {
					for i := range entries {
						entries[i] = entry.Entry{Labels: families[f], Timestamp: at, Line: line, Mark: entry.Mark{
							Track: tracks[f], Range: position.Range{Start: at + int64(i), End: at + int64(i) + 1}, Lines: 1,
						}}
					}
					if err := c.Put(ctx, entries); err != nil {
						b.Fatal(err)
					}
				}
				at += int64(len(entries))
				lines += len(entries) * len(families)
			}
			c.Drain(ctx)
			b.ReportMetric(float64(lines)/time.Since(began).Seconds(), "lines/s")
			cancel()
			<-done
		})
	}
}
