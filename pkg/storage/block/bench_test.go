package block

import (
	"bufio"
	"fmt"
	"math/rand/v2"
	"os"
	"testing"

	"github.com/skaldlogs/skald/pkg/model"
	"github.com/skaldlogs/skald/pkg/scan"
)

// benchRows makes a block of lines like those of a service that logs in logfmt,
// or takes them from the file that SKALD_BENCH_LINES names.
func benchRows(b *testing.B, metadata bool) []Row {
	b.Helper()
	var rows []Row
	size := 0
	add := func(line string) bool {
		rows = append(rows, Row{Line: line})
		size += len(line)
		return size < TargetBytes
	}
	if name := os.Getenv("SKALD_BENCH_LINES"); name != "" {
		f, err := os.Open(name)
		if err != nil {
			b.Fatal(err)
		}
		defer f.Close()
		s := bufio.NewScanner(f)
		for s.Scan() && add(s.Text()) {
		}
	} else {
		rnd := rand.New(rand.NewPCG(1, 1))
		paths := []string{"/api/v1/orders", "/api/v1/users", "/healthz", "/api/v1/cart/items", "/login"}
		for add(fmt.Sprintf("ts=2026-05-01T10:%02d:%02d.%03dZ level=%s caller=http.go:%d msg=\"request served\" method=%s path=%s/%d status=%d duration=%d.%03dms trace_id=%016x%016x user=%d",
			rnd.IntN(60), rnd.IntN(60), rnd.IntN(1000), []string{"info", "info", "info", "warn", "error"}[rnd.IntN(5)], 100+rnd.IntN(20),
			[]string{"GET", "GET", "POST"}[rnd.IntN(3)], paths[rnd.IntN(len(paths))], rnd.IntN(10000), []int{200, 200, 200, 404, 500}[rnd.IntN(5)],
			rnd.IntN(300), rnd.IntN(1000), rnd.Uint64(), rnd.Uint64(), rnd.IntN(5000))) {
		}
	}
	rnd := rand.New(rand.NewPCG(2, 2))
	ts := int64(1_700_000_000_000_000_000)
	for i := range rows {
		ts += rnd.Int64N(2_000_000)
		rows[i].Timestamp = ts
		rows[i].Stream = uint32(rnd.IntN(8))
		if metadata {
			rows[i].Metadata = model.Metadata{
				{Name: "detected_level", Value: []string{"info", "info", "info", "warn", "error"}[rnd.IntN(5)]},
				{Name: "pod", Value: fmt.Sprint("api-", rows[i].Stream)},
			}
		}
	}
	return rows
}

// How fast does a sealer turn rows into a block, and how small is it?
func BenchmarkEncode(b *testing.B) {
	for _, metadata := range []bool{false, true} {
		b.Run(fmt.Sprintf("metadata=%v", metadata), func(b *testing.B) {
			rows := benchRows(b, metadata)
			var e Encoder
			enc, err := e.Encode(rows)
			if err != nil {
				b.Fatal(err)
			}
			b.SetBytes(enc.Bytes + enc.MetadataBytes)
			b.ReportAllocs()
			for b.Loop() {
				if enc, err = e.Encode(rows); err != nil {
					b.Fatal(err)
				}
			}
			b.ReportMetric(float64(enc.Bytes+enc.MetadataBytes)/float64(len(enc.Data)+len(enc.Prune)), "ratio")
		})
	}
}

// How fast does a query read the columns of a block, its opening included?
func BenchmarkDecode(b *testing.B) {
	for _, bc := range []struct {
		name    string
		cols    scan.Columns
		filters []scan.LineFilter
	}{
		{"timestamps", 0, nil},
		{"sizes", scan.Sizes, nil},
		{"lines", scan.Lines, nil},
		{"metadata", scan.Metadata, nil},
		{"count", 0, []scan.LineFilter{{Op: scan.Contains, Text: "level=error"}}},
		{"absent", 0, []scan.LineFilter{{Op: scan.Contains, Text: "no such thing"}}},
		{"absent byte", 0, []scan.LineFilter{{Op: scan.Contains, Text: "~"}}},
	} {
		b.Run(bc.name, func(b *testing.B) {
			enc, err := new(Encoder).Encode(benchRows(b, true))
			if err != nil {
				b.Fatal(err)
			}
			q := all(enc.Runs)
			q.Columns, q.Filters = bc.cols, NewFilters(bc.filters)
			b.SetBytes(enc.Bytes)
			b.ReportAllocs()
			for b.Loop() {
				blk, err := Open(enc.Prune)
				if err != nil {
					b.Fatal(err)
				}
				if _, err := blk.Decode(Bytes(enc.Data), enc.Runs, q); err != nil {
					b.Fatal(err)
				}
			}
			b.ReportMetric(float64(enc.Rows)*float64(b.N)/b.Elapsed().Seconds()/1e6, "Mrows/s")
		})
	}
}
