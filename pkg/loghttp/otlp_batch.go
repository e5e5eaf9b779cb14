package loghttp

import (
	"encoding/hex"
	"math"
	"slices"
	"strconv"

	"github.com/prometheus/prometheus/model/labels"
	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/plog"

	"github.com/skaldlogs/skald/pkg/model"
)

// An otlpBatch makes a batch of log records. Each resource is a stream, or
// several where attributes of records are labels as well.
//
// What a resource says is written for each of its records, and a name may be as
// long as its nesting wants: whatever is not in proportion to the body is charged
// to the push's budget.
type otlpBatch struct {
	push    *Push
	mapping *OTLPMapping
	now     int64

	labels  labelWriter
	byText  map[string]int // labels → streams
	streams []model.Stream

	names map[string]string // of attributes, as they are stored
	text  []byte            // what is made of values; strings point into it
	pairs []labels.Label    // metadata of records; slices of it are handed out
	err   error             // the first one
}

// An otlpOrigin is what the records of a scope share.
type otlpOrigin struct {
	labels   []labels.Label // of the resource
	stream   int            // of records without labels of their own; -1 when it is not there yet
	metadata []labels.Label // of scope and resource
}

// build returns the streams of the records.
func (b *otlpBatch) build(logs plog.Logs) ([]model.Stream, error) {
	b.byText, b.names = map[string]int{}, map[string]string{}
	for _, rl := range logs.ResourceLogs().All() {
		b.labels.lbls = b.labels.lbls[:0]
		resource := b.attributes(nil, rl.Resource().Attributes(), &b.mapping.Resource)
		origin := otlpOrigin{labels: slices.Clone(b.labels.lbls), stream: -1}
		for _, sl := range rl.ScopeLogs().All() {
			origin.metadata = b.scope(sl.Scope(), resource)
			for _, rec := range sl.LogRecords().All() {
				b.record(&origin, rec)
				if b.err != nil {
					return nil, b.err
				}
			}
		}
	}
	return b.streams, b.err
}

// scope returns the metadata that all records of a scope share.
func (b *otlpBatch) scope(s pcommon.InstrumentationScope, resource []labels.Label) []labels.Label {
	out := b.attributes(nil, s.Attributes(), &b.mapping.Scope)
	out = appendText(out, "scope_name", s.Name())
	out = appendText(out, "scope_version", s.Version())
	out = appendCount(out, "scope_dropped_attributes_count", s.DroppedAttributesCount())
	return appendMissing(out, resource)
}

func (b *otlpBatch) record(o *otlpOrigin, rec plog.LogRecord) {
	const fields = 7 // of a record that become metadata
	b.labels.lbls = b.labels.lbls[:0]
	m := b.attributes(b.room(rec.Attributes().Len()+fields+len(o.metadata)), rec.Attributes(), &b.mapping.Record)
	if rec.Timestamp() != 0 && rec.ObservedTimestamp() != 0 {
		m = append(m, labels.Label{Name: "observed_timestamp", Value: strconv.FormatUint(uint64(rec.ObservedTimestamp()), 10)})
	}
	if n := rec.SeverityNumber(); n != 0 {
		m = append(m, labels.Label{Name: "severity_number", Value: strconv.Itoa(int(n))})
	}
	switch text := rec.SeverityText(); {
	case text == "":
	case b.mapping.SeverityLabel:
		b.labels.add("severity_text", text)
	default:
		m = appendText(m, "severity_text", text)
	}
	m = appendCount(m, "dropped_attributes_count", rec.DroppedAttributesCount())
	m = appendCount(m, "flags", uint32(rec.Flags()))
	if id := rec.TraceID(); !id.IsEmpty() {
		m = append(m, labels.Label{Name: "trace_id", Value: b.hex(id[:])})
	}
	if id := rec.SpanID(); !id.IsEmpty() {
		m = append(m, labels.Label{Name: "span_id", Value: b.hex(id[:])})
	}
	if len(m) == 0 {
		m = o.metadata
	} else {
		m = appendMissing(m, o.metadata)
		b.keep(m)
	}

	s := &b.streams[b.stream(o)]
	s.Entries = append(s.Entries, model.Entry{
		Timestamp: b.time(rec),
		Line:      b.render(rec.Body()),
		Metadata:  model.Metadata(m[:len(m):len(m)]),
	})
}

// time is when a record happened, or else when it was seen, first by whoever
// sent it and then by us.
func (b *otlpBatch) time(rec plog.LogRecord) int64 {
	ts := rec.Timestamp()
	if ts == 0 {
		ts = rec.ObservedTimestamp()
	}
	if ts == 0 {
		return b.now
	}
	return int64(min(uint64(ts), math.MaxInt64))
}

// stream returns the number of the stream of a record whose own labels were
// just read.
func (b *otlpBatch) stream(o *otlpOrigin) int {
	own := len(b.labels.lbls) > 0
	if !own && o.stream >= 0 {
		return o.stream
	}
	b.labels.lbls = append(b.labels.lbls, o.labels...)
	if own {
		// Of labels with the same name the last counts: the record's.
		b.labels.lbls = append(b.labels.lbls, b.labels.lbls[:len(b.labels.lbls)-len(o.labels)]...)
	}
	before := len(b.labels.buf)
	text := b.labels.text()
	b.charge(len(b.labels.buf) - before)
	n, ok := b.byText[text]
	if !ok {
		n = len(b.streams)
		b.byText[text] = n
		b.streams = append(b.streams, model.Stream{Labels: text})
	}
	if !own {
		o.stream = n
	}
	return n
}

// attributes appends those that are metadata to dst, and adds those that are
// labels to the labels of the stream.
func (b *otlpBatch) attributes(dst []labels.Label, m pcommon.Map, places *AttributeMap) []labels.Label {
	for name, v := range m.All() {
		if place := places.Place(name); place != ToNowhere {
			dst = b.flatten(dst, place, name, v)
		}
	}
	return dst
}

// flatten gives an attribute its place; of a map, each value.
func (b *otlpBatch) flatten(dst []labels.Label, place Place, name string, v pcommon.Value) []labels.Label {
	if v.Type() == pcommon.ValueTypeMap {
		for key, inner := range v.Map().All() {
			start := b.begin()
			b.text = append(append(append(b.text, name...), '_'), key...)
			if dst = b.flatten(dst, place, b.made(start), inner); b.err != nil {
				return dst
			}
		}
		return dst
	}
	value := b.render(v)
	if value == "" {
		return dst
	}
	stored, ok := b.name(name)
	if place == ToLabel && ok {
		b.labels.add(stored, value)
		return dst
	}
	return append(dst, labels.Label{Name: stored, Value: model.SanitizeValue(value)})
}

// name returns the name under which an attribute is stored. One that nothing is
// left of stays as it is, for the entry to be refused with it.
func (b *otlpBatch) name(name string) (string, bool) {
	if stored, ok := b.names[name]; ok {
		return stored, true
	}
	stored, err := model.SanitizeName(name)
	if err != nil {
		return name, false
	}
	b.names[name] = stored
	return stored, true
}

func appendText(dst []labels.Label, name, value string) []labels.Label {
	if value == "" {
		return dst
	}
	return append(dst, labels.Label{Name: name, Value: model.SanitizeValue(value)})
}

func appendCount(dst []labels.Label, name string, n uint32) []labels.Label {
	if n == 0 {
		return dst
	}
	return append(dst, labels.Label{Name: name, Value: strconv.FormatUint(uint64(n), 10)})
}

// fewPairs is how many pairs are compared with each other one by one.
const fewPairs = 32

// appendMissing appends those pairs of more whose names dst has not: what is
// nearer to the record wins.
func appendMissing(dst, more []labels.Label) []labels.Label {
	own := dst
	has := func(name string) bool {
		return slices.ContainsFunc(own, func(l labels.Label) bool { return l.Name == name })
	}
	if len(own) > fewPairs && len(more) > 1 {
		names := make(map[string]bool, len(own))
		for _, l := range own {
			names[l.Name] = true
		}
		has = func(name string) bool { return names[name] }
	}
	for _, l := range more {
		if !has(l.Name) {
			dst = append(dst, l)
		}
	}
	return dst
}

// room returns an empty slice for n pairs, in an array that many records share.
func (b *otlpBatch) room(n int) []labels.Label {
	const least, pairBytes = 512, 32
	if cap(b.pairs)-len(b.pairs) < n {
		size := max(n, least)
		b.charge(size * pairBytes)
		if b.err != nil {
			return nil
		}
		b.pairs = make([]labels.Label, 0, size)
	}
	return b.pairs[len(b.pairs):]
}

// keep keeps what was put into the room, unless it outgrew it and lies elsewhere.
func (b *otlpBatch) keep(pairs []labels.Label) {
	if n := len(b.pairs) + len(pairs); n <= cap(b.pairs) {
		b.pairs = b.pairs[:n]
	}
}

// charge claims memory that is not in proportion to the body.
func (b *otlpBatch) charge(n int) {
	if b.err == nil {
		b.err = b.push.hold(int64(n))
	}
}

// begin returns where text starts that is appended to b.text, and made returns
// what was appended.
func (b *otlpBatch) begin() int {
	const slab = 32 << 10
	if cap(b.text)-len(b.text) < slab/8 {
		b.text = make([]byte, 0, slab)
	}
	return len(b.text)
}

func (b *otlpBatch) made(start int) string {
	b.charge(len(b.text) - start)
	return model.Borrow(b.text[start:len(b.text):len(b.text)])
}

func (b *otlpBatch) hex(id []byte) string {
	start := b.begin()
	b.text = hex.AppendEncode(b.text, id)
	return b.made(start)
}
