package pipeline

import (
	"github.com/skaldlogs/skald/pkg/extract"
	"github.com/skaldlogs/skald/pkg/logql/syntax"
)

// jsonStage makes a label of each member of an object; the names of nested
// members are joined by _, without the spaces around each ([extract.Member]). Arrays and nulls are left out, and
// the first of members with one name counts.
type jsonStage struct{ parser }

func newJSON(s *syntax.JSONParser) (stage, error) {
	if len(s.Fields) > 0 {
		return newJSONPaths(s.Fields)
	}
	return jsonStage{}, nil
}

func (jsonStage) process(e *entry) bool {
	r := extract.JSON{Text: e.line, Scratch: &e.scratch}
	i := r.Space(0)
	if !r.At(i, '{') {
		e.fail(ErrJSON, "line is not a JSON object")
		return true
	}
	e.path = e.path[:0]
	extractMembers(e, &r, i+1, 0)
	if r.Fault != "" {
		e.fail(ErrJSON, r.FaultText())
	}
	return true
}

// extractMembers extracts the members of the object whose brace is before i. It
// returns the place behind the object. e.path is the names of the objects around.
func extractMembers(e *entry, r *extract.JSON, i, depth int) int {
	if depth >= extract.MaxDepth {
		return r.Fail(i, "objects lie too deep in each other")
	}
	outer := len(e.path)
	for first := true; ; first = false {
		key, at, ok := r.Member(i, first)
		if !ok {
			return at
		}
		i = at
		key = extract.Member(key)
		switch {
		case r.At(i, '['), key == "" && outer == 0 && !r.At(i, '{'):
			i = r.Skip(i)
		case r.At(i, '{'):
			if key != "" {
				e.path = append(append(e.path, key...), '_')
			}
			i = extractMembers(e, r, i+1, depth+1)
			e.path = e.path[:outer]
		case r.At(i, '"'):
			name := memberName(e, key)
			raw, escaped, end := r.Quoted(i)
			if i = end; escaped && name.needed {
				raw = r.Unescape(raw, end)
			}
			if r.Fault == "" {
				e.extract(name, raw)
			}
		default:
			text, end := r.Scalar(i)
			if i = end; r.Fault == "" && text != "null" {
				e.extract(memberName(e, key), text)
			}
		}
	}
}

// memberName is the name of a member of the object at e.path.
func memberName(e *entry, key string) *parsedName {
	if len(e.path) == 0 {
		return e.names.lookupString(key)
	}
	if key == "" {
		return e.names.lookup(e.path[:len(e.path)-1])
	}
	outer := len(e.path)
	e.path = append(e.path, key...)
	n := e.names.lookup(e.path)
	e.path = e.path[:outer]
	return n
}
