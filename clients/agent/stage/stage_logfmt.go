package stage

import (
	"strings"

	"github.com/go-logfmt/logfmt"
)

// logfmtConfig are the settings of logfmt.
type logfmtConfig struct {
	// Mapping are fields by the name to extract them under. An empty one is the
	// name itself.
	Mapping map[string]string `yaml:"mapping"`
	Source  string            `yaml:"source"`
}

func (c *logfmtConfig) validate() error {
	if len(c.Mapping) == 0 {
		return required("mapping")
	}
	return nil
}

func (c *logfmtConfig) compile(b *builder) error {
	s := &logfmtStage{source: b.source(c.Source), fields: map[string][]int{}}
	for name, field := range c.Mapping {
		if field == "" {
			field = name
		}
		s.fields[field] = append(s.fields[field], b.slot(name))
	}
	b.add(s)
	return nil
}

// logfmtStage extracts values of key=value pairs. A line that is not logfmt to
// its end has nothing extracted.
type logfmtStage struct {
	source int
	fields map[string][]int // slots by field
}

func (s *logfmtStage) process(_ *Chain, _ int, r *row) verdict {
	text, ok := r.text(s.source)
	if !ok || strings.IndexByte(text, '=') < 0 {
		return pass
	}
	found := r.scan.found[:0]
	d := logfmt.NewDecoder(strings.NewReader(text))
	for d.ScanRecord() {
		for d.ScanKeyval() {
			for _, slot := range s.fields[string(d.Key())] {
				found = append(found, jsonFound{slot, textValue(r.keepText(string(d.Value())))})
			}
		}
	}
	r.scan.found = found
	if d.Err() != nil {
		return pass
	}
	for _, f := range found {
		r.set(f.slot, f.value)
	}
	return pass
}
