package syntax

import (
	"strconv"
	"time"
)

func (p *parser) rangeAggregation(pos Pos, op RangeOp) Expr {
	a := &RangeAggregation{node: node{pos}, Op: op}
	p.expect("(")
	var param *token
	if p.peek().kind == tokNumber {
		t := p.next()
		param = &t
		p.expect(",")
	} else if !p.peek().isAny("{", "(") {
		p.unexpected("NUMBER", "{", "(")
	}
	a.Range = p.logRange()
	p.expect(")")
	a.Grouping = p.grouping()
	if param != nil {
		v, err := strconv.ParseFloat(param.text, 64)
		if err != nil {
			p.fail(*param, "not a decimal number: %q", param.text)
		}
		a.Param = v
	}
	p.checkRangeAggregation(a, param)
	return a
}

// logRange reads a selector with a range, which may stand behind the matchers,
// behind the stages or behind parentheses around either.
func (p *parser) logRange() *LogRange {
	r := p.rangeBody()
	if r.Range < 0 {
		p.unexpected("RANGE", "|")
	}
	return r
}

// noRange marks a range that has not been read yet.
const noRange = time.Duration(-1)

// rangeBody reads a range, or what one may stand behind: then Range is noRange.
func (p *parser) rangeBody() *LogRange {
	defer p.enter()()
	if p.peek().is("(") {
		return p.rangeInParens()
	}
	if !p.peek().is("{") {
		p.unexpected("{", "(")
	}
	r := &LogRange{node: node{p.peek().pos}, Selector: p.selector(), Range: noRange}
	p.rangeAndOffset(r)
	r.Selector.Stages, r.Unwrap = p.pipeline(true)
	if r.Range == noRange {
		p.rangeAndOffset(r)
	}
	return r
}

func (p *parser) rangeInParens() *LogRange {
	pos := p.expect("(").pos
	r := p.rangeBody()
	r.pos = pos
	p.expect(")")
	if r.Range != noRange {
		return r
	}
	p.rangeAndOffset(r)
	// ({app="web"})[5m] | unwrap x is a form of its own; nothing else may follow.
	if r.Range != noRange && len(r.Selector.Stages) == 0 && r.Unwrap == nil && p.peekAt(1).is("unwrap") {
		_, r.Unwrap = p.pipeline(true)
	}
	return r
}

// rangeAndOffset reads [5m] and offset 1h, if they are there.
func (p *parser) rangeAndOffset(r *LogRange) {
	t := p.peek()
	if t.kind != tokRange {
		return
	}
	p.next()
	d, err := parseRange(t.text)
	if err != nil {
		p.fail(t, "%s", err)
	}
	r.Range = d
	if p.accept("offset") {
		r.Offset = p.duration()
	}
}

// duration reads a duration with its sign.
func (p *parser) duration() time.Duration {
	negative := p.peek().is("-")
	if negative || p.peek().is("+") {
		p.next()
	}
	t := p.expectKind(tokDuration, "DURATION")
	d, err := parseDuration(t.text)
	if err != nil {
		p.fail(t, "%s", err)
	}
	if negative {
		return -d
	}
	return d
}
