package loghttp

import (
	"bytes"
	"slices"
	"strings"

	"github.com/prometheus/prometheus/model/labels"

	"github.com/skaldlogs/skald/pkg/logproto"
	"github.com/skaldlogs/skald/pkg/model"
)

// A DocMapping says what of a JSON document is its labels, its time and its
// line. A field within an object goes by its path with dots, kubernetes.pod.name,
// whether it is written so or nested. All other fields are structured metadata.
type DocMapping struct {
	// StreamFields become labels, as far as a document has them. The attributes
	// of an OpenTelemetry resource lose the name of the object that they are in.
	StreamFields []string
	// TimeFields may hold the time: the first that is there does. Without one
	// the time is that of arrival.
	TimeFields []string
	// MessageFields may hold the line: the first that is there does. Of a
	// document without one the line is the document, and no field of it is
	// structured metadata.
	MessageFields []string
}

// A DocError says why a document of a push is no entry.
type DocError struct {
	Number int // of its line in the body, from 1
	Err    error
}

const (
	// maxDocPath is how long the path of a field may be.
	maxDocPath = 4096
	// docBytes is what a document takes beside its text and its fields.
	docBytes = 192
)

// A docReader makes entries of JSON documents.
type docReader struct {
	*gatherer
	mapping *DocMapping
	now     int64

	r      jsonReader
	index  string     // of a bulk's document
	fields []docField // of the document that is being read
}

// A docField is a value that is no object, and where it stands.
type docField struct {
	path, value string
	number      bool
}

// A docPlace is where the entry of a document is in the batch.
type docPlace struct{ stream, entry int }

// read adds the entry of a document. What it returns points into the text,
// which stays as it is. An error is of this document alone, unless g.err is set.
func (d *docReader) read(text []byte) (docPlace, error) {
	d.charge(docBytes)
	d.r = jsonReader{buf: text, keep: true}
	d.fields = d.fields[:0]
	d.object("", maxJSONDepth)
	d.r.end()
	if d.r.err != nil {
		return docPlace{}, d.r.err
	}
	if len(text) > logproto.MaxRowBytes {
		return docPlace{}, malformedf("a document of %d bytes, more than %d", len(text), logproto.MaxRowBytes)
	}

	ts := d.now
	timeAt := d.find(d.mapping.TimeFields)
	if timeAt >= 0 {
		f := &d.fields[timeAt]
		var ok bool
		if ts, ok = parseDocTime(f.value, f.number); !ok {
			return docPlace{}, malformedf("%s: %.60q is no time: use RFC 3339, or a Unix time in seconds, milliseconds, microseconds or nanoseconds", f.path, f.value)
		}
	}
	messageAt := d.find(d.mapping.MessageFields)
	line := model.Borrow(text)
	if messageAt >= 0 {
		line = d.fields[messageAt].value
	}

	d.labels.lbls = d.labels.lbls[:0]
	if d.index != "" && slices.Contains(d.mapping.StreamFields, indexField) {
		d.labels.add("index", d.index)
	}
	m := d.room(len(d.fields))
	for i := range d.fields {
		f := &d.fields[i]
		if i == timeAt || i == messageAt || f.value == "" {
			continue
		}
		if slices.Contains(d.mapping.StreamFields, f.path) {
			if name, ok := d.name(ofResource(f.path)); ok {
				d.labels.add(name, f.value)
				continue
			}
		}
		if messageAt >= 0 {
			name, _ := d.name(f.path)
			m = append(m, labels.Label{Name: name, Value: model.SanitizeValue(f.value)})
		}
	}
	if len(d.labels.lbls) > logproto.MaxLabels {
		return docPlace{}, malformedf("more than %d labels", logproto.MaxLabels)
	}
	d.keep(m)
	n := d.stream()
	s := &d.streams[n]
	s.Entries = append(s.Entries, model.Entry{Timestamp: ts, Line: line, Metadata: model.Metadata(m[:len(m):len(m)])})
	return docPlace{n, len(s.Entries) - 1}, d.err
}

// find returns the number of the field that has the first of these paths that
// there is, or -1.
func (d *docReader) find(paths []string) int {
	for _, path := range paths {
		if i := slices.IndexFunc(d.fields, func(f docField) bool { return f.path == path }); i >= 0 {
			return i
		}
	}
	return -1
}

// object reads an object, and those within it, as fields.
func (d *docReader) object(outer string, depth int) {
	r := &d.r
	at := r.pos
	if depth == 0 {
		r.fail(at, "a value nested too deep")
		return
	}
	for r.open('{', "an object"); r.more('}'); {
		at := r.pos
		path := model.Borrow(r.key())
		if outer != "" {
			if len(outer)+len(path) >= maxDocPath {
				r.fail(at, "a field whose path has more than %d bytes", maxDocPath)
				return
			}
			path = d.path(outer, '.', path)
		}
		switch c := r.peek(); {
		case c == '{':
			d.object(path, depth-1)
		case c == '[':
			from := r.pos
			r.skip()
			if r.err == nil {
				d.fields = append(d.fields, docField{path: path, value: model.Borrow(r.buf[from:r.pos])})
			}
		case c == '"':
			d.fields = append(d.fields, docField{path: path, value: r.text("")})
		case !r.null():
			text := model.Borrow(r.literal())
			d.fields = append(d.fields, docField{path: path, value: text, number: text != "true" && text != "false"})
		}
		if r.err != nil || d.err != nil {
			return
		}
	}
}

// ofResource returns the name of an attribute of an OpenTelemetry resource, where
// its exporter for Elasticsearch puts those, and any other path as it is.
func ofResource(path string) string {
	for _, outer := range []string{"resource.attributes.", "Resource."} {
		if name, ok := strings.CutPrefix(path, outer); ok {
			return name
		}
	}
	return path
}

// eachLine calls fn for each line of text that is not blank, with its number.
func eachLine(text []byte, fn func(number int, line []byte) error) error {
	for number := 1; len(text) > 0; number++ {
		line := text
		if n := bytes.IndexByte(text, '\n'); n >= 0 {
			line, text = text[:n], text[n+1:]
		} else {
			text = nil
		}
		if line = bytes.TrimSpace(line); len(line) == 0 {
			continue
		}
		if err := fn(number, line); err != nil {
			return err
		}
	}
	return nil
}
