package main_test

import (
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

// BenchmarkIngestCompacting answers two questions of the real binary. What does
// compaction cost while it takes pushes: CPU, throughput, disk? And how long does
// a query take while POST /compact merges what was pushed with compaction off?
// Generations are small, so that there is much to merge. SKALD_BENCH_MB is how
// much is pushed, 150 MB by default.
//
//	go test -run '^$' -bench IngestCompacting -benchtime 1x ./cmd/skald
func BenchmarkIngestCompacting(b *testing.B) {
	size := 150 << 20
	if mb, err := strconv.Atoi(os.Getenv("SKALD_BENCH_MB")); err == nil {
		size = mb << 20
	}
	bodies, perBody := batches(b)
	for _, mode := range []struct{ name, interval string }{{"off", "1h"}, {"on", "2s"}} {
		b.Run("compaction="+mode.name, func(b *testing.B) {
			for b.Loop() {
				args := append(slices.Clone(lifted), "-ingester.wal-disk-full-threshold=0", "-ingester.generation-bytes=2MB", "-compactor.compaction-interval="+mode.interval)
				s := newServer(b, b.TempDir(), args...)
				s.start()
				cpu0, began := s.cpu(), time.Now()
				var next atomic.Int64
				var wg sync.WaitGroup
				for range 2 {
					wg.Go(func() {
						for n := int(next.Add(1)) - 1; n*perBody < size; n = int(next.Add(1)) - 1 {
							if err := s.send(b.Context(), bodies(n)); err != nil {
								b.Error(err)
								return
							}
						}
					})
				}
				wg.Wait()
				wall, cpu := time.Since(began).Seconds(), s.cpu()-cpu0
				s.flush()
				bucket := filepath.Join(s.dir, "bucket")
				b.ReportMetric(float64(size)/1e6/cpu, "MB/cpu-s")
				b.ReportMetric(float64(size)/1e6/wall, "MB/s")
				b.ReportMetric(float64(folderSize(b, bucket))/1e6, "disk-MB")
				if mode.name == "off" {
					alone := s.askFor(b, 20, nil)
					done := make(chan struct{})
					start := time.Now()
					go func() {
						defer close(done)
						resp, err := http.Post("http://"+s.http+"/compact", "", nil)
						if err != nil {
							b.Error(err)
							return
						}
						resp.Body.Close()
					}()
					during := s.askFor(b, 0, done)
					b.ReportMetric(time.Since(start).Seconds(), "compact-s")
					b.ReportMetric(float64(folderSize(b, bucket))/1e6, "disk-after-MB")
					b.ReportMetric(alone, "query-ms")
					b.ReportMetric(during, "query-during-ms")
				}
				b.ReportMetric(float64(s.peakRSS())/1e6, "peak-RSS-MB")
				s.Stop()
			}
		})
	}
}

// askFor asks for the same lines again and again, some times or until done, and
// returns the median of how long it took, in ms.
func (s *server) askFor(b *testing.B, times int, done <-chan struct{}) float64 {
	var took []float64
	for n := 0; times == 0 || n < times; n++ {
		select {
		case <-done:
			times = -1
		default:
		}
		if times < 0 {
			break
		}
		began := time.Now()
		resp, err := http.Get(fmt.Sprintf("http://%s/loki/api/v1/query_range?query=%s&limit=100&since=2h", s.http, "%7Benv%3D%22prod%22%7D%20%7C%3D%20%22error%22"))
		if err != nil {
			b.Fatal(err)
		}
		if resp.StatusCode != http.StatusOK {
			b.Fatalf("query: %s", resp.Status)
		}
		resp.Body.Close()
		took = append(took, float64(time.Since(began))/1e6)
	}
	if len(took) == 0 {
		return 0
	}
	slices.Sort(took)
	return took[len(took)/2]
}
