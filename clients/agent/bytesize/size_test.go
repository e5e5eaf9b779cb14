package bytesize

import (
	"testing"

	"go.yaml.in/yaml/v3"
)

func TestSize(t *testing.T) {
	for _, tc := range []struct {
		text string
		want Size
	}{
		{"0", 0},
		{"8192", 8192},
		{"8kb", 8192},
		{"8 KiB", 8192},
		{"1.5M", 3 << 19},
		{"2GB", 2 << 30},
		{"1tib", 1 << 40},
		{"7b", 7},
	} {
		var got Size
		if err := yaml.Unmarshal([]byte(tc.text), &got); err != nil || got != tc.want {
			t.Errorf("%s: %d, %v; want %d", tc.text, got, err, tc.want)
		}
	}
	for _, text := range []string{"", "kb", "-1", "3 apples", "1e30", "[1]", "nan", "8kbb"} {
		var got Size
		if err := yaml.Unmarshal([]byte(text), &got); err == nil && text != "" {
			t.Errorf("%q is taken for %d", text, got)
		}
		if err := got.Set(text); err == nil {
			t.Errorf("%q is taken for %d", text, got)
		}
	}
}
