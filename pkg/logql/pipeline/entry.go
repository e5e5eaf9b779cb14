package pipeline

import (
	"github.com/prometheus/prometheus/model/labels"

	"github.com/skaldlogs/skald/pkg/extract"
	"github.com/skaldlogs/skald/pkg/model"
)

// The labels that tell of errors, and the values of the first.
const (
	ErrorLabel         = "__error__"
	ErrorDetailsLabel  = "__error_details__"
	PreserveErrorLabel = "__preserve_error__"

	ErrJSON             = extract.ErrJSON
	ErrLogfmt           = "LogfmtParserErr"
	ErrSampleExtraction = "SampleExtractionErr"
	ErrLabelFilter      = "LabelFilterErr"
	ErrTemplateFormat   = "TemplateFormatErr"
)

// duplicateSuffix ends the name of a label that had to give way.
const duplicateSuffix = "_extracted"

// category says where a label comes from.
type category uint8

const (
	categoryMetadata category = iota
	categoryParsed
)

// A field is a label that is not the stream's.
type field struct {
	name, value string
	category    category
}

// An entry is what stages work on: one entry of one stream, and room to work in
// that is used again for the next.
//
// Invariant: a name is in one place only, among fields or the visible labels of
// the stream.
type entry struct {
	ts   int64
	line string

	stream []labels.Label // by name
	hidden []bool         // which labels of stream are removed or replaced
	hides  int            // how many of them
	fields []field
	failure
	needs *needs

	names *nameTable
	// scratch holds the values that stages wrote. It only grows while an entry is
	// worked on, so strings may point into it.
	scratch []byte
	// path is the name of the JSON member being read.
	path []byte
	// packed are the members of a packed line.
	packed []field
	// places are where groups of an expression were found.
	places []int
	// found are values of a list of extractions, by its order.
	found []extract.Finding
	// vars are the labels for templates.
	vars map[string]string
	// work is what templates have done, see maxTemplateWork.
	work int
}

// A failure is what went wrong with an entry; the last one counts.
type failure struct {
	class, details string
	preserve       string
}

func newEntry(stream labels.Labels, needs *needs) *entry {
	e := &entry{needs: needs}
	stream.Range(func(l labels.Label) { e.stream = append(e.stream, l) })
	e.hidden = make([]bool, len(e.stream))
	e.names = newNameTable(e.stream, needs)
	return e
}

// reset makes e the given entry.
func (e *entry) reset(ts int64, line string, md model.Metadata) {
	e.ts, e.line = ts, line
	if e.hides > 0 {
		clear(e.hidden)
		e.hides = 0
	}
	e.fields = e.fields[:0]
	e.failure = failure{}
	e.release()
	e.work = 0
	for _, l := range md {
		e.set(e.names.metadata(l.Name), l.Value, categoryMetadata)
	}
}

// maxKeptScratch is up to which size scratch is used again, in bytes: streams are
// many, and few lines need much.
const maxKeptScratch = 64 << 10

// release gives up what stages wrote, and the memory of it if it is much.
func (e *entry) release() {
	e.scratch = e.scratch[:0]
	if cap(e.scratch) > maxKeptScratch {
		e.scratch = nil
	}
}

// does counts the work of templates, and is an error when there was too much.
func (e *entry) does(work int) error {
	if e.work += work; e.work > maxTemplateWork {
		return errTooMuch
	}
	return nil
}

// streamIndex is the place of a label of the stream, visible or not, or -1.
func (e *entry) streamIndex(name string) int {
	for i := range e.stream {
		if e.stream[i].Name == name {
			return i
		}
	}
	return -1
}

// fieldIndex is the place of a field, or -1.
func (e *entry) fieldIndex(name string) int {
	for i := range e.fields {
		if e.fields[i].name == name {
			return i
		}
	}
	return -1
}

// get is the value of a label, and whether there is one.
func (e *entry) get(name string) (string, bool) {
	if i := e.fieldIndex(name); i >= 0 {
		return e.fields[i].value, true
	}
	if i := e.streamIndex(name); i >= 0 && !e.hidden[i] {
		return e.stream[i].Value, true
	}
	if p := e.reserved(name); p != nil {
		return *p, *p != ""
	}
	return "", false
}

// reserved is where the value of a label that tells of errors is kept, or nil for
// all other labels.
func (e *entry) reserved(name string) *string {
	switch name {
	case ErrorLabel:
		return &e.class
	case ErrorDetailsLabel:
		return &e.details
	case PreserveErrorLabel:
		return &e.preserve
	}
	return nil
}

// value is the value of a label, or "".
func (e *entry) value(name string) string {
	v, ok := e.get(name)
	if !ok {
		return ""
	}
	return v
}

// set gives a label a value, whatever it was before.
func (e *entry) set(name, value string, c category) {
	if p := e.reserved(name); p != nil {
		e.hide(name)
		*p = value
		return
	}
	if i := e.fieldIndex(name); i >= 0 {
		e.fields[i] = field{name, value, c}
		return
	}
	e.hide(name)
	e.fields = append(e.fields, field{name, value, c})
}

func (e *entry) hide(name string) {
	if i := e.streamIndex(name); i >= 0 && !e.hidden[i] {
		e.hidden[i] = true
		e.hides++
	}
}

// remove takes a label away.
func (e *entry) remove(name string) {
	if i := e.fieldIndex(name); i >= 0 {
		e.fields = append(e.fields[:i], e.fields[i+1:]...)
		return
	}
	if p := e.reserved(name); p != nil {
		*p = ""
	}
	e.hide(name)
}

// extract adds a label that a parser found. What an earlier parser found under
// the name stays.
func (e *entry) extract(name *parsedName, value string) { e.add(name, value, false) }

// replace adds a label that a parser was asked for by name, in the place of what
// earlier stages found under it.
func (e *entry) replace(name *parsedName, value string) { e.add(name, value, true) }

func (e *entry) add(name *parsedName, value string, replace bool) {
	if !name.needed {
		return
	}
	final := name.final
	for i := range e.fields {
		f := &e.fields[i]
		if f.category == categoryMetadata && f.name == name.own && !name.clashes {
			final = e.names.suffixed(name.own)
			break
		}
	}
	if final != name.final && !e.needs.has(final) {
		return
	}
	if i := e.fieldIndex(final); i >= 0 {
		// Metadata gave way to the stream under the very name that this label
		// gives way under: what was parsed is kept.
		if replace || e.fields[i].category == categoryMetadata {
			e.fields[i] = field{final, value, categoryParsed}
		}
		return
	}
	e.hide(final)
	e.fields = append(e.fields, field{final, value, categoryParsed})
}

// fail notes an error.
func (e *entry) fail(class, details string) {
	e.set(ErrorLabel, class, categoryParsed)
	e.set(ErrorDetailsLabel, details, categoryParsed)
}

// failed reports whether there is an error.
func (e *entry) failed() bool { return e.class != "" }
