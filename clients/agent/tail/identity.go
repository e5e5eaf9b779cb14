package tail

import "github.com/skaldlogs/skald/clients/agent/position"

// An identity is what the system says of a file.
type identity struct {
	position.File
	size, modified int64
	regular        bool
}

// same reports whether both are the same file, at one moment or another.
func (i identity) same(o identity) bool { return i.Same(o.File) }
