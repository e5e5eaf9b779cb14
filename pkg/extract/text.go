package extract

import (
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/grafana/regexp/syntax"
	"github.com/prometheus/prometheus/model/labels"
)

// A TextMatcher matches a label's text. It never changes.
//
// Regular expressions must match all of it, with one exception that Loki makes:
// a literal with .* before or behind it, or one of several such, matches
// wherever the literal stands. So level=~"err.*" keeps level="stderr", and level=~"",
// which a dashboard asks for whose variable is empty, keeps everything.
type TextMatcher struct {
	matcher *labels.Matcher
	// equal and within stand for the regular expression where it is one of those.
	equal, within []string
	simple        bool
}

// NewTextMatcher returns the matcher for the text of a label.
func NewTextMatcher(m *labels.Matcher) *TextMatcher {
	t := &TextMatcher{matcher: m}
	if m.Type == labels.MatchRegexp || m.Type == labels.MatchNotRegexp {
		if re, err := syntax.Parse(m.Value, syntax.Perl); err == nil {
			re = re.Simplify()
			if re.Op == syntax.OpEmptyMatch {
				t.within = []string{""}
			}
			t.simple = (re.Op == syntax.OpEmptyMatch || t.simplify(re)) && len(t.within) > 0
		}
	}
	return t
}

// simplify reports whether re is a literal, one with .* around it, or several
// of them, and notes them.
func (t *TextMatcher) simplify(re *syntax.Regexp) bool {
	switch re.Op {
	case syntax.OpCapture:
		return t.simplify(re.Sub[0])
	case syntax.OpAlternate:
		for _, sub := range re.Sub {
			if !t.simplify(sub) {
				return false
			}
		}
		return true
	case syntax.OpLiteral:
		text, ok := plainLiteral(re)
		t.equal = append(t.equal, text)
		return ok
	case syntax.OpConcat:
		found := ""
		for _, sub := range re.Sub {
			switch {
			case isAnything(sub):
			case sub.Op == syntax.OpLiteral && found == "":
				text, ok := plainLiteral(sub)
				if !ok {
					return false
				}
				found = text
			default:
				return false
			}
		}
		t.within = append(t.within, found)
		return true
	}
	return false
}

// plainLiteral is the text of a literal whose case matters and that does not hold
// the character that every invalid byte counts as.
func plainLiteral(re *syntax.Regexp) (string, bool) {
	if re.Flags&syntax.FoldCase != 0 || slices.Contains(re.Rune, utf8.RuneError) {
		return "", false
	}
	return string(re.Rune), true
}

// isAnything reports whether re is .* and matches the empty string too.
func isAnything(re *syntax.Regexp) bool {
	return re.Op == syntax.OpStar && (re.Sub[0].Op == syntax.OpAnyCharNotNL || re.Sub[0].Op == syntax.OpAnyChar)
}

// Matches reports whether text matches.
func (t *TextMatcher) Matches(text string) bool {
	if !t.simple {
		return t.matcher.Matches(text)
	}
	found := slices.Contains(t.equal, text) || slices.ContainsFunc(t.within, func(s string) bool { return strings.Contains(text, s) })
	return found == (t.matcher.Type == labels.MatchRegexp)
}
