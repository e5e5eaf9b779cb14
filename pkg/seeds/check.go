package seeds

import (
	"flag"
	"strconv"
	"testing"

	"pgregory.net/rapid"
)

// Check is [rapid.Check] of the same values each time, where rapid draws by the
// clock: a hundred of them for each seed, which is one unless [Variable] asks for
// more. The flag -rapid.seed, with which rapid says how a failure is seen again,
// goes before it. Tests that call it are not parallel.
func Check(t *testing.T, prop func(*rapid.T)) {
	t.Helper()
	const name = "rapid.seed"
	if flag.Lookup(name).Value.String() != "0" {
		rapid.Check(t, prop)
		return
	}
	defer func() { _ = flag.Set(name, "0") }()
	for seed := range Few(t, 1) {
		// Rapid takes 0 for none, and follows a seed with those after it.
		from := strconv.FormatUint(seed*1_000_000+1, 10)
		if err := flag.Set(name, from); err != nil {
			t.Fatal(err)
		}
		rapid.Check(t, prop)
	}
}
