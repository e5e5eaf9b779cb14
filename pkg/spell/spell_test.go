package spell_test

import (
	"testing"

	"github.com/skaldlogs/skald/pkg/spell"
)

func TestPerhaps(t *testing.T) {
	for _, tc := range []struct {
		word  string
		known []string
		want  string
	}{
		{"jsn", []string{"json", "logfmt"}, `, perhaps "json"`},
		{"LOGFTM", []string{"json", "logfmt"}, `, perhaps "logfmt"`},
		{"drpp", []string{"drop", "crop", "keep"}, `, perhaps "drop"`},
		{"bat", []string{"cat", "bar"}, `, perhaps "bar"`},
		{"zzzzz", []string{"json", "logfmt"}, ""},
		{"json", nil, ""},
		{"", []string{"json"}, ""},
	} {
		if got := spell.Perhaps(tc.word, tc.known); got != tc.want {
			t.Errorf("%q of %q: %q, want %q", tc.word, tc.known, got, tc.want)
		}
	}
}
