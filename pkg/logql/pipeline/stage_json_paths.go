package pipeline

import (
	"github.com/skaldlogs/skald/pkg/extract"
	"github.com/skaldlogs/skald/pkg/logql/syntax"
)

// jsonPathsStage makes labels of the values at given paths. A path that leads
// nowhere, or to null, gives an empty label.
type jsonPathsStage struct {
	parser
	labels []string
	paths  *extract.JSONPaths
}

func newJSONPaths(fields []syntax.Extraction) (stage, error) {
	s := &jsonPathsStage{}
	var paths []string
	for _, f := range fields {
		s.labels, paths = append(s.labels, f.Label), append(paths, f.Path)
	}
	var err error
	if s.paths, err = extract.NewJSONPaths(paths); err != nil {
		return nil, err
	}
	return s, nil
}

func (s *jsonPathsStage) process(e *entry) bool {
	if e.line == "" {
		return true
	}
	found := e.findings(len(s.labels))
	if !s.paths.Find(e.line, &e.scratch, found) {
		e.fail(ErrJSON, "line is not a JSON object")
		return true
	}
	for i, label := range s.labels {
		e.extractFinding(label, found[i])
	}
	return true
}

// extractFinding adds a label that was asked for by name. If the line does not
// have it, it is empty, unless something else of that name is there.
func (e *entry) extractFinding(label string, f extract.Finding) {
	name := e.names.lookupString(label)
	if !f.OK && (name.clashes || e.fieldIndex(name.own) >= 0) {
		return
	}
	e.extract(name, f.Value)
}

// findings returns n empty findings.
func (e *entry) findings(n int) []extract.Finding {
	if cap(e.found) < n {
		e.found = make([]extract.Finding, n)
	}
	e.found = e.found[:n]
	clear(e.found)
	return e.found
}
