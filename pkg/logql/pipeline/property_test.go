package pipeline_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/dustin/go-humanize"
	"github.com/grafana/regexp"
	"github.com/prometheus/prometheus/model/labels"
	"pgregory.net/rapid"

	"github.com/skaldlogs/skald/pkg/logql/pipeline"
	"github.com/skaldlogs/skald/pkg/logql/syntax"
	"github.com/skaldlogs/skald/pkg/model"
	"github.com/skaldlogs/skald/pkg/seeds"
)

var (
	genKey   = rapid.SampledFrom([]string{"a", "b", "c", "app", "m", "a_b", "9x", "é"})
	genValue = rapid.SampledFrom([]string{"1", "2.5", "x", "", "x y", "3s", "4KB", "q\"uote", "10.0.0.1", "\\"})
	genLine  = rapid.OneOf(rapid.Custom(genLogfmtLine), rapid.Custom(genJSONLine), rapid.String())
)

func genLogfmtLine(t *rapid.T) string {
	var parts []string
	for range rapid.IntRange(0, 5).Draw(t, "pairs") {
		v := genValue.Draw(t, "value")
		if rapid.Bool().Draw(t, "quoted") {
			v = fmt.Sprintf("%q", v)
		}
		parts = append(parts, genKey.Draw(t, "key")+"="+v)
	}
	return strings.Join(parts, " ")
}

func genJSONLine(t *rapid.T) string {
	b, err := json.Marshal(genObject(t, 3))
	if err != nil {
		t.Fatal(err)
	}
	if n := rapid.IntRange(0, 3).Draw(t, "damage"); n == 0 && len(b) > 1 {
		b = b[:rapid.IntRange(1, len(b)-1).Draw(t, "cut")]
	}
	return string(b)
}

func genObject(t *rapid.T, depth int) map[string]any {
	o := map[string]any{}
	for range rapid.IntRange(0, 4).Draw(t, "members") {
		var v any
		switch rapid.IntRange(0, 5).Draw(t, "kind") {
		case 0:
			v = rapid.IntRange(-9, 1000).Draw(t, "int")
		case 1:
			v = rapid.Bool().Draw(t, "bool")
		case 2:
			v = nil
		case 3:
			v = []any{1, "x", genValue.Draw(t, "value")}
		case 4:
			if depth > 0 {
				v = genObject(t, depth-1)
			}
		default:
			v = rapid.OneOf(genValue, rapid.String()).Draw(t, "string")
		}
		o[rapid.OneOf(genKey, rapid.String()).Draw(t, "key")] = v
	}
	return o
}

// With a grouping a pipeline makes fewer labels, and the group is what it would
// have been with all of them.
func TestGroupingChangesNothing(t *testing.T) {
	genStage := rapid.SampledFrom([]string{
		`| json`, `| logfmt`, `| logfmt --strict`, `| json a, c="a_b"`, `| logfmt b, a="c"`, `| regexp "(?P<a>\\d)(?P<c>.)?"`, `| pattern "<a>=<b> <_>"`, `| unpack`,
		`|= "a"`, `!~ "z+"`, `| a="1"`, `| b!="x" or a>1`, `| c=~"x.*"`, `| __error__=""`, `| a>1`, `| m="1"`,
		`| line_format "{{.a}} {{.b}}"`, `| label_format c=a`, `| label_format a="{{.b}}", b="{{ div 1 .a }}"`, `| drop a, b="x"`, `| keep a, b, m, app`, `| decolorize`,
	})
	seeds.Check(t, func(t *rapid.T) {
		stages := parseStages(t, strings.Join(rapid.SliceOfN(genStage, 0, 5).Draw(t, "stages"), " "))
		grouping := &syntax.Grouping{Labels: rapid.SliceOfN(rapid.SampledFrom([]string{"a", "b", "c", "app", "m", "app_extracted", "_9x", "__error__"}), 1, 3).Draw(t, "by")}
		md := model.Metadata{}
		if rapid.Bool().Draw(t, "metadata") {
			md = append(md, labels.Label{Name: "m", Value: "1"}, labels.Label{Name: "app", Value: "md"})
		}
		full, err := pipeline.Compile(stages, pipeline.Options{})
		if err != nil {
			t.Fatal(err)
		}
		grouped, err := pipeline.Compile(stages, pipeline.Options{Grouping: grouping})
		if err != nil {
			t.Fatal(err)
		}
		a, b := full.ForStream(stream), grouped.ForStream(stream)
		for range 3 {
			line := genLine.Draw(t, "line")
			wantLine, want, wantOK := a.Process(1, line, md)
			gotLine, got, gotOK := b.Process(1, line, md)
			if gotOK != wantOK || gotLine != wantLine {
				t.Fatalf("line %q %v, want %q %v", gotLine, gotOK, wantLine, wantOK)
			}
			if !gotOK {
				continue
			}
			group := labels.NewBuilder(want.All).Keep(grouping.Labels...).Labels()
			group = group.WithoutEmpty()
			if !labels.Equal(got.All, group) || got.Error != want.Error {
				t.Fatalf("line %q: group %s error %q, want %s error %q", line, got.All, got.Error, group, want.Error)
			}
		}
	})
}

func parseStages(t *rapid.T, text string) []syntax.Stage {
	s, err := syntax.ParseLogSelector(`{app="web"} ` + text)
	if err != nil {
		t.Fatalf("%s: %v", text, err)
	}
	return s.Stages
}

// Line filters that look for literals first keep the lines that the regular
// expression matches.
func TestRegexpFiltersAgreeWithRegexps(t *testing.T) {
	genAtom := rapid.SampledFrom([]string{"a", "bc", "é", ".*", ".+", ".", "a*", "(bc)+", "(a|bc)", "[ab]", "^", "$", "(?i:A)", "(?i:aBc)", "(?i:BÉ)", "(?i)k", "x{2,3}", "\\d", "|", "(?:a|)", "\ufffd", "(?s:.*)"})
	genText := rapid.StringOfN(rapid.SampledFrom([]rune("abcABCéÉKkx1\n \ufffd")), 0, 12, -1)
	seeds.Check(t, func(t *rapid.T) {
		expr := strings.Join(rapid.SliceOfN(genAtom, 0, 5).Draw(t, "expr"), "")
		re, err := regexp.Compile(expr)
		if err != nil {
			t.Skip()
		}
		p, err := pipeline.Compile([]syntax.Stage{&syntax.LineFilter{Op: syntax.LineMatches, Args: []syntax.LineFilterArg{{Text: expr}}}}, pipeline.Options{})
		if err != nil {
			t.Fatal(err)
		}
		sp := p.ForStream(stream)
		for range 5 {
			line := genText.Draw(t, "line")
			if rapid.Bool().Draw(t, "invalid") {
				line += "\xff" + genText.Draw(t, "more")
			}
			if _, _, got := sp.Process(0, line, nil); got != re.MatchString(line) {
				t.Fatalf("|~ %q keeps %q: %v", expr, line, got)
			}
		}
	})
}

// A pattern keeps the lines that the regular expression of its parts matches.
func TestPatternFiltersAgreeWithRegexps(t *testing.T) {
	seeds.Check(t, func(t *rapid.T) {
		pattern, expr := "", "^"
		for i, lit := range rapid.SliceOfN(rapid.SampledFrom([]string{"a", "ab", "ba", "b"}), 0, 4).Draw(t, "literals") {
			if i > 0 || rapid.Bool().Draw(t, "gap first") {
				pattern, expr = pattern+"<_>", expr+"(?s:.+)"
			}
			pattern, expr = pattern+lit, expr+lit
		}
		if rapid.Bool().Draw(t, "gap last") && !strings.HasSuffix(pattern, "<_>") {
			pattern, expr = pattern+"<_>", expr+"(?s:.+)"
		}
		re := regexp.MustCompile(expr + "$")
		p, err := pipeline.Compile([]syntax.Stage{&syntax.LineFilter{Op: syntax.LinePattern, Args: []syntax.LineFilterArg{{Text: pattern}}}}, pipeline.Options{})
		if err != nil {
			t.Fatal(err)
		}
		sp := p.ForStream(stream)
		for range 5 {
			line := rapid.StringOfN(rapid.SampledFrom([]rune("ab")), 0, 9, -1).Draw(t, "line")
			if _, _, got := sp.Process(0, line, nil); got != re.MatchString(line) {
				t.Fatalf("|> %q keeps %q: %v", pattern, line, got)
			}
		}
	})
}

// Sizes mean what they mean to go-humanize, the library behind Loki's.
func TestSizesAgreeWithHumanize(t *testing.T) {
	seeds.Check(t, func(t *rapid.T) {
		num := rapid.SampledFrom([]string{"0", "1", "1.5", "12,345", "999", ".5", "-1", "", "1e3", "1_0", "18"}).Draw(t, "number")
		unit := rapid.SampledFrom([]string{"", "B", "b", "k", "kB", "KB", "KiB", "kib", "Mi", "M", "GB", "tib", "PB", "EiB", "EB", "XB", "kk"}).Draw(t, "unit")
		text := num + rapid.SampledFrom([]string{"", " "}).Draw(t, "space") + unit
		want, err := humanize.ParseBytes(text)
		p, cerr := pipeline.Compile([]syntax.Stage{&syntax.BytesFilter{Label: "x", Op: syntax.Eq, Value: want}}, pipeline.Options{})
		if cerr != nil {
			t.Fatal(cerr)
		}
		_, set, ok := p.ForStream(stream).Process(0, "", model.Metadata{{Name: "x", Value: text}})
		// A size that is written shorter than it is compares as it is written.
		written, _ := humanize.ParseBytes(humanize.Bytes(want))
		switch {
		case err != nil && (!ok || set.Error == ""):
			t.Fatalf("%q: kept %v, labels %v; humanize says %v", text, ok, set, err)
		case err == nil && ok != (written == want):
			t.Fatalf("%q: kept %v; humanize says %d, written %d", text, ok, want, written)
		}
	})
}

// FuzzJSON holds the parser to encoding/json on what is valid, and to not failing
// on what is not.
func FuzzJSON(f *testing.F) {
	for _, s := range []string{
		`{"a":{"b":1.5e3,"c":[1,{"d":2}],"e":null},"f":"x\u00e9\ud83d\ude00\n","g":true}`, `{"a":"\ud83d"}`, `{"a":1,}`, `{}`, `{"":{"a":1}}`, `[1]`, `{"a":"\`, `{"a"`, `{"a":{"a":{`,
	} {
		f.Add(s)
	}
	p := compile(f, `| json`, pipeline.Options{})
	paths := compile(f, `| json a, b="a.b[0]", c="a.b", d="[\"f\"]"`, pipeline.Options{})
	unpack := compile(f, `| unpack`, pipeline.Options{})
	f.Fuzz(func(t *testing.T, line string) {
		for _, other := range []*pipeline.Pipeline{paths, unpack} {
			if _, _, ok := other.ForStream(stream).Process(0, line, nil); !ok {
				t.Fatal("a parser dropped an entry")
			}
		}
		_, set, ok := p.ForStream(labels.EmptyLabels()).Process(0, line, nil)
		if !ok {
			t.Fatal("json dropped an entry")
		}
		var v map[string]any
		d := json.NewDecoder(strings.NewReader(line))
		d.UseNumber()
		if !json.Valid([]byte(line)) || d.Decode(&v) != nil || v == nil || strings.Count(line, "{") > 200 {
			return
		}
		if set.Error != "" {
			t.Fatalf("%q is valid JSON: %s", line, set.ErrorDetails)
		}
		// Values under names that are made of one path only must be the same.
		want := map[string][]string{}
		flatten(want, "", v)
		set.All.Range(func(l labels.Label) {
			if vs := want[l.Name]; !slices.Contains(vs, string([]rune(l.Value))) && len(vs) == 1 && !duplicates(line) {
				t.Fatalf("%q: %s=%q, want %q", line, l.Name, l.Value, vs)
			}
		})
	})
}

// flatten collects the values of v by the names of their labels.
func flatten(out map[string][]string, prefix string, v map[string]any) {
	for k, x := range v {
		if k == "" {
			continue
		}
		switch x := x.(type) {
		case map[string]any:
			flatten(out, prefix+k+"_", x)
		case string:
			out[sanitized(prefix+k)] = append(out[sanitized(prefix+k)], x)
		case json.Number, bool:
			out[sanitized(prefix+k)] = append(out[sanitized(prefix+k)], fmt.Sprint(x))
		}
	}
}

func sanitized(name string) string {
	name = regexp.MustCompile(`[^a-zA-Z0-9_]`).ReplaceAllString(name, "_")
	if name != "" && '0' <= name[0] && name[0] <= '9' {
		name = "_" + name
	}
	return name
}

// duplicates reports whether some object of a line names a member twice, of
// which encoding/json takes the last and the parser the first.
func duplicates(line string) bool {
	var one, two bytes.Buffer
	var v any
	if json.Unmarshal([]byte(line), &v) != nil || json.Compact(&one, []byte(line)) != nil {
		return true
	}
	b, err := json.Marshal(v)
	if err != nil || json.Compact(&two, b) != nil {
		return true
	}
	return strings.Count(one.String(), ":") != strings.Count(two.String(), ":")
}

func FuzzLogfmt(f *testing.F) {
	for _, s := range []string{`a=1 b="x y" c= d`, `a="\"\n\u00e9" =b c==d "e"=f`, `a="open`, `a="\`, "a=\xff\x00b=1", `a=b"c d=e`} {
		f.Add(s)
	}
	var ps []*pipeline.Pipeline
	for _, stages := range []string{`| logfmt`, `| logfmt --strict`, `| logfmt --keep-empty`, `| logfmt a, b, x="c"`, `| logfmt --strict a, b`} {
		ps = append(ps, compile(f, stages, pipeline.Options{}))
	}
	f.Fuzz(func(t *testing.T, line string) {
		for i, p := range ps {
			got, set, ok := p.ForStream(stream).Process(0, line, nil)
			if !ok || got != line {
				t.Fatalf("parser changed the line to %q, %v", got, ok)
			}
			if set.Error != "" && i != 1 && i != 4 {
				t.Fatalf("error without --strict: %s", set.ErrorDetails)
			}
		}
	})
}

// FuzzLine runs what else reads lines over anything.
func FuzzLine(f *testing.F) {
	for _, s := range []string{"\x1b[31mred\x1b[0m", "\x1b]0;t\a\u009b1m\x1b", "10.0.0.1:80 [::1]:443 fe80::1%eth0 1.2.3", "::ffff:1.2.3.4 .:.:", "a - b [c] \"d\""} {
		f.Add(s)
	}
	var ps []*pipeline.Pipeline
	for _, stages := range []string{
		`| decolorize`, `|= ip("10.0.0.0/8") or ip("::/0")`, `| pattern "<a> - <b> [<_>] \"<c>\""`, `|> "<_> - <_>\""`, `| regexp "(?P<a>\\d+)(?P<b>x)?"`,
		`| label_format x="{{ __line__ | trunc -3 | alignLeft 5 | title }}" | line_format "{{ fromJson __line__ }}{{ .x }}{{ substr 1 3 __line__ }}"`,
		`| label_format y="{{ __line__ }}" | y>1 or y>1s or y>1B or y=ip("10.0.0.1")`,
	} {
		ps = append(ps, compile(f, stages, pipeline.Options{}))
	}
	f.Fuzz(func(t *testing.T, line string) {
		for _, p := range ps {
			p.ForStream(stream).Process(0, line, nil)
		}
	})
}
