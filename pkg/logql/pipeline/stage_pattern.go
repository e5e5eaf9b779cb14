package pipeline

import (
	"github.com/skaldlogs/skald/pkg/extract"
	"github.com/skaldlogs/skald/pkg/logql/syntax"
)

// patternStage makes labels of the captures of a pattern.
type patternStage struct {
	parser
	parts []extract.PatternPart
	names []string
}

func newPattern(s *syntax.PatternParser) (stage, error) {
	parts, err := syntax.ParsePattern(s.Pattern)
	if err != nil {
		return nil, err
	}
	p := &patternStage{parts: PatternParts(parts)}
	for _, part := range p.parts {
		if part.Capture && part.Text != "" {
			p.names = append(p.names, part.Text)
		}
	}
	return p, nil
}

// PatternParts are the parts of a pattern for those who look for them.
func PatternParts(parts []syntax.PatternPart) []extract.PatternPart {
	out := make([]extract.PatternPart, len(parts))
	for i, p := range parts {
		out[i] = extract.PatternPart{Capture: p.Capture, Text: p.Literal}
		if p.Capture {
			out[i].Text = p.Name
		}
	}
	return out
}

func (s *patternStage) process(e *entry) bool {
	line := e.line
	e.places = extract.FindPattern(s.parts, line, e.places)
	for i, name := range s.names {
		if at := e.places[2*i]; at >= 0 {
			e.extract(e.names.lookupString(name), line[at:e.places[2*i+1]])
		}
	}
	return true
}
