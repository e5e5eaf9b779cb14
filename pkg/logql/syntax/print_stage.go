package syntax

import "strconv"

// stage prints a stage with the pipe or the operator that it begins with.
func (p *printer) stage(s Stage) {
	switch s := s.(type) {
	case *LineFilter:
		p.WriteString(string(s.Op) + " ")
		p.list(len(s.Args), " or ", func(i int) {
			if a := s.Args[i]; a.IP {
				p.ip(a.Text)
			} else {
				p.quote(a.Text)
			}
		})
	case *JSONParser:
		p.WriteString("| json")
		p.extractions(s.Fields)
	case *LogfmtParser:
		p.WriteString("| logfmt")
		if s.Strict {
			p.WriteString(" --strict")
		}
		if s.KeepEmpty {
			p.WriteString(" --keep-empty")
		}
		p.extractions(s.Fields)
	case *RegexpParser:
		p.WriteString("| regexp ")
		p.quote(s.Regexp)
	case *PatternParser:
		p.WriteString("| pattern ")
		p.quote(s.Pattern)
	case *UnpackParser:
		p.WriteString("| unpack")
	case *LineFormat:
		p.WriteString("| line_format ")
		p.quote(s.Template)
	case *LabelFormat:
		p.WriteString("| label_format ")
		p.list(len(s.Items), ",", func(i int) {
			p.WriteString(s.Items[i].Label + "=")
			if s.Items[i].Template {
				p.quote(s.Items[i].Source)
			} else {
				p.WriteString(s.Items[i].Source)
			}
		})
	case *Decolorize:
		p.WriteString("| decolorize")
	case *Drop:
		p.WriteString("| drop ")
		p.choices(s.Labels)
	case *Keep:
		p.WriteString("| keep ")
		p.choices(s.Labels)
	case LabelFilter:
		p.WriteString("| ")
		p.filter(s)
	}
}

func (p *printer) ip(s string) {
	p.WriteString("ip(")
	p.quote(s)
	p.WriteByte(')')
}

func (p *printer) extractions(list []Extraction) {
	if len(list) > 0 {
		p.WriteByte(' ')
	}
	p.list(len(list), ",", func(i int) {
		p.WriteString(list[i].Label + "=")
		p.quote(list[i].Path)
	})
}

func (p *printer) choices(list []LabelChoice) {
	p.list(len(list), ",", func(i int) {
		if list[i].Matcher != nil {
			p.matcher(list[i].Matcher)
		} else {
			p.WriteString(list[i].Name)
		}
	})
}

func (p *printer) filter(f LabelFilter) {
	switch f := f.(type) {
	case *StringFilter:
		p.matcher(f.Matcher)
	case *NumberFilter:
		p.WriteString(f.Label + string(f.Op) + formatNumber(f.Value))
	case *DurationFilter:
		p.WriteString(f.Label + string(f.Op) + f.Value.String())
	case *BytesFilter:
		p.WriteString(f.Label + string(f.Op))
		if f.Text != "" {
			p.WriteString(f.Text)
		} else {
			p.WriteString(strconv.FormatUint(f.Value, 10) + "B")
		}
	case *IPFilter:
		p.WriteString(f.Label)
		if f.Op == Ne {
			p.WriteByte('!')
		}
		p.WriteByte('=')
		p.ip(f.Text)
	case *AndFilter:
		p.list(len(f.Filters), " and ", func(i int) {
			if _, loose := f.Filters[i].(*OrFilter); loose {
				p.WriteByte('(')
				p.filter(f.Filters[i])
				p.WriteByte(')')
			} else {
				p.filter(f.Filters[i])
			}
		})
	case *OrFilter:
		p.list(len(f.Filters), " or ", func(i int) { p.filter(f.Filters[i]) })
	}
}

func stageText(s Stage) string { return text(func(p *printer) { p.stage(s) }) }

// String is the canonical text of the stage.
func (s *LineFilter) String() string { return stageText(s) }

// String is the canonical text of the stage.
func (s *JSONParser) String() string { return stageText(s) }

// String is the canonical text of the stage.
func (s *LogfmtParser) String() string { return stageText(s) }

// String is the canonical text of the stage.
func (s *RegexpParser) String() string { return stageText(s) }

// String is the canonical text of the stage.
func (s *PatternParser) String() string { return stageText(s) }

// String is the canonical text of the stage.
func (s *UnpackParser) String() string { return stageText(s) }

// String is the canonical text of the stage.
func (s *LineFormat) String() string { return stageText(s) }

// String is the canonical text of the stage.
func (s *LabelFormat) String() string { return stageText(s) }

// String is the canonical text of the stage.
func (s *Decolorize) String() string { return stageText(s) }

// String is the canonical text of the stage.
func (s *Drop) String() string { return stageText(s) }

// String is the canonical text of the stage.
func (s *Keep) String() string { return stageText(s) }

// String is the canonical text of the stage.
func (f *StringFilter) String() string { return stageText(f) }

// String is the canonical text of the stage.
func (f *NumberFilter) String() string { return stageText(f) }

// String is the canonical text of the stage.
func (f *DurationFilter) String() string { return stageText(f) }

// String is the canonical text of the stage.
func (f *BytesFilter) String() string { return stageText(f) }

// String is the canonical text of the stage.
func (f *IPFilter) String() string { return stageText(f) }

// String is the canonical text of the stage.
func (f *AndFilter) String() string { return stageText(f) }

// String is the canonical text of the stage.
func (f *OrFilter) String() string { return stageText(f) }
