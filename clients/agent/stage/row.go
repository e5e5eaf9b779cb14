package stage

import (
	"github.com/prometheus/prometheus/model/labels"

	"github.com/skaldlogs/skald/clients/agent/entry"
	"github.com/skaldlogs/skald/pkg/model"
)

// A row is an entry on its way through the stages.
type row struct {
	labels *entry.Labels
	origin *entry.Labels // those that the entry came with
	ts     int64
	line   string
	md     model.Metadata
	mark   entry.Mark

	slots  *slots
	values []value          // by slot; an absent one is that of origin
	extra  map[string]value // of names that no stage knows beforehand

	// What follows serves all rows of a Put.

	arena   []byte         // what stages wrote
	pairs   []labels.Label // metadata that stages wrote
	scratch []byte
	scan    jsonScan
}

// maxKeptBytes is how much memory a row keeps for the next Put.
const maxKeptBytes = 1 << 20

// begin makes r the row of an entry.
func (r *row) begin(e *entry.Entry) {
	r.labels, r.origin = e.Labels, e.Labels
	r.ts, r.line, r.md, r.mark = e.Timestamp, e.Line, e.Metadata, e.Mark
	clear(r.values)
	clear(r.extra)
}

// entry is what has become of the row.
func (r *row) entry() entry.Entry {
	return entry.Entry{Labels: r.labels, Timestamp: r.ts, Line: r.line, Metadata: r.md, Mark: r.mark}
}

// release makes room for the next Put. Nothing that rows wrote is valid then.
func (r *row) release() {
	if cap(r.arena) > maxKeptBytes {
		r.arena = nil
	}
	if cap(r.scratch) > maxKeptBytes {
		r.scratch = nil
	}
	clear(r.pairs)
	r.arena, r.pairs = r.arena[:0], r.pairs[:0]
	r.line, r.md, r.mark = "", nil, entry.Mark{}
	clear(r.values)
	clear(r.extra)
	r.scan.release()
}

// keep returns a copy of b that lives until the end of the Put. b may be made
// of r.scratch, which is then kept at the size that b needed.
func (r *row) keep(b []byte) string {
	if cap(b) > cap(r.scratch) {
		r.scratch = b[:0]
	}
	return r.keepText(model.Borrow(b))
}

// keepText is keep for text.
func (r *row) keepText(s string) string {
	if len(s) == 0 {
		return ""
	}
	if cap(r.arena)-len(r.arena) < len(s) {
		// What was written before stays where it is, for those who hold it.
		r.arena = make([]byte, 0, max(len(s), min(2*cap(r.arena), maxKeptBytes), 4<<10))
	}
	start := len(r.arena)
	r.arena = append(r.arena, s...)
	return model.Borrow(r.arena[start:len(r.arena):len(r.arena)])
}

// get returns the extracted value of a slot.
func (r *row) get(slot int) value {
	v := r.values[slot]
	if v.kind == kindAbsent {
		return r.initial(r.slots.names[slot])
	}
	if v.kind == kindRemoved {
		return value{}
	}
	return v
}

// initial is what the extracted values begin with: the labels.
func (r *row) initial(name string) value {
	if r.origin == nil {
		return value{}
	}
	if s := r.origin.Get(name); s != "" {
		return textValue(s)
	}
	return value{}
}

// set sets the extracted value of a slot.
func (r *row) set(slot int, v value) {
	if v.kind == kindAbsent {
		v.kind = kindRemoved
	}
	r.values[slot] = v
}

// setName sets an extracted value by its name.
func (r *row) setName(name string, v value) {
	if slot, ok := r.slots.byName[name]; ok {
		r.set(slot, v)
		return
	}
	if !r.slots.keepExtra {
		return
	}
	if r.extra == nil {
		r.extra = map[string]value{}
	}
	r.extra[name] = v
}

// getName returns an extracted value by its name.
func (r *row) getName(name string) value {
	if slot, ok := r.slots.byName[name]; ok {
		return r.get(slot)
	}
	if v, ok := r.extra[name]; ok {
		return v
	}
	return r.initial(name)
}

// each calls fn for each extracted value.
func (r *row) each(fn func(name string, v value)) {
	if r.origin != nil {
		r.origin.All().Range(func(l labels.Label) {
			if slot, ok := r.slots.byName[l.Name]; ok && r.values[slot].kind != kindAbsent {
				return
			}
			if _, ok := r.extra[l.Name]; !ok {
				fn(l.Name, textValue(l.Value))
			}
		})
	}
	for slot, v := range r.values {
		if v.kind != kindAbsent && v.kind != kindRemoved {
			fn(r.slots.names[slot], v)
		}
	}
	for name, v := range r.extra {
		fn(name, v)
	}
}

// setMetadata sets structured metadata.
func (r *row) setMetadata(name, val string) {
	start := len(r.pairs)
	r.pairs = append(r.pairs, r.md...)
	for i := start; i < len(r.pairs); i++ {
		if r.pairs[i].Name == name {
			r.pairs[i].Value = val
			r.md = r.pairs[start:len(r.pairs):len(r.pairs)]
			return
		}
	}
	r.pairs = append(r.pairs, labels.Label{Name: name, Value: val})
	r.md = r.pairs[start:len(r.pairs):len(r.pairs)]
}

// slots are the names of the values that the stages of a pipeline extract or
// look at.
type slots struct {
	byName map[string]int
	names  []string
	// keepExtra says that some stage may look at a value of any name.
	keepExtra bool
}

// of returns the slot of a name, a new one if it has none.
func (s *slots) of(name string) int {
	if slot, ok := s.byName[name]; ok {
		return slot
	}
	slot := len(s.names)
	s.byName[name] = slot
	s.names = append(s.names, name)
	return slot
}
