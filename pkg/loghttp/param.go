package loghttp

import (
	"fmt"
	"math"
	"net/url"
	"strconv"
	"strings"
	"time"

	prommodel "github.com/prometheus/common/model"
)

const (
	// DefaultLimit is how many entries a log query returns unless it says.
	DefaultLimit = 100
	// DefaultSince is how far back a request looks unless it says.
	DefaultSince = time.Hour
	// MaxPoints is how many steps a range query may take.
	MaxPoints = 11000
)

// A Direction is the order in which a log query returns entries.
type Direction uint8

// The directions.
const (
	Backward Direction = iota // newest first
	Forward                   // oldest first
)

// String is the name of the direction in requests.
func (d Direction) String() string {
	if d == Forward {
		return "forward"
	}
	return "backward"
}

// ParseDirection reads a direction, in any case. No text is Backward.
func ParseDirection(text string) (Direction, error) {
	switch strings.ToLower(text) {
	case "", "backward":
		return Backward, nil
	case "forward":
		return Forward, nil
	}
	return 0, malformedf("invalid direction '%s'", text)
}

// The seconds that a timestamp in nanoseconds can express.
const (
	maxSeconds = math.MaxInt64 / int64(time.Second)
	minSeconds = -maxSeconds
)

// ParseTime reads the timestamp of the parameter called name, in nanoseconds:
// seconds with a decimal point, whole seconds in up to ten digits, nanoseconds
// in more, or RFC 3339. No text is otherwise.
func ParseTime(name, text string, otherwise int64) (int64, error) {
	if text == "" {
		return otherwise, nil
	}
	if strings.Contains(text, ".") {
		if ns, ok := parseSeconds(text); ok {
			return ns, nil
		}
	} else if n, err := strconv.ParseInt(text, 10, 64); err == nil {
		switch {
		case len(text) > 10:
			return n, nil
		case minSeconds <= n && n < maxSeconds:
			return n * int64(time.Second), nil
		}
		return 0, malformedf("could not parse '%s' parameter: %s is too far away", name, text)
	}
	t, err := time.Parse(time.RFC3339Nano, text)
	if err != nil {
		return 0, malformedf("could not parse '%s' parameter: %.100q is neither a number of seconds or nanoseconds nor a time of RFC 3339", name, text)
	}
	if s := t.Unix(); s < minSeconds || s >= maxSeconds {
		return 0, malformedf("could not parse '%s' parameter: %s is too far away", name, text)
	}
	return t.UnixNano(), nil
}

// parseSeconds reads a number of seconds as nanoseconds. Plain decimals are
// taken digit by digit, since a float holds no more than microseconds of a time.
func parseSeconds(text string) (int64, bool) {
	whole, fraction, _ := strings.Cut(text, ".")
	s, err := strconv.ParseInt(whole, 10, 64)
	digits := strings.Trim(fraction, "0123456789") == "" && len(fraction) <= 9
	if err != nil || !digits {
		f, err := strconv.ParseFloat(text, 64)
		if err != nil || !(math.Abs(f) < float64(maxSeconds)) {
			return 0, false
		}
		return int64(math.Round(f*1e3)) * int64(time.Millisecond), true
	}
	if s < minSeconds || s >= maxSeconds {
		return 0, false
	}
	ns, _ := strconv.ParseInt((fraction + "000000000")[:9], 10, 64)
	if strings.HasPrefix(whole, "-") {
		ns = -ns
	}
	return s*int64(time.Second) + ns, true
}

// ParseDuration reads the span of the parameter called name: seconds, with or
// without a fraction, or a duration like 1m30s.
func ParseDuration(name, text string) (time.Duration, error) {
	if f, err := strconv.ParseFloat(text, 64); err == nil {
		if ns := f * float64(time.Second); math.Abs(ns) < math.MaxInt64 {
			return time.Duration(math.Round(ns)), nil
		}
		return 0, malformedf("could not parse '%s' parameter: %.100q is out of range", name, text)
	}
	positive, negative := strings.CutPrefix(text, "-")
	d, err := prommodel.ParseDuration(positive)
	if err != nil {
		return 0, malformedf("could not parse '%s' parameter: %.100q is neither a number of seconds nor a duration", name, text)
	}
	if negative {
		d = -d
	}
	return time.Duration(d), nil
}

// ParseStep reads the parameter step of a query over [start, end] in
// nanoseconds. No text is a step that makes about 250 points, and at least a second.
func ParseStep(text string, start, end int64) (time.Duration, error) {
	if text == "" {
		return max((time.Duration(end)-time.Duration(start))/time.Second/250, 1) * time.Second, nil
	}
	step, err := ParseDuration("step", text)
	if err != nil {
		return 0, err
	}
	if step <= 0 {
		return 0, malformedf("zero or negative query resolution step widths are not accepted. Try a positive integer")
	}
	return step, nil
}

// ParseLimit reads the parameter limit. No text is DefaultLimit.
func ParseLimit(text string) (int, error) {
	if text == "" {
		return DefaultLimit, nil
	}
	n, err := strconv.ParseInt(text, 10, 32)
	if err != nil {
		return 0, malformedf("could not parse 'limit' parameter: %.100q is no number", text)
	}
	if n <= 0 {
		return 0, malformedf("limit must be a positive value")
	}
	return int(n), nil
}

// ParseBounds reads the parameters start, end and since, in nanoseconds. The
// end is now unless given; the start is since before the end, or before now if
// the end lies in the future.
func ParseBounds(form url.Values, now time.Time) (start, end int64, err error) {
	since := DefaultSince
	if text := form.Get("since"); text != "" {
		d, err := prommodel.ParseDuration(text)
		if err != nil {
			return 0, 0, malformedf("could not parse 'since' parameter: %.100q is no duration", text)
		}
		since = time.Duration(d)
	}
	if end, err = ParseTime("end", form.Get("end"), now.UnixNano()); err != nil {
		return 0, 0, err
	}
	start, err = ParseTime("start", form.Get("start"), min(end, now.UnixNano())-int64(since))
	return start, end, err
}

// An InstantQuery is a request to /query.
type InstantQuery struct {
	Query     string
	Time      int64 // nanoseconds
	Limit     int
	Direction Direction
}

// ParseInstantQuery reads a request to /query. The query itself is not looked at.
func ParseInstantQuery(form url.Values, now time.Time) (q InstantQuery, err error) {
	q.Query = form.Get("query")
	if q.Time, err = ParseTime("time", form.Get("time"), now.UnixNano()); err != nil {
		return q, err
	}
	if q.Limit, err = ParseLimit(form.Get("limit")); err != nil {
		return q, err
	}
	q.Direction, err = ParseDirection(form.Get("direction"))
	return q, err
}

// A RangeQuery is a request to /query_range.
type RangeQuery struct {
	Query string
	// Start and End are in nanoseconds. Entries at the end are not part of a log
	// query; a metric query is evaluated at both.
	Start, End int64
	Step       time.Duration
	Interval   time.Duration // between entries that a log query returns; 0 returns all
	Limit      int
	Direction  Direction
}

// ParseRangeQuery reads a request to /query_range. The query itself is not looked at.
func ParseRangeQuery(form url.Values, now time.Time) (q RangeQuery, err error) {
	q.Query = form.Get("query")
	if q.Start, q.End, err = ParseBounds(form, now); err != nil {
		return q, err
	}
	if q.End < q.Start {
		return q, malformedf("end timestamp must not be before or equal to start time")
	}
	if q.Limit, err = ParseLimit(form.Get("limit")); err != nil {
		return q, err
	}
	if q.Direction, err = ParseDirection(form.Get("direction")); err != nil {
		return q, err
	}
	if q.End-q.Start < 0 {
		return q, malformedf("the query time range is longer than time itself")
	}
	if q.Step, err = ParseStep(form.Get("step"), q.Start, q.End); err != nil {
		return q, err
	}
	if (q.End-q.Start)/int64(q.Step) > MaxPoints {
		return q, malformedf("exceeded maximum resolution of 11,000 points per time series. Try increasing the value of the step parameter")
	}
	if text := form.Get("interval"); text != "" {
		if q.Interval, err = ParseDuration("interval", text); err != nil {
			return q, err
		}
		if q.Interval < 0 {
			return q, malformedf("interval must be >= 0")
		}
	}
	return q, nil
}

// Values is the form that ParseRangeQuery reads q from.
func (q *RangeQuery) Values() url.Values {
	v := url.Values{
		"query":     {q.Query},
		"start":     {strconv.FormatInt(q.Start, 10)},
		"end":       {strconv.FormatInt(q.End, 10)},
		"limit":     {strconv.Itoa(q.Limit)},
		"direction": {q.Direction.String()},
	}
	if q.Step > 0 {
		v.Set("step", seconds(q.Step))
	}
	if q.Interval > 0 {
		v.Set("interval", seconds(q.Interval))
	}
	return v
}

func seconds(d time.Duration) string {
	return fmt.Sprintf("%d.%09d", d/time.Second, d%time.Second)
}

// A LabelsRequest is a request to /labels or /label/{name}/values.
type LabelsRequest struct {
	Start, End int64  // nanoseconds
	Query      string // a selector, or nothing for all streams
}

// ParseLabelsRequest reads a request for label names or values.
func ParseLabelsRequest(form url.Values, now time.Time) (r LabelsRequest, err error) {
	r.Query = form.Get("query")
	r.Start, r.End, err = ParseBounds(form, now)
	return r, err
}

// A SeriesRequest is a request to /series.
type SeriesRequest struct {
	Start, End int64    // nanoseconds
	Matches    []string // selectors of which one must hold; none for all streams
}

// ParseSeriesRequest reads a request for streams.
func ParseSeriesRequest(form url.Values, now time.Time) (r SeriesRequest, err error) {
	r.Matches = append(append(r.Matches, form["match"]...), form["match[]"]...)
	r.Start, r.End, err = ParseBounds(form, now)
	return r, err
}
