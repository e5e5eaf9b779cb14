package stage

import (
	"errors"
	"fmt"
	"math"
	"strings"
	"time"
)

// A timeFormat reads times of one format.
type timeFormat struct {
	layout string // of package time; empty for the others
	noYear bool   // the layout has none
	unit   int64  // nanoseconds of a count since the Unix epoch; 0 for layouts
	// fraction says that the count may have one.
	fraction bool
	loc      *time.Location // of times without a zone
}

// layouts are formats that have a name.
var layouts = map[string]string{
	"ANSIC":       time.ANSIC,
	"UnixDate":    time.UnixDate,
	"RubyDate":    time.RubyDate,
	"RFC822":      time.RFC822,
	"RFC822Z":     time.RFC822Z,
	"RFC850":      time.RFC850,
	"RFC1123":     time.RFC1123,
	"RFC1123Z":    time.RFC1123Z,
	"RFC3339":     time.RFC3339,
	"RFC3339Nano": time.RFC3339Nano,
}

// newTimeFormat returns the format that a file names. Times without a zone are
// in loc.
func newTimeFormat(format string, loc *time.Location) (timeFormat, error) {
	switch format {
	case "Unix":
		return timeFormat{unit: 1e9, fraction: true}, nil
	case "UnixMs":
		return timeFormat{unit: 1e6}, nil
	case "UnixUs":
		return timeFormat{unit: 1e3}, nil
	case "UnixNs":
		return timeFormat{unit: 1}, nil
	}
	layout, ok := layouts[format]
	if !ok {
		layout = format
	}
	// A layout is known by what it writes: one that writes itself, whatever the
	// time, names no part of a time.
	a := time.Date(2011, 11, 22, 13, 44, 55, 123456789, time.UTC).Format(layout)
	b := time.Date(2012, 12, 23, 2, 38, 41, 987654321, time.FixedZone("X", 3600)).Format(layout)
	if a == b {
		return timeFormat{}, fmt.Errorf("%q is no format: want a name such as RFC3339 or Unix, or a layout of the reference time Mon Jan 2 15:04:05 MST 2006", format)
	}
	return timeFormat{layout: layout, noYear: !hasYear(layout), loc: loc}, nil
}

// hasYear reports whether a layout writes a year.
func hasYear(layout string) bool {
	at := func(year int) string {
		// The same day of the week, in years of the same length.
		return time.Date(year, 3, 4, 5, 6, 7, 0, time.UTC).Format(layout)
	}
	return at(2010) != at(2021)
}

var errNoTime = errors.New("not a time of this format")

// parse reads a time, in nanoseconds since the Unix epoch. now decides the year
// where a layout has none.
func (f *timeFormat) parse(v value, now int64) (int64, error) {
	if f.unit > 0 {
		return f.count(v)
	}
	text, ok := v.asText()
	if !ok {
		return 0, errNoTime
	}
	if f.layout == time.RFC3339Nano || f.layout == time.RFC3339 {
		if ts, ok := parseRFC3339(text); ok {
			return ts, nil
		}
	}
	t, err := parseTime(f.layout, text, f.loc)
	if err != nil {
		return 0, err
	}
	if f.noYear {
		t = withYear(t, time.Unix(0, now).In(t.Location()))
	}
	if y := t.Year(); y < 1678 || y > 2261 {
		return 0, errNoTime
	}
	return t.UnixNano(), nil
}

// count reads a count since the Unix epoch.
func (f *timeFormat) count(v value) (int64, error) {
	text, ok := v.asText()
	if !ok {
		return 0, errNoTime
	}
	whole, fraction, hasFraction := strings.Cut(text, ".")
	n, neg, ok := integer(whole)
	if ok && (!hasFraction || f.fraction) {
		if n > math.MaxInt64/f.unit-1 {
			return 0, errNoTime
		}
		n *= f.unit
		unit := f.unit
		for i := range len(fraction) {
			d := fraction[i] - '0'
			if d > 9 {
				return 0, errNoTime
			}
			unit /= 10
			n += int64(d) * unit
		}
		if neg {
			n = -n
		}
		return n, nil
	}
	// A number in another notation, such as 1.7e9.
	num, ok := v.asFloat()
	if num *= float64(f.unit); !ok || !(math.Abs(num) < math.MaxInt64) || !f.fraction && num != math.Trunc(num) {
		return 0, errNoTime
	}
	return int64(num), nil
}

// integer reads digits behind a sign.
func integer(s string) (n int64, neg, ok bool) {
	s, neg = strings.CutPrefix(s, "-")
	if s == "" || len(s) > 19 {
		return 0, neg, false
	}
	for i := range len(s) {
		d := s[i] - '0'
		if d > 9 || n > (math.MaxInt64-9)/10 {
			return 0, neg, false
		}
		n = 10*n + int64(d)
	}
	return n, neg, true
}

// withYear gives t the year of now. Around New Year it may be the one before or
// after.
func withYear(t, now time.Time) time.Time {
	year := now.Year()
	switch {
	case t.Month() == time.December && now.Month() == time.January:
		year--
	case t.Month() == time.January && now.Month() == time.December:
		year++
	}
	return time.Date(year, t.Month(), t.Day(), t.Hour(), t.Minute(), t.Second(), t.Nanosecond(), t.Location())
}
