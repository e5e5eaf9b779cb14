package distributor

import (
	"cmp"
	"errors"
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/prometheus/prometheus/model/labels"

	"github.com/skaldlogs/skald/pkg/limits"
	"github.com/skaldlogs/skald/pkg/logql/syntax"
	"github.com/skaldlogs/skald/pkg/model"
)

// A policy is a name that a tenant's operator gave to the streams of a selector.
type policy struct {
	name     string
	priority int
	matchers []*labels.Matcher
}

// policiesOf compiles policy_stream_mapping, the highest priority first, equal
// ones by name. Selectors that are none are left out, and told in the error.
func policiesOf(mapping limits.PolicyStreams) ([]policy, error) {
	var out []policy
	var errs []error
	for _, name := range slices.Sorted(maps.Keys(mapping)) {
		for _, s := range mapping[name] {
			m, err := syntax.ParseMatchers(s.Selector)
			if err != nil {
				errs = append(errs, fmt.Errorf("policy_stream_mapping: policy %s: selector %s: %w", name, s.Selector, err))
				continue
			}
			out = append(out, policy{name, s.Priority, m})
		}
	}
	slices.SortStableFunc(out, func(a, b policy) int { return cmp.Compare(b.priority, a.priority) })
	return out, errors.Join(errs...)
}

// policyOf names the policy of a stream; it is empty where none has it.
func (t *tenantRules) policyOf(lbls labels.Labels) string {
	for _, p := range t.policies {
		if !slices.ContainsFunc(p.matchers, func(m *labels.Matcher) bool { return !m.Matches(lbls.Get(m.Name)) }) {
			return p.name
		}
	}
	return ""
}

// A policyCount is what a push holds for a policy, as limits count it.
type policyCount struct{ entries, bytes, metadataBytes int }

// count adds an accepted entry to those of its stream's policy.
func (v *validator) count(s *parsedStream, e *model.Entry) {
	if len(v.rules.policies) == 0 {
		return
	}
	if v.byPolicy == nil {
		v.byPolicy = map[string]policyCount{}
	}
	c := v.byPolicy[s.policy]
	c.entries++
	c.bytes += e.Bytes()
	c.metadataBytes += e.Metadata.Bytes()
	v.byPolicy[s.policy] = c
}

// blocked reports that the operator stopped the writes of a stream's policy, or
// nil.
func (v *validator) blocked(s *parsedStream) *model.Rejection {
	until := time.Time(v.rules.limits.BlockIngestionPolicyUntil[s.policy])
	if s.policy == "" || !until.After(v.now) {
		return nil
	}
	return &model.Rejection{
		Class:  model.Blocked,
		Reason: "blocked_ingestion_policy",
		Text: fmt.Sprintf("ingestion blocked for user %s (policy: '%s') until '%s' with status code '%d' (block_ingestion_policy_until)",
			v.batch.Tenant, s.policy, until.Format(time.RFC3339), v.rules.limits.BlockIngestionStatusCode),
	}
}
