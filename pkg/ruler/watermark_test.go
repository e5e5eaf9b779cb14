package ruler

import (
	"context"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/go-kit/log"
	"github.com/prometheus/prometheus/promql"

	"github.com/skaldlogs/skald/pkg/logql/engine"
	"github.com/skaldlogs/skald/pkg/logql/syntax"
)

// An arriving querier has a later entry of each selector from a time on.
type arriving struct {
	from  map[string]time.Time
	asked []string
}

func (a *arriving) Query(_ context.Context, _ []string, expr syntax.Expr, p engine.Params) (*engine.Result, error) {
	text := expr.String()
	a.asked = append(a.asked, text)
	if !strings.HasPrefix(text, "{") {
		return &engine.Result{Data: promql.Vector{}}, nil
	}
	from, ok := a.from[text]
	if !ok || time.Now().Before(from) {
		return &engine.Result{Data: engine.Streams{}}, nil
	}
	return &engine.Result{Data: engine.Streams{{Entries: []engine.Entry{{Timestamp: p.Start}}}}}, nil
}

func TestAwaitData(t *testing.T) {
	const expr = `sum(rate({a="b"} |= "x" [1m])) / sum(rate({c="d"}[1m]))`
	for _, tc := range []struct {
		name     string
		expr     string
		ab, cd   time.Duration // when later entries come; 0 is never
		late     time.Duration // the evaluation begins after its time
		min, max time.Duration // it waits
	}{
		{"everything is there", expr, 1, 1, time.Second, 0, 0},
		{"one comes later", expr, 1, 5 * time.Second, 0, 5 * time.Second, 10 * time.Second},
		{"one never comes", expr, 1, 0, 0, 30 * time.Second, 30 * time.Second},
		{"nothing comes, and half the time is over", expr, 0, 0, 15 * time.Second, 15 * time.Second, 15 * time.Second},
		{"the time is over", expr, 0, 0, 40 * time.Second, 0, 0},
		{"nothing is read", "vector(1)", 0, 0, 0, 0, 0},
	} {
		synctest.Test(t, func(t *testing.T) {
			at := time.Now()
			a := &arriving{from: map[string]time.Time{}}
			for text, after := range map[string]time.Duration{`{a="b"}`: tc.ab, `{c="d"}`: tc.cd} {
				if after > 0 {
					a.from[text] = at.Add(after)
				}
			}
			e := &evaluator{tenant: "t", querier: a, queries: func(error) {}, logger: log.NewNopLogger(), wait: 30 * time.Second, now: time.Now}
			time.Sleep(tc.late)
			began := time.Now()
			if _, err := e.query(t.Context(), tc.expr, at); err != nil {
				t.Fatal(err)
			}
			if took := time.Since(began); took < tc.min || took > tc.max {
				t.Errorf("%s: it waits for %s, want %s to %s", tc.name, took, tc.min, tc.max)
			}
			if last := a.asked[len(a.asked)-1]; strings.HasPrefix(last, "{") {
				t.Errorf("%s: the last that is asked is %s, want the rule", tc.name, last)
			}
		})
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	e := &evaluator{tenant: "t", querier: &arriving{}, wait: time.Hour, now: time.Now}
	if err := e.awaitData(ctx, expr, time.Now(), time.Hour); err == nil {
		t.Error("a ruler that stops waits on")
	}
}
