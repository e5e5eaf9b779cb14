package grep

import (
	"slices"
	"sort"
	"unicode"
	"unicode/utf8"

	"github.com/grafana/regexp/syntax"
)

// Classes are sets of characters that an expression does not tell apart.
type classes struct {
	ascii [utf8.RuneSelf]uint8
	// Beyond ASCII, the characters from starts[i] to before the next have class wide[i].
	starts []rune
	wide   []uint8
	sample []rune // a character of each class
}

// of is the class of a character beyond ASCII.
func (c *classes) of(r rune) uint8 {
	if len(c.starts) == 1 {
		return c.wide[0]
	}
	return c.wide[sort.Search(len(c.starts), func(i int) bool { return c.starts[i] > r })-1]
}

// maxRanges is how many ranges of characters an expression may have.
const maxRanges = 2000

// newClasses finds the classes of a program; ok is false when there are too many.
func newClasses(p *syntax.Prog) (c classes, ok bool) {
	// Where a range begins, the characters before and after may differ.
	bounds := []rune{0, '\n', '\n' + 1, '0', '9' + 1, 'A', 'Z' + 1, '_', '_' + 1, 'a', 'z' + 1, utf8.RuneSelf}
	for i := range p.Inst {
		in := &p.Inst[i]
		switch in.Op {
		case syntax.InstRune, syntax.InstRune1:
			if len(in.Rune) == 1 {
				r := in.Rune[0]
				bounds = append(bounds, r, r+1)
				if syntax.Flags(in.Arg)&syntax.FoldCase != 0 {
					for f := unicode.SimpleFold(r); f != r; f = unicode.SimpleFold(f) {
						bounds = append(bounds, f, f+1)
					}
				}
				continue
			}
			for j := 0; j+1 < len(in.Rune); j += 2 {
				bounds = append(bounds, in.Rune[j], in.Rune[j+1]+1)
			}
		}
		if len(bounds) > maxRanges {
			return c, false
		}
	}
	slices.Sort(bounds)
	bounds = slices.Compact(bounds)
	byWho := map[string]uint8{}
	var who []byte
	for i, lo := range bounds {
		if lo > unicode.MaxRune {
			break
		}
		who = signature(who[:0], p, lo)
		class, known := byWho[string(who)]
		if !known {
			if len(c.sample) == 255 {
				return c, false
			}
			class = uint8(len(c.sample))
			byWho[string(who)] = class
			c.sample = append(c.sample, lo)
		}
		if lo >= utf8.RuneSelf {
			c.starts, c.wide = append(c.starts, lo), append(c.wide, class)
			continue
		}
		hi := rune(utf8.RuneSelf)
		if i+1 < len(bounds) {
			hi = min(hi, bounds[i+1])
		}
		for r := lo; r < hi; r++ {
			c.ascii[r] = class
		}
	}
	return c, true
}

// signature says which instructions take a character, and what it is to
// assertions.
func signature(dst []byte, p *syntax.Prog, r rune) []byte {
	switch {
	case r == '\n':
		dst = append(dst, 'n')
	case syntax.IsWordChar(r):
		dst = append(dst, 'w')
	default:
		dst = append(dst, 'o')
	}
	for i := range p.Inst {
		switch in := &p.Inst[i]; in.Op {
		case syntax.InstRune, syntax.InstRune1, syntax.InstRuneAny, syntax.InstRuneAnyNotNL:
			if takes(in, r) {
				dst = append(dst, 1)
			} else {
				dst = append(dst, 0)
			}
		}
	}
	return dst
}

// takes reports whether an instruction goes on with r.
func takes(in *syntax.Inst, r rune) bool {
	switch in.Op {
	case syntax.InstRune, syntax.InstRune1:
		return in.MatchRune(r)
	case syntax.InstRuneAny:
		return true
	case syntax.InstRuneAnyNotNL:
		return r != '\n'
	}
	return false
}
