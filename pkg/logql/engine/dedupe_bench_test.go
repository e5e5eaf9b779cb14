package engine

import (
	"fmt"
	"testing"

	"github.com/skaldlogs/skald/pkg/model"
	"github.com/skaldlogs/skald/pkg/scan"
)

// BenchmarkDedupe asks what a row costs where many runs share a span of time, and
// where many rows share an instant: neither should make it cost more.
func BenchmarkDedupe(b *testing.B) {
	const rows = 1 << 14
	batch := func(n int, ts func(int) int64, pod func(int) int) *scan.Batch {
		out := &scan.Batch{}
		for i := range n {
			out.Timestamps = append(out.Timestamps, ts(i))
			out.Lines = append(out.Lines, "level=info msg=\"request served\" status=200")
			out.Metadata = append(out.Metadata, model.Metadata{{Name: "pod", Value: fmt.Sprint(pod(i))}})
		}
		return out
	}
	for _, bc := range []struct {
		name   string
		pieces int
		of     func(piece int) *scan.Batch
	}{
		{"two copies", 2, func(int) *scan.Batch {
			return batch(rows/2, func(i int) int64 { return int64(i) }, func(i int) int { return i })
		}},
		{"256 runs of other times", 256, func(p int) *scan.Batch {
			return batch(rows/256, func(i int) int64 { return int64(i*256 + p) }, func(i int) int { return i })
		}},
		{"256 copies", 256, func(int) *scan.Batch {
			return batch(rows/256, func(i int) int64 { return int64(i) }, func(i int) int { return i })
		}},
		{"one instant and line", 2, func(p int) *scan.Batch {
			return batch(rows/2, func(int) int64 { return 1 }, func(i int) int { return 2*i + p })
		}},
	} {
		b.Run(bc.name, func(b *testing.B) {
			var pieces []piece
			for p := range bc.pieces {
				pieces = append(pieces, piece{batch: bc.of(p), order: scan.Order{Generation: uint64(p)}, end: rows / bc.pieces})
			}
			b.ReportAllocs()
			for b.Loop() {
				for i := range pieces {
					pieces[i].keep = nil
				}
				dedupe(pieces)
			}
			b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/rows, "ns/row")
		})
	}
}
