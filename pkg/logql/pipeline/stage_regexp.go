package pipeline

import (
	"github.com/skaldlogs/skald/pkg/grep"
	"github.com/skaldlogs/skald/pkg/logql/syntax"
)

// regexpStage makes labels of the named groups of the first match in the line.
// A group that takes no part in the match gives an empty label.
type regexpStage struct {
	parser
	captures *grep.Captures
}

func newRegexp(s *syntax.RegexpParser) (stage, error) {
	c, err := grep.CompileCaptures(s.Regexp, nil)
	if err != nil {
		return nil, err
	}
	return &regexpStage{captures: c}, nil
}

func (s *regexpStage) process(e *entry) bool {
	line := e.line
	var ok bool
	if e.places, ok = s.captures.Find(line, e.places); !ok {
		return true
	}
	for i, name := range s.captures.Names() {
		value := ""
		if at := e.places[2*i]; at >= 0 {
			value = line[at:e.places[2*i+1]]
		}
		e.extract(e.names.lookupString(name), value)
	}
	return true
}
