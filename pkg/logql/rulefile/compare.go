package rulefile

import (
	"cmp"
	"maps"
	"slices"
)

// Equal reports whether two groups are the same to a ruler: name, interval,
// limit, offset, labels, and the rules in their order, expressions byte by byte.
func Equal(a, b Group) bool {
	return a.Name == b.Name && a.Interval == b.Interval && a.Limit == b.Limit &&
		(a.QueryOffset == nil) == (b.QueryOffset == nil) && (a.QueryOffset == nil || *a.QueryOffset == *b.QueryOffset) &&
		maps.Equal(a.Labels, b.Labels) && slices.EqualFunc(a.Rules, b.Rules, EqualRules)
}

// EqualRules reports whether two rules are the same.
func EqualRules(a, b Rule) bool {
	return a.Record == b.Record && a.Alert == b.Alert && a.Expr == b.Expr && a.For == b.For &&
		a.KeepFiringFor == b.KeepFiringFor && maps.Equal(a.Labels, b.Labels) && maps.Equal(a.Annotations, b.Annotations)
}

// A Change is what it takes to bring one group of a server to what files say.
type Change struct {
	Namespace string
	// Before is what the server has, After what the files say: one is nil where
	// the group is to be created or deleted.
	Before, After *Group
}

// Group is the name of the group that changes.
func (c Change) Group() string {
	if c.After != nil {
		return c.After.Name
	}
	return c.Before.Name
}

// Compare tells how the groups of a server must change to be those of local,
// sorted by namespace and group. Groups that are the same are not in it.
func Compare(server, local []Namespace) []Change {
	type key struct{ namespace, group string }
	had := map[key]*Group{}
	for _, ns := range server {
		for i, g := range ns.Groups {
			had[key{ns.Name, g.Name}] = &ns.Groups[i]
		}
	}
	var changes []Change
	for _, ns := range local {
		for i, g := range ns.Groups {
			k := key{ns.Name, g.Name}
			if before := had[k]; before == nil || !Equal(*before, g) {
				changes = append(changes, Change{ns.Name, before, &ns.Groups[i]})
			}
			delete(had, k)
		}
	}
	for k, before := range had {
		changes = append(changes, Change{k.namespace, before, nil})
	}
	slices.SortFunc(changes, func(a, b Change) int {
		return cmp.Or(cmp.Compare(a.Namespace, b.Namespace), cmp.Compare(a.Group(), b.Group()))
	})
	return changes
}
