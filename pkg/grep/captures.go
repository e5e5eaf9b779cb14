package grep

import (
	"strings"
	"sync"
	"unicode/utf8"

	"github.com/grafana/regexp"
	"github.com/grafana/regexp/syntax"
)

// Captures finds what the named groups of a regular expression match: those of the
// leftmost match, and of several there the one that the expression prefers, as
// package regexp has it.
//
// Most expressions become a table, in which a character leads from one list of
// threads to the next, each with the places that its groups have so far. Of those
// that would be too large, Find asks package regexp.
type Captures struct {
	re     *regexp.Regexp
	names  []string
	groups []int // of the expression, by name

	once   sync.Once // makes what follows, at the first use
	parsed *syntax.Regexp
	table  *captureTable
	prefix string // of all matches, empty where looking for it is no use
}

// CompileCaptures reads a regular expression (RE2). Of its named groups, those are
// found that are wanted; a nil wanted is all of them.
func CompileCaptures(expr string, wanted func(name string) bool) (*Captures, error) {
	re, err := regexp.Compile(expr)
	if err != nil {
		return nil, err
	}
	c := &Captures{re: re}
	for i, name := range re.SubexpNames() {
		if name != "" && (wanted == nil || wanted(name)) {
			c.names = append(c.names, name)
			c.groups = append(c.groups, i)
		}
	}
	if c.parsed, err = syntax.Parse(expr, syntax.Perl); err != nil {
		return nil, err
	}
	return c, nil
}

// tabled returns the table, nil where it would be too large.
func (c *Captures) tabled() *captureTable {
	c.once.Do(func() {
		c.table = newCaptureTable(c.parsed.Simplify(), c.groups)
		c.parsed = nil
		if c.table != nil && c.table.steady {
			c.prefix, _ = c.re.LiteralPrefix()
			if strings.ContainsRune(c.prefix, utf8.RuneError) {
				c.prefix = "" // which bytes that are no UTF-8 are as well
			}
		}
	})
	return c.table
}

// Names are the names of the groups that are found, in the order of the expression.
func (c *Captures) Names() []string { return c.names }

// Find finds the first match in a line. Appended to at[:0] are two places for each
// name: where in the line the group begins and ends, or -1 where it takes no part.
// Ok is false when there is no match.
func (c *Captures) Find(line string, at []int) (_ []int, ok bool) {
	at = at[:0]
	table := c.tabled()
	if table == nil {
		m := c.re.FindStringSubmatchIndex(line)
		if m == nil {
			return at, false
		}
		for _, g := range c.groups {
			at = append(at, m[2*g], m[2*g+1])
		}
		return at, true
	}
	var r registers
	if !table.find(line, c.prefix, &r) {
		return at, false
	}
	for _, place := range r.match[:table.tags] {
		at = append(at, int(place))
	}
	return at, true
}

// maxTags is how many ends of groups a table has, and maxRegisters how many
// of all its threads.
const (
	maxTags      = 32
	maxRegisters = 256
)

// Registers are the places that the groups of each thread have so far: tag k of
// thread i is at i*tags+k.
type registers struct {
	of    [2][maxRegisters]int32
	match [maxTags]int32
}

// None is the place of the end of a group that takes no part in a match.
const None = -1

// A captureTable is an expression with groups as a table: a state and a class of
// characters give the next state, and what becomes of the places of its threads.
type captureTable struct {
	classes classes
	width   int
	tags    int
	next    []captureStep // of state s and class c at s*width+c
	last    []captureStep // by state, at the end of the line
	idle    []bool        // by state: nothing has begun to match
	done    []bool        // by state: nothing that follows changes the outcome
	steady  bool          // there is one idle state, whatever the character before
	start   uint16
}

// A captureStep leads to a state.
type captureStep struct {
	to uint16
	// match is the thread that has matched, nil where none has.
	match *captureMove
	// moves are where the places of the threads come from; nil where all stay.
	moves []captureMove
}

// A captureMove makes the places of a thread from those of one before, or from none
// where that is -1, with some set to where the character is that leads on.
type captureMove struct {
	from int16
	set  uint32 // by tag
}

func (m captureMove) apply(to, from []int32, tags int, here int32) {
	if m.from < 0 {
		for k := range to[:tags] {
			to[k] = None
		}
	} else {
		copy(to[:tags], from[int(m.from)*tags:])
	}
	for set, k := m.set, 0; set != 0; set, k = set>>1, k+1 {
		if set&1 != 0 {
			to[k] = here
		}
	}
}

// find finds the first match in a line, and leaves its places in r.match.
func (t *captureTable) find(line, prefix string, r *registers) (matched bool) {
	s, cur := t.start, 0
	for i := 0; i < len(line); {
		if t.idle[s] && prefix != "" {
			n := strings.Index(line[i:], prefix)
			if n < 0 {
				return false
			}
			i += n
		}
		class, n := uint8(0), 1
		if b := line[i]; b < utf8.RuneSelf {
			class = t.classes.ascii[b]
		} else {
			var c rune
			c, n = utf8.DecodeRuneInString(line[i:])
			class = t.classes.of(c)
		}
		step := &t.next[int(s)*t.width+int(class)]
		if step.match != nil {
			step.match.apply(r.match[:], r.of[cur][:], t.tags, int32(i))
			matched = true
		}
		if step.moves != nil {
			for j, m := range step.moves {
				m.apply(r.of[1-cur][j*t.tags:], r.of[cur][:], t.tags, int32(i))
			}
			cur = 1 - cur
		}
		s = step.to
		i += n
		if t.done[s] {
			return matched
		}
	}
	if step := &t.last[s]; step.match != nil {
		step.match.apply(r.match[:], r.of[cur][:], t.tags, int32(len(line)))
		matched = true
	}
	return matched
}
