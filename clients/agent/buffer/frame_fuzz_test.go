package buffer

import (
	"testing"

	"github.com/prometheus/prometheus/model/labels"

	"github.com/skaldlogs/skald/clients/agent/entry"
	"github.com/skaldlogs/skald/clients/agent/position"
)

// FuzzFrame reads frames of any bytes: no panic, and marks that cover the frame
// without gaps.
func FuzzFrame(f *testing.F) {
	e := entry.Entry{Labels: entry.NewLabels(labels.FromStrings("a", "b")), Timestamp: -5, Line: "line", Metadata: []labels.Label{{Name: "n", Value: "v"}}}
	f.Add(appendEntry(appendEntry(nil, &e), &e))
	f.Fuzz(func(t *testing.T, p []byte) {
		d := decoder{track: position.NewTrack(position.NewLedger("one"))}
		entries, err := d.frame(p, 100)
		if err != nil {
			return
		}
		at := int64(100)
		for _, e := range entries {
			if e.Mark.Start != at || e.Mark.End <= at {
				t.Fatalf("mark %+v, want one from %d", e.Mark.Range, at)
			}
			at = e.Mark.End
		}
		if at != 100+int64(len(p)) {
			t.Fatalf("marks end at %d of %d", at, 100+len(p))
		}
	})
}
