package block

import (
	"github.com/skaldlogs/skald/pkg/model"
	"github.com/skaldlogs/skald/pkg/scan"
)

// A term is a condition on one slot of a template: what it must hold.
type term struct {
	slot       int
	how        uint8
	start, end int // in the needle
}

// A fit is one way in which a needle lies in a template: all terms must hold.
type fit []term

// maxFits bounds the ways for one template, and maxSteps the search for them.
// There are a few for each slot, but for templates that someone made for this purpose.
const (
	maxFits  = 4 * maxSlots
	maxSteps = 16 * maxFits
)

// A fitter finds the fits of a needle in one template.
type fitter struct {
	f     *finder
	t     *template
	of    []column
	how   uint8
	end   int // of the needle, in f.needle
	terms []term
	fits  []fit
	all   bool // it lies in static text: all values hold it

	static bool    // it lies in static text of some of the templates
	wholes []uint8 // by column, whether it may hold all of the needle: 0 not asked, 1 no, 2 yes
	steps  int
}

// possible is what the schema alone says about a term.
func (x *fitter) possible(slot int, how uint8, start, end int) bool {
	c := &x.of[x.t.refs[slot]]
	text := x.f.text(start, end)
	return c.canHold(how, text) && (c.kind != columnConst || holds(c.constant, how, text))
}

// with goes on with one more term.
func (x *fitter) with(tm term, then func()) {
	x.steps++
	if x.steps > maxSteps || len(x.fits) > maxFits || !x.possible(tm.slot, tm.how, tm.start, tm.end) {
		return
	}
	x.terms = append(x.terms, tm)
	then()
	x.terms = x.terms[:len(x.terms)-1]
}

// done adds the terms so far as a fit.
func (x *fitter) done() {
	if len(x.terms) == 0 {
		x.all = true
		return
	}
	x.fits = append(x.fits, append(fit(nil), x.terms...))
}

// run finds all fits of needle[start:end].
func (x *fitter) run(start int) {
	slots := len(x.t.refs)
	if x.how == atStart || x.how == exactly {
		x.segment(0, start)
		return
	}
	n := x.end - start
	needle := x.f.text(start, x.end)
	for i := 0; i <= slots && !x.all; i++ {
		// It begins in static text, and goes on behind it.
		s := model.Borrow(x.t.segment(i))
		if i < slots && len(s) > 0 && x.f.bytes[s[len(s)-1]] {
			most := n - 1
			if x.how == atEnd {
				most = n // and all slots behind it are empty
			}
			for k := min(len(s), most); k > 0; k-- {
				if same(s[len(s)-1], needle.Text[k-1], needle.Fold) && holds(s, atEnd, x.f.text(start, start+k)) {
					x.slot(i, start+k)
				}
			}
		}
		if x.static && holds(s, anywhere, needle) || x.how == atEnd && i == slots && holds(s, atEnd, needle) {
			x.all = true
			return
		}
		if i == slots {
			return
		}
		// It begins in a slot.
		if x.how == anywhere && x.whole(i, start) {
			x.with(term{i, anywhere, start, x.end}, x.done)
		}
		next := x.t.segment(i + 1)
		if len(next) > 0 && !x.f.bytes[next[0]] && x.how == anywhere {
			continue // and ends in it
		}
		for k := start + 1; k <= x.end; k++ {
			if k == x.end && x.how == anywhere {
				break // it is anywhere in the slot already
			}
			if x.follows(next, i+1, k) {
				x.with(term{i, atEnd, start, k}, func() { x.segment(i+1, k) })
			}
		}
	}
}

// whole reports whether a slot may hold all of the needle. Slots share columns, so
// the answer is kept.
func (x *fitter) whole(slot, start int) bool {
	in := &x.wholes[x.t.refs[slot]]
	if *in == 0 {
		*in = 1
		if x.possible(slot, anywhere, start, x.end) {
			*in = 2
		}
	}
	return *in == 2
}

// follows is a first look at whether needle[at:] can go on with segment i.
func (x *fitter) follows(s []byte, i, at int) bool {
	left := x.end - at
	if left > 0 && len(s) > 0 && !same(s[0], x.f.needle[at], x.f.fold) {
		return false
	}
	if left <= len(s) {
		return holds(model.Borrow(s), atStart, x.f.text(at, x.end))
	}
	return i < len(x.t.refs) && holds(model.Borrow(s), exactly, x.f.text(at, at+len(s)))
}

// same compares a byte with one of a needle.
func same(b, want byte, fold bool) bool {
	return b == want || fold && 'a' <= want && b == want-'a'+'A'
}

// segment goes on with needle[at:] at the beginning of static text i.
func (x *fitter) segment(i, at int) {
	s := x.t.segment(i)
	if !x.follows(s, i, at) {
		return
	}
	toEnd := x.how == atEnd || x.how == exactly
	left := x.end - at
	last := i == len(x.t.refs)
	switch {
	case left < len(s), left == len(s) && last:
		if !toEnd || last && left == len(s) {
			x.done()
		}
	case left == len(s) && !toEnd:
		x.done()
	default:
		x.slot(i, at+len(s))
	}
}

// slot goes on with needle[at:] at the beginning of slot i.
func (x *fitter) slot(i, at int) {
	toEnd := x.how == atEnd || x.how == exactly
	if !toEnd {
		x.with(term{i, atStart, at, x.end}, x.done)
	}
	next := x.t.segment(i + 1)
	for k := at; k <= x.end; k++ {
		if k == x.end && !toEnd {
			return // the same as at the start
		}
		if x.follows(next, i+1, k) {
			x.with(term{i, exactly, at, k}, func() { x.segment(i+1, k) })
		}
	}
}

// A match is which values of one template hold the needle: all, or those for
// which one of the alternatives holds.
type match struct {
	all  bool
	alts [][]condition
	uses []use
}

// A condition is an answer about the column of a slot.
type condition struct {
	column uint16
	nth    int // slot of that column in the template
	answer answer
}

// A use is how many slots of a template a column fills.
type use struct {
	column uint16
	n      int
}

// askTemplates answers for values that are made of templates.
func (f *finder) askTemplates(c *column, how uint8, start, end int) (answer, error) {
	t := c.tmpl
	rest, err := f.ask(&t.rest, how, start, end)
	if err != nil {
		return answer{}, err
	}
	edges := t.edgesOf()
	static := how == anywhere && !edges.lacks(f.text(start, end)) && holds(model.Borrow(t.text), anywhere, f.text(start, end))
	if rest.none() && how == anywhere && !static && !f.mayCross(edges, start, end) {
		if nowhere, err := f.inNoSlot(t, start, end); nowhere || err != nil {
			return answer{}, err
		}
	}
	nothing, everything := rest.none(), rest.all || t.rest.n == 0
	matches := make([]match, len(t.templates))
	involved := make([]bool, len(t.columns))
	wholes := make([]uint8, len(t.columns))
	for i := range t.templates {
		m := &matches[i]
		x := fitter{f: f, t: &t.templates[i], of: t.columns, how: how, end: end, static: static, wholes: wholes}
		if err := f.matchTemplate(m, x, start); err != nil {
			return answer{}, err
		}
		nothing = nothing && !m.all && len(m.alts) == 0
		everything = everything && m.all
		for _, alt := range m.alts {
			for _, cond := range alt {
				involved[cond.column] = true
			}
		}
	}
	if nothing || everything {
		return answer{all: everything}, nil
	}
	for i := range t.templates {
		matches[i].uses = usesOf(t.templates[i].refs, involved)
	}
	v, err := f.open(c)
	if err != nil {
		return answer{}, err
	}
	return some(v.match(matches, rest)), nil
}

// usesOf counts the slots of the columns that matter.
func usesOf(refs []uint16, involved []bool) []use {
	var uses []use
next:
	for _, ref := range refs {
		if !involved[ref] {
			continue
		}
		for i := range uses {
			if uses[i].column == ref {
				uses[i].n++
				continue next
			}
		}
		uses = append(uses, use{ref, 1})
	}
	return uses
}

// matchTemplate fits the needle to one template and answers the terms.
func (f *finder) matchTemplate(m *match, of fitter, start int) error {
	x, t, columns := &f.fitter, of.t, of.of
	of.terms = x.terms[:0]
	*x = of
	x.run(start)
	if x.steps > maxSteps || len(x.fits) > maxFits {
		return errIntricate
	}
	if x.all {
		m.all = true
		return nil
	}
	fits := x.fits
next:
	for _, fit := range fits {
		alt := make([]condition, 0, len(fit))
		for _, tm := range fit {
			ref := t.refs[tm.slot]
			a, err := f.ask(&columns[ref], tm.how, tm.start, tm.end)
			if err != nil {
				return err
			}
			if a.none() {
				continue next
			}
			if a.all {
				continue
			}
			nth := 0
			for _, before := range t.refs[:tm.slot] {
				if before == ref {
					nth++
				}
			}
			alt = append(alt, condition{ref, nth, a})
		}
		if len(alt) == 0 {
			m.all, m.alts = true, nil
			return nil
		}
		m.alts = append(m.alts, alt)
	}
	return nil
}

// match finds the values of which the match of their template holds.
func (v *values) match(matches []match, rest answer) *scan.Bitset {
	// Most are decided by their template.
	table := make([]bool, len(matches)+1)
	table[0] = rest.all
	decided := rest.bits == nil
	for i := range matches {
		table[i+1] = matches[i].all
		decided = decided && len(matches[i].alts) == 0
	}
	switch {
	case !decided && v.ids == nil && oneToOne(&matches[0]):
		return anyOf(v.n, matches[0].alts)
	case v.ids == nil && decided:
		return scan.NewBitset(v.n, matches[0].all)
	}
	var found *scan.Bitset
	if v.ids == nil {
		found = scan.NewBitset(v.n, false)
	} else if found = v.rowsOf(table); decided {
		return found
	}
	matters := make([]bool, len(matches)+1) // that values of the template are looked at
	matters[0] = rest.bits != nil
	for i := range matches {
		matters[i+1] = len(matches[i].alts) > 0 || len(matches[i].uses) > 0
	}
	at := make([]int, len(v.tmpl.columns)) // the next value of each column
	without := 0
	for i := range v.n {
		t := v.template(i)
		if !matters[t] {
			continue
		}
		if t == 0 {
			if rest.has(without) {
				found.Set(i)
			}
			without++
			continue
		}
		m := &matches[t-1]
		if !m.all && holdsAny(m.alts, at) {
			found.Set(i)
		}
		for _, u := range m.uses {
			at[u.column] += u.n
		}
	}
	return found
}

// oneToOne reports whether each value of the columns that matter is that of the
// row of its number: of the one template that there is.
func oneToOne(m *match) bool {
	for _, u := range m.uses {
		if u.n != 1 {
			return false
		}
	}
	return true
}

// anyOf finds the n rows for which one of several alternatives holds, where
// columns have one value for each row.
func anyOf(n int, alts [][]condition) *scan.Bitset {
	found := scan.NewBitset(n, false)
	for _, alt := range alts {
		all := alt[0].answer.bits
		if len(alt) > 1 {
			all = all.Clone()
			for _, c := range alt[1:] {
				all.And(c.answer.bits)
			}
		}
		found.Or(all)
	}
	return found
}

func holdsAny(alts [][]condition, at []int) bool {
next:
	for _, alt := range alts {
		for i := range alt {
			if c := &alt[i]; !c.answer.bits.Get(at[c.column] + c.nth) {
				continue next
			}
		}
		return true
	}
	return false
}
