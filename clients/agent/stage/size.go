package stage

import (
	"fmt"
	"math"
	"strconv"
	"strings"
	"time"

	"github.com/prometheus/common/model"
	"go.yaml.in/yaml/v3"
)

// byteSize is a number of bytes, in YAML as a number or with a unit of 1024s:
// 8192, 8kb, 8KiB.
type byteSize int64

// UnmarshalYAML reads a size.
func (b *byteSize) UnmarshalYAML(n *yaml.Node) error {
	text := strings.ToLower(strings.TrimSpace(n.Value))
	number := strings.TrimRight(text, "bikmgt ")
	f, err := strconv.ParseFloat(number, 64)
	shift, ok := map[string]int{
		"": 0, "b": 0, "k": 10, "kb": 10, "kib": 10, "m": 20, "mb": 20, "mib": 20,
		"g": 30, "gb": 30, "gib": 30, "t": 40, "tb": 40, "tib": 40,
	}[strings.TrimSpace(text[len(number):])]
	f *= math.Pow(2, float64(shift))
	if n.Kind != yaml.ScalarNode || err != nil || !ok || !(f >= 0 && f < math.MaxInt64/2) {
		return fmt.Errorf("line %d: invalid size %q: want a number of bytes, or one with a unit such as 8kb", n.Line, n.Value)
	}
	*b = byteSize(f)
	return nil
}

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
