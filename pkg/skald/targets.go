package skald

import (
	"fmt"
	"slices"
	"strings"

	"github.com/skaldlogs/skald/pkg/spell"
)

// The roles that -target may name.
const (
	All     = "all"
	Read    = "read"
	Write   = "write"
	Backend = "backend"
)

// noTargets are names that Loki's -target takes and Skald does not, and what does
// their work.
var noTargets = map[string]string{
	"query-scheduler":    "queries wait in the querier that they come to, so leave this process out",
	"index-gateway":      "queriers read the index of segments from the bucket themselves, so leave this process out",
	"pattern-ingester":   "queriers find patterns in the rows of ingesters and store, so leave this process out",
	"table-manager":      "segments have no tables; the compactor applies retention",
	"bloom-gateway":      "blocks have filters of their own, so leave this process out",
	"bloom-planner":      "blocks have filters of their own, so leave this process out",
	"bloom-builder":      "blocks have filters of their own, so leave this process out",
	"ingester-querier":   "it is a part of other roles, and does nothing alone",
	"memberlist-kv":      "it is a part of other roles, and does nothing alone",
	"overrides-exporter": "every process tells the limits in force at /config/tenant/v1/limits",
	"ui":                 "status pages are served by every role",
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
		case noTargets[t] != "":
			return fmt.Errorf("there is no %q: %s; there are %s", t, noTargets[t], strings.Join(names, ", "))
		default:
			hint := ""
			if near := spell.Nearest(t, names); near != "" {
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
		fmt.Fprintf(&b, "%-14s %s\n", m.name, m.role)
		fmt.Fprintf(&b, "%-14s modules: %s\n", "", strings.Join(reach(m.name), ", "))
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
