package syntax

import (
	"fmt"
	"slices"
	"strings"

	"github.com/prometheus/prometheus/model/labels"
)

const (
	// maxQueryBytes is the longest query that is looked at.
	maxQueryBytes = 128 << 10
	// maxDepth is how deep a tree may be.
	maxDepth = 1000
	// maxNesting is how deep the text may nest. It leaves room for parentheses
	// that mean nothing, and for those that the printer adds.
	maxNesting = 3 * maxDepth
)

// Parse reads a query. The error, if any, is a [*ParseError].
func Parse(query string) (Expr, error) {
	p, err := newParser(query)
	if err != nil {
		return nil, err
	}
	var e Expr
	err = p.run(func() {
		e = p.expr()
		p.end()
	})
	if err != nil {
		return nil, err
	}
	if err := p.check(e); err != nil {
		return nil, err
	}
	return e, nil
}

// ParseLogSelector reads a query for entries, such as the argument of a tail;
// metrics are an error.
func ParseLogSelector(query string) (*LogSelector, error) {
	e, err := Parse(query)
	if err != nil {
		return nil, err
	}
	s, ok := e.(*LogSelector)
	if !ok {
		return nil, wholeError(query, 0, Pos(len(query)), "only log selector is supported")
	}
	return s, nil
}

// ParseMatchers reads a selector without stages, such as the argument of the
// series endpoint. {} is allowed and selects every stream; otherwise at least
// one matcher must refuse the empty string.
func ParseMatchers(query string) ([]*labels.Matcher, error) {
	p, err := newParser(query)
	if err != nil {
		return nil, err
	}
	var e Expr
	err = p.run(func() {
		if p.peek().is("{") && p.peekAt(1).is("}") && p.peekAt(2).kind == tokEnd {
			e = &LogSelector{Matchers: []*labels.Matcher{}}
			return
		}
		e = p.expr()
		p.end()
	})
	if err != nil {
		return nil, err
	}
	s, ok := e.(*LogSelector)
	if !ok || len(s.Stages) > 0 {
		return nil, wholeError(query, 0, Pos(len(query)), "only label matchers are supported")
	}
	if len(s.Matchers) > 0 {
		if err := p.check(s); err != nil {
			return nil, err
		}
	}
	return s.Matchers, nil
}

// A parser holds the tokens of a query and the place reached. Its methods are
// the rules of the grammar; each leaves by panic with a *ParseError when the
// tokens do not fit, which run catches.
type parser struct {
	query   string
	tokens  []token
	at      int
	nesting int
}

func newParser(query string) (*parser, error) {
	if len(query) > maxQueryBytes {
		return nil, wholeError("", 0, 0, fmt.Sprintf("query too long: %d bytes, at most %d are allowed", len(query), maxQueryBytes))
	}
	tokens, err := lex(query)
	if err != nil {
		return nil, err
	}
	return &parser{query: query, tokens: tokens}, nil
}

// run calls fn and returns the error that it left by.
func (p *parser) run(fn func()) (err error) {
	defer func() {
		if r := recover(); r != nil {
			parseErr, ok := r.(*ParseError)
			if !ok {
				panic(r)
			}
			err = parseErr
		}
	}()
	fn()
	return nil
}

// wholeError is an error about the meaning of query[pos:end].
func wholeError(query string, pos, end Pos, msg string) *ParseError {
	e := newError(query, pos, end, msg)
	e.whole = true
	return e
}

// fail leaves with an error about the token t.
func (p *parser) fail(t token, format string, args ...any) {
	panic(newError(p.query, t.pos, t.end, fmt.Sprintf(format, args...)))
}

// failWhole leaves with an error about the meaning of all from pos up to the
// last token read.
func (p *parser) failWhole(pos Pos, format string, args ...any) {
	panic(wholeError(p.query, pos, p.lastEnd(), fmt.Sprintf(format, args...)))
}

// unexpected leaves with an error about the next token.
func (p *parser) unexpected(expecting ...string) {
	t := p.peek()
	name := t.name()
	if functions[strings.ToLower(t.text)] && p.atCall() {
		name = strings.ToUpper(t.text)
	}
	msg := "syntax error: unexpected " + name
	if len(expecting) > 0 {
		msg += ", expecting " + strings.Join(expecting, " or ")
	}
	p.fail(t, "%s", msg)
}

func (p *parser) peek() token { return p.peekAt(0) }

// peekAt is the token n places ahead; beyond the end it is the end.
func (p *parser) peekAt(n int) token { return p.tokens[min(p.at+n, len(p.tokens)-1)] }

func (p *parser) next() token {
	t := p.peek()
	if t.kind != tokEnd {
		p.at++
	}
	return t
}

// lastEnd is where the last token read ends.
func (p *parser) lastEnd() Pos {
	if p.at == 0 {
		return 0
	}
	return p.tokens[p.at-1].end
}

// accept reads the next token if it is the punctuation or reserved word text.
func (p *parser) accept(text string) bool {
	if !p.peek().is(text) {
		return false
	}
	p.next()
	return true
}

// expect reads the punctuation or reserved word text; alternatives are what
// else could have stood there, for the error.
func (p *parser) expect(text string, alternatives ...string) token {
	if !p.peek().is(text) {
		p.unexpected(append([]string{text}, alternatives...)...)
	}
	return p.next()
}

// expectKind reads a token of a kind.
func (p *parser) expectKind(k kind, name string, alternatives ...string) token {
	if p.peek().kind != k {
		p.unexpected(append([]string{name}, alternatives...)...)
	}
	return p.next()
}

func (p *parser) ident(alternatives ...string) token {
	return p.expectKind(tokIdent, "IDENTIFIER", alternatives...)
}

func (p *parser) str(alternatives ...string) string {
	return p.expectKind(tokString, "STRING", alternatives...).text
}

func (p *parser) end() {
	if p.peek().kind != tokEnd {
		p.unexpected()
	}
}

// enter counts a level of nesting; the function that it returns leaves it.
func (p *parser) enter() (leave func()) {
	p.nesting++
	if p.nesting > maxNesting {
		p.fail(p.peek(), "query nests deeper than %d levels", maxNesting)
	}
	return func() { p.nesting-- }
}

// atCall reports whether the next token is a name that is called: a parenthesis
// or a grouping follows.
func (p *parser) atCall() bool {
	if p.peek().kind != tokIdent {
		return false
	}
	after := p.peekAt(1)
	return after.is("(") || after.isAny("by", "without") && p.peekAt(2).is("(")
}

// selector reads matchers in braces.
func (p *parser) selector() *LogSelector {
	s := &LogSelector{node: node{p.expect("{").pos}}
	if p.accept("}") {
		return s
	}
	first := []string{"}"}
	for {
		name := p.ident(first...)
		first = nil
		s.Matchers = append(s.Matchers, p.matcher(name))
		if !p.accept(",") {
			p.expect("}", ",")
			return s
		}
	}
}

// matcher reads the operator and the value behind the name of a label.
func (p *parser) matcher(name token) *labels.Matcher {
	op := p.peek()
	types := map[string]labels.MatchType{
		"=": labels.MatchEqual, "!=": labels.MatchNotEqual, "=~": labels.MatchRegexp, "!~": labels.MatchNotRegexp,
	}
	typ, ok := types[op.text]
	if !ok || op.kind != tokPunct {
		p.unexpected("=", "=~", "!~", "!=")
	}
	p.next()
	return p.newMatcher(typ, name, p.str())
}

func (p *parser) newMatcher(typ labels.MatchType, name token, value string) *labels.Matcher {
	m, err := labels.NewMatcher(typ, name.text, value)
	if err != nil {
		p.failWhole(name.pos, "%s", err)
	}
	return m
}

// labelNames reads a list of names in parentheses; it may be empty.
func (p *parser) labelNames() []string {
	p.expect("(")
	names := []string{}
	if p.accept(")") {
		return names
	}
	for {
		names = append(names, p.ident(")").text)
		if !p.accept(",") {
			p.expect(")", ",")
			return names
		}
	}
}

// functionNames are the names that can be called, for suggestions.
func functionNames() []string {
	names := make([]string, 0, len(functions)+1)
	for f := range functions {
		names = append(names, f)
	}
	slices.Sort(names)
	return append(names, "variants")
}
