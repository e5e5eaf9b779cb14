package pipeline_test

import (
	"errors"
	"fmt"
	"strconv"
	"strings"
	"sync"
	"testing"

	"github.com/prometheus/prometheus/model/labels"

	"github.com/skaldlogs/skald/pkg/logql/pipeline"
	"github.com/skaldlogs/skald/pkg/logql/syntax"
	"github.com/skaldlogs/skald/pkg/model"
)

// stream is what the entries of most tests belong to.
var stream = labels.FromStrings("app", "web", "env", "prod")

// compile compiles the stages of a query such as `| json | x > 5`.
func compile(t testing.TB, stages string, opts pipeline.Options) *pipeline.Pipeline {
	t.Helper()
	p, err := pipeline.Compile(parse(t, stages), opts)
	if err != nil {
		t.Fatalf("%s: %v", stages, err)
	}
	return p
}

func parse(t testing.TB, stages string) []syntax.Stage {
	t.Helper()
	s, err := syntax.ParseLogSelector(`{app="web"} ` + stages)
	if err != nil {
		t.Fatalf("%s: %v", stages, err)
	}
	return s.Stages
}

// A lineCase runs stages over one entry of the stream.
type lineCase struct {
	name   string
	stages string
	line   string
	md     model.Metadata
	want   string // see outcome
}

// outcome writes what became of an entry: the labels that are not the stream's
// as they were, then the line if it changed. Removed labels of the stream have a minus.
func outcome(line, before string, set *pipeline.LabelSet, ok bool) string {
	if !ok {
		return "dropped"
	}
	var parts []string
	stream.Range(func(l labels.Label) {
		if !set.Stream.Has(l.Name) && !set.All.Has(l.Name) {
			parts = append(parts, "-"+l.Name)
		}
	})
	for _, ls := range []labels.Labels{set.Metadata, set.Parsed} {
		ls.Range(func(l labels.Label) {
			if l.Name != pipeline.ErrorDetailsLabel {
				parts = append(parts, l.Name+"="+quoted(l.Value))
			}
		})
	}
	if line != before {
		parts = append(parts, "line "+strconv.Quote(line))
	}
	return strings.Join(parts, " ")
}

// quoted writes simple values without quotes.
func quoted(s string) string {
	if q := strconv.Quote(s); s == "" || q != `"`+s+`"` || strings.Contains(s, " ") {
		return q
	}
	return s
}

func runLineCases(t *testing.T, cases []lineCase) {
	t.Helper()
	for _, tc := range cases {
		p := compile(t, tc.stages, pipeline.Options{}).ForStream(stream)
		// Twice, with another entry between: nothing is left over from it.
		for range 2 {
			line, set, ok := p.Process(42, tc.line, tc.md)
			if got := outcome(line, tc.line, set, ok); got != tc.want {
				t.Errorf("%s: %s\nline %q\ngot  %s\nwant %s", tc.name, tc.stages, tc.line, got, tc.want)
			}
			p.Process(43, `{"left":"over","n":{"x":"\u0041"}} k="v\"w" 10.0.0.1`, model.Metadata{{Name: "m", Value: "left"}})
		}
	}
}

func TestLineFilters(t *testing.T) {
	const line = `10.1.2.3 GET /cart took 35ms`
	keep := func(stages string) lineCase { return lineCase{name: "keeps", stages: stages, line: line} }
	drop := func(stages string) lineCase {
		return lineCase{name: "drops", stages: stages, line: line, want: "dropped"}
	}
	runLineCases(t, []lineCase{
		keep(`|= "GET"`), drop(`|= "get"`), keep(`|= ""`), drop(`!= ""`), keep(`!= "POST"`), drop(`!= "took"`),
		keep(`|= "POST" or "GET"`), drop(`|= "POST" or "PUT"`), drop(`!= "POST" or "GET"`), keep(`!= "POST" or "PUT"`),
		keep(`|~ "(?i)get"`), drop(`|~ "get"`), keep(`|~ "took \\d+ms$"`), drop(`|~ "^GET"`), keep(`!~ "^GET"`), keep(`|~ ""`), drop(`!~ ""`),
		keep(`|~ "POST|GET"`), drop(`|~ "POST|PUT"`), keep(`|~ ".*GET.*"`), keep(`|~ "(POST|GET) /cart"`), drop(`|~ "x{2}GET"`), keep(`|~ "x*GET y*/"`),
		keep(`|> "<_>GET<_>"`), keep(`|> "<_> GET /cart took <_>"`), drop(`|> "GET<_>"`), drop(`|> "<_>GET"`), keep(`!> "<_>POST<_>"`),
		keep(`|> "10.1.2.3 <_>ms"`), keep(`|> "10.1.2.3 GET /cart took 35ms"`), drop(`|> "10.1.2.3 GET /cart took 35m"`), drop(`|> ""`),
		keep(`|> "<_>"`), drop(`|> "<_>10.1.2.3<_>"`), keep(`|> "1<_>.<_>s"`),
		keep(`|= ip("10.1.2.3")`), keep(`|= ip("10.0.0.0/8")`), keep(`|= ip("10.1.2.0-10.1.2.9")`), drop(`|= ip("10.1.2.4")`), drop(`!= ip("10.0.0.0/8")`), keep(`!= ip("::1")`),
		keep(`|= "POST" or ip("10.1.2.3")`),
		{name: "empty pattern, empty line", stages: `|> ""`, line: ``},
		{name: "a gap is at least a byte", stages: `|> "a<_>b"`, line: `ab`, want: "dropped"},
		{name: "the last literal ends the line", stages: `|> "<_>b"`, line: `abab`},
		{name: "literals do not overlap", stages: `|> "aba<_>bab"`, line: `ababab`, want: "dropped"},
		{name: "in the order written", stages: `| line_format "x" |= "x" != "y"`, line: `y`, want: `line "x"`},
		{name: "invalid bytes are not a literal", stages: `|~ "�"`, line: "a\xffb"},
		{name: "case and letters with more than two forms", stages: `|~ "(?i)straſse"`, line: "STRASSE"},
	})
}

func TestAddresses(t *testing.T) {
	for _, tc := range []struct {
		set, line string
		want      bool
	}{
		{"10.0.0.1", "from 10.0.0.1:8080 to x", true},
		{"10.0.0.1", "10.0.0.1", true},
		{"10.0.0.1", "10.0.0.1.", true},
		{"10.0.0.1", "peer=10.0.0.1,", true},
		{"10.0.0.1", "10.0.0.11", false},
		{"10.0.0.1", "110.0.0.1", false},
		{"10.0.0.1", "::ffff:10.0.0.1", false},
		{"0.0.0.0/0", "300.1.1.1 and 1.2.3 and face", false},
		{"0.0.0.0/0", "::1", false},
		{"2001:db8::/32", "[2001:db8::1]:443", true},
		{"2001:db8::/32", "2001:DB8:0:0:0:0:0:1", true},
		{"2001:db8::/32", "2001:db9::1", false},
		{"::1", "listening on ::1", true},
		{"fe80::1-fe80::ff", "fe80::10%eth0", true},
		{"fe80::1-fe80::ff", "fe80::100", false},
		{"10.0.0.250-10.0.1.5", "x 10.0.1.0 y", true},
		{"10.0.0.0/30", "10.0.0.3", true},
		{"10.0.0.0/30", "10.0.0.4", false},
	} {
		p := compile(t, `|= ip("`+tc.set+`")`, pipeline.Options{}).ForStream(stream)
		if _, _, got := p.Process(0, tc.line, nil); got != tc.want {
			t.Errorf("ip(%q) keeps %q: %v, want %v", tc.set, tc.line, got, tc.want)
		}
	}
}

func TestJSON(t *testing.T) {
	broken := func(line, want string) lineCase {
		return lineCase{name: "broken", stages: `| json`, line: line, want: strings.TrimSpace("__error__=JSONParserErr " + want)}
	}
	runLineCases(t, []lineCase{
		{name: "nested", stages: `| json`, line: `{"a":{"b":1,"c":{"d":"x y"}},"e":true}`, want: `a_b=1 a_c_d="x y" e=true`},
		{name: "spaces around names", stages: `| json`, line: `{" a ":"z","\tb\n":1,"c":{" d ":2},"\u00a0e":3,"  ":4,"f g":5}`, want: `a=z b=1 c_d=2 e=3 f_g=5`},
		{name: "names of spaces alone", stages: `| json`, line: `{"":"x","a":{"":1},"b":{" ":{"c":2}},"":{"d":3,"":4}}`, want: `a=1 b_c=2 d=3`},
		{name: "the first of names that are alike but for spaces", stages: `| json`, line: `{"a":1,"a ":2}`, want: `a=1`},
		{name: "arrays, nulls, empty keys and objects", stages: `| json`, line: `{"a":[1,{"b":2}],"c":null,"":3,"d":{},"e":""}`, want: `e=""`},
		{name: "numbers as written", stages: `| json`, line: `{"a":1.50e3,"b":-0,"c":12345678901234567890}`, want: `a=1.50e3 b=-0 c=12345678901234567890`},
		{name: "names", stages: `| json`, line: `{"9a":1,"b-c":2,"d.e":3,"é":4}`, want: `_=4 _9a=1 b_c=2 d_e=3`},
		{name: "first of a name", stages: `| json`, line: `{"a":1,"a":2,"b":{"c":3},"b_c":4}`, want: `a=1 b_c=3`},
		{name: "escapes", stages: `| json`, line: `{"a":"x\"\\\/\n\u00e9\ud83d\ude00","b\u0063":"d"}`, want: `a=` + strconv.Quote("x\"\\/\né😀") + ` bc=d`},
		{name: "lone surrogate", stages: `| json`, line: `{"a":"\ud83d!"}`, want: `a=�!`},
		{name: "white space", stages: `| json`, line: "\t{ \"a\" : 1 , \"b\" : { } } ", want: `a=1`},
		{name: "comma behind the last", stages: `| json`, line: `{"a":1,"b":{"c":2,},}`, want: `a=1 b_c=2`},
		{name: "text behind", stages: `| json`, line: `{"a":1} and more`, want: `a=1`},
		{name: "stream's names", stages: `| json`, line: `{"app":"x","env":{"y":1}}`, want: `app_extracted=x env_y=1`},
		{name: "metadata's names", stages: `| json`, line: `{"m":"x"}`, md: model.Metadata{{Name: "m", Value: "1"}}, want: `m=1 m_extracted=x`},
		{name: "names of errors are taken", stages: `| json`, line: `{"__error__":"x"}`, want: `__error___extracted=x`},
		{name: "earlier parser first", stages: `| logfmt | json`, line: `{"a":1} a=2`, want: `a=2`},
		broken(``, ``), broken(`[1]`, ``), broken(`"x"`, ``), broken(`a=b`, ``), broken(`12`, ``),
		broken(`{"a":1`, `a=1`), broken(`{"a":1,"b":nope}`, `a=1`), broken(`{"a":1,"b":"x`, `a=1`),
		broken(`{"a":1,"b":"\q"}`, `a=1`), broken(`{"a":1 "b":2}`, `a=1`), broken(`{a:1}`, ``), broken(`{"a"}`, ``), broken(`{"a":[1}`, ``),
		broken(strings.Repeat(`{"a":`, 1000), ``),
	})
}

func TestJSONPaths(t *testing.T) {
	const line = `{"a":{"b":{"c":"deep"},"n":null},"l":[1,{"k":"v"},[2,"x\ty"]],"s p":"q","t":true,"a.b":"dot"}`
	runLineCases(t, []lineCase{
		{name: "keys", stages: `| json x="a.b.c", t`, line: line, want: `t=true x=deep`},
		{name: "indexes", stages: `| json x="l[0]", y="l[1].k", z="l[2][1]"`, line: line, want: `x=1 y=v z="x\ty"`},
		{name: "quoted keys", stages: `| json x="[\"s p\"]", y="a[\"b\"].c", z="[\"a.b\"]"`, line: line, want: `x=q y=deep z=dot`},
		{name: "objects and arrays", stages: `| json x="a.b", y="l[2]"`, line: line, want: `x="{\"c\":\"deep\"}" y="[2,\"x\\ty\"]"`},
		{name: "an object and a member of it", stages: `| json x="a.b", y="a.b.c"`, line: line, want: `x="{\"c\":\"deep\"}" y=deep`},
		{name: "nothing there", stages: `| json x="a.n", y="nope.b", z="l[9]", w="t.x"`, line: line, want: `w="" x="" y="" z=""`},
		{name: "stream's name", stages: `| json app="t"`, line: line, want: `app_extracted=true`},
		{name: "stream's name, not in the line", stages: `| json app="nope", m="nope", x="nope"`, line: line, md: model.Metadata{{Name: "m", Value: "1"}}, want: `m=1 x=""`},
		{name: "other JSON", stages: `| json x="a"`, line: `[1]`, want: `x=""`},
		{name: "no JSON", stages: `| json x="a"`, line: `word`, want: `__error__=JSONParserErr`},
		{name: "no line", stages: `| json x="a"`, line: ``},
		{name: "white space", stages: "| json x=\" a . b . c\\t\", y=\" l [ 1 ] . k \", z=\"[ \\\"s p\\\" ]\"", line: line, want: `x=deep y=v z=q`},
		{name: "paths in the place of labels", stages: `| label_format t="x", nope="y" | json t, nope`, line: line, want: `nope=y t=true`},
		{name: "paths in the place of what a parser found", stages: `| json | json t="a.b.c", app="t" | json app="l[0]"`, line: line, want: `a_b=dot a_b_c=deep app_extracted=1 s_p=q t=deep`},
		{name: "a label of two paths", stages: `| json x="t", x="l[0]", x="nope"`, line: line, want: `x=true`},
		{name: "a label of two paths in the other order", stages: `| json x="nope", x="l[0]", x="t"`, line: line, want: `x=true`},
		{name: "damaged behind", stages: `| json x="a", y="b"`, line: `{"a":1,"c":`, want: `x=1 y=""`},
	})
}

func TestLogfmt(t *testing.T) {
	const line = `ts=1 level=warn msg="say \"hi\"\n" empty= bare q="" k=v=w level=late x="open`
	runLineCases(t, []lineCase{
		{name: "lenient", stages: `| logfmt`, line: line, want: `level=warn msg="say \"hi\"\n" ts=1`},
		{name: "keep empty", stages: `| logfmt --keep-empty`, line: line, want: `bare="" empty="" level=warn msg="say \"hi\"\n" q="" ts=1`},
		{name: "strict", stages: `| logfmt --strict`, line: line, want: `__error__=LogfmtParserErr level=warn msg="say \"hi\"\n" ts=1`},
		{name: "keys", stages: `| logfmt level, m="msg", nope, empty`, line: line, want: `empty="" level=late m="say \"hi\"\n" nope=""`},
		{name: "keys by their labels", stages: `| logfmt http_status, x="_9x", n`, line: `n=1 http.status=200 9x=2 n.=3`, want: `http_status=200 n=1 x=2`},
		{name: "stream's name", stages: `| logfmt app="level", env`, line: line, want: `app_extracted=warn`},
		{name: "metadata's name", stages: `| logfmt m="level", level`, line: line, md: model.Metadata{{Name: "m", Value: "1"}}, want: `m=1 level=late m_extracted=warn`},
		{name: "keys in the place of labels", stages: `| label_format level="x", nope="y" | logfmt level, nope`, line: line, want: `level=late nope=""`},
		{name: "keys in the place of what a parser found", stages: `| logfmt | logfmt level="ts", ts="nope"`, line: line, want: `level=1 msg="say \"hi\"\n" ts=""`},
		{name: "a label of two keys", stages: `| logfmt x="level", x="ts"`, line: line, want: `x=1`},
		{name: "strict keys", stages: `| logfmt --strict level, nope`, line: line, want: `__error__=LogfmtParserErr level=warn nope=""`},
		{name: "keys behind a fault of another parser", stages: `| json | logfmt n, nope`, line: `n=1`, want: `__error__=JSONParserErr n=1 nope=""`},
		{name: "names", stages: `| logfmt`, line: `a-b=1 c.d=2 9e=3 é=4`, want: `_=4 _9e=3 a_b=1 c_d=2`},
		{name: "single quotes", stages: `| logfmt`, line: `a='b c'`, want: `a='b`},
		{name: "unicode", stages: `| logfmt`, line: `a=żółw b="\u00e9"`, want: `a=żółw b=é`},
		{name: "unknown escape", stages: `| logfmt`, line: `a="\q" b=1`, want: `b=1`},
		{name: "no key", stages: `| logfmt`, line: `=a b=1`, want: `b=1`},
		{name: "quote in a value", stages: `| logfmt`, line: `a=b"c" d=1`, want: `d=1`},
		{name: "quoted key", stages: `| logfmt`, line: `"a b"=1 d=1`, want: `d=1`},
		{name: "white space", stages: `| logfmt`, line: " \ta=1\t b=2  ", want: `a=1 b=2`},
		{name: "stream's names", stages: `| logfmt`, line: `app=x`, want: `app_extracted=x`},
		{name: "plain words", stages: `| logfmt --strict`, line: `nothing to see`},
	})
}

func TestOtherParsers(t *testing.T) {
	const access = `10.1.2.3 - frank [10/Oct] "GET /a?x=1 HTTP/1.1" 200`
	runLineCases(t, []lineCase{
		{name: "regexp", stages: `| regexp "(?P<method>[A-Z]+) (?P<path>\\S+)(?P<opt>ZZ)?"`, line: access, want: `method=GET opt="" path=/a?x=1`},
		{name: "regexp without match", stages: `| regexp "(?P<x>ZZ)"`, line: access},
		{name: "pattern", stages: `| pattern "<ip> - <user> [<_>] \"<method> <path> <_>\" <status>"`, line: access, want: `ip=10.1.2.3 method=GET path=/a?x=1 status=200 user=frank`},
		{name: "pattern starts with text", stages: `| pattern "10.<rest> - <_>"`, line: access, want: `rest=1.2.3`},
		{name: "pattern starts with other text", stages: `| pattern "11.<rest>"`, line: access},
		{name: "pattern of an empty line", stages: `| pattern "<a> <b>"`, line: ""},
		{name: "pattern ends early", stages: `| pattern "<a>nope<b>"`, line: "x y", want: `a="x y"`},
		{name: "pattern ends with text", stages: `| pattern "<a> y"`, line: "x y", want: `a=x`},
		{name: "unpack", stages: `| unpack`, line: `{"_entry":"the \"line\"","pod":"p","n":1,"pod":"q","app":"z"}`, want: `app_extracted=z pod=q line "the \"line\""`},
		{name: "unpack without entry", stages: `| unpack`, line: `{"pod":"p"}`},
		{name: "unpack of text", stages: `| unpack`, line: `words`, want: `__error__=JSONParserErr`},
		{name: "unpack behind white space", stages: `| unpack`, line: ` {"_entry":"x"}`, want: `__error__=JSONParserErr`},
		{name: "unpack of damage", stages: `| unpack`, line: `{"_entry":"x","pod":`, want: `__error__=JSONParserErr`},
		{name: "unpack of nothing", stages: `| unpack`, line: ``},
		{name: "decolorize", stages: `| decolorize`, line: "\x1b[1;31mred\x1b[0m \x1b]0;title\atext\x1b(B \x1b[Kx", want: `line "red text x"`},
		{name: "decolorize of nothing", stages: `| decolorize`, line: "plain"},
	})
}

func TestLabelFilters(t *testing.T) {
	const line = `n=5 f=1.5 d=90s s=2KB u=1KiB w=word ip=10.1.2.3 err=stderr`
	cases := []lineCase{}
	for _, filter := range []string{
		`n=5`, `n==5`, `n!=6`, `n>4.5`, `n>=5`, `n<6`, `n<=5`, `f>1`, `d=1m30s`, `d>1m`, `d<2m`, `s>1KB`, `s>=2kB`, `s<3KiB`, `s=2000B`, `u>=1KiB`, `u!=1024B`, `u>=1024B`, `u>1KB`,
		`w="word"`, `w!="x"`, `w=~"w.*"`, `w=~"w[a-z]+"`, `w!~"x.*"`, `err=~"err.*"`, `err=~"x|.*err"`, `w=~""`, `nope=~""`, `nope=""`, `nope!="x"`, `nope=~".*"`,
		`app="web"`, `app=~"w.b"`, `ip=ip("10.0.0.0/8")`, `ip!=ip("10.1.2.4")`, `w!=ip("10.0.0.0/8")`,
		`n=5 and w="word"`, `n=6 or w="word"`, `n=5, w="x" or f>1`, `n=6 or (w="word" and f>1)`, `__error__=""`,
	} {
		cases = append(cases, lineCase{name: "keeps", stages: `| logfmt | ` + filter + ` | keep app, env`, line: line})
	}
	for _, filter := range []string{
		`n=6`, `n!=5`, `n>5`, `f<1.5`, `d<90s`, `s>2KB`, `w="x"`, `w!="word"`, `w=~"or"`, `w=~"[a-z]"`, `w!~".*ord"`, `err!~"err.*"`, `w!~""`, `nope!~""`, `nope="x"`, `nope!=""`, `nope=~".+"`,
		`nope>0`, `nope<0`, `nope>1s`, `nope>1B`, `nope=ip("10.0.0.1")`, `nope!=ip("10.0.0.1")`, `w=ip("10.0.0.1")`, `ip!=ip("10.1.2.3")`, `n=5 and w="x"`, `n=6 or w="x"`, `__error__!=""`,
	} {
		cases = append(cases, lineCase{name: "drops", stages: `| logfmt | ` + filter, line: line, want: "dropped"})
	}
	for _, filter := range []string{
		`w>1`, `w>1s`, `w>1KB`, `n>1s`, `w=5 and n=5`, `w=5 or n=6`, `w=5 | n=5`, `w=5 | w>1s`, `w=5 and d>1m`,
		`w=5 | n=ip("::1")`, `w=5 | nope=ip("::1")`, `w=5 | nope!=ip("::1")`, `w=5 and ip!=ip("10.0.0.0/8")`,
	} {
		cases = append(cases, lineCase{name: "keeps with an error", stages: `| logfmt | ` + filter + ` | keep app, env`, line: line, want: "__error__=LabelFilterErr"})
	}
	cases = append(cases, lineCase{name: "all of a conjunction are asked", stages: `| logfmt | (n=6 and w=5) or n=ip("::1") | keep app`, line: line, want: "-env __error__=LabelFilterErr"})
	for _, filter := range []string{`w=5 | n=6`, `w=5 and d<1m`, `w=5 | s>1MB`, `w=5 | nope>1`, `w=5 | w="x"`} {
		cases = append(cases, lineCase{name: "drops with an error", stages: `| logfmt | ` + filter, line: line, want: "dropped"})
	}
	cases = append(cases,
		lineCase{name: "the first error stays", stages: `| logfmt --strict | w>1`, line: `w=x "`, want: "__error__=LogfmtParserErr w=x"},
		lineCase{name: "compares metadata of damage", stages: `| json | m>1`, line: `x`, md: model.Metadata{{Name: "m", Value: "1"}}, want: "dropped"},
		lineCase{name: "damage has any address", stages: `| json | nope=ip("::1")`, line: `x`, want: "__error__=JSONParserErr"},
	)
	runLineCases(t, cases)
}

func TestLabelStages(t *testing.T) {
	md := model.Metadata{{Name: "m", Value: "1"}, {Name: "app", Value: "md"}}
	runLineCases(t, []lineCase{
		{name: "metadata gives way", stages: ``, md: md, want: `app_extracted=md m=1`},
		{name: "parsed beats metadata under one name", stages: `| logfmt`, line: `app=line`, md: md, want: `m=1 app_extracted=line`},
		{name: "drop", stages: `| logfmt | drop a, app, m`, line: `a=1 b=2`, md: md, want: `-app app_extracted=md b=2`},
		{name: "drop by value", stages: `| logfmt | drop a="x", b=~"[0-9]"`, line: `a=1 b=2`, want: `a=1`},
		{name: "drop an error", stages: `| json | drop __error__, __error_details__`, line: `x`},
		{name: "keep", stages: `| logfmt | keep a, env, c="x"`, line: `a=1 b=2 c=3`, md: md, want: `-app a=1`},
		{name: "keep leaves errors", stages: `| json | keep app, env`, line: `x`, want: `__error__=JSONParserErr`},
		{name: "keep before a parser", stages: `| keep app, env, a | logfmt`, line: `a=1 b=2`, md: md, want: `a=1 b=2`},
		{name: "rename", stages: `| logfmt | label_format x=a, y=nope, b=b`, line: `a=1 b=2`, want: `b=2 x=1`},
		{name: "rename a stream label", stages: `| label_format x=app`, want: `-app x=web`},
		{name: "replace a stream label", stages: `| label_format app="{{.app}}-{{.env}}"`, want: `app=web-prod`},
		{name: "templates do not see each other", stages: `| label_format x="{{.app}}", y="{{.x}}"`, want: `x=web y=""`},
		{name: "templates see renames before them", stages: `| logfmt | label_format x=a, y="{{.x}}", z=y`, line: `a=1`, want: `x=1 z=1`},
		{name: "stages see each other", stages: `| label_format x="{{.app}}" | label_format y="{{.x}}"`, want: `x=web y=web`},
		{name: "metadata cannot tell of errors", md: model.Metadata{{Name: "__error__", Value: "x"}}, want: `__error___extracted=x`},
		{name: "other error labels can be set", stages: `| json | label_format __error_details__="mine", __preserve_error__="true"`, line: `x`, want: `__error__=JSONParserErr __preserve_error__=true`},
		{name: "template fails", stages: `| label_format x="{{ div 1 0 }}", y="{{.app}}"`, want: `__error__=TemplateFormatErr y=web`},
		{name: "line_format", stages: `| logfmt | line_format "{{.a}}/{{.app}}/{{.nope}}!"`, line: `a=1`, want: `a=1 line "1/web/!"`},
		{name: "line_format of a value", stages: `| line_format "{{.app}}" | line_format "<{{ __line__ }}>"`, line: `x`, want: `line "<web>"`},
		{name: "line_format fails", stages: `| line_format "{{ index .app 9 }}"`, line: `x`, want: `__error__=TemplateFormatErr`},
		{name: "line_format of metadata", stages: `| line_format "{{.m}}{{.app_extracted}}"`, md: md, want: `app_extracted=md m=1 line "1md"`},
	})
}

func TestCompileErrors(t *testing.T) {
	for _, tc := range []struct{ stages, want string }{
		{`|~ "[a"`, "parse error : stage '|~ \"[a\"' : error parsing regexp: missing closing ]: `[a`"},
		{`|> "<name> x"`, `named captures are not allowed: found '<name>'`},
		{`|> "<_><_>"`, `found consecutive capture '<_><_>'`},
		{`|~ ip("10.0.0.1")`, `ip: invalid operation`},
		{`|= ip("nonsense")`, `ip: invalid pattern: "nonsense"`},
		{`|= ip("10.0.0.9-10.0.0.1")`, `ip: invalid pattern`},
		{`|= ip("10.0.0.1-::1")`, `ip: invalid pattern`},
		{`|= ip("10.0.0.0/40")`, `ip: invalid pattern`},
		{`| x=ip("300.0.0.1")`, `ip: invalid pattern`},
		{`| x="1" or (y="2" and z=ip("no"))`, `ip: invalid pattern`},
		{`| json x="b..c"`, `cannot parse expression [b..c]: syntax error: unexpected DOT, expecting FIELD`},
		{`| json x="b["`, `cannot parse expression [b[]: syntax error: unexpected $end, expecting STRING or INDEX`},
		{`| json x=""`, `cannot parse expression`},
		{`| json x="b."`, `cannot parse expression`},
		{`| json x=" "`, `cannot parse expression`},
		{`| json x="b c"`, `unexpected 'c'`},
		{`| json x="b-c"`, `unexpected '-'; other names are written as ["name"]`},
		{`| json x="é"`, `unexpected 'é', expecting FIELD; other names are written as ["name"]`},
		{`| json x="1b"`, `unexpected '1', expecting FIELD`},
		{`| json x="b[1"`, `cannot parse expression`},
		{`| json x="b]"`, `cannot parse expression`},
		{`| json x="[\"b\""`, `cannot parse expression`},
		{`| json x="b[99999999999999999999]"`, `cannot parse expression`},
		{`| logfmt x="b.c"`, `cannot parse expression [b.c]: unexpected char .`},
		{`| line_format "{{.a"`, `invalid line template`},
		{`| line_format "{{ nosuch .a }}"`, `function "nosuch" not defined`},
		{`| label_format x="{{"`, `invalid label template`},
		{`| label_format x=a, x=b`, `multiple label name 'x' not allowed in a single format operation`},
		{`| label_format __error__="x"`, `__error__ cannot be formatted`},
	} {
		_, err := pipeline.Compile(parse(t, tc.stages), pipeline.Options{})
		var stageErr *pipeline.StageError
		if !errors.As(err, &stageErr) || !strings.HasPrefix(err.Error(), "parse error : stage '") || !strings.Contains(err.Error(), tc.want) {
			t.Errorf("%s: %v, want %q", tc.stages, err, tc.want)
		}
	}
}

// Label sets come by category, and one set of labels is one LabelSet in whatever
// order a line has them.
func TestLabelSets(t *testing.T) {
	p := compile(t, `| logfmt | label_format env="{{.env}}!"`, pipeline.Options{}).ForStream(stream)
	md := model.Metadata{{Name: "m", Value: "1"}}
	_, a, _ := p.Process(0, `x=1 y=2`, md)
	_, b, _ := p.Process(0, `y=2 x=1`, md)
	_, c, _ := p.Process(0, `y=2 x=3`, md)
	if a != b || a == c {
		t.Errorf("sets are the same: %v (want true), %v (want false)", a == b, a == c)
	}
	for _, tc := range []struct {
		what string
		got  labels.Labels
		want string
	}{
		{"all", a.All, `{app="web", env="prod!", m="1", x="1", y="2"}`},
		{"stream", a.Stream, `{app="web"}`},
		{"metadata", a.Metadata, `{m="1"}`},
		{"parsed", a.Parsed, `{env="prod!", x="1", y="2"}`},
	} {
		if tc.got.String() != tc.want {
			t.Errorf("%s: %s, want %s", tc.what, tc.got, tc.want)
		}
	}
	if a.Hash != labels.StableHash(a.All) {
		t.Error("Hash is not that of All")
	}
}

// One pipeline serves any number of goroutines.
func TestPipelineIsShared(t *testing.T) {
	p := compile(t, `|~ "(?i)A=|B" | logfmt | a=~"x.*|y" or a>1 | line_format "{{ regexReplaceAllLiteral .re .a .g }}{{ __line__ | len }}" | label_format b="{{ .a }}"`, pipeline.Options{})
	var wg sync.WaitGroup
	for i := range 8 {
		wg.Go(func() {
			sp := p.ForStream(labels.FromStrings("g", strconv.Itoa(i)))
			for n := range 200 {
				line, set, ok := sp.Process(0, fmt.Sprintf("a=x%d re=x.*", n), nil)
				if want := fmt.Sprintf("%d%d", i, len(fmt.Sprintf("a=x%d re=x.*", n))); !ok || line != want || set.All.Get("b") != fmt.Sprintf("x%d", n) {
					t.Errorf("goroutine %d: line %q, want %q; labels %s", i, line, want, set.All)
					return
				}
			}
		})
	}
	wg.Wait()
}

// What a label set holds does not change with the entries that come after.
func TestLabelSetsOwnTheirStrings(t *testing.T) {
	p := compile(t, `| json | line_format "{{.a}}" | label_format b="{{.a}}?"`, pipeline.Options{}).ForStream(stream)
	line := []byte(`{"a":"\u0041\u0042"}`)
	_, set, _ := p.Process(0, model.Borrow(line), nil)
	want := set.All.String()
	for i := range line {
		line[i] = 'x'
	}
	for i := range 100 {
		p.Process(0, fmt.Sprintf(`{"a":"\u0041%d"}`, i), nil)
	}
	if got := set.All.String(); got != want {
		t.Errorf("set changed to %s from %s", got, want)
	}
}

// A stream may have labels with the names that tell of errors; an error hides them.
func TestStreamsWithErrorLabels(t *testing.T) {
	p := compile(t, `| json`, pipeline.Options{}).ForStream(labels.FromStrings("__error__", "mine", "app", "web"))
	for _, tc := range []struct{ line, want, wantErr string }{
		{`{}`, `{__error__="mine", app="web"}`, ""},
		{`x`, `{__error__="JSONParserErr", app="web"}`, pipeline.ErrJSON},
	} {
		_, set, _ := p.Process(0, tc.line, nil)
		if got := labels.NewBuilder(set.All).Del(pipeline.ErrorDetailsLabel).Labels(); got.String() != tc.want || set.Error != tc.wantErr {
			t.Errorf("%s: %s, error %q; want %s, %q", tc.line, got, set.Error, tc.want, tc.wantErr)
		}
	}
}

func TestGrouping(t *testing.T) {
	by := func(names ...string) *syntax.Grouping { return &syntax.Grouping{Labels: names} }
	without := func(names ...string) *syntax.Grouping { return &syntax.Grouping{Labels: names, Without: true} }
	for _, tc := range []struct {
		name, stages, line string
		grouping           *syntax.Grouping
		want, wantErr      string
	}{
		{"by parsed", `| json`, `{"a":1,"b":{"c":2}}`, by("b_c"), `{b_c="2"}`, ""},
		{"by stream and missing", `| json`, `{"a":1}`, by("app", "nope"), `{app="web"}`, ""},
		{"by what gave way", `| json`, `{"env":"x","a":1}`, by("env_extracted"), `{env_extracted="x"}`, ""},
		{"by empty value", `| logfmt --keep-empty`, `a= b=1`, by("a", "b"), `{b="1"}`, ""},
		{"by metadata", `| json`, `{"m":2}`, by("m", "m_extracted"), `{m="1", m_extracted="2"}`, ""},
		{"error is told", `| json`, `{"a":1,`, by("a"), `{a="1"}`, pipeline.ErrJSON},
		{"error behind what is needed is told", `| json`, `{"a":1,"b":nope}`, by("a"), `{a="1"}`, pipeline.ErrJSON},
		{"by error", `| json`, `x`, by("__error__"), `{__error__="JSONParserErr"}`, pipeline.ErrJSON},
		{"nothing needed, nothing parsed", `| json`, `x`, by(), `{}`, ""},
		{"filters need what they look at", `| json | a=1`, `{"a":1,`, by(), `{}`, pipeline.ErrJSON},
		{"filtered error", `| json | __error__=""`, `{"a":1}`, by(), `{}`, ""},
		{"templates need what they name", `| json | line_format "{{.a}}" | pattern "<x>-<_>"`, `{"a":"1-2"}`, by("x"), `{x="1"}`, ""},
		{"templates that may look at all", `| json | label_format x="{{ range $k, $v := . }}{{$k}};{{ end }}"`, `{"a":"1"}`, by("x"), `{x="a;app;env;m;"}`, ""},
		{"renamed", `| json | label_format x=a`, `{"a":1}`, by("x"), `{x="1"}`, ""},
		{"parser behind keep", `| keep app | json`, `{"a":1}`, by("a"), `{a="1"}`, ""},
		{"without", `| json`, `{"a":1,"b":2}`, without("a", "env", "m"), `{app="web", b="2"}`, ""},
		{"without nothing", `| json`, `{"a":1}`, without(), `{a="1", app="web", env="prod", m="1"}`, ""},
	} {
		p := compile(t, tc.stages, pipeline.Options{Grouping: tc.grouping}).ForStream(stream)
		_, set, ok := p.Process(0, tc.line, model.Metadata{{Name: "m", Value: "1"}})
		if !ok || set.All.String() != tc.want || set.Error != tc.wantErr {
			t.Errorf("%s: %v %v, error %q; want %s, error %q", tc.name, ok, set.All, set.Error, tc.want, tc.wantErr)
		}
	}
}

func TestSample(t *testing.T) {
	for _, tc := range []struct{ name, unwrap, line, want string }{
		{"number", `unwrap n`, `n=1.5 b=x`, `1.5 {app="web", b="x", env="prod"}`},
		{"duration", `unwrap duration(n)`, `n=1m30s`, `90 {app="web", env="prod"}`},
		{"duration_seconds", `unwrap duration_seconds(n)`, `n=250ms`, `0.25 {app="web", env="prod"}`},
		{"bytes", `unwrap bytes(n)`, `n=2KB`, `2000 {app="web", env="prod"}`},
		{"missing", `unwrap n`, `b=x`, `dropped`},
		{"no number", `unwrap n`, `n=x`, `0 {__error__="SampleExtractionErr", app="web", env="prod"}`},
		{"no number, filtered", `unwrap n | __error__=""`, `n=x`, `dropped`},
		{"filtered by its own label", `unwrap n | n > 5`, `n=4`, `dropped`},
		{"filtered by another", `unwrap n | b="x"`, `n=4 b=x`, `4 {app="web", b="x", env="prod"}`},
		{"stream label", `unwrap app`, ``, `0 {__error__="SampleExtractionErr", env="prod"}`},
	} {
		e, err := syntax.Parse(`max_over_time({app="web"} | logfmt | ` + tc.unwrap + ` [1m])`)
		if err != nil {
			t.Fatal(err)
		}
		r := e.(*syntax.RangeAggregation).Range
		p, err := pipeline.Compile(r.Selector.Stages, pipeline.Options{Unwrap: r.Unwrap})
		if err != nil {
			t.Fatal(err)
		}
		v, set, ok := p.ForStream(stream).Sample(0, tc.line, nil)
		got := "dropped"
		if ok {
			got = strconv.FormatFloat(v, 'g', -1, 64) + " " + labels.NewBuilder(set.All).Del(pipeline.ErrorDetailsLabel).Labels().String()
		}
		if got != tc.want {
			t.Errorf("%s: %s, want %s", tc.name, got, tc.want)
		}
	}
}
