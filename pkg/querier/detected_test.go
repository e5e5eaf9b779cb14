package querier

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/prometheus/prometheus/model/labels"

	"github.com/skaldlogs/skald/pkg/logql/engine"
	"github.com/skaldlogs/skald/pkg/logql/syntax"
	"github.com/skaldlogs/skald/pkg/model"
	"github.com/skaldlogs/skald/pkg/scan"
)

func TestKindOf(t *testing.T) {
	for value, want := range map[string]string{
		"12": "int", "-3": "int", "9223372036854775808": "float", "1.5": "float", "NaN": "float", "1e3": "float",
		"true": "boolean", "F": "boolean", "1m30s": "duration", "0.5h": "duration", "12kB": "bytes", "3 MiB": "bytes",
		"": "string", "12 apples": "string", "10.0.0.1": "string",
	} {
		if got := allKinds.of(value).first(); got != want {
			t.Errorf("%q is %s, want %s", value, got, want)
		}
	}
	for _, tc := range []struct{ a, b, want string }{
		{"1", "2", "int"}, {"1", "1.5", "float"}, {"1", "0", "int"}, {"12", "12kB", "bytes"}, {"1", "true", "boolean"}, {"1s", "1kB", "string"}, {"0", "5ms", "duration"},
	} {
		if got := allKinds.of(tc.a).of(tc.b).first(); got != tc.want {
			t.Errorf("%q and %q are %s, want %s", tc.a, tc.b, got, tc.want)
		}
	}
}

func TestDetectedLabels(t *testing.T) {
	f := newFixture(1)
	const uuid = "0f8fad5b-d9cb-469f-a165-70867728950e"
	for _, ls := range []labels.Labels{
		labels.FromStrings("app", "web", "shard", "1", "switch", "0", "pod", "7", "id", uuid, "mixed", "12", "__internal", "x"),
		labels.FromStrings("app", "db", "shard", "2", "switch", "1", "pod", "8", "id", uuid, "mixed", "twelve"),
	} {
		f.ingesters[0].rows["t"] = append(f.ingesters[0].rows["t"], row{ls, 5, "x"})
	}
	got, err := f.querier().DetectedLabels(t.Context(), []string{"t"}, &scan.Request{Interval: model.Interval{Mint: 0, Maxt: 9}})
	if want := "[{app 2} {mixed 2} {pod 2} {switch 2}]"; err != nil || fmt.Sprint(got) != want {
		t.Errorf("got %v, %v, want %s", got, err, want)
	}
}

func fieldsRequest(t *testing.T, query string) *FieldsRequest {
	t.Helper()
	sel, err := syntax.ParseLogSelector(query)
	if err != nil {
		t.Fatal(err)
	}
	return &FieldsRequest{Query: sel, Start: 0, End: 1000, LineLimit: 100, Limit: 100}
}

func TestDetectedFields(t *testing.T) {
	f := newFixture(1)
	web := labels.FromStrings("app", "web")
	for ts, line := range []string{
		`{"took":"soon","user":{"name":"ann","9":1},"app":"x","list":[1],"none":null}`,
		`{"took":"5ms","user":{"name":"bob","9":2}}`,
		`took=7ms size=3kB`,
		`{"broken":1`,
		`no fields at all`,
	} {
		f.ingesters[0].rows["t"] = append(f.ingesters[0].rows["t"], row{web, int64(ts), line})
	}
	for _, tc := range []struct{ query, want string }{
		{`{app="web"}`, `
app_extracted string 1 [json] [app]
size bytes 1 [logfmt] []
took string 3 [json logfmt] [took]
user_9 int 2 [json] [user 9]
user_name string 2 [json] [user name]`},
		{`{app="web"} |= "bob"`, `
took duration 1 [json] [took]
user_9 int 1 [json] [user 9]
user_name string 1 [json] [user name]`},
		{`{app="web"} |= "size" | logfmt | took != ""`, `
size bytes 1 [logfmt] []
took duration 1 [logfmt] []`},
		{"{app=\"web\"} |= \"fields\" | pattern `no <what> at all`", `
what string 1 [] []`},
		{`{app="db"}`, ``},
	} {
		got, err := f.querier().DetectedFields(t.Context(), []string{"t"}, fieldsRequest(t, tc.query))
		if err != nil {
			t.Fatalf("%s: %v", tc.query, err)
		}
		var b strings.Builder
		for _, d := range got {
			fmt.Fprintf(&b, "\n%s %s %d %v %v", d.Label, d.Type, d.Cardinality, d.Parsers, d.JSONPath)
		}
		if b.String() != tc.want {
			t.Errorf("%s: got %s\nwant %s", tc.query, b.String(), tc.want)
		}
	}

	req := fieldsRequest(t, `{app="web"}`)
	req.Limit = 2
	if values, err := f.querier().DetectedFieldValues(t.Context(), []string{"t"}, req, "took"); err != nil || !slices.Equal(values, []string{"5ms", "7ms"}) {
		t.Errorf("values: %q, %v", values, err)
	}
	if values, err := f.querier().DetectedFieldValues(t.Context(), []string{"t"}, req, "nothing"); err != nil || values != nil {
		t.Errorf("values of no field: %q, %v", values, err)
	}
	if list, err := f.querier().DetectedFields(t.Context(), []string{"t"}, req); err != nil || len(list) != 2 {
		t.Errorf("limit: %v, %v", list, err)
	}
	// The newest lines of a query with stages are looked at, as many as the tenant's limit allows.
	f.limits.MaxEntriesLimitPerQuery = 3
	if list, err := f.querier().DetectedFields(t.Context(), []string{"t"}, fieldsRequest(t, `{app="web"} |= ""`)); err != nil || len(list) != 2 {
		t.Errorf("limit of lines: %v, %v", list, err)
	}
}

func TestMetadataIsAFieldWithoutParser(t *testing.T) {
	d, err := newDetector()
	if err != nil {
		t.Fatal(err)
	}
	d.addStream(&engine.Stream{
		Labels:  labels.FromStrings("app", "web"),
		Entries: []engine.Entry{{Line: "pod=line trace=abc", Metadata: labels.FromStrings("pod", "meta", "__error__", "x"), Parsed: labels.EmptyLabels()}},
	})
	var got []string
	for _, f := range d.list(10) {
		got = append(got, fmt.Sprint(f.Label, f.Parsers))
	}
	if want := []string{"pod[]", "pod_extracted[logfmt]", "trace[logfmt]"}; !slices.Equal(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
}

// FuzzDetector looks for lines that make the detector fail, or find a path that
// leads to no field.
func FuzzDetector(f *testing.F) {
	for _, line := range []string{`{"a":{"b":1}}`, `{"a_b":1,"a":{"b":2}}`, `a=b c="d`, `{"":{"":""}}`, `{"9é":[{}],"x":"\ud800"}`, "{\"a\":1,}", strings.Repeat(`{"a":`, 100)} {
		f.Add(line)
	}
	f.Fuzz(func(t *testing.T, line string) {
		d, err := newDetector()
		if err != nil {
			t.Fatal(err)
		}
		d.addStream(&engine.Stream{Labels: labels.FromStrings("a", "b"), Entries: []engine.Entry{{Line: line}}})
		for name, field := range d.fields {
			if len(field.hashes) == 0 {
				t.Errorf("%q has no values", name)
			}
			if field.path != nil && labelName(strings.Join(field.path, "_")) != strings.TrimSuffix(name, "_extracted") && labelName(strings.Join(field.path, "_")) != name {
				t.Errorf("%q has the path %q", name, field.path)
			}
		}
	})
}
