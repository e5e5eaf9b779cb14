package syntax

import (
	"strconv"

	"github.com/grafana/regexp"
	"github.com/prometheus/common/model"
)

// check looks at a whole query for what its parts could not know.
func (p *parser) check(e Expr) error {
	return p.run(func() {
		walk(e, 1, func(n Node, depth int) bool {
			if depth > maxDepth {
				p.failWhole(n.Pos(), "query is more than %d levels deep", maxDepth)
			}
			if s, ok := n.(*LogSelector); ok {
				p.checkMatchers(s)
			}
			return true
		})
	})
}

// checkMatchers wants one matcher that refuses the empty string: without one a
// query would read every stream of the tenant.
func (p *parser) checkMatchers(s *LogSelector) {
	for _, m := range s.Matchers {
		if !m.Matches("") {
			return
		}
	}
	end := s.pos + 1
	for _, t := range p.tokens {
		if t.pos > s.pos && t.is("}") {
			end = t.end
			break
		}
	}
	panic(wholeError(p.query, s.pos, end, "queries require at least one regexp or equality matcher that does not have an empty-compatible value. "+
		`For instance, app=~".*" does not meet this requirement, but app=~".+" will`))
}

func (p *parser) checkRangeAggregation(a *RangeAggregation, param *token) {
	needs := rangeOps[a.Op]
	if param != nil && !needs.param {
		p.failWhole(a.pos, "parameter %s not supported for operation %s", param.text, a.Op)
	}
	if param == nil && needs.param {
		p.failWhole(a.pos, "parameter required for operation %s", a.Op)
	}
	if a.Grouping != nil && !needs.grouping {
		p.failWhole(a.pos, "grouping not allowed for %s aggregation", a.Op)
	}
	if a.Range.Unwrap != nil && needs.unwrap == forbidden {
		p.failWhole(a.pos, "invalid aggregation %s with unwrap", a.Op)
	}
	if a.Range.Unwrap == nil && needs.unwrap == required {
		p.failWhole(a.pos, "invalid aggregation %s without unwrap", a.Op)
	}
}

// checkVectorAggregation also sets the parameter, which is param as written.
func (p *parser) checkVectorAggregation(a *VectorAggregation, param string) {
	needs := vectorOps[a.Op]
	switch {
	case needs.param && param == "":
		p.failWhole(a.pos, "parameter required for operation %s", a.Op)
	case !needs.param && param != "":
		p.failWhole(a.pos, "unsupported parameter for operation %s(%s,", a.Op, param)
	case needs.param:
		k, err := strconv.ParseInt(param, 10, 32)
		if err != nil {
			p.failWhole(a.pos, "invalid parameter %s(%s,", a.Op, param)
		}
		if k < 1 {
			p.failWhole(a.pos, "invalid parameter (must be greater than 0) %s(%s", a.Op, param)
		}
		a.Param = int(k)
	}
	if a.Grouping != nil && !needs.grouping {
		if a.Op == Sort || a.Op == SortDesc {
			p.failWhole(a.pos, "sort and sort_desc doesn't allow grouping by")
		}
		p.failWhole(a.pos, "grouping not allowed for %s aggregation", a.Op)
	}
	if l, ok := a.Expr.(*Literal); ok {
		p.failWhole(a.pos, "%s works on a vector, found the number %s", a.Op, formatNumber(l.Value))
	}
}

func (p *parser) checkRegexpParser(s *RegexpParser) {
	re, err := regexp.Compile(s.Regexp)
	if err != nil {
		p.failWhole(s.pos, "invalid regexp parser: %s", err)
	}
	seen := map[string]bool{}
	for _, name := range re.SubexpNames() {
		if name == "" {
			continue
		}
		if seen[name] {
			p.failWhole(s.pos, "invalid regexp parser: duplicate extracted label name '%s'", name)
		}
		if !model.LegacyValidation.IsValidLabelName(name) {
			p.failWhole(s.pos, "invalid regexp parser: invalid extracted label name '%s'", name)
		}
		seen[name] = true
	}
	if len(seen) == 0 {
		p.failWhole(s.pos, "invalid regexp parser: at least one named capture must be supplied")
	}
}

func (p *parser) checkPatternParser(s *PatternParser) {
	if _, err := ParsePattern(s.Pattern); err != nil {
		p.failWhole(s.pos, "invalid pattern parser: %s", err)
	}
}
