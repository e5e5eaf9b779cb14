package storage_test

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/prometheus/prometheus/model/labels"

	"github.com/skaldlogs/skald/pkg/model"
	"github.com/skaldlogs/skald/pkg/objstore"
	"github.com/skaldlogs/skald/pkg/scan"
	"github.com/skaldlogs/skald/pkg/storage"
	"github.com/skaldlogs/skald/pkg/storage/block"
	"github.com/skaldlogs/skald/pkg/storage/catalog"
	"github.com/skaldlogs/skald/pkg/storage/segment"
	"github.com/skaldlogs/skald/pkg/vfs"
)

// A row is what a test puts and expects back.
type row struct {
	labels labels.Labels
	ts     int64
	line   string
	meta   model.Metadata
}

func (r row) String() string {
	return fmt.Sprintf("%s %d %q %v", r.labels, r.ts, r.line, r.meta)
}

// rendered is rows as text, whatever order they came in.
func rendered(rows []row) string {
	texts := make([]string, len(rows))
	for i, r := range rows {
		texts[i] = r.String()
	}
	slices.Sort(texts)
	return strings.Join(texts, "\n")
}

// testStreams are the streams that rows belong to, by number.
var testStreams = func() (out []labels.Labels) {
	for i := range 12 {
		out = append(out, labels.FromStrings("app", fmt.Sprint("app-", i%3), "env", []string{"prod", "dev"}[i%2], "pod", fmt.Sprint("pod-", i)))
	}
	return out
}()

// someRows makes n rows of several streams, each with a line of its own.
func someRows(rnd *rand.Rand, n int, mint int64) []row {
	rows := make([]row, n)
	for i := range rows {
		rows[i] = row{
			labels: testStreams[rnd.IntN(len(testStreams))],
			ts:     mint + rnd.Int64N(1000),
			line:   fmt.Sprintf("level=%s id=%016x", []string{"info", "error"}[rnd.IntN(2)], rnd.Uint64()),
		}
		if rnd.IntN(3) == 0 {
			rows[i].meta = model.Metadata{{Name: "trace", Value: fmt.Sprint(rnd.IntN(10))}}
		}
	}
	return rows
}

func open(t testing.TB, bucket objstore.Bucket, o storage.Options) *storage.Store {
	t.Helper()
	c, err := catalog.Open(t.Context(), bucket, catalog.Options{})
	if err != nil {
		t.Fatal(err)
	}
	return storage.New(bucket, c, o)
}

func openFolder(t testing.TB, fs vfs.FS) *objstore.Folder {
	t.Helper()
	f, err := objstore.OpenFolder(fs, "bucket")
	if err != nil {
		t.Fatal(err)
	}
	return f
}

// newSegment describes the segment of a generation of the test's one ingester.
func newSegment(tenant string, generation uint64) storage.NewSegment {
	return storage.NewSegment{
		Tenant: tenant, Sources: []scan.Generation{{Ingester: "i", ID: generation}},
		Labels: func(ref uint32) labels.Labels { return testStreams[ref] },
	}
}

// adding builds a segment of rows, in blocks of at most perBlock rows.
func adding(generation uint64, rows []row, perBlock int) func(*segment.Writer) error {
	return func(w *segment.Writer) error {
		var enc block.Encoder
		place := uint32(0)
		for some := range slices.Chunk(rows, perBlock) {
			in := make([]block.Row, len(some))
			for i, r := range some {
				in[i] = block.Row{Stream: number(r.labels), Timestamp: r.ts, Line: r.line, Metadata: r.meta}
			}
			e, err := enc.Encode(in)
			if err != nil {
				return err
			}
			if err := w.Add(segment.Block{Encoded: e, Order: scan.Order{Generation: generation, Place: place}, Group: "g"}); err != nil {
				return err
			}
			place++
		}
		return nil
	}
}

func number(l labels.Labels) uint32 {
	return uint32(slices.IndexFunc(testStreams, func(s labels.Labels) bool { return labels.Equal(s, l) }))
}

func put(t testing.TB, s *storage.Store, tenant string, generation uint64, rows []row) *catalog.Entry {
	t.Helper()
	e, err := s.Put(t.Context(), newSegment(tenant, generation), adding(generation, rows, 100))
	if err != nil {
		t.Fatal(err)
	}
	return e
}

// everything of a tenant.
func everything(tenant string) *scan.Request {
	return &scan.Request{Tenant: tenant, Interval: model.Ever}
}

// allOf a block.
var allOf = scan.Want{Columns: scan.Lines | scan.Metadata | scan.Sizes, Interval: model.Ever}

// answer reads all rows that a snapshot has for its request. Blocks that cannot
// be read are in errs.
func answer(t testing.TB, snap scan.Snapshot) (rows []row, errs []error) {
	t.Helper()
	dir := snap.Directory()
	for i := range dir.Blocks {
		b, err := snap.Read(t.Context(), i, allOf)
		if err != nil {
			errs = append(errs, err)
			continue
		}
		for _, run := range b.Runs {
			for n := run.Start; n < run.End; n++ {
				if b.Selected != nil && !b.Selected.Get(n) {
					continue
				}
				r := row{labels: dir.Streams[run.Stream].Labels, ts: b.Timestamps[n], line: b.Lines[n]}
				if b.Metadata != nil && len(b.Metadata[n]) > 0 {
					r.meta = b.Metadata[n]
				}
				if int(b.Sizes[n]) != len(r.line) {
					t.Errorf("size of %s is %d", r, b.Sizes[n])
				}
				rows = append(rows, r)
			}
		}
	}
	return rows, errs
}

// wantAnswer asks and compares.
func wantAnswer(t testing.TB, s *storage.Store, req *scan.Request, exclude []scan.Generation, want []row) {
	t.Helper()
	snap, err := s.Open(t.Context(), req, exclude)
	if err != nil {
		t.Fatal(err)
	}
	defer snap.Close()
	if w := snap.Directory().Warnings; len(w) > 0 {
		t.Errorf("warnings: %v", w)
	}
	got, errs := answer(t, snap)
	if len(errs) > 0 {
		t.Errorf("reads: %v", errs)
	}
	if g, w := rendered(got), rendered(want); g != w {
		t.Errorf("%d rows, want %d\ngot:\n%.500s\nwant:\n%.500s", len(got), len(want), g, w)
	}
}
