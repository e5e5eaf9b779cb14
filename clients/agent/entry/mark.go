package entry

import (
	"slices"

	"github.com/skaldlogs/skald/clients/agent/position"
)

// A Mark names the lines of a source that an entry stands for. The zero value
// stands for none.
type Mark struct {
	Track *position.Track
	position.Range
	// Lines is how many lines of the source lie in the range and belong to the
	// entry.
	Lines int64
	// More is set when the entry was joined of lines that do not follow each
	// other, or of several tracks. It is never changed in place.
	More []Mark
}

// Join returns the mark of an entry that was joined of those of m and o.
func (m Mark) Join(o Mark) Mark {
	switch {
	case m.Track == nil:
		return o
	case o.Track == nil:
		return m
	case m.Track == o.Track && m.End == o.Start && len(m.More) == 0:
		m.End = o.End
		m.Lines += o.Lines
		m.More = o.More
		return m
	}
	more := slices.Clone(m.More)
	if n := len(more); n > 0 && more[n-1].Track == o.Track && more[n-1].End == o.Start {
		more[n-1].End = o.End
		more[n-1].Lines += o.Lines
	} else {
		more = append(more, Mark{Track: o.Track, Range: o.Range, Lines: o.Lines})
	}
	m.More = append(more, o.More...)
	return m
}

// Each calls fn for each part.
func (m *Mark) Each(fn func(t *position.Track, r position.Range, lines int64)) {
	if m.Track != nil {
		fn(m.Track, m.Range, m.Lines)
	}
	for i := range m.More {
		m.More[i].Each(fn)
	}
}

// Count is how many lines the entry stands for.
func (m *Mark) Count() int64 {
	n := m.Lines
	for i := range m.More {
		n += m.More[i].Count()
	}
	return n
}

// Drop settles the mark of an entry that goes no further, and counts its lines
// under a reason.
func (m *Mark) Drop(reason string) {
	m.Each(func(t *position.Track, r position.Range, lines int64) { t.Drop(reason, lines, r) })
}
