package loghttp

import (
	"encoding/base64"
	"math"
	"slices"
	"strconv"
	"strings"

	"go.opentelemetry.io/collector/pdata/pcommon"
)

// render returns a value as text: a string is itself, bytes are in base64, a
// list or a map is JSON.
func (b *otlpBatch) render(v pcommon.Value) string {
	switch v.Type() {
	case pcommon.ValueTypeStr:
		return v.Str()
	case pcommon.ValueTypeEmpty:
		return ""
	case pcommon.ValueTypeBool:
		return strconv.FormatBool(v.Bool())
	}
	start := b.begin()
	switch v.Type() {
	case pcommon.ValueTypeInt:
		b.text = strconv.AppendInt(b.text, v.Int(), 10)
	case pcommon.ValueTypeDouble:
		b.text = appendDouble(b.text, v.Double())
	case pcommon.ValueTypeBytes:
		b.text = base64.StdEncoding.AppendEncode(b.text, v.Bytes().AsRaw())
	default:
		b.text = appendValueJSON(b.text, v)
	}
	return b.made(start)
}

// appendDouble appends a number as JSON has it; what is none there is a word.
func appendDouble(dst []byte, f float64) []byte {
	format := byte('f')
	if abs := math.Abs(f); abs != 0 && (abs < 1e-6 || abs >= 1e21) {
		format = 'e'
	}
	return strconv.AppendFloat(dst, f, format, -1, 64)
}

// appendValueJSON appends a value in JSON. The keys of a map are sorted.
func appendValueJSON(dst []byte, v pcommon.Value) []byte {
	switch v.Type() {
	case pcommon.ValueTypeStr:
		return AppendString(dst, v.Str())
	case pcommon.ValueTypeBool:
		return strconv.AppendBool(dst, v.Bool())
	case pcommon.ValueTypeInt:
		return strconv.AppendInt(dst, v.Int(), 10)
	case pcommon.ValueTypeDouble:
		if f := v.Double(); math.IsNaN(f) || math.IsInf(f, 0) {
			return append(appendDouble(append(dst, '"'), f), '"')
		}
		return appendDouble(dst, v.Double())
	case pcommon.ValueTypeBytes:
		dst = base64.StdEncoding.AppendEncode(append(dst, '"'), v.Bytes().AsRaw())
		return append(dst, '"')
	case pcommon.ValueTypeSlice:
		dst = append(dst, '[')
		for i, inner := range v.Slice().All() {
			if i > 0 {
				dst = append(dst, ',')
			}
			dst = appendValueJSON(dst, inner)
		}
		return append(dst, ']')
	case pcommon.ValueTypeMap:
		type pair struct {
			key   string
			value pcommon.Value
		}
		pairs := make([]pair, 0, v.Map().Len())
		for key, inner := range v.Map().All() {
			pairs = append(pairs, pair{key, inner})
		}
		slices.SortStableFunc(pairs, func(a, b pair) int { return strings.Compare(a.key, b.key) })
		dst = append(dst, '{')
		for i, p := range pairs {
			if i > 0 {
				dst = append(dst, ',')
			}
			dst = append(AppendString(dst, p.key), ':')
			dst = appendValueJSON(dst, p.value)
		}
		return append(dst, '}')
	}
	return append(dst, "null"...)
}
