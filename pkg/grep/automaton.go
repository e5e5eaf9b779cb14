package grep

import (
	"iter"
	"math/bits"
	"slices"
	"unicode/utf8"
)

// A State is where an [Automaton] stands after some text.
type State uint16

// From these two states no text leads anywhere else.
const (
	Never  State = 0 // no match, whatever follows
	Always State = 1 // a match, whatever follows
)

// An Automaton is an expression as a table: a state and a character give the
// next state. It never changes.
type Automaton struct {
	classes classes
	width   int     // classes
	next    []State // of state s and class c at s*width+c
	final   []bool  // by state: a text that ends here matches
	start   State
}

// Start is the state before the first character of a line.
func (a *Automaton) Start() State { return a.start }

// States is how many there are: all are below it.
func (a *Automaton) States() int { return len(a.final) }

// Final reports whether a line that ends in s matches.
func (a *Automaton) Final(s State) bool { return a.final[s] }

// Run is the state after text, which begins and ends between two characters of
// its line.
func (a *Automaton) Run(s State, text string) State {
	for i := 0; i < len(text) && s > Always; {
		var class uint8
		if b := text[i]; b < utf8.RuneSelf {
			class = a.classes.ascii[b]
			i++
		} else {
			r, n := utf8.DecodeRuneInString(text[i:])
			class = a.classes.of(r)
			i += n
		}
		s = a.next[int(s)*a.width+int(class)]
	}
	return s
}

// A Set is a set of states of an automaton.
type Set []uint64

// NewSet returns a set of the given states.
func (a *Automaton) NewSet(states ...State) Set {
	set := make(Set, (a.States()+63)/64)
	for _, s := range states {
		set.Add(s)
	}
	return set
}

// Add puts a state into the set, and reports whether it was not there.
func (set Set) Add(s State) bool {
	word, bit := &set[s/64], uint64(1)<<(s%64)
	added := *word&bit == 0
	*word |= bit
	return added
}

// AddAll puts the states of another set of the same automaton into it.
func (set Set) AddAll(o Set) {
	for i := range set {
		set[i] |= o[i]
	}
}

// All returns the states of the set, in order.
func (set Set) All() iter.Seq[State] {
	return func(yield func(State) bool) {
		for i, word := range set {
			for ; word != 0; word &= word - 1 {
				if !yield(State(64*i + bits.TrailingZeros64(word))) {
					return
				}
			}
		}
	}
}

// Finals reports whether lines that end in some of the states match, and whether
// those that end in any of them do.
func (a *Automaton) Finals(set Set) (some, all bool) {
	all = true
	for s := range set.All() {
		some, all = some || a.final[s], all && a.final[s]
	}
	return some, all
}

// Reach adds to set the states to which texts lead from those that are in it.
// Of what the texts are made is told by has: of each byte of ASCII, and of
// utf8.RuneSelf for all other characters.
func (a *Automaton) Reach(set Set, has func(b byte) bool) {
	used := make([]bool, a.width)
	for b := range byte(utf8.RuneSelf) {
		used[a.classes.ascii[b]] = used[a.classes.ascii[b]] || has(b)
	}
	if has(utf8.RuneSelf) {
		for _, c := range a.classes.wide {
			used[c] = true
		}
	}
	todo := slices.Collect(set.All())
	for len(todo) > 0 {
		s := todo[len(todo)-1]
		todo = todo[:len(todo)-1]
		for c, is := range used {
			if is && set.Add(a.next[int(s)*a.width+c]) {
				todo = append(todo, a.next[int(s)*a.width+c])
			}
		}
	}
}
