package pipeline

import (
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/grafana/regexp"
	"github.com/grafana/regexp/syntax"
)

// newRegexpMatcher returns a matcher for a regular expression anywhere in a
// line. Most that people write are literals in disguise, or hold a literal that
// must be there; those are looked for first, which is many times faster.
func newRegexpMatcher(expr string) (lineMatcher, error) {
	re, err := regexp.Compile(expr)
	if err != nil {
		return nil, err
	}
	parsed, err := syntax.Parse(expr, syntax.Perl)
	if err != nil {
		return nil, err
	}
	parsed = dropEnds(parsed.Simplify())
	if all, ok := literals(parsed); ok {
		if len(all) == 1 {
			return all[0], nil
		}
		return all, nil
	}
	return &regexpMatcher{re: re, required: required(parsed)}, nil
}

// regexpMatcher matches a regular expression.
type regexpMatcher struct {
	re       *regexp.Regexp
	required anyMatcher // one of them is in every line that matches; none says nothing
}

func (m *regexpMatcher) match(line string) bool {
	if len(m.required) > 0 && !m.required.match(line) {
		return false
	}
	return m.re.MatchString(line)
}

func (n needle) match(line string) bool { return n.in(line) }

// anyMatcher finds one of several needles.
type anyMatcher []needle

func (m anyMatcher) match(line string) bool {
	for _, n := range m {
		if n.in(line) {
			return true
		}
	}
	return false
}

// dropEnds removes from both ends what matches nothing as well as something: in
// an expression that is not anchored it makes no difference.
func dropEnds(re *syntax.Regexp) *syntax.Regexp {
	for re.Op == syntax.OpCapture {
		re = re.Sub[0]
	}
	if re.Op == syntax.OpStar {
		return &syntax.Regexp{Op: syntax.OpEmptyMatch}
	}
	if re.Op != syntax.OpConcat {
		return re
	}
	sub := re.Sub
	for len(sub) > 0 && sub[0].Op == syntax.OpStar {
		sub = sub[1:]
	}
	for len(sub) > 0 && sub[len(sub)-1].Op == syntax.OpStar {
		sub = sub[:len(sub)-1]
	}
	switch len(sub) {
	case 0:
		return &syntax.Regexp{Op: syntax.OpEmptyMatch}
	case 1:
		return sub[0]
	}
	return &syntax.Regexp{Op: syntax.OpConcat, Sub: sub}
}

// maxLiterals is up to how many literals are looked for one by one.
const maxLiterals = 8

// literals returns the needles of which one must be found, if re means no more
// than that.
func literals(re *syntax.Regexp) (anyMatcher, bool) {
	switch re.Op {
	case syntax.OpCapture:
		return literals(re.Sub[0])
	case syntax.OpEmptyMatch:
		return anyMatcher{needle{}}, true
	case syntax.OpLiteral:
		if n, ok := literal(re); ok {
			return anyMatcher{n}, true
		}
	case syntax.OpConcat:
		all := needle{}
		for i, sub := range re.Sub {
			one, ok := literals(sub)
			if !ok || len(one) != 1 || i > 0 && one[0].fold != all.fold {
				return nil, false
			}
			all.text += one[0].text
			all.fold = one[0].fold
		}
		return anyMatcher{all}, true
	case syntax.OpAlternate:
		var all anyMatcher
		for _, sub := range re.Sub {
			some, ok := literals(sub)
			if !ok {
				return nil, false
			}
			all = append(all, some...)
		}
		return all, len(all) <= maxLiterals
	}
	return nil, false
}

// literal is the text of a literal, if bytes can be compared instead of
// characters: it does not hold the character that every invalid byte counts as,
// and if the case does not matter, it is plain enough.
func literal(re *syntax.Regexp) (needle, bool) {
	if slices.Contains(re.Rune, utf8.RuneError) {
		return needle{}, false
	}
	if re.Flags&syntax.FoldCase == 0 {
		return needle{text: string(re.Rune)}, true
	}
	s := strings.ToLower(string(re.Rune))
	return needle{text: s, fold: true}, foldable(s)
}

// required are needles of which one is in every match of re, or none if nothing
// is known. Of several such lists it is the one whose shortest needle is longest.
func required(re *syntax.Regexp) anyMatcher {
	switch re.Op {
	case syntax.OpLiteral:
		if n, ok := literal(re); ok {
			return anyMatcher{n}
		}
	case syntax.OpCapture, syntax.OpPlus:
		return required(re.Sub[0])
	case syntax.OpRepeat:
		if re.Min > 0 {
			return required(re.Sub[0])
		}
	case syntax.OpConcat:
		var best anyMatcher
		for _, sub := range re.Sub {
			if some := required(sub); some.shortest() > best.shortest() {
				best = some
			}
		}
		return best
	case syntax.OpAlternate:
		var all anyMatcher
		for _, sub := range re.Sub {
			some := required(sub)
			if some.shortest() == 0 {
				return nil
			}
			all = append(all, some...)
		}
		if len(all) <= maxLiterals {
			return all
		}
	}
	return nil
}

// shortest is the length of the shortest needle, 0 where there is none.
func (m anyMatcher) shortest() int {
	if len(m) == 0 {
		return 0
	}
	n := len(m[0].text)
	for _, o := range m[1:] {
		n = min(n, len(o.text))
	}
	return n
}
