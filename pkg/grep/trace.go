package grep

import (
	"encoding/binary"
	"slices"
	"unicode/utf8"
)

// Inside is the place of the end of a group that is not known: it lies in text of
// which no more than the characters is known, or depends on that.
const Inside = -2

// A Trace leads [Captures] over a text of which parts are not known, and tells what
// is so of the groups whatever they are. Places in the known parts are what the
// caller says they are.
//
//	for ␀ from        what is in ␀ is not known, but that it has digits and at least one
//	    ^ ^           (?P<user>[a-z0-9]+) begins before it and ends behind it
//
// Where it depends on the unknown, the trace goes all ways at once.
type Trace struct {
	t     *captureTable
	ways  []way
	steps int
}

// A way is where a table may stand.
type way struct {
	state   uint16
	matched bool
	here    int32 // the place of the next character
	places  []int32
	match   []int32
}

// The limits on a trace: beyond them it is lost.
const (
	maxWays       = 64
	maxTraceSteps = 1 << 15
)

// Trace returns a trace at the beginning of a line, nil where there can be none.
func (c *Captures) Trace() *Trace {
	table := c.tabled()
	if table == nil {
		return nil
	}
	return &Trace{t: table, ways: []way{{state: table.start}}}
}

// Lost reports whether there were too many ways to go: then nothing is known.
func (t *Trace) Lost() bool { return t.steps > maxTraceSteps || len(t.ways) > maxWays }

// At says that the next character is at place here.
func (t *Trace) At(here int) {
	for i := range t.ways {
		t.ways[i].here = int32(here)
	}
}

// Text goes over known text. Its characters are at the places behind at; where at is
// Inside, they all are.
func (t *Trace) Text(text string, at int) {
	for i := 0; i < len(text) && !t.Lost(); {
		class, n := uint8(0), 1
		if b := text[i]; b < utf8.RuneSelf {
			class = t.t.classes.ascii[b]
		} else {
			var c rune
			c, n = utf8.DecodeRuneInString(text[i:])
			class = t.t.classes.of(c)
		}
		i += n
		behind := int32(Inside)
		if at != Inside {
			behind = int32(at + i)
		}
		if len(t.ways) == 1 {
			t.ways[0] = t.over(&t.ways[0], class, behind)
			continue
		}
		var next ways
		for j := range t.ways {
			next.add(t.over(&t.ways[j], class, behind))
		}
		t.ways = next.list
	}
}

// Unknown goes over a text made of characters that has tells of, of each byte of
// ASCII, and by utf8.RuneSelf of all others. It may be empty.
func (t *Trace) Unknown(has func(b byte) bool, empty bool) {
	used := make([]bool, t.t.width)
	for b := range byte(utf8.RuneSelf) {
		used[t.t.classes.ascii[b]] = used[t.t.classes.ascii[b]] || has(b)
	}
	if has(utf8.RuneSelf) {
		for _, c := range t.t.classes.wide {
			used[c] = true
		}
	}
	var next ways
	follow := func(w *way) {
		for c, is := range used {
			if is {
				next.add(t.over(w, uint8(c), Inside))
			}
		}
	}
	for i := range t.ways {
		follow(&t.ways[i])
	}
	for i := 0; i < len(next.list) && len(next.list) <= maxWays && !t.Lost(); i++ {
		w := next.list[i]
		follow(&w)
	}
	if empty {
		for _, w := range t.ways {
			next.add(w)
		}
	}
	t.ways = next.list
}

// Either goes n ways from where the trace is; follow is called for each.
func (t *Trace) Either(n int, follow func(i int)) {
	before := t.ways
	var next ways
	for i := range n {
		t.ways = slices.Clone(before)
		if follow(i); t.Lost() {
			return
		}
		for _, w := range t.ways {
			next.add(w)
		}
	}
	t.ways = next.list
}

// End ends the line. Matched says whether there is a match and sure whether that is
// known. At are two places for each name, as in [Captures.Find]: Inside where they
// are not known.
func (t *Trace) End() (at []int, matched, sure bool) {
	if t.Lost() {
		return nil, false, false
	}
	for i := range t.ways {
		w := &t.ways[i]
		if last := &t.t.last[w.state]; last.match != nil {
			t.match(w, last)
		}
		if i == 0 {
			for _, p := range w.match {
				at = append(at, int(p))
			}
			matched = w.matched
			continue
		}
		if w.matched != matched {
			return nil, false, false
		}
		for k, p := range w.match {
			if int(p) != at[k] {
				at[k] = Inside
			}
		}
	}
	return at, matched, len(t.ways) > 0
}

// over is where a way leads over a character, behind which is a place.
func (t *Trace) over(w *way, class uint8, behind int32) way {
	t.steps++
	step := &t.t.next[int(w.state)*t.t.width+int(class)]
	out := *w
	if step.match != nil {
		t.match(&out, step)
	}
	if step.moves != nil {
		out.places = make([]int32, len(step.moves)*t.t.tags)
		for j, m := range step.moves {
			m.apply(out.places[j*t.t.tags:], w.places, t.t.tags, w.here)
		}
	}
	out.state, out.here = step.to, behind
	if t.t.done[step.to] {
		out.here, out.places = 0, nil // nobody asks any more
	}
	return out
}

// match notes a match.
func (t *Trace) match(w *way, step *captureStep) {
	m := make([]int32, t.t.tags)
	step.match.apply(m, w.places, t.t.tags, w.here)
	w.match, w.matched = m, true
}

// Ways are those that differ.
type ways struct {
	list []way
	seen map[string]bool
	key  []byte
}

func (s *ways) add(w way) {
	if len(s.list) > maxWays {
		return
	}
	if len(s.list) == 0 {
		s.list = append(s.list, w)
		return
	}
	if s.seen == nil {
		s.seen = map[string]bool{}
		s.seen[string(s.keyOf(&s.list[0]))] = true
	}
	if k := s.keyOf(&w); !s.seen[string(k)] {
		s.seen[string(k)] = true
		s.list = append(s.list, w)
	}
}

func (s *ways) keyOf(w *way) []byte {
	s.key = binary.AppendUvarint(s.key[:0], uint64(w.state))
	s.key = binary.AppendVarint(s.key, int64(w.here))
	s.key = binary.AppendUvarint(s.key, uint64(len(w.places)))
	for _, p := range w.places {
		s.key = binary.AppendVarint(s.key, int64(p))
	}
	for _, p := range w.match {
		s.key = binary.AppendVarint(s.key, int64(p))
	}
	if w.matched {
		s.key = append(s.key, 1)
	}
	return s.key
}
