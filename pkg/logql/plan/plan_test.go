package plan_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/prometheus/prometheus/model/labels"

	"github.com/skaldlogs/skald/pkg/logql/plan"
	"github.com/skaldlogs/skald/pkg/logql/syntax"
	"github.com/skaldlogs/skald/pkg/scan"
)

func parse(t *testing.T, query string) syntax.Expr {
	t.Helper()
	e, err := syntax.Parse(query)
	if err != nil {
		t.Fatalf("%s: %v", query, err)
	}
	return e
}

var filterOps = map[scan.FilterOp]string{scan.Contains: "contains", scan.Excludes: "excludes", scan.Matches: "matches", scan.Rejects: "rejects"}

func filtersText(fs []scan.LineFilter) string {
	var out []string
	for _, f := range fs {
		out = append(out, fmt.Sprintf("%s %s", filterOps[f.Op], f.Text))
	}
	return strings.Join(out, "; ")
}

func stagesText(ss []syntax.Stage) string {
	var out []string
	for _, s := range ss {
		out = append(out, s.String())
	}
	return strings.Join(out, " ")
}

func TestPushFilters(t *testing.T) {
	for _, tc := range []struct{ name, query, filters, rest string }{
		{"in front", `{a="b"} |= "x" != "y" |~ "z.*" !~ "q"`, "contains x; excludes y; matches z.*; rejects q", ""},
		{"behind a parser", `{a="b"} | json | c > 1 |= "x"`, "contains x", `| json | c>1`},
		{"of a new line", `{a="b"} |= "x" | line_format "{{.c}}" |= "y"`, "contains x", `| line_format "{{.c}}" |= "y"`},
		{"of an unpacked line", `{a="b"} | unpack != "x"`, "", `| unpack != "x"`},
		{"of a line without colours", `{a="b"} | decolorize |= "x"`, "", `| decolorize |= "x"`},
		{"alternatives", `{a="b"} |= "x+" or "y"`, `matches (?:x\+)|(?:y)`, ""},
		{"alternative expressions", `{a="b"} |~ "x|y" or "z"`, `matches (?:x|y)|(?:z)`, ""},
		{"alternatives that are not text", `{a="b"} |= "\ufffd" or "y"`, "", "|= \"\ufffd\" or \"y\""},
		{"neither", `{a="b"} != "x" or "y"`, "excludes x; excludes y", ""},
		{"patterns", `{a="b"} |> "<_>x." !> "<_>" or "y"`, `matches (?s:\A.+x\.\z); rejects (?s:\A.+\z); rejects (?s:\Ay\z)`, ""},
		{"an address", `{a="b"} |= ip("10.0.0.1")`, "contains 10.0.0.1", `|= ip("10.0.0.1")`},
		{
			"addresses", `{a="b"} |= ip("10.1.0.0/16") |= ip("10.1.2.3-10.1.2.9") |= ip("10.0.0.0/7") != ip("10.0.0.1") |= ip("::1") |= ip("x")`,
			"contains 10.1.; contains 10.1.2.", `|= ip("10.1.0.0/16") |= ip("10.1.2.3-10.1.2.9") |= ip("10.0.0.0/7") != ip("10.0.0.1") |= ip("::1") |= ip("x")`,
		},
		{"addresses of a new line", `{a="b"} | line_format "{{.c}}" |= ip("10.0.0.1")`, "", `| line_format "{{.c}}" |= ip("10.0.0.1")`},
	} {
		filters, rest := plan.PushFilters(parse(t, tc.query).(*syntax.LogSelector).Stages)
		if got := filtersText(filters); got != tc.filters {
			t.Errorf("%s: filters %q, want %q", tc.name, got, tc.filters)
		}
		if got := stagesText(rest); got != tc.rest {
			t.Errorf("%s: rest %q, want %q", tc.name, got, tc.rest)
		}
	}
}

func TestAsRange(t *testing.T) {
	for _, tc := range []struct{ name, query, stages string }{
		{"all labels count", `count_over_time({a="b"} | json [5m])`, `| json`},
		{"no label counts", `sum(count_over_time({a="b"} | json [5m]))`, ``},
		{"a label of every stream", `sum by (a) (rate({a="b"} | json | logfmt [5m]))`, ``},
		{"a label that a line may hold", `sum by (c) (rate({a="b"} | json [5m]))`, `| json`},
		{"all labels but some", `sum without (a) (rate({a="b"} | json [5m]))`, `| json`},
		{"a filter reads labels", `sum(rate({a="b"} | json | c="d" | logfmt [5m]))`, `| json | c="d"`},
		{"a filter reads the line", `sum(rate({a="b"} | json | line_format "{{.c}}" |= "x" [5m]))`, `| json | line_format "{{.c}}" |= "x"`},
		{"nobody reads the line", `sum(rate({a="b"} | json | line_format "{{.c}}" [5m]))`, ``},
		{"its length counts", `sum(bytes_rate({a="b"} | json | line_format "{{.c}}" [5m]))`, `| json | line_format "{{.c}}"`},
		{"the label may change", `sum by (a) (rate({a="b"} | label_format a=c [5m]))`, `| label_format a=c`},
		{"a value is read", `sum(sum_over_time({a="b"} | json | drop x | unwrap v [5m]))`, `| json | drop x`},
		{"only whether there is one", `absent_over_time({a="b"} | json [5m])`, ``},
		{"unpacking changes the line", `sum(rate({a="b"} | unpack |= "x" [5m]))`, `| unpack |= "x"`},
		{"what is kept is grouped by", `sum by (c) (rate({a="b"} | json | keep c, d [5m]))`, `| json`},
		{"nothing that is kept is grouped by", `sum by (e) (rate({a="b"} | json | keep c, d [5m]))`, ``},
		{"some values are kept", `sum by (c) (rate({a="b"} | json | keep c="d" [5m]))`, `| json | keep c="d"`},
		{"what is kept makes a series", `rate({a="b"} | json | keep c [5m])`, `| json | keep c`},
		{"errors are kept", `sum by (__error__) (rate({a="b"} | json | keep c [5m]))`, `| json | keep c`},
		{"nobody reads a line beside labels", `sum by (c) (rate({a="b"} | json | line_format "{{.c}}" | decolorize | c!="" | drop d [5m]))`, `| json | c!="" | drop d`},
		{"no label is lost with the line", `rate({a="b"} |= "x" | line_format "{{.c}}" [5m])`, `|= "x"`},
		{"a template may fail", `sum by (c) (rate({a="b"} | line_format "{{ .c }} {{div 1 0}}" [5m]))`, `| line_format "{{ .c }} {{div 1 0}}"`},
		{"a parser reads the line", `sum by (c) (rate({a="b"} | line_format "{{.c}}" | json [5m]))`, `| line_format "{{.c}}" | json`},
		{"a template may read the line", `sum by (c) (rate({a="b"} | line_format "{{.d}}" | label_format c="{{__line__}}" [5m]))`, `| line_format "{{.d}}" | label_format c="{{__line__}}"`},
		{"the length of a line is grouped", `sum by (c) (bytes_rate({a="b"} | json | line_format "{{.c}}" [5m]))`, `| json | line_format "{{.c}}"`},
		{"colours do not matter", `sum(rate({a="b"} |= "x" | decolorize [5m]))`, `|= "x"`},
	} {
		r, ok := plan.AsRange(parse(t, tc.query).(syntax.MetricExpr))
		if !ok {
			t.Errorf("%s: %s is not a range", tc.name, tc.query)
			continue
		}
		if got := stagesText(r.Stages); got != tc.stages {
			t.Errorf("%s: stages %q, want %q", tc.name, got, tc.stages)
		}
	}
	for _, query := range []string{
		`count(rate({a="b"}[5m]))`, `avg(rate({a="b"}[5m]))`, `sum(rate_counter({a="b"} | unwrap v [5m]))`,
		`sum(max_over_time({a="b"} | unwrap v [5m]))`, `max(max_over_time({a="b"} | unwrap v [5m]) by (c))`,
		`topk(3, rate({a="b"}[5m]))`, `sum(sum(rate({a="b"}[5m])))`, `1 + rate({a="b"}[5m])`,
	} {
		if _, ok := plan.AsRange(parse(t, query).(syntax.MetricExpr)); ok {
			t.Errorf("%s is taken for a range", query)
		}
	}
}

func TestRangeKeys(t *testing.T) {
	key := func(query string) string {
		r, ok := plan.AsRange(parse(t, query).(syntax.MetricExpr))
		if !ok {
			t.Fatalf("%s is not a range", query)
		}
		return r.Key
	}
	if a, b := key(`sum by (c, d) (rate({a="b"}[5m]))`), key(`sum by (c,d) (rate({ a = "b" } [5m]))`); a != b {
		t.Errorf("the same range has the keys %q and %q", a, b)
	}
	seen := map[string]string{}
	for _, query := range []string{
		`rate({a="b"}[5m])`, `rate({a="b"}[6m])`, `rate({a="b"}[5m] offset 1m)`, `sum(rate({a="b"}[5m]))`, `sum by (c) (rate({a="b"}[5m]))`,
		`sum without (c) (rate({a="b"}[5m]))`, `sum by (c, d) (rate({a="b"}[5m]))`, `max_over_time({a="b"} | unwrap v [5m]) by (c)`,
		`max by (c) (max_over_time({a="b"} | unwrap v [5m]))`, `max(max_over_time({a="b"} | unwrap v [5m]))`,
	} {
		k := key(query)
		if other, ok := seen[k]; ok {
			t.Errorf("%s and %s have the same key", query, other)
		}
		seen[k] = query
	}
}

func TestFromStream(t *testing.T) {
	stream := labels.FromStrings("a", "b", "e", "f")
	for _, tc := range []struct {
		query string
		want  bool
	}{
		{`sum(rate({a="b"} |= "x" [5m]))`, true},
		{`sum by (e) (rate({a="b"}[5m]))`, true},
		{`sum by (c) (rate({a="b"}[5m]))`, false},
		{`sum without (c) (rate({a="b"}[5m]))`, false},
		{`rate({a="b"}[5m])`, false},
		{`sum(rate({a="b"} | c="d" [5m]))`, false},
		{`sum(sum_over_time({a="b"} | unwrap c [5m]))`, false},
	} {
		r, _ := plan.AsRange(parse(t, tc.query).(syntax.MetricExpr))
		if got := r.FromStream(stream.Has); got != tc.want {
			t.Errorf("%s: %v, want %v", tc.query, got, tc.want)
		}
	}
}

func TestWithRange(t *testing.T) {
	v := parse(t, `variants(sum by (c) (count_over_time({x="y"} |= "1" [1m])), rate({x="y"} | unwrap v [2m]) / 2) of ({a="b"} | json [5m] offset 1h)`).(*syntax.Variants)
	for i, want := range []string{
		`sum by (c) (count_over_time({a="b"} | json |= "1" [5m] offset 1h))`,
		`rate({a="b"} | json | unwrap v [5m] offset 1h) / 2`,
	} {
		if got, want := plan.WithRange(v.Metrics[i], v.Of).String(), parse(t, want).String(); got != want {
			t.Errorf("variant %d is %s, want %s", i, got, want)
		}
	}
}
