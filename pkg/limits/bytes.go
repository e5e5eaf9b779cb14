package limits

import (
	"errors"
	"fmt"
	"math"
	"strconv"
	"strings"
)

// Bytes is a size as configuration writes it: a count of bytes, or a number with
// a unit in any case. Units are binary: 1 KB, also written 1 KiB, is 1024 bytes.
type Bytes uint64

// byteUnits are the units of Bytes, each 1024 times the one before.
var byteUnits = []string{"B", "KB", "MB", "GB", "TB", "PB", "EB"}

// String is the size in the largest unit that divides it: 256KB, 1536KB, 0B.
func (b Bytes) String() string {
	n, u := uint64(b), 0
	for n != 0 && n%1024 == 0 && u < len(byteUnits)-1 {
		n /= 1024
		u++
	}
	return strconv.FormatUint(n, 10) + byteUnits[u]
}

// Int is the size as an int, the largest one if it does not fit.
func (b Bytes) Int() int {
	if b > math.MaxInt {
		return math.MaxInt
	}
	return int(b)
}

var errBytes = errors.New("a size is a number of bytes, or a number with a unit (B KB MB GB TB PB EB), as in 256KB")

// Set implements [flag.Value].
func (b *Bytes) Set(s string) error {
	text := strings.TrimSpace(s)
	n := strings.IndexFunc(text, func(r rune) bool { return (r < '0' || r > '9') && r != '.' })
	if n < 0 {
		n = len(text)
	}
	number, unit := text[:n], strings.ToUpper(strings.TrimSpace(text[n:]))
	unit = strings.Replace(unit, "IB", "B", 1)

	scale := uint64(1)
	if unit != "" {
		found := false
		for _, u := range byteUnits {
			// The B may be left out of KB, MB, …
			if unit == u || len(u) == 2 && unit == u[:1] {
				found = true
				break
			}
			scale *= 1024
		}
		if !found {
			return fmt.Errorf("size %q: %w", s, errBytes)
		}
	}
	if whole, err := strconv.ParseUint(number, 10, 64); err == nil {
		if whole > math.MaxUint64/scale {
			return fmt.Errorf("size %q: more than 16 EB", s)
		}
		*b = Bytes(whole * scale)
		return nil
	}
	f, err := strconv.ParseFloat(number, 64)
	if err != nil {
		return fmt.Errorf("size %q: %w", s, errBytes)
	}
	if f *= float64(scale); f >= math.MaxUint64 {
		return fmt.Errorf("size %q: more than 16 EB", s)
	}
	*b = Bytes(math.Round(f))
	return nil
}

// MarshalText implements [encoding.TextMarshaler].
func (b Bytes) MarshalText() ([]byte, error) { return []byte(b.String()), nil }

// UnmarshalText implements [encoding.TextUnmarshaler].
func (b *Bytes) UnmarshalText(text []byte) error { return b.Set(string(text)) }
