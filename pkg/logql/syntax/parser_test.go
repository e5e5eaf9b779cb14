package syntax_test

import (
	"errors"
	"strings"
	"testing"

	"github.com/prometheus/prometheus/model/labels"

	"github.com/skaldlogs/skald/pkg/logql/syntax"
)

// Errors show the reason, the line and a mark below the place.
func TestParseErrorShowsThePlace(t *testing.T) {
	for _, tc := range []struct{ name, query, want string }{
		{"misspelt stage", `{app="api"} | jsn | status >= 500`, `
parse error at line 1, col 15: unknown stage "jsn", perhaps "json"
{app="api"} | jsn | status >= 500
              ^^^`},
		{"end of the query", `{env="prod"} | logfmt | status >=`, `
parse error at line 1, col 34: syntax error: unexpected $end, expecting NUMBER or DURATION or BYTES
{env="prod"} | logfmt | status >=
                                 ^`},
		{"second line", "sum by (app) (\n\trate({env=\"prod\"}[5])\n)", `
parse error at line 2, col 19: not a valid duration string: "5"
	rate({env="prod"}[5])
	                 ^^^`},
		{"wide characters", `{app="日本"} |= x`, `
parse error at line 1, col 15: syntax error: unexpected IDENTIFIER, expecting STRING or ip
{app="日本"} |= x
              ^`},
		{"meaning, not form", `sum(rate({app="api"} | unwrap x [1m]) by (y))`, `
parse error : grouping not allowed for rate aggregation
at line 1, col 5:
sum(rate({app="api"} | unwrap x [1m]) by (y))
    ^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^`},
		{"a comment without an end", "{app=\"api\"} /* all\n", `
parse error at line 1, col 13: comment not terminated
{app="api"} /* all
            ^^`},
		{"long line", `{app="api"} |= "` + strings.Repeat("x", 100) + `" | nosuch | logfmt | line_format "` + strings.Repeat("y", 100) + `"`, `
parse error at line 1, col 121: unknown stage "nosuch"
…` + strings.Repeat("x", 56) + `" | nosuch | logfmt | line_format "` + strings.Repeat("y", 29) + `…
                                                             ^^^^^^`},
	} {
		_, err := syntax.Parse(tc.query)
		if err == nil {
			t.Errorf("%s: parsed", tc.name)
			continue
		}
		if got := "\n" + err.Error(); got != tc.want {
			t.Errorf("%s:%s\nwant%s", tc.name, got, tc.want)
		}
	}
}

func TestParseRefuses(t *testing.T) {
	for _, tc := range []struct{ name, query, want string }{
		{"nothing", ``, `line 1, col 1: syntax error: unexpected $end`},
		{"no matchers", `{}`, `at least one regexp or equality matcher`},
		{"only empty matchers", `{a="", b=~".*", c!="x", d!~"x", e=~"x|"}`, `at least one regexp or equality matcher`},
		{"empty matchers on one side", `rate({a="b"}[1m]) / rate({a=~".*"}[1m])`, `at least one regexp or equality matcher`},
		{"bad regexp", `{a=~"("}`, "parse error : error parsing regexp: missing closing )"},
		{"single quotes", `{a='b'}`, `col 4: invalid char literal`},
		{"open string", `{a="b}`, `col 4: literal not terminated`},
		{"open raw string", "{a=`b}", `col 4: literal not terminated`},
		{"line break in a string", "{a=\"b\n\"}", `col 4: literal not terminated`},
		{"bad escape", `{a="x\q"}`, `col 6: invalid char escape`},
		{"invalid UTF-8", "{a=\"\xff\"}", `col 5: invalid UTF-8`},
		{"trailing comma", `{a="b",}`, `col 8: syntax error: unexpected }, expecting IDENTIFIER`},
		{"double equals", `{a=="b"}`, `col 3: syntax error: unexpected ==, expecting = or =~ or !~ or !=`},
		{"reserved label", `{by="x"}`, `col 2: syntax error: unexpected by, expecting IDENTIFIER or }`},
		{"reserved label in capitals", `{By="x"}`, `unexpected by`},
		{"open selector", `{a="b"`, `col 7: syntax error: unexpected $end, expecting } or ,`},
		{"two selectors", `{a="b"}{c="d"}`, `col 8: syntax error: unexpected {`},
		{"pipe into nothing", `{a="b"} |`, `col 10: syntax error: unexpected $end, expecting IDENTIFIER`},
		{"unquoted filter", `{a="b"} |= err`, `expecting STRING or ip`},
		{"operator after or", `{a="b"} |= "x" or |= "y"`, `expecting STRING or ip`},
		{"unwrap of a log query", `{a="b"} | unwrap x`, `unexpected unwrap`},
		{"flag of another stage", `{a="b"} | json --strict`, `unexpected FUNCTION_FLAG`},
		{"misspelt flag", `{a="b"} | logfmt --stritc`, `unknown flag "--stritc", perhaps "--strict"`},
		{"regexp without groups", `{a="b"} | regexp "x"`, `parse error : invalid regexp parser: at least one named capture must be supplied`},
		{"regexp with a group twice", `{a="b"} | regexp "(?P<x>a)(?P<x>b)"`, `duplicate`},
		{"regexp group named like a number", `{a="b"} | regexp "(?P<9x>a)"`, `invalid extracted label name '9x'`},
		{"pattern without captures", `{a="b"} | pattern "<_> x"`, `parse error : invalid pattern parser: at least one capture is required`},
		{"pattern captures side by side", `{a="b"} | pattern "<x><_>"`, `found consecutive capture '<x><_>'`},
		{"pattern capture twice", `{a="b"} | pattern "<x> <x>"`, `duplicate capture name (x)`},
		{"text compared as a number", `{a="b"} | x > "5"`, `unexpected STRING, expecting NUMBER or DURATION or BYTES`},
		{"text with two equals", `{a="b"} | x == "5"`, `unexpected STRING`},
		{"number matched", `{a="b"} | x =~ 5`, `unexpected NUMBER, expecting STRING`},
		{"lower-case unit", `{a="b"} | x > 10kb`, `unknown unit "kb" in "10kb", perhaps "kB"`},
		{"unit too large", `{a="b"} | x > 10EB`, `unknown unit "EB"`},
		{"signed size", `{a="b"} | x > -1KB`, `unexpected -`},
		{"dot in a label", `{a="b"} | x.y="z"`, `unexpected character '.'`},
		{"open filter", `{a="b"} | (x="1"`, `expecting )`},
		{"dangling and", `{a="b"} | x="1" and`, `unexpected $end`},
		{"line_format without template", `{a="b"} | line_format x`, `expecting STRING`},
		{"label_format of a number", `{a="b"} | label_format x=5`, `unexpected NUMBER, expecting IDENTIFIER or STRING`},
		{"drop nothing", `{a="b"} | drop`, `expecting IDENTIFIER`},
		{"drop compares", `{a="b"} | drop x > 5`, `unexpected type for left leg of binary operation (>)`},
		{"range without aggregation", `{a="b"}[5m]`, `unexpected RANGE`},
		{"aggregation without range", `rate({a="b"})`, `unexpected ), expecting RANGE or |`},
		{"open range", `rate({a="b"}[5m`, `missing closing ']' in duration`},
		{"empty range", `rate({a="b"}[])`, `empty duration`},
		{"decimal range", `rate({a="b"}[1.5h])`, `unknown unit "."`},
		{"range units out of order", `rate({a="b"}[30m1h])`, `not a valid duration string`},
		{"variable", `rate({a="b"}[$__interval])`, `not a valid duration string`},
		{"range too long", `rate({a="b"}[300000y])`, `out of range`},
		{"offset in front", `rate({a="b"} offset 5m [5m])`, `unexpected offset`},
		{"offset without duration", `rate({a="b"}[5m] offset x)`, `expecting DURATION`},
		{"two ranges", `rate({a="b"}[5m] | json [5m])`, `unexpected RANGE`},
		{"stages behind parentheses", `rate(({a="b"})[5m] | json)`, `unexpected |, expecting )`},
		{"line filter after unwrap", `sum_over_time({a="b"} | unwrap x |= "y" [5m])`, `unexpected |=, expecting RANGE or |`},
		{"parser after unwrap", `sum_over_time({a="b"} | unwrap x | json [5m])`, `unexpected json`},
		{"two unwraps", `sum_over_time({a="b"} | unwrap x | unwrap y [5m])`, `unexpected unwrap, expecting IDENTIFIER or (`},
		{"unknown conversion", `sum_over_time({a="b"} | unwrap byte(x) [5m])`, `unknown conversion "byte", perhaps "bytes"`},
		{"unwrap forbidden", `count_over_time({a="b"} | unwrap x [5m])`, `invalid aggregation count_over_time with unwrap`},
		{"unwrap required", `sum_over_time({a="b"} | json [5m])`, `invalid aggregation sum_over_time without unwrap`},
		{"grouping forbidden", `count_over_time({a="b"}[5m]) by (x)`, `grouping not allowed for count_over_time aggregation`},
		{"parameter required", `quantile_over_time({a="b"} | unwrap x [5m])`, `parameter required for operation quantile_over_time`},
		{"parameter forbidden", `sum_over_time(5, {a="b"} | unwrap x [5m])`, `parameter 5 not supported for operation sum_over_time`},
		{"negative parameter", `quantile_over_time(-1, {a="b"} | unwrap x [5m])`, `unexpected -, expecting NUMBER or { or (`},
		{"unknown function", `rat({a="b"}[5m])`, `unknown function "rat", perhaps "rate"`},
		{"sum of a log query", `sum({a="b"})`, `unexpected log query`},
		{"sum of a number", `sum(1)`, `sum works on a vector, found the number 1`},
		{"sum with a parameter", `sum(1, rate({a="b"}[5m]))`, `unsupported parameter for operation sum(1,`},
		{"grouping twice", `sum by (x) (rate({a="b"}[5m])) by (y)`, `unexpected by`},
		{"grouping without parentheses", `sum by x (rate({a="b"}[5m]))`, `unexpected IDENTIFIER`},
		{"topk without k", `topk(rate({a="b"}[5m]))`, `parameter required for operation topk`},
		{"topk of none", `topk(0, rate({a="b"}[5m]))`, `invalid parameter (must be greater than 0) topk(0`},
		{"topk of a part", `topk(1.5, rate({a="b"}[5m]))`, `invalid parameter topk(1.5,`},
		{"sort with a grouping", `sort(rate({a="b"}[5m])) by (x)`, `sort and sort_desc doesn't allow grouping by`},
		{"approx_topk with a grouping", `approx_topk(2, rate({a="b"}[5m])) by (x)`, `grouping not allowed for approx_topk aggregation`},
		{"operator without operand", `rate({a="b"}[5m]) +`, `unexpected $end`},
		{"sign before a vector", `-rate({a="b"}[5m])`, `unexpected RATE, expecting NUMBER`},
		{"log query as operand", `{a="b"} + 1`, `unexpected type for left leg of binary operation (+): log query`},
		{"numbers as sets", `1 and 2`, `unexpected literal for left leg of logical/set binary operation (and): 1.000000`},
		{"folded number as set", `rate({a="b"}[5m]) or 1 + 1`, `unexpected literal for right leg of logical/set binary operation (or): 2.000000`},
		{"group without matching", `rate({a="b"}[5m]) / group_left rate({a="b"}[5m])`, `unexpected group_left`},
		{"hexadecimal operand", `0x1F`, `not a decimal number`},
		{"number too large", `1e999`, `out of range`},
		{"signed vector", `vector(-1)`, `unexpected -, expecting NUMBER`},
		{"label_replace with too little", `label_replace(rate({a="b"}[5m]), "x", "y", "z")`, `unexpected ), expecting ,`},
		{"label_replace with a bad regexp", `label_replace(rate({a="b"}[5m]), "x", "y", "z", "(")`, `parse error : invalid regex in label_replace`},
		{"metric named alone", `up`, `unexpected IDENTIFIER`},
		{"infinity", `Inf`, `unexpected IDENTIFIER`},
		{"variants of nothing", `variants() of ({a="b"}[5m])`, `unexpected )`},
		{"too long", `{a="b"} |= "` + strings.Repeat("x", 128<<10) + `"`, `query too long`},
		{"nested too deep", strings.Repeat("(", 10000) + "1" + strings.Repeat(")", 10000), `nests deeper than 3000 levels`},
		{"label filters nested too deep", `{a="b"} | ` + strings.Repeat("(", 10000) + `x="1"` + strings.Repeat(")", 10000), `nests deeper`},
		{"too many operators", "vector(1)" + strings.Repeat("+vector(1)", 2000), `levels deep`},
	} {
		e, err := syntax.Parse(tc.query)
		if err == nil {
			t.Errorf("%s: %.80s parses to %.80s, want an error with %q", tc.name, tc.query, e, tc.want)
			continue
		}
		if !strings.HasPrefix(err.Error(), "parse error") || !strings.Contains(err.Error(), tc.want) {
			t.Errorf("%s: %.80s: %v\nwant %q", tc.name, tc.query, err, tc.want)
		}
		var parseErr *syntax.ParseError
		if !errors.As(err, &parseErr) || parseErr.Line < 1 || parseErr.Col < 1 {
			t.Errorf("%s: %#v is no ParseError with a place", tc.name, err)
		}
	}
}

func TestParseAccepts(t *testing.T) {
	for _, query := range []string{
		`{a=~".+"}`, `{a!=""}`, `{a!~".*"}`, `{rate="x", ip="y", über="z"}`, `({a="b"} |= "x")`,
		`{a="b"} |= "x" or ip("10.0.0.1")`, `{a="b"} |~ "["`, `{a="b"} | line_format "{{"`, `{a="b"} | json x="a["`,
		`{a="b"} |="x"|="y"`, `{a="b"} | level="info" |= "x" | json | x="1" y="2"`,
		`rate({a="b"}[0s])`, `-1`, `- 1`, `+5`, `.5`, `1e-3`, `1E+3`, `5 - -3`, `2*-1`,
		`rate({a="b"}[1y2w3d4h5m6s7ms])`, `rate({a="b"}[5m] offset 1.5h)`, `rate({a="b"}[5m] offset 250us)`, `rate({a="b"}[5m] offset 1w)`,
		`{a="b"} | d > 5µs and e < -5s and f >= +3`, `{a="b"} | s = 1PiB`,
		`rate({a="b"} | unwrap x [1m])`, `absent_over_time({a="b"} | unwrap x [1m])`,
		`{a="b"} | ` + strings.Repeat(`x="1" or `, 5000) + `x="1"`,
	} {
		if _, err := syntax.Parse(query); err != nil {
			t.Errorf("%.80s: %v", query, err)
		}
	}
}

func TestParseMatchers(t *testing.T) {
	for _, tc := range []struct{ query, want, wantErr string }{
		{query: `{}`, want: ``},
		{query: ` { } # all`, want: ``},
		{query: `{a="b", c=~"d"}`, want: `a="b" c=~"d"`},
		{query: `{a=""}`, wantErr: `at least one regexp or equality matcher`},
		{query: `{a="b"} |= "x"`, wantErr: `only label matchers are supported`},
		{query: `rate({a="b"}[1m])`, wantErr: `only label matchers are supported`},
		{query: `bad`, wantErr: `unexpected IDENTIFIER`},
		{query: ``, wantErr: `unexpected $end`},
	} {
		ms, err := syntax.ParseMatchers(tc.query)
		if tc.wantErr != "" {
			if err == nil || !strings.Contains(err.Error(), tc.wantErr) {
				t.Errorf("%s: error %v, want %q", tc.query, err, tc.wantErr)
			}
			continue
		}
		var got []string
		for _, m := range ms {
			got = append(got, m.String())
		}
		if err != nil || strings.Join(got, " ") != tc.want {
			t.Errorf("%s: %v, %v, want %s", tc.query, got, err, tc.want)
		}
	}
}

func TestParseLogSelector(t *testing.T) {
	s, err := syntax.ParseLogSelector(`{a="b"} | json`)
	if err != nil || len(s.Matchers) != 1 || s.Matchers[0].Type != labels.MatchEqual || len(s.Stages) != 1 {
		t.Errorf("got %v, %v", s, err)
	}
	if _, err := syntax.ParseLogSelector(`rate({a="b"}[1m])`); err == nil {
		t.Error("a metric is taken for a log query")
	}
}

// Nodes know where they begin.
func TestPositions(t *testing.T) {
	query := `sum by (x) (rate({a="b"} |= "e" | json | y > 5 [5m])) + vector(2)`
	want := map[string]string{
		"*syntax.BinaryOp":          "sum by",
		"*syntax.VectorAggregation": "sum by",
		"*syntax.RangeAggregation":  "rate",
		"*syntax.LogRange":          "{a=",
		"*syntax.LogSelector":       "{a=",
		"*syntax.LineFilter":        "|= ",
		"*syntax.JSONParser":        "json",
		"*syntax.NumberFilter":      "y > 5",
		"*syntax.Vector":            "vector",
	}
	e, err := syntax.Parse(query)
	if err != nil {
		t.Fatal(err)
	}
	syntax.Walk(e, func(n syntax.Node) bool {
		name := typeName(n)
		if !strings.HasPrefix(query[n.Pos():], want[name]) || want[name] == "" {
			t.Errorf("%s begins at %q, want %q", name, query[n.Pos():], want[name])
		}
		delete(want, name)
		return true
	})
	if len(want) > 0 {
		t.Errorf("not walked over: %v", want)
	}
}

func FuzzParse(f *testing.F) {
	for _, seed := range []string{
		`{a="b"}`, "{a=~`x|y`, c!=\"\\n\"} |= \"e\" or ip(\"::1\") != \"f\" | json a=\"b[0]\", c | logfmt --strict --keep-empty",
		`sum by (x) (rate({a="b"} | y > 5 or (z=~"1" and s >= 1.5MiB, d < 1h5m) [5m] offset -1h))`,
		`quantile_over_time(0.99, {a="b"} | unwrap duration(x) | __error__="" [1h30m]) without (y) > bool on (a) group_left (b) 5 ^ -2`,
		`topk(5, label_replace(vector(1), "a", "$1", "b", "(.*)")) unless 1 + vector(2)`,
		`variants(count_over_time({a="b"}[1m])) of ({a="b"}[5m])`,
		`{a="b"} | regexp "(?P<x>y)" | pattern "<_> <z>" | unpack | line_format "{{.x}}" | label_format a=b,c="d" | decolorize | drop x,y="z" | keep w # end`,
		`1 % 0`, `-1e308 * 10`, `0x10`, `{a="b"} | x == 0x10`,
	} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, query string) {
		e, err := syntax.Parse(query)
		if err != nil {
			_ = err.Error()
			return
		}
		want := dump(e)
		for _, text := range []string{e.String(), syntax.Pretty(e)} {
			again, err := syntax.Parse(text)
			if err != nil {
				if strings.Contains(err.Error(), "query too long") {
					continue
				}
				t.Fatalf("%q is printed as %q: %v", query, text, err)
			}
			if got := dump(again); got != want {
				t.Fatalf("%q changed by printing\ntext: %q\nwant: %s\ngot:  %s", query, text, want, got)
			}
		}
	})
}
