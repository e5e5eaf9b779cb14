package model_test

import (
	"errors"
	"slices"
	"testing"

	"github.com/skaldlogs/skald/pkg/model"
)

func TestSanitizeName(t *testing.T) {
	for _, tc := range []struct{ name, want string }{
		{"trace_id", "trace_id"},
		{"TraceID2", "TraceID2"},
		{"_leading", "_leading"},
		{"trailing_", "trailing_"},
		{"user.id", "user_id"},
		{"http-status", "http_status"},
		{"a__b", "a_b"},
		{"a.-b", "a_b"},
		{"weird nameż", "weird_name_"},
		{"9lives", "key_9lives"},
		{"9 lives!", "key_9_lives_"},
		{"__x__", "__x__"},
		{"__a.b__", "__a_b__"},
		{"__9__", "__9__"},
		{"__x", "_x"},
		{"x__", "x_"},
		{"a\xff\xfeb", "a_b"},
		{"@[`{a", "_a"},
	} {
		got, err := model.SanitizeName(tc.name)
		if err != nil || got != tc.want {
			t.Errorf("%q: %q, %v, want %q", tc.name, got, err, tc.want)
		}
		if again, _ := model.SanitizeName(got); again != got {
			t.Errorf("%q: %q becomes %q the second time", tc.name, got, again)
		}
	}
	for _, name := range []string{"", "_", "____", "_____", ".-.", "é", "\xff"} {
		if got, err := model.SanitizeName(name); !errors.Is(err, model.ErrMetadataName) {
			t.Errorf("%q: %q, %v, want ErrMetadataName", name, got, err)
		}
	}
}

func TestSanitizeValue(t *testing.T) {
	for _, tc := range []struct{ value, want string }{
		{"plain", "plain"},
		{"zażółć", "zażółć"},
		{"a\xffb", "a b"},
		{"a\xff\xfeb", "a  b"},
		{"a\ufffdb\xc3", "a b "},
		{"\x00\n", "\x00\n"},
	} {
		if got := model.SanitizeValue(tc.value); got != tc.want {
			t.Errorf("%q: %q, want %q", tc.value, got, tc.want)
		}
	}
}

func TestSanitizeMetadata(t *testing.T) {
	got, err := model.SanitizeMetadata(model.Metadata{{Name: "a.b", Value: "1"}, {Name: "", Value: ""}, {Name: "c", Value: "\xff"}})
	if want := (model.Metadata{{Name: "a_b", Value: "1"}, {Name: "c", Value: " "}}); err != nil || !slices.Equal(got, want) {
		t.Errorf("got %v, %v, want %v", got, err, want)
	}
	if _, err := model.SanitizeMetadata(model.Metadata{{Name: "a", Value: "1"}, {Name: "...", Value: "2"}}); !errors.Is(err, model.ErrMetadataName) {
		t.Errorf("a name of dots: %v, want ErrMetadataName", err)
	}
	clean := model.Metadata{{Name: "trace_id", Value: "0af7651916cd43dd"}, {Name: "who", Value: "żaneta"}}
	if n := testing.AllocsPerRun(100, func() { _, _ = model.SanitizeMetadata(clean) }); n != 0 {
		t.Errorf("clean metadata costs %v allocations", n)
	}
}

func FuzzSanitizeName(f *testing.F) {
	for _, s := range []string{"a", "__a__", "9", "__", "a..b", "_9", "__9_"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, name string) {
		got, err := model.SanitizeName(name)
		if err != nil {
			return
		}
		if again, err := model.SanitizeName(got); err != nil || again != got {
			t.Errorf("%q becomes %q, and that %q, %v", name, got, again, err)
		}
		for i := range len(got) {
			if c := got[i]; c != '_' && (c < '0' || c > '9') && (c|0x20 < 'a' || c|0x20 > 'z') {
				t.Errorf("%q becomes %q", name, got)
			}
		}
	})
}
