package pipeline

import (
	"slices"

	"github.com/skaldlogs/skald/pkg/extract"
	"github.com/skaldlogs/skald/pkg/logql/syntax"
)

// jsonPathsStage makes labels of the values at given paths, also of names that
// earlier stages gave a value. A path that leads nowhere, or to null, gives an empty
// label where there is none of that name.
type jsonPathsStage struct {
	parser
	labels []string
	paths  *extract.JSONPaths
	// repeated says that a label has several paths; the last value in the line counts.
	repeated bool
}

func newJSONPaths(fields []syntax.Extraction) (stage, error) {
	s := &jsonPathsStage{}
	var paths []string
	for _, f := range fields {
		s.repeated = s.repeated || slices.Contains(s.labels, f.Label)
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
		if s.repeated && s.superseded(found, i) {
			continue
		}
		name := e.names.lookupString(label)
		if found[i].OK {
			e.replace(name, found[i].Value)
		} else if !e.taken(name) {
			e.extract(name, "")
		}
	}
	return true
}

// superseded reports whether the label of path i has a value from another path that
// stands further back in the line.
func (s *jsonPathsStage) superseded(found []extract.Finding, i int) bool {
	for j, label := range s.labels {
		if label == s.labels[i] && found[j].OK && (!found[i].OK || found[j].At > found[i].At) {
			return true
		}
	}
	return false
}

// taken reports whether a label that the line has not got is there from elsewhere.
func (e *entry) taken(name *parsedName) bool { return name.clashes || e.fieldIndex(name.own) >= 0 }

// findings returns n empty findings.
func (e *entry) findings(n int) []extract.Finding {
	if cap(e.found) < n {
		e.found = make([]extract.Finding, n)
	}
	e.found = e.found[:n]
	clear(e.found)
	return e.found
}
