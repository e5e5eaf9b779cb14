package engine_test

import (
	"fmt"
	"path/filepath"
	"testing"

	"github.com/skaldlogs/skald/pkg/logql/engine"
	"github.com/skaldlogs/skald/pkg/logql/logqltest"
	"github.com/skaldlogs/skald/pkg/seeds"
)

// TestScripts runs every script over the plainest layout of its entries and over
// random ones: an answer does not depend on where entries lie.
func TestScripts(t *testing.T) {
	files, err := filepath.Glob("../logqltest/testdata/*.txt")
	if err != nil || len(files) == 0 {
		t.Fatalf("no scripts: %v", err)
	}
	e := engine.New(engine.Options{Concurrency: 4})
	for _, file := range files {
		script, err := logqltest.ReadScript(file)
		if err != nil {
			t.Fatal(err)
		}
		t.Run(filepath.Base(file), func(t *testing.T) {
			logqltest.Run(t, script, &logqltest.EngineTarget{Engine: e, Layout: logqltest.Plain()})
			if t.Failed() {
				return
			}
			for seed := range seeds.Few(t, 40) {
				t.Run(fmt.Sprintf("layout %d", seed), func(t *testing.T) {
					logqltest.Run(t, script, &logqltest.EngineTarget{Engine: e, Layout: logqltest.RandomLayout(seed)})
				})
			}
		})
	}
}
