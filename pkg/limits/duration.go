package limits

import (
	"errors"
	"fmt"
	"math"
	"strconv"
	"strings"
	"time"

	"github.com/prometheus/common/model"
)

// A Duration is a span of time as configuration writes it: in the manner of
// Prometheus (1w, 1d12h), of Go (1.5h, 90s), or both at once (1w1.5h).
type Duration time.Duration

// String is the Prometheus form where that is exact, else the Go form.
func (d Duration) String() string {
	if d >= 0 && time.Duration(d)%time.Millisecond == 0 {
		return model.Duration(d).String()
	}
	return time.Duration(d).String()
}

// Set implements [flag.Value].
func (d *Duration) Set(s string) error {
	v, err := ParseDuration(s)
	if err != nil {
		return err
	}
	*d = Duration(v)
	return nil
}

// MarshalText implements [encoding.TextMarshaler].
func (d Duration) MarshalText() ([]byte, error) { return []byte(d.String()), nil }

// UnmarshalText implements [encoding.TextUnmarshaler].
func (d *Duration) UnmarshalText(text []byte) error { return d.Set(string(text)) }

// durationUnits are the units that ParseDuration knows, in nanoseconds.
var durationUnits = map[string]float64{
	"ns": 1,
	"us": 1e3, "µs": 1e3, "μs": 1e3,
	"ms": 1e6,
	"s":  1e9,
	"m":  60e9,
	"h":  3600e9,
	"d":  24 * 3600e9,
	"w":  7 * 24 * 3600e9,
	"y":  365 * 24 * 3600e9,
}

var errDuration = errors.New("a duration is a number with a unit (ns us ms s m h d w y), as in 1w, 1d12h or 1.5h")

// ParseDuration reads numbers with units, from left to right, and adds them up.
// A day has 24 hours, a year 365 days. Zero needs no unit.
func ParseDuration(s string) (time.Duration, error) {
	bad := func() (time.Duration, error) { return 0, fmt.Errorf("duration %q: %w", s, errDuration) }

	rest, negative := strings.CutPrefix(strings.TrimSpace(s), "-")
	if rest == "0" {
		return 0, nil
	}
	if rest == "" {
		return bad()
	}
	var whole time.Duration // exact, of the numbers without a fraction
	for rest != "" {
		n := strings.IndexFunc(rest, func(r rune) bool { return (r < '0' || r > '9') && r != '.' })
		if n <= 0 {
			return bad()
		}
		number := rest[:n]
		rest = rest[n:]
		u := strings.IndexAny(rest, "0123456789.")
		if u < 0 {
			u = len(rest)
		}
		unit, ok := durationUnits[rest[:u]]
		if !ok {
			return bad()
		}
		rest = rest[u:]

		part, err := durationPart(number, unit)
		if err != nil {
			return bad()
		}
		if whole > math.MaxInt64-part {
			return 0, fmt.Errorf("duration %q: longer than 292 years", s)
		}
		whole += part
	}
	if negative {
		return -whole, nil
	}
	return whole, nil
}

// durationPart multiplies exactly where the number is whole.
func durationPart(number string, unit float64) (time.Duration, error) {
	if !strings.Contains(number, ".") {
		n, err := strconv.ParseInt(number, 10, 64)
		if err != nil || n > math.MaxInt64/int64(unit) {
			return 0, errDuration
		}
		return time.Duration(n * int64(unit)), nil
	}
	f, err := strconv.ParseFloat(number, 64)
	if err != nil || f*unit >= math.MaxInt64 {
		return 0, errDuration
	}
	return time.Duration(math.Round(f * unit)), nil
}
