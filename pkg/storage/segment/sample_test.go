package segment_test

import (
	"bytes"
	"encoding/binary"
	"errors"
	"flag"
	"fmt"
	"math/rand/v2"
	"os"
	"testing"

	"github.com/prometheus/prometheus/model/labels"

	"github.com/skaldlogs/skald/pkg/encbuf"
	"github.com/skaldlogs/skald/pkg/model"
	"github.com/skaldlogs/skald/pkg/scan"
	"github.com/skaldlogs/skald/pkg/storage/block"
	"github.com/skaldlogs/skald/pkg/storage/segment"
)

var rewrite = flag.Bool("rewrite", false, "write the samples of the current version again")

// sampleRows are the rows of the sample, one slice for each block.
func sampleRows() [][]block.Row {
	base := int64(1_777_629_600_000_000_000) // 2026-05-01T10:00:00Z
	blocks := make([][]block.Row, 2)
	for n := range blocks {
		for i := range 6 {
			r := block.Row{
				Stream:    uint32(i % 3),
				Timestamp: base + int64(6*n+i)*1_500_000_000,
				Line:      fmt.Sprintf("level=%s msg=\"request %d served\"", []string{"info", "error"}[i%2], 6*n+i),
			}
			if i != 4 {
				r.Metadata = model.Metadata{{Name: "detected_level", Value: []string{"info", "error"}[i%2]}}
			}
			blocks[n] = append(blocks[n], r)
		}
	}
	blocks[1][5].Line = "bytes \x00 \xff and\na second line"
	return blocks
}

func writeSample(t *testing.T) []byte {
	var out bytes.Buffer
	w := segment.NewWriter(&out, id, "acme", func(ref uint32) labels.Labels { return streams[ref] })
	for n, rows := range sampleRows() {
		e, err := new(block.Encoder).Encode(rows)
		if err != nil {
			t.Fatal(err)
		}
		if err := w.Add(segment.Block{Encoded: e, Order: scan.Order{Generation: 3, Place: uint32(n)}, Group: "api"}); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := w.Finish([]scan.Generation{{Ingester: "ingester-0", ID: 3}}); err != nil {
		t.Fatal(err)
	}
	return out.Bytes()
}

// Segments of every version ever written can be read.
func TestSampleVersion1(t *testing.T) {
	const name = "testdata/version1.segment"
	if *rewrite {
		if err := os.WriteFile(name, writeSample(t), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	data, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	r := open(t, data)
	if damages, err := r.Verify(t.Context()); err != nil || len(damages) > 0 {
		t.Fatalf("%v, %v", damages, err)
	}
	var want []string
	for _, rows := range sampleRows() {
		for _, row := range rows {
			want = append(want, render(streams[row.Stream], row.Timestamp, row.Line, row.Metadata))
		}
	}
	got := answer(t, r, &scan.Request{Tenant: "acme", Interval: model.Ever}, model.Ever)
	if want := rendered(want); got != want {
		t.Errorf("the sample holds\n%s\nwant\n%s", got, want)
	}
}

// Whatever the index says under a good checksum, reading ends in an error or in rows.
func FuzzOpen(f *testing.F) {
	for seed := range uint64(3) {
		w := write(f, rand.New(rand.NewPCG(seed, 8)), 1+int(seed))
		r := open(f, w.data)
		off := r.Blocks()[0].PruneOffset
		f.Add(w.data[:off], w.data[off:], indexOf(f, w.data))
	}
	f.Fuzz(func(t *testing.T, data, prune, index []byte) {
		object := append(bytes.Clone(data), prune...)
		object = appendForged(object, index)
		r, err := segment.Open(t.Context(), memory(object), int64(len(object)), 0)
		if err != nil {
			if !errors.Is(err, scan.ErrDamaged) && !errors.Is(err, segment.ErrUnsupported) {
				t.Fatalf("error is not one of damage: %v", err)
			}
			return
		}
		if _, err := r.Verify(t.Context()); err != nil {
			t.Fatal(err)
		}
		snap, err := r.Open(t.Context(), &scan.Request{Tenant: r.Summary().Tenant, Interval: model.Ever})
		if err != nil {
			t.Fatal(err)
		}
		for i := range snap.Directory().Blocks {
			if _, err := snap.Read(t.Context(), i, scan.Want{Interval: model.Ever}); err != nil && !errors.Is(err, scan.ErrDamaged) && !errors.Is(err, block.ErrUnsupported) {
				t.Fatalf("error is not one of damage: %v", err)
			}
		}
		r.LabelNames(nil, model.Interval{})
	})
}

// The trailer: offset and length of the index, checksum, two versions, magic.
const trailerLen = 24

// indexOf returns the index of a segment, decompressed.
func indexOf(t testing.TB, data []byte) []byte {
	t.Helper()
	raw, err := segment.RawIndex(data)
	if err != nil {
		t.Fatal(err)
	}
	return raw
}

// appendForged appends an index and a trailer with all checksums right.
func appendForged(object, index []byte) []byte {
	stored, err := segment.CompressIndex(index)
	if err != nil {
		return object
	}
	off := len(object)
	object = append(object, stored...)
	trailer := make([]byte, trailerLen)
	binary.LittleEndian.PutUint64(trailer, uint64(off))
	binary.LittleEndian.PutUint32(trailer[8:], uint32(len(stored)))
	binary.LittleEndian.PutUint16(trailer[16:], 1)
	binary.LittleEndian.PutUint16(trailer[18:], 1)
	copy(trailer[20:], "SKSG")
	crc := encbuf.Checksum(stored)
	crc = encbuf.UpdateChecksum(crc, trailer[:12])
	crc = encbuf.UpdateChecksum(crc, trailer[16:])
	binary.LittleEndian.PutUint32(trailer[12:], crc)
	return append(object, trailer...)
}
