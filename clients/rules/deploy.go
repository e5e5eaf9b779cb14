package rules

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"text/tabwriter"

	"go.yaml.in/yaml/v3"

	"github.com/skaldlogs/skald/pkg/logql/rulefile"
)

func (t *tool) list(ctx context.Context) (int, error) {
	found, err := t.stored(ctx)
	if err != nil {
		return failed, err
	}
	type row struct {
		Namespace string `json:"namespace" yaml:"namespace"`
		RuleGroup string `json:"rulegroup" yaml:"rulegroup"`
	}
	rows := []row{}
	for _, ns := range found {
		for _, g := range ns.Groups {
			rows = append(rows, row{ns.Name, g.Name})
		}
	}
	switch t.format {
	case "json":
		enc := json.NewEncoder(t.out)
		enc.SetIndent("", "  ")
		return ok, enc.Encode(rows)
	case "yaml":
		return ok, writeYAML(t.out, rows)
	}
	w := tabwriter.NewWriter(t.out, 0, 0, 1, ' ', 0)
	fmt.Fprintln(w, "Namespace\t| Rule Group")
	for _, r := range rows {
		fmt.Fprintf(w, "%s\t| %s\n", r.Namespace, r.RuleGroup)
	}
	return ok, w.Flush()
}

// stored asks the server for its rules.
func (t *tool) stored(ctx context.Context) ([]rulefile.Namespace, error) {
	if err := t.client.connect(); err != nil {
		return nil, err
	}
	return t.client.namespaces(ctx)
}

func writeYAML(w io.Writer, v any) error {
	enc := yaml.NewEncoder(w)
	enc.SetIndent(2)
	if err := enc.Encode(v); err != nil {
		return err
	}
	return enc.Close()
}

func (t *tool) print(ctx context.Context) (int, error) {
	found, err := t.stored(ctx)
	if err != nil {
		return failed, err
	}
	out := map[string][]rulefile.Group{}
	for _, ns := range found {
		out[ns.Name] = ns.Groups
	}
	return ok, writeYAML(t.out, out)
}

func (t *tool) get(ctx context.Context) (int, error) {
	if err := t.client.connect(); err != nil {
		return failed, err
	}
	g, err := t.client.group(ctx, t.namespace, t.group)
	if errors.Is(err, errNotFound) {
		fmt.Fprintf(t.err, "there is no group %s in namespace %s\n", t.group, t.namespace)
		return ok, nil
	}
	if err != nil {
		return failed, err
	}
	return ok, writeYAML(t.out, g)
}

func (t *tool) delete(ctx context.Context) (int, error) {
	if err := t.client.connect(); err != nil {
		return failed, err
	}
	return ok, t.client.remove(ctx, t.namespace, t.group)
}

// changes are what it takes to bring the server to what the files say.
func (t *tool) changes(ctx context.Context) ([]rulefile.Change, error) {
	chosen, err := t.chooser.choose()
	if err != nil {
		return nil, err
	}
	files, err := t.source.load()
	if err != nil {
		return nil, err
	}
	server, err := t.stored(ctx)
	if err != nil {
		return nil, err
	}
	only := func(all []rulefile.Namespace) (out []rulefile.Namespace) {
		for _, ns := range all {
			if chosen(ns.Name) {
				out = append(out, ns)
			}
		}
		return out
	}
	return rulefile.Compare(only(server), only(namespaces(files))), nil
}

func (t *tool) load(ctx context.Context) (int, error) {
	changes, err := t.changes(ctx)
	if err != nil {
		return failed, err
	}
	for _, c := range changes {
		if c.After == nil {
			continue // loading deletes nothing
		}
		fmt.Fprintf(t.out, "group: '%s', ns: '%s'\n", c.Group(), c.Namespace)
		if err := t.client.set(ctx, c.Namespace, *c.After); err != nil {
			return failed, fmt.Errorf("group %s of namespace %s: %w", c.Group(), c.Namespace, err)
		}
	}
	return ok, nil
}

// A tally counts changes by their kind.
type tally struct{ created, updated, deleted int }

func (s *tally) count(c rulefile.Change) (verb string) {
	switch {
	case c.Before == nil:
		s.created++
		return "create"
	case c.After == nil:
		s.deleted++
		return "delete"
	}
	s.updated++
	return "update"
}

func (s *tally) String() string {
	return fmt.Sprintf("%d Groups Created, %d Groups Updated, %d Groups Deleted", s.created, s.updated, s.deleted)
}

func (t *tool) diff(ctx context.Context) (int, error) {
	changes, err := t.changes(ctx)
	if err != nil {
		return failed, err
	}
	if len(changes) == 0 {
		fmt.Fprintln(t.out, "no changes detected")
		return ok, nil
	}
	var sum tally
	sign := map[string]string{"create": "+", "delete": "-", "update": "~"}
	namespace := ""
	for _, c := range changes {
		if c.Namespace != namespace {
			namespace = c.Namespace
			fmt.Fprintf(t.out, "Namespace: %s\n", namespace)
		}
		fmt.Fprintf(t.out, "%s Group: %s\n", sign[sum.count(c)], c.Group())
		if t.verbose {
			if err := t.diffGroup(c); err != nil {
				return failed, err
			}
		}
	}
	fmt.Fprintf(t.out, "\nDiff Summary: %s\n", &sum)
	return ok, nil
}

// diffGroup shows the lines in which the two forms of a group differ.
func (t *tool) diffGroup(c rulefile.Change) error {
	text := func(g *rulefile.Group) (string, error) {
		if g == nil {
			return "", nil
		}
		b, err := yaml.Marshal(g)
		return string(b), err
	}
	before, err := text(c.Before)
	if err != nil {
		return err
	}
	after, err := text(c.After)
	if err != nil {
		return err
	}
	for _, line := range diffLines(before, after) {
		fmt.Fprintf(t.out, "    %s\n", line)
	}
	return nil
}

func (t *tool) sync(ctx context.Context) (int, error) {
	changes, err := t.changes(ctx)
	if err != nil {
		return failed, err
	}
	var sum tally
	for _, c := range changes {
		verb := sum.count(c)
		if c.After == nil {
			err = t.client.remove(ctx, c.Namespace, c.Group())
		} else {
			err = t.client.set(ctx, c.Namespace, *c.After)
		}
		if err != nil {
			return failed, fmt.Errorf("%s group %s of namespace %s: %w", verb, c.Group(), c.Namespace, err)
		}
	}
	fmt.Fprintf(t.out, "Sync Summary: %s\n", &sum)
	return ok, nil
}
