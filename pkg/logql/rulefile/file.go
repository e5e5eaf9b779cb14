package rulefile

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"path/filepath"
	"strings"

	"go.yaml.in/yaml/v3"
)

// A Namespace is the groups that a file holds, under its name.
type Namespace struct {
	Name   string  `yaml:"namespace"`
	Groups []Group `yaml:"groups"`
}

// DefaultName is the namespace of a file that names none: the file's name
// without folder and extension.
func DefaultName(file string) string {
	base := filepath.Base(file)
	return strings.TrimSuffix(base, filepath.Ext(base))
}

// Parse reads a rule file: one or more YAML documents, each the groups of one
// namespace, which is name where the document has none. Unknown keys are
// errors, as is everything that [Validate] finds; each error begins with the
// line, and all are told.
func Parse(name string, content []byte) ([]Namespace, []error) {
	var (
		found  []Namespace
		errs   []error
		typed  = yaml.NewDecoder(bytes.NewReader(content))
		places = yaml.NewDecoder(bytes.NewReader(content))
	)
	typed.KnownFields(true)
	for {
		ns := Namespace{Name: name}
		var root yaml.Node
		if err := places.Decode(&root); err != nil {
			if !errors.Is(err, io.EOF) {
				errs = append(errs, err)
			}
			return found, errs
		}
		if err := typed.Decode(&ns); err != nil {
			var wrong *yaml.TypeError
			if !errors.As(err, &wrong) {
				return found, append(errs, err)
			}
			for _, text := range wrong.Errors {
				text, _, _ = strings.Cut(text, " in type ") // a word of this program, not of the file
				errs = append(errs, errors.New(text))
			}
			continue // the document was read to its end
		}
		if len(root.Content) == 0 || root.Content[0].Tag == "!!null" {
			continue
		}
		errs = append(errs, ns.validate(root.Content[0])...)
		found = append(found, ns)
	}
}

// validate checks the groups of ns, which was written at node.
func (ns Namespace) validate(node *yaml.Node) []error {
	var errs []error
	if ns.Name == "" {
		errs = append(errs, fmt.Errorf("line %d: the namespace has no name", node.Line))
	}
	seen := map[string]bool{}
	groups := child(node, "groups")
	for i, g := range ns.Groups {
		at := item(groups, i)
		if seen[g.Name] && g.Name != "" {
			errs = append(errs, fmt.Errorf("line %d: groupname: %q is repeated in the same namespace", at.Line, g.Name))
		}
		seen[g.Name] = true
		for _, err := range Validate(g) {
			errs = append(errs, fmt.Errorf("line %d: %w", lineOf(at, err), err))
		}
	}
	return errs
}

// lineOf is the line of the file where what err tells of stands, in a group
// written at node.
func lineOf(group *yaml.Node, err error) int {
	var r *RuleError
	if !errors.As(err, &r) {
		return group.Line
	}
	rule := item(child(group, "rules"), r.Index)
	if field := child(rule, r.Field); field != &nowhere {
		return field.Line
	}
	return rule.Line
}

// nowhere stands for nodes that are not there.
var nowhere yaml.Node

// child is the value of a key of a mapping.
func child(node *yaml.Node, key string) *yaml.Node {
	if node.Kind == yaml.AliasNode {
		node = node.Alias
	}
	if node.Kind == yaml.MappingNode {
		for i := 0; i+1 < len(node.Content); i += 2 {
			if node.Content[i].Value == key {
				return node.Content[i+1]
			}
		}
	}
	return &nowhere
}

// item is the i-th item of a sequence.
func item(node *yaml.Node, i int) *yaml.Node {
	if node.Kind == yaml.AliasNode {
		node = node.Alias
	}
	if node.Kind == yaml.SequenceNode && i < len(node.Content) {
		return node.Content[i]
	}
	return &nowhere
}

// ParseGroup reads one group without a `groups:` around it, as the ruler's API
// takes it, in YAML or JSON. Keys that are not known are left out, as clients
// of that API expect; what [Validate] finds is for the caller to ask.
func ParseGroup(content []byte) (Group, error) {
	const wrong = "unable to decoded rule group: %w"
	var g Group
	var more yaml.Node
	documents := yaml.NewDecoder(bytes.NewReader(content))
	if err := documents.Decode(&g); err != nil && !errors.Is(err, io.EOF) {
		return Group{}, fmt.Errorf(wrong, err)
	}
	switch err := documents.Decode(&more); {
	case err == nil && (len(more.Content) == 0 || more.Content[0].Tag == "!!null"):
	case err == nil:
		return Group{}, fmt.Errorf("unable to decoded rule group: line %d: another document begins, and one group is wanted", more.Line)
	case !errors.Is(err, io.EOF):
		return Group{}, fmt.Errorf(wrong, err)
	}
	return g, nil
}

// Write is the file of a namespace.
func Write(ns Namespace) ([]byte, error) {
	var b bytes.Buffer
	enc := yaml.NewEncoder(&b)
	enc.SetIndent(2)
	if err := enc.Encode(ns); err != nil {
		return nil, fmt.Errorf("namespace %s: %w", ns.Name, err)
	}
	return b.Bytes(), enc.Close()
}

// Canonical returns g with every expression as format_query prints it, and how
// many of them were changed. g must be valid.
func Canonical(g Group) (Group, int) {
	out, changed := g, 0
	out.Rules = make([]Rule, len(g.Rules))
	for i, r := range g.Rules {
		if e, err := ParseExpr(r.Expr); err == nil && e.Canonical() != r.Expr {
			r.Expr = e.Canonical()
			changed++
		}
		out.Rules[i] = r
	}
	return out, changed
}
