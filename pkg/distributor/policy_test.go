package distributor

import (
	"strings"
	"testing"
	"time"

	"github.com/grafana/dskit/flagext"
	"github.com/prometheus/client_golang/prometheus/testutil"

	"github.com/skaldlogs/skald/pkg/limits"
	"github.com/skaldlogs/skald/pkg/model"
)

// TestPolicies: streams of a policy have its rules, those of the highest priority
// first, and are counted under its name.
func TestPolicies(t *testing.T) {
	d := newDistributor(t, newIngesters(1, 1), func(l *limits.Limits) {
		l.PolicyStreamMapping = limits.PolicyStreams{
			"finance": {{Selector: `{app=~"pay.*"}`, Priority: 1}},
			"closed":  {{Selector: `{app="payroll"}`, Priority: 2}},
			"bad":     {{Selector: `{app=`}},
		}
		l.PolicyEnforcedLabels = limits.PolicyLabels{"finance": {"owner"}}
		l.BlockIngestionPolicyUntil = limits.PolicyTimes{"closed": flagext.Time(now.Add(time.Hour))}
	})
	for _, tc := range []struct {
		labels, reason string
		class          model.Class
	}{
		{`{app="web"}`, "", 0},
		{`{app="pay", owner="o"}`, "", 0},
		{`{app="pay"}`, "missing_enforced_labels", model.Invalid},
		{`{app="payroll"}`, "blocked_ingestion_policy", model.Blocked},
	} {
		r, _, err := pushTo(d, model.Stream{Labels: tc.labels, Entries: entries("abc")})
		if err != nil {
			t.Fatal(err)
		}
		switch {
		case tc.reason == "" && len(r.Rejections) > 0:
			t.Errorf("%s: %v, want it taken", tc.labels, r.Rejections)
		case tc.reason != "" && (len(r.Rejections) != 1 || r.Rejections[0].Reason != tc.reason || r.Rejections[0].Class != tc.class):
			t.Errorf("%s: %v, want %s", tc.labels, r.Rejections, tc.reason)
		}
	}
	want := `
		# HELP distributor_lines_received_total Lines received, per tenant.
		# TYPE distributor_lines_received_total counter
		distributor_lines_received_total{format="",is_internal_stream="false",policy="",tenant="t"} 1
		distributor_lines_received_total{format="",is_internal_stream="false",policy="finance",tenant="t"} 1
	`
	if err := testutil.CollectAndCompare(d.metrics.lines, strings.NewReader(want)); err != nil {
		t.Error(err)
	}
}
