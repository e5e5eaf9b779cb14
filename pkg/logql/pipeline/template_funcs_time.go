package pipeline

import (
	"errors"
	"fmt"
	"strconv"
	texttemplate "text/template"
	"time"
)

// timeFuncs work on times. Layouts are Go's.
var timeFuncs = texttemplate.FuncMap{
	"now":             func() timeValue { return timeValue{time.Now()} },
	"toDate":          func(layout, s string) timeValue { return toDate(layout, time.Local, s) },
	"toDateInZone":    toDateInZone,
	"date":            date,
	"unixEpoch":       func(t timeValue) string { return strconv.FormatInt(t.Unix(), 10) },
	"unixEpochMillis": func(t timeValue) string { return strconv.FormatInt(t.UnixMilli(), 10) },
	"unixEpochNanos":  func(t timeValue) string { return strconv.FormatInt(t.UnixNano(), 10) },
	"unixToTime":      unixToTime,
}

// date writes a time, or a number of seconds since 1970.
func date(layout string, v any) (string, error) {
	switch t := v.(type) {
	case timeValue:
		return t.Format(layout)
	case int, int32, int64:
		return timeValue{time.Unix(toInt(t), 0)}.Format(layout)
	}
	return "", fmt.Errorf("date: %v is no time", v)
}

// toDateInZone reads a time of a zone, or of UTC if there is no such zone.
func toDateInZone(layout, zone, s string) timeValue {
	loc, err := time.LoadLocation(zone)
	if err != nil {
		loc = time.UTC
	}
	return toDate(layout, loc, s)
}

// toDate reads a time; text that is none is the zero time.
func toDate(layout string, loc *time.Location, s string) timeValue {
	t, err := time.ParseInLocation(layout, s, loc)
	if err != nil {
		return timeValue{}
	}
	return timeValue{t}
}

// unixToTime reads a count since 1970; how many digits it has tells the unit.
func unixToTime(s string) (timeValue, error) {
	n, err := strconv.ParseInt(s, 10, 64)
	if err != nil {
		return timeValue{}, fmt.Errorf("unixToTime: not an integer: %q", s)
	}
	switch len(s) {
	case 5:
		return timeValue{time.Unix(n*24*60*60, 0)}, nil
	case 10:
		return timeValue{time.Unix(n, 0)}, nil
	case 13:
		return timeValue{time.UnixMilli(n)}, nil
	case 16:
		return timeValue{time.UnixMicro(n)}, nil
	case 19:
		return timeValue{time.Unix(0, n)}, nil
	default:
		return timeValue{}, fmt.Errorf("unixToTime: %q has %d digits; 5 are days, 10 s, 13 ms, 16 µs, 19 ns", s, len(s))
	}
}

// A timeValue is a time in a template, with the methods of [time.Time] that
// cannot write without bound: a template may call whatever is exported.
type timeValue struct{ t time.Time }

// maxLayout is how long the layout of a time may be, in bytes. What is formatted
// may be a layout again, and longer each time.
const maxLayout = 1 << 10

// Format returns the time in a layout.
func (v timeValue) Format(layout string) (string, error) {
	if len(layout) > maxLayout {
		return "", errors.New("layout of more than 1 KiB")
	}
	return v.t.Format(layout), nil
}

// These are the methods of [time.Time] of the same names.

func (v timeValue) String() string                     { return v.t.String() }
func (v timeValue) UTC() timeValue                     { return timeValue{v.t.UTC()} }
func (v timeValue) Local() timeValue                   { return timeValue{v.t.Local()} }
func (v timeValue) Add(d time.Duration) timeValue      { return timeValue{v.t.Add(d)} }
func (v timeValue) AddDate(y, m, d int) timeValue      { return timeValue{v.t.AddDate(y, m, d)} }
func (v timeValue) Truncate(d time.Duration) timeValue { return timeValue{v.t.Truncate(d)} }
func (v timeValue) Round(d time.Duration) timeValue    { return timeValue{v.t.Round(d)} }
func (v timeValue) Sub(o timeValue) time.Duration      { return v.t.Sub(o.t) }
func (v timeValue) After(o timeValue) bool             { return v.t.After(o.t) }
func (v timeValue) Before(o timeValue) bool            { return v.t.Before(o.t) }
func (v timeValue) Equal(o timeValue) bool             { return v.t.Equal(o.t) }
func (v timeValue) IsZero() bool                       { return v.t.IsZero() }
func (v timeValue) Unix() int64                        { return v.t.Unix() }
func (v timeValue) UnixMilli() int64                   { return v.t.UnixMilli() }
func (v timeValue) UnixMicro() int64                   { return v.t.UnixMicro() }
func (v timeValue) UnixNano() int64                    { return v.t.UnixNano() }
func (v timeValue) Year() int                          { return v.t.Year() }
func (v timeValue) Month() time.Month                  { return v.t.Month() }
func (v timeValue) Day() int                           { return v.t.Day() }
func (v timeValue) YearDay() int                       { return v.t.YearDay() }
func (v timeValue) Weekday() time.Weekday              { return v.t.Weekday() }
func (v timeValue) Hour() int                          { return v.t.Hour() }
func (v timeValue) Minute() int                        { return v.t.Minute() }
func (v timeValue) Second() int                        { return v.t.Second() }
func (v timeValue) Nanosecond() int                    { return v.t.Nanosecond() }
