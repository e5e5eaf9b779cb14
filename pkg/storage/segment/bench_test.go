package segment_test

import (
	"bytes"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/prometheus/prometheus/model/labels"

	"github.com/skaldlogs/skald/pkg/scan"
	"github.com/skaldlogs/skald/pkg/storage/block"
	"github.com/skaldlogs/skald/pkg/storage/segment"
)

// How large are the parts of a segment of real lines? In % of the segment: what
// prunes blocks, of which the filters, and the index. SKALD_TEST_DATA names a
// folder of log files, of which each is a stream.
func BenchmarkParts(b *testing.B) {
	dir := os.Getenv("SKALD_TEST_DATA")
	if dir == "" {
		b.Skip("SKALD_TEST_DATA names no folder of log files")
	}
	var files []string
	err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err == nil && !d.IsDir() && strings.HasSuffix(path, "log") {
			files = append(files, path)
		}
		return err
	})
	if err != nil {
		b.Fatal(err)
	}
	for b.Loop() {
		var raw, filters, prunes int
		var out bytes.Buffer
		w := segment.NewWriter(&out, id, "t", func(ref uint32) labels.Labels {
			return labels.FromStrings("file", filepath.Base(files[ref]))
		})
		var enc block.Encoder
		for n, file := range files {
			text, err := os.ReadFile(file)
			if err != nil {
				b.Fatal(err)
			}
			var rows []block.Row
			for i, line := range strings.Split(string(text), "\n") {
				rows = append(rows, block.Row{Stream: uint32(n), Timestamp: int64(i), Line: line})
				raw += len(line)
			}
			for some := range slices.Chunk(rows, 30_000) {
				e, err := enc.Encode(some)
				if err != nil {
					b.Fatal(err)
				}
				opened, err := block.Open(e.Prune)
				if err != nil {
					b.Fatal(err)
				}
				filters += opened.FilterLen()
				prunes += len(e.Prune)
				if err := w.Add(segment.Block{Encoded: e, Order: scan.Order{Place: uint32(n)}, Group: file}); err != nil {
					b.Fatal(err)
				}
			}
		}
		s, err := w.Finish(nil)
		if err != nil {
			b.Fatal(err)
		}
		b.ReportMetric(float64(raw), "raw-B")
		b.ReportMetric(float64(s.Size), "segment-B")
		b.ReportMetric(float64(s.Blocks), "blocks")
		b.ReportMetric(100*float64(prunes)/float64(s.Size), "prune-%")
		b.ReportMetric(100*float64(filters)/float64(s.Size), "filters-%")
		b.ReportMetric(100*float64(s.IndexSize)/float64(s.Size), "index-%")
	}
}
