package limits

import (
	"strings"

	"go.yaml.in/yaml/v3"
)

// Strings is a list of words: a sequence in YAML, commas between them in a flag.
// YAML may also have the form with commas.
type Strings []string

// String is the list with commas.
func (s Strings) String() string { return strings.Join(s, ",") }

// Set replaces the list. Blanks around a word are dropped, as are empty words.
func (s *Strings) Set(text string) error {
	words := Strings{}
	for w := range strings.SplitSeq(text, ",") {
		if w = strings.TrimSpace(w); w != "" {
			words = append(words, w)
		}
	}
	*s = words
	return nil
}

// UnmarshalYAML implements [yaml.Unmarshaler].
func (s *Strings) UnmarshalYAML(n *yaml.Node) error {
	if n.Kind == yaml.ScalarNode {
		if n.Tag == "!!null" {
			*s = nil
			return nil
		}
		return s.Set(n.Value)
	}
	var words []string
	if err := n.Decode(&words); err != nil {
		return err
	}
	*s = words
	return nil
}
