package loghttp

import (
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"strconv"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/prometheus/prometheus/model/labels"
	"pgregory.net/rapid"

	"github.com/skaldlogs/skald/pkg/seeds"
)

// withoutStats returns an answer without its stats, which have a test of their own.
func withoutStats(t *testing.T, body string) string {
	t.Helper()
	if !json.Valid([]byte(body)) || !strings.HasSuffix(body, "}\n") {
		t.Errorf("not a JSON text and a newline: %s", body)
	}
	before, _, ok := strings.Cut(body, `,"stats":`)
	if !ok {
		t.Errorf("no stats in %s", body)
	}
	return before
}

func TestAppendResponse(t *testing.T) {
	web := labels.FromStrings("env", "prod", "app", "web")
	for _, tc := range []struct {
		name string
		r    Response
		want string
	}{
		{
			"streams",
			Response{Result: Streams{
				{Labels: web, Entries: []Entry{{Timestamp: 1718000000000000001, Line: `say "hi"`}, {Timestamp: 1718000000000000000, Line: "a\xffb\n"}}},
				{Labels: labels.EmptyLabels(), Entries: []Entry{{Timestamp: -1}}},
			}},
			`{"status":"success","data":{"resultType":"streams","result":[` +
				`{"stream":{"app":"web","env":"prod"},"values":[["1718000000000000001","say \"hi\""],["1718000000000000000","a` + "\ufffd" + `b\n"]]},` +
				`{"stream":{},"values":[["-1",""]]}]`,
		},
		{
			"streams by category",
			Response{Categorized: true, Result: Streams{{Labels: web, Entries: []Entry{
				{Timestamp: 1, Line: "x", Structured: labels.FromStrings("trace_id", "t0", "detected_level", "info"), Parsed: labels.FromStrings("a", "1")},
				{Timestamp: 2, Line: "y", Parsed: labels.FromStrings("a", "2")},
				{Timestamp: 3, Line: "z", Structured: labels.FromStrings("b", "3")},
				{Timestamp: 4, Line: "."},
			}}}},
			`{"status":"success","data":{"resultType":"streams","encodingFlags":["categorize-labels"],"result":[` +
				`{"stream":{"app":"web","env":"prod"},"values":[` +
				`["1","x",{"structuredMetadata":{"detected_level":"info","trace_id":"t0"},"parsed":{"a":"1"}}],` +
				`["2","y",{"parsed":{"a":"2"}}],["3","z",{"structuredMetadata":{"b":"3"}}],["4",".",{}]]}]`,
		},
		{"no streams", Response{Result: Streams(nil)}, `{"status":"success","data":{"resultType":"streams","result":[]`},
		{
			"vector",
			Response{Categorized: true, Result: Vector{{web, Point{1718000000000, 3}}, {labels.EmptyLabels(), Point{1718000000500, 0.04814814814814815}}}},
			`{"status":"success","data":{"resultType":"vector","result":[{"metric":{"app":"web","env":"prod"},"value":[1718000000,"3"]},{"metric":{},"value":[1718000000.5,"0.04814814814814815"]}]`,
		},
		{"no vector", Response{Result: Vector{}}, `{"status":"success","data":{"resultType":"vector","result":[]`},
		{
			"matrix",
			Response{Warnings: []string{"incomplete: x", "y"}, Result: Matrix{{web, []Point{{1718000000000, 3}, {1718000060000, 4.5}}}, {Metric: web}}},
			`{"status":"success","warnings":["incomplete: x","y"],"data":{"resultType":"matrix","result":[{"metric":{"app":"web","env":"prod"},"values":[[1718000000,"3"],[1718000060,"4.5"]]},{"metric":{"app":"web","env":"prod"},"values":[]}]`,
		},
		{"scalar", Response{Result: Scalar{1718000000012, 2}}, `{"status":"success","data":{"resultType":"scalar","result":[1718000000.012,"2"]`},
	} {
		if got := withoutStats(t, string(AppendResponse(nil, &tc.r))); got != tc.want {
			t.Errorf("%s:\n%s\nwant\n%s", tc.name, got, tc.want)
		}
	}
}

func TestAppendFloat(t *testing.T) {
	for _, tc := range []struct {
		v    float64
		want string
	}{
		{0, "0"},
		{math.Copysign(0, -1), "-0"},
		{-3, "-3"},
		{1e15, "1000000000000000"},
		{1 << 53, "9007199254740992"},
		{1e21, "1000000000000000000000"},
		{0.1, "0.1"},
		{1e-7, "0.0000001"},
		{math.NaN(), "NaN"},
		{math.Inf(1), "+Inf"},
		{math.Inf(-1), "-Inf"},
	} {
		if got := string(appendFloat(nil, tc.v)); got != tc.want {
			t.Errorf("%v: %s, want %s", tc.v, got, tc.want)
		}
	}
	seeds.Check(t, func(t *rapid.T) {
		v := rapid.Float64().Draw(t, "v")
		if got, want := string(appendFloat(nil, v)), strconv.FormatFloat(v, 'f', -1, 64); got != want {
			t.Errorf("%v: %s, want %s", v, got, want)
		}
	})
}

func TestAppendMillis(t *testing.T) {
	for ms, want := range map[int64]string{
		0: "0", 1: "0.001", 10: "0.01", 100: "0.1", 120: "0.12", 1000: "1", 1718000399999: "1718000399.999",
		-1: "-0.001", -1500: "-1.5", math.MinInt64: "-9223372036854775.808",
	} {
		if got := string(appendMillis(nil, ms)); got != want {
			t.Errorf("%d: %s, want %s", ms, got, want)
		}
	}
}

func TestAppendString(t *testing.T) {
	if got, want := string(AppendString(nil, "plain \"q\" \\ \b\f\n\r\t\x00\x1f\x7f <é😀>\xff\xc3")), `"plain \"q\" \\ \u0008\u000c\n\r\t\u0000\u001f`+"\x7f"+` <é😀>`+"\ufffd\ufffd\""; got != want {
		t.Errorf("%s, want %s", got, want)
	}
}

func FuzzAppendString(f *testing.F) {
	f.Add("a \"quoted\" line of some length, with é and \xff and \x00")
	f.Fuzz(func(t *testing.T, s string) {
		text := AppendString([]byte("x"), s)[1:]
		var got string
		if err := json.Unmarshal(text, &got); err != nil {
			t.Fatalf("%s: %v", text, err)
		}
		want := ""
		for _, r := range s { // a byte that is no UTF-8 is U+FFFD here as well
			want += string(r)
		}
		if got != want || !utf8.Valid(text) {
			t.Errorf("%q is written %s", s, text)
		}
	})
}

// Every key is there when nothing happened, and figures land under their names.
func TestStats(t *testing.T) {
	var r Response
	r.Result = Streams{}
	r.Stats.Summary.TotalLinesProcessed = 7
	r.Stats.Summary.ExecTime = 0.25
	var answer struct {
		Data struct {
			Stats map[string]map[string]any `json:"stats"`
		} `json:"data"`
	}
	if err := json.Unmarshal(AppendResponse(nil, &r), &answer); err != nil {
		t.Fatal(err)
	}
	got := answer.Data.Stats
	for object, keys := range map[string]int{"summary": 12, "querier": 2, "ingester": 6, "cache": 8, "index": 7} {
		if len(got[object]) != keys {
			t.Errorf("%s has %d keys, want %d", object, len(got[object]), keys)
		}
	}
	store := got["querier"]["store"].(map[string]any)
	if len(store) != 10 || len(store["chunk"].(map[string]any)) != 9 || len(store["dataobj"].(map[string]any)) != 13 {
		t.Errorf("store is %v", store)
	}
	if got["summary"]["totalLinesProcessed"] != 7.0 || got["summary"]["execTime"] != 0.25 {
		t.Errorf("summary is %v", got["summary"])
	}
	r.Stats.Summary.ExecTime = math.Inf(1)
	withoutStats(t, string(AppendResponse(nil, &r)))
}

func TestAppendNamesAndSeries(t *testing.T) {
	for _, tc := range []struct{ got, want string }{
		{string(AppendLabelNames(nil, []string{"app", "en\"v"})), `{"status":"success","data":["app","en\"v"]}` + "\n"},
		{string(AppendLabelNames(nil, nil)), `{"status":"success"}` + "\n"},
		{string(AppendSeries(nil, []labels.Labels{labels.FromStrings("b", "2", "a", "1"), labels.FromStrings("c", "3")})), `{"status":"success","data":[{"a":"1","b":"2"},{"c":"3"}]}` + "\n"},
		{string(AppendSeries(nil, nil)), `{"status":"success","data":[]}` + "\n"},
	} {
		if tc.got != tc.want {
			t.Errorf("%s, want %s", tc.got, tc.want)
		}
	}
	names, err := DecodeLabelNames(AppendLabelNames(nil, []string{"app", "env"}))
	if err != nil || fmt.Sprint(names) != "[app env]" {
		t.Errorf("names %v, %v", names, err)
	}
	series, err := DecodeSeries(AppendSeries(nil, []labels.Labels{labels.FromStrings("a", "1\n")}))
	if err != nil || fmt.Sprint(series) != `[{a="1\n"}]` {
		t.Errorf("series %v, %v", series, err)
	}
}

func labelSets() *rapid.Generator[labels.Labels] {
	return rapid.Custom(func(t *rapid.T) labels.Labels {
		return labels.FromMap(rapid.MapOfN(rapid.String(), rapid.String(), 0, 3).Draw(t, "labels"))
	})
}

func results() *rapid.Generator[Result] {
	points := rapid.Custom(func(t *rapid.T) Point {
		return Point{rapid.Int64Range(-1<<42, 1<<42).Draw(t, "ms"), rapid.Float64().Draw(t, "v")}
	})
	return rapid.Custom(func(t *rapid.T) Result {
		n := rapid.IntRange(0, 3).Draw(t, "n")
		switch rapid.IntRange(0, 3).Draw(t, "type") {
		case 0:
			s := Streams{}
			for range n {
				stream := Stream{Labels: labelSets().Draw(t, "stream")}
				for range rapid.IntRange(0, 3).Draw(t, "entries") {
					stream.Entries = append(stream.Entries, Entry{
						Timestamp: rapid.Int64().Draw(t, "ts"), Line: rapid.String().Draw(t, "line"),
						Structured: labelSets().Draw(t, "structured"), Parsed: labelSets().Draw(t, "parsed"),
					})
				}
				s = append(s, stream)
			}
			return s
		case 1:
			v := Vector{}
			for range n {
				v = append(v, Sample{labelSets().Draw(t, "metric"), points.Draw(t, "point")})
			}
			return v
		case 2:
			m := Matrix{}
			for range n {
				m = append(m, Series{labelSets().Draw(t, "metric"), rapid.SliceOfN(points, 1, 4).Draw(t, "points")})
			}
			return m
		default:
			return Scalar(points.Draw(t, "point"))
		}
	})
}

// What is written reads as what it was.
func TestResponseRoundTrip(t *testing.T) {
	seeds.Check(t, func(t *rapid.T) {
		want := &Response{Result: results().Draw(t, "result"), Warnings: rapid.SliceOfN(rapid.String(), 1, 2).Draw(t, "warnings")}
		want.Stats.Ingester.TotalReached = 3
		_, want.Categorized = want.Result.(Streams)
		got, err := DecodeResponse(AppendResponse(nil, want))
		if err != nil {
			t.Fatal(err)
		}
		if fmt.Sprintf("%+v", got) != fmt.Sprintf("%+v", want) {
			t.Fatalf("read\n%+v\nwant\n%+v", got, want)
		}
	})
}

func TestDecodeResponseRefuses(t *testing.T) {
	result := func(kind, result string) string {
		return `{"status":"success","data":{"resultType":"` + kind + `","result":` + result + `}}`
	}
	for _, body := range []string{
		``, `[]`, `parse error at line 1, col 9`, `{"status":"success"}`,
		result("rows", `[]`), result("streams", `{}`), result("streams", `[{"stream":{"a":1}}]`),
		result("streams", `[{"values":[["1"]]}]`), result("streams", `[{"values":[["x","y"]]}]`), result("streams", `[{"values":[["1","y",[]]]}]`),
		result("vector", `[{"value":[1,2]}]`), result("vector", `[{"value":[1]}]`), result("vector", `[{"value":["1","2"]}]`),
		result("matrix", `[{"values":[[1e300,"2"]]}]`), result("matrix", `[{"values":[[1,"x"]]}]`), result("scalar", `[true,"1"]`),
	} {
		if r, err := DecodeResponse([]byte(body)); !errors.Is(err, ErrMalformed) {
			t.Errorf("%s: %+v, %v, want ErrMalformed", body, r, err)
		}
	}
}

func FuzzDecodeResponse(f *testing.F) {
	f.Add(AppendResponse(nil, &Response{Categorized: true, Result: Streams{{Labels: labels.FromStrings("a", "b"), Entries: []Entry{{Timestamp: 1, Line: "x\n", Parsed: labels.FromStrings("c", "d")}}}}}))
	f.Add(AppendResponse(nil, &Response{Result: Vector{{labels.FromStrings("a", "b"), Point{1, 2}}}}))
	f.Add(AppendResponse(nil, &Response{Result: Matrix{{labels.FromStrings("a", "b"), []Point{{1500, math.Inf(1)}}}}}))
	f.Add(AppendResponse(nil, &Response{Result: Scalar{1, 2}}))
	f.Fuzz(func(t *testing.T, body []byte) {
		r, err := DecodeResponse(body)
		if err != nil {
			if !errors.Is(err, ErrMalformed) {
				t.Errorf("%v is not ErrMalformed", err)
			}
			return
		}
		text := AppendResponse(nil, r)
		again, err := DecodeResponse(text)
		if err != nil {
			t.Fatalf("what was written does not read: %v", err)
		}
		if got := string(AppendResponse(nil, again)); got != string(text) {
			t.Errorf("written again:\n%s\nwant\n%s", got, text)
		}
	})
}

// How fast is the answer to a log query written, in MB of lines?
func BenchmarkAppendStreams(b *testing.B) {
	batch := benchBatch(5, 1000)
	r := Response{Result: Streams{}}
	for _, s := range batch.Streams {
		out := Stream{Labels: labels.FromStrings("app", "api", "env", "prod")}
		for _, e := range s.Entries {
			out.Entries = append(out.Entries, Entry{Timestamp: e.Timestamp, Line: e.Line, Structured: labels.FromStrings("trace_id", "0af7651916cd43dd", "detected_level", "info")})
		}
		r.Result = append(r.Result.(Streams), out)
	}
	for name, categorized := range map[string]bool{"plain": false, "categorized": true} {
		b.Run(name, func(b *testing.B) {
			r.Categorized = categorized
			dst := AppendResponse(nil, &r)
			b.SetBytes(int64(batch.Bytes()))
			b.ReportAllocs()
			for b.Loop() {
				dst = AppendResponse(dst[:0], &r)
			}
		})
	}
}
