package stage

import (
	"fmt"
	"reflect"
	"strings"

	"go.yaml.in/yaml/v3"

	"github.com/skaldlogs/skald/pkg/spell"
)

// A ConfigError says which stage of a file cannot be served, and where it is.
type ConfigError struct {
	Line, Column int    // in the file, from 1
	Stage        string // the name of the stage, if that much is known
	Err          error
}

func (e *ConfigError) Error() string {
	where := fmt.Sprintf("line %d, col %d", e.Line, e.Column)
	if e.Stage == "" {
		return fmt.Sprintf("%s: %s", where, e.Err)
	}
	return fmt.Sprintf("%s: stage %s: %s", where, e.Stage, e.Err)
}

// Unwrap returns the reason.
func (e *ConfigError) Unwrap() error { return e.Err }

// errorAt returns an error about a node.
func errorAt(n *yaml.Node, stage, format string, args ...any) error {
	return &ConfigError{n.Line, n.Column, stage, fmt.Errorf(format, args...)}
}

// decode reads a node into the struct that out points to, whose keys are all
// there may be.
func decode(n *yaml.Node, stage string, out any) error {
	if n.Kind == yaml.AliasNode {
		n = n.Alias
	}
	if n.Kind == yaml.ScalarNode && n.Tag == "!!null" {
		return nil
	}
	if t := reflect.TypeOf(out).Elem(); t.Kind() == reflect.Struct {
		if n.Kind != yaml.MappingNode {
			return errorAt(n, stage, "want settings by name, a mapping")
		}
		if err := knownKeys(n, stage, t); err != nil {
			return err
		}
	}
	if err := n.Decode(out); err != nil {
		return &ConfigError{n.Line, n.Column, stage, err}
	}
	return nil
}

// knownKeys checks that a mapping has no key that a struct has not.
func knownKeys(n *yaml.Node, stage string, t reflect.Type) error {
	var known []string
	for i := range t.NumField() {
		name, _, _ := strings.Cut(t.Field(i).Tag.Get("yaml"), ",")
		if name != "" && name != "-" {
			known = append(known, name)
		}
	}
next:
	for i := 0; i+1 < len(n.Content); i += 2 {
		key := n.Content[i].Value
		if key == "<<" {
			continue
		}
		for _, k := range known {
			if k == key {
				continue next
			}
		}
		return errorAt(n.Content[i], stage, "unknown setting %q%s", key, spell.Perhaps(key, known))
	}
	return nil
}
