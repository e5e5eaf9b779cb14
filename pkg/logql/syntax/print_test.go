package syntax_test

import (
	"fmt"
	"reflect"
	"strings"
	"testing"

	"github.com/prometheus/prometheus/model/labels"
	"pgregory.net/rapid"

	"github.com/skaldlogs/skald/pkg/logql/syntax"
	"github.com/skaldlogs/skald/pkg/seeds"
)

// dump writes a tree with all that it holds but the places it was parsed from.
func dump(v any) string {
	var b strings.Builder
	dumpValue(&b, reflect.ValueOf(v))
	return b.String()
}

func dumpValue(b *strings.Builder, v reflect.Value) {
	if m, ok := v.Interface().(*labels.Matcher); ok && m != nil {
		fmt.Fprintf(b, "<%s>", m)
		return
	}
	switch v.Kind() {
	case reflect.Pointer, reflect.Interface:
		if v.IsNil() {
			b.WriteString("nil")
			return
		}
		dumpValue(b, v.Elem())
	case reflect.Struct:
		b.WriteString(v.Type().Name() + "{")
		for i := range v.NumField() {
			if f := v.Type().Field(i); f.IsExported() {
				b.WriteString(f.Name + ":")
				dumpValue(b, v.Field(i))
				b.WriteByte(' ')
			}
		}
		b.WriteByte('}')
	case reflect.Slice:
		b.WriteByte('[')
		for i := range v.Len() {
			dumpValue(b, v.Index(i))
			b.WriteByte(',')
		}
		b.WriteByte(']')
	default:
		fmt.Fprintf(b, "%#v", v.Interface())
	}
}

// What is printed, in one line or in many, parses to the tree it came from.
func TestPrintedTextParsesToItsTree(t *testing.T) {
	seeds.Check(t, func(t *rapid.T) {
		want := genExpr(t)
		for _, text := range []string{want.String(), syntax.Pretty(want)} {
			got, err := syntax.Parse(text)
			if err != nil {
				t.Fatalf("printed tree does not parse: %v", err)
			}
			if dump(got) != dump(want) {
				t.Fatalf("tree changed by printing\ntext: %s\nwant: %s\ngot:  %s", text, dump(want), dump(got))
			}
		}
	})
}

func TestString(t *testing.T) {
	for _, tc := range []struct{ name, query, want string }{
		{"spaces and raw strings", "{ app = `web` , env =~ \"p.*\" }", `{app="web", env=~"p.*"}`},
		{"comments of Go", "{a=\"b\"} // what for\n /* all\n of them */ |= /**/ `//`//", `{a="b"} |= "//"`},
		{"comment", "{a=\"b\"} # what for\n | json # members", `{a="b"} | json`},
		{"keywords in capitals", `SUM BY (x) (RATE({a="b"}[5m]))`, `sum by (x)(rate({a="b"}[5m]))`},
		{"grouping moves to the front", `sum(rate({a="b"}[5m])) by (x, y)`, `sum by (x,y)(rate({a="b"}[5m]))`},
		{"empty by is no grouping", `sum by () (rate({a="b"}[5m]))`, `sum(rate({a="b"}[5m]))`},
		{"empty by of a range stays", `max_over_time({a="b"} | unwrap x [5m]) by ()`, `max_over_time({a="b"} | unwrap x [5m]) by ()`},
		{"range moves behind the stages", `rate({a="b"}[5m] |= "x")`, `rate({a="b"} |= "x" [5m])`},
		{"parentheses around a range", `rate((({a="b"} |= "x")[5m]))`, `rate({a="b"} |= "x" [5m])`},
		{"unwrap behind a range", `sum_over_time(({a="b"})[5m] | unwrap x)`, `sum_over_time({a="b"} | unwrap x [5m])`},
		{"range units", `rate({a="b"}[61s] offset 90m)`, `rate({a="b"}[1m1s] offset 1h30m0s)`},
		{"negative offset", `rate({a="b"}[1d] offset -1h)`, `rate({a="b"}[1d] offset -1h0m0s)`},
		{"parameter and trailing grouping", `quantile_over_time(.99, {a="b"}|unwrap bytes(x)[5m]) by (y)`, `quantile_over_time(0.99,{a="b"} | unwrap bytes(x) [5m]) by (y)`},
		{"topk", `topk(5, rate({a="b"}[5m])) by (env)`, `topk by (env)(5,rate({a="b"}[5m]))`},
		{"operators have parentheses", `vector(1) + vector(2) * vector(3) ^ vector(4) ^ vector(5)`, `(vector(1.000000) + (vector(2.000000) * (vector(3.000000) ^ (vector(4.000000) ^ vector(5.000000)))))`},
		{"or is loosest", `vector(1) or vector(2) == vector(3) and vector(4)`, `(vector(1.000000) or ((vector(2.000000) == vector(3.000000)) and vector(4.000000)))`},
		{"left to right", `vector(1) - vector(2) - vector(3)`, `((vector(1.000000) - vector(2.000000)) - vector(3.000000))`},
		{"matching", `vector(1)/on(x,y)group_left(z)vector(2)`, `(vector(1.000000) / on (x,y) group_left (z) vector(2.000000))`},
		{"group without labels", `vector(1) / ignoring(x) group_right (vector(2) + vector(3))`, ``},
		{"group without labels, written out", `vector(1) / ignoring(x) group_right () (vector(2) + vector(3))`, `(vector(1.000000) / ignoring (x) group_right () (vector(2.000000) + vector(3.000000)))`},
		{"bool", `vector(1) > bool 2`, `(vector(1.000000) > bool 2)`},
		{"bool on arithmetic means nothing", `vector(1) + bool 2`, `(vector(1.000000) + 2)`},
		{"groups of set operators mean nothing", `vector(1) and on(x) group_left(y) vector(2)`, `(vector(1.000000) and on (x) vector(2.000000))`},
		{"folded", `1 + 2 * 3 ^ 2`, `19`},
		{"folded from the right", `2 ^ 3 ^ 2`, `512`},
		{"sign binds to the number", `-2 ^ 2`, `4`},
		{"comparison of numbers", `1 > 2`, `0`},
		{"folded division by zero", `1 / 0`, `(0 / 0)`},
		{"folded overflow", `-1e308 * 100`, `(-1e308 * 10)`},
		{"exclusions of alternatives", `{a="b"} != "d" or "e" |= "f" or "g"`, `{a="b"} != "d" != "e" |= "f" or "g"`},
		{"ip", `{a="b"} |= ip("10.0.0.0/8") | c != ip("::1")`, `{a="b"} |= ip("10.0.0.0/8") | c!=ip("::1")`},
		{"extractions", `{a="b"} | json status, m="a.b" | logfmt --keep-empty --strict x`, `{a="b"} | json status="status",m="a.b" | logfmt --strict --keep-empty x="x"`},
		{"comparisons", `{a="b"} | x = 1e3 | y != 0x10 | z < -1.5`, `{a="b"} | x==1000 | y!=16 | z<-1.5`},
		{"durations and sizes", `{a="b"} | d > 1500ms | e <= 1d | s >= 1.5MiB`, `{a="b"} | d>1.5s | e<=24h0m0s | s>=1.5MiB`},
		{"and before or", `{a="b"} | x="1" or y="2" and z="3"`, `{a="b"} | x="1" or y="2" and z="3"`},
		{"or in parentheses", `{a="b"} | (x="1" or y="2") and z="3"`, `{a="b"} | (x="1" or y="2") and z="3"`},
		{"comma takes all that follows", `{a="b"} | x="1", y="2" or z="3"`, `{a="b"} | x="1" and (y="2" or z="3")`},
		{"so does nothing", `{a="b"} | x="1" or y="2" z="3"`, `{a="b"} | x="1" or y="2" and z="3"`},
		{"labels named like functions", `sum by (count, rate) (count_over_time({ip="x"} | bytes > 5 [1m]))`, `sum by (count,rate)(count_over_time({ip="x"} | bytes>5 [1m]))`},
		{"drop and keep", `{a="b"} | drop x, y="z" | keep w, v=~"u"`, `{a="b"} | drop x,y="z" | keep w,v=~"u"`},
		{"label_format", `{a="b"} | label_format q=r, s="{{.t}}"`, `{a="b"} | label_format q=r,s="{{.t}}"`},
		{"variants", `variants(count_over_time({a="b"}[1m]), bytes_over_time({a="b"}[1m])) of ({a="b"}[5m])`, `variants(count_over_time({a="b"}[1m]), bytes_over_time({a="b"}[1m])) of ({a="b"}[5m])`},
		{"any bytes by escapes", `{a="b"} |= "\xff\u00e9"`, `{a="b"} |= "\xffé"`},
	} {
		e, err := syntax.Parse(tc.query)
		if tc.want == "" {
			if err == nil {
				t.Errorf("%s: %s parses to %s, want an error", tc.name, tc.query, e)
			}
			continue
		}
		if err != nil {
			t.Errorf("%s: %v", tc.name, err)
			continue
		}
		if got := e.String(); got != tc.want {
			t.Errorf("%s: %s\ngot  %s\nwant %s", tc.name, tc.query, got, tc.want)
		}
	}
}

func TestPretty(t *testing.T) {
	for _, tc := range []struct{ name, query, want string }{
		{"short", `rate({a="b"}[5m])`, `rate({a="b"}[5m])`},
		{
			"stages",
			`{app="checkout", env="production"} |= "timed out" | json | status >= 500 and latency > 2s | line_format "{{.status}} {{.path}}"`,
			`{app="checkout", env="production"}
  |= "timed out"
  | json
  | status>=500 and latency>2s
  | line_format "{{.status}} {{.path}}"`,
		},
		{
			"ratio",
			`sum by (path) (rate({app="checkout"} | json | status >= 500 [5m])) / sum by (path) (rate({app="checkout"} | json [5m] offset 1h)) > 0.05`,
			`(
  (
    sum by (path)(rate({app="checkout"} | json | status>=500 [5m]))
  /
    sum by (path)(rate({app="checkout"} | json [5m] offset 1h0m0s))
  )
>
  0.05
)`,
		},
		{
			"aggregation of a long range",
			`quantile_over_time(0.99, {app="checkout", env="production", cluster="eu-west-1"} |= "done" | logfmt | unwrap duration(took) | __error__="" [5m]) by (path)`,
			`quantile_over_time(0.99,
  {app="checkout", env="production", cluster="eu-west-1"}
    |= "done"
    | logfmt
    | unwrap duration(took)
    | __error__="" [5m]
) by (path)`,
		},
	} {
		e, err := syntax.Parse(tc.query)
		if err != nil {
			t.Errorf("%s: %v", tc.name, err)
			continue
		}
		if got := syntax.Pretty(e); got != tc.want {
			t.Errorf("%s:\n%s\nwant\n%s", tc.name, got, tc.want)
		}
	}
}

func typeName(v any) string { return reflect.TypeOf(v).String() }
