package limits

import (
	"fmt"

	"github.com/grafana/dskit/flagext"
	"github.com/grafana/regexp"
)

// GenericFields names structured metadata that is derived like the level of an
// entry: for each new name, the names to look for, in order.
type GenericFields struct {
	Fields map[string][]string `yaml:"fields"`
}

// ShardStreams says when a stream that is written too fast is split inside.
type ShardStreams struct {
	Enabled     bool  `yaml:"enabled"`
	DesiredRate Bytes `yaml:"desired_rate"` // per second and shard
}

// StreamRetention is how long the streams of a selector are kept.
type StreamRetention struct {
	Selector string   `yaml:"selector"`
	Priority int      `yaml:"priority"` // the highest one that matches wins
	Period   Duration `yaml:"period"`   // a minute or more
}

// BlockQuery describes queries that are refused.
type BlockQuery struct {
	Pattern string            `yaml:"pattern"` // the exact text, or a regular expression
	Regex   bool              `yaml:"regex"`
	Hash    uint32            `yaml:"hash"`  // FNV-32 of the text
	Types   Strings           `yaml:"types"` // of filter, limited, metric; empty: all
	Tags    map[string]string `yaml:"tags"`  // of X-Query-Tags
}

// PolicyTimes is, for each policy, until when its streams are refused.
type PolicyTimes map[string]flagext.Time

// PolicyLabels is, for each policy, the labels its streams must have.
type PolicyLabels map[string][]string

// PolicyStreams is, for each policy, the streams it is for.
type PolicyStreams map[string][]PolicySelector

// PolicySelector takes the streams of a selector into a policy.
type PolicySelector struct {
	Selector string `yaml:"selector"`
	Priority int    `yaml:"priority"`
}

// OTLPConfig says what becomes of the attributes of an OpenTelemetry log record.
type OTLPConfig struct {
	ResourceAttributes  ResourceAttributes `yaml:"resource_attributes"`
	ScopeAttributes     []AttributeRule    `yaml:"scope_attributes"`
	LogAttributes       []AttributeRule    `yaml:"log_attributes"`
	SeverityTextAsLabel bool               `yaml:"severity_text_as_label"`
}

// ResourceAttributes are the rules for the attributes of a resource.
type ResourceAttributes struct {
	// IgnoreDefaults leaves out distributor.otlp_config's list of labels.
	IgnoreDefaults   bool            `yaml:"ignore_defaults"`
	AttributesConfig []AttributeRule `yaml:"attributes_config"`
}

// An AttributeRule is the place for some attributes. The first rule that
// matches wins; attributes without one become structured metadata.
type AttributeRule struct {
	Action     AttributeAction `yaml:"action"`
	Attributes []string        `yaml:"attributes"` // exact names
	Regex      string          `yaml:"regex"`      // matches the whole name
}

// AttributeAction is the place for an attribute.
type AttributeAction string

// The places for an attribute.
const (
	IndexLabel         AttributeAction = "index_label"
	StructuredMetadata AttributeAction = "structured_metadata"
	Drop               AttributeAction = "drop"
)

func (r *AttributeRule) validate(labelsAllowed bool) error {
	switch r.Action {
	case StructuredMetadata, Drop:
	case IndexLabel:
		if !labelsAllowed {
			return fmt.Errorf("action %s is not for scope attributes", r.Action)
		}
	default:
		return fmt.Errorf("action %q is none of %s, %s, %s", r.Action, IndexLabel, StructuredMetadata, Drop)
	}
	if len(r.Attributes) == 0 && r.Regex == "" {
		return fmt.Errorf("a rule needs attributes or a regex")
	}
	_, err := regexp.Compile(r.Regex)
	return err
}

func (c *OTLPConfig) validate() error {
	for _, list := range []struct {
		name   string
		rules  []AttributeRule
		labels bool
	}{
		{"resource_attributes", c.ResourceAttributes.AttributesConfig, true},
		{"scope_attributes", c.ScopeAttributes, false},
		{"log_attributes", c.LogAttributes, true},
	} {
		for i := range list.rules {
			if err := list.rules[i].validate(list.labels); err != nil {
				return fmt.Errorf("%s, rule %d: %w", list.name, i+1, err)
			}
		}
	}
	return nil
}
