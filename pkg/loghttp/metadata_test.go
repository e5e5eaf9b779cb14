package loghttp

import (
	"encoding/json"
	"errors"
	"net/url"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/prometheus/model/labels"
)

// readAt is when the requests of this file come.
var readAt = time.Unix(1768478400, 0)

func TestParseVolumeRequest(t *testing.T) {
	hour := SelectorRequest{Start: readAt.Add(-time.Hour).UnixNano(), End: readAt.UnixNano(), Query: "{}"}
	for _, tc := range []struct {
		form   string
		ranged bool
		want   VolumeRequest
	}{
		{"", false, VolumeRequest{SelectorRequest: hour, Limit: 100}},
		{"limit=0", false, VolumeRequest{SelectorRequest: hour, Limit: 100}},
		{"limit=7&aggregateBy=labels&targetLabels=a,,+b", false, VolumeRequest{SelectorRequest: hour, Limit: 7, ByLabels: true, TargetLabels: []string{"a", "b"}}},
		{"aggregateBy=series&step=x", false, VolumeRequest{SelectorRequest: hour, Limit: 100}},
		{"", true, VolumeRequest{SelectorRequest: hour, Limit: 100, Step: 14 * time.Second}},
		{"step=5m", true, VolumeRequest{SelectorRequest: hour, Limit: 100, Step: 5 * time.Minute}},
	} {
		form, err := url.ParseQuery("query={}&" + tc.form)
		if err != nil {
			t.Fatal(err)
		}
		if got, err := ParseVolumeRequest(form, readAt, tc.ranged); err != nil || !reflect.DeepEqual(got, tc.want) {
			t.Errorf("%q: %+v, %v, want %+v", tc.form, got, err, tc.want)
		}
	}
	for form, want := range map[string]string{
		"limit=x":            "could not parse 'limit' parameter",
		"limit=-1":           "limit must be a positive value",
		"aggregateBy=zzz":    "invalid aggregation option",
		"start=2&end=1":      "end timestamp must not be before",
		"start=x":            "could not parse 'start' parameter",
		"step=0":             "zero or negative query resolution",
		"step=0.1&since=1h":  "exceeded maximum resolution",
		"start=-9000000000.": "longer than time itself",
		"since=tomorrow":     "could not parse 'since' parameter",
		"limit=999999999999": "could not parse 'limit' parameter",
	} {
		values, err := url.ParseQuery(form)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := ParseVolumeRequest(values, readAt, true); !errors.Is(err, ErrMalformed) || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v, want %q", form, err, want)
		}
	}
}

func TestParseFieldsRequest(t *testing.T) {
	for form, want := range map[string][2]int{
		"":                        {100, 1000},
		"line_limit=5&limit=6":    {5, 6},
		"field_limit=8":           {100, 8},
		"limit=6&field_limit=8":   {100, 6},
		"line_limit=0&limit=0":    {100, 1000},
		"line_limit=9&limit=1000": {9, 1000},
	} {
		values, _ := url.ParseQuery(form)
		r, err := ParseFieldsRequest(values, readAt)
		if err != nil || [2]int{r.LineLimit, r.Limit} != want {
			t.Errorf("%q: %+v, %v", form, r, err)
		}
	}
	if _, err := ParseFieldsRequest(url.Values{"line_limit": {"many"}}, readAt); !errors.Is(err, ErrMalformed) {
		t.Errorf("line_limit: %v", err)
	}
}

func TestParseTailRequest(t *testing.T) {
	r, err := ParseTailRequest(url.Values{"query": {"{}"}}, readAt)
	if want := (TailRequest{Query: "{}", Start: readAt.Add(-time.Hour).UnixNano(), Limit: 100}); err != nil || r != want {
		t.Errorf("%+v, %v, want %+v", r, err, want)
	}
	r, err = ParseTailRequest(url.Values{"start": {"5"}, "limit": {"3"}, "delay_for": {"5"}}, readAt)
	if want := (TailRequest{Start: 5e9, Limit: 3, Delay: 5 * time.Second}); err != nil || r != want {
		t.Errorf("%+v, %v, want %+v", r, err, want)
	}
	for name, text := range map[string]string{"delay_for": "6", "limit": "0", "start": "soon"} {
		if _, err := ParseTailRequest(url.Values{name: {text}}, readAt); !errors.Is(err, ErrMalformed) {
			t.Errorf("%s=%s: %v", name, text, err)
		}
	}
	for _, text := range []string{"-1", "1s", "99999999999"} {
		if _, err := ParseTailRequest(url.Values{"delay_for": {text}}, readAt); !errors.Is(err, ErrMalformed) {
			t.Errorf("delay_for=%s: %v", text, err)
		}
	}
}

func TestMetadataAnswers(t *testing.T) {
	for _, tc := range []struct {
		name   string
		answer any
		want   string
	}{
		{"stats of nothing", IndexStatsResponse{}, `{"streams":0,"chunks":0,"bytes":0,"entries":0}`},
		{"no labels", DetectedLabelsResponse{}, `{}`},
		{"no fields", DetectedFieldsResponse{}, `{}`},
		{"fields", DetectedFieldsResponse{Limit: 9, Fields: []DetectedField{
			{Label: "n_a", Type: "string", Cardinality: 3, Parsers: []string{"json"}, JSONPath: []string{"n", "a"}},
			{Label: "trace", Type: "int", Cardinality: 1},
		}}, `{"fields":[{"label":"n_a","type":"string","cardinality":3,"parsers":["json"],"jsonPath":["n","a"]},` +
			`{"label":"trace","type":"int","cardinality":1,"parsers":null}],"limit":9}`},
		{"values", DetectedFieldsResponse{Limit: 9, Values: []string{"a"}}, `{"values":["a"],"limit":9}`},
		{
			"patterns",
			PatternsResponse{Status: "success", Data: []Pattern{{Pattern: "took <_>", Level: "info", Samples: []PatternSample{{1718000000, 12}}}}},
			`{"status":"success","data":[{"pattern":"took \u003c_\u003e","level":"info","samples":[[1718000000,12]]}]}`,
		},
	} {
		got, err := json.Marshal(tc.answer)
		if err != nil || string(got) != tc.want {
			t.Errorf("%s: %s, %v\nwant %s", tc.name, got, err, tc.want)
		}
		back := reflect.New(reflect.TypeOf(tc.answer))
		if err := json.Unmarshal(got, back.Interface()); err != nil || !reflect.DeepEqual(back.Elem().Interface(), tc.answer) {
			t.Errorf("%s: read back as %+v, %v", tc.name, back.Elem(), err)
		}
	}
	if err := json.Unmarshal([]byte(`["1",2]`), new(PatternSample)); !errors.Is(err, ErrMalformed) {
		t.Errorf("a sample that is none: %v", err)
	}
	body, err := json.Marshal(ShardBounds{Max: 1<<64 - 1})
	if want := `{"min":"0","max":"18446744073709551615"}`; err != nil || string(body) != want {
		t.Errorf("bounds: %s, %v", body, err)
	}
}

func TestAppendTailFrame(t *testing.T) {
	web := labels.FromStrings("app", "web")
	entry := Streams{{Labels: web, Entries: []Entry{{Timestamp: 1718000000000000001, Line: "a\"b", Parsed: labels.FromStrings("x", "1")}}}}
	dropped := []DroppedEntry{{1718000000000000000, web}, {2, labels.EmptyLabels()}}
	for _, tc := range []struct {
		name   string
		append func([]byte, *TailFrame) []byte
		frame  TailFrame
		want   string
	}{
		{"plain", AppendTailFrame, TailFrame{Streams: entry}, `{"streams":[{"stream":{"app":"web"},"values":[["1718000000000000001","a\"b"]]}]}`},
		{"by category", AppendTailFrame, TailFrame{Streams: entry, Categorized: true}, `{"streams":[{"stream":{"app":"web"},"values":[["1718000000000000001","a\"b",{"parsed":{"x":"1"}}]]}],"encodingFlags":["categorize-labels"]}`},
		{"dropped", AppendTailFrame, TailFrame{Dropped: dropped}, `{"streams":[],"dropped_entries":[{"timestamp":"1718000000000000000","labels":{"app":"web"}},{"timestamp":"2","labels":{}}]}`},
		{"dropped and counted", AppendTailFrame, TailFrame{Dropped: dropped[1:], DroppedCount: 7}, `{"streams":[],"dropped_entries":[{"timestamp":"2","labels":{}}],"dropped_count":7}`},
		{"legacy", AppendLegacyTail, TailFrame{Streams: entry}, `{"streams":[{"labels":"{app=\"web\"}","entries":[{"ts":"2024-06-10T06:13:20.000000001Z","line":"a\"b"}]}],"dropped_entries":null}`},
		{"legacy dropped", AppendLegacyTail, TailFrame{Dropped: dropped[:1]}, `{"streams":[],"dropped_entries":[{"timestamp":"2024-06-10T06:13:20Z","labels":"{app=\"web\"}"}]}`},
	} {
		if got := string(tc.append(nil, &tc.frame)); got != tc.want || !json.Valid([]byte(got)) {
			t.Errorf("%s: got\n%s\nwant\n%s", tc.name, got, tc.want)
		}
	}
}

func TestDecodeTailFrame(t *testing.T) {
	web := labels.FromStrings("app", "web")
	for _, want := range []TailFrame{
		{Streams: Streams{{Labels: web, Entries: []Entry{{Timestamp: 1718000000000000001, Line: "a\"b"}}}}},
		{Categorized: true, Streams: Streams{{Labels: web, Entries: []Entry{{Timestamp: 1, Structured: web}}}}},
		{Streams: Streams{}, Dropped: []DroppedEntry{{1718000000000000000, web}}},
		{Streams: Streams{}, Dropped: []DroppedEntry{{1, web}}, DroppedCount: 12},
	} {
		text := AppendTailFrame(nil, &want)
		got, err := DecodeTailFrame(text)
		if err != nil {
			t.Fatalf("%s: %v", text, err)
		}
		if back := AppendTailFrame(nil, got); string(back) != string(text) {
			t.Errorf("read and written: got\n%s\nwant\n%s", back, text)
		}
	}
	if f, err := DecodeTailFrame([]byte(`{"streams":null}`)); err != nil || len(f.Streams) != 0 {
		t.Errorf("a frame without streams: %+v, %v", f, err)
	}
	for _, bad := range []string{"", "[]", `{"streams":{}}`, `{"streams":[{"values":[["x","y"]]}]}`, `{"dropped_entries":[{"timestamp":1}]}`} {
		if f, err := DecodeTailFrame([]byte(bad)); !errors.Is(err, ErrMalformed) {
			t.Errorf("%s: got %+v, %v, want ErrMalformed", bad, f, err)
		}
	}
}

func FuzzDecodeTailFrame(f *testing.F) {
	f.Add([]byte(`{"streams":[{"stream":{"app":"web"},"values":[["1","x",{"parsed":{"a":"b"}}]]}],"dropped_entries":[{"timestamp":"1","labels":{"a":"b"}}],"encodingFlags":["categorize-labels"]}`))
	f.Fuzz(func(t *testing.T, text []byte) {
		frame, err := DecodeTailFrame(text)
		if err != nil {
			if !errors.Is(err, ErrMalformed) {
				t.Errorf("%v is not ErrMalformed", err)
			}
			return
		}
		if _, err := DecodeTailFrame(AppendTailFrame(nil, frame)); err != nil {
			t.Errorf("what was written does not read: %v", err)
		}
	})
}

func TestAppendLegacy(t *testing.T) {
	streams := Streams{{Labels: labels.FromStrings("app", "web"), Entries: []Entry{{Timestamp: 1718000000000000000, Line: "x"}}}}
	for got, want := range map[string]string{
		string(AppendLegacyStreams(nil, streams)):               `{"streams":[{"labels":"{app=\"web\"}","entries":[{"ts":"2024-06-10T06:13:20Z","line":"x"}]}],"stats":{}}` + "\n",
		string(AppendLegacyStreams(nil, nil)):                   `{"streams":[],"stats":{}}` + "\n",
		string(AppendLegacyValues(nil, []string{"app", "env"})): `{"values":["app","env"]}` + "\n",
		string(AppendLegacyValues(nil, nil)):                    "{}\n",
	} {
		if got != want {
			t.Errorf("got %s, want %s", got, want)
		}
	}
}

// FuzzMetadataRequests looks for forms that are taken though they ask for what
// cannot be.
func FuzzMetadataRequests(f *testing.F) {
	for _, form := range []string{"", "start=1&end=2&step=1", "limit=5&line_limit=6&delay_for=4", "since=1h&targetLabels=,a&aggregateBy=labels", "end=9223372036854775807"} {
		f.Add(form)
	}
	f.Fuzz(func(t *testing.T, text string) {
		form, err := url.ParseQuery(text)
		if err != nil {
			return
		}
		if r, err := ParseVolumeRequest(form, readAt, true); err == nil && (r.Limit <= 0 || r.Step <= 0 || r.End < r.Start || r.End-r.Start < 0 || (r.End-r.Start)/int64(r.Step) > MaxPoints) {
			t.Errorf("volumes: %+v", r)
		}
		if r, err := ParseFieldsRequest(form, readAt); err == nil && (r.Limit <= 0 || r.LineLimit <= 0) {
			t.Errorf("fields: %+v", r)
		}
		if r, err := ParsePatternsRequest(form, readAt); err == nil && r.Step <= 0 {
			t.Errorf("patterns: %+v", r)
		}
		if r, err := ParseTailRequest(form, readAt); err == nil && (r.Limit <= 0 || r.Delay < 0 || r.Delay > MaxTailDelay) {
			t.Errorf("tail: %+v", r)
		}
	})
}
