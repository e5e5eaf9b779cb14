package plan

import (
	"slices"
	"strings"

	"github.com/prometheus/prometheus/model/labels"

	"github.com/skaldlogs/skald/pkg/extract"
	"github.com/skaldlogs/skald/pkg/logql/pipeline"
	"github.com/skaldlogs/skald/pkg/logql/syntax"
	"github.com/skaldlogs/skald/pkg/scan"
)

// A Push is what a scan may answer of the stages behind line filters, from fields: a
// parser, and the filters before and behind it.
//
// It is about labels of rows that their streams have not got.
type Push struct {
	Parser scan.Parser
	Parts  []extract.PatternPart
	Expr   string
	// Extractions, Strict and KeepEmpty are those of the parser.
	Extractions       []scan.Extraction
	Strict, KeepEmpty bool
	Fields            []scan.Field
	Where             *scan.Predicate
	// Whole says that the rows that pass Where, and are not unsure, pass all stages
	// but line filters, have no error, and have no other labels than those of their
	// stream, of their metadata and of the parser.
	Whole bool
	// Filters says the same of no more than passing: stages may change their labels
	// and lines.
	Filters bool
	// Dropped are labels that rows do not have any more behind the stages.
	Dropped []string

	and     []scan.Predicate
	stopped bool
}

// PushFields returns what of stages a scan may answer. Stages are those that are left
// of a pipeline without the line filters that the scan answers.
func PushFields(stages []syntax.Stage) *Push {
	p := &Push{Whole: true, Filters: true}
	for _, s := range stages {
		p.stage(s)
	}
	switch len(p.and) {
	case 0:
	case 1:
		p.Where = &p.and[0]
	default:
		p.Where = &scan.Predicate{Op: scan.And, Subs: p.and}
	}
	return p
}

// stop ends what is pushed: labels are not those of a row and its parser any more.
func (p *Push) stop() { p.stopped, p.Whole = true, false }

func (p *Push) stage(s syntax.Stage) {
	switch s := s.(type) {
	case syntax.LabelFilter:
		if !p.stopped {
			known := len(p.Fields)
			if c, ok := p.predicate(s); ok {
				p.and = append(p.and, c)
				return
			}
			p.Fields = p.Fields[:known]
		}
		p.stop()
		p.Filters = false
	case *syntax.LineFilter:
		p.Whole, p.Filters = false, false
	case *syntax.JSONParser:
		if p.parser(scan.JSON, distinct(s.Fields)) {
			p.extractions(s.Fields)
		}
	case *syntax.LogfmtParser:
		if p.parser(scan.Logfmt, distinct(s.Fields)) {
			p.extractions(s.Fields)
			p.Strict, p.KeepEmpty = s.Strict, s.KeepEmpty
		}
	case *syntax.PatternParser:
		parts, err := syntax.ParsePattern(s.Pattern)
		if p.parser(scan.Pattern, err == nil) {
			p.Parts = pipeline.PatternParts(parts)
		}
	case *syntax.RegexpParser:
		if p.parser(scan.Regexp, true) {
			p.Expr = s.Regexp
		}
	case *syntax.Drop:
		for _, c := range s.Labels {
			if c.Matcher != nil && c.Name != pipeline.ErrorLabel && c.Name != pipeline.ErrorDetailsLabel {
				p.stop()
				return
			}
			p.Dropped = append(p.Dropped, c.Name)
		}
	default:
		p.stop()
	}
}

// parser notes the parser, if it is the first and one that a scan knows.
func (p *Push) parser(parser scan.Parser, known bool) bool {
	if p.stopped || !known || p.Parser != scan.NoParser || len(p.Dropped) > 0 {
		p.stop()
		return false
	}
	p.Parser = parser
	return true
}

// distinct reports whether the labels of a list are.
func distinct(fields []syntax.Extraction) bool {
	for i, f := range fields {
		if slices.ContainsFunc(fields[:i], func(e syntax.Extraction) bool { return e.Label == f.Label }) {
			return false
		}
	}
	return true
}

func (p *Push) extractions(fields []syntax.Extraction) {
	for _, f := range fields {
		p.Extractions = append(p.Extractions, scan.Extraction{Label: f.Label, Path: f.Path})
	}
}

// Field returns the number of a field behind the parser; ok is false for a name that
// a scan cannot tell.
func (p *Push) Field(name string) (n int, ok bool) {
	if strings.HasSuffix(name, "_extracted") || slices.Contains(p.Dropped, name) ||
		name == pipeline.ErrorDetailsLabel || name == pipeline.PreserveErrorLabel {
		return 0, false
	}
	f := scan.Field{Name: name, Metadata: p.Parser == scan.NoParser}
	if n = slices.Index(p.Fields, f); n < 0 {
		n = len(p.Fields)
		p.Fields = append(p.Fields, f)
	}
	return n, true
}

var fieldCompares = map[syntax.Operator]scan.Compare{
	syntax.Eq: scan.Equal, syntax.Ne: scan.NotEqual,
	syntax.Gt: scan.Greater, syntax.Ge: scan.GreaterOrEqual,
	syntax.Lt: scan.Less, syntax.Le: scan.LessOrEqual,
}

// predicate is f in the words of a scan, if it has a form there.
func (p *Push) predicate(f syntax.LabelFilter) (scan.Predicate, bool) {
	switch f := f.(type) {
	case *syntax.StringFilter:
		n, ok := p.Field(f.Matcher.Name)
		return scan.Predicate{Op: scan.Text, Field: n, Matcher: f.Matcher}, ok
	case *syntax.NumberFilter:
		return p.comparison(scan.Number, f.Label, f.Op, f.Value)
	case *syntax.DurationFilter:
		return p.comparison(scan.Duration, f.Label, f.Op, f.Value.Seconds())
	case *syntax.BytesFilter:
		return p.comparison(scan.Bytes, f.Label, f.Op, pipeline.WrittenBytes(f.Value))
	case *syntax.IPFilter:
		by := labels.MatchEqual
		if f.Op == syntax.Ne {
			by = labels.MatchNotEqual
		}
		n, ok := p.Field(f.Label)
		m := &labels.Matcher{Type: by, Name: f.Label, Value: f.Text}
		return scan.Predicate{Op: scan.Address, Field: n, Matcher: m}, ok && f.Label != scan.ErrorField
	case *syntax.AndFilter:
		return p.join(scan.And, f.Filters)
	case *syntax.OrFilter:
		return p.join(scan.Or, f.Filters)
	}
	return scan.Predicate{}, false
}

func (p *Push) comparison(op scan.PredicateOp, label string, by syntax.Operator, value float64) (scan.Predicate, bool) {
	compare, known := fieldCompares[by]
	n, ok := p.Field(label)
	return scan.Predicate{Op: op, Field: n, Compare: compare, Value: value}, known && ok && label != scan.ErrorField
}

func (p *Push) join(op scan.PredicateOp, filters []syntax.LabelFilter) (scan.Predicate, bool) {
	out := scan.Predicate{Op: op}
	for _, f := range filters {
		sub, ok := p.predicate(f)
		if !ok {
			return scan.Predicate{}, false
		}
		out.Subs = append(out.Subs, sub)
	}
	return out, true
}
