package querier

import (
	"context"
	"errors"
	"fmt"
	"testing"

	"github.com/prometheus/prometheus/model/labels"

	"github.com/skaldlogs/skald/pkg/logql/engine"
	"github.com/skaldlogs/skald/pkg/scan"
)

var errGone = errors.New("gone")

// A dying ingester opens snapshots and then is not there any more.
type dying struct {
	*part
	opened int
}

func (d *dying) Open(ctx context.Context, req *scan.Request) (scan.Snapshot, error) {
	if d.opened++; d.opened > 1 {
		return nil, fmt.Errorf("open: %w", errGone)
	}
	s, err := d.part.Open(ctx, req)
	return dyingSnapshot{s}, err
}

type dyingSnapshot struct{ scan.Snapshot }

func (dyingSnapshot) Read(context.Context, int, scan.Want) (*scan.Batch, error) {
	return nil, fmt.Errorf("read: %w", errGone)
}

// TestIngestersThatGoAway: a query whose ingester dies between opening and
// reading is answered by the others, and fails where these have not all.
func TestIngestersThatGoAway(t *testing.T) {
	for _, tc := range []struct {
		name      string
		maxErrors int
		answered  bool
	}{{"others have its streams", 1, true}, {"nobody else has", 0, false}} {
		f := newFixture(2)
		f.maxErrors = tc.maxErrors
		app := labels.FromStrings("app", "a")
		for _, in := range f.ingesters {
			in.rows["t"] = []row{{labels: app, ts: 500e9, line: "line"}}
		}
		bad := &dying{part: f.ingesters[0]}
		f.replaced = map[int]Source{0: bad}
		q := f.querier()
		q.gone = errGone
		d := demand(t, `{app="a"}`)
		d.Params.Start = 0
		res, err := q.Query(t.Context(), []string{"t"}, d.Expr, d.Params)
		if tc.answered {
			if err != nil || len(res.Data.(engine.Streams)) != 1 || bad.opened != 2 {
				t.Errorf("%s: %v, %v after %d looks at it; want an answer after two", tc.name, res, err, bad.opened)
			}
		} else if !errors.Is(err, errGone) {
			t.Errorf("%s: %v, %v; want the error", tc.name, res, err)
		}
	}
}
