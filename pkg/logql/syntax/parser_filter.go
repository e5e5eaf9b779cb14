package syntax

import (
	"strconv"

	"github.com/prometheus/prometheus/model/labels"
)

// How tight the words between label filters bind. A comma, or nothing, is an
// and that takes in all that follows, so it needs no rank.
const (
	rankOr  = 1
	rankAnd = 2
)

// labelFilter reads label filters joined by and, or, commas or nothing.
func (p *parser) labelFilter() LabelFilter { return p.labelFilters(rankOr) }

func (p *parser) labelFilters(lowest int) LabelFilter {
	defer p.enter()()
	left := p.labelFilterOperand()
	for {
		switch t := p.peek(); {
		case t.is("or") && lowest <= rankOr:
			p.next()
			left = or(left, p.labelFilters(rankAnd))
		case t.is("and") && lowest <= rankAnd:
			p.next()
			left = and(left, p.labelFilters(rankAnd+1))
		case t.is(","):
			p.next()
			left = and(left, p.labelFilters(rankOr))
		case t.kind == tokIdent, t.is("("):
			left = and(left, p.labelFilters(rankOr))
		default:
			return left
		}
	}
}

func (p *parser) labelFilterOperand() LabelFilter {
	if p.accept("(") {
		f := p.labelFilter()
		p.expect(")")
		return f
	}
	name := p.ident("(")
	op := p.next()
	n := node{name.pos}
	switch {
	case op.is("=~"):
		return &StringFilter{n, p.newMatcher(labels.MatchRegexp, name, p.str())}
	case op.is("!~"):
		return &StringFilter{n, p.newMatcher(labels.MatchNotRegexp, name, p.str())}
	case op.isAny("=", "!="):
		typ, cmp := labels.MatchEqual, Eq
		if op.text == "!=" {
			typ, cmp = labels.MatchNotEqual, Ne
		}
		if p.peek().kind == tokString {
			return &StringFilter{n, p.newMatcher(typ, name, p.str())}
		}
		if p.atIP() {
			return &IPFilter{n, name.text, cmp, p.ip()}
		}
		return p.comparison(name, cmp)
	case op.isAny("==", ">", ">=", "<", "<="):
		return p.comparison(name, Operator(op.text))
	}
	p.at--
	p.unexpected("=", "!=", "=~", "!~", ">", ">=", "<", "<=", "==")
	return nil
}

// comparison reads the quantity that a label is compared with.
func (p *parser) comparison(name token, op Operator) LabelFilter {
	n := node{name.pos}
	value := p.peek()
	signed := value.isAny("+", "-")
	if signed {
		value = p.peekAt(1)
	}
	switch {
	case value.kind == tokNumber:
		return &NumberFilter{n, name.text, op, p.filterNumber()}
	case value.kind == tokDuration:
		return &DurationFilter{n, name.text, op, p.duration()}
	case value.kind == tokBytes && !signed:
		t := p.next()
		v, err := parseBytes(t.text)
		if err != nil {
			p.fail(t, "%s", err)
		}
		return &BytesFilter{n, name.text, op, v, t.text}
	}
	if op == Eq || op == Ne {
		p.unexpected("STRING", "ip", "NUMBER", "DURATION", "BYTES")
	}
	p.unexpected("NUMBER", "DURATION", "BYTES")
	return nil
}

// filterNumber reads a number as label filters know it: with a sign, and also
// hexadecimal.
func (p *parser) filterNumber() float64 {
	at := p.at
	if p.peek().isAny("+", "-") {
		at++
	}
	if v, err := strconv.ParseUint(p.tokens[at].text, 0, 64); err == nil {
		p.at = at + 1
		if p.tokens[at-1].is("-") {
			return -float64(v)
		}
		return float64(v)
	}
	return p.number()
}
