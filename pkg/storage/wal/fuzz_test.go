package wal

import (
	"bytes"
	"errors"
	"io"
	"reflect"
	"testing"

	"github.com/prometheus/prometheus/model/labels"

	"github.com/skaldlogs/skald/pkg/model"
)

func sampleBatch() *model.Batch {
	return &model.Batch{Tenant: "team-a", Streams: []model.Stream{
		{Labels: `{app="api"}`, Hash: 1, Entries: []model.Entry{
			{Timestamp: 100, Line: "GET /"},
			{Timestamp: 90, Line: "GET /late", Metadata: model.Metadata{labels.Label{Name: "trace", Value: "1f"}, labels.Label{Name: "trace", Value: "20"}}},
		}},
		{Labels: `{app="web"}`, Hash: 2, Entries: []model.Entry{{Timestamp: -5, Line: string(bytes.Repeat([]byte("long "), 200))}}},
	}}
}

func sampleFile(end bool) []byte {
	var buf bytes.Buffer
	f := framer{w: &buf, seed: frameSeed(1, 1), buf: appendFileHeader(nil, 1, 1), off: fileHeader}
	var e encoder
	record, err := e.batch(sampleBatch(), maxRecord)
	if err != nil {
		panic(err)
	}
	f.record(record)
	record, err = e.streams("team-a", []StreamState{{Labels: `{app="api"}`, Hash: 1, Newest: 100, LastSeen: 200}}, maxRecord)
	if err != nil {
		panic(err)
	}
	f.record(record)
	f.record(bytes.Repeat([]byte{1, 0, 1, 'x'}, 20_000))
	if end {
		f.end()
	}
	if err := f.flush(); err != nil {
		panic(err)
	}
	return buf.Bytes()
}

// FuzzReader reads any file: it must not panic, must come to the end, and account
// for each byte once: damage in order, without overlap, within the file.
func FuzzReader(f *testing.F) {
	f.Add(sampleFile(true))
	f.Add(sampleFile(false)[:100])
	f.Add([]byte(magic))
	f.Fuzz(func(t *testing.T, file []byte) {
		var r recordReader
		r.limit = 1 << 16
		var at int64
		damage := func(d Damage) {
			if d.Offset < at || d.Length < 0 || d.Offset+d.Length > int64(len(file)) {
				t.Fatalf("damage %v after offset %d, in a file of %d", d, at, len(file))
			}
			at = d.Offset + d.Length
		}
		if err := r.open(bytes.NewReader(file), "f", 1, 1, damage); err != nil {
			return
		}
		for {
			record, off, err := r.next()
			if errors.Is(err, io.EOF) {
				break
			}
			if err != nil {
				t.Fatal(err)
			}
			if off < at || len(record) > 1<<16 {
				t.Fatalf("record of %d bytes at offset %d, after %d", len(record), off, at)
			}
			at = off + frameHeader
		}
		if r.torn >= 0 && r.torn < at || r.end > int64(len(file)) {
			t.Fatalf("torn tail at %d after offset %d, end %d of %d", r.torn, at, r.end, len(file))
		}
	})
}

// FuzzRecord decodes any record: it must not panic, must use memory in proportion,
// and what it makes sense of has to encode to a record with the same sense.
func FuzzRecord(f *testing.F) {
	var e encoder
	for _, b := range []*model.Batch{sampleBatch(), {}} {
		record, err := e.batch(b, maxRecord)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(bytes.Clone(record))
		f.Add(bytes.Clone(e.plain))
	}
	record, err := e.streams("team-a", []StreamState{{Labels: "{}", Hash: 1, Newest: -1, LastSeen: 2}}, maxRecord)
	if err != nil {
		f.Fatal(err)
	}
	f.Add(bytes.Clone(record))
	f.Fuzz(func(t *testing.T, record []byte) {
		const limit = 1 << 20
		d := decoder{limit: limit}
		if d.record(record) != nil {
			return
		}
		if d.kind == streamsRecord {
			states, err := d.streams()
			if err != nil {
				return
			}
			again := reencode(t, func(e *encoder) ([]byte, error) { return e.streams(d.tenant, states, 8*limit) })
			if got, err := again.streams(); err != nil || len(got)+len(states) > 0 && !reflect.DeepEqual(got, states) {
				t.Fatalf("streams %v became %v, %v", states, got, err)
			}
			return
		}
		var b, c model.Batch
		if err := d.batch(&b); err != nil {
			if !errors.Is(err, ErrCorrupt) {
				t.Fatalf("error %v does not say that the record is corrupt", err)
			}
			return
		}
		again := reencode(t, func(e *encoder) ([]byte, error) { return e.batch(&b, 8*limit) })
		if err := again.batch(&c); err != nil || b.Entries() != c.Entries() || len(b.Streams)+len(c.Streams) > 0 && !reflect.DeepEqual(b, c) {
			t.Fatalf("batch %+v became %+v, %v", b, c, err)
		}
	})
}

func reencode(t *testing.T, encode func(*encoder) ([]byte, error)) *decoder {
	t.Helper()
	record, err := encode(new(encoder))
	if err != nil {
		t.Fatal(err)
	}
	d := &decoder{limit: maxRecord}
	if err := d.record(record); err != nil {
		t.Fatal(err)
	}
	return d
}
