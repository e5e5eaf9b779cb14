package engine_test

import (
	"context"
	"fmt"
	"testing"
	"time"

	"github.com/prometheus/prometheus/model/labels"

	"github.com/skaldlogs/skald/pkg/logql/engine"
	"github.com/skaldlogs/skald/pkg/logql/syntax"
	"github.com/skaldlogs/skald/pkg/model"
	"github.com/skaldlogs/skald/pkg/scan"
)

// A prepared source has its batches at hand, so that a benchmark measures the
// engine and the pipeline, and nothing of storage.
type prepared struct {
	dir     scan.Directory
	batches []*scan.Batch
	bytes   int64 // of all lines
}

func (p *prepared) Open(context.Context, *scan.Request) (scan.Snapshot, error) { return p, nil }
func (p *prepared) Directory() *scan.Directory                                 { return &p.dir }
func (p *prepared) Close() error                                               { return nil }
func (p *prepared) Read(_ context.Context, i int, _ scan.Want) (*scan.Batch, error) {
	return p.batches[i], nil
}

func (p *prepared) line(n int) string {
	return fmt.Sprintf(`level=%s ts=2026-01-15T10:00:%02dZ caller=handler.go:%d msg="request served" method=GET path=/api/v1/items/%d status=%d duration=%dms bytes=%d`,
		[]string{"info", "info", "info", "warn", "error"}[n%5], n%60, n%300, n%1000, 200+n%4*100, n%997, n*37%100000)
}

// prepare makes blocks of rows, 10 ms apart, of four streams each. With copies,
// each block is there twice.
func prepare(blocks, rows int, copies, metadata bool) *prepared {
	p := &prepared{}
	for s := range 4 {
		p.dir.Streams = append(p.dir.Streams, scan.Stream{Labels: labels.FromStrings("app", fmt.Sprintf("app-%d", s), "env", "prod")})
	}
	for b := range blocks {
		batch := &scan.Batch{}
		block := scan.Block{Order: scan.Order{Generation: uint64(b)}}
		for s := range 4 {
			start := batch.Rows()
			var bytes, md int64
			for n := range rows / 4 {
				batch.Timestamps = append(batch.Timestamps, int64(b*rows/4+n)*int64(10*time.Millisecond))
				batch.Lines = append(batch.Lines, p.line(n*7+s))
				bytes += int64(len(batch.Lines[len(batch.Lines)-1]))
				if metadata {
					batch.Metadata = append(batch.Metadata, model.Metadata{{Name: "detected_level", Value: []string{"info", "error"}[n%2]}, {Name: "pod", Value: fmt.Sprint(n % 10)}})
					md += int64(batch.Metadata[start+n].Bytes())
				}
			}
			batch.Runs = append(batch.Runs, scan.BatchRun{Stream: s, Start: start, End: batch.Rows()})
			block.Runs = append(block.Runs, scan.Run{
				Stream: s, Rows: rows / 4, Bytes: bytes, MetadataBytes: md,
				Interval: model.Interval{Mint: batch.Timestamps[start], Maxt: batch.Timestamps[batch.Rows()-1]},
			})
			p.bytes += bytes
		}
		p.batches = append(p.batches, batch)
		p.dir.Blocks = append(p.dir.Blocks, block)
		if copies {
			block.Order.Place = 1
			p.batches = append(p.batches, batch)
			p.dir.Blocks = append(p.dir.Blocks, block)
		}
	}
	return p
}

// BenchmarkExec asks how much of raw log each shape of query gets through, on one
// worker, once its batches are decoded.
func BenchmarkExec(b *testing.B) {
	const blocks, rows = 10, 16 << 10
	plain, copies, tagged := prepare(blocks, rows, false, false), prepare(blocks, rows, true, false), prepare(blocks, rows, false, true)
	end := int64(blocks*rows/4) * int64(10*time.Millisecond)
	for _, bc := range []struct {
		name, query string
		source      *prepared
		step        time.Duration
	}{
		{"count/edges_in_blocks", `sum(count_over_time({env="prod"}[1m]))`, plain, 7 * time.Second},
		{"count/copies", `sum(count_over_time({env="prod"}[1m]))`, copies, 7 * time.Second},
		{"count/by_metadata", `sum by (detected_level) (count_over_time({env="prod"}[1m]))`, tagged, 7 * time.Second},
		{"count/all_labels", `count_over_time({env="prod"}[1m])`, tagged, 7 * time.Second},
		{"contains", `sum(count_over_time({env="prod"} |= "level=error" [1m]))`, plain, 7 * time.Second},
		{"regexp", `sum(count_over_time({env="prod"} |~ "status=5.. " [1m]))`, plain, 7 * time.Second},
		{"logfmt_filter", `sum(count_over_time({env="prod"} | logfmt | status >= 500 [1m]))`, plain, 7 * time.Second},
		{"logfmt_by", `sum by (status) (count_over_time({env="prod"} | logfmt [1m]))`, plain, 7 * time.Second},
		{"unwrap_sum", `sum(sum_over_time({env="prod"} | logfmt | unwrap bytes [1m]))`, plain, 7 * time.Second},
		{"unwrap_quantile", `quantile_over_time(0.99, {env="prod"} | logfmt | unwrap bytes [1m]) by (app)`, plain, 7 * time.Second},
		{"logs_newest", `{env="prod"}`, plain, 1},
		{"logs_rare", `{env="prod"} |= "no such thing"`, plain, 1},
	} {
		b.Run(bc.name, func(b *testing.B) {
			expr, err := syntax.Parse(bc.query)
			if err != nil {
				b.Fatal(err)
			}
			e := engine.New(engine.Options{Concurrency: 1})
			b.SetBytes(bc.source.bytes)
			b.ReportAllocs()
			for b.Loop() {
				p := engine.Params{Start: 0, End: end, Step: bc.step, Limit: 1000}
				if _, err := e.Exec(b.Context(), bc.source, "t", expr, p, engine.Limits{}); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
