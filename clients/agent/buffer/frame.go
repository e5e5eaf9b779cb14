package buffer

import (
	"encoding/binary"
	"strings"

	"github.com/prometheus/prometheus/model/labels"

	"github.com/skaldlogs/skald/clients/agent/entry"
	"github.com/skaldlogs/skald/clients/agent/position"
	"github.com/skaldlogs/skald/pkg/encbuf"
)

const (
	frameHead = 8
	// maxFrame bounds a frame: a longer one is damage.
	maxFrame = 256 << 20
)

// appendEntry writes an entry.
func appendEntry(dst []byte, e *entry.Entry) []byte {
	ls := e.Labels.All()
	dst = binary.AppendUvarint(dst, uint64(ls.Len()))
	ls.Range(func(l labels.Label) {
		dst = encbuf.AppendString(dst, l.Name)
		dst = encbuf.AppendString(dst, l.Value)
	})
	dst = binary.AppendVarint(dst, e.Timestamp)
	dst = encbuf.AppendString(dst, e.Line)
	dst = binary.AppendUvarint(dst, uint64(len(e.Metadata)))
	for _, m := range e.Metadata {
		dst = encbuf.AppendString(dst, m.Name)
		dst = encbuf.AppendString(dst, m.Value)
	}
	return dst
}

// A decoder reads the entries of frames.
type decoder struct {
	track *position.Track
	// sets are label sets that were read, by their bytes in the frame.
	sets    map[string]*entry.Labels
	entries []entry.Entry
}

// maxSets is how many label sets a decoder remembers.
const maxSets = 1024

// frame reads the entries of a payload that lies at an offset. Their strings
// point into p.
func (d *decoder) frame(p []byte, offset int64) ([]entry.Entry, error) {
	d.entries = d.entries[:0]
	dec := encbuf.NewDecoder(p)
	for dec.Len() > 0 && dec.Err() == nil {
		start := dec.Offset()
		ls := d.labels(p, &dec)
		e := entry.Entry{Labels: ls, Timestamp: dec.Varint(), Line: dec.String()}
		if n := dec.Count(1<<16, 2); n > 0 {
			e.Metadata = make([]labels.Label, n)
			for i := range e.Metadata {
				e.Metadata[i] = labels.Label{Name: dec.String(), Value: dec.String()}
			}
		}
		r := position.Range{Start: offset + int64(start), End: offset + int64(dec.Offset())}
		e.Mark = entry.Mark{Track: d.track, Range: r, Lines: 1}
		d.entries = append(d.entries, e)
	}
	if err := dec.Err(); err != nil {
		return nil, err
	}
	return d.entries, nil
}

func (d *decoder) labels(p []byte, dec *encbuf.Decoder) *entry.Labels {
	start := dec.Offset()
	n := dec.Count(1<<14, 2)
	pairs := make([]string, 0, 2*n)
	for range 2 * n {
		pairs = append(pairs, dec.String())
	}
	if dec.Err() != nil {
		return nil
	}
	key := p[start:dec.Offset()]
	if ls, ok := d.sets[string(key)]; ok {
		return ls
	}
	b := labels.NewScratchBuilder(n)
	for i := 0; i < len(pairs); i += 2 {
		b.Add(strings.Clone(pairs[i]), strings.Clone(pairs[i+1]))
	}
	b.Sort()
	ls := entry.NewLabels(b.Labels())
	if d.sets == nil || len(d.sets) >= maxSets {
		d.sets = map[string]*entry.Labels{}
	}
	d.sets[string(key)] = ls
	return ls
}
