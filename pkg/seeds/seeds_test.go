package seeds

import (
	"slices"
	"testing"
)

func TestFew(t *testing.T) {
	for _, tc := range []struct {
		variable string
		want     []uint64
	}{
		{"", []uint64{0, 1, 2}},
		{"1", []uint64{0}},
		{"5", []uint64{0, 1, 2, 3, 4}},
		{"2x", []uint64{0, 1, 2, 3, 4, 5}},
		{"7-9", []uint64{7, 8, 9}},
		{"18446744073709551615-18446744073709551615", []uint64{1<<64 - 1}},
	} {
		t.Setenv(Variable, tc.variable)
		if got := slices.Collect(Few(t, 3)); !slices.Equal(got, tc.want) {
			t.Errorf("%s=%s: seeds %d, want %d", Variable, tc.variable, got, tc.want)
		}
	}
	t.Setenv(Variable, "")
	for seed := range Few(t, 3) {
		if seed > 1 {
			t.Errorf("seed %d, after the loop was left", seed)
		}
		if seed == 1 {
			break
		}
	}
}

func TestParseRefuses(t *testing.T) {
	for _, text := range []string{"0", "0x", "x", "-1", "1-", "3-2", "many", "1.5", "99999999999999999999"} {
		if first, last, err := parse(text, 3); err == nil {
			t.Errorf("%q: seeds %d to %d, want an error", text, first, last)
		}
	}
}
