package main_test

import (
	"bytes"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"math/rand/v2"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/golang/snappy"

	"github.com/skaldlogs/skald/pkg/logproto"
	"github.com/skaldlogs/skald/pkg/model"
)

// lifted are the flags that take the tenant's rates out of a measurement; all
// else is as users get it.
var lifted = []string{
	"-distributor.ingestion-rate-limit-mb=100000", "-distributor.ingestion-burst-size-mb=100000",
	"-ingester.per-stream-rate-limit=100GB", "-ingester.per-stream-rate-limit-burst=100GB",
	"-validation.reject-old-samples=false",
}

// BenchmarkIngest answers: how many MB of lines does the real binary take per
// second of its own CPU time? Two clients push snappy batches of about 1 MB over
// HTTP, seven families of lines in 28 streams. B/op and the like are of the
// clients and mean nothing; MB/cpu-s, the server's RSS and the size of its bucket are the figures. With
// SKALD_BENCH_PROFILE=FILE a CPU profile of the server is saved.
func BenchmarkIngest(b *testing.B) {
	const size = 600 << 20
	args := append(slices.Clone(lifted), "-ingester.wal-disk-full-threshold=0")
	bodies, perBody := batches(b)
	for b.Loop() {
		s := newServer(b, b.TempDir(), args...)
		s.start()
		profiled := make(chan struct{})
		go func() {
			defer close(profiled)
			if name := os.Getenv("SKALD_BENCH_PROFILE"); name != "" {
				s.dump("/debug/pprof/profile?seconds=5", name)
			}
		}()
		cpu0, began := s.cpu(), time.Now()
		var next atomic.Int64
		var wg sync.WaitGroup
		for range 2 {
			wg.Go(func() {
				for {
					n := int(next.Add(1)) - 1
					if n*perBody >= size {
						return
					}
					if err := s.send(b.Context(), bodies(n)); err != nil {
						b.Error(err)
						return
					}
				}
			})
		}
		wg.Wait()
		wall, cpu := time.Since(began).Seconds(), s.cpu()-cpu0
		mb := float64(size) / 1e6
		b.ReportMetric(mb/cpu, "MB/cpu-s")
		b.ReportMetric(mb/wall, "MB/s")
		b.ReportMetric(float64(s.peakRSS())/1e6, "peak-RSS-MB")
		<-profiled
		s.flush()
		b.ReportMetric(float64(folderSize(b, filepath.Join(s.dir, "bucket")))/1e6, "disk-MB")
		s.Stop()
	}
}

// folderSize adds up the files below a folder.
func folderSize(tb testing.TB, dir string) (n int64) {
	err := filepath.WalkDir(dir, func(_ string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		info, err := d.Info()
		n += info.Size()
		return err
	})
	if err != nil {
		tb.Fatal(err)
	}
	return n
}

// batches returns a maker of push bodies, each with lines and timestamps of its
// own, and how many bytes of lines one has, about.
func batches(b *testing.B) (func(n int) []byte, int) {
	const perBody = 1 << 20
	next := nextLine(b)
	start := time.Now().Add(-time.Hour)
	return func(n int) []byte {
		rnd := rand.New(rand.NewPCG(1, uint64(n)))
		var batch model.Batch
		for bytes := 0; bytes < perBody; {
			for _, f := range slices.Sorted(maps.Keys(families)) {
				s := model.Stream{Labels: fmt.Sprintf(`{app=%q, env="prod", pod="%s-%d"}`, f, f, len(batch.Streams)%4)}
				for range 60 {
					ts := start.Add(time.Duration(n)*time.Millisecond + time.Duration(len(batch.Streams)*1000+len(s.Entries)*10))
					line := next(rnd, f, ts)
					s.Entries = append(s.Entries, model.Entry{Timestamp: ts.UnixNano(), Line: line})
					bytes += len(line)
				}
				batch.Streams = append(batch.Streams, s)
			}
		}
		return snappy.Encode(nil, logproto.AppendPush(nil, &batch))
	}, perBody
}

// nextLine returns a maker of lines: of the family asked for, or, where
// SKALD_BENCH_LINES names files (a glob), those of the files in turn.
func nextLine(b *testing.B) func(*rand.Rand, string, time.Time) string {
	if os.Getenv("SKALD_BENCH_LINES") == "" {
		return func(r *rand.Rand, family string, t time.Time) string { return families[family](r, t) }
	}
	files := corpus(b)
	names := slices.Sorted(maps.Keys(files))
	return func(r *rand.Rand, family string, _ time.Time) string {
		lines := files[names[int(family[0])%len(names)]]
		return lines[r.IntN(len(lines))]
	}
}

// cpu is the CPU time of the process so far, in seconds.
func (s *server) cpu() float64 {
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", s.PID()))
	if err != nil {
		s.tb.Fatal(err)
	}
	f := strings.Fields(string(text[bytes.LastIndexByte(text, ')')+1:]))
	var ticks float64
	for _, i := range []int{11, 12} { // utime, stime
		n, err := strconv.ParseFloat(f[i], 64)
		if err != nil {
			s.tb.Fatal(err)
		}
		ticks += n
	}
	return ticks / 100
}

// peakRSS is the most memory the process has had, in bytes.
func (s *server) peakRSS() int64 {
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", s.PID()))
	if err != nil {
		s.tb.Fatal(err)
	}
	for line := range strings.Lines(string(text)) {
		if rest, ok := strings.CutPrefix(line, "VmHWM:"); ok {
			kb, err := strconv.ParseInt(strings.Fields(rest)[0], 10, 64)
			if err != nil {
				s.tb.Fatal(err)
			}
			return kb << 10
		}
	}
	return 0
}

// dump saves a page of the server.
func (s *server) dump(path, name string) {
	resp, err := http.Get("http://" + s.http + path)
	if err != nil {
		s.tb.Fatal(err)
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		s.tb.Fatal(err)
	}
	if err := os.WriteFile(name, body, 0o644); err != nil {
		s.tb.Fatal(err)
	}
}

// benchQueries are one of each shape that dashboards and people ask.
var benchQueries = []struct{ name, query string }{
	{"latest", `{env="prod"}`},
	{"needle", `{env="prod"} |= "00000000deadbeef"`},
	{"contains", `count_over_time({env="prod"} |= "error" [1h])`},
	{"contains_by", `sum by (app) (count_over_time({env="prod"} |= "error" [1m]))`},
	{"substring", `{env="prod"} |= "3fa9c4"`},
	{"regex_lines", `{env="prod"} |~ "(?i)timeout|reset"`},
	{"regex", `count_over_time({env="prod"} |~ "(?i)timeout|reset" [1h])`},
	{"count", `sum by (app) (count_over_time({env="prod"}[5m]))`},
	{"bytes", `sum by (app) (bytes_over_time({env="prod"}[5m]))`},
	{"json", `sum(count_over_time({app="gateway"} | json | status >= 500 [5m]))`},
	{"json_by", `sum by (status) (count_over_time({app="gateway"} | json [5m]))`},
	{"logfmt", `sum(count_over_time({app="querier"} | logfmt | duration > 20ms [5m]))`},
	{"pattern", `sum by (code) (count_over_time({app="nginx"} | pattern "<_> - - [<_>] \"<_>\" <code> <_>" [5m]))`},
	{"quantile", `quantile_over_time(0.99, {app="gateway"} | json | unwrap duration_ms [5m]) by (method)`},
}

// BenchmarkQuery answers: how long does a query over the whole store take, and
// how much raw log does it get through in a second? The corpus is that of
// BenchmarkIngest, a tenth of it or SKALD_BENCH_MB, all in segments, and no
// answer comes from the result cache. With
// SKALD_BENCH_PROFILE=FILE a CPU profile of the server is saved for each query,
// as FILE and the name of the query.
func BenchmarkQuery(b *testing.B) {
	size := 60 << 20
	if mb, err := strconv.Atoi(os.Getenv("SKALD_BENCH_MB")); err == nil {
		size = mb << 20
	}
	s := newServer(b, b.TempDir(), append(slices.Clone(lifted), "-ingester.wal-disk-full-threshold=0", "-querier.cache-results=false")...)
	s.start()
	bodies, perBody := batches(b)
	for n := 0; n*perBody < size; n++ {
		if err := s.send(b.Context(), bodies(n)); err != nil {
			b.Fatal(err)
		}
	}
	resp, err := http.Post("http://"+s.http+"/flush", "", nil)
	if err != nil || resp.StatusCode != http.StatusNoContent {
		b.Fatalf("flush: %v, %v", err, resp)
	}
	resp.Body.Close()
	b.Cleanup(s.Stop)
	for _, q := range benchQueries {
		b.Run(q.name, func(b *testing.B) {
			form := url.Values{"query": {q.query}, "since": {"2h"}, "step": {"60"}, "limit": {"100"}}.Encode()
			if name := os.Getenv("SKALD_BENCH_PROFILE"); name != "" {
				var profiled sync.WaitGroup
				defer profiled.Wait()
				profiled.Go(func() { s.dump("/debug/pprof/profile?seconds=1", name+"."+q.name) })
			}
			cpu0 := s.cpu()
			for b.Loop() {
				resp, err := http.Get("http://" + s.http + "/loki/api/v1/query_range?" + form)
				if err != nil {
					b.Fatal(err)
				}
				body, err := io.ReadAll(resp.Body)
				resp.Body.Close()
				if err != nil || resp.StatusCode != http.StatusOK {
					b.Fatalf("%s: %s %s", q.query, resp.Status, body)
				}
			}
			b.ReportMetric((s.cpu()-cpu0)*1e3/float64(b.N), "cpu-ms/op")
			b.SetBytes(int64(size))
		})
	}
}
