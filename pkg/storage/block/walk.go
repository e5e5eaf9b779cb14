package block

import (
	"slices"

	"github.com/skaldlogs/skald/pkg/grep"
	"github.com/skaldlogs/skald/pkg/model"
	"github.com/skaldlogs/skald/pkg/scan"
)

// A walker leads an automaton over the lines of a block of layout 1, without
// making them. It first leads all states at once over the schema: a slot can do
// to them what texts of the characters of its column can do. That decides about
// most templates, and says which columns matter to the others: those that are
// read. Then it leads one state over each line that is left, with what static
// text and values of a dictionary do to a state remembered.
//
//	(level|severity)=e.*[0-9]{4}
//
//	level=␀ msg=␀ took=␀ms    ends in a match or not: ␀ after "level=" matters, as do the others
//	level=info msg=␀          ends in no match, whatever is in the slot
type walker struct {
	d       *decoder
	a       *grep.Automaton
	reach   map[origin]grep.Set // where the values of a column lead
	matters map[*column]bool
	memos   map[*column]*memo
	room    int // states that may still be remembered
	buf     []byte
}

// An origin is a column and a state before its values.
type origin struct {
	column *column
	state  grep.State
}

// A memo remembers where static text and distinct values lead.
type memo struct {
	text     []grep.State   // of a constant, by state
	distinct [][]grep.State // of a dictionary: by state, by value
	segments [][]grep.State // of templates: by template, by segment and state
}

// maxRemembered is how many states one walk may remember.
const maxRemembered = 1 << 21

// A verdict is what is known of all lines of a template.
type verdict uint8

const (
	perhaps verdict = iota
	always
	never
)

// unknown stands for a state that was not worked out yet.
const unknown = ^grep.State(0)

// walk finds the rows among the candidates that the automaton matches.
func (d *decoder) walk(a *grep.Automaton, candidates answer) (answer, error) {
	w := &walker{d: d, a: a, reach: map[origin]grep.Set{}, matters: map[*column]bool{}, memos: map[*column]*memo{}, room: maxRemembered}
	c := &d.lines
	if !c.joinsAtRunes() {
		return answer{}, errIntricate
	}
	verdicts := make([]verdict, len(c.tmpl.templates)+1)
	some, all := c.tmpl.rest.n > 0, c.tmpl.rest.n == 0
	if c.tmpl.rest.n > 0 {
		w.matters[&c.tmpl.rest] = true
	}
	for i := range c.tmpl.templates {
		v := w.judge(c.tmpl, i)
		verdicts[i+1] = v
		some, all = some || v != never, all && v == always
	}
	switch {
	case !some:
		return answer{}, nil
	case all:
		return candidates, nil
	}
	d.batch.How = min(d.batch.How, scan.ByColumns)
	return w.rows(verdicts, candidates)
}

// joinsAtRunes reports whether no character can lie across static text and a
// value: then pieces can be read one by one.
func (c *column) joinsAtRunes() bool {
	t := c.tmpl
	for i := range t.templates {
		if !t.templates[i].joinsAtRunes(t.columns) {
			return false
		}
	}
	for i := range t.columns {
		if t.columns[i].tmpl != nil && !t.columns[i].joinsAtRunes() {
			return false
		}
	}
	return true
}

// joinsAtRunes says the same of the slots of one template.
func (t *template) joinsAtRunes(columns []column) bool {
	for j, ref := range t.refs {
		before, after := t.segment(j), t.segment(j+1)
		wide := columns[ref].charset.has(127)
		if wide && len(before) > 0 && before[len(before)-1] >= 0x80 || len(after) > 0 && after[0]&0xc0 == 0x80 {
			return false
		}
		if wide && len(after) == 0 && j+1 < len(t.refs) {
			return false
		}
	}
	return true
}

// judge leads all states over a template of the lines, and notes which columns
// matter if that does not decide.
func (w *walker) judge(t *templateColumn, i int) verdict {
	start := w.a.NewSet(w.a.Start())
	switch some, all := w.a.Finals(w.over(t, i, start, false)); {
	case all:
		return always
	case !some:
		return never
	}
	w.over(t, i, start, true)
	return perhaps
}

// over leads a set over template i. It may note the columns that matter: those
// that change a state of it.
func (w *walker) over(t *templateColumn, i int, set grep.Set, note bool) grep.Set {
	tm := &t.templates[i]
	for j := 0; ; j++ {
		if text := tm.segment(j); len(text) > 0 {
			next := w.a.NewSet()
			for s := range set.All() {
				next.Add(w.a.Run(s, model.Borrow(text)))
			}
			set = next
		}
		if j == len(tm.refs) {
			return set
		}
		c := &t.columns[tm.refs[j]]
		next := w.a.NewSet()
		for s := range set.All() {
			to := w.values(c, s)
			next.AddAll(to)
			if only := w.a.NewSet(s); note && !slices.Equal(to, only) {
				w.note(c, only)
			}
		}
		set = next
	}
}

// note notes a column, and what below it changes the states of set.
func (w *walker) note(c *column, set grep.Set) {
	w.matters[c] = true
	if c.tmpl == nil {
		return
	}
	if c.tmpl.rest.n > 0 {
		w.matters[&c.tmpl.rest] = true
	}
	for i := range c.tmpl.templates {
		w.over(c.tmpl, i, set, true)
	}
}

// values is where the values of a column may lead from a state.
func (w *walker) values(c *column, s grep.State) grep.Set {
	if s <= grep.Always {
		return w.a.NewSet(s)
	}
	if set, ok := w.reach[origin{c, s}]; ok {
		return set
	}
	set := w.a.NewSet()
	switch {
	case c.n == 0:
	case c.kind == columnConst:
		set.Add(w.a.Run(s, c.constant))
	case c.kind == columnTemplates:
		set.AddAll(w.values(&c.tmpl.rest, s))
		for i := range c.tmpl.templates {
			set.AddAll(w.over(c.tmpl, i, w.a.NewSet(s), false))
		}
	default:
		set.Add(s)
		w.a.Reach(set, c.charset.has)
	}
	w.reach[origin{c, s}] = set
	return set
}

// rows leads a state over each candidate in the runs that are asked for.
func (w *walker) rows(verdicts []verdict, candidates answer) (answer, error) {
	lines, err := w.d.values(&w.d.lines)
	if err != nil {
		return answer{}, err
	}
	lines.rewind()
	found := scan.NewBitset(lines.n, false)
	for _, s := range w.d.picked {
		for row := s.start; row < s.end; row++ {
			if candidates.bits != nil {
				if row = candidates.bits.Next(row); row >= s.end {
					break
				}
			}
			if w.d.found != nil && !w.d.found.Get(row) {
				continue
			}
			t := lines.template(row)
			matches := verdicts[t] == always
			if verdicts[t] == perhaps {
				lines.skip(row - lines.at)
				end, err := w.next(lines, w.a.Start())
				if err != nil {
					return answer{}, err
				}
				matches = w.a.Final(end)
			}
			if matches {
				found.Set(row)
			}
		}
	}
	return some(found), nil
}

// memo returns what is remembered of a column.
func (w *walker) memo(c *column) *memo {
	m := w.memos[c]
	if m == nil {
		m = &memo{}
		switch c.kind {
		case columnConst:
			m.text = w.remember(w.a.States())
		case columnDict:
			m.distinct = make([][]grep.State, w.a.States())
		case columnTemplates:
			m.segments = make([][]grep.State, len(c.tmpl.templates))
		}
		w.memos[c] = m
	}
	return m
}

// remember makes room for n states, if it can.
func (w *walker) remember(n int) []grep.State {
	if w.room -= n; w.room < 0 {
		return nil
	}
	s := make([]grep.State, n)
	for i := range s {
		s[i] = unknown
	}
	return s
}

// run is where text leads, which place i of memo remembers if there is one.
func (w *walker) run(memo []grep.State, i int, s grep.State, text []byte) grep.State {
	if memo == nil {
		return w.a.Run(s, model.Borrow(text))
	}
	if memo[i] == unknown {
		memo[i] = w.a.Run(s, model.Borrow(text))
	}
	return memo[i]
}

// next leads a state over the next value.
func (w *walker) next(v *values, s grep.State) (grep.State, error) {
	if s <= grep.Always {
		v.skip(1)
		return s, nil
	}
	i := v.at
	if i >= v.n {
		return s, damagedf("value %d of a column of %d", i, v.n)
	}
	switch v.kind {
	case columnConst:
		v.at++
		return w.run(w.memo(v.column).text, int(s), s, model.BorrowBytes(v.constant)), nil
	case columnRaw:
		v.at++
		return w.a.Run(s, model.Borrow(v.text[v.ends[i]:v.ends[i+1]])), nil
	case columnDict:
		v.at++
		m := w.memo(v.column)
		if m.distinct[s] == nil {
			m.distinct[s] = w.remember(v.distinct)
		}
		id := v.id(i)
		return w.run(m.distinct[s], id, s, v.text[v.ends[id]:v.ends[id+1]]), nil
	case columnTemplates:
		return w.nextTemplate(v, s)
	}
	var err error
	if w.buf, err = v.next(w.buf[:0]); err != nil {
		return s, err
	}
	return w.a.Run(s, model.Borrow(w.buf)), nil
}

// nextTemplate leads a state over the next value, which is made of a template.
// Columns that do not matter stay closed.
func (w *walker) nextTemplate(v *values, s grep.State) (grep.State, error) {
	t := v.template(v.at)
	if t == 0 {
		v.at++
		return w.next(v.rest, s)
	}
	tm := &v.tmpl.templates[t-1]
	m := w.memo(v.column)
	states := w.a.States()
	if m.segments[t-1] == nil {
		m.segments[t-1] = w.remember((len(tm.refs) + 1) * states)
	}
	for j := 0; ; j++ {
		s = w.run(m.segments[t-1], j*states+int(s), s, tm.segment(j))
		if j == len(tm.refs) {
			v.at++
			return s, nil
		}
		sub := v.below[tm.refs[j]]
		if sub == nil {
			if s <= grep.Always || !w.matters[&v.tmpl.columns[tm.refs[j]]] {
				continue
			}
			var err error
			if sub, err = v.sub(tm.refs[j]); err != nil {
				return s, err
			}
		}
		var err error
		if s, err = w.next(sub, s); err != nil {
			return s, err
		}
	}
}
