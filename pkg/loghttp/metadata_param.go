package loghttp

import (
	"net/url"
	"strconv"
	"strings"
	"time"
)

const (
	// DefaultLineLimit is how many lines fields are looked for in.
	DefaultLineLimit = 100
	// DefaultFieldLimit is how many fields, or values of one, are told of.
	DefaultFieldLimit = 1000
	// MaxTailDelay is how long a tail may wait for late entries.
	MaxTailDelay = 5 * time.Second
)

// parseSpan reads the bounds of a request that cannot end before it starts.
func parseSpan(form url.Values, now time.Time) (start, end int64, err error) {
	start, end, err = ParseBounds(form, now)
	switch {
	case err != nil:
		return 0, 0, err
	case end < start:
		return 0, 0, malformedf("end timestamp must not be before or equal to start time")
	case end-start < 0:
		return 0, 0, malformedf("the query time range is longer than time itself")
	}
	return start, end, nil
}

// parseSteps reads the parameter step, and refuses more than MaxPoints steps.
func parseSteps(form url.Values, start, end int64) (time.Duration, error) {
	step, err := ParseStep(form.Get("step"), start, end)
	if err != nil {
		return 0, err
	}
	if (end-start)/int64(step) > MaxPoints {
		return 0, malformedf("exceeded maximum resolution of 11,000 points per time series. Try increasing the value of the step parameter")
	}
	return step, nil
}

// parseCount reads a number of things of which 0 stands for otherwise.
func parseCount(name, text string, otherwise int) (int, error) {
	if text == "" {
		return otherwise, nil
	}
	n, err := strconv.ParseInt(text, 10, 32)
	switch {
	case err != nil:
		return 0, malformedf("could not parse '%s' parameter: %.100q is no number", name, text)
	case n < 0:
		return 0, malformedf("%s must be a positive value", name)
	case n == 0:
		return otherwise, nil
	}
	return int(n), nil
}

// A SelectorRequest is a request about streams: to /index/stats and
// /detected_labels.
type SelectorRequest struct {
	Start, End int64 // nanoseconds
	Query      string
}

// ParseSelectorRequest reads a request about streams.
func ParseSelectorRequest(form url.Values, now time.Time) (r SelectorRequest, err error) {
	r.Query = form.Get("query")
	r.Start, r.End, err = parseSpan(form, now)
	return r, err
}

// A VolumeRequest is a request to /index/volume or /index/volume_range.
type VolumeRequest struct {
	SelectorRequest
	Step time.Duration // 0 for /index/volume
	// Limit is how many sums are wanted, the largest first.
	Limit int
	// TargetLabels are what to add up by, instead of what the selector names.
	TargetLabels []string
	// ByLabels adds up by each label alone, instead of by sets of them.
	ByLabels bool
}

// ParseVolumeRequest reads a request for volumes, over time if ranged.
func ParseVolumeRequest(form url.Values, now time.Time, ranged bool) (r VolumeRequest, err error) {
	if r.SelectorRequest, err = ParseSelectorRequest(form, now); err != nil {
		return r, err
	}
	if r.Limit, err = parseCount("limit", form.Get("limit"), DefaultLimit); err != nil {
		return r, err
	}
	for name := range strings.SplitSeq(form.Get("targetLabels"), ",") {
		if name = strings.TrimSpace(name); name != "" {
			r.TargetLabels = append(r.TargetLabels, name)
		}
	}
	switch form.Get("aggregateBy") {
	case "", "series":
	case "labels":
		r.ByLabels = true
	default:
		return r, malformedf("invalid aggregation option")
	}
	if ranged {
		r.Step, err = parseSteps(form, r.Start, r.End)
	}
	return r, err
}

// A FieldsRequest is a request to /detected_fields or /detected_field/{name}/values.
type FieldsRequest struct {
	SelectorRequest
	LineLimit int // lines to look at
	Limit     int // fields or values wanted
}

// ParseFieldsRequest reads a request for fields.
func ParseFieldsRequest(form url.Values, now time.Time) (r FieldsRequest, err error) {
	if r.SelectorRequest, err = ParseSelectorRequest(form, now); err != nil {
		return r, err
	}
	if r.LineLimit, err = parseCount("line_limit", form.Get("line_limit"), DefaultLineLimit); err != nil {
		return r, err
	}
	name := "limit"
	if !form.Has(name) {
		name = "field_limit"
	}
	r.Limit, err = parseCount(name, form.Get(name), DefaultFieldLimit)
	return r, err
}

// A PatternsRequest is a request to /patterns.
type PatternsRequest struct {
	SelectorRequest
	Step time.Duration
}

// ParsePatternsRequest reads a request for patterns.
func ParsePatternsRequest(form url.Values, now time.Time) (r PatternsRequest, err error) {
	if r.SelectorRequest, err = ParseSelectorRequest(form, now); err != nil {
		return r, err
	}
	r.Step, err = parseSteps(form, r.Start, r.End)
	return r, err
}

// A TailRequest is a request to /tail.
type TailRequest struct {
	Query string
	Start int64         // nanoseconds; entries since then come first
	Limit int           // how many of those
	Delay time.Duration // how long to wait for entries that come late
}

// ParseTailRequest reads a request for a tail. The query itself is not looked at.
func ParseTailRequest(form url.Values, now time.Time) (r TailRequest, err error) {
	r.Query = form.Get("query")
	if r.Start, err = ParseTime("start", form.Get("start"), now.Add(-DefaultSince).UnixNano()); err != nil {
		return r, err
	}
	if r.Limit, err = ParseLimit(form.Get("limit")); err != nil {
		return r, err
	}
	if text := form.Get("delay_for"); text != "" {
		n, err := strconv.ParseUint(text, 10, 32)
		if err != nil {
			return r, malformedf("could not parse 'delay_for' parameter: %.100q is no number of seconds", text)
		}
		if r.Delay = time.Duration(n) * time.Second; r.Delay > MaxTailDelay {
			return r, malformedf("delay_for can't be greater than 5")
		}
	}
	return r, nil
}
