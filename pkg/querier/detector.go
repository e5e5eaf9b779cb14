package querier

import (
	"encoding/json"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/cespare/xxhash/v2"
	"github.com/dustin/go-humanize"
	"github.com/prometheus/prometheus/model/labels"

	"github.com/skaldlogs/skald/pkg/loghttp"
	"github.com/skaldlogs/skald/pkg/logql/engine"
	"github.com/skaldlogs/skald/pkg/logql/pipeline"
	"github.com/skaldlogs/skald/pkg/logql/syntax"
	"github.com/skaldlogs/skald/pkg/model"
	"github.com/skaldlogs/skald/pkg/scan"
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
// is pairs of logfmt, and names that are taken get a suffix. What it finds does not
// depend on the order of the entries, but for fields with many values.
type detector struct {
	stages [parsers]*pipeline.Pipeline
	fields map[string]*field
	// limit is how many fields are kept, the first by name. 0 keeps all.
	limit int
	// only, if not empty, is the field whose values are wanted.
	only string
}

// A field is what is known of one name.
type field struct {
	// kinds are those that all values are of.
	kinds kinds
	// hashes are those of the values, scan.MaxListValues at most; many says that
	// there are more. Of what is looked for by name, the values are kept as well.
	hashes map[uint64]struct{}
	values []string
	many   bool
	found  [parsers]bool
	path   []string // of JSON; nil when it is not known
	tries  int      // to find it
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

// A detectorStream finds the fields of the lines of one stream.
type detectorStream struct {
	d      *detector
	labels labels.Labels
	runs   [parsers]*pipeline.StreamPipeline
}

func (d *detector) stream(ls labels.Labels) *detectorStream {
	s := &detectorStream{d: d, labels: ls}
	for i := range s.runs {
		s.runs[i] = d.stages[i].ForStream(ls)
	}
	return s
}

// addLine adds the fields of a line, and those of metadata where asked for.
func (s *detectorStream) addLine(ts int64, line string, md model.Metadata, withMetadata bool) {
	for p, run := range s.runs {
		noPath := false
		failed, ok := run.Fields(ts, line, md, func(name, value string, parsed bool) {
			if !parsed && (p > 0 || !withMetadata) {
				return
			}
			if f := s.d.add(name, value); f != nil && parsed {
				f.found[p] = true
				noPath = noPath || f.path == nil && f.tries < maxPathTries
			}
		})
		if !ok || failed {
			continue
		}
		if p == byJSON && noPath && s.d.only == "" {
			s.d.addPaths(line)
		}
		break
	}
}

// addStream adds the fields of what a query returned.
func (d *detector) addStream(s *engine.Stream) {
	of := d.stream(s.Labels)
	for i := range s.Entries {
		e := &s.Entries[i]
		var md model.Metadata
		e.Metadata.Range(func(l labels.Label) { md = append(md, l) })
		for _, l := range md {
			d.add(l.Name, l.Value)
		}
		// What the stages of the query found is there, whatever they were.
		e.Parsed.Range(func(l labels.Label) { d.add(l.Name, l.Value) })
		of.addLine(e.Timestamp, e.Line, md, false)
	}
}

// maxPathTries is how many lines are searched for the path of a field.
const maxPathTries = 8

// addPaths notes where a line of JSON has its fields.
func (d *detector) addPaths(line string) {
	eachPath(line, func(name string, path []string) {
		for _, name := range []string{name, name + "_extracted"} {
			if f := d.fields[name]; f != nil && f.found[byJSON] && f.path == nil {
				f.path = slices.Clone(path)
			}
		}
	})
	for _, f := range d.fields {
		if f.path == nil {
			f.tries++
		}
	}
}

// addFound adds what a source tells of a block.
func (d *detector) addFound(found *scan.FoundFields) {
	for i := range found.Fields {
		from := &found.Fields[i]
		var f *field
		for _, v := range from.Values {
			f = d.add(from.Name, v)
		}
		if f == nil {
			continue
		}
		if from.Many {
			f.many = true
		}
		switch from.Parser {
		case scan.JSON:
			f.found[byJSON] = true
			if f.path == nil && d.only == "" {
				d.addPaths(from.Example)
			}
		case scan.Logfmt:
			f.found[byLogfmt] = true
		}
	}
}

// at returns the field of a name, nil for one that does not matter. What tells of
// errors is no field.
func (d *detector) at(name string) *field {
	if f := d.fields[name]; f != nil {
		return f
	}
	if name == pipeline.ErrorLabel || name == pipeline.ErrorDetailsLabel || name == pipeline.PreserveErrorLabel || d.only != "" && name != d.only {
		return nil
	}
	if d.limit > 0 && len(d.fields) == d.limit {
		last := ""
		for n := range d.fields {
			last = max(last, n)
		}
		if name > last {
			return nil
		}
		delete(d.fields, last)
	}
	f := &field{kinds: allKinds, hashes: map[uint64]struct{}{}}
	d.fields[strings.Clone(name)] = f
	return f
}

// add notes a value of a field.
func (d *detector) add(name, value string) *field {
	if value == "" {
		return nil
	}
	f := d.at(name)
	if f == nil || f.many {
		return f
	}
	hash := xxhash.Sum64String(value)
	if _, ok := f.hashes[hash]; ok {
		return f
	}
	if len(f.hashes) == scan.MaxListValues {
		f.many = true
		return f
	}
	f.hashes[hash] = struct{}{}
	f.kinds = f.kinds.of(value)
	if d.only != "" {
		f.values = append(f.values, strings.Clone(value))
	}
	return f
}

// merge adds what another detector has found.
func (d *detector) merge(o *detector) {
	for name, from := range o.fields {
		f := d.at(name)
		if f == nil {
			continue
		}
		f.kinds &= from.kinds
		for p := range from.found {
			f.found[p] = f.found[p] || from.found[p]
		}
		if f.path == nil {
			f.path = from.path
		}
		if d.only != "" {
			for _, v := range from.values {
				d.add(name, v)
			}
		} else {
			for hash := range from.hashes {
				f.hashes[hash] = struct{}{}
			}
		}
		// Last: nothing is added to what has many.
		f.many = f.many || from.many || len(f.hashes) > scan.MaxListValues
	}
}

// list returns the fields by name.
func (d *detector) list(limit int) []loghttp.DetectedField {
	var out []loghttp.DetectedField
	for _, name := range slices.Sorted(maps.Keys(d.fields)) {
		if len(out) == limit {
			break
		}
		f := d.fields[name]
		field := loghttp.DetectedField{Label: name, Type: f.kinds.first(), Cardinality: uint64(min(len(f.hashes), scan.MaxListValues)), JSONPath: f.path}
		if f.many {
			field.Cardinality = scan.MaxListValues
		}
		for p, found := range f.found {
			if found {
				field.Parsers = append(field.Parsers, parserNames[p])
			}
		}
		out = append(out, field)
	}
	return out
}

// sorted returns the values of the field that is looked for, sorted.
func (d *detector) sorted(limit int) []string {
	f := d.fields[d.only]
	if f == nil {
		return nil
	}
	slices.Sort(f.values)
	return f.values[:min(limit, len(f.values))]
}

// kinds is a set of types that values may be of.
type kinds uint8

// kindNames are the types, those that say more first. What is of no other is a string.
var kindNames = [...]string{"int", "float", "boolean", "duration", "bytes"}

const allKinds = kinds(1<<len(kindNames) - 1)

// of is those of the kinds that a value is of, too.
func (k kinds) of(value string) kinds {
	for i := range kindNames {
		if k&(1<<i) == 0 {
			continue
		}
		var err error
		switch i {
		case 0:
			_, err = strconv.ParseInt(value, 10, 64)
		case 1:
			_, err = strconv.ParseFloat(value, 64)
		case 2:
			_, err = strconv.ParseBool(value)
		case 3:
			_, err = time.ParseDuration(value)
		case 4:
			_, err = humanize.ParseBytes(value)
		}
		if err != nil {
			k &^= 1 << i
		}
	}
	return k
}

// first is the name of the type that says most.
func (k kinds) first() string {
	for i, name := range kindNames {
		if k&(1<<i) != 0 {
			return name
		}
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
