package position

import (
	"maps"
	"slices"
	"sync"
	"sync/atomic"
)

// A Track is one source's endless sequence of offsets, and what of it is
// settled: acknowledged by a server, or dropped for good. A file's offsets are
// bytes; the journal's count its entries. Its position, the offset to resume
// from, is the first that is not settled for every client.
//
// A Track may be used by any number of goroutines. Make one with [NewTrack] or
// get it from a [Book].
type Track struct {
	id     uint64 // in its book; 0 for none
	ledger *Ledger

	lines atomic.Int64 // read
	// known is the offset above which nothing was settled when the track began:
	// below it some offsets may be those of an earlier process.
	known atomic.Int64
	// passed is the end of what this process handed on.
	passed atomic.Int64

	mu      sync.Mutex // guards the fields below
	settled []Set      // by client
	// inFlight, by client, is what an earlier process left in its journal: it is
	// sent again from there, and so must not be read again.
	inFlight []Set
	dropped  map[string]int64
	acked    []int64 // lines, by client
	gaveUp   []int64 // lines, by client
	notes    []note
	low      int64 // of all clients together
	name     Name

	// described is the generation of the journal that says what id stands for.
	// The book's mutex guards it.
	described uint64
}

// A note is text that stands for an offset.
type note struct {
	offset int64
	text   string
}

// NewTrack returns a track that no book knows: nothing of it is saved.
func NewTrack(l *Ledger) *Track {
	n := l.Clients()
	return &Track{ledger: l, settled: make([]Set, n), inFlight: make([]Set, n), acked: make([]int64, n), gaveUp: make([]int64, n)}
}

// Lasts reports whether a book saves the track, so that what is not settled of it
// is read again after the next start.
func (t *Track) Lasts() bool { return t.id != 0 }

// Ledger is where the track's lines are counted together with all others.
func (t *Track) Ledger() *Ledger { return t.ledger }

// Read counts lines that were read.
func (t *Track) Read(lines int64) {
	t.lines.Add(lines)
	t.ledger.Read.Add(lines)
}

// Pass notes that all lines below an offset are on their way, or settled: this
// process must not read them again, whatever of it is acknowledged by then.
func (t *Track) Pass(offset int64) {
	for {
		old := t.passed.Load()
		if offset <= old || t.passed.CompareAndSwap(old, offset) {
			return
		}
	}
}

// Next is the first offset that is to be read: the position, or what this
// process has handed on since.
func (t *Track) Next() int64 { return max(t.Low(), t.passed.Load()) }

// Reached is the end of what was read of the source, as far as that is known.
func (t *Track) Reached() int64 { return max(t.Next(), t.known.Load()) }

// Drop settles offsets whose lines go no further, for every client.
func (t *Track) Drop(reason string, lines int64, rs ...Range) {
	t.mu.Lock()
	if t.dropped == nil {
		t.dropped = map[string]int64{}
	}
	t.dropped[reason] += lines
	t.settleAll(rs)
	t.mu.Unlock()
	t.ledger.Drop(reason, lines)
}

// Skip settles offsets that hold no line, for every client.
func (t *Track) Skip(rs ...Range) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.settleAll(rs)
}

func (t *Track) settleAll(rs []Range) {
	for i := range t.settled {
		t.settled[i].Add(rs...)
	}
	t.advance()
}

// Anew settles all offsets that earlier processes may have known, and returns the
// first that none has: for a source that cannot go on where it was, whose lines
// would otherwise be taken for others of the same offsets.
func (t *Track) Anew() int64 {
	known := t.known.Load()
	t.Skip(Range{Start: 0, End: known})
	return max(known, t.Low())
}

// Settle notes that a server acknowledged sorted offsets to a client.
func (t *Track) Settle(client int, lines int64, rs ...Range) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.acked[client] += lines
	t.settled[client].Add(rs...)
	t.advance()
}

// giveUp notes that a client sends sorted offsets no more.
func (t *Track) giveUp(client int, lines int64, rs ...Range) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.gaveUp[client] += lines
	t.settled[client].Add(rs...)
	t.advance()
}

// advance computes low, and forgets the notes that it has passed, but for the
// last, which stands for it.
func (t *Track) advance() {
	low := int64(0)
	for i := range t.settled {
		if l := t.settled[i].low; i == 0 || l < low {
			low = l
		}
	}
	t.low = low
	past := 0
	for past+1 < len(t.notes) && t.notes[past+1].offset <= low {
		past++
	}
	t.notes = t.notes[past:]
}

// Low is the position: everything below it is settled for every client.
func (t *Track) Low() int64 {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.low
}

// Has reports whether a client needs nothing of a range, since an earlier
// process settled it or left it in flight.
func (t *Track) Has(client int, r Range) bool {
	if r.Start >= t.known.Load() {
		return false
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.has(client, r)
}

// HasAny reports whether an earlier process may have settled something at or
// after an offset.
func (t *Track) HasAny(offset int64) bool { return offset < t.known.Load() }

// Known is the offset from which on no earlier process settled anything.
func (t *Track) Known() int64 { return t.known.Load() }

// HasAll is [Track.Has] for all clients together.
func (t *Track) HasAll(r Range) bool { return t.Common(r) >= r.End }

// Common returns the end of the offsets from r.Start on that every client has
// from an earlier process, r.End at most: a line whose beginning was sent on its
// own before goes on behind it.
func (t *Track) Common(r Range) int64 {
	if r.Start >= t.known.Load() {
		return r.Start
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	end := r.End
	for i := range t.settled {
		at := r.Start
		for {
			next := max(t.settled[i].After(at), t.inFlight[i].After(at))
			if next <= at {
				break
			}
			at = next
		}
		end = min(end, at)
	}
	return end
}

func (t *Track) has(client int, r Range) bool {
	return t.settled[client].Has(r) || t.inFlight[client].Has(r)
}

// Note keeps text that stands for an offset, such as a cursor of the journal.
// Offsets are noted in rising order. See [Track.Resume].
func (t *Track) Note(offset int64, text string) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.notes = append(t.notes, note{offset, text})
	t.advance()
}

// Resume returns the last noted offset that is not above the position, and its
// text. A track without notes resumes at its position.
func (t *Track) Resume() (offset int64, text string) {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.resume()
}

func (t *Track) resume() (offset int64, text string) {
	if len(t.notes) > 0 && t.notes[0].offset <= t.low {
		return t.notes[0].offset, t.notes[0].text
	}
	return t.low, ""
}

// Name returns which source the track is of.
func (t *Track) Name() Name {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.name
}

// Rename changes what is known of the source.
func (t *Track) Rename(change func(n *Name)) {
	t.mu.Lock()
	defer t.mu.Unlock()
	change(&t.name)
}

// setKnown is called when the track begins, with what earlier processes did.
func (t *Track) setKnown() {
	known := int64(0)
	for i := range t.settled {
		known = max(known, t.settled[i].High(), t.inFlight[i].High())
	}
	t.known.Store(known)
	t.advance()
}

// A Count is what became of the lines of one track.
type Count struct {
	Read         int64
	Dropped      map[string]int64 // by reason
	Acknowledged []int64          // by client
	GaveUp       []int64          // by client: dropped by it
}

// Count returns what became of the track's lines.
func (t *Track) Count() Count {
	t.mu.Lock()
	defer t.mu.Unlock()
	return Count{Read: t.lines.Load(), Dropped: maps.Clone(t.dropped), Acknowledged: slices.Clone(t.acked), GaveUp: slices.Clone(t.gaveUp)}
}
