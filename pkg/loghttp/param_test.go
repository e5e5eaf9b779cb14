package loghttp

import (
	"errors"
	"math"
	"net/http"
	"net/url"
	"reflect"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/skaldlogs/skald/pkg/seeds"
)

func TestParseTime(t *testing.T) {
	for _, tc := range []struct {
		text string
		want int64
	}{
		{"", 42},
		{"0", 0},
		{"1768471200", 1768471200e9},
		{"-5", -5e9},
		{"1768471200000", 1768471200000}, // milliseconds are taken for nanoseconds
		{"1768471200000000001", 1768471200000000001},
		{"1768471200.5", 1768471200_500000000},
		{"1768471259.999", 1768471259_999000000},
		{"1768471200.123456789", 1768471200_123456789},
		{"1768471200.", 1768471200e9},
		{"1.5e3", 1500e9},
		{"-1.25", -1_250000000},
		{"-0.25", -250000000},
		{".5", 500000000},
		{"2026-01-15T10:00:00Z", 1768471200e9},
		{"2026-01-15T10:00:00.75Z", 1768471200_750000000},
		{"2026-01-15T11:00:00.000000001+01:00", 1768471200_000000001},
	} {
		if got, err := ParseTime("start", tc.text, 42); err != nil || got != tc.want {
			t.Errorf("%q: %d, %v, want %d", tc.text, got, err, tc.want)
		}
	}
	for _, text := range []string{"abc", "1x", "2026-99-99", "2026-01-15T10:00:00", "2026-01-15", "NaN.", "1.5.5", "1e400.", "0001-01-01T00:00:00Z", "9999999999" /* seconds beyond what nanoseconds express */, "99999999999.5", "99999999999999999999", "+Inf", " 1"} {
		got, err := ParseTime("start", text, 42)
		if !errors.Is(err, ErrMalformed) || err.Error()[:len("could not parse 'start' parameter: ")] != "could not parse 'start' parameter: " {
			t.Errorf("%q: %d, %v, want ErrMalformed that names start", text, got, err)
		}
	}
}

func TestParseDuration(t *testing.T) {
	for text, want := range map[string]time.Duration{
		"60": time.Minute, "90.5": 90500 * time.Millisecond, "1m30s": 90 * time.Second, "500ms": 500 * time.Millisecond,
		"1d": 24 * time.Hour, "-1": -time.Second, "-5s": -5 * time.Second, "0": 0, "1e3": 1000 * time.Second,
	} {
		if got, err := ParseDuration("step", text); err != nil || got != want {
			t.Errorf("%q: %v, %v, want %v", text, got, err, want)
		}
	}
	for _, text := range []string{"", "abc", "5x", "NaN", "Inf", "1e300", "-", "1.5m", "--5s"} {
		if got, err := ParseDuration("step", text); !errors.Is(err, ErrMalformed) {
			t.Errorf("%q: %v, %v, want ErrMalformed", text, got, err)
		}
	}
}

var now = time.Unix(1768471200, 5)

func TestParseRangeQuery(t *testing.T) {
	const end = int64(1768471200e9)
	for _, tc := range []struct {
		form string
		want RangeQuery
	}{
		{"query=x", RangeQuery{Query: "x", Start: now.Add(-time.Hour).UnixNano(), End: now.UnixNano(), Step: 14 * time.Second, Limit: 100}},
		{"start=1768467600&end=1768471200&step=60&limit=7&direction=FORWARD&interval=1m", RangeQuery{Start: end - 3600e9, End: end, Step: time.Minute, Limit: 7, Direction: Forward, Interval: time.Minute}},
		{"end=1768471200&since=90s", RangeQuery{Start: end - 90e9, End: end, Step: time.Second, Limit: 100}},
		{"start=1768467600&end=1768471200&since=1s", RangeQuery{Start: end - 3600e9, End: end, Step: 14 * time.Second, Limit: 100}},
		{"end=1768480000&since=10s", RangeQuery{Start: now.Add(-10 * time.Second).UnixNano(), End: 1768480000e9, Step: 35 * time.Second, Limit: 100}},
		{"start=1768471200&end=1768471200", RangeQuery{Start: end, End: end, Step: time.Second, Limit: 100}},
		{"start=1768471200&end=1768482200&step=1", RangeQuery{Start: end, End: end + 11000e9, Step: time.Second, Limit: 100}},
		{"start=1768471200&end=1768471200&step=0.5&interval=0", RangeQuery{Start: end, End: end, Step: 500 * time.Millisecond, Limit: 100}},
	} {
		form, err := url.ParseQuery(tc.form)
		if err != nil {
			t.Fatal(err)
		}
		got, err := ParseRangeQuery(form, now)
		if err != nil || got != tc.want {
			t.Errorf("%s: %+v, %v, want %+v", tc.form, got, err, tc.want)
		}
	}
	for _, tc := range []struct{ form, want string }{
		{"start=1768471300&end=1768471200", "end timestamp must not be before or equal to start time"},
		{"limit=0", "limit must be a positive value"},
		{"limit=-5", "limit must be a positive value"},
		{"limit=abc", `could not parse 'limit' parameter: "abc" is no number`},
		{"direction=sideways", "invalid direction 'sideways'"},
		{"step=0", "zero or negative query resolution step widths are not accepted. Try a positive integer"},
		{"step=-1", "zero or negative query resolution step widths are not accepted. Try a positive integer"},
		{"step=abc", `could not parse 'step' parameter: "abc" is neither a number of seconds nor a duration`},
		{"start=1768471200&end=1768482201&step=1", "exceeded maximum resolution of 11,000 points per time series. Try increasing the value of the step parameter"},
		{"interval=-5s", "interval must be >= 0"},
		{"interval=xyz", `could not parse 'interval' parameter: "xyz" is neither a number of seconds nor a duration`},
		{"since=bogus", `could not parse 'since' parameter: "bogus" is no duration`},
		{"start=abc", `could not parse 'start' parameter: "abc" is neither a number of seconds or nanoseconds nor a time of RFC 3339`},
		{"end=2026-99-99", `could not parse 'end' parameter: "2026-99-99" is neither a number of seconds or nanoseconds nor a time of RFC 3339`},
		{"start=-9223372036854775808&end=9223372036854775807", "the query time range is longer than time itself"},
	} {
		form, err := url.ParseQuery(tc.form)
		if err != nil {
			t.Fatal(err)
		}
		if got, err := ParseRangeQuery(form, now); !errors.Is(err, ErrMalformed) || err.Error() != tc.want {
			t.Errorf("%s: %+v, %v, want %s", tc.form, got, err, tc.want)
		}
	}
}

func TestRangeQueryValues(t *testing.T) {
	seeds.Check(t, func(t *rapid.T) {
		q := RangeQuery{
			Query:     rapid.String().Draw(t, "query"),
			Start:     rapid.Int64Range(1e10, 1<<60).Draw(t, "start"),
			Step:      time.Duration(rapid.Int64Range(1, 1e15).Draw(t, "step")),
			Interval:  time.Duration(rapid.Int64Range(0, 1e15).Draw(t, "interval")),
			Limit:     rapid.IntRange(1, math.MaxInt32).Draw(t, "limit"),
			Direction: rapid.SampledFrom([]Direction{Backward, Forward}).Draw(t, "direction"),
		}
		q.End = q.Start + int64(q.Step)
		if got, err := ParseRangeQuery(q.Values(), now); err != nil || got != q {
			t.Fatalf("%+v, %v, want %+v", got, err, q)
		}
	})
}

func TestParseOtherRequests(t *testing.T) {
	hour := now.Add(-time.Hour).UnixNano()
	form := url.Values{"query": {"q"}, "time": {"5"}, "limit": {"3"}, "direction": {"forward"}, "match": {"a"}, "match[]": {"b", "c"}}
	if got, err := ParseInstantQuery(form, now); err != nil || got != (InstantQuery{"q", 5e9, 3, Forward}) {
		t.Errorf("%+v, %v", got, err)
	}
	if got, err := ParseInstantQuery(nil, now); err != nil || got != (InstantQuery{"", now.UnixNano(), 100, Backward}) {
		t.Errorf("%+v, %v", got, err)
	}
	if got, err := ParseLabelsRequest(form, now); err != nil || got != (LabelsRequest{hour, now.UnixNano(), "q"}) {
		t.Errorf("%+v, %v", got, err)
	}
	if got, err := ParseSeriesRequest(form, now); err != nil || !reflect.DeepEqual(got, SeriesRequest{hour, now.UnixNano(), []string{"a", "b", "c"}}) {
		t.Errorf("%+v, %v", got, err)
	}
	for _, text := range []string{"time=x", "limit=x", "direction=x"} {
		form, _ := url.ParseQuery(text)
		if _, err := ParseInstantQuery(form, now); !errors.Is(err, ErrMalformed) {
			t.Errorf("%s: %v, want ErrMalformed", text, err)
		}
	}
}

func TestWantsCategories(t *testing.T) {
	for header, want := range map[string]bool{"": false, "categorize-labels": true, "x, categorize-labels ,y": true, "categorize": false} {
		if got := WantsCategories(header); got != want {
			t.Errorf("%q: %v, want %v", header, got, want)
		}
	}
}

func TestWantsNoCache(t *testing.T) {
	for header, want := range map[string]bool{"": false, "no-cache": true, "max-age=0, No-Cache": true, "no-store": true, "max-age=0": false} {
		if got := WantsNoCache(http.Header{"Cache-Control": {header}}); got != want {
			t.Errorf("%q: %v, want %v", header, got, want)
		}
	}
}

func FuzzParseRangeQuery(f *testing.F) {
	for _, s := range []string{"start=1.5&end=2026-01-15T10:00:00Z&step=1m&interval=5", "start=-9223372036854775808&since=1y", "end=-1e18.&step=0.000000001"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, text string) {
		form, err := url.ParseQuery(text)
		if err != nil {
			return
		}
		q, err := ParseRangeQuery(form, now)
		if err != nil {
			if !errors.Is(err, ErrMalformed) {
				t.Errorf("%v is not ErrMalformed", err)
			}
			return
		}
		if q.End < q.Start || q.Step <= 0 || q.Interval < 0 || q.Limit <= 0 || (q.End-q.Start)/int64(q.Step) > MaxPoints {
			t.Errorf("%s: %+v", text, q)
		}
	})
}
