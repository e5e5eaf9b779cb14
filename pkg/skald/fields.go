package skald

import (
	"encoding"
	"flag"
	"reflect"
	"strings"

	"go.yaml.in/yaml/v3"
)

// A field is a setting of Config: a place that has a key in the file, a flag, or both.
type field struct {
	key   string
	value reflect.Value
	flag  *flag.Flag // nil when it has none
}

// fields lists the settings of c, in the order of the structs. Their flags are
// those of f whose values are kept in c.
func fields(c *Config, f *flag.FlagSet) []field {
	byAddress := map[uintptr]*flag.Flag{}
	f.VisitAll(func(fl *flag.Flag) {
		if v := reflect.ValueOf(fl.Value); v.Kind() == reflect.Pointer {
			byAddress[v.Pointer()] = fl
		}
	})
	var out []field
	walkStruct(reflect.ValueOf(c).Elem(), "", func(key string, v reflect.Value) {
		out = append(out, field{key, v, byAddress[v.Addr().Pointer()]})
	})
	return out
}

func walkStruct(v reflect.Value, under string, visit func(key string, v reflect.Value)) {
	for i := range v.NumField() {
		name, inline := yamlName(v.Type().Field(i))
		switch {
		case name == "" && !inline:
		case inline:
			walkStruct(v.Field(i), under, visit)
		case isBlock(v.Field(i).Type()):
			walkStruct(v.Field(i), under+name+".", visit)
		default:
			visit(under+name, v.Field(i))
		}
	}
}

// yamlName is the key of a field, or the empty string when it has none.
func yamlName(f reflect.StructField) (name string, inline bool) {
	if !f.IsExported() {
		return "", false
	}
	name, options, _ := strings.Cut(f.Tag.Get("yaml"), ",")
	switch {
	case name == "-":
		return "", false
	case strings.Contains(options, "inline"):
		return "", true
	case name == "":
		return strings.ToLower(f.Name), false
	}
	return name, false
}

// obsoleteUnmarshaler is how types read YAML that were written for its version 2.
type obsoleteUnmarshaler interface {
	UnmarshalYAML(unmarshal func(any) error) error
}

// isBlock reports whether a type is a mapping whose keys are known: a struct
// that does not read YAML in a way of its own.
func isBlock(t reflect.Type) bool {
	if t.Kind() != reflect.Struct {
		return false
	}
	p := reflect.PointerTo(t)
	for _, own := range []reflect.Type{
		reflect.TypeFor[yaml.Unmarshaler](),
		reflect.TypeFor[obsoleteUnmarshaler](),
		reflect.TypeFor[encoding.TextUnmarshaler](),
	} {
		if p.Implements(own) {
			return false
		}
	}
	return true
}
