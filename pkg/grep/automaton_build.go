package grep

import (
	"encoding/binary"
	"slices"

	"github.com/grafana/regexp/syntax"
)

// The limits on an automaton: it is made anew for each query.
const (
	maxStates = 256
	maxInsts  = 2000
	maxWork   = 1 << 18 // instructions looked at
)

// A builder makes an automaton of a program by following all its threads at once.
type builder struct {
	prog *syntax.Prog
	a    *Automaton
	// What the program asks of the character before.
	words, lines bool

	states map[string]State
	sets   []threads // by state
	work   int
	mark   []int // by instruction: the last step that saw it
	step   int
	stack  []uint32
	key    []byte
}

// Threads are where the threads of a program stand before a character, and what
// the character before it was. Those that wait for an assertion wait for the
// next character.
type threads struct {
	pcs    []uint32 // sorted
	before rune     // a sample of its kind; -1 at the beginning of the line
}

// newAutomaton returns nil where the automaton would be too large.
func newAutomaton(re *syntax.Regexp) *Automaton {
	prog, err := syntax.Compile(re)
	if err != nil || len(prog.Inst) > maxInsts {
		return nil
	}
	b := &builder{prog: prog, a: &Automaton{}, states: map[string]State{}, mark: make([]int, len(prog.Inst))}
	b.look()
	var ok bool
	if b.a.classes, ok = newClasses(prog); !ok {
		return nil
	}
	a := b.a
	a.width = len(a.classes.sample)
	// The two states that nothing leaves come first.
	b.sets = make([]threads, 2)
	a.next = make([]State, 2*a.width)
	for c := range a.width {
		a.next[a.width+c] = Always
	}
	a.final = []bool{false, true}
	a.start = b.state(threads{before: -1})
	for s := 2; s < len(b.sets); s++ {
		for c := range a.width {
			a.next = append(a.next, b.after(b.sets[s], a.classes.sample[c]))
		}
		a.final = append(a.final, b.after(b.sets[s], -1) == Always)
		if len(b.sets) > maxStates || b.work > maxWork {
			return nil
		}
	}
	a.settle()
	return a
}

// look notes what the program asks of the character before.
func (b *builder) look() {
	for i := range b.prog.Inst {
		if in := &b.prog.Inst[i]; in.Op == syntax.InstEmptyWidth {
			b.words = b.words || syntax.EmptyOp(in.Arg)&(syntax.EmptyWordBoundary|syntax.EmptyNoWordBoundary) != 0
			b.lines = b.lines || syntax.EmptyOp(in.Arg)&(syntax.EmptyBeginLine|syntax.EmptyBeginText) != 0
		}
	}
}

// state numbers a set of threads.
func (b *builder) state(t threads) State {
	b.key = binary.AppendVarint(b.key[:0], int64(t.before))
	for _, pc := range t.pcs {
		b.key = binary.AppendUvarint(b.key, uint64(pc))
	}
	if s, ok := b.states[string(b.key)]; ok {
		return s
	}
	s := State(len(b.sets))
	b.states[string(b.key)] = s
	b.sets = append(b.sets, t)
	return s
}

// after is the state after character r, or at the end of the line for -1.
func (b *builder) after(t threads, r rune) State {
	b.step++
	assertions := syntax.EmptyOpContext(t.before, r)
	// A match may begin at each character.
	b.stack = append(append(b.stack[:0], t.pcs...), uint32(b.prog.Start))
	var next []uint32
	for len(b.stack) > 0 {
		pc := b.stack[len(b.stack)-1]
		b.stack = b.stack[:len(b.stack)-1]
		if b.mark[pc] == b.step {
			continue
		}
		b.mark[pc] = b.step
		b.work++
		switch in := &b.prog.Inst[pc]; in.Op {
		case syntax.InstMatch:
			return Always
		case syntax.InstAlt, syntax.InstAltMatch:
			b.stack = append(b.stack, in.Out, in.Arg)
		case syntax.InstCapture, syntax.InstNop:
			b.stack = append(b.stack, in.Out)
		case syntax.InstEmptyWidth:
			if syntax.EmptyOp(in.Arg)&^assertions == 0 {
				b.stack = append(b.stack, in.Out)
			}
		default:
			if r >= 0 && takes(in, r) {
				next = append(next, in.Out)
			}
		}
	}
	if r < 0 {
		return Never
	}
	return b.state(threads{b.waiting(next), b.kind(r)})
}

// waiting follows threads to where they wait for a character or an assertion.
func (b *builder) waiting(pcs []uint32) []uint32 {
	b.step++
	b.stack = append(b.stack[:0], pcs...)
	pcs = pcs[:0]
	for len(b.stack) > 0 {
		pc := b.stack[len(b.stack)-1]
		b.stack = b.stack[:len(b.stack)-1]
		if b.mark[pc] == b.step {
			continue
		}
		b.mark[pc] = b.step
		b.work++
		switch in := &b.prog.Inst[pc]; in.Op {
		case syntax.InstAlt, syntax.InstAltMatch:
			b.stack = append(b.stack, in.Out, in.Arg)
		case syntax.InstCapture, syntax.InstNop:
			b.stack = append(b.stack, in.Out)
		case syntax.InstFail:
		default:
			pcs = append(pcs, pc)
		}
	}
	slices.Sort(pcs)
	return pcs
}

// kind is a sample of the characters that the assertions of the program do not
// tell from r when it lies behind them.
func (b *builder) kind(r rune) rune {
	switch {
	case b.words && syntax.IsWordChar(r):
		return 'w'
	case b.lines && r == '\n':
		return '\n'
	}
	return ' '
}

// settle makes one of all states from which there is no way, or only one way,
// to end.
func (a *Automaton) settle() {
	n := a.States()
	can := make([]bool, n)    // match
	cannot := make([]bool, n) // match always: some text does not
	for s := range n {
		can[s], cannot[s] = a.final[s], !a.final[s]
	}
	for changed := true; changed; {
		changed = false
		for s := range n {
			for _, t := range a.next[s*a.width : (s+1)*a.width] {
				if can[t] && !can[s] {
					can[s], changed = true, true
				}
				if cannot[t] && !cannot[s] {
					cannot[s], changed = true, true
				}
			}
		}
	}
	merge := func(s State) State {
		switch {
		case !can[s]:
			return Never
		case !cannot[s]:
			return Always
		}
		return s
	}
	a.start = merge(a.start)
	for i, s := range a.next {
		a.next[i] = merge(s)
	}
}
