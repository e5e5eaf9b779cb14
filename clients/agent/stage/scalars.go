package stage

import (
	"fmt"
	"time"

	"github.com/prometheus/common/model"
	"go.yaml.in/yaml/v3"
)

// duration is a span of time, in YAML as Go writes it (1m30s) or as Prometheus
// does (1d).
type duration time.Duration

// UnmarshalYAML reads a duration.
func (d *duration) UnmarshalYAML(n *yaml.Node) error {
	if g, err := time.ParseDuration(n.Value); err == nil {
		*d = duration(g)
		return nil
	}
	p, err := model.ParseDuration(n.Value)
	if n.Kind != yaml.ScalarNode || err != nil {
		return fmt.Errorf("line %d: invalid duration %q: want one such as 30s or 1h", n.Line, n.Value)
	}
	*d = duration(p)
	return nil
}

// oneOrMany is a list of words, in YAML also a single word.
type oneOrMany []string

// UnmarshalYAML reads one word or several.
func (o *oneOrMany) UnmarshalYAML(n *yaml.Node) error {
	if n.Kind == yaml.ScalarNode {
		*o = oneOrMany{n.Value}
		return nil
	}
	return n.Decode((*[]string)(o))
}
