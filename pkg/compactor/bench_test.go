package compactor

import (
	"fmt"
	"math/rand/v2"
	"runtime"
	"sync/atomic"
	"testing"
	"time"

	"github.com/prometheus/prometheus/model/labels"

	"github.com/skaldlogs/skald/pkg/vfs"
)

// What does it take to merge a thousand small segments: 83 hours of five minutes
// each in one go, of 20 services with 5 pods?
//
//	go test -run '^$' -bench ThousandSegments -benchtime 1x ./pkg/compactor
func BenchmarkThousandSegments(b *testing.B) {
	const segments, perSegment = 1000, 2000
	rnd := rand.New(rand.NewPCG(1, 20))
	m := newMachine(b)
	m.cfg.MaxCompactionParallelism = 1
	m.bucket = openFolder(b, vfs.OS, b.TempDir())
	m.on()
	var raw int64
	for n := range segments {
		rows := make([]row, perSegment)
		for i := range rows {
			service := rnd.IntN(20)
			rows[i] = row{
				labels: labels.FromStrings("app", fmt.Sprint("service-", service), "pod", fmt.Sprintf("pod-%d-%d", service, rnd.IntN(5))),
				ts:     epoch.Add(time.Duration(n)*5*time.Minute + time.Duration(i)*150*time.Millisecond).UnixNano(),
				line: fmt.Sprintf("level=%s ts=%d caller=handler.go:%d msg=\"request served\" method=%s path=/api/v%d/items/%d status=%d duration=%.3fms trace=%016x",
					[]string{"info", "info", "info", "warn", "error"}[rnd.IntN(5)], n*perSegment+i, 10+rnd.IntN(40), []string{"GET", "POST"}[rnd.IntN(2)],
					rnd.IntN(3), rnd.IntN(100_000), []int{200, 200, 200, 404, 500}[rnd.IntN(5)], rnd.ExpFloat64()*20, rnd.Uint64()),
			}
			raw += int64(len(rows[i].line))
		}
		m.flush("t", "i", rows, 1<<20)
	}
	m.release()
	objects, size := m.objects()
	b.SetBytes(raw)
	for b.Loop() {
		heap := watchHeap()
		if err := m.compactor.Compact(b.Context()); err != nil {
			b.Fatal(err)
		}
		b.ReportMetric(float64(heap())/(1<<20), "peak-heap-MB")
	}
	after, sizeAfter := m.objects()
	b.ReportMetric(float64(objects), "objects-before")
	b.ReportMetric(float64(after), "objects-after")
	b.ReportMetric(float64(size)/(1<<20), "MB-before")
	b.ReportMetric(float64(sizeAfter)/(1<<20), "MB-after")
}

// watchHeap measures the largest heap above the one at the start.
func watchHeap() (most func() uint64) {
	read := func() uint64 {
		var s runtime.MemStats
		runtime.ReadMemStats(&s)
		return s.HeapInuse
	}
	runtime.GC()
	start := read()
	var largest atomic.Uint64
	done, stopped := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(stopped)
		tick := time.NewTicker(20 * time.Millisecond)
		defer tick.Stop()
		for {
			select {
			case <-done:
				return
			case <-tick.C:
				largest.Store(max(largest.Load(), read()))
			}
		}
	}()
	return func() uint64 {
		close(done)
		<-stopped
		return max(largest.Load(), start) - start
	}
}
