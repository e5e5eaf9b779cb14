package pipeline

import (
	"fmt"
	"strconv"
	texttemplate "text/template"
	"time"
)

// timeFuncs work on times. Layouts are Go's.
var timeFuncs = texttemplate.FuncMap{
	"now":             time.Now,
	"toDate":          func(layout, s string) time.Time { return toDate(layout, time.Local, s) },
	"toDateInZone":    toDateInZone,
	"date":            func(layout string, t time.Time) string { return t.Format(layout) },
	"unixEpoch":       func(t time.Time) string { return strconv.FormatInt(t.Unix(), 10) },
	"unixEpochMillis": func(t time.Time) string { return strconv.FormatInt(t.UnixMilli(), 10) },
	"unixEpochNanos":  func(t time.Time) string { return strconv.FormatInt(t.UnixNano(), 10) },
	"unixToTime":      unixToTime,
}

func toDateInZone(layout, zone, s string) (time.Time, error) {
	loc, err := time.LoadLocation(zone)
	if err != nil {
		return time.Time{}, err
	}
	return toDate(layout, loc, s), nil
}

// toDate reads a time; text that is none is the zero time.
func toDate(layout string, loc *time.Location, s string) time.Time {
	t, err := time.ParseInLocation(layout, s, loc)
	if err != nil {
		return time.Time{}
	}
	return t
}

// unixToTime reads a count since 1970; how many digits it has tells the unit.
func unixToTime(s string) (time.Time, error) {
	n, err := strconv.ParseInt(s, 10, 64)
	if err != nil {
		return time.Time{}, fmt.Errorf("unixToTime: not an integer: %q", s)
	}
	switch len(s) {
	case 5:
		return time.Unix(n*24*60*60, 0), nil
	case 10:
		return time.Unix(n, 0), nil
	case 13:
		return time.UnixMilli(n), nil
	case 16:
		return time.UnixMicro(n), nil
	case 19:
		return time.Unix(0, n), nil
	default:
		return time.Time{}, fmt.Errorf("unixToTime: %q has %d digits; 5 are days, 10 s, 13 ms, 16 µs, 19 ns", s, len(s))
	}
}
