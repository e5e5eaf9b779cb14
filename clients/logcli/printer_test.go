package logcli

import (
	"testing"
	"time"

	"github.com/prometheus/prometheus/model/labels"

	"github.com/skaldlogs/skald/pkg/loghttp"
)

func TestPrinter(t *testing.T) {
	at := time.Date(2026, 5, 1, 10, 0, 0, 500, time.UTC).UnixNano()
	streams := loghttp.Streams{
		{Labels: labels.FromStrings("app", "shop", "env", "prod", "k", "q\"q"), Entries: []loghttp.Entry{{Timestamp: at, Line: "  <one> \n"}}},
		{Labels: labels.FromStrings("app", "api", "env", "prod"), Entries: []loghttp.Entry{{Timestamp: at - 1000, Line: "two\n\n"}}},
	}
	for _, tc := range []struct {
		name string
		p    printer
		want string
	}{
		{"default", printer{}, "2026-05-01T10:00:00Z {app=\"shop\", k=\"q\\\"q\"} <one>\n2026-05-01T09:59:59Z {app=\"api\"}            two\n"},
		{"raw", printer{mode: "raw"}, "  <one> \ntwo\n\n"},
		{"jsonl", printer{mode: "jsonl"}, `{"labels":{"app":"shop","k":"q\"q"},"line":"  \u003cone\u003e \n","timestamp":"2026-05-01T10:00:00.0000005Z"}` + "\n" +
			`{"labels":{"app":"api"},"line":"two\n\n","timestamp":"2026-05-01T09:59:59.9999995Z"}` + "\n"},
		{"jsonl, no labels left", printer{mode: "jsonl", include: []string{"k"}}, `{"labels":{"k":"q\"q"},"line":"  \u003cone\u003e \n","timestamp":"2026-05-01T10:00:00.0000005Z"}` + "\n" +
			`{"labels":{},"line":"two\n\n","timestamp":"2026-05-01T09:59:59.9999995Z"}` + "\n"},
		{"no labels", printer{noLabels: true}, "2026-05-01T10:00:00Z <one>\n2026-05-01T09:59:59Z two\n"},
		{"common labels too", printer{includeCommon: true, exclude: []string{"k"}}, "2026-05-01T10:00:00Z {app=\"shop\", env=\"prod\"} <one>\n2026-05-01T09:59:59Z {app=\"api\", env=\"prod\"}  two\n"},
		{"included although common", printer{include: []string{"env"}, minWidth: 16}, "2026-05-01T10:00:00Z {env=\"prod\"}     <one>\n2026-05-01T09:59:59Z {env=\"prod\"}     two\n"},
		{"colours", printer{colours: true, include: []string{"x"}}, "\x1b[34m2026-05-01T10:00:00Z\x1b[0m \x1b[31m{}\x1b[0m <one>\n\x1b[34m2026-05-01T09:59:59Z\x1b[0m \x1b[31m{}\x1b[0m two\n"},
		{"format", printer{format: time.StampNano, noLabels: true}, "May  1 10:00:00.000000500 <one>\nMay  1 09:59:59.999999500 two\n"},
	} {
		tc.p.zone = time.UTC
		if tc.p.format == "" {
			tc.p.format = time.RFC3339
		}
		if got := string(tc.p.append(nil, entriesOf(streams, false), commonLabels(streams))); got != tc.want {
			t.Errorf("%s: got\n%s\nwant\n%s", tc.name, got, tc.want)
		}
	}
}

func TestMetricJSON(t *testing.T) {
	web := labels.FromStrings("app", "<web>")
	for _, tc := range []struct {
		name   string
		result loghttp.Result
		want   string
	}{
		{"scalar", loghttp.Scalar{T: 1718000000812, F: 2}, "[\n  1718000000.812,\n  \"2\"\n]"},
		{"empty", loghttp.Vector{}, "[]"},
		{"vector", loghttp.Vector{{Point: loghttp.Point{T: 1718000000000, F: 0.5}}}, "[\n  {\n    \"metric\": {},\n    \"value\": [\n      1718000000,\n      \"0.5\"\n    ]\n  }\n]"},
		{
			"matrix",
			loghttp.Matrix{{Metric: web, Points: []loghttp.Point{{T: 1500, F: 1}}}},
			"[\n  {\n    \"metric\": {\n      \"app\": \"\\u003cweb\\u003e\"\n    },\n    \"values\": [\n      [\n        1.5,\n        \"1\"\n      ]\n    ]\n  }\n]",
		},
	} {
		if got, err := metricJSON(tc.result); err != nil || string(got) != tc.want {
			t.Errorf("%s: got\n%s, %v\nwant\n%s", tc.name, got, err, tc.want)
		}
	}
}
