package agent

import (
	"bytes"
	"testing"
	"time"

	"github.com/prometheus/prometheus/model/labels"

	"github.com/skaldlogs/skald/clients/agent/stage"
)

// TestInspector shows what stages change, in colours for a terminal.
func TestInspector(t *testing.T) {
	before := stage.Snapshot{
		Labels:    labels.FromStrings("app", "a", "gone", "g", "kept", "k"),
		Extracted: map[string]string{"x": "1"}, Timestamp: time.Unix(0, 0).UTC(), Line: "in",
	}
	after := stage.Snapshot{
		Labels: labels.FromStrings("app", "b", "kept", "k"), Metadata: []labels.Label{{Name: "trace", Value: "t"}},
		Extracted: map[string]string{"x": "1", "y": "2"}, Timestamp: time.Unix(1, 0).UTC(), Line: "out",
	}
	for _, tc := range []struct {
		name   string
		colour bool
		what   stage.Observation
		want   string
	}{
		{
			"everything changes", false,
			stage.Observation{Stage: "s", Before: before, After: after},
			"[inspect: s stage]:\n-labels app: a\n+labels app: b\n-labels gone: g\n+metadata trace: t\n+extracted y: 2\n" +
				"-timestamp: 1970-01-01 00:00:00 +0000 UTC\n+timestamp: 1970-01-01 00:00:01 +0000 UTC\n-line: in\n+line: out\n",
		},
		{"nothing does", true, stage.Observation{Stage: "s", Before: before, After: before}, "[inspect: s stage]:\nnone\n"},
		{
			"the line is dropped", false,
			stage.Observation{Stage: "drop", Before: before, Gone: true},
			"[inspect: drop stage]:\n-line: in (dropped, or held back to be joined)\n",
		},
		{
			"in colours", true,
			stage.Observation{Stage: "s", Before: stage.Snapshot{Line: "in"}, After: stage.Snapshot{Line: "out"}},
			"[inspect: s stage]:\n\x1b[31m-line: in\x1b[0m\n\x1b[32m+line: out\x1b[0m\n",
		},
	} {
		var b bytes.Buffer
		i := newInspector(&b)
		if i.colour {
			t.Error("what is no terminal gets colours")
		}
		i.colour = tc.colour
		if i.observe(tc.what); b.String() != tc.want {
			t.Errorf("%s:\n%q, want\n%q", tc.name, b.String(), tc.want)
		}
	}
}
