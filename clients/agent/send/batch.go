package send

import (
	"time"

	"github.com/prometheus/prometheus/model/labels"

	"github.com/skaldlogs/skald/clients/agent/entry"
	"github.com/skaldlogs/skald/clients/agent/position"
	"github.com/skaldlogs/skald/pkg/model"
)

// slabBytes is how much room for strings a batch gets at a time.
const slabBytes = 256 << 10

// A batch is what goes to one tenant in one request. It owns its strings, and
// is used again after it was sent.
type batch struct {
	tenant  string
	began   time.Time
	bytes   int // of lines and metadata
	cost    int // of memory, about
	entries int64
	lines   int64

	streams  []model.Stream
	byLabels map[*entry.Labels]int
	byText   map[string]int

	slabs [][]byte // the last is being filled
	full  int      // of slabs: those before are full
	pairs []labels.Label

	parts   []position.Part
	byTrack map[*position.Track]int
	last    int // of parts: the one that the last entry went to
}

func newBatch() *batch {
	return &batch{
		byLabels: map[*entry.Labels]int{},
		byText:   map[string]int{},
		byTrack:  map[*position.Track]int{},
	}
}

// reset makes the batch ready for another tenant. It keeps its memory, but for
// what an unusual batch left.
func (b *batch) reset() {
	for i := range b.streams {
		clear(b.streams[i].Entries)
		b.streams[i].Entries = b.streams[i].Entries[:0]
		b.streams[i].Labels = ""
	}
	b.streams = b.streams[:0]
	clear(b.byLabels)
	clear(b.byText)
	clear(b.byTrack)
	clear(b.pairs)
	clear(b.parts)
	b.pairs, b.parts, b.last = b.pairs[:0], b.parts[:0], 0
	kept := b.slabs[:0]
	for _, s := range b.slabs {
		if cap(s) == slabBytes && len(kept) < 8 {
			kept = append(kept, s[:0])
		}
	}
	b.slabs, b.full = kept, 0
	b.tenant, b.bytes, b.cost, b.entries, b.lines, b.began = "", 0, 0, 0, 0, time.Time{}
}

// keep copies a string into the batch.
func (b *batch) keep(s string) string {
	if s == "" {
		return ""
	}
	for b.full < len(b.slabs) && cap(b.slabs[b.full])-len(b.slabs[b.full]) < len(s) {
		b.full++
	}
	if b.full == len(b.slabs) {
		b.slabs = append(b.slabs, make([]byte, 0, max(slabBytes, len(s))))
	}
	slab := b.slabs[b.full]
	n := len(slab)
	slab = append(slab, s...)
	b.slabs[b.full] = slab
	return model.Borrow(slab[n:])
}

// add copies an entry into the batch. text gives the labels as they are sent.
func (b *batch) add(e *entry.Entry, text func(*entry.Labels) string) {
	i, ok := b.byLabels[e.Labels]
	if !ok {
		t := text(e.Labels)
		if i, ok = b.byText[t]; !ok {
			i = len(b.streams)
			if i < cap(b.streams) {
				b.streams = b.streams[:i+1] // its entries are used again
			} else {
				b.streams = append(b.streams, model.Stream{})
			}
			b.streams[i].Labels = t
			b.byText[t] = i
		}
		b.byLabels[e.Labels] = i
	}
	s := &b.streams[i]
	kept := model.Entry{Timestamp: e.Timestamp, Line: b.keep(e.Line)}
	if len(e.Metadata) > 0 {
		n := len(b.pairs)
		for _, p := range e.Metadata {
			b.pairs = append(b.pairs, labels.Label{Name: b.keep(p.Name), Value: b.keep(p.Value)})
		}
		kept.Metadata = model.Metadata(b.pairs[n:len(b.pairs):len(b.pairs)])
	}
	s.Entries = append(s.Entries, kept)
	b.entries++
	b.bytes += kept.Bytes()
	b.mark(&e.Mark)
}

// mark notes which part of a source an entry stands for.
func (b *batch) mark(m *entry.Mark) {
	if m.Track != nil {
		if b.last >= len(b.parts) || b.parts[b.last].Track != m.Track {
			i, ok := b.byTrack[m.Track]
			if !ok {
				i = len(b.parts)
				b.parts = append(b.parts, position.Part{Track: m.Track})
				b.byTrack[m.Track] = i
			}
			b.last = i
		}
		p := &b.parts[b.last]
		p.Lines += m.Lines
		b.lines += m.Lines
		if n := len(p.Ranges); n > 0 && p.Ranges[n-1].End == m.Start {
			p.Ranges[n-1].End = m.End
		} else {
			p.Ranges = append(p.Ranges, m.Range)
		}
	}
	for i := range m.More {
		b.mark(&m.More[i])
	}
}

// takeParts returns the parts, sorted, for a flight to keep.
func (b *batch) takeParts() []position.Part {
	parts := make([]position.Part, len(b.parts))
	copy(parts, b.parts)
	for i := range parts {
		parts[i].Ranges = position.SortRanges(parts[i].Ranges)
	}
	return parts
}
