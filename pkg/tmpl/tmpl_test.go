package tmpl_test

import (
	"errors"
	"fmt"
	"io"
	"testing"
	"text/template"

	"github.com/skaldlogs/skald/pkg/tmpl"
)

func parseText(t *testing.T, text string, tick func() (string, error)) *template.Template {
	t.Helper()
	p, err := template.New("t").Funcs(template.FuncMap{tmpl.TickFunc: tick, "upper": func(s string) string { return s }}).Parse(text)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

func TestPlainAndLooks(t *testing.T) {
	for _, tc := range []struct{ text, plain, looks string }{
		{"", "[] true", "[] false"},
		{"a{{.b}} c{{ .d }}", "[{a } { b} { c } { d}] true", "[b d] false"},
		{"{{.a | upper}}", "[] false", "[a] false"},
		{"{{.a.b}}", "[] false", "[a] false"},
		{"{{$x := .a}}{{$x}}", "[] false", "[a] true"},
		{"{{if .a}}{{.b}}{{else if eq .c `x`}}{{.d}}{{end}}", "[] false", "[a b c d] false"},
		{"{{.}}", "[] false", "[] true"},
		{"{{range .a}}{{.b}}{{end}}", "[] false", "[] true"},
		{`{{define "x"}}{{.a}}{{end}}{{.b}}`, "[{ b}] true", "[b a] false"},
	} {
		p := parseText(t, tc.text, noTick)
		parts, ok := tmpl.Plain(p)
		if got := fmt.Sprint(parts, ok); got != tc.plain {
			t.Errorf("%s: the parts are %s, want %s", tc.text, got, tc.plain)
		}
		names, all := tmpl.Looks(p)
		want := map[string]bool{fmt.Sprint(names, all): true}
		// Templates come in any order.
		if len(names) == 2 {
			want[fmt.Sprintf("[%s %s] %v", names[1], names[0], all)] = true
		}
		if !want[tc.looks] {
			t.Errorf("%s: it looks at %v, any %v, want %s", tc.text, names, all, tc.looks)
		}
	}
}

func noTick() (string, error) { return "", nil }

// TestTick bounds what would not end.
func TestTick(t *testing.T) {
	enough := errors.New("enough")
	for _, text := range []string{
		"{{range 9999999999}}{{end}}",
		"{{if true}}{{with 1}}{{range 99999}}{{range 99999}}x{{end}}{{end}}{{end}}{{end}}",
		`{{define "x"}}{{template "x" .}}{{template "x" .}}{{end}}{{template "x" .}}`,
	} {
		n := 0
		p := parseText(t, text, func() (string, error) {
			if n++; n > 1000 {
				return "", enough
			}
			return "", nil
		})
		tmpl.Tick(p)
		if err := p.Execute(io.Discard, nil); !errors.Is(err, enough) {
			t.Errorf("%s: %v", text, err)
		}
	}
}
