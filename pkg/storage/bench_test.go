package storage_test

import (
	"fmt"
	"testing"

	"github.com/prometheus/prometheus/model/labels"

	"github.com/skaldlogs/skald/pkg/model"
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

// What do labels and series cost over 100,000 streams in each of 8 segments,
// indexes cached?
func BenchmarkLabels(b *testing.B) {
	const segments, streams, blocks = 8, 100_000, 10
	s := open(b, &objstore.Memory{}, storage.Options{IndexCacheBytes: 1 << 30})
	lbls := make([]labels.Labels, streams)
	for i := range lbls {
		app := i % 500
		lbls[i] = labels.FromStrings("cluster", "eu-1", "namespace", fmt.Sprint("team-", app%40), "service_name", fmt.Sprint("service-", app), "container", "main", "pod", fmt.Sprintf("service-%d-%08x", app, i))
	}
	for generation := range uint64(segments) {
		n := newSegment("t", generation)
		n.Labels = func(ref uint32) labels.Labels { return lbls[ref] }
		if _, err := s.Put(b.Context(), n, func(w *segment.Writer) error {
			var enc block.Encoder
			for k := range blocks {
				rows := make([]block.Row, streams/blocks)
				for i := range rows {
					rows[i] = block.Row{Stream: uint32(k*len(rows) + i), Timestamp: int64(generation)*1000 + int64(i%1000), Line: "line"}
				}
				e, err := enc.Encode(rows)
				if err != nil {
					return err
				}
				if err := w.Add(segment.Block{Encoded: e, Order: scan.Order{Generation: generation, Place: uint32(k)}, Group: "g"}); err != nil {
					return err
				}
			}
			return nil
		}); err != nil {
			b.Fatal(err)
		}
	}
	all := everything("t")
	part := everything("t")
	part.Interval = model.Interval{Mint: 500, Maxt: 1000*segments - 500}
	some := everything("t")
	some.Matchers = []*labels.Matcher{labels.MustNewMatcher(labels.MatchRegexp, "service_name", "service-1|service-2|service-3|service-4|service-5")}
	partSome := everything("t")
	partSome.Matchers, partSome.Interval = some.Matchers, part.Interval
	for _, bc := range []struct {
		name string
		do   func() (int, error)
	}{
		{"names", func() (int, error) { v, _, err := s.LabelNames(b.Context(), all); return len(v), err }},
		{"names in part of the time", func() (int, error) { v, _, err := s.LabelNames(b.Context(), part); return len(v), err }},
		{"values of service_name", func() (int, error) { v, _, err := s.LabelValues(b.Context(), all, "service_name"); return len(v), err }},
		{"values of service_name in part of the time", func() (int, error) { v, _, err := s.LabelValues(b.Context(), part, "service_name"); return len(v), err }},
		{"values of pod of 1000 streams", func() (int, error) { v, _, err := s.LabelValues(b.Context(), some, "pod"); return len(v), err }},
		{"series of 1000 streams", func() (int, error) { v, _, err := s.Series(b.Context(), some); return len(v), err }},
		{"series of 1000 streams in part of the time", func() (int, error) { v, _, err := s.Series(b.Context(), partSome); return len(v), err }},
	} {
		b.Run(bc.name, func(b *testing.B) {
			b.ReportAllocs()
			n := 0
			for b.Loop() {
				var err error
				if n, err = bc.do(); err != nil {
					b.Fatal(err)
				}
			}
			b.ReportMetric(float64(n), "found")
		})
	}
	one := everything("t")
	one.Matchers = []*labels.Matcher{labels.MustNewMatcher(labels.MatchEqual, "pod", lbls[77].Get("pod"))}
	b.Run("open one stream", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			snap, err := s.Open(b.Context(), one, nil)
			if err != nil {
				b.Fatal(err)
			}
			if err := snap.Close(); err != nil {
				b.Fatal(err)
			}
		}
	})
}
