package skald

import (
	"fmt"
	"slices"
	"strings"
)

// The roles that -target may name.
const (
	All     = "all"
	Read    = "read"
	Write   = "write"
	Backend = "backend"
)

// laterTargets are names that Loki's -target takes and this version does not.
var laterTargets = []string{
	"query-frontend", "query-scheduler", "index-gateway", "pattern-ingester",
	"table-manager", "overrides-exporter", "ingester-querier", "memberlist-kv", "bloom-gateway", "bloom-planner", "bloom-builder", "ui",
}

// checkTargets reports names that this version has no role for.
func checkTargets(targets []string) error {
	var names []string
	for _, m := range table {
		if m.role != "" {
			names = append(names, m.name)
		}
	}
	if len(targets) == 0 {
		return fmt.Errorf("it is empty; there are %s", strings.Join(names, ", "))
	}
	for _, t := range targets {
		switch {
		case slices.Contains(names, t):
		case slices.Contains(laterTargets, t):
			return fmt.Errorf("%q is not served yet; there are %s", t, strings.Join(names, ", "))
		default:
			hint := ""
			if near := nearest(t, names); near != "" {
				hint = fmt.Sprintf(", perhaps %q", near)
			}
			return fmt.Errorf("unknown target %q%s; there are %s", t, hint, strings.Join(names, ", "))
		}
	}
	return nil
}

// Targets describes the roles that -target may name, and the modules each brings.
func Targets() string {
	var b strings.Builder
	for _, m := range table {
		if m.role == "" {
			continue
		}
		fmt.Fprintf(&b, "%-12s %s\n", m.name, m.role)
		fmt.Fprintf(&b, "%-12s modules: %s\n", "", strings.Join(reach(m.name), ", "))
	}
	return b.String()
}

// reach lists the modules that a module brings with it, those first that others need.
func reach(name string) []string {
	var out []string
	var visit func(string)
	visit = func(name string) {
		for _, m := range table {
			if m.name != name {
				continue
			}
			for _, n := range m.needs {
				visit(n)
			}
			if !slices.Contains(out, name) && m.init != nil {
				out = append(out, name)
			}
		}
	}
	visit(name)
	return out
}
