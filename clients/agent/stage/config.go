package stage

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"go.yaml.in/yaml/v3"

	"github.com/skaldlogs/skald/pkg/spell"
)

// A Config is the pipeline_stages of a scrape config, as a file has them. It is
// checked as it is read, regular expressions, templates and selectors included;
// the error is a [*ConfigError]. The zero value has no stages.
type Config struct {
	nodes  []*yaml.Node
	stages []definition
}

// Empty reports whether there are no stages.
func (c *Config) Empty() bool { return len(c.stages) == 0 }

// A definition is the settings of a stage.
type definition interface {
	// validate checks the settings and completes them.
	validate() error
	// compile adds the stage to a pipeline.
	compile(b *builder) error
}

// definitions make the settings of each stage there is, with their defaults.
func definitions() map[string]func() definition {
	return map[string]func() definition{
		"cri":                 func() definition { return defaultCRI() },
		"decolorize":          func() definition { return &decolorizeConfig{} },
		"docker":              func() definition { return &dockerConfig{} },
		"drop":                func() definition { return &dropConfig{} },
		"eventlogmessage":     func() definition { return &eventLogConfig{} },
		"geoip":               func() definition { return &geoIPConfig{} },
		"json":                func() definition { return &jsonConfig{} },
		"labelallow":          func() definition { return &labelAllowConfig{} },
		"labeldrop":           func() definition { return &labelDropConfig{} },
		"labels":              func() definition { return &labelsConfig{} },
		"limit":               func() definition { return &limitConfig{} },
		"logfmt":              func() definition { return &logfmtConfig{} },
		"match":               func() definition { return &matchConfig{} },
		"metrics":             func() definition { return &metricsConfig{} },
		"multiline":           func() definition { return defaultMultiline() },
		"non_indexed_labels":  func() definition { return &metadataConfig{} },
		"output":              func() definition { return &outputConfig{} },
		"pack":                func() definition { return defaultPack() },
		"regex":               func() definition { return &regexConfig{} },
		"replace":             func() definition { return &replaceConfig{} },
		"sampling":            func() definition { return &samplingConfig{} },
		"static_labels":       func() definition { return &staticLabelsConfig{} },
		"structured_metadata": func() definition { return &metadataConfig{} },
		"template":            func() definition { return &templateConfig{} },
		"tenant":              func() definition { return &tenantConfig{} },
		"timestamp":           func() definition { return &timestampConfig{} },
	}
}

// UnmarshalYAML reads a list of stages, each a mapping of its name to its
// settings.
func (c *Config) UnmarshalYAML(n *yaml.Node) error {
	if n.Kind == yaml.AliasNode {
		n = n.Alias
	}
	if n.Kind != yaml.SequenceNode {
		return errorAt(n, "", "want a list of stages")
	}
	known := definitions()
	*c = Config{}
	for _, item := range n.Content {
		if item.Kind == yaml.AliasNode {
			item = item.Alias
		}
		if item.Kind != yaml.MappingNode || len(item.Content) != 2 {
			return errorAt(item, "", "a stage is a mapping of one name to its settings")
		}
		name := item.Content[0].Value
		make, ok := known[name]
		if !ok {
			return errorAt(item, "", "unknown stage %q%s", name, spell.Perhaps(name, slices.Collect(maps.Keys(known))))
		}
		def := make()
		if err := decode(item.Content[1], name, def); err != nil {
			return err
		}
		if err := def.validate(); err != nil {
			at := item.Content[1]
			if at.Line == 0 {
				at = item
			}
			return &ConfigError{at.Line, at.Column, name, err}
		}
		c.nodes = append(c.nodes, item)
		c.stages = append(c.stages, named{name, def})
	}
	return nil
}

// MarshalYAML returns the stages as they were read.
func (c Config) MarshalYAML() (any, error) { return c.nodes, nil }

// ParseConfig reads a list of stages.
func ParseConfig(text []byte) (Config, error) {
	var c Config
	if err := yaml.Unmarshal(text, &c); err != nil {
		return Config{}, err
	}
	return c, nil
}

// named is a definition under the name that the file gives it.
type named struct {
	name string
	definition
}

// checkLabelName checks the name of a label that a stage sets.
func checkLabelName(name string) error {
	if name == "" || strings.Trim(name, labelNameBytes) != "" || '0' <= name[0] && name[0] <= '9' {
		return fmt.Errorf("invalid label name %q: want letters, digits and underscores, no digit first", name)
	}
	return nil
}

const labelNameBytes = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_"
