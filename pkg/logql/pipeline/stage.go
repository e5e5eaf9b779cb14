package pipeline

import (
	"fmt"

	"github.com/skaldlogs/skald/pkg/logql/syntax"
)

// A stage is one compiled step. It keeps no state between entries: what it
// needs room for is in the entry, so a stage serves any number of goroutines.
type stage interface {
	// process runs the stage over e and reports whether e stays.
	process(e *entry) bool
	// need adds what the stage looks at.
	need(n *needs)
	// idle reports whether the stage changes nothing that is in n, which is what
	// is looked at behind it. An idle stage is left out.
	idle(n *needs) bool
}

// compileStage compiles any stage of the language.
func compileStage(s syntax.Stage) (stage, error) {
	switch s := s.(type) {
	case *syntax.LineFilter:
		return newLineFilter(s)
	case *syntax.JSONParser:
		return newJSON(s)
	case *syntax.LogfmtParser:
		return newLogfmt(s)
	case *syntax.RegexpParser:
		return newRegexp(s)
	case *syntax.PatternParser:
		return newPattern(s)
	case *syntax.UnpackParser:
		return unpackStage{}, nil
	case *syntax.LineFormat:
		return newLineFormat(s)
	case *syntax.LabelFormat:
		return newLabelFormat(s)
	case *syntax.Decolorize:
		return decolorizeStage{}, nil
	case *syntax.Drop:
		return &dropStage{choices: s.Labels}, nil
	case *syntax.Keep:
		return &keepStage{choices: s.Labels}, nil
	case syntax.LabelFilter:
		return newLabelFilter(s)
	default:
		return nil, fmt.Errorf("unknown stage %T", s)
	}
}

// A filter is embedded by stages that are never idle.
type filter struct{}

func (filter) idle(*needs) bool { return false }

// A parser is embedded by stages that only add labels: where none of those can
// be looked at, neither can their errors, and they are left out.
type parser struct{}

func (parser) idle(n *needs) bool { return n.nothing() }

// need names no labels: parsers read the line.
func (parser) need(n *needs) { n.parsed = true }
