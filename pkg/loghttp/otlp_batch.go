package loghttp

import (
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
type otlpBatch struct {
	*gatherer
	mapping *OTLPMapping
	now     int64
}

// An otlpOrigin is what the records of a scope share.
type otlpOrigin struct {
	labels   []labels.Label // of the resource
	stream   int            // of records without labels of their own; -1 when it is not there yet
	metadata []labels.Label // of scope and resource
}

// build returns the streams of the records.
func (b *otlpBatch) build(logs plog.Logs) ([]model.Stream, error) {
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

	s := &b.streams[b.streamOf(o)]
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

// streamOf returns the number of the stream of a record whose own labels were
// just read.
func (b *otlpBatch) streamOf(o *otlpOrigin) int {
	if len(b.labels.lbls) > 0 {
		// Of labels with the same name the last counts: the record's.
		b.labels.lbls = slices.Insert(b.labels.lbls, 0, o.labels...)
		return b.stream()
	}
	if o.stream < 0 {
		b.labels.lbls = append(b.labels.lbls, o.labels...)
		o.stream = b.stream()
	}
	return o.stream
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
			if dst = b.flatten(dst, place, b.path(name, '_', key), inner); b.err != nil {
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
