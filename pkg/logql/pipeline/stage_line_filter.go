package pipeline

import (
	"errors"
	"strings"

	"github.com/skaldlogs/skald/pkg/extract"
	"github.com/skaldlogs/skald/pkg/grep"
	"github.com/skaldlogs/skald/pkg/logql/syntax"
)

// lineFilterStage keeps entries by the text of the line.
type lineFilterStage struct {
	filter
	matches []lineMatcher // alternatives
	exclude bool          // keep lines that none of them finds
}

// A lineMatcher looks for something in a line. It may be used by any number of
// goroutines.
type lineMatcher interface {
	match(line string) bool
}

func newLineFilter(f *syntax.LineFilter) (stage, error) {
	s := &lineFilterStage{exclude: f.Op.Excludes()}
	for _, a := range f.Args {
		m, err := newLineMatcher(f.Op, a)
		if err != nil {
			return nil, err
		}
		s.matches = append(s.matches, m)
		if a.IP && len(f.Args) > 1 {
			// Loki takes an ip() among alternatives for its text. Lines that it
			// finds that way are found here too.
			s.matches = append(s.matches, textMatcher{grep.Literal(a.Text)})
		}
	}
	return s, nil
}

func newLineMatcher(op syntax.LineFilterOp, arg syntax.LineFilterArg) (lineMatcher, error) {
	switch {
	case arg.IP && op != syntax.LineContains && op != syntax.LineExcludes:
		return nil, errors.New("ip: invalid operation")
	case arg.IP:
		set, err := extract.NewAddresses(arg.Text)
		if err != nil {
			return nil, err
		}
		return addressMatcher{set}, nil
	}
	switch op {
	case syntax.LineContains, syntax.LineExcludes:
		return textMatcher{grep.Literal(arg.Text)}, nil
	case syntax.LineMatches, syntax.LineRejects:
		expr, err := grep.Compile(arg.Text)
		return textMatcher{expr}, err
	default:
		return newPatternMatcher(arg.Text)
	}
}

func (s *lineFilterStage) process(e *entry) bool {
	for _, m := range s.matches {
		if m.match(e.line) {
			return !s.exclude
		}
	}
	return s.exclude
}

func (s *lineFilterStage) need(*needs) {}

// textMatcher finds a text or a regular expression.
type textMatcher struct{ expr *grep.Expr }

func (m textMatcher) match(line string) bool { return m.expr.Match(line) }

// patternMatcher compares a whole line with literals and gaps.
type patternMatcher struct {
	parts []syntax.PatternPart
}

func newPatternMatcher(pattern string) (lineMatcher, error) {
	parts, err := syntax.ParseLinePattern(pattern)
	if err != nil {
		return nil, err
	}
	return &patternMatcher{parts}, nil
}

// match takes each literal at its first place behind a gap, which leaves the most
// room for the others, but the last: that one must end the line.
func (m *patternMatcher) match(line string) bool {
	gap := 0 // bytes that must stand before the next literal
	for i, p := range m.parts {
		if p.Capture {
			gap = 1
			continue
		}
		if len(line) < gap {
			return false
		}
		at := 0
		switch {
		case i == len(m.parts)-1 && gap == 0:
			return line == p.Literal
		case i == len(m.parts)-1:
			return strings.HasSuffix(line[gap:], p.Literal)
		case gap == 0 && !strings.HasPrefix(line, p.Literal):
			return false
		case gap > 0:
			n := strings.Index(line[gap:], p.Literal)
			if n < 0 {
				return false
			}
			at = n + gap
		}
		line, gap = line[at+len(p.Literal):], 0
	}
	if gap > 0 {
		return line != ""
	}
	return line == ""
}
