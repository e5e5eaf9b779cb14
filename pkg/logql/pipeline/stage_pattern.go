package pipeline

import (
	"strings"

	"github.com/skaldlogs/skald/pkg/logql/syntax"
)

// patternStage makes labels of the captures of a pattern. Where a literal is
// not found, the capture before it takes the rest of the line, and those behind
// it get nothing.
type patternStage struct {
	parser
	parts []syntax.PatternPart
}

func newPattern(s *syntax.PatternParser) (stage, error) {
	parts, err := syntax.ParsePattern(s.Pattern)
	if err != nil {
		return nil, err
	}
	return &patternStage{parts: parts}, nil
}

func (s *patternStage) process(e *entry) bool {
	rest := e.line
	for i, p := range s.parts {
		if !p.Capture {
			// Literals behind a capture are consumed with it; this is the first part.
			if i == 0 {
				if !strings.HasPrefix(rest, p.Literal) {
					return true
				}
				rest = rest[len(p.Literal):]
			}
			continue
		}
		value, found := rest, false
		if i+1 < len(s.parts) {
			value, rest, found = strings.Cut(rest, s.parts[i+1].Literal)
		}
		if p.Name != "" {
			e.extract(e.names.lookupString(p.Name), value)
		}
		if !found {
			return true
		}
	}
	return true
}
