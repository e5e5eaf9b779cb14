package pipeline

import (
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
			return containsMatcher(all[0]), nil
		}
		return all, nil
	}
	m := &regexpMatcher{re: re}
	m.required = longestLiteral(parsed)
	return m, nil
}

// regexpMatcher matches a regular expression.
type regexpMatcher struct {
	re       *regexp.Regexp
	required string // stands in every line that matches
}

func (m *regexpMatcher) match(line string) bool {
	if m.required != "" && !strings.Contains(line, m.required) {
		return false
	}
	return m.re.MatchString(line)
}

// anyMatcher finds one of several strings.
type anyMatcher []string

func (m anyMatcher) match(line string) bool {
	for _, s := range m {
		if strings.Contains(line, s) {
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

// literals returns the strings of which one must be found, if re means no more
// than that.
func literals(re *syntax.Regexp) (anyMatcher, bool) {
	switch re.Op {
	case syntax.OpCapture:
		return literals(re.Sub[0])
	case syntax.OpEmptyMatch:
		return anyMatcher{""}, true
	case syntax.OpLiteral:
		if s, ok := literal(re); ok {
			return anyMatcher{s}, true
		}
	case syntax.OpConcat:
		var all strings.Builder
		for _, sub := range re.Sub {
			one, ok := literals(sub)
			if !ok || len(one) != 1 {
				return nil, false
			}
			all.WriteString(one[0])
		}
		return anyMatcher{all.String()}, true
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
// characters: the case counts, and it does not hold the character that every
// invalid byte counts as.
func literal(re *syntax.Regexp) (string, bool) {
	if re.Flags&syntax.FoldCase != 0 {
		return "", false
	}
	for _, r := range re.Rune {
		if r == utf8.RuneError {
			return "", false
		}
	}
	return string(re.Rune), true
}

// longestLiteral is the longest string that is in every match of re, or "".
func longestLiteral(re *syntax.Regexp) string {
	switch re.Op {
	case syntax.OpLiteral:
		s, _ := literal(re)
		return s
	case syntax.OpCapture, syntax.OpPlus:
		return longestLiteral(re.Sub[0])
	case syntax.OpRepeat:
		if re.Min > 0 {
			return longestLiteral(re.Sub[0])
		}
	case syntax.OpConcat:
		longest := ""
		for _, sub := range re.Sub {
			if s := longestLiteral(sub); len(s) > len(longest) {
				longest = s
			}
		}
		return longest
	}
	return ""
}
