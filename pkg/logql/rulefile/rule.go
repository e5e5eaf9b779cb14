package rulefile

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/prometheus/common/model"
	"github.com/prometheus/prometheus/model/rulefmt"
	"github.com/prometheus/prometheus/model/timestamp"
	"github.com/prometheus/prometheus/promql"
	"github.com/prometheus/prometheus/template"
)

// A Rule is an alerting or a recording rule.
type Rule = rulefmt.Rule

// A Group is rules that are evaluated one after the other, at one interval.
type Group = rulefmt.RuleGroup

// errNoName is in the words that clients of the ruler's API know.
var errNoName error = apiError("Groupname must not be empty")

// An apiError is a text that clients compare.
type apiError string

func (e apiError) Error() string { return string(e) }

// A RuleError says what is wrong with one rule of a group.
type RuleError struct {
	Group string
	Index int    // of the rule in its group, from 0
	Field string // of the rule in a file: expr, record, labels, …
	Err   error
}

// Error is what a ruler's API answers with.
func (e *RuleError) Error() string { return e.Err.Error() }

// Unwrap returns the reason.
func (e *RuleError) Unwrap() error { return e.Err }

// MinInterval is how often a group may be evaluated at most: rulers are shared by
// tenants.
const MinInterval = time.Second

// Validate tells everything that is wrong with a group, nil if nothing is.
// What concerns a rule is a [*RuleError].
func Validate(g Group) []error {
	var errs []error
	if g.Name == "" {
		errs = append(errs, errNoName)
	}
	if i := time.Duration(g.Interval); i != 0 && i < MinInterval {
		errs = append(errs, fmt.Errorf("group %q: the interval %s is less than %s", g.Name, i, MinInterval))
	}
	for _, name := range slices.Sorted(maps.Keys(g.Labels)) {
		if err := checkLabel(name, g.Labels[name]); err != nil {
			errs = append(errs, fmt.Errorf("group %q: %w", g.Name, err))
		}
	}
	for i, r := range g.Rules {
		add := func(field string, err error) {
			errs = append(errs, &RuleError{Group: g.Name, Index: i, Field: field, Err: err})
		}
		validateName(r, add)
		validateExpr(g, r, add)
		for _, name := range slices.Sorted(maps.Keys(r.Labels)) {
			if err := checkLabel(name, r.Labels[name]); err != nil {
				add("labels", err)
			} else if err := checkTemplate(r, r.Labels[name]); err != nil {
				add("labels", fmt.Errorf("label %q: %w", name, err))
			}
		}
		for _, name := range slices.Sorted(maps.Keys(r.Annotations)) {
			if !model.LegacyValidation.IsValidLabelName(name) {
				add("annotations", fmt.Errorf("invalid annotation name: %s", name))
			} else if err := checkTemplate(r, r.Annotations[name]); err != nil {
				add("annotations", fmt.Errorf("annotation %q: %w", name, err))
			}
		}
	}
	return errs
}

// validateName checks which kind of rule r is, and the fields of that kind.
func validateName(r Rule, add func(string, error)) {
	switch {
	case r.Record != "" && r.Alert != "":
		add("record", errors.New("only one of 'record' and 'alert' must be set"))
		return
	case r.Record == "" && r.Alert == "":
		add("", errors.New("one of 'record' or 'alert' must be set"))
		return
	case r.Alert != "":
		return
	}
	if !model.LegacyValidation.IsValidMetricName(r.Record) {
		add("record", fmt.Errorf("invalid recording rule name: %s", r.Record))
	}
	for _, f := range []struct {
		name string
		set  bool
	}{{"for", r.For != 0}, {"keep_firing_for", r.KeepFiringFor != 0}, {"annotations", len(r.Annotations) > 0}} {
		if f.set {
			add(f.name, fmt.Errorf("invalid field '%s' in recording rule", f.name))
		}
	}
}

// validateExpr checks that r has an expression that gives samples.
func validateExpr(g Group, r Rule, add func(string, error)) {
	if r.Expr == "" {
		add("expr", errors.New("field 'expr' must be set in rule"))
		return
	}
	if _, err := ParseExpr(r.Expr); err != nil {
		kind, name := "alert", r.Alert
		if r.Alert == "" {
			kind, name = "record", r.Record
		}
		add("expr", fmt.Errorf("could not parse expression for %s '%s' in group '%s': %w", kind, name, g.Name, err))
	}
}

func checkLabel(name, value string) error {
	if !model.LegacyValidation.IsValidLabelName(name) || name == model.MetricNameLabel {
		return fmt.Errorf("invalid label name: %s", name)
	}
	if !model.LabelValue(value).IsValid() {
		return fmt.Errorf("invalid label value: %q", value)
	}
	return nil
}

// prelude declares the variables that templates of alerts may use.
const prelude = "{{$labels := .Labels}}{{$externalLabels := .ExternalLabels}}{{$externalURL := .ExternalURL}}{{$value := .Value}}"

// checkTemplate reports whether text is a template, where r is an alert; a
// recording rule takes it as it is.
func checkTemplate(r Rule, text string) error {
	if r.Alert == "" || !strings.Contains(text, "{{") {
		return nil
	}
	data := template.AlertTemplateData(nil, nil, "", promql.Sample{})
	now := model.Time(timestamp.FromTime(time.Unix(0, 0)))
	return template.NewTemplateExpander(context.Background(), prelude+text, "__alert_"+r.Alert, data, now, nil, nil, nil).ParseTest()
}
