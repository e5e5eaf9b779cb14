package syntax

import (
	"errors"
	"fmt"
)

// A PatternPart is a literal or a capture of a pattern such as
// "<ip> - <_> [<time>]".
type PatternPart struct {
	Literal string // empty for captures
	Capture bool
	Name    string // of the capture; empty for <_>, whose text is not kept
}

// splitPattern cuts a pattern into literals and captures. Text in angle
// brackets that is no name is literal.
func splitPattern(pattern string) []PatternPart {
	var parts []PatternPart
	literal := 0 // where the literal being read begins
	for i := 0; i < len(pattern); {
		name := captureName(pattern[i:])
		if name == "" {
			i++
			continue
		}
		if literal < i {
			parts = append(parts, PatternPart{Literal: pattern[literal:i]})
		}
		i += len(name) + 2
		literal = i
		if name == "_" {
			name = ""
		}
		parts = append(parts, PatternPart{Capture: true, Name: name})
	}
	if literal < len(pattern) {
		parts = append(parts, PatternPart{Literal: pattern[literal:]})
	}
	return parts
}

// captureName is the name in <name> at the start of s, or "".
func captureName(s string) string {
	if s[0] != '<' {
		return ""
	}
	for i := 1; i < len(s); i++ {
		switch c := s[i]; {
		case c == '>':
			return s[1:i]
		case c == '_', isLetter(c), isDigit(c) && i > 1:
		default:
			return ""
		}
	}
	return ""
}

// ParsePattern reads the argument of a pattern stage: it must have a capture
// with a name, no name twice, and a literal between any two captures.
func ParsePattern(pattern string) ([]PatternPart, error) {
	parts := splitPattern(pattern)
	if err := checkAdjacent(parts); err != nil {
		return nil, err
	}
	seen := map[string]bool{}
	for _, p := range parts {
		if p.Name == "" {
			continue
		}
		if seen[p.Name] {
			return nil, fmt.Errorf("duplicate capture name (%s)", p.Name)
		}
		seen[p.Name] = true
	}
	if len(seen) == 0 {
		return nil, errors.New("at least one capture is required")
	}
	return parts, nil
}

// ParseLinePattern reads the argument of a pattern line filter: its captures
// must have no names, and there must be a literal between any two.
func ParseLinePattern(pattern string) ([]PatternPart, error) {
	parts := splitPattern(pattern)
	for _, p := range parts {
		if p.Name != "" {
			return nil, fmt.Errorf("named captures are not allowed: found '<%s>'", p.Name)
		}
	}
	return parts, checkAdjacent(parts)
}

func checkAdjacent(parts []PatternPart) error {
	for i := 1; i < len(parts); i++ {
		if parts[i-1].Capture && parts[i].Capture {
			return fmt.Errorf("found consecutive capture '%s%s'", parts[i-1], parts[i])
		}
	}
	return nil
}

// String is the part as a pattern writes it.
func (p PatternPart) String() string {
	switch {
	case !p.Capture:
		return p.Literal
	case p.Name == "":
		return "<_>"
	default:
		return "<" + p.Name + ">"
	}
}
