package ruler

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/go-kit/log"

	"github.com/skaldlogs/skald/pkg/logql/rulefile"
	"github.com/skaldlogs/skald/pkg/objstore"
)

func group(name string) rulefile.Group {
	return rulefile.Group{Name: name, Rules: []rulefile.Rule{{Record: "r", Expr: `sum(rate({a = "b"}[1m]))`}}}
}

func names(t *testing.T, s RuleStore, tenant string) string {
	t.Helper()
	found, err := s.Load(t.Context(), tenant)
	if err != nil {
		t.Fatal(err)
	}
	var out []string
	for _, ns := range found {
		for _, g := range ns.Groups {
			out = append(out, ns.Name+"/"+g.Name)
		}
	}
	return strings.Join(out, " ")
}

func TestBucketStore(t *testing.T) {
	bucket := &objstore.Memory{}
	s := NewBucketStore(bucket)
	long := strings.Repeat("n", 5000)
	hostile := []string{"..", "../../etc/passwd", "a/b", "%2e%2e", "\x00", long, long + "x", "A", "a", "ö"}
	for _, name := range hostile {
		if err := s.Put(t.Context(), "t", name, group(name)); err != nil {
			t.Errorf("namespace %.40q: %v", name, err)
		}
	}
	if err := s.Put(t.Context(), "..", "n", group("g")); err != nil {
		t.Fatal(err)
	}
	found, err := s.Load(t.Context(), "t")
	if err != nil || len(found) != len(hostile) {
		t.Errorf("%d namespaces of %d, %v", len(found), len(hostile), err)
	}
	if tenants, err := s.Tenants(t.Context()); err != nil || strings.Join(tenants, " ") != ".. t" && strings.Join(tenants, " ") != "t .." {
		t.Errorf("tenants %q, %v", tenants, err)
	}

	changed := group("g")
	changed.Limit = 3
	for _, g := range []rulefile.Group{group("h"), group("g"), changed} {
		if err := s.Put(t.Context(), "u", "n", g); err != nil {
			t.Fatal(err)
		}
	}
	if got := names(t, s, "u"); got != "n/g n/h" {
		t.Errorf("groups %s", got)
	}
	found, _ = s.Load(t.Context(), "u")
	if !rulefile.Equal(found[0].Groups[0], changed) {
		t.Errorf("loaded %+v, want %+v", found[0].Groups[0], changed)
	}
	for _, tc := range []struct {
		namespace, group string
		err              error
	}{{"n", "nosuch", ErrGroupNotFound}, {"nosuch", "", ErrNamespaceNotFound}, {"n", "g", nil}, {"n", "", nil}, {"n", "", ErrNamespaceNotFound}} {
		if err := s.Delete(t.Context(), "u", tc.namespace, tc.group); !errors.Is(err, tc.err) {
			t.Errorf("delete %s/%s: %v, want %v", tc.namespace, tc.group, err, tc.err)
		}
	}
}

func TestLocalStore(t *testing.T) {
	dir := t.TempDir()
	write := func(path, text string) {
		t.Helper()
		path = filepath.Join(dir, path)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	const rules = "groups:\n- name: g\n  rules:\n  - record: r\n    expr: vector(1)\n"
	write("a/one.yaml", rules)
	write("a/two.yaml", "groups:\n- name: g\n  rules:\n  - record: r\n    expr: rate({\n")
	write("a/sub/three.yaml", rules)
	write("a/.hidden.yaml", rules)
	write("not a folder", rules)
	if err := os.Symlink(filepath.Join(dir, "a"), filepath.Join(dir, "linked")); err != nil {
		t.Fatal(err)
	}
	var told strings.Builder
	s := NewLocalStore(dir, log.NewLogfmtLogger(&told))
	for range 2 {
		for _, tenant := range []string{"a", "linked"} {
			if got := names(t, s, tenant); got != "one.yaml/g" {
				t.Errorf("tenant %s has %s", tenant, got)
			}
		}
	}
	if n := strings.Count(told.String(), "msg="); n != 2 {
		t.Errorf("a wrong file is told of %d times by two tenants", n)
	}
	for _, tenant := range []string{"nosuch", "..", "../" + filepath.Base(dir) + "/a", "/", ""} {
		if got := names(t, s, tenant); got != "" {
			t.Errorf("tenant %q has %s", tenant, got)
		}
	}
	if tenants, err := s.Tenants(t.Context()); err != nil || strings.Join(tenants, " ") != "a linked" {
		t.Errorf("tenants %q, %v", tenants, err)
	}
	if err := errors.Join(s.Put(t.Context(), "a", "n", group("g")), s.Delete(t.Context(), "a", "n", "")); !errors.Is(err, ErrReadOnly) {
		t.Errorf("a folder was changed: %v", err)
	}
	write("a/one.yaml", strings.Replace(rules, "name: g", "name: other", 1))
	if err := os.Chtimes(filepath.Join(dir, "a/one.yaml"), time.Time{}, time.Unix(1, 0)); err != nil {
		t.Fatal(err)
	}
	if got := names(t, s, "a"); got != "one.yaml/other" {
		t.Errorf("a changed file has %s", got)
	}
	if got := names(t, NewLocalStore(filepath.Join(dir, "nosuch"), log.NewNopLogger()), "a"); got != "" {
		t.Errorf("a folder that is not there has %s", got)
	}
}
