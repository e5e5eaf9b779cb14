package pipeline

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/skaldlogs/skald/pkg/extract"
	"github.com/skaldlogs/skald/pkg/logql/syntax"
)

// logfmtStage makes a label of each key that has a value; the first of equal
// keys counts. What is no pair is skipped, or ends the reading when strict.
type logfmtStage struct {
	parser
	strict, keepEmpty bool
}

// logfmtKeysStage makes labels of given keys, also of names that earlier stages gave
// a value; the last of equal keys counts, but the first where the label gives way to
// one of the stream or of metadata. A key that is not there gives an empty label. Keys
// are asked for as they are, or by the name of the label that they would make:
// http_status finds http.status, which no query can ask for as it is.
type logfmtKeysStage struct {
	parser
	strict bool
	fields []syntax.Extraction
}

func newLogfmt(s *syntax.LogfmtParser) (stage, error) {
	if len(s.Fields) == 0 {
		return &logfmtStage{strict: s.Strict, keepEmpty: s.KeepEmpty}, nil
	}
	for _, f := range s.Fields {
		if err := checkLogfmtKey(f.Path); err != nil {
			return nil, fmt.Errorf("cannot parse expression [%s]: %w", f.Path, err)
		}
	}
	keys := &logfmtKeysStage{strict: s.Strict}
	for i, f := range s.Fields {
		later := func(l syntax.Extraction) bool { return l.Label == f.Label }
		if !slices.ContainsFunc(s.Fields[i+1:], later) { // the last key of a label counts
			keys.fields = append(keys.fields, f)
		}
	}
	return keys, nil
}

// checkLogfmtKey refuses what looks like a path: there are none in logfmt.
func checkLogfmtKey(key string) error {
	if key == "" {
		return errors.New("empty key")
	}
	for _, r := range key {
		if strings.ContainsRune(".-[]\"'=", r) || r <= ' ' {
			return fmt.Errorf("unexpected char %c", r)
		}
	}
	return nil
}

func (s *logfmtStage) process(e *entry) bool {
	r := extract.Logfmt{Text: e.line, Scratch: &e.scratch}
	for {
		more, fault := r.Next()
		if !more {
			return true
		}
		var value string
		if fault == "" {
			if r.Value == "" && !s.keepEmpty {
				continue
			}
			name := e.names.lookupString(r.Key)
			if !name.needed && !r.Escaped {
				continue
			}
			var ok bool
			if value, ok = r.Unescaped(); ok {
				e.extract(name, value)
				continue
			}
			fault = "unknown escape in a value"
		}
		if s.strict {
			e.fail(ErrLogfmt, fmt.Sprintf("%s before byte %d", fault, r.At()))
			return true
		}
	}
}

func (s *logfmtKeysStage) process(e *entry) bool {
	r := extract.Logfmt{Text: e.line, Scratch: &e.scratch}
	found := e.findings(len(s.fields))
	for {
		more, fault := r.Next()
		if !more {
			break
		}
		if fault == "" {
			fault = s.find(e, &r, found)
		}
		if fault != "" && s.strict {
			e.fail(ErrLogfmt, fmt.Sprintf("%s before byte %d", fault, r.At()))
			break
		}
	}
	for i, f := range s.fields {
		name := e.names.lookupString(f.Label)
		if found[i].OK || !name.clashes && !e.hasMetadata(name.own) {
			e.replace(name, found[i].Value)
		}
	}
	return true
}

// find keeps the value of the pair if its key is wanted.
func (s *logfmtKeysStage) find(e *entry, r *extract.Logfmt, found []extract.Finding) (fault string) {
	name := e.names.lookupString(r.Key).own
	for i := range s.fields {
		if path := s.fields[i].Path; path != r.Key && path != name {
			continue
		}
		if found[i].OK {
			if label := e.names.lookupString(s.fields[i].Label); label.clashes || e.hasMetadata(label.own) {
				continue
			}
		}
		v, ok := r.Unescaped()
		if !ok {
			return "unknown escape in a value"
		}
		found[i] = extract.Finding{Value: v, OK: true}
	}
	return ""
}

// hasMetadata reports whether there is metadata of that name.
func (e *entry) hasMetadata(name string) bool {
	i := e.fieldIndex(name)
	return i >= 0 && e.fields[i].category == categoryMetadata
}
