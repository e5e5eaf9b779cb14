package logproto

import (
	"errors"
	"strings"
	"testing"

	"github.com/prometheus/prometheus/model/labels"
	"pgregory.net/rapid"

	"github.com/skaldlogs/skald/pkg/seeds"
)

func TestParseLabels(t *testing.T) {
	for _, tc := range []struct{ text, want string }{
		{`{}`, `{}`},
		{` { } `, `{}`},
		{`{app="web"}`, `{app="web"}`},
		{`{b="2",a="1"}`, `{a="1", b="2"}`},
		{"\t{\n a = \"1\" ,\r\n b=`2` }\n", `{a="1", b="2"}`},
		{`{a=""}`, `{}`},
		{`{a="",b="2"}`, `{b="2"}`},
		{`{_a1="x", __name__="n"}`, `{__name__="n", _a1="x"}`},
		{`{a="say \"hi\"\\ \n\t\x41\u017c\101"}`, `{a="say \"hi\"\\ \n\tAżA"}`},
		{"{a=`C:\\new \"x\"`}", `{a="C:\\new \"x\""}`},
		{"{a=`two\nlines`}", `{a="two\nlines"}`},
		{"{a=\"\xff\"}", "{a=\"\ufffd\"}"},
		{`{a="\xff"}`, "{a=\"\ufffd\"}"},
		{`{a="}", b="{"}`, `{a="}", b="{"}`},
	} {
		got, err := ParseLabels(tc.text)
		if err != nil || got.String() != tc.want {
			t.Errorf("%s: %s, %v, want %s", tc.text, got, err, tc.want)
		}
	}
}

func TestParseLabelsRefuses(t *testing.T) {
	for _, tc := range []struct{ text, want string }{
		{``, `1:1: parse error: expected '{', found the end`},
		{`app="web"`, `1:1: parse error: expected '{', found 'a'`},
		{`{`, `1:2: parse error: expected ',' or '}', found the end`},
		{`{app}`, `1:5: parse error: expected '=', found '}'`},
		{`{bad-name="v"}`, `1:5: parse error: expected '=', found '-'`},
		{`{1abc="v"}`, `1:2: parse error: expected a label name, found '1'`},
		{`{zaż="v"}`, `1:4: parse error: expected '=', found 'ż'`},
		{`{"a.b"="v"}`, `1:2: parse error: expected a label name, found '"'`},
		{`{a="1",}`, `1:8: parse error: expected a label name, found '}'`},
		{`{,a="1"}`, `1:2: parse error: expected a label name, found ','`},
		{`{a="1" b="2"}`, `1:8: parse error: expected ',' or '}', found 'b'`},
		{`{a='1'}`, `1:4: parse error: expected a value in quotes, found '\''`},
		{`{a=1}`, `1:4: parse error: expected a value in quotes, found '1'`},
		{`{a=~"1"}`, `1:4: parse error: expected a value in quotes, found '~'`},
		{`{a!="1"}`, `1:3: parse error: expected '=', found '!'`},
		{`{a="1`, `1:4: parse error: value does not end`},
		{`{a="\`, `1:4: parse error: value does not end`},
		{"{a=\"x\ny\"}", `1:4: parse error: value does not end on its line`},
		{`{a="\q"}`, `1:5: parse error: unknown escape "\\q"`},
		{`{a="1"} x`, `1:9: parse error: expected the end, found 'x'`},
		{"{a=\"1\",\n b=\"2\", a=\"3\"}", `2:9: parse error: label "a" is there twice`},
		{`{a="", a="3"}`, `1:8: parse error: label "a" is there twice`},
	} {
		got, err := ParseLabels(tc.text)
		if !errors.Is(err, ErrMalformed) || err.Error() != tc.want {
			t.Errorf("%s: %s, %v, want %s", tc.text, got, err, tc.want)
		}
	}
	// What labels cannot hold is refused, not passed on to panic in them.
	for _, text := range []string{
		`{a="` + strings.Repeat("x", MaxLabelsBytes) + `"}`,
		`{a="` + strings.Repeat("\xff", MaxLabelsBytes-10) + `"}`,
		`{a="` + strings.Repeat(`\377\101`, MaxLabelsBytes/8-10) + `"}`,
		`{` + strings.Repeat(`a="",`, MaxLabels) + `a=""}`,
	} {
		if _, err := ParseLabels(text); err != nil && !errors.Is(err, ErrMalformed) {
			t.Errorf("%d bytes of labels: %v, want none or ErrMalformed", len(text), err)
		}
	}
}

// Labels that are printed and parsed are the same labels.
func TestParseLabelsRoundTrip(t *testing.T) {
	seeds.Check(t, func(t *rapid.T) {
		ls := labels.FromMap(rapid.MapOf(rapid.StringMatching(`[a-zA-Z_][a-zA-Z0-9_]{0,8}`), rapid.String().Filter(func(s string) bool { return s != "" })).Draw(t, "labels"))
		got, err := ParseLabels(ls.String())
		if err != nil || !labels.Equal(got, ls) {
			t.Fatalf("%s: parsed as %s, %v", ls, got, err)
		}
	})
}

func FuzzParseLabels(f *testing.F) {
	for _, s := range []string{`{}`, `{a="b"}`, "{a=`b`, c=\"\\xff\\n\"}", `{a="",a=""}`, `{a="\777"}`, "{a=\"\xff\"}"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, text string) {
		ls, err := ParseLabels(text)
		if err != nil {
			if !errors.Is(err, ErrMalformed) {
				t.Errorf("%q: %v is not ErrMalformed", text, err)
			}
			return
		}
		again, err := ParseLabels(ls.String())
		if err != nil || !labels.Equal(ls, again) {
			t.Errorf("%q is %s, and that %s, %v", text, ls, again, err)
		}
	})
}

// What does a stream cost whose labels were not seen before?
func BenchmarkParseLabels(b *testing.B) {
	const text = `{cluster="eu-west-1", container="api", env="prod", filename="/var/log/pods/api-0.log", namespace="shop", pod="api-6b8f7c9d4-x2x7k"}`
	b.SetBytes(int64(len(text)))
	b.ReportAllocs()
	for b.Loop() {
		if _, err := ParseLabels(text); err != nil {
			b.Fatal(err)
		}
	}
}
