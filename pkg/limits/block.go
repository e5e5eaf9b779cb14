package limits

import (
	"go.yaml.in/yaml/v3"
)

// A Block is a part of the configuration that another component reads, over what
// it has itself. The zero Block says nothing.
type Block struct{ node *yaml.Node }

// UnmarshalYAML implements [yaml.Unmarshaler].
func (b *Block) UnmarshalYAML(n *yaml.Node) error {
	b.node = n
	if n.Tag == "!!null" {
		b.node = nil
	}
	return nil
}

// MarshalYAML implements [yaml.Marshaler]. What is in a block is not shown: it
// may hold secrets.
func (b Block) MarshalYAML() (any, error) {
	if b.node == nil {
		return nil, nil
	}
	return "<set>", nil
}

// Node is what was written, nil for nothing. It must not be changed.
func (b Block) Node() *yaml.Node { return b.node }

// Text is what was written; equal texts mean the same.
func (b Block) Text() string {
	if b.node == nil {
		return ""
	}
	text, err := yaml.Marshal(b.node)
	if err != nil {
		return "" // it was read from YAML
	}
	return string(text)
}

// Over reads the block over what v holds. Keys that v does not have are errors.
func (b Block) Over(v any) error {
	if b.node == nil {
		return nil
	}
	return overlay(b.node, v)
}
