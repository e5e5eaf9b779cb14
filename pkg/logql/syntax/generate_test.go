package syntax_test

import (
	"time"

	"github.com/prometheus/prometheus/model/labels"
	"pgregory.net/rapid"

	"github.com/skaldlogs/skald/pkg/logql/syntax"
)

// The generators below make every kind of node, in the normal form that Parse
// returns.

var (
	genName   = rapid.SampledFrom([]string{"app", "env", "a", "_x9", "rate", "sum", "ip", "vector", "duration", "über", "__error__", "Count"})
	genString = rapid.OneOf(
		rapid.SampledFrom([]string{"", "x", "a\"b\\c", "line\nbreak", "`tick`", "日本", "\xff\x00", "# no comment", "[5m]", "|= {", "$1"}),
		rapid.StringN(0, 12, -1),
	)
	genRegexp   = rapid.SampledFrom([]string{"", "a|b", ".*", "x+", `\d{3}`, "(?i)e"})
	genAddress  = rapid.SampledFrom([]string{"10.0.0.0/8", "::1", "10.0.0.1-10.0.0.9", "nonsense"})
	genCompare  = rapid.SampledFrom([]syntax.Operator{syntax.Eq, syntax.Ne, syntax.Lt, syntax.Le, syntax.Gt, syntax.Ge})
	genNumber   = rapid.OneOf(rapid.SampledFrom([]float64{0, 1, -1, 0.5, 1e3, 1e21, 1e-9, 500}), rapid.Float64Range(-1e300, 1e300))
	genUnsigned = rapid.OneOf(rapid.SampledFrom([]float64{0, 0.99, 1, 2, 1e-7}), rapid.Float64Range(0, 1e300))
	genDuration = rapid.OneOf(
		rapid.SampledFrom([]time.Duration{0, time.Second, 90 * time.Minute, 250 * time.Microsecond, 24 * time.Hour, 1}),
		rapid.Map(rapid.Int64Range(-1<<62, 1<<62), func(i int64) time.Duration { return time.Duration(i) }),
	)
	genNames = rapid.SliceOfN(genName, 0, 3)
)

func genMatcher(t *rapid.T) *labels.Matcher {
	typ := rapid.SampledFrom([]labels.MatchType{labels.MatchEqual, labels.MatchNotEqual, labels.MatchRegexp, labels.MatchNotRegexp}).Draw(t, "match type")
	value := genRegexp
	if typ == labels.MatchEqual || typ == labels.MatchNotEqual {
		value = genString
	}
	return labels.MustNewMatcher(typ, genName.Draw(t, "name"), value.Draw(t, "value"))
}

func genSelector(t *rapid.T, depth int) *syntax.LogSelector {
	s := &syntax.LogSelector{Matchers: []*labels.Matcher{labels.MustNewMatcher(labels.MatchEqual, "app", "web")}}
	for range rapid.IntRange(0, 2).Draw(t, "matchers") {
		s.Matchers = append(s.Matchers, genMatcher(t))
	}
	for range rapid.IntRange(0, 4).Draw(t, "stages") {
		stage := genStage(t, depth)
		// `| drop x != "y"` is a drop with a matcher, so no query has a line filter
		// that excludes right behind a drop or keep.
		if f, ok := stage.(*syntax.LineFilter); ok && f.Op.Excludes() && len(s.Stages) > 0 {
			s.Stages = append(s.Stages, &syntax.Decolorize{})
		}
		s.Stages = append(s.Stages, stage)
	}
	return s
}

func genStage(t *rapid.T, depth int) syntax.Stage {
	switch rapid.IntRange(0, 12).Draw(t, "stage") {
	case 0:
		return &syntax.JSONParser{Fields: genFields(t)}
	case 1:
		return &syntax.LogfmtParser{Strict: rapid.Bool().Draw(t, "strict"), KeepEmpty: rapid.Bool().Draw(t, "keep"), Fields: genFields(t)}
	case 2:
		return &syntax.RegexpParser{Regexp: "(?P<a>x) " + genRegexp.Draw(t, "regexp")}
	case 3:
		return &syntax.PatternParser{Pattern: "<_> <a> " + genString.Draw(t, "pattern")}
	case 4:
		return &syntax.UnpackParser{}
	case 5:
		return &syntax.LineFormat{Template: genString.Draw(t, "template")}
	case 6:
		f := &syntax.LabelFormat{}
		for range rapid.IntRange(1, 3).Draw(t, "items") {
			item := syntax.LabelFormatItem{Label: genName.Draw(t, "label"), Template: rapid.Bool().Draw(t, "is template")}
			item.Source = genName.Draw(t, "source")
			if item.Template {
				item.Source = genString.Draw(t, "template")
			}
			f.Items = append(f.Items, item)
		}
		return f
	case 7:
		return &syntax.Decolorize{}
	case 8:
		return &syntax.Drop{Labels: genChoices(t)}
	case 9:
		return &syntax.Keep{Labels: genChoices(t)}
	case 10:
		return genLineFilter(t)
	default:
		return genFilter(t, depth)
	}
}

func genFields(t *rapid.T) []syntax.Extraction {
	var fields []syntax.Extraction
	for range rapid.IntRange(0, 2).Draw(t, "fields") {
		fields = append(fields, syntax.Extraction{Label: genName.Draw(t, "label"), Path: genString.Draw(t, "path")})
	}
	return fields
}

func genChoices(t *rapid.T) []syntax.LabelChoice {
	var choices []syntax.LabelChoice
	for range rapid.IntRange(1, 3).Draw(t, "choices") {
		m := genMatcher(t)
		c := syntax.LabelChoice{Name: m.Name, Matcher: m}
		if rapid.Bool().Draw(t, "always") {
			c.Matcher = nil
		}
		choices = append(choices, c)
	}
	return choices
}

func genLineFilter(t *rapid.T) syntax.Stage {
	f := &syntax.LineFilter{Op: rapid.SampledFrom([]syntax.LineFilterOp{
		syntax.LineContains, syntax.LineExcludes, syntax.LineMatches, syntax.LineRejects, syntax.LinePattern, syntax.LineNotPattern,
	}).Draw(t, "op")}
	n := 1
	if !f.Op.Excludes() {
		n = rapid.IntRange(1, 3).Draw(t, "alternatives")
	}
	for range n {
		a := syntax.LineFilterArg{Text: genString.Draw(t, "text"), IP: rapid.Bool().Draw(t, "ip")}
		f.Args = append(f.Args, a)
	}
	return f
}

func genFilter(t *rapid.T, depth int) syntax.LabelFilter {
	kinds := 6
	if depth <= 0 {
		kinds = 4
	}
	label := genName.Draw(t, "label")
	switch rapid.IntRange(0, kinds).Draw(t, "filter") {
	case 0:
		return &syntax.StringFilter{Matcher: genMatcher(t)}
	case 1:
		return &syntax.NumberFilter{Label: label, Op: genCompare.Draw(t, "op"), Value: genNumber.Draw(t, "number")}
	case 2:
		return &syntax.DurationFilter{Label: label, Op: genCompare.Draw(t, "op"), Value: genDuration.Draw(t, "duration")}
	case 3:
		return &syntax.BytesFilter{Label: label, Op: genCompare.Draw(t, "op"), Value: 1536, Text: "1.5KiB"}
	case 4:
		op := rapid.SampledFrom([]syntax.Operator{syntax.Eq, syntax.Ne}).Draw(t, "op")
		return &syntax.IPFilter{Label: label, Op: op, Text: genAddress.Draw(t, "address")}
	case 5:
		and := &syntax.AndFilter{}
		for len(and.Filters) < 2 {
			if f := genFilter(t, depth-1); !isAnd(f) {
				and.Filters = append(and.Filters, f)
			}
		}
		return and
	default:
		or := &syntax.OrFilter{}
		for len(or.Filters) < 2 {
			if f := genFilter(t, depth-1); !isOr(f) {
				or.Filters = append(or.Filters, f)
			}
		}
		return or
	}
}

func isAnd(f syntax.LabelFilter) bool { _, ok := f.(*syntax.AndFilter); return ok }

func isOr(f syntax.LabelFilter) bool { _, ok := f.(*syntax.OrFilter); return ok }

func genRange(t *rapid.T, depth int, unwrap bool) *syntax.LogRange {
	r := &syntax.LogRange{
		Selector: genSelector(t, depth),
		Range:    time.Duration(rapid.Int64Range(0, 1e9).Draw(t, "range ms")) * time.Millisecond,
		Offset:   genDuration.Draw(t, "offset"),
	}
	if unwrap {
		r.Unwrap = &syntax.Unwrap{Label: genName.Draw(t, "label"), Conversion: rapid.SampledFrom([]syntax.Conversion{
			syntax.ConvertNumber, syntax.ConvertDuration, syntax.ConvertDurationSeconds, syntax.ConvertBytes,
		}).Draw(t, "conversion")}
		for range rapid.IntRange(0, 2).Draw(t, "filters") {
			r.Unwrap.Filters = append(r.Unwrap.Filters, genFilter(t, depth))
		}
	}
	return r
}

func genGrouping(t *rapid.T) *syntax.Grouping {
	return &syntax.Grouping{Without: rapid.Bool().Draw(t, "without"), Labels: genNames.Draw(t, "labels")}
}

func genMetric(t *rapid.T, depth int) syntax.MetricExpr {
	kinds := 5
	if depth <= 0 {
		kinds = 2
	}
	switch rapid.IntRange(0, kinds).Draw(t, "metric") {
	case 0:
		return &syntax.Vector{Value: genUnsigned.Draw(t, "number")}
	case 1:
		op := rapid.SampledFrom([]syntax.RangeOp{syntax.Rate, syntax.CountOverTime, syntax.BytesRate, syntax.AbsentOverTime}).Draw(t, "op")
		return &syntax.RangeAggregation{Op: op, Range: genRange(t, depth, false)}
	case 2:
		a := &syntax.RangeAggregation{Op: rapid.SampledFrom([]syntax.RangeOp{
			syntax.AvgOverTime, syntax.MaxOverTime, syntax.QuantileOverTime, syntax.LastOverTime,
		}).Draw(t, "op"), Range: genRange(t, depth, true)}
		if a.Op == syntax.QuantileOverTime {
			a.Param = genUnsigned.Draw(t, "param")
		}
		if rapid.Bool().Draw(t, "grouped") {
			a.Grouping = genGrouping(t)
		}
		return a
	case 3:
		a := &syntax.VectorAggregation{
			Op:   rapid.SampledFrom([]syntax.VectorOp{syntax.Sum, syntax.TopK, syntax.SortDesc}).Draw(t, "op"),
			Expr: genMetric(t, depth-1),
		}
		if a.Op == syntax.TopK {
			a.Param = rapid.IntRange(1, 100).Draw(t, "k")
		}
		if g := genGrouping(t); a.Op != syntax.SortDesc && (g.Without || len(g.Labels) > 0) {
			a.Grouping = g
		}
		return a
	case 4:
		return &syntax.LabelReplace{
			Expr: genMetric(t, depth-1), Dst: genString.Draw(t, "dst"), Replacement: genString.Draw(t, "replacement"),
			Src: genString.Draw(t, "src"), Regexp: genRegexp.Draw(t, "regexp"),
		}
	default:
		return genBinary(t, depth)
	}
}

func genBinary(t *rapid.T, depth int) syntax.MetricExpr {
	b := &syntax.BinaryOp{Op: rapid.SampledFrom([]syntax.Operator{
		syntax.Or, syntax.And, syntax.Unless, syntax.Eq, syntax.Gt, syntax.Add, syntax.Sub, syntax.Mul, syntax.Pow,
	}).Draw(t, "op")}
	b.Left, b.Right = genMetric(t, depth-1), genMetric(t, depth-1)
	if !b.Op.IsSet() && rapid.Bool().Draw(t, "literal") {
		l := &syntax.Literal{Value: genNumber.Draw(t, "number")}
		if rapid.Bool().Draw(t, "left") {
			b.Left = l
		} else {
			b.Right = l
		}
	}
	b.Bool = b.Op.IsComparison() && rapid.Bool().Draw(t, "bool")
	if rapid.Bool().Draw(t, "matching") {
		b.Matching = &syntax.Matching{On: rapid.Bool().Draw(t, "on"), Labels: genNames.Draw(t, "labels")}
		if !b.Op.IsSet() {
			b.Matching.Group = rapid.SampledFrom([]syntax.Group{syntax.OneToOne, syntax.GroupLeft, syntax.GroupRight}).Draw(t, "group")
			if b.Matching.Group != syntax.OneToOne {
				if include := genNames.Draw(t, "include"); len(include) > 0 {
					b.Matching.Include = include
				}
			}
		}
	}
	return b
}

func genExpr(t *rapid.T) syntax.Expr {
	switch rapid.IntRange(0, 5).Draw(t, "expr") {
	case 0, 1:
		return genSelector(t, 3)
	case 2:
		v := &syntax.Variants{Of: genRange(t, 2, false)}
		for range rapid.IntRange(1, 3).Draw(t, "metrics") {
			v.Metrics = append(v.Metrics, genMetric(t, 2))
		}
		return v
	default:
		return genMetric(t, 4)
	}
}
