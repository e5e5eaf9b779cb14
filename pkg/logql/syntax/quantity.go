package syntax

import (
	"fmt"
	"math"
	"strconv"
	"strings"
	"time"

	"github.com/prometheus/common/model"
)

// byteUnits are the units of a size in a query, written exactly so.
var byteUnits = map[string]float64{
	"B":  1,
	"kB": 1e3, "KB": 1e3, "MB": 1e6, "GB": 1e9, "TB": 1e12, "PB": 1e15,
	"KiB": 1 << 10, "MiB": 1 << 20, "GiB": 1 << 30, "TiB": 1 << 40, "PiB": 1 << 50,
}

// parseBytes reads a size as a query writes it: digits and a unit, no space.
func parseBytes(s string) (uint64, error) {
	n := strings.IndexFunc(s, func(r rune) bool { return r != '.' && (r < '0' || r > '9') })
	if n <= 0 {
		return 0, fmt.Errorf("not a size: %q", s)
	}
	unit, ok := byteUnits[s[n:]]
	if !ok {
		return 0, fmt.Errorf("unknown unit %q in size %q", s[n:], s)
	}
	// Whole numbers are scaled as such: a float64 holds only 53 bits of them.
	if v, err := strconv.ParseUint(s[:n], 10, 64); err == nil {
		if v > math.MaxUint64/uint64(unit) {
			return 0, fmt.Errorf("size %q is out of range", s)
		}
		return v * uint64(unit), nil
	}
	v, err := strconv.ParseFloat(s[:n], 64)
	if err != nil {
		return 0, fmt.Errorf("not a size: %q", s)
	}
	if v *= unit; v >= math.MaxUint64 {
		return 0, fmt.Errorf("size %q is out of range", s)
	}
	return uint64(v), nil
}

// parseDuration reads a duration as Go or as Prometheus writes it.
func parseDuration(s string) (time.Duration, error) {
	if d, err := time.ParseDuration(s); err == nil {
		return d, nil
	}
	d, err := model.ParseDuration(s)
	return time.Duration(d), err
}

// parseRange reads the text between the brackets of a range: whole numbers of
// Prometheus's units, the larger first.
func parseRange(s string) (time.Duration, error) {
	d, err := model.ParseDuration(s)
	return time.Duration(d), err
}

// badNumber says what is wrong with text, which begins with a digit and is
// neither number, duration nor size.
func badNumber(text string) string {
	n := strings.IndexFunc(text, func(r rune) bool { return r != '.' && (r < '0' || r > '9') })
	if n <= 0 {
		return fmt.Sprintf("not a number: %q", text)
	}
	unit := text[n:]
	for known := range byteUnits {
		if strings.EqualFold(unit, known) && known != "KB" {
			return fmt.Sprintf("unknown unit %q in %q, perhaps %q", unit, text, known)
		}
	}
	return fmt.Sprintf("unknown unit %q in %q: durations end in y w d h m s ms us ns, sizes in B kB MB GB TB PB or KiB MiB GiB TiB PiB", unit, text)
}

// formatNumber writes v so that it parses to itself. NaN and the infinities have
// no literal and come from folding; they are written as what folds to them.
func formatNumber(v float64) string {
	switch {
	case math.IsNaN(v):
		return "(0 / 0)"
	case math.IsInf(v, 1):
		return "(1e308 * 10)"
	case math.IsInf(v, -1):
		return "(-1e308 * 10)"
	}
	if a := math.Abs(v); a == 0 || a >= 1e-6 && a < 1e21 {
		return strconv.FormatFloat(v, 'f', -1, 64)
	}
	return strconv.FormatFloat(v, 'g', -1, 64)
}
