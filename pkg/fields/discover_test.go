package fields

import (
	"fmt"
	"testing"

	"github.com/prometheus/prometheus/model/labels"

	"github.com/skaldlogs/skald/pkg/model"
)

func TestServiceName(t *testing.T) {
	names := []string{"service", "app", "job"}
	for _, tc := range []struct {
		lbls  labels.Labels
		names []string
		want  string
	}{
		{labels.FromStrings("app", "web", "service", "pay"), names, "pay"},
		{labels.FromStrings("job", "cron", "x", "y"), names, "cron"},
		{labels.FromStrings("x", "y"), names, "unknown_service"},
		{labels.EmptyLabels(), names, "unknown_service"},
		{labels.FromStrings("app", "web", "service_name", "own"), names, ""},
		{labels.FromStrings("app", "web"), nil, ""},
		{labels.FromStrings("app", "web", "__aggregated_metric__", "web"), names, ""},
		{labels.FromStrings("app", "web", "__pattern__", "web"), names, ""},
	} {
		if got := ServiceName(tc.lbls, tc.names); got != tc.want {
			t.Errorf("%s with %v: service %q, want %q", tc.lbls, tc.names, got, tc.want)
		}
	}
}

func TestDiscoverer(t *testing.T) {
	d := NewDiscoverer(map[string][]string{
		"trace": {"trace_id", "ctx.trace.id", "traceID"},
		"node":  {"node", "host"},
	})
	for _, tc := range []struct {
		name string
		md   model.Metadata
		lbls labels.Labels
		line string
		want string
	}{
		{"nothing", nil, labels.EmptyLabels(), "plain", "[]"},
		{"labels come first", model.Metadata{{Name: "host", Value: "m"}}, labels.FromStrings("node", "l"), "node=x", "[{host m} {node l}]"},
		{"then metadata", model.Metadata{{Name: "host", Value: "m"}}, labels.EmptyLabels(), "node=x", "[{host m} {node m}]"},
		{"what the client sent stays", model.Metadata{{Name: "node", Value: "own"}}, labels.FromStrings("node", "l"), "", "[{node own}]"},
		{"json name", nil, labels.EmptyLabels(), `{"host":"h1","trace_id":17}`, "[{node h1} {trace 17}]"},
		{"json path", nil, labels.EmptyLabels(), `{"ctx":{"x":{"id":0},"trace":{"id":"ab"}}}`, "[{trace ab}]"},
		{"json path as a name", nil, labels.EmptyLabels(), `{"ctx.trace.id":"ab"}`, "[{trace ab}]"},
		{"json path in halves", nil, labels.EmptyLabels(), `{"ctx.trace":{"id":true}}`, "[{trace true}]"},
		{"json path that ends", nil, labels.EmptyLabels(), `{"ctx":{"trace":{}},"trace":{"id":1},"ctx.trace":{"id":"2"}}`, "[{trace 2}]"},
		{"json null and objects are no values", nil, labels.EmptyLabels(), `{"node":null,"host":{"a":1}}`, "[]"},
		{"logfmt, any case, first listed", nil, labels.EmptyLabels(), `HOST=h2 TraceID="a b" Node=n`, "[{node n} {trace a b}]"},
	} {
		if got := fmt.Sprint([]labels.Label(d.Append(tc.md, tc.lbls, tc.line))); got != tc.want {
			t.Errorf("%s: %s, want %s", tc.name, got, tc.want)
		}
	}
}
