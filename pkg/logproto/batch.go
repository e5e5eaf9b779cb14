package logproto

import (
	"github.com/prometheus/prometheus/model/labels"

	"github.com/skaldlogs/skald/pkg/model"
)

// The fewest bytes that something useful takes in a push of any format. More
// things than would fit at these sizes are not a push but an attempt to fill our
// memory: an empty message takes two bytes on the wire and up to fifty here.
const (
	leastStreamBytes = 4
	leastEntryBytes  = 8 // two bytes of frame, and a timestamp's seconds
	leastPairBytes   = 6

	// fewThings is how many of each are taken whatever their size.
	fewThings = 64
)

// A BatchBuilder lays out the entries of a push in arrays that it keeps from
// one push to the next. It is filled from the inside out: the pairs of an entry,
// the entry, and behind its last entry the stream. The zero value must be Reset
// before it is used.
type BatchBuilder struct {
	streams []model.Stream
	entries []model.Entry
	pairs   []labels.Label

	firstEntry, firstPair            int // of the stream and the entry that are not finished
	maxStreams, maxEntries, maxPairs int
}

// Reset begins a push that was size bytes long, which bounds what it can hold.
// What was built before is no longer valid.
func (b *BatchBuilder) Reset(size int) {
	b.streams, b.entries, b.pairs = b.streams[:0], b.entries[:0], b.pairs[:0]
	b.firstEntry, b.firstPair = 0, 0
	b.maxStreams = size/leastStreamBytes + fewThings
	b.maxEntries = size/leastEntryBytes + fewThings
	b.maxPairs = size/leastPairBytes + fewThings
}

// Pair adds to the metadata of the next entry. It reports whether there was
// room for it.
func (b *BatchBuilder) Pair(name, value string) bool {
	b.pairs = append(b.pairs, labels.Label{Name: name, Value: value})
	return len(b.pairs) <= b.maxPairs
}

// Entry adds an entry to the next stream. It reports whether there was room for it.
func (b *BatchBuilder) Entry(ts int64, line string) bool {
	e := model.Entry{Timestamp: ts, Line: line}
	if n := len(b.pairs); n > b.firstPair {
		// The array may move while it grows; the pairs of this entry stay
		// where they are, in the old one.
		e.Metadata = model.Metadata(b.pairs[b.firstPair:n:n])
		b.firstPair = n
	}
	b.entries = append(b.entries, e)
	return len(b.entries) <= b.maxEntries
}

// Stream adds a stream that has the entries since the last. It reports whether
// there was room for it.
func (b *BatchBuilder) Stream(lbls string, hash uint64) bool {
	n := len(b.entries)
	b.streams = append(b.streams, model.Stream{Labels: lbls, Hash: hash, Entries: b.entries[b.firstEntry:n:n]})
	b.firstEntry = n
	return len(b.streams) <= b.maxStreams
}

// Streams returns what was built. It is valid until the next Reset or Release.
func (b *BatchBuilder) Streams() []model.Stream { return b.streams }

// keptThings is how many of each an array may have room for to be kept: enough
// for pushes of some megabytes, while a monster's arrays go with it.
const keptThings = 1 << 17

// Release lets go of the strings of the last push, and keeps the arrays unless
// they are unusually large.
func (b *BatchBuilder) Release() {
	b.streams, b.entries, b.pairs = released(b.streams), released(b.entries), released(b.pairs)
	b.Reset(0)
}

func released[T any](array []T) []T {
	if cap(array) > keptThings {
		return nil
	}
	clear(array)
	return array
}
