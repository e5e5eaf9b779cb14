package grep

import (
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/grafana/regexp"
	"github.com/grafana/regexp/syntax"
)

// An Expr is a text or a regular expression, to be found anywhere in a line.
type Expr struct {
	re        *regexp.Regexp // nil when texts say it all
	texts     []Text
	required  [][]Text
	automaton *Automaton
}

// Literal is the expression that finds a text, whatever bytes it has.
func Literal(text string) *Expr { return &Expr{texts: []Text{{Text: text}}} }

// Compile reads a regular expression (RE2).
func Compile(expr string) (*Expr, error) {
	re, err := regexp.Compile(expr)
	if err != nil {
		return nil, err
	}
	parsed, err := syntax.Parse(expr, syntax.Perl)
	if err != nil {
		return nil, err
	}
	parsed = dropEnds(parsed.Simplify())
	if all, ok := texts(parsed); ok {
		if slices.ContainsFunc(all, func(t Text) bool { return t.Text == "" }) {
			all = []Text{{}}
		}
		return &Expr{texts: all}, nil
	}
	e := &Expr{re: re, automaton: newAutomaton(parsed)}
	if a := e.automaton; a != nil && a.start == Always {
		return Literal(""), nil
	}
	for _, list := range required(parsed) {
		if shortest(list) > 0 {
			e.required = append(e.required, list)
		}
	}
	// The longest texts are the rarest, and the first to be asked.
	slices.SortStableFunc(e.required, func(a, b []Text) int { return shortest(b) - shortest(a) })
	return e, nil
}

// Texts are the texts of which one must be in a line, and that is all the
// expression says; ok is false when there is more to it. An expression that
// matches everything has the empty text.
func (e *Expr) Texts() (texts []Text, ok bool) { return e.texts, e.re == nil }

// Required are lists of texts: of each, one is in every line that matches. The
// most telling list comes first.
func (e *Expr) Required() [][]Text {
	if e.re == nil {
		return [][]Text{e.texts}
	}
	return e.required
}

// Automaton is the table of the expression, nil when texts say it all or the
// table would be too large.
func (e *Expr) Automaton() *Automaton { return e.automaton }

// Match reports whether the expression is in line.
func (e *Expr) Match(line string) bool {
	if e.re == nil {
		return anyIn(e.texts, line)
	}
	if len(e.required) > 0 && !anyIn(e.required[0], line) {
		return false
	}
	return e.Verify(line)
}

// Verify is Match for a line that is known to hold the required texts.
func (e *Expr) Verify(line string) bool {
	switch {
	case e.automaton != nil:
		a := e.automaton
		return a.Final(a.Run(a.Start(), line))
	case e.re != nil:
		return e.re.MatchString(line)
	}
	return anyIn(e.texts, line)
}

func anyIn(texts []Text, line string) bool {
	for _, t := range texts {
		if t.In(line) {
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

// maxTexts is up to how many texts are looked for one by one.
const maxTexts = 8

// texts returns those of which one must be found, if re means no more than that.
func texts(re *syntax.Regexp) ([]Text, bool) {
	switch re.Op {
	case syntax.OpCapture:
		return texts(re.Sub[0])
	case syntax.OpEmptyMatch:
		return []Text{{}}, true
	case syntax.OpLiteral:
		if t, ok := literal(re); ok {
			return []Text{t}, true
		}
	case syntax.OpConcat:
		all := []Text{{}}
		for i, sub := range re.Sub {
			some, ok := texts(sub)
			if !ok || len(all)*len(some) > maxTexts {
				return nil, false
			}
			var joined []Text
			for _, head := range all {
				for _, tail := range some {
					if i > 0 && head.Fold != tail.Fold {
						return nil, false
					}
					joined = append(joined, Text{head.Text + tail.Text, tail.Fold})
				}
			}
			all = joined
		}
		return all, true
	case syntax.OpAlternate:
		var all []Text
		for _, sub := range re.Sub {
			some, ok := texts(sub)
			if !ok {
				return nil, false
			}
			all = append(all, some...)
		}
		return all, len(all) <= maxTexts
	}
	return nil, false
}

// literal is the text of a literal, if bytes can be compared instead of
// characters: it does not hold the character that every invalid byte counts as,
// and if the case does not matter, it is plain enough.
func literal(re *syntax.Regexp) (Text, bool) {
	if slices.Contains(re.Rune, utf8.RuneError) {
		return Text{}, false
	}
	if re.Flags&syntax.FoldCase == 0 {
		return Text{Text: string(re.Rune)}, true
	}
	s := strings.ToLower(string(re.Rune))
	return Text{Text: s, Fold: true}, foldable(s)
}

// part is the longest part of a literal that is a text.
func part(re *syntax.Regexp) (Text, bool) {
	if t, ok := literal(re); ok {
		return t, true
	}
	fold := re.Flags&syntax.FoldCase != 0
	best := ""
	for s := re.Rune; len(s) > 0; {
		n := slices.IndexFunc(s, func(r rune) bool { return r == utf8.RuneError || fold && r >= utf8.RuneSelf })
		if n < 0 {
			n = len(s)
		}
		if text := string(s[:n]); len(text) > len(best) {
			best = text
		}
		s = s[min(n+1, len(s)):]
	}
	if fold {
		best = strings.ToLower(best)
	}
	return Text{Text: best, Fold: fold}, best != ""
}

// maxRequired is up to how many lists of required texts are worth keeping.
const maxRequired = 6

// required are lists of texts, of each of which one is in every match of re.
func required(re *syntax.Regexp) [][]Text {
	switch re.Op {
	case syntax.OpLiteral:
		if t, ok := part(re); ok {
			return [][]Text{{t}}
		}
	case syntax.OpCapture, syntax.OpPlus:
		return required(re.Sub[0])
	case syntax.OpRepeat:
		if re.Min > 0 {
			return required(re.Sub[0])
		}
	case syntax.OpConcat:
		var all [][]Text
		for _, sub := range re.Sub {
			for _, list := range required(sub) {
				if len(all) < maxRequired {
					all = append(all, list)
				}
			}
		}
		return all
	case syntax.OpAlternate:
		var all []Text
		for _, sub := range re.Sub {
			best := mostTelling(required(sub))
			if best == nil {
				return nil
			}
			all = append(all, best...)
		}
		if len(all) <= maxTexts {
			return [][]Text{all}
		}
	}
	return nil
}

// mostTelling is the list whose shortest text is longest.
func mostTelling(lists [][]Text) (best []Text) {
	for _, list := range lists {
		if shortest(list) > shortest(best) {
			best = list
		}
	}
	return best
}

// shortest is the length of the shortest text, 0 where there is none.
func shortest(list []Text) int {
	if len(list) == 0 {
		return 0
	}
	n := len(list[0].Text)
	for _, t := range list[1:] {
		n = min(n, len(t.Text))
	}
	return n
}
