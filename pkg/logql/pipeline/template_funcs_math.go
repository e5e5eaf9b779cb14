package pipeline

import (
	"errors"
	"fmt"
	"math"
	"reflect"
	"strconv"
	"strings"
	texttemplate "text/template"

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

	"addf": func(vs ...any) float64 { return foldFloat(vs, func(a, b float64) float64 { return a + b }) },
	"subf": func(v any, vs ...any) float64 {
		return foldFloat(append([]any{v}, vs...), func(a, b float64) float64 { return a - b })
	},
	"mulf": func(v any, vs ...any) float64 {
		return foldFloat(append([]any{v}, vs...), func(a, b float64) float64 { return a * b })
	},
	"divf": func(v any, vs ...any) float64 {
		return foldFloat(append([]any{v}, vs...), func(a, b float64) float64 { return a / b })
	},
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

// toInt is v as an integer; fractions are cut off.
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
		s := strings.TrimSpace(fmt.Sprint(v))
		if n, err := strconv.ParseInt(s, 0, 64); err == nil {
			return n
		}
		return int64(parseFloat(s))
	}
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
		return parseFloat(strings.TrimSpace(fmt.Sprint(v)))
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
