package pipeline_test

import (
	"strings"
	"testing"
	"time"

	"github.com/skaldlogs/skald/pkg/logql/pipeline"
)

func TestTemplateFunctions(t *testing.T) {
	const line = "Hello World 1718000000"
	at := time.Date(2024, 6, 10, 6, 13, 20, 123456789, time.UTC).UnixNano()
	for _, tc := range []struct{ template, want string }{
		{`{{ __line__ | lower }} {{ upper "é" }} {{ ToLower "ÀB" }} {{ ToUpper "x" }}`, "hello world 1718000000 É àb X"},
		{`{{ title "foo bar_baz it's 9to5" }}`, "Foo Bar_baz It's 9to5"},
		{`{{ Replace __line__ "o" "0" 1 }}`, "Hell0 World 1718000000"},
		{`{{ replace "o" "0" __line__ }}`, "Hell0 W0rld 1718000000"},
		{`{{ Trim "xxaxx" "x" }}{{ TrimLeft "xxaxx" "x" }}{{ TrimRight "xxaxx" "x" }}`, "aaxxxxa"},
		{`{{ TrimPrefix "abc" "a" }}{{ TrimSuffix "abc" "c" }}{{ TrimSpace " x " }}`, "bcabx"},
		{`{{ trim " x " }}{{ trimAll "$" "$5$" }}{{ "abc" | trimPrefix "a" }}{{ trimSuffix "c" "abc" }}`, "x5bcab"},
		{`{{ regexReplaceAll "(W)o(r)" __line__ "${2}u$1" }}`, "Hello ruWld 1718000000"},
		{`{{ regexReplaceAllLiteral "o." "foo." "$1" }}`, "f$1."},
		{`{{ count "o|l" __line__ }}`, "5"},
		{`{{ contains "World" __line__ }} {{ hasPrefix "He" __line__ }} {{ hasSuffix "x" __line__ }}`, "true true false"},
		{`{{ substr 6 11 __line__ }}|{{ substr -1 2 "äöü" }}|{{ substr 1 -1 "äöü" }}|{{ substr 1 99 "äöü" }}`, "World|äö|öü|öü"},
		{`{{ trunc 5 __line__ }}|{{ trunc -3 __line__ }}|{{ trunc 99 "ab" }}|{{ trunc -99 "ab" }}`, "Hello|000|ab|ab"},
		{"{{ indent 2 \"a\\nb\" }}{{ nindent 1 \"c\" }}{{ repeat 3 \"x\" }}", "  a\n  b\n cxxx"},
		{`{{ alignLeft 5 "ab" }}|{{ alignLeft 1 "ab" }}|{{ alignRight 5 "äb" }}|{{ alignRight 1 "ab" }}|{{ alignLeft -1 "ab" }}`, "ab   |a|   äb|b|ab"},
		{`{{ b64enc "hi" }} {{ b64dec "aGk=" }} {{ urlencode "a b&c" }} {{ urldecode "a+b%26c" }}`, "aGk= hi a+b%26c a b&c"},
		{`{{ b64dec "YQ" }}`, "illegal base64 data at input byte 0"},
		{`{{ bytes "2KB" }} {{ bytes "1 MiB" }} {{ duration "1m30s" }} {{ duration_seconds "250ms" }}`, "2000 1.048576e+06 90 0.25"},
		{`{{ int "42" }} {{ int 3.9 }} {{ int "x" }} {{ float64 "2.5" }} {{ printf "%05.1f" (float64 "3.14") }}`, "42 3 0 2.5 003.1"},
		{`{{ add 1 2 "3" }} {{ sub 5 2 }} {{ mul 2 3 4 }} {{ div 7 2 }} {{ mod 7 4 }} {{ max 1 5 3 }} {{ min 4 2 }}`, "6 3 24 3 3 5 2"},
		{`{{ addf 1.5 2 }} {{ subf 5 2.5 1 }} {{ mulf 1.5 2 }} {{ divf 7 2 }} {{ maxf 1 2.5 }} {{ minf 1 2.5 }}`, "3.5 1.5 3 3.5 2.5 1"},
		{`{{ int "1.9" }} {{ int "-1." }} {{ int ".5" }} {{ int "0x1F" }} {{ int "1_000" }} {{ int "007" }} {{ int "+5" }} {{ int "-9223372036854775808" }}`, "1 -1 0 31 1000 7 5 -9223372036854775808"},
		{`{{ int " 7" }} {{ int "08" }} {{ int "1e2" }} {{ int "Inf" }} {{ int "9223372036854775808" }} {{ int "-+1.5" }} {{ int "." }} {{ int "1.5e1" }}`, "0 0 0 0 0 0 0 0"},
		{`{{ float64 " 7" }} {{ float64 "1e2" }} {{ float64 "-0" }} {{ float64 "Inf" }} {{ floor "Inf" }}`, "0 100 -0 +Inf +Inf"},
		{`{{ addf 0.1 0.2 }} {{ subf 1.9 0.1 }} {{ mulf 1.1 1.1 1.1 }} {{ divf 2 3 }} {{ divf 1 1e19 }} {{ divf .5 3 }} {{ addf }} {{ mulf "x" 2 }} {{ mulf 1.386 1000 }}`, "0.3 1.8 1.331 0.6666666666666667 0 0.1666666666666667 0 0 1386"},
		{`{{ ceil 1.2 }} {{ floor -1.2 }} {{ round 2.345 2 }} {{ round -2.5 0 }} {{ round 123.555 3 }}`, "2 -2 2.35 -3 123.555"},
		{`{{ range $i, $e := fromJson "[1,\"x\"]" }}{{ $i }}={{ $e }};{{ end }}{{ (fromJson "{\"a\":{\"b\":2}}").a.b }}{{ fromJson "no" }}`, "0=1;1=x;2<no value>"},
		{`{{ printf "%[2]s-%05[1]d %% 9999999" 7 "b" }} {{ printf "%*d %6.2f" 4 5 1.239 }}`, "b-00007 % 9999999    5   1.24"},
		{`{{ default "d" .nope }} {{ default "d" .app }} {{ .nope | default "x" }}`, "d web x"},
		{`{{ unixEpoch __timestamp__ }} {{ unixEpochMillis __timestamp__ }} {{ unixEpochNanos __timestamp__ }}`, "1718000000 1718000000123 1718000000123456789"},
		{`{{ __timestamp__ | date "2006-01-02T15:04:05.000Z07:00" }}`, "2024-06-10T06:13:20.123Z"},
		{`{{ __timestamp__.Format "2006" }} {{ (__timestamp__.AddDate 1 0 0).Year }} {{ __timestamp__.Weekday }} {{ __timestamp__.After (toDate "2006" "2000") }}`, "2024 2025 Monday true"},
		{`{{ __timestamp__ }}`, "2024-06-10 06:13:20.123456789 +0000 UTC"},
		{`{{ toDateInZone "2006-01-02" "UTC" "2024-05-06" | unixEpoch }}`, "1714953600"},
		{`{{ toDateInZone "2006" "Nowhere/At_All" "2024" | unixEpoch }}`, "1704067200"},
		{`{{ date "2006" 1718000000 }} {{ 1718000000 | int | date "01" }}`, "2024 06"},
		{`{{ toDate "2006-01-02" "word" | date "2006" }}`, "0001"},
		{`{{ (unixToTime "19000").UTC | date "2006-01-02" }} {{ unixToTime "1718000000" | unixEpoch }} {{ unixToTime "1718000000123" | unixEpochMillis }}`, "2022-01-08 1718000000 1718000000123"},
		{`{{ unixToTime "1718000000123456" | unixEpochNanos }} {{ unixToTime "1718000000123456789" | unixEpochNanos }}`, "1718000000123456000 1718000000123456789"},
		{`{{ if eq .app "web" }}yes{{ else }}no{{ end }} {{ and .app .nope }}| {{ or .nope .app }} {{ len .app }} {{ index "abc" 1 }}`, "yes | web 3 98"},
		{`{{ with .app }}{{ . }}{{ end }}{{ define "x" }}[{{ .app }}]{{ end }}{{ template "x" . }}`, "web[web]"},
		{`{{ .nope }}`, ""},
		{`{{ if gt (now | unixEpoch | int) 1718000000 }}later{{ end }}`, "later"},
	} {
		p := compile(t, "| line_format "+quote(tc.template), pipeline.Options{}).ForStream(stream)
		got, set, ok := p.Process(at, line, nil)
		if !ok || got != tc.want || set.Error != "" {
			t.Errorf("%s\ngot  %q %s\nwant %q", tc.template, got, set.ErrorDetails, tc.want)
		}
	}
}

func TestTemplateFunctionsFail(t *testing.T) {
	for _, template := range []string{
		`{{ div 1 0 }}`, `{{ mod 1 "x" }}`, `{{ index .app 9 }}`, `{{ bytes "x" }}`, `{{ duration "1d" }}`, `{{ regexReplaceAll "(" "x" "y" }}`, `{{ count "(" "x" }}`,
		`{{ urldecode "%zz" }}`, `{{ date "2006" "x" }}`, `{{ unixToTime "x" }}`, `{{ unixToTime "1" }}`, `{{ divf 1 0 }}`, `{{ divf 1 2 "x" }}`, `{{ addf "Inf" 1 }}`, `{{ mulf "NaN" }}`, `{{ substr 9 10 "ab" }}`,
		`{{ repeat 99999999 "abc" }}`, `{{ repeat -1 "abc" }}`, `{{ indent 99999999 "abc" }}`, `{{ alignLeft 999999999 "x" }}`, `{{ slice "abc" 2 1 }}`,
		`{{ .app.x }}`,
		// Programs that would not end, or write without end.
		`{{ range 9999999999999 }}{{ end }}`,
		`{{ range 100000 }}{{ range 100000 }}x{{ end }}{{ end }}`,
		`{{ define "x" }}{{ template "x" . }}{{ template "x" . }}{{ end }}{{ template "x" . }}`,
		`{{ $x := .app }}{{ range 100 }}{{ $x = print $x $x }}{{ end }}`,
		`{{ $x := .app }}{{ range 100 }}{{ $x = printf "%s%s" $x $x }}{{ end }}`,
		`{{ $x := .app }}{{ range 100 }}{{ $x = replace "w" $x $x }}{{ end }}`,
		`{{ $x := .app }}{{ range 100 }}{{ $x = regexReplaceAll "." $x "$0$0$0" }}{{ end }}`,
		`{{ $x := .app }}{{ range 100 }}{{ $x = b64enc $x }}{{ end }}`,
		`{{ __timestamp__.Format (repeat 2000 "1") }}`,
		`{{ printf "%999999[1]d%999999[1]d%999999[1]d" 1 }}`,
		`{{ printf "%.999999f%[2]*[2]d" 1.5 999999 }}`,
		`{{ $x := repeat 500000 "x" }}{{ printf "%[1]s%[1]s%[1]s" $x }}`,
		`{{ printf "%*d%*d" 999999 1 999999 1 }}`,
		`{{ $x := repeat 100000 "[" }}{{ range 1000000 }}{{ $y := fromJson $x }}{{ end }}`,
		`{{ __timestamp__.AppendFormat nil "2006" }}`,
		`{{ $x := repeat 100000 "<" }}{{ range 1000000 }}{{ html $x }}{{ end }}`,
	} {
		p := compile(t, "| line_format "+quote(template), pipeline.Options{}).ForStream(stream)
		line, set, ok := p.Process(0, "line", nil)
		if !ok || line != "line" || set.Error != pipeline.ErrTemplateFormat || set.ErrorDetails == "" {
			t.Errorf("%s: line %q, error %q; want the line as it was and an error", template, line, set.Error)
		}
	}
}

// Each stage may write a little, and many of them must not write without bound.
func TestStagesThatGrow(t *testing.T) {
	big := `"` + strings.Repeat("x", 1<<20) + `\n"`
	for _, tc := range []struct{ stages, line string }{
		{"| label_format a=app " + strings.Repeat("| label_format a=`{{.a}}{{.a}}{{.a}}{{.a}}{{.a}}{{.a}}{{.a}}{{.a}}` ", 20), "line"},
		{strings.Repeat("| label_format a=`{{.app}}{{.a}}{{.a}}` ", 2000), "line"},
		{strings.Repeat("| line_format `{{__line__ | lower}}` ", 2000), big},
		{strings.Repeat("| json ", 200), `{"a":` + big + `}`},
	} {
		p := compile(t, tc.stages, pipeline.Options{}).ForStream(stream)
		_, set, ok := p.Process(0, tc.line, nil)
		if !ok || set.Error != pipeline.ErrTemplateFormat {
			t.Errorf("%.60s…: %t, error %q; want one of templates", tc.stages, ok, set.Error)
		}
		if n := set.All.ByteSize(); n > 4<<20 {
			t.Errorf("%.60s…: labels of %d bytes", tc.stages, n)
		}
		p.Release()
		if line, set, ok := p.Process(0, "{}", nil); !ok || line != "{}" && line != "" {
			t.Errorf("%.60s…: the next line is %.20q %v", tc.stages, line, set)
		}
	}
}

// quote writes a string as a query can hold it.
func quote(s string) string {
	if !strings.Contains(s, "`") && !strings.Contains(s, "\n") {
		return "`" + s + "`"
	}
	panic("test templates hold no backticks or line breaks")
}
