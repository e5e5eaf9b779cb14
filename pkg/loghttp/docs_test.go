package loghttp_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/skaldlogs/skald/pkg/loghttp"
)

var docMapping = &loghttp.DocMapping{
	StreamFields:  []string{"app", "kubernetes.pod.name", "_index", "resource.attributes.service.name", "Resource.service.name"},
	TimeFields:    []string{"@timestamp", "time"},
	MessageFields: []string{"message", "log"},
}

func docBody(text string) loghttp.PushBody { return loghttp.PushBody{Reader: strings.NewReader(text)} }

func readLines(t *testing.T, text string) string {
	t.Helper()
	p, err := loghttp.ReadJSONLines(docBody(text), otlpLimits, docMapping, otlpNow)
	if err != nil {
		return "error: " + err.Error()
	}
	defer p.Release()
	out := dump(p.Push)
	for _, e := range p.Errors {
		out += fmt.Sprintf("line %d: %v\n", e.Number, e.Err)
	}
	return out
}

func TestReadJSONLines(t *testing.T) {
	for _, tc := range []struct{ name, text, want string }{
		{"nothing", "\n \n", ""},
		{"a line, its labels, what is left", `{"app":"web","message":"a\tb","n":1.50,"ok":true,"no":null,"empty":"","list":[1,"x\"y",{}]}`, `{app="web"}` + "\n" + `  0 "a\tb" list=[1,"x\"y",{}] n=1.50 ok=true` + "\n"},
		{
			"nested and dotted names are the same", `{"kubernetes":{"pod":{"name":"p"},"node.x":"n"},"log":"l"}` + "\n" + `{"kubernetes.pod.name":"p","log":"m"}`,
			`{kubernetes_pod_name="p"}` + "\n" + `  0 "l" kubernetes_node_x=n` + "\n" + `  0 "m"` + "\n",
		},
		{"without a message the document is the line", ` {"app":"we\"b", "x": [1, "\n"] } `, `{app="we\"b"}` + "\n" + `  0 "{\"app\":\"we\\\"b\", \"x\": [1, \"\\n\"] }"` + "\n"},
		{
			"attributes of a resource", `{"resource":{"attributes":{"service.name":"shop","host.name":"h"}},"message":"a"}` + "\n" + `{"Resource.service.name":"shop","message":"b"}`,
			`{service_name="shop"}` + "\n" + `  0 "a" resource_attributes_host_name=h` + "\n" + `  0 "b"` + "\n",
		},
		{"the first field that is there", `{"log":"b","message":"a","time":1700000001,"@timestamp":1700000000}`, "{}\n" + `  0 "a" log=b time=1700000001` + "\n"},
		{
			"bad lines are named", `{"message":"a"}` + "\n\n" + `{"message":` + "\n[]\n" + `{"message":"b","time":"soon"}` + "\n" + `{"message":"c"} x`,
			"{}\n" + `  0 "a"` + "\n" + "line 3: json: expected a value, found the end at offset 11\n" + "line 4: json: expected an object, found '[' at offset 0\n" +
				`line 5: time: "soon" is no time: use RFC 3339, or a Unix time in seconds, milliseconds, microseconds or nanoseconds` + "\n" +
				"line 6: json: expected the end, found 'x' at offset 16\n",
		},
	} {
		if got := readLines(t, tc.text); got != tc.want {
			t.Errorf("%s:\n%s\nwant\n%s", tc.name, got, tc.want)
		}
	}
}

func TestDocTimes(t *testing.T) {
	const second = 1_700_000_000
	for _, tc := range []struct {
		time string
		want int64 // nanoseconds after otlpNow
	}{
		{`"2023-11-14T22:13:20Z"`, 0},
		{`"2023-11-14T22:13:20.000000001Z"`, 1},
		{`"2023-11-14T23:13:20.5+01:00"`, 5e8},
		{`"2023-11-14T23:13:20,5+0100"`, 5e8},
		{`"2023-11-14 22:13:20.5"`, 5e8},
		{`"2023-11-14T22:13:20"`, 0},
		{`1700000000`, 0},
		{`"1700000000"`, 0},
		{`1700000000.000000001`, 1},
		{`1700000000.25`, 25e7},
		{`1700000000250`, 25e7},
		{`1700000000250.5`, 2505e5},
		{`1700000000250000`, 25e7},
		{`1700000000250000001`, 250000001},
		{`1.7e9`, 0},
	} {
		p, err := loghttp.ReadJSONLines(docBody(`{"time":`+tc.time+`}`), otlpLimits, docMapping, 0)
		if err != nil || p.Bad > 0 {
			t.Errorf("%s: %v, %v", tc.time, err, p.Errors)
			continue
		}
		if got := p.Batch.Streams[0].Entries[0].Timestamp - second*1e9; got != tc.want {
			t.Errorf("%s: %d ns after, want %d", tc.time, got, tc.want)
		}
		p.Release()
	}
	for _, bad := range []string{`"yesterday"`, `"2023-11-14"`, `1e300`, `"99999-01-01T00:00:00Z"`, `true`, `"1.2.3"`, `99999999999999999999`} {
		p, err := loghttp.ReadJSONLines(docBody(`{"time":`+bad+`}`), otlpLimits, docMapping, 0)
		if err != nil || p.Bad != 1 {
			t.Errorf("%s: taken for a time (%v)", bad, err)
		}
		p.Release()
	}
}

func TestReadBulk(t *testing.T) {
	text := `{"create":{"_index":"logs","_id":"a1"}}
{"message":"one","app":"web"}
{"index":{}}
{"message":"two"}
{"delete":{"_index":"logs","_id":"a1"}}
{"update":{"_id":"x"}}
{"doc":{}}
{"create":{"_index":"logs"}}
{"message":
`
	b, err := loghttp.ReadBulk(docBody(text), otlpLimits, docMapping, "other", otlpNow)
	if err != nil {
		t.Fatal(err)
	}
	defer b.Release()
	var got strings.Builder
	got.WriteString(dump(b.Push))
	for _, it := range b.Items {
		fmt.Fprintf(&got, "%s %s %s %d %d %v\n", it.Op, it.Index, it.ID, it.Stream, it.Entry, it.Err)
	}
	want := `{app="web", index="logs"}
  0 "one"
{index="other"}
  0 "two"
create logs a1 0 0 <nil>
index other 1 1 0 <nil>
delete logs a1 0 0 entries are only added: use create or index, not update or delete
update other x 0 0 entries are only added: use create or index, not update or delete
create logs 4 0 0 json: expected a value, found the end at offset 11
`
	if got.String() != want {
		t.Errorf("got\n%s\nwant\n%s", got.String(), want)
	}
	for _, tc := range []struct{ text, want string }{
		{`{"create":{}}`, "the last line says what to do, and no document follows"},
		{"{}\n{}", "line 1: json: expected index or create, found nothing to do at offset 0"},
		{"{\"index\":{}}\n{}\n{\"put\":{}}\n{}", `line 3: json: expected index or create, found "put" at offset 1`},
		{"hello", "line 1: json: expected an object that says what to do, found 'h' at offset 0"},
	} {
		if _, err := loghttp.ReadBulk(docBody(tc.text), otlpLimits, docMapping, "", otlpNow); err == nil || err.Error() != tc.want {
			t.Errorf("%q: %v, want %s", tc.text, err, tc.want)
		}
	}
}

// TestDocBombs: documents that would take much more memory than they have bytes
// are refused.
func TestDocBombs(t *testing.T) {
	lim := otlpLimits
	lim.Budget = loghttp.NewBudget(16 << 20)
	long := strings.Repeat("x", 4000)
	for _, tc := range []struct{ name, text string }{
		{"very many empty ones", strings.Repeat("{}\n", 300_000)},
		{"a long name for each field", `{"` + long + `":{` + strings.Repeat(`"a":1,`, 10_000) + `"b":1}}`},
	} {
		if _, err := loghttp.ReadJSONLines(docBody(tc.text), lim, docMapping, otlpNow); err == nil || !strings.Contains(err.Error(), "of memory") {
			t.Errorf("%s: %v, want it to be too large", tc.name, err)
		}
	}
	if got := readLines(t, strings.Repeat(`{"a":`, 1000)); !strings.Contains(got, "nested too deep") {
		t.Errorf("nested objects: %s", got)
	}
}

func FuzzReadBulk(f *testing.F) {
	f.Add(`{"create":{"_index":"logs","_id":"a1"}}` + "\n" + `{"message":"one\n","app":"web","time":"2023-11-14 22:13:20.5","a":{"b":[{}]}}`)
	f.Fuzz(func(_ *testing.T, text string) {
		if b, err := loghttp.ReadBulk(docBody(text), otlpLimits, docMapping, "", otlpNow); err == nil {
			_ = dump(b.Push)
			b.Release()
		}
		if p, err := loghttp.ReadJSONLines(docBody(text), otlpLimits, docMapping, otlpNow); err == nil {
			_ = dump(p.Push)
			p.Release()
		}
	})
}
