package stage

import (
	"maps"
	"slices"
	"strings"

	"github.com/prometheus/prometheus/model/labels"

	"github.com/skaldlogs/skald/clients/agent/entry"
	"github.com/skaldlogs/skald/pkg/model"
)

// maxHeldBytes is how long an entry may get that is joined of several. What
// gets longer goes on as it is, and the rest begins another.
const maxHeldBytes = 16 << 20

// held is a row that is held back, to be joined with others. All of it is its own.
type held struct {
	labels, origin *entry.Labels
	ts             int64
	md             model.Metadata
	values         []value
	extra          map[string]value

	mark entry.Mark
	text []byte // of the lines so far
}

// hold copies a row, without its line and mark.
func (r *row) hold() *held {
	h := &held{labels: r.labels, origin: r.origin, ts: r.ts, values: slices.Clone(r.values)}
	for i := range h.values {
		h.values[i].text = strings.Clone(h.values[i].text)
	}
	if len(r.extra) > 0 {
		h.extra = make(map[string]value, len(r.extra))
		for k, v := range r.extra {
			v.text = strings.Clone(v.text)
			h.extra[strings.Clone(k)] = v
		}
	}
	for _, l := range r.md {
		h.md = append(h.md, labels.Label{Name: strings.Clone(l.Name), Value: strings.Clone(l.Value)})
	}
	return h
}

// clear takes the lines out of h, as when they have gone on.
func (h *held) clear() { h.text, h.mark = h.text[:0], entry.Mark{} }

// emit lets a held row go on behind the stage that held it, ahead of the row
// that is being processed, which is kept as it is.
func (c *Chain) emit(at int, h *held) {
	r := &c.work.row
	current := *r
	*r = row{
		labels: h.labels, origin: h.origin, ts: h.ts, md: h.md, mark: h.mark,
		slots: r.slots, values: slices.Clone(h.values), extra: maps.Clone(h.extra),
		arena: r.arena, pairs: r.pairs,
	}
	r.line = r.keepText(model.Borrow(h.text))
	c.run(at + 1)
	// What was written meanwhile lies behind what was written before.
	current.arena, current.pairs = r.arena, r.pairs
	*r = current
}
