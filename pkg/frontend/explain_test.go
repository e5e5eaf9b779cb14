package frontend_test

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/skaldlogs/skald/pkg/frontend"
	"github.com/skaldlogs/skald/pkg/logql/engine"
)

// TestExplain: a plan reads nothing and keeps nothing, an analysis does what the
// query does.
func TestExplain(t *testing.T) {
	w := newWorld()
	for i := range 200 {
		w.push(i%3, time.Duration(i)*time.Minute, "x")
	}
	w.flush()
	f := newFrontend(w, frontend.Config{}, frontend.NewMemory(1<<20, 0))
	expr := mustParse(t, `sum(count_over_time({app="a"} |= "x" [5m]))`)
	p := engine.Params{Start: int64(10 * time.Minute), End: int64(190 * time.Minute), Step: time.Minute}
	ask := func(analyze bool) string {
		t.Helper()
		e, err := f.Explain(context.Background(), []string{"t"}, expr, p, analyze)
		if err != nil {
			t.Fatal(err)
		}
		return e.Text()
	}
	for range 2 {
		text := ask(false)
		for _, want := range []string{": 0 answered by what was kept, ", "to read: ", `storage filters lines: |= "x"`} {
			if !strings.Contains(text, want) {
				t.Fatalf("the plan is\n%s\nwant %q in it", text, want)
			}
		}
		if strings.Contains(text, "took") {
			t.Fatalf("a plan that took time:\n%s", text)
		}
	}
	text := ask(true)
	for _, want := range []string{": 0 answered by what was kept, ", "\n  took ", "decided 0 by header"} {
		if !strings.Contains(text, want) {
			t.Errorf("the analysis is\n%s\nwant %q in it", text, want)
		}
	}
	if text := ask(false); strings.Contains(text, ": 0 answered by what was kept") {
		t.Errorf("after an analysis nothing is kept:\n%s", text)
	}
	logs := mustParse(t, `{app="a"}`)
	if _, err := f.Explain(context.Background(), []string{"t"}, logs, engine.Params{Start: 1, End: 1}, false); !errors.Is(err, engine.ErrInstantLogs) {
		t.Errorf("logs at one time: %v, want what the query itself says", err)
	}
}
