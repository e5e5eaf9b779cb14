package block

import (
	"path/filepath"
	"strings"
	"testing"

	"github.com/skaldlogs/skald/pkg/scan"
)

// eachCorpus runs fn on a full block of each family, and on one of the lines of
// each file in SKALD_TEST_DATA that is larger than half a megabyte.
func eachCorpus(b *testing.B, fn func(b *testing.B, rows []Row)) {
	for i, f := range families {
		b.Run(f.name, func(b *testing.B) { fn(b, familyRows(i, 1, TargetBytes-1000)) })
	}
	b.Run("files", func(b *testing.B) {
		for _, name := range dataFiles(b) {
			rows, err := fileRows(name, TargetBytes)
			if err != nil {
				b.Fatal(err)
			}
			if len(rows) > 5000 || strings.HasPrefix(filepath.Base(name), "nginxplus") {
				b.Run(filepath.Base(name), func(b *testing.B) { fn(b, rows) })
			}
		}
	})
}

// How fast are lines turned into columns, and how small are they?
func BenchmarkEncodeLines(b *testing.B) {
	eachCorpus(b, func(b *testing.B, rows []Row) {
		plain, err := (&Encoder{plain: true}).Encode(rows)
		if err != nil {
			b.Fatal(err)
		}
		var e Encoder
		enc, err := e.Encode(rows)
		if err != nil {
			b.Fatal(err)
		}
		perCPU(b, enc.Bytes, func() {
			if enc, err = e.Encode(rows); err != nil {
				b.Fatal(err)
			}
		})
		b.ReportMetric(float64(enc.Bytes)/float64(len(enc.Data)+len(enc.Prune)), "ratio")
		b.ReportMetric(float64(enc.Bytes)/float64(len(plain.Data)+len(plain.Prune)), "plain-ratio")
		b.ReportMetric(float64(len(enc.Prune)), "prune-B")
	})
}

// How fast are questions about lines answered, the opening included?
func BenchmarkDecodeLines(b *testing.B) {
	contains := func(s string) []scan.LineFilter { return []scan.LineFilter{{Op: scan.Contains, Text: s}} }
	for _, bc := range []struct {
		name    string
		cols    scan.Columns
		filters []scan.LineFilter
	}{
		{"open", 0, nil},
		{"sizes", scan.Sizes, nil},
		{"lines", scan.Lines, nil},
		{"absent-id", scan.Lines, contains("deadbeefdeadbeef0123456789abcdef")},
		{"absent-word", scan.Lines, contains("xylophone")},
		{"error", 0, contains("error")},
		{"present", scan.Lines, nil},
	} {
		b.Run(bc.name, func(b *testing.B) {
			eachCorpus(b, func(b *testing.B, rows []Row) {
				enc, err := new(Encoder).Encode(rows)
				if err != nil {
					b.Fatal(err)
				}
				q := all(enc.Runs)
				q.Columns, q.Filters = bc.cols, NewFilters(bc.filters)
				if bc.name == "present" {
					line := rows[len(rows)/2].Line
					q.Filters = NewFilters(contains(line[len(line)/2:]))
				}
				perCPU(b, enc.Bytes, func() {
					blk, err := Open(enc.Prune)
					if err != nil {
						b.Fatal(err)
					}
					if _, err := blk.Decode(Bytes(enc.Data), enc.Runs, q); err != nil {
						b.Fatal(err)
					}
				})
			})
		})
	}
}
