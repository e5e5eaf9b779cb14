package rulefile

import "github.com/prometheus/prometheus/rules"

// Independent tells a rule manager that no rule reads what another one records:
// log queries cannot. The manager's own way to find out walks PromQL, which these
// expressions are not.
type Independent struct{}

// AnalyseRules implements [rules.RuleDependencyController].
func (Independent) AnalyseRules(all []rules.Rule) {
	for _, r := range all {
		r.SetDependentRules([]rules.Rule{})
		r.SetDependencyRules([]rules.Rule{})
	}
}
