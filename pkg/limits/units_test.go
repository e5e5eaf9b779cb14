package limits_test

import (
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/skaldlogs/skald/pkg/limits"
	"github.com/skaldlogs/skald/pkg/seeds"
)

func TestParseDuration(t *testing.T) {
	const day = 24 * time.Hour
	for _, tc := range []struct {
		name, text string
		want       time.Duration
	}{
		{"Go", "1h30m", 90 * time.Minute},
		{"Go with a fraction", "1.5h", 90 * time.Minute},
		{"Prometheus week", "1w", 7 * day},
		{"Prometheus mix", "30d1h", 30*day + time.Hour},
		{"fraction of a day", "1.5d", 36 * time.Hour},
		{"year", "1y", 365 * day},
		{"milliseconds are not minutes", "250ms", 250 * time.Millisecond},
		{"micro sign", "3µs", 3 * time.Microsecond},
		{"zero without a unit", "0", 0},
		{"zero with a unit", "0s", 0},
		{"negative", "-1ns", -1},
		{"blanks around", " 5m ", 5 * time.Minute},
		{"exact where float64 is not", "9007199254740993ns", 9007199254740993},
	} {
		got, err := limits.ParseDuration(tc.text)
		if err != nil || got != tc.want {
			t.Errorf("%s: ParseDuration(%q) = %v, %v, want %v", tc.name, tc.text, got, err, tc.want)
		}
	}
	for _, text := range []string{"", "-", "5", "h", "1x", "1h5", "1..5h", "293y", "1 h", "1e3s", "NaNs", "99999999999999999999s", "292y292y"} {
		if got, err := limits.ParseDuration(text); err == nil {
			t.Errorf("ParseDuration(%q) = %v, want an error", text, got)
		}
	}
}

func TestDurationPrintsWhatItReads(t *testing.T) {
	seeds.Check(t, func(t *rapid.T) {
		d := limits.Duration(rapid.Int64Range(-1<<55, 1<<55).Draw(t, "ns"))
		var again limits.Duration
		if err := again.Set(d.String()); err != nil || again != d {
			t.Fatalf("%d ns prints as %q and reads as %d ns (%v)", int64(d), d, int64(again), err)
		}
	})
}

func TestBytes(t *testing.T) {
	for _, tc := range []struct {
		text string
		want limits.Bytes
		out  string
	}{
		{"0", 0, "0B"},
		{"4194304", 4 << 20, "4MB"},
		{"256KB", 256 << 10, "256KB"},
		{"256kb", 256 << 10, "256KB"},
		{"256KiB", 256 << 10, "256KB"},
		{"256k", 256 << 10, "256KB"},
		{"1.5MB", 1536 << 10, "1536KB"},
		{"150 GB", 150 << 30, "150GB"},
		{"1000B", 1000, "1000B"},
		{"2EB", 2 << 60, "2EB"},
	} {
		var b limits.Bytes
		if err := b.Set(tc.text); err != nil || b != tc.want || b.String() != tc.out {
			t.Errorf("%q reads as %d and prints as %q (%v), want %d and %q", tc.text, uint64(b), b, err, uint64(tc.want), tc.out)
		}
	}
	for _, text := range []string{"", "KB", "-1", "1XB", "1KBB", "16EB", "99999999999999999999", "1.2.3KB", "NaN"} {
		var b limits.Bytes
		if err := b.Set(text); err == nil {
			t.Errorf("%q reads as %d, want an error", text, uint64(b))
		}
	}
}

func FuzzParseDuration(f *testing.F) {
	for _, s := range []string{"1w", "-1.5h", "1d12h", "0", "1..s", "9223372036854775807ns"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		d, err := limits.ParseDuration(s)
		if err != nil {
			return
		}
		again, err := limits.ParseDuration(limits.Duration(d).String())
		if err != nil || again != d {
			t.Fatalf("%q reads as %v, which reads as %v (%v)", s, d, again, err)
		}
	})
}

func FuzzBytes(f *testing.F) {
	for _, s := range []string{"0", "256KB", "1.5mib", "16EB", "1 B"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		var b, again limits.Bytes
		if b.Set(s) != nil {
			return
		}
		if err := again.Set(b.String()); err != nil || again != b {
			t.Fatalf("%q reads as %d, which reads as %d (%v)", s, b, again, err)
		}
	})
}
