package rpc

import (
	"errors"
	"math"
	"reflect"
	"testing"

	"github.com/prometheus/prometheus/model/labels"
	"google.golang.org/protobuf/proto"
	"pgregory.net/rapid"

	"github.com/skaldlogs/skald/pkg/extract"
	"github.com/skaldlogs/skald/pkg/logproto"
	"github.com/skaldlogs/skald/pkg/model"
	"github.com/skaldlogs/skald/pkg/scan"
	"github.com/skaldlogs/skald/pkg/seeds"
)

// travelled is what a message is at the other end of a wire.
func travelled[M proto.Message](t *rapid.T, m M) M {
	t.Helper()
	out, err := recode(m)
	if err != nil {
		t.Fatalf("encode %v: %v", m, err)
	}
	return out
}

func same(t *rapid.T, got, want any, err error) {
	t.Helper()
	if err != nil || !reflect.DeepEqual(got, want) {
		t.Fatalf("decoded %+v (%v)\nwant %+v", got, err, want)
	}
}

var (
	intervals = rapid.Custom(func(t *rapid.T) model.Interval {
		return model.Interval{Mint: rapid.Int64().Draw(t, "mint"), Maxt: rapid.Int64().Draw(t, "maxt")}
	})
	matchers = rapid.Custom(func(t *rapid.T) *labels.Matcher {
		typ := rapid.SampledFrom([]labels.MatchType{labels.MatchEqual, labels.MatchNotEqual, labels.MatchRegexp, labels.MatchNotRegexp}).Draw(t, "type")
		value := rapid.SampledFrom([]string{"", "a", "a|b", ".*", "\xff", "käse", "[a-c]+x"}).Draw(t, "value")
		if typ >= labels.MatchRegexp && value == "\xff" {
			value = "x"
		}
		return labels.MustNewMatcher(typ, rapid.SampledFrom([]string{"app", "\xfe", "__name__"}).Draw(t, "name"), value)
	})
	requests = rapid.Custom(func(t *rapid.T) *scan.Request {
		req := &scan.Request{
			Tenant:   "t",
			Matchers: append([]*labels.Matcher{}, rapid.SliceOfN(matchers, 0, 4).Draw(t, "matchers")...),
			Interval: intervals.Draw(t, "interval"),
		}
		for range rapid.IntRange(0, 3).Draw(t, "filters") {
			req.Filters = append(req.Filters, scan.LineFilter{
				Op:   scan.FilterOp(rapid.Uint8Range(0, uint8(scan.Rejects)).Draw(t, "op")),
				Text: string(rapid.SliceOf(rapid.Byte()).Draw(t, "text")),
			})
		}
		return req
	})
	labelSets = rapid.Custom(func(t *rapid.T) labels.Labels {
		return labels.FromMap(rapid.MapOfN(rapid.StringMatching(`[a-z_]{1,6}`), rapid.String(), 0, 5).Draw(t, "labels"))
	})
	counts = rapid.IntRange(0, math.MaxInt32<<16)
)

// predicates are trees of conditions on as many fields.
func predicates(t *rapid.T, fields, depth int) scan.Predicate {
	p := scan.Predicate{Op: scan.PredicateOp(rapid.Uint8Range(0, uint8(scan.Address)).Draw(t, "op"))}
	switch {
	case p.Op <= scan.Or:
		for range rapid.IntRange(0, 2-depth).Draw(t, "subs") {
			p.Subs = append(p.Subs, predicates(t, fields, depth+1))
		}
		return p
	case p.Op == scan.Text || p.Op == scan.Address:
		p.Matcher = labels.MustNewMatcher(labels.MatchEqual, "n", rapid.String().Draw(t, "value"))
	default:
		p.Compare = scan.Compare(rapid.Uint8Range(0, uint8(scan.LessOrEqual)).Draw(t, "compare"))
		p.Value = rapid.Float64().Draw(t, "number")
	}
	p.Field = rapid.IntRange(0, fields-1).Draw(t, "field")
	return p
}

func TestFieldsTravel(t *testing.T) {
	seeds.Check(t, func(t *rapid.T) {
		want := &scan.Fields{Parser: scan.Parser(rapid.Uint8Range(0, uint8(scan.Regexp)).Draw(t, "parser")), All: rapid.Bool().Draw(t, "all"), Expr: rapid.String().Draw(t, "expr"), Strict: rapid.Bool().Draw(t, "strict"), KeepEmpty: rapid.Bool().Draw(t, "empty")}
		for range rapid.IntRange(0, 2).Draw(t, "extractions") {
			want.Extractions = append(want.Extractions, scan.Extraction{Label: rapid.String().Draw(t, "label"), Path: rapid.String().Draw(t, "path")})
		}
		for range rapid.IntRange(0, 2).Draw(t, "parts") {
			want.Parts = append(want.Parts, extract.PatternPart{Capture: rapid.Bool().Draw(t, "capture"), Text: string(rapid.SliceOf(rapid.Byte()).Draw(t, "text"))})
		}
		n := rapid.IntRange(1, 3).Draw(t, "fields")
		for range n {
			want.Fields = append(want.Fields, scan.Field{Name: rapid.String().Draw(t, "name"), Metadata: rapid.Bool().Draw(t, "metadata")})
		}
		if rapid.Bool().Draw(t, "filters") {
			p := predicates(t, n, 0)
			want.Where = &p
		}
		for range rapid.IntRange(0, 2).Draw(t, "vectors") {
			want.Vectors = append(want.Vectors, scan.VectorWant{
				Field: rapid.IntRange(scan.NoField, n-1).Draw(t, "field"), As: scan.PredicateOp(rapid.Uint8Range(uint8(scan.Text), uint8(scan.Bytes)).Draw(t, "as")),
			})
		}
		wanted := scan.Want{Columns: scan.Sizes, Interval: intervals.Draw(t, "interval"), Fields: want, Limit: rapid.IntRange(0, 1<<20).Draw(t, "limit"), Oldest: rapid.Bool().Draw(t, "oldest")}
		_, got, err := decodeRead(travelled(t, encodeRead(1, 2, wanted)), 3)
		same(t, got, wanted, err)
	})
}

func TestAnswersTravel(t *testing.T) {
	seeds.Check(t, func(t *rapid.T) {
		rows := rapid.IntRange(1, 70).Draw(t, "rows")
		set := func(name string) *scan.Bitset {
			if rapid.Bool().Draw(t, name) {
				return nil
			}
			b := scan.NewBitset(rows, false)
			for i := range rows {
				if rapid.Bool().Draw(t, "bit") {
					b.Set(i)
				}
			}
			return b
		}
		want := &scan.Batch{Timestamps: make([]int64, rows), How: scan.ByColumns, Answer: &scan.Answer{Unsure: set("unsure")}}
		for range rapid.IntRange(0, 3).Draw(t, "vectors") {
			v := scan.Vector{Absent: set("absent")}
			if rapid.Bool().Draw(t, "text") {
				v.Values = append([]string{""}, rapid.SliceOfN(rapid.String(), 0, 5).Draw(t, "values")...)
				for range rows {
					v.Codes = append(v.Codes, uint32(rapid.IntRange(0, len(v.Values)-1).Draw(t, "code")))
				}
			} else {
				v.Numbers = rapid.SliceOfN(rapid.Float64(), rows, rows).Draw(t, "numbers")
			}
			want.Answer.Vectors = append(want.Answer.Vectors, v)
		}
		got, err := decodeBatch(travelled(t, encodeBatch(want)), 1, 0)
		same(t, got, want, err)
	})
}

func TestMalformedFields(t *testing.T) {
	for name, f := range map[string]*logproto.Fields{
		"an unknown parser":          {Parser: 9},
		"a parser beyond a byte":     {Parser: 257},
		"a vector of no field":       {Vectors: []*logproto.VectorWant{{Field: 0, As: 2}}},
		"a vector of a negative one": {Vectors: []*logproto.VectorWant{{Field: -3, As: 2}}},
		"metadata as a number":       {Vectors: []*logproto.VectorWant{{Field: -2, As: 3}}},
		"a vector as nothing":        {Vectors: []*logproto.VectorWant{{Field: -1, As: 1}}},
		"a predicate of no field":    {Where: &logproto.Predicate{Op: 3}},
		"an unknown predicate":       {Where: &logproto.Predicate{Op: 7}},
		"an unknown comparison":      {Fields: []*logproto.Field{{}}, Where: &logproto.Predicate{Op: 3, Compare: 6}},
		"a text without matcher":     {Fields: []*logproto.Field{{}}, Where: &logproto.Predicate{Op: 2}},
		"a number with one":          {Fields: []*logproto.Field{{}}, Where: &logproto.Predicate{Op: 3, Matcher: &logproto.Matcher{}}},
	} {
		if _, err := decodeFields(f); !errors.Is(err, logproto.ErrMalformed) {
			t.Errorf("%s: %v, want that it is malformed", name, err)
		}
	}
	deep := &logproto.Predicate{}
	for range maxPredicateDepth + 1 {
		deep = &logproto.Predicate{Subs: []*logproto.Predicate{deep}}
	}
	if _, err := decodeFields(&logproto.Fields{Where: deep}); !errors.Is(err, logproto.ErrMalformed) {
		t.Errorf("a deep predicate: %v, want that it is malformed", err)
	}
	for name, a := range map[string]*logproto.Answer{
		"too many unsure":       {Unsure: []byte{0xff}},
		"codes of other rows":   {Vectors: []*logproto.Vector{{Codes: []uint32{0}, ValueLengths: []uint32{0}}}},
		"a code without value":  {Vectors: []*logproto.Vector{{Codes: []uint32{0, 0, 1}, ValueLengths: []uint32{0}}}},
		"numbers of other rows": {Vectors: []*logproto.Vector{{Numbers: []float64{1}}}},
		"values that are short": {Vectors: []*logproto.Vector{{ValueLengths: []uint32{3}}}},
		"absent rows":           {Vectors: []*logproto.Vector{{Absent: []byte{}}}},
	} {
		if _, err := decodeAnswer(a, 3); !errors.Is(err, logproto.ErrMalformed) {
			t.Errorf("%s: %v, want that it is malformed", name, err)
		}
	}
}

func TestRequestsTravel(t *testing.T) {
	seeds.Check(t, func(t *rapid.T) {
		want := requests.Draw(t, "request")
		got, err := decodeRequest(want.Tenant, travelled(t, encodeRequest(want)))
		if err != nil || len(got.Matchers) != len(want.Matchers) {
			t.Fatalf("decoded %+v (%v), want %+v", got, err, want)
		}
		for i, m := range want.Matchers { // compiled expressions do not compare
			g := got.Matchers[i]
			if g.Type != m.Type || g.Name != m.Name || g.Value != m.Value {
				t.Fatalf("matcher %d is %v, want %v", i, g, m)
			}
		}
		got.Matchers = want.Matchers
		same(t, got, want, nil)

		got, err = decodeSelect(want.Tenant, travelled(t, encodeSelect(want, "name")))
		if err != nil || got.Interval != want.Interval || len(got.Matchers) != len(want.Matchers) {
			t.Fatalf("selection is %+v (%v), want that of %+v", got, err, want)
		}
	})
}

func TestReadsTravel(t *testing.T) {
	seeds.Check(t, func(t *rapid.T) {
		block := rapid.IntRange(0, 9).Draw(t, "block")
		want := scan.Want{Columns: scan.Columns(rapid.Uint8Range(0, uint8(allColumns)).Draw(t, "columns")), Interval: intervals.Draw(t, "interval")}
		got, wanted, err := decodeRead(travelled(t, encodeRead(1, block, want)), 10)
		if err != nil || got != block || wanted != want {
			t.Fatalf("read of block %d, %+v (%v), want block %d, %+v", got, wanted, err, block, want)
		}
	})
	for name, c := range map[string]*logproto.ReadCommand{
		"a block too many":  encodeRead(1, 10, scan.Want{}),
		"an unknown column": encodeRead(1, 0, scan.Want{Columns: 16}),
		"no interval":       {},
	} {
		if _, want, err := decodeRead(c, 10); !errors.Is(err, logproto.ErrMalformed) {
			t.Errorf("%s: decoded %+v, %v", name, want, err)
		}
	}
}

func TestDirectoriesTravel(t *testing.T) {
	seeds.Check(t, func(t *rapid.T) {
		want := &scan.Directory{}
		for range rapid.IntRange(0, 2).Draw(t, "generations") {
			want.Generations = append(want.Generations, scan.Generation{Ingester: rapid.String().Draw(t, "name"), ID: rapid.Uint64().Draw(t, "id")})
		}
		for range rapid.IntRange(0, 4).Draw(t, "streams") {
			want.Streams = append(want.Streams, scan.Stream{Labels: labelSets.Draw(t, "labels"), Hash: rapid.Uint64().Draw(t, "hash")})
		}
		for range rapid.IntRange(0, 4).Draw(t, "blocks") {
			b := scan.Block{Order: scan.Order{Generation: rapid.Uint64().Draw(t, "generation"), Place: rapid.Uint32().Draw(t, "place")}, Refused: rapid.Bool().Draw(t, "refused")}
			for range rapid.IntRange(0, len(want.Streams)).Draw(t, "runs") {
				b.Runs = append(b.Runs, scan.Run{
					Stream:        rapid.IntRange(0, len(want.Streams)-1).Draw(t, "stream"),
					Interval:      intervals.Draw(t, "interval"),
					Rows:          counts.Draw(t, "rows"),
					Bytes:         int64(counts.Draw(t, "bytes")),
					MetadataBytes: int64(counts.Draw(t, "metadata")),
					Unsorted:      rapid.Bool().Draw(t, "unsorted"),
				})
			}
			want.Blocks = append(want.Blocks, b)
		}
		want.Warnings = rapid.SliceOfN(rapid.String(), 1, 2).Draw(t, "warnings")
		got, err := decodeDirectory(travelled(t, encodeDirectory(want)))
		same(t, got, want, err)

		var series []labels.Labels
		for _, s := range want.Streams {
			series = append(series, s.Labels)
		}
		back, err := decodeSeries(travelled(t, encodeSeries(series)))
		if len(back) == 0 {
			back = nil
		}
		same(t, back, series, err)
	})
}

// drawBatch makes a batch of as many streams and filters. Lines are any bytes.
func drawBatch(t *rapid.T, streams, filters int) *scan.Batch {
	text := rapid.Custom(func(t *rapid.T) string { return string(rapid.SliceOfN(rapid.Byte(), 0, 8).Draw(t, "bytes")) })
	b := &scan.Batch{
		Timestamps:   rapid.SliceOfN(rapid.Int64(), 0, 20).Draw(t, "timestamps"),
		ReadBytes:    rapid.Int64Range(0, math.MaxInt64).Draw(t, "read"),
		DecodedBytes: rapid.Int64Range(0, math.MaxInt64).Draw(t, "decoded"),
	}
	rows := b.Rows()
	if rows == 0 {
		b.Timestamps = nil
	}
	for at := 0; at < rows; {
		end := rapid.IntRange(at+1, rows).Draw(t, "end")
		b.Runs = append(b.Runs, scan.BatchRun{Stream: rapid.IntRange(0, streams-1).Draw(t, "stream"), Start: at, End: end})
		at = end
	}
	if rapid.Bool().Draw(t, "lines") {
		b.Lines = make([]string, rows)
		for i := range b.Lines {
			b.Lines[i] = text.Draw(t, "line")
		}
	}
	if rapid.Bool().Draw(t, "metadata") {
		b.Metadata = make([]model.Metadata, rows)
		for i := range b.Metadata {
			for range rapid.IntRange(0, 2).Draw(t, "pairs") {
				b.Metadata[i] = append(b.Metadata[i], labels.Label{Name: text.Draw(t, "name"), Value: text.Draw(t, "value")})
			}
		}
	}
	if rapid.Bool().Draw(t, "sizes") {
		b.Sizes = make([]uint32, rows)
		for i := range b.Sizes {
			b.Sizes[i] = rapid.Uint32().Draw(t, "size")
		}
	}
	if rapid.Bool().Draw(t, "selection") {
		b.Selected = scan.NewBitset(rows, false)
		for i := range rows {
			if rapid.Bool().Draw(t, "selected") {
				b.Selected.Set(i)
			}
		}
	}
	if filters > 0 && rapid.Bool().Draw(t, "answers") {
		b.Answered = rapid.SliceOfN(rapid.Bool(), filters, filters).Draw(t, "answered")
	}
	return b
}

func TestBatchesTravel(t *testing.T) {
	seeds.Check(t, func(t *rapid.T) {
		streams, filters := rapid.IntRange(1, 3).Draw(t, "streams"), rapid.IntRange(0, 3).Draw(t, "filters")
		want := drawBatch(t, streams, filters)
		got, err := decodeBatch(travelled(t, encodeBatch(want)), streams, filters)
		same(t, got, want, err)
	})
}

func TestPushResultsTravel(t *testing.T) {
	seeds.Check(t, func(t *rapid.T) {
		streams := rapid.IntRange(0, 3).Draw(t, "streams")
		want := model.PushResult{Ack: model.Ack(rapid.Uint8Range(0, uint8(model.AckDisk)).Draw(t, "ack"))}
		for i := range streams {
			want.Rejections = append(want.Rejections, model.Rejection{
				Class:   model.Class(rapid.Uint8Range(0, uint8(model.Blocked)).Draw(t, "class")),
				Reason:  rapid.String().Draw(t, "reason"),
				Text:    rapid.String().Draw(t, "text"),
				Stream:  i,
				Errors:  rapid.IntRange(0, math.MaxUint32).Draw(t, "errors"),
				Entries: rapid.IntRange(0, math.MaxUint32).Draw(t, "entries"),
				Bytes:   rapid.IntRange(0, math.MaxInt64).Draw(t, "bytes"),
			})
		}
		got, err := decodePushResult(travelled(t, encodePushResult(want)), streams)
		same(t, got, want, err)
	})
}

// What does not fit together is refused. Each case spoils a batch of three rows
// of one stream.
func TestSpoiledBatches(t *testing.T) {
	for _, tc := range []struct {
		name  string
		spoil func(*logproto.Batch)
	}{
		{"a run of a stream that is not there", func(b *logproto.Batch) { b.Runs[0].Stream = 1 }},
		{"a run that ends before it starts", func(b *logproto.Batch) { b.Runs[0].Start = 4 }},
		{"a run behind the last row", func(b *logproto.Batch) { b.Runs[0].End = 4 }},
		{"an unknown column", func(b *logproto.Batch) { b.Columns |= 8 }},
		{"too few lines", func(b *logproto.Batch) { b.LineLengths = b.LineLengths[1:] }},
		{"a line that is too long", func(b *logproto.Batch) { b.LineLengths[2] = math.MaxUint32 }},
		{"a line that is too short", func(b *logproto.Batch) { b.LineLengths[2] = 0 }},
		{"a row of metadata too few", func(b *logproto.Batch) { b.MetadataPairs = b.MetadataPairs[1:] }},
		{"more pairs than there are", func(b *logproto.Batch) { b.MetadataPairs[0] = math.MaxUint32 }},
		{"fewer pairs than there are", func(b *logproto.Batch) { b.MetadataPairs[0] = 0 }},
		{"half a pair", func(b *logproto.Batch) { b.MetadataLengths = append(b.MetadataLengths, 0) }},
		{"a value that is too long", func(b *logproto.Batch) { b.MetadataLengths[1] = math.MaxUint32 }},
		{"too few sizes", func(b *logproto.Batch) { b.Sizes = b.Sizes[1:] }},
		{"a selection of other rows", func(b *logproto.Batch) { b.Selected = []byte{0, 0} }},
		{"a selection behind the last row", func(b *logproto.Batch) { b.Selected = []byte{8} }},
		{"answers to other filters", func(b *logproto.Batch) { b.Answered = []bool{true, true} }},
		{"sizes that are negative", func(b *logproto.Batch) { b.ReadBytes = math.MaxUint64 }},
	} {
		m := encodeBatch(&scan.Batch{
			Runs:       []scan.BatchRun{{Start: 0, End: 3}},
			Timestamps: []int64{1, 2, 3},
			Lines:      []string{"a", "b", "c"},
			Metadata:   []model.Metadata{{{Name: "k", Value: "v"}}, nil, nil},
			Sizes:      []uint32{1, 1, 1},
			Selected:   scan.NewBitset(3, true),
			Answered:   []bool{true},
		})
		tc.spoil(m)
		if b, err := decodeBatch(m, 1, 1); !errors.Is(err, logproto.ErrMalformed) {
			t.Errorf("%s: decoded %+v, %v", tc.name, b, err)
		}
	}
}

// FuzzMessages decodes what any peer may send. What is accepted must be sound:
// it is encoded again, which looks at every part.
func FuzzMessages(f *testing.F) {
	seed := func(kind byte, m proto.Message) {
		wire, err := proto.Marshal(m)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(kind, wire)
	}
	seed(0, encodeRequest(&scan.Request{
		Matchers: []*labels.Matcher{labels.MustNewMatcher(labels.MatchRegexp, "app", "a.*")},
		Interval: model.Ever, Filters: []scan.LineFilter{{Op: scan.Matches, Text: "x+"}},
	}))
	seed(1, encodeDirectory(&scan.Directory{
		Generations: []scan.Generation{{Ingester: "a", ID: 1}},
		Streams:     []scan.Stream{{Labels: labels.FromStrings("app", "web"), Hash: 1}},
		Blocks:      []scan.Block{{Runs: []scan.Run{{Rows: 3, Bytes: 3}}}},
	}))
	seed(2, encodeBatch(&scan.Batch{
		Runs: []scan.BatchRun{{Start: 0, End: 2}}, Timestamps: []int64{1, 2}, Lines: []string{"a", "b"},
		Metadata: []model.Metadata{{{Name: "k", Value: "v"}}, nil}, Sizes: []uint32{1, 1}, Selected: scan.NewBitset(2, true), Answered: []bool{true},
	}))
	seed(3, encodePushResult(model.PushResult{Rejections: []model.Rejection{{Reason: "r", Text: "t", Errors: 1}}}))
	seed(4, encodeSeries([]labels.Labels{labels.FromStrings("a", "b")}))
	seed(5, encodeRead(7, 1, scan.Want{Columns: allColumns, Interval: model.Ever}))
	seed(6, encodeTail(&scan.TailBatch{
		Streams:      []scan.TailStream{{Labels: labels.FromStrings("app", "web"), Entries: []model.Entry{{Timestamp: 1, Line: "a", Metadata: model.Metadata{{Name: "k", Value: "v"}}}}}},
		Dropped:      []scan.DroppedEntry{{Timestamp: 2, Labels: labels.FromStrings("app", "web")}},
		DroppedCount: 3,
	}))
	f.Fuzz(func(t *testing.T, kind byte, wire []byte) {
		var err error
		switch kind % 7 {
		case 0:
			var m logproto.ScanRequest
			if proto.Unmarshal(wire, &m) != nil {
				return
			}
			var req *scan.Request
			if req, err = decodeRequest("t", &m); err == nil {
				encodeRequest(req)
			}
		case 1:
			var m logproto.Directory
			if proto.Unmarshal(wire, &m) != nil {
				return
			}
			var d *scan.Directory
			if d, err = decodeDirectory(&m); err == nil {
				encodeDirectory(d)
			}
		case 2:
			var m logproto.Batch
			if proto.Unmarshal(wire, &m) != nil {
				return
			}
			var b *scan.Batch
			if b, err = decodeBatch(&m, 1, 1); err == nil {
				encodeBatch(b)
			}
		case 3:
			var m logproto.IngestResponse
			if proto.Unmarshal(wire, &m) != nil {
				return
			}
			var r model.PushResult
			if r, err = decodePushResult(&m, 1); err == nil {
				encodePushResult(r)
			}
		case 4:
			var m logproto.SeriesResponse
			if proto.Unmarshal(wire, &m) != nil {
				return
			}
			var s []labels.Labels
			if s, err = decodeSeries(&m); err == nil {
				encodeSeries(s)
			}
		case 5:
			var m logproto.ReadCommand
			if proto.Unmarshal(wire, &m) != nil {
				return
			}
			var block int
			var want scan.Want
			if block, want, err = decodeRead(&m, 2); err == nil {
				encodeRead(m.GetId(), block, want)
			}
		case 6:
			var m logproto.TailReply
			if proto.Unmarshal(wire, &m) != nil {
				return
			}
			var b *scan.TailBatch
			if b, err = decodeTail(&m); err == nil {
				encodeTail(b)
			}
		}
		if err != nil && !errors.Is(err, logproto.ErrMalformed) {
			t.Errorf("kind %d: %v is not a malformed message", kind%7, err)
		}
	})
}
