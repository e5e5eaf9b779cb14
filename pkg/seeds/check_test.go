package seeds

import (
	"flag"
	"slices"
	"testing"

	"pgregory.net/rapid"
)

func TestCheck(t *testing.T) {
	drawn := func(variable string) (values []uint64) {
		t.Setenv(Variable, variable)
		Check(t, func(t *rapid.T) { values = append(values, rapid.Uint64().Draw(t, "value")) })
		return values
	}
	first := drawn("")
	if again := drawn(""); !slices.Equal(first, again) {
		t.Error("the second time other values are drawn")
	}
	if two := drawn("2x"); len(two) != 2*len(first) || !slices.Equal(two[:len(first)], first) || slices.Equal(two[len(first):], first) {
		t.Errorf("two seeds draw %d values, want those of the first and as many others", len(two))
	}
	if alone := drawn("1-1"); slices.Equal(alone, first) {
		t.Error("another seed draws the same values")
	}
	if got := flag.Lookup("rapid.seed").Value.String(); got != "0" {
		t.Errorf("rapid's flag is left at %s", got)
	}
}
