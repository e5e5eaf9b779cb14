package pipeline

import (
	"github.com/grafana/regexp"

	"github.com/skaldlogs/skald/pkg/logql/syntax"
)

// regexpStage makes labels of the named groups of the first match in the line.
// A group that takes no part in the match gives an empty label.
type regexpStage struct {
	parser
	re    *regexp.Regexp
	names []string // by group; empty for groups without a name
}

func newRegexp(s *syntax.RegexpParser) (stage, error) {
	re, err := regexp.Compile(s.Regexp)
	if err != nil {
		return nil, err
	}
	return &regexpStage{re: re, names: re.SubexpNames()}, nil
}

func (s *regexpStage) process(e *entry) bool {
	line := e.line
	match := s.re.FindStringSubmatchIndex(line)
	if match == nil {
		return true
	}
	for i, name := range s.names {
		if name == "" {
			continue
		}
		value := ""
		if match[2*i] >= 0 {
			value = line[match[2*i]:match[2*i+1]]
		}
		e.extract(e.names.lookupString(name), value)
	}
	return true
}
