package syntax

import "strings"

// prettyWidth is how long a line of [Pretty] may be before it is broken.
const prettyWidth = 100

// Pretty is the canonical text of a query for people: in one line where it
// fits, otherwise with operands and stages on lines of their own.
func Pretty(e Expr) string {
	var p prettyPrinter
	p.expr(e, 0, "")
	return p.String()
}

type prettyPrinter struct{ strings.Builder }

// line writes s at a level of indentation, on a line of its own.
func (p *prettyPrinter) line(level int, s string) {
	if p.Len() > 0 {
		p.WriteByte('\n')
	}
	p.WriteString(strings.Repeat("  ", level) + s)
}

// fits writes s in one line if it is short enough. Text that reaches far in is
// never broken further: there would be nothing left of the line.
func (p *prettyPrinter) fits(level int, s string) bool {
	if 2*level+len(s) > prettyWidth && level < prettyWidth/4 {
		return false
	}
	p.line(level, s)
	return true
}

// expr writes e and, right behind it, after.
func (p *prettyPrinter) expr(e Expr, level int, after string) {
	if p.fits(level, e.String()+after) {
		return
	}
	switch e := e.(type) {
	case *LogSelector:
		p.selector(e, level, after)
	case *RangeAggregation:
		p.line(level, text(func(t *printer) {
			t.WriteString(string(e.Op) + "(")
			t.rangeParam(e)
		}))
		p.logRange(e.Range, level+1)
		end := ")"
		if e.Grouping != nil {
			end += " " + e.Grouping.String()
		}
		p.line(level, end+after)
	case *VectorAggregation:
		p.line(level, text(func(t *printer) { t.vectorHead(e) }))
		p.expr(e.Expr, level+1, "")
		p.line(level, ")"+after)
	case *BinaryOp:
		p.line(level, "(")
		p.expr(e.Left, level+1, "")
		p.line(level, text(func(t *printer) { t.operator(e) }))
		p.expr(e.Right, level+1, "")
		p.line(level, ")"+after)
	case *LabelReplace:
		p.line(level, "label_replace(")
		p.expr(e.Expr, level+1, ",")
		p.line(level+1, text(func(t *printer) { t.labelReplaceArgs(e) }))
		p.line(level, ")"+after)
	case *Variants:
		p.line(level, "variants(")
		for i, m := range e.Metrics {
			comma := ","
			if i == len(e.Metrics)-1 {
				comma = ""
			}
			p.expr(m, level+1, comma)
		}
		p.line(level, ") of (")
		p.logRange(e.Of, level+1)
		p.line(level, ")"+after)
	default:
		p.line(level, e.String()+after)
	}
}

// selector writes each stage on a line of its own.
func (p *prettyPrinter) selector(s *LogSelector, level int, after string) {
	lines := []string{text(func(t *printer) { t.matchers(s.Matchers) })}
	for _, stage := range s.Stages {
		lines = append(lines, stage.String())
	}
	p.lines(lines, level, after)
}

// lines writes the first line, and the others one level further in.
func (p *prettyPrinter) lines(lines []string, level int, after string) {
	lines[len(lines)-1] += after
	for i, l := range lines {
		p.line(level+min(i, 1), l)
	}
}

func (p *prettyPrinter) logRange(r *LogRange, level int) {
	if p.fits(level, r.String()) {
		return
	}
	lines := []string{text(func(t *printer) { t.matchers(r.Selector.Matchers) })}
	for _, stage := range r.Selector.Stages {
		lines = append(lines, stage.String())
	}
	if r.Unwrap != nil {
		lines = append(lines, text(func(t *printer) { t.unwrapHead(r.Unwrap) }))
		for _, f := range r.Unwrap.Filters {
			lines = append(lines, f.String())
		}
	}
	p.lines(lines, level, " "+text(func(t *printer) { t.window(r) }))
}
