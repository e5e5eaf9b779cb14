package model_test

import (
	"testing"

	"github.com/skaldlogs/skald/pkg/model"
)

func TestSameMetadata(t *testing.T) {
	a := model.Metadata{{Name: "pod", Value: "p-1"}, {Name: "trace", Value: "t"}}
	for _, tc := range []struct {
		name string
		a, b model.Metadata
		want bool
	}{
		{"none", nil, model.Metadata{}, true},
		{"the same", a, model.Metadata{{Name: "pod", Value: "p-1"}, {Name: "trace", Value: "t"}}, true},
		{"another value", a, model.Metadata{{Name: "pod", Value: "p-2"}, {Name: "trace", Value: "t"}}, false},
		{"another order", a, model.Metadata{{Name: "trace", Value: "t"}, {Name: "pod", Value: "p-1"}}, false},
		{"one pair more", a, a[:1], false},
		{"a level found by one version only", a, model.Metadata{a[0], {Name: "detected_level", Value: "info"}, a[1]}, true},
		{"two levels", model.Metadata{{Name: "detected_level", Value: "warn"}}, model.Metadata{{Name: "detected_level", Value: "info"}}, true},
		{"a level and something else", model.Metadata{{Name: "detected_level", Value: "warn"}}, a, false},
	} {
		if got := model.SameMetadata(tc.a, tc.b); got != tc.want {
			t.Errorf("%s: %v, want %v", tc.name, got, tc.want)
		}
		if got := model.SameMetadata(tc.b, tc.a); got != tc.want {
			t.Errorf("%s, reversed: %v, want %v", tc.name, got, tc.want)
		}
	}
}
