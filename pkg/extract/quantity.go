package extract

import (
	"fmt"
	"math"
	"strconv"
	"strings"
	"time"
)

// Number reads a number.
func Number(s string) (float64, error) {
	v, err := strconv.ParseFloat(s, 64)
	if err != nil {
		return 0, fmt.Errorf("not a number: %q", s)
	}
	return v, nil
}

// Duration reads a duration as Go writes it, in seconds.
func Duration(s string) (float64, error) {
	d, err := time.ParseDuration(s)
	if err != nil {
		return 0, fmt.Errorf("not a duration: %q", s)
	}
	return d.Seconds(), nil
}

// sizeUnits are the units of sizes in log lines, in lower case. Without the i
// they are decimal.
var sizeUnits = map[string]float64{
	"": 1, "b": 1,
	"k": 1e3, "kb": 1e3, "ki": 1 << 10, "kib": 1 << 10,
	"m": 1e6, "mb": 1e6, "mi": 1 << 20, "mib": 1 << 20,
	"g": 1e9, "gb": 1e9, "gi": 1 << 30, "gib": 1 << 30,
	"t": 1e12, "tb": 1e12, "ti": 1 << 40, "tib": 1 << 40,
	"p": 1e15, "pb": 1e15, "pi": 1 << 50, "pib": 1 << 50,
	"e": 1e18, "eb": 1e18, "ei": 1 << 60, "eib": 1 << 60,
}

// Bytes reads a size as people write it: "5 MB", "1.5kib", "1,024".
func Bytes(s string) (float64, error) {
	n := 0
	commas := false
	for n < len(s) && (isDigit(s[n]) || s[n] == '.' || s[n] == ',') {
		commas = commas || s[n] == ','
		n++
	}
	num := s[:n]
	if commas {
		num = strings.ReplaceAll(num, ",", "")
	}
	unit, ok := sizeUnit(strings.TrimSpace(s[n:]))
	v, err := strconv.ParseFloat(num, 64)
	if err != nil || !ok || v*unit >= math.MaxUint64 {
		return 0, fmt.Errorf("not a size: %q", s)
	}
	return math.Trunc(v * unit), nil
}

// sizeUnit is how many bytes a unit is, whatever its case.
func sizeUnit(s string) (float64, bool) {
	var lower [3]byte
	if len(s) > len(lower) {
		return 0, false
	}
	for i := range len(s) {
		lower[i] = s[i]
		if 'A' <= s[i] && s[i] <= 'Z' {
			lower[i] += 'a' - 'A'
		}
	}
	v, ok := sizeUnits[string(lower[:len(s)])]
	return v, ok
}

func isDigit(c byte) bool { return '0' <= c && c <= '9' }
