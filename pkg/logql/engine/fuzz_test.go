package engine_test

import (
	"math/rand/v2"
	"path/filepath"
	"testing"
	"time"

	"github.com/skaldlogs/skald/pkg/logql/engine"
	"github.com/skaldlogs/skald/pkg/logql/logqltest"
	"github.com/skaldlogs/skald/pkg/logql/syntax"
)

// FuzzExec runs whatever parses. It must not panic, and the answer must be the
// same for two layouts of the same entries.
func FuzzExec(f *testing.F) {
	files, err := filepath.Glob("../logqltest/testdata/*.txt")
	if err != nil || len(files) == 0 {
		f.Fatalf("no scripts: %v", err)
	}
	for _, file := range files {
		s, err := logqltest.ReadScript(file)
		if err != nil {
			f.Fatal(err)
		}
		for _, step := range s.Steps {
			if step.Eval != nil {
				f.Add(step.Eval.Query, uint64(len(file)))
			}
		}
	}
	for seed := range uint64(50) {
		query, _ := generator{rand.New(rand.NewPCG(seed, 7))}.query()
		f.Add(query, seed)
	}
	e := engine.New(engine.Options{MaxMemoryBytes: 16 << 20})
	f.Fuzz(func(t *testing.T, query string, seed uint64) {
		expr, err := syntax.Parse(query)
		if err != nil {
			return
		}
		g := generator{rand.New(rand.NewPCG(seed, 7))}
		streams := g.streams()
		for _, p := range []engine.Params{
			{Start: 0, End: 60e9, Step: 7 * time.Second, Limit: 20, Direction: engine.Direction(seed % 2)},
			{Start: 60e9, End: 60e9},
		} {
			var answers [2][]string
			var errs [2]error
			for i, layout := range []logqltest.Layout{logqltest.Plain(), logqltest.RandomLayout(seed)} {
				res, err := e.Exec(t.Context(), logqltest.NewSource(streams, layout), "t", expr, p, engine.Limits{Variants: true, Timeout: time.Minute})
				if errs[i] = err; err == nil {
					answers[i] = logqltest.Format(res)
				}
			}
			if (errs[0] == nil) != (errs[1] == nil) || asKind(errs[0]) != asKind(errs[1]) && len(asKind(errs[0])) < 10 {
				t.Fatalf("%s: one layout has error %v, the other %v", query, errs[0], errs[1])
			}
			if !logqltest.Same(answers[0], answers[1]) {
				t.Errorf("%s, seed %d: one layout answers\n%q\nthe other\n%q", query, seed, answers[0], answers[1])
			}
		}
	})
}
