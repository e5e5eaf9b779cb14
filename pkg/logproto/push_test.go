package logproto

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"math"
	"strings"
	"testing"

	"github.com/bufbuild/protocompile"
	"github.com/prometheus/prometheus/model/labels"
	"google.golang.org/protobuf/encoding/protowire"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/types/dynamicpb"
	"pgregory.net/rapid"

	"github.com/skaldlogs/skald/pkg/model"
	"github.com/skaldlogs/skald/pkg/seeds"
)

// batches draws batches that a push can carry as they are: text is UTF-8,
// since the schema's strings are.
func batches() *rapid.Generator[*model.Batch] {
	pairs := rapid.SliceOfN(rapid.Custom(func(t *rapid.T) labels.Label {
		return labels.Label{Name: rapid.String().Draw(t, "name"), Value: rapid.String().Draw(t, "value")}
	}), 0, 3)
	entries := rapid.SliceOfN(rapid.Custom(func(t *rapid.T) model.Entry {
		e := model.Entry{
			Timestamp: rapid.Int64Range(math.MinInt64/4*3, math.MaxInt64/4*3).Draw(t, "ts"),
			Line:      rapid.String().Draw(t, "line"),
		}
		if md := pairs.Draw(t, "metadata"); len(md) > 0 {
			e.Metadata = md
		}
		return e
	}), 0, 5)
	return rapid.Custom(func(t *rapid.T) *model.Batch {
		b := &model.Batch{}
		for range rapid.IntRange(0, 4).Draw(t, "streams") {
			b.Streams = append(b.Streams, model.Stream{
				Labels:  rapid.String().Draw(t, "labels"),
				Hash:    rapid.Uint64().Draw(t, "hash"),
				Entries: entries.Draw(t, "entries"),
			})
		}
		return b
	})
}

// batchText writes all of a batch, for comparison and for reading.
func batchText(b *model.Batch) string {
	var w strings.Builder
	for _, s := range b.Streams {
		fmt.Fprintf(&w, "%q %x\n", s.Labels, s.Hash)
		for _, e := range s.Entries {
			fmt.Fprintf(&w, "  %d %q", e.Timestamp, e.Line)
			for _, l := range e.Metadata {
				fmt.Fprintf(&w, " %q=%q", l.Name, l.Value)
			}
			w.WriteByte('\n')
		}
	}
	return w.String()
}

func TestPushRoundTrip(t *testing.T) {
	d := PushDecoder{TrustHash: true}
	var got model.Batch
	seeds.Check(t, func(t *rapid.T) {
		b := batches().Draw(t, "batch")
		wire := AppendPush([]byte("before"), b)[len("before"):]
		if size := PushSize(b); size != len(wire) {
			t.Fatalf("size %d, and %d bytes were written", size, len(wire))
		}
		if err := d.Decode(wire, &got); err != nil {
			t.Fatal(err)
		}
		if g, w := batchText(&got), batchText(b); g != w {
			t.Fatalf("decoded\n%swant\n%s", g, w)
		}
	})
}

// schema compiles push.proto as it stands in the source.
func schema(t testing.TB) protoreflect.MessageDescriptor {
	c := protocompile.Compiler{Resolver: protocompile.WithStandardImports(&protocompile.SourceResolver{})}
	files, err := c.Compile(context.Background(), "push.proto")
	if err != nil {
		t.Fatal(err)
	}
	return files[0].Messages().ByName("PushRequest")
}

func get(m protoreflect.Message, name protoreflect.Name) protoreflect.Value {
	return m.Get(m.Descriptor().Fields().ByName(name))
}

// fromSchema reads a batch out of a message that knows its schema only at run time.
func fromSchema(m protoreflect.Message) *model.Batch {
	b := &model.Batch{}
	streams := get(m, "streams").List()
	for i := range streams.Len() {
		sm := streams.Get(i).Message()
		s := model.Stream{Labels: get(sm, "labels").String(), Hash: get(sm, "hash").Uint()}
		entries := get(sm, "entries").List()
		for j := range entries.Len() {
			em := entries.Get(j).Message()
			ts := get(em, "timestamp").Message()
			e := model.Entry{Timestamp: get(ts, "seconds").Int()*1e9 + get(ts, "nanos").Int(), Line: get(em, "line").String()}
			pairs := get(em, "structuredMetadata").List()
			for k := range pairs.Len() {
				pm := pairs.Get(k).Message()
				e.Metadata = append(e.Metadata, labels.Label{Name: get(pm, "name").String(), Value: get(pm, "value").String()})
			}
			s.Entries = append(s.Entries, e)
		}
		b.Streams = append(b.Streams, s)
	}
	return b
}

// The codec by hand and one made from push.proto agree, both ways.
func TestPushIsItsSchema(t *testing.T) {
	desc := schema(t)
	d := PushDecoder{TrustHash: true}
	seeds.Check(t, func(t *rapid.T) {
		b := batches().Draw(t, "batch")
		wire := AppendPush(nil, b)
		m := dynamicpb.NewMessage(desc)
		if err := proto.Unmarshal(wire, m); err != nil {
			t.Fatal(err)
		}
		if g, w := batchText(fromSchema(m)), batchText(b); g != w {
			t.Fatalf("the schema reads\n%swant\n%s", g, w)
		}

		// The other way, with fields that a push has no use for.
		set := func(m protoreflect.Message, name protoreflect.Name, v any) {
			m.Set(m.Descriptor().Fields().ByName(name), protoreflect.ValueOf(v))
		}
		set(m, "format", "otlp")
		m.SetUnknown(protowire.AppendVarint(protowire.AppendTag(nil, 99, protowire.VarintType), 7))
		if streams := get(m, "streams").List(); streams.Len() > 0 {
			if entries := get(streams.Get(0).Message(), "entries").List(); entries.Len() > 0 {
				entries.Get(0).Message().SetUnknown(protowire.AppendBytes(protowire.AppendTag(nil, 4, protowire.BytesType), []byte("\n\x01a")))
			}
		}
		wire, err := proto.MarshalOptions{Deterministic: true}.Marshal(m)
		if err != nil {
			t.Fatal(err)
		}
		var got model.Batch
		if err := d.Decode(wire, &got); err != nil {
			t.Fatal(err)
		}
		if g, w := batchText(&got), batchText(b); g != w {
			t.Fatalf("decoded\n%swant\n%s", g, w)
		}
	})
}

func TestDecodeLeavesHashesOfClients(t *testing.T) {
	b := model.Batch{Streams: []model.Stream{{Labels: `{a="b"}`, Hash: 7}}}
	var got model.Batch
	if err := new(PushDecoder).Decode(AppendPush(nil, &b), &got); err != nil || got.Streams[0].Hash != 0 {
		t.Errorf("hash %d, %v, want 0", got.Streams[0].Hash, err)
	}
}

func TestDecodeRefuses(t *testing.T) {
	entry := func(body string) string {
		stream := "\x12" + string(protowire.AppendBytes(nil, []byte(body)))
		return "\x0a" + string(protowire.AppendBytes(nil, []byte(stream)))
	}
	for _, tc := range []struct{ name, wire, want string }{
		{"tag cut short", "\x80", "protobuf: a number is cut short or too long at offset 0"},
		{"field 0", "\x00\x01", "protobuf: field number 0 at offset 0"},
		{"2 GB length prefix", "\x0a\x80\x80\x80\x80\x08", "protobuf: a length of 2147483648 where 0 bytes are left at offset 1"},
		{"length past its stream", "\x0a\x03\x0a\x09x", "protobuf: a length of 9 where 1 bytes are left at offset 3"},
		{"length of 2^63", "\x0a\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01", "protobuf: a length of 18446744073709551615 where 0 bytes are left at offset 1"},
		{"unknown wire type", "\x0f", "protobuf: field 1 of wire type 7 does not end at offset 1"},
		{"streams that are a number", "\x08\x05", "protobuf: field 1 has wire type 0 at offset 1"},
		{"entries that are a group", "\x0a\x02\x13\x14", "protobuf: field 2 has wire type 3 at offset 3"},
		{"line that is a number", entry("\x10\x05"), "protobuf: field 2 has wire type 0 at offset 5"},
		{"metadata name that is a number", entry("\x1a\x02\x08\x05"), "protobuf: field 1 has wire type 0 at offset 7"},
		{"seconds that are text", entry("\x0a\x02\x0a\x00"), "protobuf: field 1 has wire type 2 at offset 7"},
		{"group that does not end", "\x2b\x08\x01", "protobuf: field 5 of wire type 3 does not end at offset 1"},
		{"nanoseconds below zero", entry("\x0a\x0b\x10\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01"), "protobuf: timestamp of 0 s and -1 ns is out of range at offset 4"},
		{"a second of nanoseconds", entry("\x0a\x06\x10\x80\x94\xeb\xdc\x03"), "protobuf: timestamp of 0 s and 1000000000 ns is out of range at offset 4"},
		{"the year 2400", entry("\x0a\x06\x08\x80\xe6\xe6\x8f\x32"), "protobuf: timestamp of 13454914304 s and 0 ns is out of range at offset 4"},
		{"bare text", "hello", "protobuf: field 13 of wire type 4 does not end at offset 3"},
		{"streams without end", strings.Repeat("\x0a\x00", 4000), "protobuf: too many streams for a push of 8000 bytes at offset 4130"},
		{"entries without end", "\x0a\x80\x40" + strings.Repeat("\x12\x00", 4096), ""},
		{"metadata without end", entry(strings.Repeat("\x1a\x00", 4096)), ""},
	} {
		var (
			d   PushDecoder
			got model.Batch
		)
		err := d.Decode([]byte(tc.wire), &got)
		if !errors.Is(err, ErrMalformed) || tc.want != "" && err.Error() != tc.want {
			t.Errorf("%s: %v, want %s", tc.name, err, tc.want)
		}
		if len(got.Streams) != 0 {
			t.Errorf("%s: %d streams beside the error", tc.name, len(got.Streams))
		}
	}
}

// A timestamp that is sent in two pieces is one: protobuf merges messages.
func TestDecodeMergesTimestamps(t *testing.T) {
	wire := []byte("\x0a\x0a\x12\x08\x0a\x02\x08\x05\x0a\x02\x10\x07")
	var got model.Batch
	if err := new(PushDecoder).Decode(wire, &got); err != nil || got.Streams[0].Entries[0].Timestamp != 5e9+7 {
		t.Errorf("%v, %v, want 5 s and 7 ns", got, err)
	}
}

func TestDecodeKeepsBytesThatAreNoText(t *testing.T) {
	b := model.Batch{Streams: []model.Stream{{Labels: `{a="b"}`, Entries: []model.Entry{{Line: "a\xff\x00b"}}}}}
	var got model.Batch
	if err := new(PushDecoder).Decode(AppendPush(nil, &b), &got); err != nil || got.Streams[0].Entries[0].Line != "a\xff\x00b" {
		t.Errorf("%q, %v", got.Streams[0].Entries[0].Line, err)
	}
}

// benchPush is about 1 MB of lines in a few streams, some with metadata.
func benchPush() (*model.Batch, []byte) {
	b := &model.Batch{}
	for s := range 8 {
		stream := model.Stream{Labels: fmt.Sprintf(`{app="api", env="prod", pod="api-%d"}`, s)}
		for i := range 800 {
			e := model.Entry{
				Timestamp: 1718000000000000000 + int64(i)*1e6 + int64(s),
				Line:      fmt.Sprintf(`ts=2024-06-10T07:06:%02d.%06dZ caller=handler.go:123 level=info component=api msg="request served" method=GET path=/api/v1/items/%d status=200 duration=%d.3ms`, i%60, i, i*7, i%90),
			}
			if i%4 == 0 {
				e.Metadata = model.Metadata{{Name: "trace_id", Value: fmt.Sprintf("%032x", i)}}
			}
			stream.Entries = append(stream.Entries, e)
		}
		b.Streams = append(b.Streams, stream)
	}
	return b, AppendPush(nil, b)
}

func TestDecodeDoesNotAllocate(t *testing.T) {
	_, wire := benchPush()
	var (
		d PushDecoder
		b model.Batch
	)
	if n := testing.AllocsPerRun(10, func() { _ = d.Decode(wire, &b) }); n != 0 {
		t.Errorf("%v allocations a push", n)
	}
}

func FuzzDecode(f *testing.F) {
	_, wire := benchPush()
	f.Add(wire[:2000])
	f.Add(AppendPush(nil, &model.Batch{Streams: []model.Stream{{Labels: `{a="b"}`, Hash: 3, Entries: []model.Entry{
		{Timestamp: -1, Line: "x", Metadata: model.Metadata{{Name: "n", Value: "v"}, {}}}, {},
	}}}}))
	f.Add([]byte("\x0a\x0a\x12\x08\x0a\x02\x08\x05\x0a\x02\x10\x07"))
	f.Add([]byte("\x0a\x80\x80\x80\x80\x08"))
	desc := schema(f)
	f.Fuzz(func(t *testing.T, wire []byte) {
		d := PushDecoder{TrustHash: true}
		var got model.Batch
		m := dynamicpb.NewMessage(desc)
		schemaErr := proto.Unmarshal(wire, m)
		if err := d.Decode(wire, &got); err != nil {
			if !errors.Is(err, ErrMalformed) {
				t.Errorf("%v is not ErrMalformed", err)
			}
			return
		}
		// What we take and the schema refuses is text that is not UTF-8.
		if schemaErr == nil && batchText(&got) != batchText(fromSchema(m)) {
			t.Errorf("decoded\n%sthe schema reads\n%s", batchText(&got), batchText(fromSchema(m)))
		}
		again := AppendPush(nil, &got)
		var twice model.Batch
		if err := new(PushDecoder).Decode(again, &twice); err != nil {
			t.Fatalf("what was encoded does not decode: %v", err)
		}
		if twice.Entries() != got.Entries() || twice.Bytes() != got.Bytes() {
			t.Errorf("%d entries of %d bytes became %d of %d", got.Entries(), got.Bytes(), twice.Entries(), twice.Bytes())
		}
	})
}

// How fast does a push become a batch, in MB of lines?
func BenchmarkDecode(b *testing.B) {
	batch, wire := benchPush()
	var (
		d   PushDecoder
		got model.Batch
	)
	b.SetBytes(int64(batch.Bytes()))
	b.ReportAllocs()
	for b.Loop() {
		if err := d.Decode(wire, &got); err != nil {
			b.Fatal(err)
		}
	}
}

// And back?
func BenchmarkAppendPush(b *testing.B) {
	batch, wire := benchPush()
	b.SetBytes(int64(batch.Bytes()))
	b.ReportAllocs()
	for b.Loop() {
		wire = AppendPush(wire[:0], batch)
	}
	if !bytes.Contains(wire, []byte("request served")) {
		b.Fatal("nothing was written")
	}
}
