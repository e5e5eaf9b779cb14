package loghttp

import (
	"encoding/json"
	"math"
	"net/http"
	"strconv"
	"strings"

	"github.com/prometheus/prometheus/model/labels"
)

// EncodingFlagsHeader is the header in which a client asks for variants of an
// answer, as a list with commas; CategorizeLabels is the one that exists.
const (
	EncodingFlagsHeader = "X-Loki-Response-Encoding-Flags"
	CategorizeLabels    = "categorize-labels"
)

// WantsCategories reports whether the value of EncodingFlagsHeader asks for
// labels by category.
func WantsCategories(header string) bool {
	for flag := range strings.SplitSeq(header, ",") {
		if strings.TrimSpace(flag) == CategorizeLabels {
			return true
		}
	}
	return false
}

// WantsNoCache reports whether a request asks for an answer that is computed
// anew.
func WantsNoCache(h http.Header) bool {
	for _, value := range h.Values("Cache-Control") {
		for directive := range strings.SplitSeq(value, ",") {
			switch strings.ToLower(strings.TrimSpace(directive)) {
			case "no-cache", "no-store":
				return true
			}
		}
	}
	return false
}

// An Entry is one entry of an answer.
type Entry struct {
	Timestamp int64 // nanoseconds since the Unix epoch
	Line      string
	// Structured and Parsed are the labels that came with the entry and out of
	// its line, where the answer tells them from those of the stream.
	Structured, Parsed labels.Labels
}

// A Stream is the entries of an answer that share their labels: all of them,
// or only those of the stream itself where labels are told by category.
type Stream struct {
	Labels  labels.Labels
	Entries []Entry
}

// A Point is a sample's time and value. Its fields are those of a point of
// Prometheus, so that one converts to the other.
type Point struct {
	T int64 // milliseconds since the Unix epoch
	F float64
}

// A Sample is the value of a metric at one time.
type Sample struct {
	Metric labels.Labels
	Point
}

// A Series is the values of a metric over time.
type Series struct {
	Metric labels.Labels
	Points []Point
}

// A Result is what a query came to: Streams, Vector, Matrix or Scalar.
type Result interface {
	// Type is the name of the kind of result in answers.
	Type() string
	appendTo(dst []byte, categorized bool) []byte
}

type (
	// Streams is the result of a log query.
	Streams []Stream
	// Vector is the result of a metric query at one time.
	Vector []Sample
	// Matrix is the result of a metric query over a range.
	Matrix []Series
	// Scalar is the result of a query that is a number.
	Scalar Point
)

// Type is "streams".
func (Streams) Type() string { return "streams" }

// Type is "vector".
func (Vector) Type() string { return "vector" }

// Type is "matrix".
func (Matrix) Type() string { return "matrix" }

// Type is "scalar".
func (Scalar) Type() string { return "scalar" }

// Entries counts the entries of all streams.
func (streams Streams) Entries() int {
	n := 0
	for i := range streams {
		n += len(streams[i].Entries)
	}
	return n
}

// A Response is the answer to a query.
type Response struct {
	Result Result // written in the order it is in
	// Categorized says that entries of Streams tell their labels by category.
	Categorized bool
	Warnings    []string
	Stats       Stats
}

// AppendResponse appends r to dst as the body of an answer, and returns it.
// Bytes of lines and labels that are not UTF-8 become U+FFFD.
func AppendResponse(dst []byte, r *Response) []byte {
	dst = append(dst, `{"status":"success",`...)
	if len(r.Warnings) > 0 {
		dst = append(dst, `"warnings":`...)
		dst = appendStrings(dst, r.Warnings)
		dst = append(dst, ',')
	}
	dst = append(dst, `"data":{"resultType":"`...)
	dst = append(dst, r.Result.Type()...)
	dst = append(dst, '"')
	if _, ok := r.Result.(Streams); ok && r.Categorized {
		dst = append(dst, `,"encodingFlags":["`+CategorizeLabels+`"]`...)
	}
	dst = append(dst, `,"result":`...)
	dst = r.Result.appendTo(dst, r.Categorized)
	dst = append(dst, `,"stats":`...)
	stats, err := json.Marshal(&r.Stats)
	if err != nil { // a time is NaN or infinite
		stats, _ = json.Marshal(&Stats{})
	}
	dst = append(dst, stats...)
	return append(dst, "}}\n"...)
}

func (streams Streams) appendTo(dst []byte, categorized bool) []byte {
	dst = append(dst, '[')
	for i := range streams {
		s := &streams[i]
		if i > 0 {
			dst = append(dst, ',')
		}
		dst = append(dst, `{"stream":`...)
		dst = appendLabels(dst, s.Labels)
		dst = append(dst, `,"values":[`...)
		for j := range s.Entries {
			e := &s.Entries[j]
			if j > 0 {
				dst = append(dst, ',')
			}
			dst = append(dst, `["`...)
			dst = strconv.AppendInt(dst, e.Timestamp, 10)
			dst = append(dst, `",`...)
			dst = AppendString(dst, e.Line)
			if categorized {
				dst = append(dst, ',')
				dst = appendCategories(dst, e)
			}
			dst = append(dst, ']')
		}
		dst = append(dst, "]}"...)
	}
	return append(dst, ']')
}

func appendCategories(dst []byte, e *Entry) []byte {
	dst = append(dst, '{')
	if !e.Structured.IsEmpty() {
		dst = append(dst, `"structuredMetadata":`...)
		dst = appendLabels(dst, e.Structured)
	}
	if !e.Parsed.IsEmpty() {
		if !e.Structured.IsEmpty() {
			dst = append(dst, ',')
		}
		dst = append(dst, `"parsed":`...)
		dst = appendLabels(dst, e.Parsed)
	}
	return append(dst, '}')
}

func (v Vector) appendTo(dst []byte, _ bool) []byte {
	dst = append(dst, '[')
	for i := range v {
		if i > 0 {
			dst = append(dst, ',')
		}
		dst = append(dst, `{"metric":`...)
		dst = appendLabels(dst, v[i].Metric)
		dst = append(dst, `,"value":`...)
		dst = appendPoint(dst, v[i].Point)
		dst = append(dst, '}')
	}
	return append(dst, ']')
}

func (m Matrix) appendTo(dst []byte, _ bool) []byte {
	dst = append(dst, '[')
	for i := range m {
		if i > 0 {
			dst = append(dst, ',')
		}
		dst = append(dst, `{"metric":`...)
		dst = appendLabels(dst, m[i].Metric)
		dst = append(dst, `,"values":[`...)
		for j, p := range m[i].Points {
			if j > 0 {
				dst = append(dst, ',')
			}
			dst = appendPoint(dst, p)
		}
		dst = append(dst, "]}"...)
	}
	return append(dst, ']')
}

func (s Scalar) appendTo(dst []byte, _ bool) []byte { return appendPoint(dst, Point(s)) }

// appendPoint appends [seconds, "value"].
func appendPoint(dst []byte, p Point) []byte {
	dst = append(dst, '[')
	dst = appendMillis(dst, p.T)
	dst = append(dst, `,"`...)
	dst = appendFloat(dst, p.F)
	return append(dst, `"]`...)
}

// appendMillis appends milliseconds as seconds, with no more decimals than it takes.
func appendMillis(dst []byte, ms int64) []byte {
	if ms < 0 {
		dst = append(dst, '-')
		ms = -ms
	}
	dst = strconv.AppendUint(dst, uint64(ms)/1000, 10)
	rest := uint64(ms) % 1000
	if rest == 0 {
		return dst
	}
	dst = append(dst, '.', byte('0'+rest/100))
	if rest %= 100; rest > 0 {
		dst = append(dst, byte('0'+rest/10))
		if rest %= 10; rest > 0 {
			dst = append(dst, byte('0'+rest))
		}
	}
	return dst
}

// appendFloat appends the shortest decimal text that reads as v again.
func appendFloat(dst []byte, v float64) []byte {
	// Counts are whole numbers, and those are quicker to write.
	if n := int64(v); float64(n) == v && n > -1<<53 && n < 1<<53 && (n != 0 || !math.Signbit(v)) {
		return strconv.AppendInt(dst, n, 10)
	}
	return strconv.AppendFloat(dst, v, 'f', -1, 64)
}

// AppendLabelNames appends the answer to /labels or /label/{name}/values, and
// returns it. Without names there is no "data": clients know that form.
func AppendLabelNames(dst []byte, names []string) []byte {
	dst = append(dst, `{"status":"success"`...)
	if len(names) > 0 {
		dst = append(dst, `,"data":`...)
		dst = appendStrings(dst, names)
	}
	return append(dst, "}\n"...)
}

// AppendSeries appends the answer to /series, and returns it.
func AppendSeries(dst []byte, series []labels.Labels) []byte {
	dst = append(dst, `{"status":"success","data":[`...)
	for i, ls := range series {
		if i > 0 {
			dst = append(dst, ',')
		}
		dst = appendLabels(dst, ls)
	}
	return append(dst, "]}\n"...)
}

func appendStrings(dst []byte, list []string) []byte {
	dst = append(dst, '[')
	for i, s := range list {
		if i > 0 {
			dst = append(dst, ',')
		}
		dst = AppendString(dst, s)
	}
	return append(dst, ']')
}

func appendLabels(dst []byte, ls labels.Labels) []byte {
	dst = append(dst, '{')
	first := true
	ls.Range(func(l labels.Label) {
		if !first {
			dst = append(dst, ',')
		}
		first = false
		dst = AppendString(dst, l.Name)
		dst = append(dst, ':')
		dst = AppendString(dst, l.Value)
	})
	return append(dst, '}')
}
