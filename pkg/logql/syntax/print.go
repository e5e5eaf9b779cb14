package syntax

import (
	"strconv"
	"strings"

	"github.com/prometheus/common/model"
	"github.com/prometheus/prometheus/model/labels"
)

// A printer builds the canonical text of a tree, in one line.
type printer struct{ strings.Builder }

// text is what fn prints.
func text(fn func(p *printer)) string {
	var p printer
	fn(&p)
	return p.String()
}

// list prints n items with sep between them.
func (p *printer) list(n int, sep string, item func(i int)) {
	for i := range n {
		if i > 0 {
			p.WriteString(sep)
		}
		item(i)
	}
}

func (p *printer) quote(s string) { p.WriteString(strconv.Quote(s)) }

// names prints (a,b).
func (p *printer) names(names []string) { p.WriteString("(" + strings.Join(names, ",") + ")") }

func (p *printer) matcher(m *labels.Matcher) {
	p.WriteString(m.Name + m.Type.String())
	p.quote(m.Value)
}

func (p *printer) expr(e Expr) {
	switch e := e.(type) {
	case *LogSelector:
		p.matchers(e.Matchers)
		for _, s := range e.Stages {
			p.WriteByte(' ')
			p.stage(s)
		}
	case *RangeAggregation:
		p.WriteString(string(e.Op) + "(")
		p.rangeParam(e)
		p.logRange(e.Range)
		p.WriteByte(')')
		if e.Grouping != nil {
			p.WriteByte(' ')
			p.grouping(e.Grouping)
		}
	case *VectorAggregation:
		p.vectorHead(e)
		p.expr(e.Expr)
		p.WriteByte(')')
	case *BinaryOp:
		// Every operation has parentheses: nobody has to know what binds tighter.
		p.WriteByte('(')
		p.expr(e.Left)
		p.WriteByte(' ')
		p.operator(e)
		p.WriteByte(' ')
		p.expr(e.Right)
		p.WriteByte(')')
	case *LabelReplace:
		p.WriteString("label_replace(")
		p.expr(e.Expr)
		p.WriteByte(',')
		p.labelReplaceArgs(e)
		p.WriteByte(')')
	case *Literal:
		p.WriteString(formatNumber(e.Value))
	case *Vector:
		p.WriteString("vector(" + formatVector(e.Value) + ")")
	case *Variants:
		p.WriteString("variants(")
		p.list(len(e.Metrics), ", ", func(i int) { p.expr(e.Metrics[i]) })
		p.WriteString(") of (")
		p.logRange(e.Of)
		p.WriteByte(')')
	}
}

// formatVector writes the number of vector(n) with six decimals, as Loki does,
// where they are enough.
func formatVector(v float64) string {
	s := strconv.FormatFloat(v, 'f', 6, 64)
	if back, err := strconv.ParseFloat(s, 64); err != nil || back != v {
		return formatNumber(v)
	}
	return s
}

func (p *printer) matchers(ms []*labels.Matcher) {
	p.WriteByte('{')
	p.list(len(ms), ", ", func(i int) { p.matcher(ms[i]) })
	p.WriteByte('}')
}

func (p *printer) logRange(r *LogRange) {
	p.expr(r.Selector)
	if r.Unwrap != nil {
		p.WriteByte(' ')
		p.unwrap(r.Unwrap)
	}
	if len(r.Selector.Stages) > 0 || r.Unwrap != nil {
		p.WriteByte(' ')
	}
	p.window(r)
}

// window prints the range and the offset.
func (p *printer) window(r *LogRange) {
	p.WriteString("[" + model.Duration(r.Range).String() + "]")
	if r.Offset != 0 {
		p.WriteString(" offset " + r.Offset.String())
	}
}

func (p *printer) unwrap(u *Unwrap) {
	p.unwrapHead(u)
	for _, f := range u.Filters {
		p.WriteByte(' ')
		p.stage(f)
	}
}

// unwrapHead prints the unwrap without the filters behind it.
func (p *printer) unwrapHead(u *Unwrap) {
	p.WriteString("| unwrap ")
	if u.Conversion == ConvertNumber {
		p.WriteString(u.Label)
	} else {
		p.WriteString(string(u.Conversion) + "(" + u.Label + ")")
	}
}

// rangeParam prints the parameter and its comma.
func (p *printer) rangeParam(a *RangeAggregation) {
	if rangeOps[a.Op].param {
		p.WriteString(formatNumber(a.Param) + ",")
	}
}

// vectorHead prints all of an aggregation that comes before its operand.
func (p *printer) vectorHead(a *VectorAggregation) {
	p.WriteString(string(a.Op))
	if a.Grouping != nil {
		p.WriteByte(' ')
		p.grouping(a.Grouping)
	}
	p.WriteByte('(')
	if vectorOps[a.Op].param {
		p.WriteString(strconv.Itoa(a.Param) + ",")
	}
}

func (p *printer) grouping(g *Grouping) {
	if g.Without {
		p.WriteString("without ")
	} else {
		p.WriteString("by ")
	}
	p.names(g.Labels)
}

// operator prints all that stands between the operands.
func (p *printer) operator(b *BinaryOp) {
	p.WriteString(string(b.Op))
	if b.Bool {
		p.WriteString(" bool")
	}
	m := b.Matching
	if m == nil {
		return
	}
	if m.On {
		p.WriteString(" on ")
	} else {
		p.WriteString(" ignoring ")
	}
	p.names(m.Labels)
	if m.Group != OneToOne {
		// The parentheses stand even when empty: the right operand may begin with one.
		p.WriteString(" " + string(m.Group) + " ")
		p.names(m.Include)
	}
}

func (p *printer) labelReplaceArgs(r *LabelReplace) {
	args := []string{r.Dst, r.Replacement, r.Src, r.Regexp}
	p.list(len(args), ",", func(i int) { p.quote(args[i]) })
}

func exprText(e Expr) string { return text(func(p *printer) { p.expr(e) }) }

// String is the canonical text of the query.
func (e *LogSelector) String() string { return exprText(e) }

// String is the canonical text of the range, as it stands in an aggregation.
func (r *LogRange) String() string { return text(func(p *printer) { p.logRange(r) }) }

// String is the canonical text of the unwrap, from its pipe on.
func (u *Unwrap) String() string { return text(func(p *printer) { p.unwrap(u) }) }

// String is the canonical text of the grouping.
func (g *Grouping) String() string { return text(func(p *printer) { p.grouping(g) }) }

// String is the canonical text of the query.
func (e *RangeAggregation) String() string { return exprText(e) }

// String is the canonical text of the query.
func (e *VectorAggregation) String() string { return exprText(e) }

// String is the canonical text of the query.
func (e *BinaryOp) String() string { return exprText(e) }

// String is the canonical text of the query.
func (e *LabelReplace) String() string { return exprText(e) }

// String is the canonical text of the query.
func (e *Literal) String() string { return exprText(e) }

// String is the canonical text of the query.
func (e *Vector) String() string { return exprText(e) }

// String is the canonical text of the query.
func (e *Variants) String() string { return exprText(e) }
