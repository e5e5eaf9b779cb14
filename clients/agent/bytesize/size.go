// Package bytesize reads numbers of bytes as people write them in promtail.yaml:
// 8192, 8kb, 256KiB, 1.5MB. Units are of 1024s.
package bytesize

import (
	"fmt"
	"math"
	"strconv"
	"strings"

	"go.yaml.in/yaml/v3"
)

// A Size is a number of bytes, a flag and a value in YAML.
type Size int64

// units are powers of two by their names in lower case.
var units = map[string]int{
	"": 0, "b": 0,
	"k": 10, "kb": 10, "kib": 10,
	"m": 20, "mb": 20, "mib": 20,
	"g": 30, "gb": 30, "gib": 30,
	"t": 40, "tb": 40, "tib": 40,
}

// Set reads a size.
func (s *Size) Set(text string) error {
	word := strings.ToLower(strings.TrimSpace(text))
	number := strings.TrimRight(word, "bikmgt ")
	shift, ok := units[strings.TrimSpace(word[len(number):])]
	f, err := strconv.ParseFloat(number, 64)
	f *= math.Pow(2, float64(shift))
	if err != nil || !ok || !(f >= 0 && f < math.MaxInt64/2) {
		return fmt.Errorf("invalid size %q: want a number of bytes, or one with a unit such as 8kb", text)
	}
	*s = Size(f)
	return nil
}

// String is the number alone.
func (s Size) String() string { return strconv.FormatInt(int64(s), 10) }

// UnmarshalYAML reads a size.
func (s *Size) UnmarshalYAML(n *yaml.Node) error {
	if n.Kind != yaml.ScalarNode {
		return fmt.Errorf("line %d: want a size", n.Line)
	}
	if err := s.Set(n.Value); err != nil {
		return fmt.Errorf("line %d: %w", n.Line, err)
	}
	return nil
}
