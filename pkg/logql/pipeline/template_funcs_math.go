package pipeline

import (
	"errors"
	"fmt"
	"math"
	"reflect"
	"strconv"
	"strings"
	texttemplate "text/template"

	"github.com/shopspring/decimal"

	"github.com/skaldlogs/skald/pkg/extract"
)

var errDivision = errors.New("division by zero")

// mathFuncs calculate. Arguments may be numbers or their text; text that is no
// number counts as 0.
var mathFuncs = texttemplate.FuncMap{
	"bytes":            extract.Bytes,
	"duration":         extract.Duration,
	"duration_seconds": extract.Duration,
	"int":              func(v any) int { return int(toInt(v)) },
	"float64":          toFloat,

	"add": func(vs ...any) int64 { return foldInt(vs, func(a, b int64) int64 { return a + b }) },
	"sub": func(a, b any) int64 { return toInt(a) - toInt(b) },
	"mul": func(v any, vs ...any) int64 {
		return foldInt(append([]any{v}, vs...), func(a, b int64) int64 { return a * b })
	},
	"div": func(a, b any) (int64, error) {
		if toInt(b) == 0 {
			return 0, errDivision
		}
		return toInt(a) / toInt(b), nil
	},
	"mod": func(a, b any) (int64, error) {
		if toInt(b) == 0 {
			return 0, errDivision
		}
		return toInt(a) % toInt(b), nil
	},
	"max": func(v any, vs ...any) int64 {
		return foldInt(append([]any{v}, vs...), func(a, b int64) int64 { return max(a, b) })
	},
	"min": func(v any, vs ...any) int64 {
		return foldInt(append([]any{v}, vs...), func(a, b int64) int64 { return min(a, b) })
	},

	"addf": func(vs ...any) (float64, error) { return foldDecimal(vs, decimal.Decimal.Add) },
	"subf": func(v any, vs ...any) (float64, error) {
		return foldDecimal(append([]any{v}, vs...), decimal.Decimal.Sub)
	},
	"mulf": func(v any, vs ...any) (float64, error) {
		return foldDecimal(append([]any{v}, vs...), decimal.Decimal.Mul)
	},
	"divf": divf,
	"maxf": func(v any, vs ...any) float64 { return foldFloat(append([]any{v}, vs...), math.Max) },
	"minf": func(v any, vs ...any) float64 { return foldFloat(append([]any{v}, vs...), math.Min) },

	"ceil":  func(v any) float64 { return math.Ceil(toFloat(v)) },
	"floor": func(v any) float64 { return math.Floor(toFloat(v)) },
	"round": round,
}

func foldInt(vs []any, op func(a, b int64) int64) int64 {
	var total int64
	for i, v := range vs {
		if i == 0 {
			total = toInt(v)
		} else {
			total = op(total, toInt(v))
		}
	}
	return total
}

func foldFloat(vs []any, op func(a, b float64) float64) float64 {
	var total float64
	for i, v := range vs {
		if i == 0 {
			total = toFloat(v)
		} else {
			total = op(total, toFloat(v))
		}
	}
	return total
}

// foldDecimal calculates in decimals: 0.1 and 0.2 are 0.3.
func foldDecimal(vs []any, op func(a, b decimal.Decimal) decimal.Decimal) (float64, error) {
	var total decimal.Decimal
	for i, v := range vs {
		d, err := toDecimal(v)
		if err != nil {
			return 0, err
		}
		if i == 0 {
			total = d
		} else {
			total = op(total, d)
		}
	}
	return total.InexactFloat64(), nil
}

// divf divides in decimals, to 16 of them.
func divf(v any, vs ...any) (float64, error) {
	for _, by := range vs {
		if toFloat(by) == 0 {
			return 0, errDivision
		}
	}
	return foldDecimal(append([]any{v}, vs...), func(a, b decimal.Decimal) decimal.Decimal { return a.DivRound(b, 16) })
}

func toDecimal(v any) (decimal.Decimal, error) {
	f := toFloat(v)
	if math.IsInf(f, 0) || math.IsNaN(f) {
		return decimal.Decimal{}, fmt.Errorf("%v is no decimal", f)
	}
	return decimal.NewFromFloat(f), nil
}

// toInt is v as an integer; fractions are cut off, but of text only where they are
// digits: 1.9 is 1, and 19e-1 is no integer.
func toInt(v any) int64 {
	switch r := reflect.Indirect(reflect.ValueOf(v)); r.Kind() {
	case reflect.Int, reflect.Int8, reflect.Int16, reflect.Int32, reflect.Int64:
		return r.Int()
	case reflect.Uint, reflect.Uint8, reflect.Uint16, reflect.Uint32, reflect.Uint64:
		return int64(min(r.Uint(), math.MaxInt64))
	case reflect.Float32, reflect.Float64:
		return int64(r.Float())
	case reflect.Bool:
		if r.Bool() {
			return 1
		}
		return 0
	default:
		return parseInt(fmt.Sprint(v))
	}
}

// parseInt reads an integer as Go writes it, with a fraction or without, or is 0.
func parseInt(s string) int64 {
	if whole, fraction, ok := strings.Cut(s, "."); ok && extract.Digits(fraction) == len(fraction) {
		digits := strings.TrimLeft(whole, "+-")
		if len(whole)-len(digits) > 1 || extract.Digits(digits) < len(digits) {
			return 0
		}
		s = whole
	}
	n, err := strconv.ParseInt(s, 0, 64)
	if err != nil {
		return 0
	}
	return n
}

// toFloat is v as a number.
func toFloat(v any) float64 {
	switch r := reflect.Indirect(reflect.ValueOf(v)); r.Kind() {
	case reflect.Int, reflect.Int8, reflect.Int16, reflect.Int32, reflect.Int64:
		return float64(r.Int())
	case reflect.Uint, reflect.Uint8, reflect.Uint16, reflect.Uint32, reflect.Uint64:
		return float64(r.Uint())
	case reflect.Float32, reflect.Float64:
		return r.Float()
	case reflect.Bool:
		return float64(toInt(v))
	default:
		return parseFloat(fmt.Sprint(v))
	}
}

func parseFloat(s string) float64 {
	v, err := strconv.ParseFloat(s, 64)
	if err != nil {
		return 0
	}
	return v
}

// round is v with so many decimals; halves are rounded up.
func round(v any, places int, up ...float64) float64 {
	half := 0.5
	if len(up) > 0 {
		half = up[0]
	}
	scale := math.Pow(10, float64(places))
	whole, frac := math.Modf(scale * toFloat(v))
	if frac >= half {
		return math.Ceil(scale*toFloat(v)) / scale
	}
	if half == 0.5 && frac <= -half {
		return math.Floor(scale*toFloat(v)) / scale
	}
	return whole / scale
}
