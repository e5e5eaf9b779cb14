package stage

import (
	"math"
	"strconv"
	"strings"
)

// A kind is what an extracted value is.
type kind uint8

const (
	kindAbsent  kind = iota // no stage has set this name
	kindRemoved             // a stage has taken the name away
	kindNull                // JSON's null: the name is there, without a value
	kindText
	kindNumber
	kindBool
)

// A value is what was extracted under a name. Its text lives as long as the
// entry does.
type value struct {
	kind kind
	text string // as it becomes a label or a line; empty for kindNull
	num  float64
}

func textValue(s string) value { return value{kind: kindText, text: s} }

// asText returns the value as text. Null has none.
func (v value) asText() (string, bool) {
	return v.text, v.kind > kindNull
}

// asFloat returns the value as a number. Text is a number where it reads as
// one; the booleans are 1 and 0.
func (v value) asFloat() (float64, bool) {
	switch v.kind {
	case kindNumber:
		return v.num, true
	case kindBool:
		if v.text == "true" {
			return 1, true
		}
		return 0, true
	case kindText:
		f, err := strconv.ParseFloat(v.text, 64)
		return f, err == nil
	default:
		return 0, false
	}
}

// numberValue is the value of a number in JSON's notation. An integer keeps
// its digits, however many; other numbers are written without exponent and
// without zeros at the end.
func numberValue(text string, r *row) value {
	f, err := strconv.ParseFloat(text, 64)
	if err != nil && !math.IsInf(f, 0) {
		return value{}
	}
	if !isPlainNumber(text) {
		return floatValue(f, r)
	}
	return value{kind: kindNumber, text: text, num: f}
}

// floatValue is the value of a number that was computed.
func floatValue(f float64, r *row) value {
	return value{kind: kindNumber, text: r.keep(strconv.AppendFloat(r.scratch[:0], f, 'f', -1, 64)), num: f}
}

// isPlainNumber reports whether a JSON number is written the way numberValue
// writes it.
func isPlainNumber(s string) bool {
	if strings.ContainsAny(s, "eE") {
		return false
	}
	point := strings.IndexByte(s, '.')
	return point < 0 && s != "-0" || point >= 0 && s[len(s)-1] != '0'
}
