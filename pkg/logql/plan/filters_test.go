package plan_test

import (
	"math/rand/v2"
	"regexp"
	"strings"
	"testing"

	"github.com/prometheus/prometheus/model/labels"

	"github.com/skaldlogs/skald/pkg/logql/pipeline"
	"github.com/skaldlogs/skald/pkg/logql/plan"
	"github.com/skaldlogs/skald/pkg/logql/syntax"
	"github.com/skaldlogs/skald/pkg/scan"
	"github.com/skaldlogs/skald/pkg/seeds"
)

// What is pushed to storage finds the lines that the stage does.
func TestPushedFiltersFindTheSame(t *testing.T) {
	pieces := []string{"a", "b", "ab", "<_>", "<_>", " ", ".", "\n", "é", "\xc3", "\ufffd", "(", "日", "<x", ">"}
	for seed := range seeds.Few(t, 3000) {
		r := rand.New(rand.NewPCG(seed, 1))
		text := func(n int) string {
			var b strings.Builder
			for range r.IntN(n) {
				b.WriteString(pieces[r.IntN(len(pieces))])
			}
			return b.String()
		}
		op := []syntax.LineFilterOp{syntax.LinePattern, syntax.LineNotPattern, syntax.LineContains, syntax.LineExcludes}[r.IntN(4)]
		f := &syntax.LineFilter{Op: op}
		for range 1 + r.IntN(2) {
			f.Args = append(f.Args, syntax.LineFilterArg{Text: text(6)})
		}
		pushed, rest := plan.PushFilters([]syntax.Stage{f})
		p, err := pipeline.Compile([]syntax.Stage{f}, pipeline.Options{})
		if err != nil || len(rest) > 0 {
			continue
		}
		stages := p.ForStream(labels.EmptyLabels())
		for range 20 {
			line := strings.ReplaceAll(text(9), "<_>", pieces[r.IntN(len(pieces))])
			_, _, want := stages.Process(0, line, nil)
			if got := passes(pushed[0], line); got != want {
				t.Fatalf("seed %d: %s on %q: %v, as %v %q: %v", seed, f, line, want, pushed[0].Op, pushed[0].Text, got)
			}
		}
	}
}

func passes(f scan.LineFilter, line string) bool {
	switch f.Op {
	case scan.Contains:
		return strings.Contains(line, f.Text)
	case scan.Excludes:
		return !strings.Contains(line, f.Text)
	}
	return regexp.MustCompile(f.Text).MatchString(line) == (f.Op == scan.Matches)
}
