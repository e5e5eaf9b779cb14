package scan

import "github.com/skaldlogs/skald/pkg/model"

// Holdings name what a source would answer a request from. Two requests that
// ask the same of the same holdings get the same answer, so who keeps answers
// names them by what is held.
type Holdings struct {
	// Memory are the times of rows that are not in a segment yet: no name says
	// which rows these are.
	Memory []model.Interval
	// Stored are the segments, which never change.
	Stored []Held
}

// A Held is one segment, and the times of its rows.
type Held struct {
	ID       string
	Interval model.Interval
}

// Settled reports whether everything that is held of an interval has a name.
func (h *Holdings) Settled(in model.Interval) bool {
	for _, m := range h.Memory {
		if m.Overlaps(in) {
			return false
		}
	}
	return true
}

// Add adds what another source holds.
func (h *Holdings) Add(o Holdings) {
	h.Memory = append(h.Memory, o.Memory...)
	h.Stored = append(h.Stored, o.Stored...)
}
