package rulefile_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/prometheus/common/model"

	"github.com/skaldlogs/skald/pkg/logql/rulefile"
)

const good = `sum by (app) (rate({env="prod"} |= "error" [5m])) > 10`

func TestParseTellsEverythingThatIsWrongAndWhere(t *testing.T) {
	for _, tc := range []struct {
		name, file string
		errs       []string // what each error holds, in order
	}{
		{"nothing", "", nil},
		{"a good file", "groups:\n- name: g\n  interval: 1m\n  limit: 3\n  query_offset: 10s\n  labels: {a: b}\n  rules:\n  - alert: A\n    expr: '" + good + "'\n    for: 1m\n    keep_firing_for: 2m\n    labels: {severity: '{{ $labels.app }}'}\n    annotations: {summary: '{{ $value | humanize }}'}\n", nil},
		{"two documents", "namespace: a\ngroups: []\n---\nnamespace: b\ngroups:\n- name: g\n  rules: []\n", nil},
		{"not YAML", "groups: [", []string{"line 1"}},
		{"an unknown key", "groups:\n- name: g\n  rules:\n  - alrt: A\n    expr: x\n", []string{"line 4: field alrt not found"}},
		{"no name", "groups:\n- rules: []\n", []string{"line 2: Groupname must not be empty"}},
		{"the same name", "groups:\n- name: g\n  rules: []\n- name: g\n  rules: []\n", []string{`line 4: groupname: "g" is repeated`}},
		{"both kinds", rule("alert: A\n    record: r", good), []string{"line 5: only one of 'record' and 'alert' must be set"}},
		{"neither kind", rule("for: 1m", good), []string{"line 4: one of 'record' or 'alert' must be set"}},
		{"no expression", "groups:\n- name: g\n  rules:\n  - alert: A\n", []string{"line 4: field 'expr' must be set in rule"}},
		{"a bad expression", rule("alert: A", `rate({a="b"}`), []string{"line 5: could not parse expression for alert 'A' in group 'g': parse error"}},
		{"lines", rule("record: r", `{a="b"}`), []string{"line 5: could not parse expression for record 'r' in group 'g': the expression selects log lines"}},
		{"a regular expression that does not compile", rule("alert: A", `rate({a="b"} |~ "(" [1m])`), []string{"line 5: could not parse expression"}},
		{"the name of a metric", rule("record: a-b", good), []string{"line 4: invalid recording rule name: a-b"}},
		{"a short interval", "groups:\n- name: g\n  interval: 10ms\n  rules: []\n", []string{`line 2: group "g": the interval 10ms is less than 1s`}},
		{"fields of alerts", rule("record: r\n    for: 1m", good), []string{"line 5: invalid field 'for' in recording rule"}},
		{"a label's name", rule("alert: A\n    labels: {a-b: c}", good), []string{"line 5: invalid label name: a-b"}},
		{"the metric's name", rule("alert: A\n    labels: {__name__: c}", good), []string{"line 5: invalid label name: __name__"}},
		{"a template", rule("alert: A\n    annotations: {a: '{{ .x'}", good), []string{`line 5: annotation "a": `}},
		{"an unknown function", rule("alert: A\n    labels: {a: '{{ nosuch 1 }}'}", good), []string{`line 5: label "a": `}},
		{"all of them", rule("record: a-b\n    labels: {a-b: c}", "x"), []string{"line 4: invalid rec", "line 6: could not", "line 5: invalid label"}},
	} {
		_, errs := rulefile.Parse("file", []byte(tc.file))
		if len(errs) != len(tc.errs) {
			t.Errorf("%s: errors %v, want %q", tc.name, errs, tc.errs)
			continue
		}
		for i, err := range errs {
			if !strings.Contains(err.Error(), tc.errs[i]) {
				t.Errorf("%s: error %q, want %q", tc.name, err, tc.errs[i])
			}
		}
	}
}

func rule(fields, expr string) string {
	return fmt.Sprintf("groups:\n- name: g\n  rules:\n  - %s\n    expr: '%s'\n", fields, expr)
}

func TestNamespaces(t *testing.T) {
	found, errs := rulefile.Parse(rulefile.DefaultName("/etc/rules/shop.prod.yaml"),
		[]byte("groups:\n- name: g\n  rules: []\n---\nnamespace: other\ngroups: []\n---\n"))
	if len(errs) > 0 {
		t.Fatal(errs)
	}
	if len(found) != 2 || found[0].Name != "shop.prod" || found[1].Name != "other" {
		t.Errorf("namespaces %+v", found)
	}
}

func TestWrittenFilesReadTheSame(t *testing.T) {
	file := rule("alert: A\n    for: 90s\n    annotations: {a: 'b: \"c\"'}", good)
	found, errs := rulefile.Parse("ns", []byte(file))
	if len(errs) > 0 {
		t.Fatal(errs)
	}
	text, err := rulefile.Write(found[0])
	if err != nil {
		t.Fatal(err)
	}
	again, errs := rulefile.Parse("", text)
	if len(errs) > 0 || len(rulefile.Compare(found, again)) > 0 {
		t.Errorf("%s\nreads differently: %+v, %v", text, again, errs)
	}
}

func TestParseGroup(t *testing.T) {
	for _, body := range []string{"name: g\nrules: []\nnosuch: 1\n", "---\nname: g\n---\n", `{"name": "g", "rules": [], "interval": "1m"}`} {
		if g, err := rulefile.ParseGroup([]byte(body)); err != nil || g.Name != "g" {
			t.Errorf("%s: %+v, %v", body, g, err)
		}
	}
	if _, err := rulefile.ParseGroup([]byte("- 1")); err == nil || !strings.Contains(err.Error(), "unable to decoded rule group") {
		t.Errorf("a list is a group: %v", err)
	}
	if _, err := rulefile.ParseGroup([]byte("name: g\n---\nname: h\n")); err == nil || !strings.Contains(err.Error(), "line 2: another document begins") {
		t.Errorf("two groups are one: %v", err)
	}
	if g, err := rulefile.ParseGroup(nil); err != nil || g.Name != "" {
		t.Errorf("nothing: %+v, %v", g, err)
	}
}

func TestCanonical(t *testing.T) {
	g := rulefile.Group{Name: "g", Rules: []rulefile.Rule{{Record: "r", Expr: `sum(rate({ a = "b" }[5m]))by(app)`}, {Record: "s", Expr: `rate({a="b"}[5m])`}}}
	out, changed := rulefile.Canonical(g)
	if want := `sum by (app)(rate({a="b"}[5m]))`; out.Rules[0].Expr != want || changed != 1 {
		t.Errorf("%d changes, and canonical is %s, want %s", changed, out.Rules[0].Expr, want)
	}
	if again, n := rulefile.Canonical(out); n != 0 || !rulefile.Equal(out, again) {
		t.Errorf("canonical twice changes %d expressions", n)
	}
	if g.Rules[0].Expr == out.Rules[0].Expr {
		t.Error("the group itself was changed")
	}
}

func TestCompare(t *testing.T) {
	ten := model.Duration(10)
	group := func(name string, change func(*rulefile.Group)) rulefile.Group {
		g := rulefile.Group{Name: name, Interval: 60, Rules: []rulefile.Rule{{Alert: "A", Expr: "x", Labels: map[string]string{"a": "b"}}}}
		if change != nil {
			change(&g)
		}
		return g
	}
	changes := []struct {
		name   string
		change func(*rulefile.Group)
	}{
		{"interval", func(g *rulefile.Group) { g.Interval = 1 }},
		{"limit", func(g *rulefile.Group) { g.Limit = 1 }},
		{"offset", func(g *rulefile.Group) { g.QueryOffset = &ten }},
		{"labels", func(g *rulefile.Group) { g.Labels = map[string]string{"a": "b"} }},
		{"space in an expression", func(g *rulefile.Group) { g.Rules[0].Expr = "x " }},
		{"for", func(g *rulefile.Group) { g.Rules[0].For = 1 }},
		{"keep_firing_for", func(g *rulefile.Group) { g.Rules[0].KeepFiringFor = 1 }},
		{"annotation", func(g *rulefile.Group) { g.Rules[0].Annotations = map[string]string{"a": "b"} }},
		{"one rule more", func(g *rulefile.Group) { g.Rules = append(g.Rules, g.Rules[0]) }},
	}
	same := []rulefile.Namespace{{Name: "n", Groups: []rulefile.Group{group("g", nil)}}}
	for _, tc := range changes {
		local := []rulefile.Namespace{{Name: "n", Groups: []rulefile.Group{group("g", tc.change)}}}
		got := rulefile.Compare(same, local)
		if len(got) != 1 || got[0].Before == nil || got[0].After == nil || got[0].Group() != "g" {
			t.Errorf("%s: changes %+v", tc.name, got)
		}
	}
	if got := rulefile.Compare(same, same); len(got) > 0 {
		t.Errorf("the same differs: %+v", got)
	}

	server := []rulefile.Namespace{{Name: "b", Groups: []rulefile.Group{group("gone", nil), group("stays", nil)}}}
	local := []rulefile.Namespace{{Name: "b", Groups: []rulefile.Group{group("stays", nil)}}, {Name: "a", Groups: []rulefile.Group{group("new", nil)}}}
	got := rulefile.Compare(server, local)
	if len(got) != 2 || got[0].Group() != "new" || got[0].Before != nil || got[1].Group() != "gone" || got[1].After != nil {
		t.Errorf("changes %+v", got)
	}
}

func FuzzParse(f *testing.F) {
	f.Add([]byte(rule("alert: A", good)))
	f.Add([]byte("a: &a [*a]\n"))
	f.Add([]byte("groups: &g\n- name: g\n  rules: []\n---\ngroups: 1\n"))
	f.Fuzz(func(t *testing.T, content []byte) {
		found, errs := rulefile.Parse("ns", content)
		if len(errs) > 0 {
			return
		}
		for _, ns := range found {
			for _, g := range ns.Groups {
				if errs := rulefile.Validate(g); len(errs) > 0 {
					t.Fatalf("parsed without error, and is not valid: %v", errs)
				}
			}
		}
	})
}
