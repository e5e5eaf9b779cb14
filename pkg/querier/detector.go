package querier

import (
	"encoding/json"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/dustin/go-humanize"
	"github.com/prometheus/prometheus/model/labels"

	"github.com/skaldlogs/skald/pkg/loghttp"
	"github.com/skaldlogs/skald/pkg/logql/engine"
	"github.com/skaldlogs/skald/pkg/logql/pipeline"
	"github.com/skaldlogs/skald/pkg/logql/syntax"
	"github.com/skaldlogs/skald/pkg/model"
)

// The parsers that a field may be found by.
const (
	byJSON = iota
	byLogfmt
	parsers
)

var parserNames = [parsers]string{"json", "logfmt"}

// A detector finds out which fields entries have. Fields are what a query would
// call them: a line is an object of JSON if the json stage can read it, else it
// is pairs of logfmt, and names that are taken get a suffix.
type detector struct {
	stages [parsers]*pipeline.Pipeline
	fields map[string]*field
}

// A field is what is known of one name.
type field struct {
	kind   string
	values map[string]bool
	found  [parsers]bool
	path   []string // of JSON; nil when it is not known
}

func newDetector() (*detector, error) {
	d := &detector{fields: map[string]*field{}}
	for i, s := range [parsers]syntax.Stage{byJSON: &syntax.JSONParser{}, byLogfmt: &syntax.LogfmtParser{}} {
		p, err := pipeline.Compile([]syntax.Stage{s}, pipeline.Options{})
		if err != nil {
			return nil, err
		}
		d.stages[i] = p
	}
	return d, nil
}

// addStream adds the fields of a stream's entries, the oldest first: it is the
// first value of a field that says what type it has.
func (d *detector) addStream(s *engine.Stream) {
	var runs [parsers]*pipeline.StreamPipeline
	for i := range runs {
		runs[i] = d.stages[i].ForStream(s.Labels)
	}
	for i := range slices.Backward(s.Entries) {
		e := &s.Entries[i]
		var md model.Metadata
		e.Metadata.Range(func(l labels.Label) { md = append(md, l) })
		for _, l := range md {
			d.add(l.Name, l.Value)
		}
		// What the stages of the query found is there, whatever they were.
		e.Parsed.Range(func(l labels.Label) { d.add(l.Name, l.Value) })
		for p, run := range runs {
			_, set, ok := run.Process(e.Timestamp, e.Line, md)
			if !ok || set.Error != "" {
				continue
			}
			d.addParsed(p, set.Parsed, s.Labels, e.Line)
			break
		}
	}
}

func (d *detector) addParsed(parser int, found, stream labels.Labels, line string) {
	noPath := false
	found.Range(func(l labels.Label) {
		if f := d.add(l.Name, l.Value); f != nil {
			f.found[parser] = true
			noPath = noPath || f.path == nil
		}
	})
	if parser != byJSON || !noPath {
		return
	}
	eachPath(line, func(name string, path []string) {
		for _, name := range []string{name, name + "_extracted"} {
			if f := d.fields[name]; f != nil && f.found[byJSON] && f.path == nil && found.Has(name) {
				f.path = slices.Clone(path)
			}
		}
	})
}

// add notes a value of a field. What tells of errors is no field.
func (d *detector) add(name, value string) *field {
	if value == "" || name == pipeline.ErrorLabel || name == pipeline.ErrorDetailsLabel || name == pipeline.PreserveErrorLabel {
		return nil
	}
	f := d.fields[name]
	if f == nil {
		f = &field{kind: kindOf(value), values: map[string]bool{}}
		d.fields[name] = f
	}
	f.values[value] = true
	return f
}

// list returns the fields by name.
func (d *detector) list(limit int) []loghttp.DetectedField {
	var out []loghttp.DetectedField
	for _, name := range slices.Sorted(maps.Keys(d.fields)) {
		if len(out) == limit {
			break
		}
		f := d.fields[name]
		field := loghttp.DetectedField{Label: name, Type: f.kind, Cardinality: uint64(len(f.values)), JSONPath: f.path}
		for p, found := range f.found {
			if found {
				field.Parsers = append(field.Parsers, parserNames[p])
			}
		}
		out = append(out, field)
	}
	return out
}

// values returns the values of a field, sorted.
func (d *detector) values(name string, limit int) []string {
	f := d.fields[name]
	if f == nil {
		return nil
	}
	out := slices.Sorted(maps.Keys(f.values))
	return out[:min(limit, len(out))]
}

// kindOf is the type that a value looks like.
func kindOf(value string) string {
	if _, err := strconv.ParseInt(value, 10, 64); err == nil {
		return "int"
	}
	if _, err := strconv.ParseFloat(value, 64); err == nil {
		return "float"
	}
	if _, err := strconv.ParseBool(value); err == nil {
		return "boolean"
	}
	if _, err := time.ParseDuration(value); err == nil {
		return "duration"
	}
	if _, err := humanize.ParseBytes(value); err == nil {
		return "bytes"
	}
	return "string"
}

func isNumber(s string) bool {
	_, err := strconv.ParseFloat(s, 64)
	return err == nil
}

// isUUID reports whether s is hexadecimal digits in groups of 8, 4, 4, 4 and 12.
func isUUID(s string) bool {
	if len(s) != 36 {
		return false
	}
	for i := range len(s) {
		dash := i == 8 || i == 13 || i == 18 || i == 23
		hex := '0' <= s[i] && s[i] <= '9' || 'a' <= s[i]|0x20 && s[i]|0x20 <= 'f'
		if dash != (s[i] == '-') || !dash && !hex {
			return false
		}
	}
	return true
}

// maxPathDepth is how deep eachPath looks into objects.
const maxPathDepth = 64

// eachPath calls fn with the label name and the keys of every member of a JSON
// object that is neither object nor array. path is valid during the call.
func eachPath(line string, fn func(name string, path []string)) {
	dec := json.NewDecoder(strings.NewReader(line))
	dec.UseNumber()
	var path []string
	var value func(depth int) bool
	object := func(depth int) bool {
		for dec.More() {
			t, err := dec.Token()
			key, ok := t.(string)
			if err != nil || !ok {
				return false
			}
			path = append(path, key)
			if !value(depth + 1) {
				return false
			}
			path = path[:len(path)-1]
		}
		_, err := dec.Token()
		return err == nil
	}
	value = func(depth int) bool {
		if depth > maxPathDepth {
			return false
		}
		t, err := dec.Token()
		if err != nil {
			return false
		}
		switch t {
		case json.Delim('{'):
			return object(depth)
		case json.Delim('['):
			for dec.More() {
				var skip json.RawMessage
				if dec.Decode(&skip) != nil {
					return false
				}
			}
			_, err := dec.Token()
			return err == nil
		}
		if len(path) > 0 {
			fn(labelName(strings.Join(path, "_")), path)
		}
		return true
	}
	value(0)
}

// labelName is what the json stage calls a member: characters that a label's
// name cannot have are _, and so is what stands before a digit in front.
func labelName(key string) string {
	var b strings.Builder
	for i, r := range key {
		digit := '0' <= r && r <= '9'
		if digit && i == 0 {
			b.WriteByte('_')
		}
		if !digit && r != '_' && (r|0x20 < 'a' || 'z' < r|0x20) {
			r = '_'
		}
		b.WriteRune(r)
	}
	return b.String()
}
