package syntax

import (
	"strings"

	"github.com/skaldlogs/skald/pkg/spell"
)

// pipeline reads stages up to what is none. An unwrap is read where it is
// allowed, and then ends the pipeline but for label filters.
func (p *parser) pipeline(unwrap bool) (stages []Stage, u *Unwrap) {
	for {
		t := p.peek()
		switch {
		case t.isAny("|=", "!=", "|~", "!~", "|>", "!>"):
			stages = append(stages, p.lineFilter()...)
		case t.is("|") && unwrap && p.peekAt(1).is("unwrap"):
			return stages, p.unwrap()
		case t.is("|"):
			p.next()
			stages = append(stages, p.stage())
		default:
			return stages, nil
		}
	}
}

// lineFilter reads an operator and its alternatives. Where the operator
// excludes, none of them may be found: that is a filter for each.
func (p *parser) lineFilter() []Stage {
	t := p.next()
	op := LineFilterOp(t.text)
	args := []LineFilterArg{p.lineFilterArg()}
	for p.accept("or") {
		args = append(args, p.lineFilterArg())
	}
	if !op.Excludes() {
		return []Stage{&LineFilter{node: node{t.pos}, Op: op, Args: args}}
	}
	stages := make([]Stage, len(args))
	for i := range args {
		stages[i] = &LineFilter{node: node{t.pos}, Op: op, Args: args[i : i+1 : i+1]}
	}
	return stages
}

func (p *parser) lineFilterArg() LineFilterArg {
	if p.atIP() {
		return LineFilterArg{Text: p.ip(), IP: true}
	}
	return LineFilterArg{Text: p.str("ip")}
}

// atIP reports whether ip(…) comes next.
func (p *parser) atIP() bool {
	t := p.peek()
	return t.kind == tokIdent && strings.EqualFold(t.text, "ip") && p.peekAt(1).is("(")
}

func (p *parser) ip() string {
	p.next()
	p.expect("(")
	s := p.str()
	p.expect(")")
	return s
}

// stage reads what stands behind a pipe.
func (p *parser) stage() Stage {
	t := p.peek()
	n := node{t.pos}
	if t.kind != tokWord {
		return p.labelFilterStage()
	}
	switch t.text {
	case "json":
		p.next()
		return &JSONParser{n, p.extractions()}
	case "logfmt":
		p.next()
		return p.logfmt(n)
	case "regexp":
		p.next()
		s := &RegexpParser{n, p.str()}
		p.checkRegexpParser(s)
		return s
	case "pattern":
		p.next()
		s := &PatternParser{n, p.str()}
		p.checkPatternParser(s)
		return s
	case "unpack":
		p.next()
		return &UnpackParser{n}
	case "line_format":
		p.next()
		return &LineFormat{n, p.str()}
	case "label_format":
		p.next()
		return &LabelFormat{n, p.labelFormatItems()}
	case "decolorize":
		p.next()
		return &Decolorize{n}
	case "drop":
		p.next()
		return &Drop{n, p.labelChoices()}
	case "keep":
		p.next()
		return &Keep{n, p.labelChoices()}
	}
	p.unexpected()
	return nil
}

// labelFilterStage reads a label filter, and takes a word that does not compare
// anything for the misspelt name of a stage.
func (p *parser) labelFilterStage() Stage {
	t := p.peek()
	if t.kind == tokIdent {
		if after := p.peekAt(1); !after.isAny("=", "==", "!=", "=~", "!~", ">", ">=", "<", "<=") {
			p.fail(t, "unknown stage %q%s", t.text, spell.Perhaps(t.text, stageWords))
		}
	} else if !t.is("(") {
		p.unexpected("IDENTIFIER", "(", "a stage such as json")
	}
	return p.labelFilter()
}

func (p *parser) logfmt(n node) Stage {
	s := &LogfmtParser{node: n}
	for p.peek().kind == tokFlag {
		switch t := p.next(); t.text {
		case "--strict":
			s.Strict = true
		case "--keep-empty":
			s.KeepEmpty = true
		default:
			p.fail(t, "unknown flag %q%s", t.text, spell.Perhaps(t.text, []string{"--strict", "--keep-empty"}))
		}
	}
	s.Fields = p.extractions()
	return s
}

// extractions reads label="path" pairs; a name alone is its own path.
func (p *parser) extractions() []Extraction {
	if p.peek().kind != tokIdent {
		return nil
	}
	var list []Extraction
	for {
		e := Extraction{Label: p.ident().text}
		e.Path = e.Label
		if p.accept("=") {
			e.Path = p.str()
		}
		list = append(list, e)
		if !p.accept(",") {
			return list
		}
	}
}

func (p *parser) labelFormatItems() []LabelFormatItem {
	var items []LabelFormatItem
	for {
		item := LabelFormatItem{Label: p.ident().text}
		p.expect("=")
		switch t := p.peek(); t.kind {
		case tokIdent:
			item.Source = t.text
		case tokString:
			item.Source, item.Template = t.text, true
		default:
			p.unexpected("IDENTIFIER", "STRING")
		}
		p.next()
		items = append(items, item)
		if !p.accept(",") {
			return items
		}
	}
}

func (p *parser) labelChoices() []LabelChoice {
	var choices []LabelChoice
	for {
		name := p.ident()
		c := LabelChoice{Name: name.text}
		if p.peek().isAny("=", "!=", "=~", "!~") {
			c.Matcher = p.matcher(name)
		}
		choices = append(choices, c)
		if !p.accept(",") {
			return choices
		}
	}
}

// unwrap reads | unwrap x and the label filters behind it.
func (p *parser) unwrap() *Unwrap {
	p.expect("|")
	u := &Unwrap{node: node{p.expect("unwrap").pos}}
	name := p.ident("(")
	if p.peek().is("(") {
		u.Conversion = Conversion(strings.ToLower(name.text))
		switch u.Conversion {
		case ConvertDuration, ConvertDurationSeconds, ConvertBytes:
		default:
			p.fail(name, "unknown conversion %q%s", name.text, spell.Perhaps(name.text, []string{"duration", "duration_seconds", "bytes"}))
		}
		p.next()
		name = p.ident()
		p.expect(")")
	}
	u.Label = name.text
	for p.peek().is("|") {
		p.next()
		if t := p.peek(); t.kind != tokIdent && !t.is("(") {
			p.unexpected("IDENTIFIER", "(")
		}
		u.Filters = append(u.Filters, p.labelFilterStage().(LabelFilter))
	}
	return u
}
