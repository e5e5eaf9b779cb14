package listen

import (
	"fmt"
	"reflect"
	"slices"
	"strings"

	"go.yaml.in/yaml/v3"

	"github.com/skaldlogs/skald/pkg/spell"
)

// A Key is a setting that is known and has no effect.
type Key struct {
	Name string
	Line int // in the file
}

// unused are the settings of the block that have no effect: there is no gRPC
// here, and requests are neither traced nor logged. A name that ends in _ stands
// for all that begin so.
var unused = []string{
	"cluster_validation", "create_new_traces", "grpc_", "http_log_closed_connections_without_response_enabled",
	"log_request_at_info_level_enabled", "log_request_exclude_headers_list", "log_request_headers",
	"log_source_ips_", "proxy_protocol_enabled", "register_instrumentation", "report_grpc_codes_in_instrumentation_label_enabled",
	"throughput_", "tls_cipher_suites", "tls_min_version", "trace_request_",
}

// Decode reads a block into a struct, over what it holds, and returns the
// settings that have no effect. more are such settings beside those that no
// server here has a use for.
func Decode(n *yaml.Node, to any, more ...string) ([]Key, error) {
	if n.Kind != yaml.MappingNode {
		return nil, fmt.Errorf("line %d: server: want settings by name, a mapping", n.Line)
	}
	names := settings(reflect.TypeOf(to).Elem())
	kept := *n
	kept.Content = nil
	var ignored []Key
	for i := 0; i+1 < len(n.Content); i += 2 {
		key := n.Content[i]
		switch {
		case key.Value == "proxy_protocol_enabled" && n.Content[i+1].Value == "true":
			return nil, fmt.Errorf("line %d: server: proxy_protocol_enabled is not served", key.Line)
		case slices.ContainsFunc(append(more, unused...), func(u string) bool {
			return key.Value == u || strings.HasSuffix(u, "_") && strings.HasPrefix(key.Value, u)
		}):
			ignored = append(ignored, Key{key.Value, key.Line})
			continue
		case key.Value != "<<" && !slices.Contains(names, key.Value):
			return nil, fmt.Errorf("line %d: server: unknown setting %q%s", key.Line, key.Value, spell.Perhaps(key.Value, names))
		case key.Value == "http_tls_config":
			if err := strict(n.Content[i+1], settings(reflect.TypeFor[TLS]()), "http_tls_config"); err != nil {
				return nil, err
			}
		}
		kept.Content = append(kept.Content, key, n.Content[i+1])
	}
	return ignored, kept.Decode(to)
}

func strict(n *yaml.Node, names []string, block string) error {
	for i := 0; i+1 < len(n.Content); i += 2 {
		if key := n.Content[i]; key.Value != "<<" && !slices.Contains(names, key.Value) {
			return fmt.Errorf("line %d: server: %s: unknown setting %q%s", key.Line, block, key.Value, spell.Perhaps(key.Value, names))
		}
	}
	return nil
}

// settings are the names that a struct gives to its fields in YAML.
func settings(t reflect.Type) []string {
	var names []string
	for f := range t.Fields() {
		name, options, _ := strings.Cut(f.Tag.Get("yaml"), ",")
		switch {
		case options == "inline":
			names = append(names, settings(f.Type)...)
		case name != "" && name != "-":
			names = append(names, name)
		}
	}
	return names
}
