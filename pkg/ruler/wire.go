package ruler

import (
	"strings"
	"time"

	"github.com/prometheus/prometheus/model/labels"

	"github.com/skaldlogs/skald/pkg/logproto"
)

// valid is text as protobuf can carry it.
func valid(s string) string { return strings.ToValidUTF8(s, "\uFFFD") }

func encodeTime(t time.Time) int64 {
	if t.IsZero() {
		return 0
	}
	return t.UnixNano()
}

func decodeTime(ns int64) time.Time {
	if ns == 0 {
		return time.Time{}
	}
	return time.Unix(0, ns).UTC()
}

func encodeLabels(ls labels.Labels) []*logproto.LabelPair {
	var out []*logproto.LabelPair
	ls.Range(func(l labels.Label) {
		out = append(out, &logproto.LabelPair{Name: valid(l.Name), Value: valid(l.Value)})
	})
	return out
}

func decodeLabels(pairs []*logproto.LabelPair) labels.Labels {
	b := labels.NewScratchBuilder(len(pairs))
	for _, p := range pairs {
		b.Add(p.GetName(), p.GetValue())
	}
	b.Sort()
	return b.Labels()
}

func encodeGroups(groups []Group) *logproto.RuleGroupsResponse {
	out := &logproto.RuleGroupsResponse{}
	for _, g := range groups {
		p := &logproto.RuleGroupState{
			Namespace: valid(g.Namespace), Name: valid(g.Name), Interval: int64(g.Interval), Limit: int64(g.Limit),
			LastEvaluation: encodeTime(g.LastEvaluation), EvaluationTime: int64(g.EvaluationTime),
		}
		for _, r := range g.Rules {
			rule := &logproto.RuleState{
				Alerting: r.Alerting, Name: valid(r.Name), Expr: valid(r.Expr), Labels: encodeLabels(r.Labels),
				Health: r.Health, LastError: valid(r.LastError), LastEvaluation: encodeTime(r.LastEvaluation),
				EvaluationTime: int64(r.EvaluationTime), State: r.State, Hold: int64(r.Hold),
				KeepFiringFor: int64(r.KeepFiringFor), Annotations: encodeLabels(r.Annotations),
			}
			for _, a := range r.Alerts {
				rule.Alerts = append(rule.Alerts, &logproto.AlertState{
					Labels: encodeLabels(a.Labels), Annotations: encodeLabels(a.Annotations), State: a.State,
					ActiveAt: encodeTime(a.ActiveAt), KeepFiringSince: encodeTime(a.KeepFiringSince), Value: a.Value,
				})
			}
			p.Rules = append(p.Rules, rule)
		}
		out.Groups = append(out.Groups, p)
	}
	return out
}

func decodeGroups(m *logproto.RuleGroupsResponse) []Group {
	var out []Group
	for _, p := range m.GetGroups() {
		g := Group{
			Namespace: p.GetNamespace(), Name: p.GetName(), Interval: time.Duration(p.GetInterval()), Limit: int(p.GetLimit()),
			LastEvaluation: decodeTime(p.GetLastEvaluation()), EvaluationTime: time.Duration(p.GetEvaluationTime()),
		}
		for _, r := range p.GetRules() {
			rule := Rule{
				Alerting: r.GetAlerting(), Name: r.GetName(), Expr: r.GetExpr(), Labels: decodeLabels(r.GetLabels()),
				Health: r.GetHealth(), LastError: r.GetLastError(), LastEvaluation: decodeTime(r.GetLastEvaluation()),
				EvaluationTime: time.Duration(r.GetEvaluationTime()), State: r.GetState(), Hold: time.Duration(r.GetHold()),
				KeepFiringFor: time.Duration(r.GetKeepFiringFor()), Annotations: decodeLabels(r.GetAnnotations()),
			}
			for _, a := range r.GetAlerts() {
				rule.Alerts = append(rule.Alerts, Alert{
					Labels: decodeLabels(a.GetLabels()), Annotations: decodeLabels(a.GetAnnotations()), State: a.GetState(),
					ActiveAt: decodeTime(a.GetActiveAt()), KeepFiringSince: decodeTime(a.GetKeepFiringSince()), Value: a.GetValue(),
				})
			}
			g.Rules = append(g.Rules, rule)
		}
		out = append(out, g)
	}
	return out
}
