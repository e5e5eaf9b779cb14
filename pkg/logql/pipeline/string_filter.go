package pipeline

import (
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/grafana/regexp/syntax"
	"github.com/prometheus/prometheus/model/labels"
)

// stringFilter matches a label's text.
//
// Regular expressions must match all of it, with one exception that Loki makes:
// a literal with .* before or behind it, or one of several such, matches
// wherever the literal stands. So level=~"err.*" keeps level="stderr".
type stringFilter struct {
	filter
	matcher *labels.Matcher
	// equal and within stand for the regular expression where it is one of those.
	equal, within []string
	simple        bool
}

func newStringFilter(m *labels.Matcher) *stringFilter {
	f := &stringFilter{matcher: m}
	if m.Type == labels.MatchRegexp || m.Type == labels.MatchNotRegexp {
		if re, err := syntax.Parse(m.Value, syntax.Perl); err == nil {
			f.simple = f.simplify(re.Simplify()) && len(f.within) > 0
		}
	}
	return f
}

// simplify reports whether re is a literal, one with .* around it, or several
// of them, and notes them.
func (f *stringFilter) simplify(re *syntax.Regexp) bool {
	switch re.Op {
	case syntax.OpCapture:
		return f.simplify(re.Sub[0])
	case syntax.OpAlternate:
		for _, sub := range re.Sub {
			if !f.simplify(sub) {
				return false
			}
		}
		return true
	case syntax.OpLiteral:
		f.equal = append(f.equal, string(re.Rune))
		return isPlain(re)
	case syntax.OpConcat:
		found := ""
		for _, sub := range re.Sub {
			switch {
			case isAnything(sub):
			case sub.Op == syntax.OpLiteral && found == "":
				if !isPlain(sub) {
					return false
				}
				found = string(sub.Rune)
			default:
				return false
			}
		}
		f.within = append(f.within, found)
		return true
	}
	return false
}

// isAnything reports whether re is .* and matches the empty string too.
func isAnything(re *syntax.Regexp) bool {
	return re.Op == syntax.OpStar && (re.Sub[0].Op == syntax.OpAnyCharNotNL || re.Sub[0].Op == syntax.OpAnyChar)
}

// isPlain reports whether the text of a literal can be compared byte by byte.
func isPlain(re *syntax.Regexp) bool {
	return re.Flags&syntax.FoldCase == 0 && !slices.Contains(re.Rune, utf8.RuneError)
}

func (f *stringFilter) process(e *entry) bool {
	v := e.value(f.matcher.Name)
	if !f.simple {
		return f.matcher.Matches(v)
	}
	found := slices.Contains(f.equal, v) || slices.ContainsFunc(f.within, func(s string) bool { return strings.Contains(v, s) })
	return found == (f.matcher.Type == labels.MatchRegexp)
}

func (f *stringFilter) need(n *needs) { n.label(f.matcher.Name) }
