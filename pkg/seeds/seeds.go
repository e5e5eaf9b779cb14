// Package seeds says which random histories a test runs. Only tests import it.
//
// They are the same ones each time, so that what passes on one machine passes on
// the next. The environment variable [Variable] asks for others:
//
//	SKALD_SEEDS=5000    the seeds 0 to 4999
//	SKALD_SEEDS=20x     twenty times as many as the test runs by itself
//	SKALD_SEEDS=700-799 these, which are not among the first
//	SKALD_SEEDS=42-42   one, such as the one that failed
package seeds

import (
	"fmt"
	"iter"
	"os"
	"strconv"
	"strings"
	"testing"
)

// Variable is the environment variable that says which seeds to run.
const Variable = "SKALD_SEEDS"

// Few are the seeds 0 to few-1, or those that [Variable] asks for. A test that
// fails says which one it was at.
func Few(t testing.TB, few int) iter.Seq[uint64] {
	t.Helper()
	first, last, err := parse(os.Getenv(Variable), few)
	if err != nil {
		t.Fatalf("%s: %v", Variable, err)
	}
	return func(yield func(uint64) bool) {
		at := first
		t.Cleanup(func() {
			if t.Failed() {
				t.Logf("the last seed was %d: %s=%d-%d runs it alone", at, Variable, at, at)
			}
		})
		for ; ; at++ {
			if !yield(at) || at >= last {
				return
			}
		}
	}
}

// parse returns the first and the last seed.
func parse(text string, few int) (first, last uint64, err error) {
	n := uint64(few)
	if from, to, ok := strings.Cut(text, "-"); ok {
		if first, err = strconv.ParseUint(from, 10, 64); err != nil {
			return 0, 0, err
		}
		if last, err = strconv.ParseUint(to, 10, 64); err != nil {
			return 0, 0, err
		}
		if last < first {
			return 0, 0, fmt.Errorf("from %d to %d there are none", first, last)
		}
		return first, last, nil
	}
	if times, ok := strings.CutSuffix(text, "x"); ok {
		factor, err := strconv.ParseUint(times, 10, 32)
		if err != nil {
			return 0, 0, err
		}
		n *= factor
	} else if text != "" {
		if n, err = strconv.ParseUint(text, 10, 64); err != nil {
			return 0, 0, err
		}
	}
	if n == 0 {
		return 0, 0, fmt.Errorf("%q asks for none", text)
	}
	return 0, n - 1, nil
}
