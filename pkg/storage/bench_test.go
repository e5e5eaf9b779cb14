package storage_test

import (
	"fmt"
	"testing"

	"github.com/prometheus/prometheus/model/labels"

	"github.com/skaldlogs/skald/pkg/objstore"
	"github.com/skaldlogs/skald/pkg/scan"
	"github.com/skaldlogs/skald/pkg/storage"
	"github.com/skaldlogs/skald/pkg/storage/block"
	"github.com/skaldlogs/skald/pkg/storage/segment"
	"github.com/skaldlogs/skald/pkg/vfs"
)

// What does a query pay before it reads its first row? 50 segments of 2,000
// streams each, indexes cached: for one stream, and for all.
func BenchmarkOpen(b *testing.B) {
	const segments, streams = 50, 2000
	s := open(b, &objstore.Memory{}, storage.Options{IndexCacheBytes: 1 << 30})
	lbls := make([]labels.Labels, streams)
	for i := range lbls {
		lbls[i] = labels.FromStrings("app", fmt.Sprint("app-", i%20), "namespace", fmt.Sprint("ns-", i%7), "pod", fmt.Sprint("pod-", i), "node", fmt.Sprint("node-", i%50))
	}
	for generation := range uint64(segments) {
		n := newSegment("t", generation)
		n.Labels = func(ref uint32) labels.Labels { return lbls[ref] }
		if _, err := s.Put(b.Context(), n, func(w *segment.Writer) error {
			var enc block.Encoder
			rows := make([]block.Row, streams)
			for i := range rows {
				rows[i] = block.Row{Stream: uint32(i), Timestamp: int64(generation)*1000 + int64(i%1000), Line: "line"}
			}
			e, err := enc.Encode(rows)
			if err != nil {
				return err
			}
			return w.Add(segment.Block{Encoded: e, Order: scan.Order{Generation: generation}, Group: "g"})
		}); err != nil {
			b.Fatal(err)
		}
	}
	one := everything("t")
	one.Matchers = []*labels.Matcher{labels.MustNewMatcher(labels.MatchEqual, "pod", "pod-7")}
	for name, req := range map[string]*scan.Request{"one stream": one, "all streams": everything("t")} {
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				snap, err := s.Open(b.Context(), req, nil)
				if err != nil {
					b.Fatal(err)
				}
				if err := snap.Close(); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

// How fast do blocks that are ready go to a folder? The rest of a flush is
// encoding.
func BenchmarkPut(b *testing.B) {
	f, err := objstore.OpenFolder(vfs.OS, b.TempDir())
	if err != nil {
		b.Fatal(err)
	}
	s := open(b, f, storage.Options{})
	const blocks = 64
	enc := block.Encoded{}
	rows := make([]block.Row, 10_000)
	for i := range rows {
		rows[i] = block.Row{Timestamp: int64(i), Line: fmt.Sprintf("%0100x", i*7919)}
	}
	if enc, err = new(block.Encoder).Encode(rows); err != nil {
		b.Fatal(err)
	}
	b.SetBytes(int64(blocks * len(enc.Data)))
	b.ReportAllocs()
	generation := uint64(0)
	for b.Loop() {
		generation++
		if _, err := s.Put(b.Context(), newSegment("t", generation), func(w *segment.Writer) error {
			for n := range blocks {
				if err := w.Add(segment.Block{Encoded: enc, Order: scan.Order{Place: uint32(n)}, Group: "g"}); err != nil {
					return err
				}
			}
			return nil
		}); err != nil {
			b.Fatal(err)
		}
	}
}
