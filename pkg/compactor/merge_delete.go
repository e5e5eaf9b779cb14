package compactor

import (
	"github.com/skaldlogs/skald/pkg/model"
	"github.com/skaldlogs/skald/pkg/scan"
	"github.com/skaldlogs/skald/pkg/storage"
	"github.com/skaldlogs/skald/pkg/storage/digest"
)

// deleting makes a merge leave out what masks delete. It is called before the
// merge runs.
func (m *merge) deleting(masks []*storage.Mask) {
	m.masks = masks
	m.removed = make([]digest.Digest, len(masks))
	m.deletes = make([]bool, len(m.labels))
	for n, l := range m.labels {
		for _, mask := range masks {
			m.deletes[n] = m.deletes[n] || mask.Selects(l)
		}
	}
}

// selectors returns what each mask says of the rows of a stream: nil for a mask
// that has no say, and nil when none has.
func (m *merge) selectors(stream uint32) []storage.Selector {
	if len(m.masks) == 0 || !m.deletes[stream] {
		return nil
	}
	out := make([]storage.Selector, len(m.masks))
	for n, mask := range m.masks {
		if mask.Selects(m.labels[stream]) {
			out[n] = mask.Selector(m.labels[stream])
		}
	}
	return out
}

// deletesRow notes a row that a mask deletes, the first of several.
func (m *merge) deletesRow(stream uint32, selects []storage.Selector, b *scan.Batch, n int) bool {
	var md model.Metadata
	if b.Metadata != nil {
		md = b.Metadata[n]
	}
	for mask, selects := range selects {
		if selects == nil || !selects(b.Timestamps[n], b.Lines[n], md) {
			continue
		}
		whole, _ := m.hasher.Hash(m.hashes[stream], b.Timestamps[n], b.Lines[n], md)
		m.gone = append(m.gone, goneRow{b.Timestamps[n], whole, mask})
		return true
	}
	return false
}

// countGone counts the deleted rows of a slice that ends with last; what was read
// beyond it is read again.
func (m *merge) countGone(last int64) {
	for _, g := range m.gone {
		if g.ts <= last {
			m.removed[g.mask].Add(g.hash)
			m.all.Add(g.hash)
		}
	}
	m.gone = m.gone[:0]
}
