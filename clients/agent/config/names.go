package config

import (
	"reflect"
	"strings"
)

// settingsOf are the settings of the block that a type of the configuration, as
// Go writes its name, stands for.
func settingsOf(typeName string) []string {
	// A Config that decodes itself does so as one that does not.
	if of, ok := strings.CutSuffix(typeName, ".plain"); ok {
		typeName = of + ".Config"
	}
	var out []string
	seen := map[reflect.Type]bool{}
	var walk func(t reflect.Type)
	walk = func(t reflect.Type) {
		for t.Kind() == reflect.Pointer || t.Kind() == reflect.Slice {
			t = t.Elem()
		}
		if t.Kind() != reflect.Struct || seen[t] {
			return
		}
		seen[t] = true
		if t.String() == typeName {
			out = append(out, settings(t)...)
		}
		for f := range t.Fields() {
			walk(f.Type)
		}
	}
	walk(reflect.TypeFor[Config]())
	return out
}

// settings are those of a block, with those of blocks that are part of it.
func settings(t reflect.Type) []string {
	var out []string
	for f := range t.Fields() {
		name, rest, _ := strings.Cut(f.Tag.Get("yaml"), ",")
		switch {
		case strings.Contains(rest, "inline") && f.Type.Kind() == reflect.Struct:
			out = append(out, settings(f.Type)...)
		case name != "" && name != "-":
			out = append(out, name)
		}
	}
	return out
}
