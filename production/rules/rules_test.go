// Package rules_test runs the unit tests of the rule pack, as
// `skaldtool rules test` does.
package rules_test

import (
	"bytes"
	"path/filepath"
	"testing"

	"github.com/skaldlogs/skald/clients/rules"
)

func TestRulePack(t *testing.T) {
	tests, err := filepath.Glob("*_test.yaml")
	if err != nil || len(tests) != 3 {
		t.Fatalf("tests of three levels, have %q, %v", tests, err)
	}
	run := func(args ...string) {
		t.Helper()
		var out bytes.Buffer
		if code := rules.Run(t.Context(), args, &out, &out); code != 0 {
			t.Errorf("%q ends with %d:\n%s", args, code, &out)
		}
	}
	run(append([]string{"test"}, tests...)...)
	run("check", "record.yaml", "notice.yaml", "alert.yaml")
}
