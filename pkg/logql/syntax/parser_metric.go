package syntax

import (
	"fmt"
	"strconv"
	"strings"

	"github.com/grafana/regexp"

	"github.com/skaldlogs/skald/pkg/spell"
)

// expr reads a query or what stands in parentheses.
func (p *parser) expr() Expr { return p.binary(1) }

// metricExpr reads an operand that must be a vector or a number.
func (p *parser) metricExpr() MetricExpr {
	e := p.expr()
	m, ok := e.(MetricExpr)
	if !ok {
		// The operand is complete; what is missing is the aggregation around it.
		panic(newError(p.query, e.Pos(), p.lastEnd(),
			fmt.Sprintf("syntax error: unexpected %s, expecting a metric such as rate(…)", describe(e))))
	}
	return m
}

// describe is how errors call a kind of expression.
func describe(e Expr) string {
	switch e.(type) {
	case *LogSelector:
		return "log query"
	case *Variants:
		return "variants"
	case *Literal:
		return "literal"
	default:
		return "metric query"
	}
}

// binary reads operands joined by operators that bind at least as tight as
// lowest.
func (p *parser) binary(lowest int) Expr {
	defer p.enter()()
	left := p.operand()
	for {
		t := p.peek()
		op := Operator(t.text)
		prec, ok := precedence[op]
		if !ok || t.kind != tokPunct && t.kind != tokWord || prec < lowest {
			return left
		}
		p.next()
		b := &BinaryOp{node: node{left.Pos()}, Op: op}
		// Loki takes bool with any operator; it only means something to comparisons.
		b.Bool = p.accept("bool") && op.IsComparison()
		b.Matching = p.matching(op)
		above := prec + 1
		if op == Pow {
			above = prec
		}
		right := p.binary(above)
		left = p.combine(b, left, right)
	}
}

// matching reads on(…) or ignoring(…) and the group, if they are there.
func (p *parser) matching(op Operator) *Matching {
	t := p.peek()
	if !t.isAny("on", "ignoring") {
		return nil
	}
	p.next()
	m := &Matching{On: t.text == "on", Labels: p.labelNames()}
	if g := p.peek(); g.isAny("group_left", "group_right") {
		p.next()
		group, include := Group(g.text), []string(nil)
		if p.peek().is("(") {
			include = p.labelNames()
		}
		// Set operators are many to many whatever is said; Loki takes the word.
		if !op.IsSet() {
			m.Group, m.Include = group, include
			if len(include) == 0 {
				m.Include = nil
			}
		}
	}
	return m
}

// combine puts operands below an operator, or folds two numbers.
func (p *parser) combine(b *BinaryOp, left, right Expr) Expr {
	b.Left = p.leg(b, "left", left)
	b.Right = p.leg(b, "right", right)
	l, lok := b.Left.(*Literal)
	r, rok := b.Right.(*Literal)
	if lok && rok {
		return &Literal{node: b.node, Value: b.Op.Calculate(l.Value, r.Value)}
	}
	return b
}

// leg checks one of the operands of b.
func (p *parser) leg(b *BinaryOp, side string, e Expr) MetricExpr {
	m, ok := e.(MetricExpr)
	if !ok {
		p.failWhole(b.pos, "unexpected type for %s leg of binary operation (%s): %s", side, b.Op, describe(e))
	}
	if l, ok := e.(*Literal); ok && b.Op.IsSet() {
		p.failWhole(b.pos, "unexpected literal for %s leg of logical/set binary operation (%s): %f", side, b.Op, l.Value)
	}
	return m
}

// operand reads what operators join.
func (p *parser) operand() Expr {
	t := p.peek()
	switch {
	case t.is("{"):
		s := p.selector()
		s.Stages, _ = p.pipeline(false)
		return s
	case t.is("("):
		p.next()
		e := p.expr()
		p.expect(")")
		return e
	case t.kind == tokNumber, t.isAny("+", "-"):
		return &Literal{node: node{t.pos}, Value: p.number()}
	case t.is("variants"):
		return p.variants()
	case p.atCall():
		return p.call()
	}
	p.unexpected()
	return nil
}

// number reads a number with its sign.
func (p *parser) number() float64 {
	negative := p.peek().is("-")
	if negative || p.peek().is("+") {
		p.next()
	}
	v := p.unsigned()
	if negative {
		return -v
	}
	return v
}

// unsigned reads a number without a sign. Only label filters know hexadecimal
// ones.
func (p *parser) unsigned() float64 {
	t := p.expectKind(tokNumber, "NUMBER")
	v, err := strconv.ParseFloat(t.text, 64)
	if err != nil || strings.ContainsAny(t.text, "xXpP") {
		p.fail(t, "not a decimal number: %q", t.text)
	}
	return v
}

// call reads a function and its arguments.
func (p *parser) call() Expr {
	t := p.next()
	name := strings.ToLower(t.text)
	if _, ok := rangeOps[RangeOp(name)]; ok {
		return p.rangeAggregation(t.pos, RangeOp(name))
	}
	if _, ok := vectorOps[VectorOp(name)]; ok {
		return p.vectorAggregation(t.pos, VectorOp(name))
	}
	switch name {
	case "label_replace":
		return p.labelReplace(t.pos)
	case "vector":
		p.expect("(")
		v := &Vector{node: node{t.pos}, Value: p.unsigned()}
		p.expect(")")
		return v
	}
	p.fail(t, "syntax error: unexpected IDENTIFIER: unknown function %q%s", t.text, spell.Perhaps(t.text, functionNames()))
	return nil
}

func (p *parser) vectorAggregation(pos Pos, op VectorOp) Expr {
	a := &VectorAggregation{node: node{pos}, Op: op}
	a.Grouping = p.grouping()
	p.expect("(")
	var param string
	if p.peek().kind == tokNumber && p.peekAt(1).is(",") {
		param = p.next().text
		p.next()
	}
	a.Expr = p.metricExpr()
	p.expect(")")
	if a.Grouping == nil {
		a.Grouping = p.grouping()
	}
	p.checkVectorAggregation(a, param)
	// by () and no grouping both make one group.
	if g := a.Grouping; g != nil && !g.Without && len(g.Labels) == 0 {
		a.Grouping = nil
	}
	return a
}

// grouping reads by (…) or without (…), if it is there.
func (p *parser) grouping() *Grouping {
	t := p.peek()
	if !t.isAny("by", "without") {
		return nil
	}
	p.next()
	return &Grouping{Without: t.text == "without", Labels: p.labelNames()}
}

func (p *parser) labelReplace(pos Pos) Expr {
	r := &LabelReplace{node: node{pos}}
	p.expect("(")
	r.Expr = p.metricExpr()
	for _, s := range []*string{&r.Dst, &r.Replacement, &r.Src, &r.Regexp} {
		p.expect(",")
		*s = p.str()
	}
	p.expect(")")
	if _, err := regexp.Compile(r.Regexp); err != nil {
		p.failWhole(pos, "invalid regex in label_replace: %s", err)
	}
	return r
}

func (p *parser) variants() Expr {
	v := &Variants{node: node{p.next().pos}}
	p.expect("(")
	for {
		v.Metrics = append(v.Metrics, p.metricExpr())
		if !p.accept(",") {
			break
		}
	}
	p.expect(")", ",")
	p.expect("of")
	p.expect("(")
	v.Of = p.logRange()
	p.expect(")")
	return v
}
