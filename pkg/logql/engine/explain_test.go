package engine_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/prometheus/model/labels"

	"github.com/skaldlogs/skald/pkg/explain"
	"github.com/skaldlogs/skald/pkg/logql/engine"
	"github.com/skaldlogs/skald/pkg/logql/logqltest"
	"github.com/skaldlogs/skald/pkg/logql/syntax"
	"github.com/skaldlogs/skald/pkg/model"
	"github.com/skaldlogs/skald/pkg/scan"
)

// An unread source has blocks that cannot be read.
type unread struct{ scan.Source }

type unreadSnapshot struct{ scan.Snapshot }

func (u unread) Open(ctx context.Context, req *scan.Request) (scan.Snapshot, error) {
	s, err := u.Source.Open(ctx, req)
	return unreadSnapshot{s}, err
}

func (unreadSnapshot) Read(context.Context, int, scan.Want) (*scan.Batch, error) {
	return nil, errors.New("a block was read")
}

// TestExplainChangesNothing: a plan reads no block, and an analysis comes beside
// the answer that the query has anyway.
func TestExplainChangesNothing(t *testing.T) {
	var entries []model.Entry
	for i := range 300 {
		entries = append(entries, model.Entry{Timestamp: int64(i) * 1e9, Line: fmt.Sprintf("level=%s took=%dms n=%d", []string{"info", "error"}[i%2], i, i%7)})
	}
	source := logqltest.NewSource([]logqltest.Stream{{Labels: labels.FromStrings("app", "a"), Entries: entries}}, logqltest.Plain())
	e := engine.New(engine.Options{})
	for _, tc := range []struct{ query, want string }{
		{`{app="a"} |= "info"`, `storage filters lines: |= "info"`},
		{`{app="a"} | logfmt | took > 200ms and n != 3 | line_format "{{.n}}"`, "storage answers fields: (took > 200ms and n != 3)"},
		{`sum by (level) (rate({app="a"} | logfmt | n=~"1|2" [1m]))`, `storage answers fields: n=~"1|2" by level`},
		{`max_over_time({app="a"} | logfmt | unwrap duration(took) [1m]) by (app)`, "values of took"},
		{`count_over_time({app="a"}[1m]) / count_over_time({app="a"} != "x" [1m])`, `storage filters lines: != "x"`},
		{`count_over_time({app="a"} |~ "i.f" [1m]) + count_over_time({app="a"} |~ "i.f" [1m])`, `|~ "i.f"`},
	} {
		expr, err := syntax.Parse(tc.query)
		if err != nil {
			t.Fatal(err)
		}
		p := engine.Params{Start: 0, End: 300e9, Step: 30 * time.Second, Limit: 50, Direction: engine.Backward}
		plain, err := e.Exec(t.Context(), source, "t", expr, p, engine.Limits{})
		if err != nil {
			t.Fatal(err)
		}
		analysis, plan := explain.New(false), explain.New(true)
		explained, err := e.Exec(explain.With(t.Context(), analysis), source, "t", expr, p, engine.Limits{})
		if err != nil || fmt.Sprint(explained.Data) != fmt.Sprint(plain.Data) {
			t.Errorf("%s: %v, %v; want %v", tc.query, explained, err, plain.Data)
		}
		if _, err := e.Exec(explain.With(t.Context(), plan), unread{source}, "t", expr, p, engine.Limits{}); err != nil {
			t.Errorf("plan of %s: %v", tc.query, err)
		}
		var text string
		for _, trace := range []*explain.Trace{analysis, plan} {
			text = trace.Query().Text()
			if !strings.Contains(text, tc.want) {
				t.Errorf("%s is explained as\n%s\nwant %q in it", tc.query, text, tc.want)
			}
		}
		reads := int64(0)
		for _, s := range analysis.Query().Scans {
			for _, r := range s.Reads {
				reads += r.Blocks
			}
		}
		if reads != plain.Stats.BlocksRead {
			t.Errorf("%s: %d blocks are told of, %d were read:\n%s", tc.query, reads, plain.Stats.BlocksRead, text)
		}
	}
}
