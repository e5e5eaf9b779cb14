package grep

import (
	"encoding/binary"

	"github.com/grafana/regexp/syntax"
)

// A captureBuilder makes a table by following the threads of a program in their
// order: the first that matches is preferred, and ends all behind it.
type captureBuilder struct {
	builder
	t     *captureTable
	tagOf []int // by number of an end of a group; -1 for those that nobody asks for
	lists []captureList

	ready  []captureThread // that wait for a character, while a step is made
	placed []int           // by instruction: the last step that put it into a list
}

// A captureList is the threads of a state, in their order.
type captureList struct {
	pcs     []uint32
	before  rune // a sample of the kind of the character before; -1 at the beginning
	matched bool // there is a match, and threads are only those preferred to it
}

// A captureThread is a thread on its way.
type captureThread struct {
	pc   uint32
	move captureMove
}

// newCaptureTable returns nil where the table would be too large.
func newCaptureTable(re *syntax.Regexp, groups []int) *captureTable {
	prog, err := syntax.Compile(re)
	if err != nil || len(prog.Inst) > maxInsts || 2*len(groups) > maxTags {
		return nil
	}
	t := &captureTable{tags: 2 * len(groups)}
	b := &captureBuilder{
		builder: builder{prog: prog, states: map[string]State{}, mark: make([]int, len(prog.Inst))},
		t:       t, placed: make([]int, len(prog.Inst)),
	}
	b.look()
	ends := 0
	for i := range prog.Inst {
		if in := &prog.Inst[i]; in.Op == syntax.InstCapture {
			ends = max(ends, int(in.Arg)+1)
		}
	}
	b.tagOf = make([]int, ends)
	for i := range b.tagOf {
		b.tagOf[i] = -1
	}
	for n, g := range groups {
		if 2*g+1 < ends {
			b.tagOf[2*g], b.tagOf[2*g+1] = 2*n, 2*n+1
		}
	}
	var ok bool
	if t.classes, ok = newClasses(prog); !ok {
		return nil
	}
	t.width = len(t.classes.sample)
	t.steady = !b.words && !b.lines
	first := captureList{before: -1}
	if t.steady {
		first.before = ' '
	}
	if t.start, ok = b.state(first); !ok {
		return nil
	}
	for s := 0; s < len(b.lists); s++ {
		for c := range t.width {
			step, ok := b.after(b.lists[s], t.classes.sample[c])
			if !ok {
				return nil
			}
			t.next = append(t.next, step)
		}
		step, _ := b.after(b.lists[s], -1)
		t.last = append(t.last, step)
	}
	b.settle()
	return t
}

// state numbers a list; ok is false when there are too many, or too many threads.
func (b *captureBuilder) state(l captureList) (_ uint16, ok bool) {
	b.key = binary.AppendVarint(b.key[:0], int64(l.before))
	if l.matched {
		b.key = append(b.key, 1)
	} else {
		b.key = append(b.key, 0)
	}
	for _, pc := range l.pcs {
		b.key = binary.AppendUvarint(b.key, uint64(pc))
	}
	if s, ok := b.states[string(b.key)]; ok {
		return uint16(s), true
	}
	s := State(len(b.lists))
	b.states[string(b.key)] = s
	b.lists = append(b.lists, l)
	b.t.idle = append(b.t.idle, len(l.pcs) == 0 && !l.matched)
	return uint16(s), len(b.lists) <= maxStates && b.work <= maxWork && len(l.pcs)*b.t.tags <= maxRegisters
}

// after is the step from a list over character r, or at the end of the line for -1.
func (b *captureBuilder) after(l captureList, r rune) (step captureStep, ok bool) {
	b.step++
	b.ready = b.ready[:0]
	assertions := syntax.EmptyOpContext(l.before, r)
	for i, pc := range l.pcs {
		b.expand(pc, captureMove{from: int16(i)}, assertions)
	}
	if !l.matched {
		b.expand(uint32(b.prog.Start), captureMove{from: -1}, assertions)
	}
	out := captureList{matched: l.matched}
	var moves []captureMove
	stay := true
	for _, th := range b.ready {
		in := &b.prog.Inst[th.pc]
		if in.Op == syntax.InstMatch {
			step.match, out.matched = &captureMove{th.move.from, th.move.set}, true
			break
		}
		if r < 0 || !takes(in, r) || b.placed[in.Out] == b.step {
			continue
		}
		b.placed[in.Out] = b.step
		stay = stay && int(th.move.from) == len(moves) && th.move.set == 0
		moves = append(moves, th.move)
		out.pcs = append(out.pcs, in.Out)
	}
	if r < 0 {
		return step, true
	}
	if !stay {
		step.moves = moves
	}
	if len(out.pcs) > 0 || !out.matched {
		out.before = b.kind(r)
	}
	step.to, ok = b.state(out)
	return step, ok
}

// expand follows a thread to where it waits for a character or has matched.
func (b *captureBuilder) expand(pc uint32, move captureMove, assertions syntax.EmptyOp) {
	for b.mark[pc] != b.step {
		b.mark[pc] = b.step
		b.work++
		in := &b.prog.Inst[pc]
		switch in.Op {
		case syntax.InstAlt, syntax.InstAltMatch:
			b.expand(in.Out, move, assertions)
			pc = in.Arg
			continue
		case syntax.InstCapture:
			if tag := b.tagOf[in.Arg]; tag >= 0 {
				move.set |= 1 << tag
			}
		case syntax.InstNop:
		case syntax.InstEmptyWidth:
			if syntax.EmptyOp(in.Arg)&^assertions != 0 {
				return
			}
		case syntax.InstFail:
			return
		default:
			b.ready = append(b.ready, captureThread{pc, move})
			return
		}
		pc = in.Out
	}
}

// settle finds the states that nothing leaves and nothing matches in any more.
func (b *captureBuilder) settle() {
	t := b.t
	t.done = make([]bool, len(t.last))
	for s := range t.done {
		t.done[s] = t.last[s].match == nil
		for _, step := range t.next[s*t.width : (s+1)*t.width] {
			t.done[s] = t.done[s] && step.to == uint16(s) && step.match == nil
		}
	}
}
