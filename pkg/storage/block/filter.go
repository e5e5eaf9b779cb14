package block

import (
	"bytes"
	"sort"

	"github.com/skaldlogs/skald/pkg/model"
	"github.com/skaldlogs/skald/pkg/scan"
)

// A lineFilter answers the filters of a request that look for a fixed text.
type lineFilter struct {
	needles  []scan.LineFilter
	never    bool   // no line of the block passes
	answered []bool // nil when none is
}

// newLineFilter decides what it can without reading a line: a text that is
// longer than all lines, or holds a byte that none has, is in none.
func newLineFilter(filters []scan.LineFilter, lines *column) *lineFilter {
	f := &lineFilter{}
	for i, lf := range filters {
		if lf.Op != scan.Contains && lf.Op != scan.Excludes {
			continue
		}
		if f.answered == nil {
			f.answered = make([]bool, len(filters))
		}
		f.answered[i] = true
		everywhere := lf.Text == ""
		nowhere := len(lf.Text) > lines.max || lines.charset.lacks(lf.Text)
		switch contains := lf.Op == scan.Contains; {
		case everywhere && !contains, nowhere && contains:
			f.never = true
		case everywhere, nowhere:
		default:
			f.needles = append(f.needles, lf)
		}
	}
	return f
}

// reads reports whether lines must be looked at.
func (f *lineFilter) reads() bool { return len(f.needles) > 0 }

// run clears from selected the rows of s that fail; the first of them is row
// base of the batch. Row i of the block is text[ends[i]:ends[i+1]].
func (f *lineFilter) run(text []byte, ends []uint32, s span, base int, selected *scan.Bitset) {
	for _, lf := range f.needles {
		next := s.start // the first row that no hit was found in yet
		eachHit(text, ends, s, lf.Text, func(row int) {
			if lf.Op == scan.Excludes {
				selected.Clear(base + row - s.start)
				return
			}
			for ; next < row; next++ {
				selected.Clear(base + next - s.start)
			}
			next = row + 1
		})
		if lf.Op == scan.Contains {
			for ; next < s.end; next++ {
				selected.Clear(base + next - s.start)
			}
		}
	}
}

// eachHit calls fn for each row of s that holds needle, in order. All rows are
// searched at once: a hit that reaches into the next row is none.
func eachHit(text []byte, ends []uint32, s span, needle string, fn func(row int)) {
	text = text[:ends[s.end]]
	n := model.BorrowBytes(needle)
	pos := int(ends[s.start])
	for row := s.start; row < s.end; {
		i := bytes.Index(text[pos:], n)
		if i < 0 {
			return
		}
		pos += i
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
