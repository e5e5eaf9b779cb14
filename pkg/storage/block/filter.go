package block

import (
	"bytes"
	"sort"
	"strings"
	"sync"

	"github.com/skaldlogs/skald/pkg/grep"
	"github.com/skaldlogs/skald/pkg/model"
	"github.com/skaldlogs/skald/pkg/scan"
)

// Filters are the line filters of a request, made ready for any number of
// blocks. They remember the expressions of what is asked of fields beside them, too.
type Filters struct {
	tests []lineTest

	mu      sync.Mutex // guards the field below
	finders map[*scan.Fields]*lineFinder
}

// lineFinder returns what finds the fields of a question in lines, nil for nothing.
func (f *Filters) lineFinder(ask *scan.Fields) *lineFinder {
	if f == nil {
		return newLineFinder(ask)
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	finder, ok := f.finders[ask]
	if !ok {
		if f.finders == nil || len(f.finders) == maxFinders {
			f.finders = map[*scan.Fields]*lineFinder{}
		}
		finder = newLineFinder(ask)
		f.finders[ask] = finder
	}
	return finder
}

// maxFinders is how many questions about fields are remembered: a query has one for
// each combination of labels that its streams have of those it asks for.
const maxFinders = 64

// A lineTest is one of them.
type lineTest struct {
	expr    *grep.Expr  // nil for what cannot be answered here
	texts   []grep.Text // those of the expression that a line may hold, when texts say it all
	wanted  [][]outline // texts of which a line that it matches has one of each list
	exclude bool        // lines pass that it does not match
}

// NewFilters makes filters ready. One that it cannot read, it leaves to those
// who look at the lines, and who will say what is wrong.
func NewFilters(list []scan.LineFilter) *Filters {
	f := &Filters{tests: make([]lineTest, len(list))}
	for i, lf := range list {
		t := &f.tests[i]
		t.exclude = lf.Op == scan.Excludes || lf.Op == scan.Rejects
		switch lf.Op {
		case scan.Contains, scan.Excludes:
			t.expr = grep.Literal(lf.Text)
		case scan.Matches, scan.Rejects:
			t.expr, _ = grep.Compile(lf.Text)
		}
		if t.expr != nil {
			t.texts, _ = t.expr.Texts()
			t.wanted = outlines(t.expr)
		}
	}
	return f
}

// Answered says for each filter whether Keep takes it into account; nil where there are
// none.
func (f *Filters) Answered() []bool {
	if f == nil || len(f.tests) == 0 {
		return nil
	}
	out := make([]bool, len(f.tests))
	for i := range f.tests {
		out[i] = f.tests[i].expr != nil
	}
	return out
}

// Keep reports whether a line passes all filters that are answered.
func (f *Filters) Keep(line string) bool {
	for i := range f.tests {
		if t := &f.tests[i]; t.expr != nil && t.expr.Match(line) == t.exclude {
			return false
		}
	}
	return true
}

// A lineFilter answers the filters of a request for one block.
type lineFilter struct {
	left     []lineTest // those that the schema did not decide
	never    bool       // no line of the block passes
	answered []bool     // nil when there are no filters
}

// newLineFilter decides what it can without reading a line: a text that is
// longer than all lines, or holds a byte that none has, is in none.
func newLineFilter(filters *Filters, lines *column) *lineFilter {
	f := &lineFilter{}
	if filters == nil || len(filters.tests) == 0 {
		return f
	}
	f.answered = make([]bool, len(filters.tests))
	for i, t := range filters.tests {
		if t.expr == nil {
			continue
		}
		f.answered[i] = true
		everywhere, nowhere := t.narrow(lines)
		switch {
		case everywhere && t.exclude, nowhere && !t.exclude:
			f.never = true
		case !everywhere && !nowhere:
			f.left = append(f.left, t)
		}
	}
	return f
}

// narrow drops the texts that no line can hold, and reports whether that decides
// about all lines.
func (t *lineTest) narrow(lines *column) (everywhere, nowhere bool) {
	possible := func(list []grep.Text) []grep.Text {
		var left []grep.Text
		for _, text := range list {
			if len(text.Text) <= lines.max && !lines.charset.lacksText(text) {
				left = append(left, text)
			}
		}
		return left
	}
	if texts, ok := t.expr.Texts(); ok {
		t.texts = possible(texts)
		return len(t.texts) > 0 && t.texts[0].Text == "", len(t.texts) == 0
	}
	for _, list := range t.expr.Required() {
		if len(possible(list)) == 0 {
			return false, true
		}
	}
	if a := t.expr.Automaton(); a != nil {
		ends := a.NewSet(a.Start())
		a.Reach(ends, lines.charset.has)
		some, all := a.Finals(ends)
		return all, !some
	}
	return false, false
}

// reads reports whether lines must be looked at.
func (f *lineFilter) reads() bool { return len(f.left) > 0 }

// run clears from selected the rows of the spans that fail. Row i of the block
// is text[ends[i]:ends[i+1]].
func (f *lineFilter) run(text []byte, ends []uint32, spans []span, selected *scan.Bitset) {
	for i := range f.left {
		t := &f.left[i]
		matched := scan.NewBitset(selected.Len(), false)
		base := 0
		for _, s := range spans {
			t.find(text, ends, s, func(row int) { matched.Set(base + row - s.start) })
			base += s.end - s.start
		}
		if t.exclude {
			matched.Not()
		}
		selected.And(matched)
	}
}

// find calls fn for each row of s that the expression matches.
func (t *lineTest) find(text []byte, ends []uint32, s span, fn func(row int)) {
	exact := len(t.texts) > 0
	texts := t.texts
	if required := t.expr.Required(); !exact && len(required) > 0 {
		texts = required[0]
	}
	twisted := false
	for _, one := range texts {
		twisted = twisted || one.Twisted() && holdsTwisted(text[ends[s.start]:ends[s.end]])
	}
	if len(texts) == 0 || twisted {
		for row := s.start; row < s.end; row++ {
			if t.expr.Match(model.Borrow(text[ends[row]:ends[row+1]])) {
				fn(row)
			}
		}
		return
	}
	// A row that holds several of the texts may be found several times.
	for _, one := range texts {
		eachHit(text, ends, s, one, func(row int) {
			if exact || t.expr.Verify(model.Borrow(text[ends[row]:ends[row+1]])) {
				fn(row)
			}
		})
	}
}

// holdsTwisted reports whether text holds a letter that is not ASCII and is one
// that is where the case does not matter.
func holdsTwisted(text []byte) bool {
	s := model.Borrow(text)
	return strings.Contains(s, grep.LongS) || strings.Contains(s, grep.Kelvin)
}

// eachHit calls fn for each row of s that holds needle, in order. All rows are
// searched at once: a hit that reaches into the next row is none.
func eachHit(text []byte, ends []uint32, s span, needle grep.Text, fn func(row int)) {
	text = text[:ends[s.end]]
	n := model.BorrowBytes(needle.Text)
	fold := grep.NewFinder(needle.Text)
	pos := int(ends[s.start])
	for row := s.start; row < s.end; {
		if needle.Fold {
			pos = fold.Index(model.Borrow(text), pos)
		} else if i := bytes.Index(text[pos:], n); i >= 0 {
			pos += i
		} else {
			pos = -1
		}
		if pos < 0 {
			return
		}
		if int(ends[row+1]) <= pos {
			left := ends[row+1 : s.end+1]
			row += sort.Search(len(left), func(i int) bool { return int(left[i]) > pos })
		}
		if pos+len(n) > int(ends[row+1]) {
			pos++
			continue
		}
		fn(row)
		row++
		pos = int(ends[row])
	}
}

// has reports whether a byte occurs; all bytes beyond ASCII are one.
func (c *charset) has(b byte) bool {
	b = min(b, 127)
	return c[b/8]&(1<<(b%8)) != 0
}

// lacksText reports whether a text cannot be made of the bytes that occur.
func (c *charset) lacksText(t grep.Text) bool {
	if !t.Fold {
		return c.lacks(t.Text)
	}
	wide := c.has(127)
	for i := range len(t.Text) {
		switch b := t.Text[i]; {
		case c.has(b), 'a' <= b && b <= 'z' && c.has(b-'a'+'A'), wide && (b == 'k' || b == 's'):
		default:
			return true
		}
	}
	return false
}
