package rules

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"strings"

	"go.yaml.in/yaml/v3"

	"github.com/skaldlogs/skald/pkg/logql/rulefile"
	"github.com/skaldlogs/skald/pkg/logql/syntax"
)

// check reports what loads and is no good practice: names of recording rules
// that do not say level:metric:operations, and rules that are there twice.
func (t *tool) check(context.Context) (int, error) {
	files, err := t.source.load()
	if err != nil {
		return failed, err
	}
	colons := 1
	if t.strict {
		colons = 2
	}
	wrong, count := 0, 0
	for _, f := range files {
		for _, ns := range f.namespaces {
			seen := map[string]string{}
			for _, g := range ns.Groups {
				for _, r := range g.Rules {
					count++
					if r.Record != "" && strings.Count(r.Record, ":") < colons {
						wrong++
						fmt.Fprintf(t.err, "%s: group %s: recording rule %s: its name has fewer than %d colons (level:metric:operations)\n", f.path, g.Name, r.Record, colons)
					}
					key := fmt.Sprintf("%s%s %v", r.Alert, r.Record, r.Labels)
					if other, ok := seen[key]; ok {
						wrong++
						fmt.Fprintf(t.err, "%s: group %s: rule %s%s with the labels %v is in group %s, too\n", f.path, g.Name, r.Alert, r.Record, r.Labels, other)
					}
					seen[key] = g.Name
				}
			}
		}
	}
	if wrong > 0 {
		return failed, fmt.Errorf("%d of %d rules are not as they should be", wrong, count)
	}
	fmt.Fprintf(t.out, "%d rules in %d files are valid\n", count, len(files))
	return ok, nil
}

// lint rewrites expressions in their usual form.
func (t *tool) lint(context.Context) (int, error) {
	files, err := t.source.load()
	if err != nil {
		return failed, err
	}
	changed, count := 0, 0
	for _, f := range files {
		n, err := t.rewrite(f.path, !t.dryRun, "", func(expr string) (string, error) {
			count++
			e, err := rulefile.ParseExpr(expr)
			if err != nil {
				return "", err
			}
			return e.Canonical(), nil
		})
		if err != nil {
			return failed, err
		}
		if n > 0 {
			fmt.Fprintf(t.out, "%s: %d expressions\n", f.path, n)
		}
		changed += n
	}
	verb := "rewritten"
	if t.dryRun {
		verb = "to be rewritten"
	}
	fmt.Fprintf(t.out, "SUCCESS: %d rules found, %d %s\n", count, changed, verb)
	if t.dryRun && changed > 0 {
		return failed, nil
	}
	return ok, nil
}

// prepare adds a label to each `by` of the expressions, so that results from
// several clusters stay apart.
func (t *tool) prepare(context.Context) (int, error) {
	files, err := t.source.load()
	if err != nil {
		return failed, err
	}
	changed, count := 0, 0
	for _, f := range files {
		to := f.path + ".result"
		if t.inPlace {
			to = f.path
		}
		n, err := t.rewrite(f.path, true, to, func(expr string) (string, error) {
			count++
			return addLabel(expr, t.label)
		})
		if err != nil {
			return failed, err
		}
		changed += n
	}
	fmt.Fprintf(t.out, "SUCCESS: %d rules found, %d modified expressions\n", count, changed)
	return ok, nil
}

// addLabel adds a label to the groupings of an expression.
func addLabel(text, label string) (string, error) {
	expr, err := syntax.Parse(text)
	if err != nil {
		return "", err
	}
	changed := false
	syntax.Walk(expr, func(n syntax.Node) bool {
		a, ok := n.(*syntax.VectorAggregation)
		if !ok || a.Grouping == nil || a.Grouping.Without {
			return true
		}
		for _, l := range a.Grouping.Labels {
			if l == label {
				return true
			}
		}
		// This tree is nobody else's.
		a.Grouping.Labels = append(a.Grouping.Labels, label)
		changed = true
		return true
	})
	if !changed {
		return text, nil
	}
	return expr.String(), nil
}

// rewrite passes the expressions of a file through fn and writes the file, with
// its comments and order, to another path or its own, if asked to.
func (t *tool) rewrite(path string, write bool, to string, fn func(string) (string, error)) (changed int, err error) {
	content, err := os.ReadFile(path)
	if err != nil {
		return 0, err
	}
	dec := yaml.NewDecoder(bytes.NewReader(content))
	var out bytes.Buffer
	enc := yaml.NewEncoder(&out)
	enc.SetIndent(2)
	for {
		var doc yaml.Node
		if err := dec.Decode(&doc); err != nil {
			break // what cannot be read was told when the file was loaded
		}
		err := eachExpr(&doc, func(n *yaml.Node) error {
			after, err := fn(n.Value)
			if err != nil {
				return fmt.Errorf("%s: line %d: %w", path, n.Line, err)
			}
			if after != n.Value {
				n.Value = after
				changed++
			}
			return nil
		})
		if err != nil {
			return 0, err
		}
		if err := enc.Encode(&doc); err != nil {
			return 0, err
		}
	}
	if err := enc.Close(); err != nil {
		return 0, err
	}
	if to == "" {
		to = path
	}
	if write && (changed > 0 || to != path) {
		info, err := os.Stat(path)
		if err != nil {
			return 0, err
		}
		if err := os.WriteFile(to, out.Bytes(), info.Mode().Perm()); err != nil {
			return 0, err
		}
	}
	return changed, nil
}

// eachExpr calls fn for the value of each key expr.
func eachExpr(n *yaml.Node, fn func(*yaml.Node) error) error {
	var errs []error
	for i, child := range n.Content {
		if n.Kind == yaml.MappingNode && i%2 == 1 && n.Content[i-1].Value == "expr" && child.Kind == yaml.ScalarNode {
			errs = append(errs, fn(child))
			continue
		}
		errs = append(errs, eachExpr(child, fn))
	}
	return errors.Join(errs...)
}
